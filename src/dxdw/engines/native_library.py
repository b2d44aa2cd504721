"""The shared library of native kernels: where it is, what its functions take, or why there is none.

It is loaded with ctypes. A binding module would save a microsecond on a call of five arrays, which
takes 1.4, and would have to be built for every version of Python; through the C interface one wheel
serves all of them, and the page in the browser calls the same functions.
"""

import ctypes
import os
import sys
import warnings
from ctypes import CDLL, POINTER, PyDLL, c_char_p, c_double, c_int, c_int64, c_ubyte, c_void_p
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ..core.documentation import SettingRefused
from ..core.forks import whole
from .native_plan import VERSION

if TYPE_CHECKING:
    from pathlib import Path

LIBRARIES = {"win32": "libdxdw.dll", "darwin": "libdxdw.dylib"}

# Operands and results are written as c_ubyte.from_buffer(array), the cheapest way to hand over an
# array: 0.2 µs.
_bytes = POINTER(c_ubyte)
_operands = [c_void_p, *[_bytes] * 5, c_int]
# What the pool can have at the most, kMostWorkers of native/run/pool.cpp; who asks for more gets
# these.
MOST_THREADS = 256

# As native/api/dxdw.h declares them.
SIGNATURES = {
    "dxdw_plan_version": (c_int64, []),
    "dxdw_kernels": (c_int, []),
    "dxdw_kernel_name": (c_char_p, [c_int]),
    "dxdw_kernel_method": (c_char_p, [c_int]),
    "dxdw_kernel_sums": (c_int, [c_int]),
    "dxdw_takes": (c_int, [c_void_p, c_int, c_char_p, c_int]),
    "dxdw_growth": (c_double, [c_void_p, c_int, POINTER(c_int64)]),
    "dxdw_prepare": (c_void_p, [c_void_p, c_int64, c_int]),
    "dxdw_forget": (None, [c_void_p]),
    "dxdw_workspace": (c_int64, [c_void_p, c_int]),
    "dxdw_run": (c_int, _operands),
    "dxdw_run_on": (c_int, [*_operands, c_void_p]),
    "dxdw_start": (c_void_p, _operands),
    "dxdw_interpreter": (None, [c_void_p] * 3),
    "dxdw_wait": (c_int, [c_void_p, c_int]),
    "dxdw_cancel": (None, [c_void_p]),
    "dxdw_release": (None, [c_void_p]),
    "dxdw_cpus": (c_int, []),
    "dxdw_isa": (c_char_p, []),
    "dxdw_isas": (c_char_p, []),
    "dxdw_machine": (c_char_p, []),
    "dxdw_products_at_once": (c_int, []),
    "dxdw_isa_note": (c_char_p, []),
    "dxdw_peak": (c_double, [c_int, c_int]),
    "dxdw_bandwidth": (c_double, [c_int]),
}
# The one that is called inside the interpreter, and raises what a signal's handler raised.
WATCHED = {"dxdw_run_watched": (c_int, _operands)}
# Of a library built with DXDW_TESTING.
FOR_TESTS = {
    "dxdw_fail_allocation": (None, [c_int64]),
    "dxdw_allocation_left": (c_int, []),
    "dxdw_signal_at": (c_int64, [c_int64, c_int64]),
    "dxdw_live_blocks": (c_int64, []),
    "dxdw_most_bytes": (c_int64, []),
}

# Whether a call can look at signals while it waits. A page's Python has no thread to wait for, and
# an interpreter that is not CPython no such functions.
WATCHES = hasattr(ctypes, "pythonapi") and sys.platform != "emscripten"


def load() -> CDLL | None:
    """The library, or None: why_missing says why.

    What DXDW_ISA or DXDW_LIBRARY asks for in vain is warned of.
    """
    return _loaded()[0]


def why_missing() -> str | None:
    """Why there are no native kernels, in a sentence; None where there are."""
    return _loaded()[1]


def isa() -> str:
    """The instruction set that the kernels run with: "amx", "avx512", "avx2", "base", or "none"."""
    library = load()
    return "none" if library is None else library.dxdw_isa().decode()


def isa_note() -> str | None:
    """What there is to say of DXDW_ISA: that it names a set that is not there, say."""
    library = load()
    return None if library is None else _note(library)


