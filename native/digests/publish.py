"""Writes the digests that `dxdw selftest` compares with: `make digests`, before a release.

Each compiler that is here builds the library as an installation does, and each instruction set
that this CPU has runs it. Where it has no AVX-512, the kernels for that compute its vectors in
halves, to the same bits, and where it has no AMX, an emulation of its tiles does; those of 64-bit
ARM run under qemu, where that and its compiler are here. What cannot be run here (blocks of
bfloat16, where there is no AVX512-BF16) stays as it was.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from elsewhere import kernels_of

from dxdw.selftest.trials import Trial, trials

ROOT = Path(__file__).parents[2]
PUBLISHED = ROOT / "src/dxdw/selftest/digests.json"
COMPILERS = {"GCC": "g++", "Clang": "clang++"}


def main() -> None:
    published = json.loads(PUBLISHED.read_text("utf-8"))
    for name, compiler in COMPILERS.items():
        if shutil.which(compiler) is None:
            print(f"{name}: {compiler} is not here")
            continue
        library = build(compiler)
        version = (
            subprocess.check_output([compiler, "-dumpversion"], text=True).strip().split(".")[0]
        )
        for isa in ("base", "avx2", "avx512", "amx"):
            found = selftest(library, isa)
            if isa == "avx512" and found["isa"] == "avx2":
                found = selftest(build(compiler, "-DDXDW_IN_HALVES=ON"), isa)
            if isa == "amx" and found["isa"] == "avx512":
                found = selftest(build(compiler, "-DDXDW_TESTING=ON"), "amx-emulated")
                found["isa"] = found["isa"].replace("amx-emulated", "amx")
            if found["isa"] not in (isa, "neon"):
                print(f"{isa}: this CPU has none")
                continue
            own = published.setdefault(found["isa"], {}).setdefault(f"{name} {version}", {})
            for trial in found["results"]:
                name_of = f"{trial['kernel']}: {trial['problem']}, {trial['dtype']}"
                own[name_of] = trial["digest"]
            if isa == "amx":
                _leave_out(own, published["avx512"][f"{name} {version}"])
            print(f"{found['isa']}, {name} {version}: {len(own)} digests")
    if shutil.which("qemu-aarch64") and shutil.which("aarch64-linux-gnu-g++"):
        version = subprocess.check_output(["aarch64-linux-gnu-g++", "-dumpversion"], text=True)
        published.setdefault("neon", {})[f"GCC {version.strip().split('.')[0]}"] = of_arm()
    text = json.dumps(published, indent=1, ensure_ascii=False, sort_keys=True)
    PUBLISHED.write_text(text + "\n", "utf-8")


def build(compiler: str, *options: str) -> Path:
    folder = ROOT / "build/digests" / "".join((compiler, *options))
    chosen = f"-DCMAKE_CXX_COMPILER={compiler}"
    source = ["-S", str(ROOT / "native"), "-B", str(folder), "-G", "Ninja"]
    configure = ["cmake", *source, chosen, *options]
    subprocess.run(configure, check=True)
    subprocess.run(["cmake", "--build", str(folder)], check=True)
    return folder / "libdxdw.so"


def of_arm() -> dict[str, str]:
    configure = ["cmake", "--preset", "aarch64"]
    subprocess.run(configure, check=True, cwd=ROOT / "native")
    folder = ROOT / "build/aarch64"
    subprocess.run(["cmake", "--build", folder, "--target", "kernel_server"], check=True)
    emulator = ("qemu-aarch64", "-L", "/usr/aarch64-linux-gnu")
    with kernels_of(*emulator, program=folder / "kernel_server"):
        found = {trial.name: trial.digest for trial in trials() if _right(trial)}
    print(f"neon: {len(found)} digests")
    return found


def _right(trial: Trial) -> bool:
    if trial.error <= 1 and trial.threads_agree:
        return True
    sys.exit(f"{trial.name}: wrong")


def _leave_out(own: dict[str, str], others: dict[str, str]) -> None:
    """What AVX-512 has too, with whose vectors AMX comes."""
    for trial in [trial for trial in own if own[trial] == others.get(trial)]:
        del own[trial]


def selftest(library: Path, isa: str) -> dict[str, Any]:
    environment = {**os.environ, "DXDW_LIBRARY": str(library), "DXDW_ISA": isa}
    command = [sys.executable, "-W", "ignore", "-m", "dxdw", "selftest", "--json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    main()
