"""The compiled kernels as engines: what each takes, and a call of one: threads, memory, Ctrl-C.

Which there are, their order and what each declines: the library's table in native/api/kernels.cpp.
"""

from collections.abc import Callable
from ctypes import byref, c_int64, c_ubyte, create_string_buffer
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from threading import get_ident, main_thread
from typing import Any

import numpy as np

from ..core.arrays import Array
from ..core.geometry import ConvGeometry
from ..core.problem import Problem, direct_bound, elementwise_bound
from . import native_library, tuning
from .native_plan import Words, native_plan

DONE, NO_MEMORY, CANCELLED, DECLINED, PENDING = range(5)  # of native/api/dxdw.h

# Bytes of scratch memory that a call may take beside as much as its tensors.
BESIDE_OPERANDS = 8 << 20
# How far Winograd's guard lets a tile exceed what a window sums: kWidestRange of winograd_guard.h.
WIDEST_RANGE = 16
# A plan lists places, 24 to 90 bytes and 50 ns each. Beyond so many a transform is a thousand times
# as fast as sums of products, whose plans would take seconds and gigabytes.
MOST_PLACES = 1 << 21
# Plans with more than so many are kept for a few problems alone: each has 1.5 MB and more.
MANY_PLACES = 1 << 16
# Bytes of the longest sentence in which a kernel declines, and more.
SENTENCE = 256


def missing(problem: Problem) -> str | None:
    """Why compiled kernels cannot take a problem, whatever it computes; None where they can."""
    if problem.library != "numpy":
        return f"takes NumPy arrays, not those of {problem.library}"
    if problem.dtype.char not in "fd":
        return f"takes float32 and float64, not {problem.dtype}"
    if not problem.geometry.flops or not problem.geometry.sizes[0]:
        return "there is nothing to sum"
    if (places := _places(problem)) > MOST_PLACES:
        return f"the plan would list {places:,} places of taps, and at most {MOST_PLACES:,} can be"
    why = native_library.why_missing()
    return f"no compiled kernels: {why}" if why else None


@dataclass(eq=False)
class Kernel:
    """A row of the library's table, as an engine."""

    index: int
    name: str
    METHOD: str
    sums: bool  # each element's own products, as the definition has them

    AT_ONCE = True  # may take both gradients by one call

    def declines(self, problem: Problem) -> str | None:
        if why := missing(problem) or _declined(problem, self.index):
            return why
        if problem.how.precision == "highest" and not self.sums:
            return "precision 'highest' keeps the elementwise bound, and transforms do not"
        needed = self.workspace(problem)
        if needed <= _promised(problem):
            return None
        return f"needs {needed:,} bytes of scratch memory, more than the operands and 8 MiB"

    def workspace(self, problem: Problem) -> int:
        """Bytes of scratch memory at the peak."""
        return handle(problem, self.index).workspace

    least_workspace = workspace

    def error_bound(self, problem: Problem) -> str:
        if self.sums:
            return direct_bound(problem)
        growth = self.growth(problem)
        if self.factor_and_terms(problem)[1] < 0:
            return elementwise_bound(growth)
        of_tile = f"|error| ≤ {growth:.1e} · Σ max|first|·max|second| over an element's tiles"
        if problem.kind == "dW":
            return f"{of_tile}: relative to the tile, not to the element"
        return (
            f"{of_tile}, and ≤ {growth * WIDEST_RANGE:.1e} · max|W| · Σ|first| over its own "
            "window, unless that is of zeros alone"
        )

    def growth(self, problem: Problem) -> float:
        """Of a rounding error, by a kernel which doesn't sum the products themselves; where terms
        are negative it does, each of them a little off, and this is beside M."""
        factor, terms = self.factor_and_terms(problem)
        ku = abs(terms) * problem.unit_roundoff
        gamma = ku / (1 - ku)
        return factor + gamma if terms < 0 else factor * gamma

    def factor_and_terms(self, problem: Problem) -> tuple[float, int]:
        library: Any = native_library.load()
        terms = c_int64()
        factor: float = library.dxdw_growth(_plan(problem).ctypes.data, self.index, byref(terms))
        return factor, terms.value

    def run(self, problem: Problem, *operands: Array) -> Any:
        """The result, new, or a list of both; None where there are values that it doesn't take."""
        ready = handle(problem, self.index)
        stored = operands[0].dtype
        results: list[Array] = [
            np.empty(shape, stored if problem.is_stored(kind) else problem.dtype)
            for kind, shape in zip(problem.kinds, problem.result_shapes, strict=True)
        ]
        given, into = map(_bytes, operands), map(_bytes, results)
        a, b, c, r, s = [*given, None][:3] + [*into, None][:2]
        status = ready.run(a, b, c, r, s)
        if status == NO_MEMORY:
            raise MemoryError(f"no {ready.workspace:,} bytes of scratch memory for {problem.kind}")
        if status == DECLINED:
            return None
        return results if len(results) > 1 else results[0]