def machine() -> str | None:
    """What block sizes follow from, in words; None where there are no native kernels."""
    library = load()
    return None if library is None else library.dxdw_machine().decode()


def products_at_once() -> int:
    """How many products of float32 the instruction set adds up at once; 1 without kernels."""
    library = load()
    return 1 if library is None else int(library.dxdw_products_at_once())


@lru_cache(maxsize=1)
def threads() -> int:
    """How many threads a call uses unless it is told: DXDW_NUM_THREADS, or as many as there is
    room for. Asked once, like OMP_NUM_THREADS, and like it no word where it is empty.

    Raises:
        SettingRefused: DXDW_NUM_THREADS is no integer that is at least 1.
    """
    told = os.environ.get("DXDW_NUM_THREADS", "").strip()
    if told:
        if not (told.isdecimal() and told.isascii() and told.strip("0")):
            raise SettingRefused(f"DXDW_NUM_THREADS is {told!r}: it must be an integer, at least 1")
        return MOST_THREADS if len(told) > 9 else min(int(told), MOST_THREADS)
    library = load()
    return (os.cpu_count() or 1) if library is None else int(library.dxdw_cpus())


def path(name: str) -> "Path":
    """pathlib's, which is imported with the first: 2 ms, a sixth of `import dxdw`."""
    with whole():
        from pathlib import Path
    return Path(name)


def package() -> "Path":
    """The folder that dxdw is installed in."""
    return path(__file__).parents[1]


@lru_cache(maxsize=1)
def _loaded() -> tuple[CDLL | None, str | None]:
    """The library, or why there is none; who asked for it by name is warned of that."""
    if os.environ.get("DXDW_ISA") == "none":
        return None, "DXDW_ISA=none leaves the native kernels out"
    # A library built elsewhere is how the sanitizers' is tested.
    elsewhere = os.environ.get("DXDW_LIBRARY")
    library, why = _from(elsewhere)
    note = _note(library) if library else elsewhere and why
    if note:
        warnings.warn(note, RuntimeWarning, stacklevel=4)
    return library, why


def _note(library: CDLL) -> str | None:
    """What the library says of DXDW_ISA, which may be of any bytes."""
    return library.dxdw_isa_note().decode(errors="backslashreplace") or None


def _from(elsewhere: str | None) -> tuple[CDLL | None, str | None]:
    file = path(elsewhere) if elsewhere else package() / LIBRARIES.get(sys.platform, "libdxdw.so")
    named = f"{file.name}, which DXDW_LIBRARY names," if elsewhere else file.name
    try:
        there = file.exists()
    except OSError:  # a name that is too long, say
        there = False
    if not there:
        if elsewhere:
            return None, f"DXDW_LIBRARY names a file that is not there: {elsewhere!r}"
        return None, _why_not_built()
    try:
        with whole():  # a child's loader would find a library that is half loaded
            library = CDLL(str(file))
        extra = {name: kind for name, kind in FOR_TESTS.items() if hasattr(library, name)}
        _declare(library, {**SIGNATURES, **extra})
        if (version := library.dxdw_plan_version()) != VERSION:
            return None, f"{named} reads plans of version {version}, not of {VERSION}"
        if WATCHES:
            _watch(library)
    except (OSError, AttributeError) as error:  # of another processor, or of another version
        return None, f"{named} could not be loaded: {error}"
    return library, None


def _declare(library: CDLL, functions: dict[str, Any]) -> None:
    for name, (result, arguments) in functions.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments


def _watch(library: CDLL) -> None:
    """Tells the library how a long call leaves the interpreter, and has it answer signals."""
    inside = PyDLL(library._name, handle=library._handle)
    _declare(inside, WATCHED)
    for name in WATCHED:
        setattr(library, name, getattr(inside, name))
    steps = ("PyEval_SaveThread", "PyEval_RestoreThread", "PyErr_CheckSignals")
    library.dxdw_interpreter(*(ctypes.cast(getattr(ctypes.pythonapi, s), c_void_p) for s in steps))


def _why_not_built() -> str:
    try:
        return (package() / "native_missing.txt").read_text(encoding="utf-8").strip()
    except OSError:
        return "the native kernels were not built when dxdw was installed"
