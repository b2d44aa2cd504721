"""The short way of a small call that is like an earlier one: nothing is checked or planned anew.

A call of microseconds spends them on its arguments. What was found out about them depends on
shapes, dtypes and options alone, so it is kept, and the next such call goes straight to the
compiled kernels (on the seed's first example, both gradients: 34 µs become 6). Whatever is not
exactly alike, or not plainly laid out, takes the way through every check.
"""

from collections.abc import Callable
from ctypes import c_ubyte
from typing import Any, NamedTuple

import numpy as np

from ..core.arrays import Array
from ..core.geometry import ConvGeometry
from ..core.problem import BOTH, Problem
from ..engines import native, native_library
from . import plan
from .arguments import PLAIN, Execution

# FLOPs of a pass up to which one thread does it, so that there is nothing to decide.
MOST_FLOPS = 1_000_000
# Calls that are kept in mind.
MOST_CALLS = 512

Key = tuple[Any, ...]

FORWARD = (object(),)  # a forward pass's `needs`, which no backward pass can have

_from_buffer = c_ubyte.from_buffer
_empty, _ndarray = np.empty, np.ndarray


class Step(NamedTuple):
    """One call of the kernels: of one result, or of both, which is of all operands."""

    shapes: tuple[tuple[int, ...], ...]
    address: int
    first: int  # which of the operands, and None where it is of all
    second: int | None
    prepared: native.Prepared  # what stands at the address, held


class Ready(NamedTuple):
    """Everything that a call needs beside its operands."""

    steps: tuple[Step, ...]
    dtype: np.dtype[Any]
    run: Callable[..., int]


_ready: dict[Key, Ready] = {}


def key(
    operands: tuple[Any, ...], options: tuple[Any, ...], needs: Any, how: Execution
) -> Key | None:
    """What calls that are alike have in common, or None for those that are too seldom to keep.

    Of how to run, precision and threads make no difference: it is the direct sum, by one thread.
    Options are padding, stride, dilation and groups: integers and tuples of them alone, and words,
    for 1 == True == 1.0.
    """
    padding, stride, dilation, groups = options
    if (
        (how is not PLAIN and (how.engine is not None or how.max_workspace is not None))
        or (type(padding) is not int and type(padding) is not str and not _integers(padding))
        or (type(stride) is not int and not _integers(stride))
        or (type(dilation) is not int and not _integers(dilation))
        or type(groups) is not int
        or type(needs) is not tuple
    ):
        return None
    first, *_, last = operands
    middle = operands[1]
    if type(first) is not _ndarray or type(middle) is not _ndarray or type(last) is not _ndarray:
        return None
    dtype = first.dtype
    if middle.dtype is not dtype or last.dtype is not dtype:
        return None
    return (first.shape, middle.shape, last.shape, dtype, *options, needs)


def _integers(value: Any) -> bool:
    return type(value) is tuple and {*map(type, value)} == {int}


def run(known: Key, operands: tuple[Array, ...]) -> list[Array] | None:
    """The results of a call like an earlier one; None where there was none, or none will do."""
    try:
        ready = _ready.get(known)
    except TypeError:  # needs that cannot be hashed, which its check will tell
        return None
    if ready is None:
        return None
    buffers = []
    for a in operands:
        if not a.flags.carray:
            return None
        buffers.append(_from_buffer(a))
    steps, dtype, native_run = ready
    results = []
    for shapes, address, first, second, _ in steps:
        one: Array = _empty(shapes[0], dtype)
        results.append(one)
        if second is None:
            other: Array = _empty(shapes[1], dtype)
            results.append(other)
            status = native_run(address, *buffers, _from_buffer(one), _from_buffer(other), 1)
        else:
            result = _from_buffer(one)
            status = native_run(address, buffers[first], buffers[second], None, result, None, 1)
        if status:
            return None
    return results


def keep(
    known: Key,
    geometry: ConvGeometry,
    dtype: Any,
    passes: tuple[tuple[str, tuple[int, ...], int, int], ...],
) -> None:
    """Remembers a call that went well: (kind, shape of the result, operands) for each pass."""
    if geometry.flops > MOST_FLOPS or geometry.explicit_padding:
        return
    steps = _steps(geometry, dtype, passes) if dtype == known[3] else None
    if steps is None:
        return
    if len(_ready) >= MOST_CALLS:
        _ready.clear()
    library: Any = native_library.load()
    _ready[known] = Ready(steps, dtype, library.dxdw_run)


def _steps(
    geometry: ConvGeometry, dtype: Any, passes: tuple[tuple[str, tuple[int, ...], int, int], ...]
) -> tuple[Step, ...] | None:
    """Both gradients in one where a kernel has them; None where one is no compiled kernel's sum."""
    kernels = native.kernels()
    problems = [Problem(kind, geometry, dtype) for kind, *_ in passes]
    names = [plan.accepting(problem)[0] for problem in problems]
    if not all(name in kernels and kernels[name].sums for name in names):
        return None
    shapes = tuple(shape for _, shape, *_ in passes)
    if [kind for kind, *_ in passes] == ["dx", "dW"]:
        both = problems[0]._replace(kind=BOTH)
        if name := plan.of_both(both):
            ready = native.prepared(both, kernels[name].index)
            return (Step(shapes, ready.address, 0, None, ready),)
    steps = []
    for problem, name, shape, (_, _, first, second) in zip(
        problems, names, shapes, passes, strict=True
    ):
        ready = native.prepared(problem, kernels[name].index)
        steps.append(Step((shape,), ready.address, first, second, ready))
    return tuple(steps)


def forget() -> None:
    """For tests that change what would run."""
    _ready.clear()