@lru_cache(maxsize=1)
def kernels() -> dict[str, Kernel]:
    """The table, best first; empty where there are no compiled kernels."""
    library: Any = native_library.load()
    rows = {}
    for i in range(library.dxdw_kernels() if library else 0):
        name, method = library.dxdw_kernel_name(i), library.dxdw_kernel_method(i)
        sums = bool(library.dxdw_kernel_sums(i))
        rows[name.decode()] = Kernel(i, name.decode(), method.decode(), sums)
    return rows


class Handle:
    """A pass of which nothing but the operands is missing."""

    __slots__ = ("_forget", "_library", "address", "kernel", "long", "threads", "workspace")

    def __init__(self, problem: Problem, kernel: int) -> None:
        library: Any = native_library.load()
        words = _plan(problem)
        self._library, self._forget, self.kernel = library, library.dxdw_forget, kernel
        self.address = library.dxdw_prepare(words.ctypes.data, words.size, kernel)
        if not self.address:
            raise MemoryError(f"no {words.nbytes:,} bytes for the plan of {problem.kind}")
        most = _promised(problem)
        if problem.how.max_workspace is not None:
            most = min(most, problem.how.max_workspace - problem.held)
        # As many threads as their scratch memory allows. A kernel may need more for one thread than
        # for several, and is taken where one may have it: the bits are to be those of any number.
        asked = problem.how.threads or native_library.threads()
        threads = asked if library.dxdw_workspace(self.address, 1) <= most else 1
        while (needed := library.dxdw_workspace(self.address, threads)) > most and threads > 1:
            threads -= 1
        self.threads, self.workspace = threads, int(needed)
        self.long = _long(problem.geometry, threads)  # so that Ctrl-C has to be looked for

    def __del__(self) -> None:
        # Whoever runs it holds it: no thread can be in it any more.
        if getattr(self, "address", None):
            self._forget(self.address)

    def __call__(self, first: c_ubyte, second: c_ubyte, result: c_ubyte) -> int:
        """Its status, of the first bytes of the operands and of the result."""
        return self.run(first, second, None, result, None)

    def run(
        self,
        a: c_ubyte | None,
        b: c_ubyte | None,
        c: c_ubyte | None,
        r: c_ubyte | None,
        s: c_ubyte | None,
    ) -> int:
        """The same of as many operands and results as the kind has, and of None for the others."""
        library = self._library
        run = library.dxdw_run_watched if self.long and _answers_signals() else library.dxdw_run
        status: int = run(self.address, a, b, c, r, s, self.threads)
        return status

    def on(self, crew: int) -> Callable[[c_ubyte, c_ubyte, c_ubyte], int]:
        """The same on the threads of another library, whose parallel loop is at this address.

        Ctrl-C is answered when it has ended, as in that library's own functions.
        """
        run = self._library.dxdw_run_on

        def call(first: c_ubyte, second: c_ubyte, result: c_ubyte) -> int:
            status: int = run(self.address, first, second, None, result, None, self.threads, crew)
            return status

        return call


def handle(problem: Problem, kernel: int) -> Handle:
    """The pass as that kernel is called for it."""
    return (_large_handle if is_large(problem) else _handle)(problem, kernel)


def is_large(problem: Problem) -> bool:
    """Whether its plan is one that nobody may keep but the few that are here."""
    return _places(problem) > MANY_PLACES


_handle = lru_cache(maxsize=1024)(Handle)
_large_handle = lru_cache(maxsize=4)(Handle)


def _places(problem: Problem) -> int:
    """What a plan lists: the taps; for dW, those of each input channel of a group."""
    return prod(problem.geometry.W_shape[2 if problem.kind in ("forward", "dx") else 1 :])


# All kernels are asked for one problem, then for the next.
@lru_cache(maxsize=4)
def _plan(problem: Problem) -> Words:
    return native_plan(problem)


def _declined(problem: Problem, kernel: int) -> str | None:
    library: Any = native_library.load()
    why = create_string_buffer(SENTENCE)
    if library.dxdw_takes(_plan(problem).ctypes.data, kernel, why, SENTENCE):
        return None
    return why.value.decode()


def _long(geometry: ConvGeometry, threads: int) -> bool:
    elements = sum(geometry.sizes)
    return geometry.flops > tuning.LONG_FLOPS * threads or elements > tuning.LONG_ELEMENTS


def _answers_signals() -> bool:
    """Whether a call from here has to: Python's main thread alone does."""
    return native_library.WATCHES and get_ident() == main_thread().ident


def _bytes(a: Array) -> c_ubyte:
    """The first byte of an array, for ctypes to pass its address."""
    if a.flags.writeable and a.dtype.kind == "f":
        return c_ubyte.from_buffer(a)
    # (bfloat16 has no buffer.)
    return c_ubyte.from_address(a.__array_interface__["data"][0])


def _promised(problem: Problem) -> int:
    return sum(problem.geometry.sizes) * problem.itemsize + BESIDE_OPERANDS
