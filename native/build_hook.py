"""What hatchling runs before it packs a wheel: builds the kernels, or says why it could not.

The wheel then has the library in it, or a file with the reason, which `dxdw --version` repeats.
DXDW_NATIVE=require makes the reason an error, and DXDW_NATIVE=skip leaves the kernels out.

scikit-build-core would run CMake too, and was tried (1.1.2): its overrides for a build that failed
make the same pure wheel, with a file of a fixed sentence in it. But the sentence's template knows
the project's metadata alone: that no compiler was there, or what it complained of, is lost to
`dxdw --version`. Its editable installs import the package through a finder of its own, on every
start of Python; and the rest of what it does is the thirty lines that call CMake here.
"""

import hashlib
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
from contextlib import suppress
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

OLDEST_CMAKE = (3, 21)
COMPILERS = ("c++", "g++", "clang++")  # in the order in which CMake tries them
# What is built for: this machine, or what _PYTHON_HOST_PLATFORM names, as cross-builds of Python
# have it. Then CMAKE_TOOLCHAIN_FILE tells CMake how.
PLATFORM = sysconfig.get_platform()
LIBRARIES = {"win": "libdxdw.dll", "macosx": "libdxdw.dylib"}
LIBRARY = next((n for p, n in LIBRARIES.items() if PLATFORM.startswith(p)), "libdxdw.so")
REASON = "native_missing.txt"  # native_library.py reads it


class NotBuilt(Exception):
    """Why there are no kernels, in a sentence."""


class NativeBuildHook(BuildHookInterface[Any]):
    """The part of a build that is ours."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """CMake and Ninja from the package index, where they are of use and the system has none."""
        if _why_not() is not None:
            return []
        ninja = sys.platform == "win32" or shutil.which("ninja")  # Windows: Visual Studio's builder
        return ["cmake>=3.21"] * (not _cmake_serves()) + ["ninja>=1.11"] * (not ninja)

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Put the library, or the reason why there is none, into the wheel or beside the source."""
        package = Path(self.root, "src", "dxdw")
        beside = package if version == "editable" else None
        made = Path(self.root, "build", "native", _flavour())
        made.mkdir(parents=True, exist_ok=True)
        try:
            if reason := _why_not():
                raise NotBuilt(reason)
            file = _build(Path(self.root, "native"), made)
        except NotBuilt as failure:
            if os.environ.get("DXDW_NATIVE") == "require":
                raise
            _warn(f"dxdw is built without its native kernels and will be slower: {failure}")
            file = made / REASON
            file.write_text(f"{failure}\n", encoding="utf-8")
        else:
            build_data["pure_python"] = False
            build_data["tag"] = f"py3-none-{_platform_tag()}"
        if beside is None:
            build_data["force_include"][str(file)] = f"dxdw/{file.name}"
            return
        for name in (LIBRARY, REASON):
            (beside / name).unlink(missing_ok=True)
        # A new file under the old name: a process that has the old one loaded keeps it.
        shutil.copyfile(file, beside / file.name)

    def finalize(
        self,
        version: str,
        build_data: dict[str, Any],  # noqa: ARG002 - the interface has it
        artifact_path: str,
    ) -> None:
        """Pack a wheel again as small as zlib can: hatchling has no setting for it. 4 KB less."""
        if version == "editable":
            return
        wheel = Path(artifact_path)
        smaller = wheel.with_suffix(".smaller")
        with ZipFile(wheel) as given, ZipFile(smaller, "w") as packed:
            for entry in given.infolist():
                packed.writestr(entry, given.read(entry), compresslevel=9)
        smaller.replace(wheel)


def _why_not() -> str | None:
    """Why there is no use in trying."""
    asked = os.environ.get("DXDW_NATIVE", "")
    if asked == "skip":
        return "DXDW_NATIVE=skip left the native kernels out when dxdw was built"
    if asked not in {"", "require"}:
        raise ValueError(f"DXDW_NATIVE is {asked!r}: it must be 'require', 'skip' or not set")
    # What a toolchain file names, and Visual Studio, need not be on the path: CMake finds them.
    if sys.platform == "win32" or "CMAKE_TOOLCHAIN_FILE" in os.environ:
        return None
    if named := os.environ.get("CXX"):
        if shutil.which(shlex.split(named)[0]) is None:
            return f"no C++ compiler was found when dxdw was built: CXX is {named!r}"
    elif not any(map(shutil.which, COMPILERS)):
        return f"no C++ compiler was found when dxdw was built, neither {' nor '.join(COMPILERS)}"
    return None


