"""A call of the compiled kernels: threads, memory, Ctrl-C and what they decline."""

from collections.abc import Callable
from ctypes import c_ubyte
from dataclasses import dataclass
from functools import lru_cache
from threading import get_ident, main_thread
from typing import Any

import numpy as np

from ..geometry import ConvGeometry
from . import native_library
from .libraries import Array
from .native_plan import NativePlan, native_plan
from .problem import Problem

DONE, NO_MEMORY, CANCELLED, DECLINED, PENDING = range(5)  # of native/dxdw.h

# A call of more FLOPs for each of its threads, or of more elements, may take so long that signals
# have to be looked at meanwhile: Ctrl-C is to be answered within 250 ms.
LONG_FLOPS = 200_000_000
LONG_ELEMENTS = 16_000_000
# Bytes of scratch memory that a call may take beside as much as its tensors.
BESIDE_OPERANDS = 8 << 20


def missing(problem: Problem) -> str | None:
    """Why compiled kernels cannot take a problem, whatever it computes; None where they can."""
    if problem.library != "numpy":
        return f"takes NumPy arrays, not those of {problem.library}"
    if problem.dtype.char not in "fd":
        return f"takes float32 and float64, not {problem.dtype}"
    if not problem.geometry.flops or not problem.geometry.sizes[0]:
        return "there is nothing to sum"
    why = native_library.why_missing()
    return f"no compiled kernels: {why}" if why else None


@dataclass(frozen=True, slots=True)
class Prepared:
    """A pass of which nothing but the operands is missing."""

    plan: NativePlan
    threads: int
    long: bool  # it may take so long that Ctrl-C has to be looked for

    def __call__(self, first: c_ubyte, second: c_ubyte, result: c_ubyte) -> int:
        """Its status, of the first bytes of the operands and of the result."""
        library: Any = native_library.load()
        run = library.dxdw_run_watched if self.long and _answers_signals() else library.dxdw_run
        status: int = run(self.plan.address, first, second, result, self.threads)
        return status

    def on(self, crew: int) -> Callable[[c_ubyte, c_ubyte, c_ubyte], int]:
        """The same on the threads of another library, whose parallel loop is at this address.

        Ctrl-C is answered when it has ended, as in that library's own functions.
        """
        library: Any = native_library.load()
        run, plan, threads = library.dxdw_run_on, self.plan, self.threads

        def call(first: c_ubyte, second: c_ubyte, result: c_ubyte) -> int:
            status: int = run(plan.address, first, second, result, threads, crew)
            return status

        return call


@lru_cache(maxsize=1024)
def prepared(problem: Problem, algorithm: str) -> Prepared:
    """The pass as the kernels are called for it."""
    plan = native_plan(problem.kind, problem.geometry, problem.dtype, algorithm)
    threads, _ = _fitting(problem, algorithm)
    return Prepared(plan, threads, _long(problem.geometry, threads))


def run(problem: Problem, first: Array, second: Array, algorithm: str) -> Array | None:
    """The result, new; None where the values are none that the algorithm takes."""
    result: Array = np.empty(problem.result_shape, problem.dtype)
    ready = prepared(problem, algorithm)
    status = ready(_bytes(first), _bytes(second), c_ubyte.from_buffer(result))
    if status == NO_MEMORY:
        needed = workspace(problem, algorithm)
        raise MemoryError(f"no {needed:,} bytes of scratch memory for {problem.kind}")
    return None if status == DECLINED else result


def run_both(dx: Problem, dW: Problem, grad_out: Array, x: Array, W: Array) -> list[Array] | None:
    """dx and dW by one call, new; None where there are values that the kernels do not take."""
    library: Any = native_library.load()
    problems = (dx, dW)
    plans = [native_plan(p.kind, p.geometry, p.dtype, "direct") for p in problems]
    results: list[Array] = [np.empty(p.result_shape, p.dtype) for p in problems]
    threads = min(_fitting(p, "direct")[0] for p in problems)
    addresses = [plan.address for plan in plans]
    buffers = [*map(_bytes, (grad_out, x, W)), *map(c_ubyte.from_buffer, results)]
    watched = _long(dx.geometry, threads) and _answers_signals()
    run = library.dxdw_backward_watched if watched else library.dxdw_backward
    status = run(*addresses, *buffers, threads)
    if status == NO_MEMORY:
        needed = sum(workspace(p, "direct") for p in problems)
        raise MemoryError(f"no {needed:,} bytes of scratch memory for dx and dW")
    return None if status == DECLINED else results


def _long(geometry: ConvGeometry, threads: int) -> bool:
    return geometry.flops > LONG_FLOPS * threads or sum(geometry.sizes) > LONG_ELEMENTS


def _answers_signals() -> bool:
    """Whether a call from here has to: Python's main thread alone does."""
    return native_library.WATCHES and get_ident() == main_thread().ident


def _bytes(a: Array) -> c_ubyte:
    """The first byte of an array, for ctypes to pass its address."""
    if a.flags.writeable:
        return c_ubyte.from_buffer(a)
    return c_ubyte.from_address(a.__array_interface__["data"][0])


def workspace(problem: Problem, algorithm: str) -> int:
    """Bytes of scratch memory at the peak."""
    return _fitting(problem, algorithm)[1]


def kernel(problem: Problem, algorithm: str) -> str:
    """Which kernel runs a problem: "winograd", "depthwise" or "direct"."""
    library: Any = native_library.load()
    plan = native_plan(problem.kind, problem.geometry, problem.dtype, algorithm)
    return str(library.dxdw_kernel(plan.address).decode())


def too_much_memory(problem: Problem, algorithm: str) -> str | None:
    """Why a problem is declined that takes more scratch memory than is promised."""
    needed, promised = workspace(problem, algorithm), _promised(problem)
    if needed <= promised:
        return None
    return f"needs {needed:,} bytes of scratch memory, more than the operands and 8 MiB"


def both_fit(dx: Problem, dW: Problem) -> bool:
    """Whether what dx and dW take of scratch memory together is no more than is promised of one."""
    return workspace(dx, "direct") + workspace(dW, "direct") <= _promised(dx)


@lru_cache(maxsize=1024)
def _fitting(problem: Problem, algorithm: str) -> tuple[int, int]:
    """As many threads as their scratch memory allows, and its bytes."""
    library: Any = native_library.load()
    plan = native_plan(problem.kind, problem.geometry, problem.dtype, algorithm)
    most = _promised(problem)
    if problem.max_workspace is not None:
        most = min(most, problem.max_workspace - problem.held)
    threads = problem.threads or native_library.threads()
    while (needed := library.dxdw_workspace(plan.address, threads)) > most and threads > 1:
        threads -= 1
    return threads, int(needed)


def _promised(problem: Problem) -> int:
    return sum(problem.geometry.sizes) * problem.itemsize + BESIDE_OPERANDS
