"""Changes one operator in the kernels, builds them, and sees whether a test notices.

`make mutation-kernels SECONDS=3600`. Mutants are drawn in an order that a fixed seed makes. The
kernels are built for the base vectors alone, and judged by their own programs and by the Python
tests of the guard and of the bounds; those that live so are built with ASan and UBSan, and the
programs are asked again: an array that is too small may have harmless neighbours. What does not
compile is no mutant. SURVIVORS.md says of the known ones why they live.
"""

import argparse
import os
import random
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
COPY = ROOT / "build/mutation-native"
BUILD = COPY / "build"
CHECKED = COPY / "checked"
KNOWN = Path(__file__).with_name("SURVIVORS.md")
FOLDERS = ("kernels", "layout", "tiles", "run")
PROGRAMS = (
    *("winograd_guard_test", "kernels_check", "kernels_narrow", "kernels_rows", "kernels_sweep"),
    *("memory_test", "watch_test", "pool_stress"),
)
PYTHON_TESTS = (
    *("tests/engines/test_native_winograd_guard.py", "tests/engines/test_worst_errors.py"),
    "tests/engines/test_native_kernels.py",
)
EMULATED = "bfloat"  # in the names of the files whose kernels take AMX's emulation
LIMIT = 300  # seconds of a program: a loop without an end is noticed too

# An operator between spaces, which templates have none around.
SWAPS = {
    " < ": " <= ", " <= ": " < ", " > ": " >= ", " >= ": " > ", " == ": " != ", " != ": " == ",
    " + ": " - ", " - ": " + ", " * ": " + ", " / ": " * ", " % ": " / ", " && ": " || ",
    " || ": " && ", " += ": " -= ", " -= ": " += ", "min(": "max(", "max(": "min(",
}  # fmt: skip
OPERATOR = re.compile("|".join(map(re.escape, sorted(SWAPS, key=len, reverse=True))))


class Mutant(NamedTuple):
    """An operator of a line, replaced."""

    file: str
    line: int
    text: str  # of the line, with the operator marked
    start: int
    new: str

    @property
    def name(self) -> str:
        """Without its line's number, which changes with other lines."""
        return f"{self.file}: `{self.text}` → `{self.new.strip()}`"


def mutants() -> Iterator[Mutant]:
    for folder in FOLDERS:
        for path in sorted((ROOT / "native" / folder).glob("*.[ch]*")):
            at = 0
            for number, line in enumerate(path.read_text("utf-8").splitlines(keepends=True), 1):
                code = line.partition("//")[0]
                if not code.lstrip().startswith(("#", "template", "static_assert", "using")):
                    for found in OPERATOR.finditer(code):
                        old = found[0]
                        marked = f"{code[: found.start()]}⟦{old.strip()}⟧{code[found.end() :]}"
                        yield Mutant(f"{folder}/{path.name}", number, " ".join(marked.split()),
                                     at + found.start(), SWAPS[old])  # fmt: skip
                at += len(line)


def build(folder: Path = BUILD) -> bool:
    command = ["cmake", "--build", str(folder), "--target", "dxdw", *PROGRAMS]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def passes(file: str = EMULATED) -> bool:
    """Whether all judges of a change of the file are content, the quick ones first."""
    pytest = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
    chosen = ["-m", "not slow", "-k", "not every_instruction_set", *PYTHON_TESTS]
    return (
        _programs_pass(BUILD)
        and _ends_well([*pytest, *chosen], DXDW_LIBRARY=str(BUILD / "libdxdw.so"))
        # Two minutes, and of blocks of bfloat16 alone.
        and (EMULATED not in file or _programs_pass(BUILD, "amx-emulated"))
        # A minute's build, for the few that have come so far.
        and build(CHECKED)
        and _programs_pass(CHECKED)
    )


def _programs_pass(folder: Path, isa: str = "base") -> bool:
    return all(_ends_well([str(folder / program)], DXDW_ISA=isa) for program in PROGRAMS)


def _ends_well(command: list[str], **environment: str) -> bool:
    try:
        done = subprocess.run(
            command, env={**os.environ, **environment}, capture_output=True,
            timeout=LIMIT, check=False, cwd=ROOT,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def prepare() -> None:
    shutil.rmtree(COPY, ignore_errors=True)
    shutil.copytree(ROOT / "native", COPY / "native", ignore=shutil.ignore_patterns("node_modules"))
    options = ("DXDW_TESTING=ON", "DXDW_BASE_ONLY=ON", "CMAKE_BUILD_TYPE=RelWithDebInfo")
    for folder, checks in ((BUILD, ""), (CHECKED, "address,undefined")):
        configure = ["cmake", "-S", str(COPY / "native"), "-B", str(folder), "-G", "Ninja"]
        chosen = [f"-D{option}" for option in (*options, f"DXDW_SANITIZE={checks}")]
        subprocess.run([*configure, *chosen], check=True, capture_output=True)
    if not build() or not passes():
        sys.exit("the kernels' tests fail without a change")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3600)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="those in whose name this stands")
    args = parser.parse_args()
    every = [mutant for mutant in mutants() if args.only in mutant.name]
    random.Random(args.seed).shuffle(every)  # noqa: S311  # no secret
    prepare()
    known = KNOWN.read_text("utf-8")
    end, tried, explained, living = time.monotonic() + args.seconds, 0, 0, 0
    for mutant in every:
        if time.monotonic() > end:
            break
        if mutant.name in known:
            tried, explained = tried + 1, explained + 1
            continue
        file = COPY / "native" / mutant.file
        original = file.read_text("utf-8")
        length = len(next(old for old in SWAPS if original.startswith(old, mutant.start)))
        changed = original[: mutant.start] + mutant.new + original[mutant.start + length :]
        file.write_text(changed, "utf-8")
        if build():
            tried += 1
            print(f"{tried} tried", flush=True)
            if passes(mutant.file):
                living += 1
                print(f"lives: {mutant.name} (line {mutant.line})", flush=True)
        file.write_text(original, "utf-8")
    killed = tried - explained - living
    print(f"{tried} tried of {len(every)} places: {killed} killed, {explained} explained, "
          f"{living} live; {killed / max(1, tried - explained):.1%}")  # fmt: skip
    sys.exit(living > 0)


if __name__ == "__main__":
    main()
