"""Calls like earlier ones: nothing of them is checked or planned anew.

What is found out about a call depends on shapes, dtypes and options alone, so it is kept, and the
next such call is a look-up. A small one goes from there straight to the compiled kernels: it would
spend more on its arguments than on its sums (on the seed's first example, both gradients, 34 µs
become 6).
"""

from ctypes import c_ubyte
from typing import Any, NamedTuple

import numpy as np

from ..core.arrays import Array, cast
from ..core.problem import BOTH, PLAIN, Problem
from ..engines import native, native_library
from . import plan
from .call import Call
from .options import Options

# FLOPs of a pass up to which one thread does it, so that there is nothing to decide.
MOST_FLOPS = 1_000_000
# Calls that are kept in mind.
MOST_CALLS = 512

Key = tuple[Any, ...]

FORWARD = (object(),)  # a forward pass's `needs`, which no backward pass can have

_ndarray = np.ndarray
_from_buffer = c_ubyte.from_buffer
_empty = np.empty


class Step(NamedTuple):
    """One run of a kernel: of one result, or of both gradients, which is of all operands."""

    shapes: tuple[tuple[int, ...], ...]
    address: int
    first: int  # which of the operands, and None where it is of all
    second: int | None
    handle: native.Handle  # what stands at the address, held


class Known(NamedTuple):
    """A call with everything but its arrays."""

    call: Call
    names: tuple[str, ...]  # of its results
    steps: tuple[Step, ...] = ()  # of a small call; of another none
    mixed: bool = False  # whether operands come in other dtypes than the one to compute in
    run: Any = None  # a step, by the library

    def results(self, operands: tuple[Array, ...]) -> list[Array] | None:
        """Of a small call, by one thread; None where that will not do."""
        call, _, steps, mixed, run = self
        compute = call.compute
        if mixed:
            operands = tuple([cast(a, compute) for a in operands])
        buffers = []
        for a in operands:
            if not a.flags.carray:
                a = cast(a, compute)  # noqa: PLW2901
                if not a.flags.carray:  # read-only
                    return None
            buffers.append(_from_buffer(a))
        results = []
        for shapes, address, first, second, _ in steps:
            one: Array = _empty(shapes[0], compute)
            results.append(one)
            if second is None:
                other: Array = _empty(shapes[1], compute)
                results.append(other)
                status = run(address, *buffers, _from_buffer(one), _from_buffer(other), 1)
            else:
                result = _from_buffer(one)
                status = run(address, buffers[first], buffers[second], None, result, None, 1)
            if status:
                return None
        return results


_known: dict[Key, Known] = {}


def key(operands: tuple[Any, ...], options: Options, needs: Any) -> Key | None:
    """What calls that are alike have in common, or None for those that are not kept.

    Options that are integers, tuples of them, words and None alone, for 1 == True == 1.0.
    """
    padding, stride, dilation, groups, _, _, _, threads, workspace, _ = options
    if (
        (type(padding) is not int and type(padding) is not str and not _integers(padding))
        or (type(stride) is not int and not _integers(stride))
        or (type(dilation) is not int and not _integers(dilation))
        or type(groups) is not int
        or type(needs) is not tuple
        or (threads is not None and type(threads) is not int)
        or (workspace is not None and type(workspace) is not int)
    ):
        return None
    first, middle, last = operands[0], operands[1], operands[-1]
    if type(first) is not _ndarray or type(middle) is not _ndarray or type(last) is not _ndarray:
        return None
    return (
        first.shape, middle.shape, last.shape, first.dtype, middle.dtype, last.dtype, options, needs
    )  # fmt: skip


def _integers(value: Any) -> bool:
    return type(value) is tuple and {*map(type, value)} == {int}


def find(like: Key | None) -> Known | None:
    """An earlier call like this one."""
    try:
        return _known.get(like)  # type: ignore[arg-type]  # None is no key
    except TypeError:  # needs that cannot be hashed, which its check will tell
        return None


def keep(
    like: Key | None,
    call: Call,
    names: tuple[str, ...],
    passes: tuple[tuple[str, tuple[int, ...], int, int], ...],
) -> Known:
    """The call of which each (kind, shape of the result, operands) is a pass, for the next time."""
    if like is None:
        return Known(call, names)
    steps = _steps(call, passes) if call.compute == call.result else ()
    library: Any = native_library.load()
    mixed = any(dtype != call.compute for dtype in like[3:6])
    if len(_known) >= MOST_CALLS:
        _known.clear()
    _known[like] = known = Known(call, names, steps, mixed, library and library.dxdw_run)
    return known


def _steps(
    call: Call, passes: tuple[tuple[str, tuple[int, ...], int, int], ...]
) -> tuple[Step, ...]:
    """Those of a small call, by kernels that sum the products of any values; none of another."""
    geometry, how = call.geometry, call.how
    if (
        not passes
        or any(kind == "db" for kind, *_ in passes)  # which is no kernel's
        or not 0 < geometry.flops <= MOST_FLOPS
        or geometry.explicit_padding
        or not isinstance(call.compute, np.dtype)
        or how.engine is not None
        or how.max_workspace is not None
    ):
        return ()
    # Precision and threads make no difference: it is the direct sum, by one thread.
    problem = Problem("forward", geometry, call.compute, how=PLAIN)
    ways = [(p, _kernel(problem._replace(kind=p[0]))) for p in passes]
    if [kind for kind, *_ in passes] == ["dx", "dW"]:
        both = problem._replace(kind=BOTH)
        if kernel := _kernel(both):
            handle = native.handle(both, kernel.index)
            shapes = tuple(shape for _, shape, *_ in passes)
            return (Step(shapes, handle.address, 0, None, handle),)
    steps = []
    for (kind, shape, first, second), kernel in ways:
        if kernel is None:
            return ()
        handle = native.handle(problem._replace(kind=kind), kernel.index)
        steps.append(Step((shape,), handle.address, first, second, handle))
    return tuple(steps)


def _kernel(problem: Problem) -> native.Kernel | None:
    """The compiled kernel that comes first for it, if it sums the products of any values."""
    kernel = native.kernels().get(plan.prepared(problem).names[0])
    return kernel if kernel is not None and kernel.sums else None


def forget() -> None:
    """For tests that change what would run."""
    _known.clear()