def _cmake_serves() -> bool:
    """Whether the first cmake on the path runs, and is new enough."""
    with suppress(OSError):
        asked = subprocess.run(["cmake", "--version"], capture_output=True, text=True, check=False)
        numbers = re.search(r"(\d+)\.(\d+)", asked.stdout)
        if asked.returncode == 0 and numbers:
            return tuple(map(int, numbers.groups())) >= OLDEST_CMAKE
    return False


def _flavour() -> str:
    """A name for builds that may share their object files."""
    names = ("CXX", "CXXFLAGS", "LDFLAGS", "CMAKE_ARGS", "CMAKE_GENERATOR", "CMAKE_TOOLCHAIN_FILE")
    told = [PLATFORM, *(os.environ.get(name, "") for name in names)]
    return hashlib.sha256("\n".join(told).encode()).hexdigest()[:8]


def _platform_tag() -> str:
    system = "-".join(("macosx", *_macos())) if PLATFORM.startswith("macosx") else PLATFORM
    return re.sub(r"[-.]", "_", system)


def _macos() -> tuple[str, str]:
    """The oldest macOS that this Python runs on, and the one processor that the library is for."""
    _, oldest, processor = PLATFORM.split("-")
    major, _, minor = oldest.partition(".")
    # Since macOS 11, pip knows major versions only.
    oldest = f"{major}.{minor if major == '10' else 0}"
    return oldest, platform.machine() if processor == "universal2" else processor


def _build(source: Path, made: Path) -> Path:
    configure = ["cmake", "-S", str(source), "-B", str(made), "-DCMAKE_BUILD_TYPE=Release"]
    if PLATFORM.startswith("macosx"):
        oldest, processor = _macos()
        configure += [f"-DCMAKE_OSX_DEPLOYMENT_TARGET={oldest}"]
        configure += [f"-DCMAKE_OSX_ARCHITECTURES={processor}"]
    if sys.platform == "win32":
        if "CMAKE_GENERATOR" not in os.environ:  # Visual Studio's newest, with its Clang
            configure += ["-T", "ClangCL"]
    elif (ninja := shutil.which("ninja")) and "CMAKE_GENERATOR" not in os.environ:
        # Told each time: an earlier build's may have been in an environment that is gone.
        configure += ["-G", "Ninja", f"-DCMAKE_MAKE_PROGRAM={ninja}"]
    configure += shlex.split(os.environ.get("CMAKE_ARGS", ""))
    _call(configure)
    _call(["cmake", "--build", str(made), "--config", "Release", "--parallel"])
    stage = made / "stage"
    install = ["cmake", "--install", str(made), "--config", "Release", "--strip"]
    _call([*install, "--prefix", str(stage)])
    return stage / LIBRARY


def _call(command: list[str]) -> None:
    try:
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
    except OSError as error:
        raise NotBuilt(f"{command[0]} could not be run when dxdw was built: {error}") from None
    print(done.stdout, file=sys.stderr)  # pip shows it when it fails, or with -v
    if done.returncode:
        said = [line.strip() for line in done.stdout.splitlines() if line.strip()]
        # The compiler's own first; CMake's comes in lines, of which the first is a place.
        errors = [line for line in said if re.search(r"\berror\b: ", line)] or said[-1:]
        what = errors[0][:200] if errors else f"status {done.returncode}"
        raise NotBuilt(f"compiling the native kernels failed when dxdw was built: {what}")


def _warn(message: str) -> None:
    """Say it where whoever installs will see it: pip shows nothing of a build that succeeds."""
    print(f"warning: {message}", file=sys.stderr)
    with suppress(OSError), Path("/dev/tty").open("w", encoding="utf-8") as terminal:
        print(f"\nwarning: {message}", file=terminal)
