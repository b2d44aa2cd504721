"""Calls like earlier ones: nothing of them is checked or planned anew.

What is found out about a call depends on shapes, dtypes and options alone, so it is kept, and the
next such call goes from a look-up straight to the compiled kernels: a small one would spend more on
its arguments than on its sums (on the seed's first example, both gradients, 34 µs become 5).
"""

from ctypes import c_ubyte
from typing import Any, NamedTuple

import numpy as np

from ..core import gradients
from ..core.arrays import Array, cast
from ..core.problem import BOTH, KINDS, Problem
from ..engines import native, native_library
from . import plan
from .call import Call
from .options import Options

# FLOPs of a pass up to which one thread does it, so that there is nothing to decide.
SMALL = 1_000_000
# Calls that are kept in mind.
MOST_CALLS = 512

Key = tuple[Any, ...]
Pass = tuple[str, tuple[int, ...], int, int]  # its kind, its result's shape, which operands

FORWARD = (object(),)  # a forward pass's `needs`, which no backward pass can have

_ndarray = np.ndarray
_BITS = np.dtype(np.uint16)
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
    named: type[tuple[Array, ...]]  # and the tuple that has them
    steps: tuple[Step, ...] = ()  # where kernels do everything: of a call with padding modes, none
    mixed: bool = False  # whether operands come in other dtypes than the one to compute in
    at_once: Any = None  # of a small call: the library's function that runs a step
    passes: tuple[Pass, ...] = ()
    turned: Any = None  # the same of arrays whose channels lie last: of x, and of the output
    stored: Any = None  # the dtype of 16-bit floats that kernels take as they are

    def results(self, operands: tuple[Array, ...]) -> list[Array] | None:
        """By the steps; None where the operands, or what memory there is, are not for these."""
        call, _, _, steps, mixed, at_once, _, _, stored = self
        compute = call.compute
        if stored is not None:  # what ctypes has no buffer of
            operands, compute = tuple([a.view(_BITS) for a in operands]), _BITS
        if mixed:
            operands = tuple([cast(a, compute) for a in operands])
        buffers = []
        for a in operands:
            if not a.flags.carray:
                return self._as_they_lie(operands)
            buffers.append(_from_buffer(a))
        results: list[Array] = []
        given: tuple[Any, ...]
        try:
            for shapes, address, first, second, handle in steps:
                one: Array = _empty(shapes[0], compute)
                results.append(one)
                if second is None:
                    other: Array = _empty(shapes[1], compute)
                    results.append(other)
                    given = (*buffers, _from_buffer(one), _from_buffer(other))
                else:
                    given = (buffers[first], buffers[second], None, _from_buffer(one), None)
                if at_once(address, *given, 1) if at_once else handle.run(*given):
                    return None
        except MemoryError:
            return None
        return results if stored is None else [result.view(stored) for result in results]

    def _as_they_lie(self, operands: tuple[Array, ...]) -> list[Array] | None:
        """The same of arrays whose channels lie last in memory, without a copy.

        None where other arrays lie otherwise, or where that would not be done by the same kernels,
        and so to the same bits (but dW of depthwise ones): copies are then what is faster.
        """
        ndim = self.call.ndim
        *images, W = operands  # x, or grad_out and x
        views = [np.moveaxis(a, -ndim - 1, -1) for a in images]
        last = [not a.flags.carray for a in images]
        if not W.flags.carray or not all(
            view.flags.carray for view, turned in zip(views, last, strict=True) if turned
        ):
            return None
        # x's, and the output's, which a forward pass gives as it got x.
        lie = (last[-1], last[0])
        other: Known | None = self.turned.get(lie)
        if other is None:
            steps = _turned(self.call, self.passes, self.steps, lie)
            other = self.turned[lie] = self._replace(steps=steps, mixed=False, turned={})
        if not other.steps:
            return None
        given = [view if at else a for a, view, at in zip(images, views, last, strict=True)]
        results = other.results((*given, W))
        if results is None or not last[-1]:
            return results
        return [
            result if kind == "dW" else np.moveaxis(result, -1, -ndim - 1)
            for result, (kind, *_) in zip(results, self.passes, strict=True)
        ]


_known: dict[Key, Known] = {}


def key(ndim: int, operands: tuple[Any, ...], options: Options, needs: Any) -> Key | None:
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
        first.shape, middle.shape, last.shape, first.dtype, middle.dtype, last.dtype,
        options, needs, ndim,
    )  # fmt: skip


def _integers(value: Any) -> bool:
    return type(value) is tuple and {*map(type, value)} == {int}


def find(like: Key | None) -> Known | None:
    """An earlier call like this one."""
    try:
        return _known.get(like)  # type: ignore[arg-type]  # None is no key
    except TypeError:  # needs that cannot be hashed, which its check will tell
        return None


def keep(like: Key | None, call: Call, names: tuple[str, ...], passes: tuple[Pass, ...]) -> Known:
    """The call that is made of these passes, for the next time."""
    named = gradients.named(names)
    if like is None:
        return Known(call, names, named)
    small, steps = _steps(call, passes)
    library: Any = native_library.load()
    at_once = library.dxdw_run if small else None
    stored = call.result if call.compute != call.result else None
    mixed = stored is None and any(dtype != call.compute for dtype in like[3:6])
    if stored is not None and any(dtype != stored for dtype in like[3:6]):  # in other byte order
        steps = ()
    if mixed and not small:  # copies of what no result needs would cost
        steps = ()
    if len(_known) >= MOST_CALLS:
        _known.clear()
    _known[like] = known = Known(call, names, named, steps, mixed, at_once, passes, {}, stored)
    return known


def _steps(
    call: Call, passes: tuple[Pass, ...], lie: tuple[bool, bool] = (False, False)
) -> tuple[bool, tuple[Step, ...]]:
    """Whether a call is small, and its steps, where compiled kernels do it alone.

    lie: whether the channels of x, and of the output, lie last.
    """
    geometry, how = call.geometry, call.how
    kinds = [kind for kind, *_ in passes]
    narrow = call.compute != call.result
    if (
        geometry.explicit_padding
        or not geometry.flops
        or (narrow and call.as_stored() is call)
        or not {*kinds} <= {*KINDS}
    ):
        return False, ()
    stored = call.result.name if narrow else None
    problem = Problem(BOTH, geometry, call.compute, channels_last=lie, stored=stored)
    if any(native.is_large(problem._replace(kind=kind)) for kind in kinds):
        return False, ()
    small = (
        geometry.flops <= SMALL
        and how.engine is None
        and how.max_workspace is None
        and all(_sums(problem._replace(kind=kind)) for kind in kinds)
    )
    # Of a small one, precision and threads make no difference: one thread sums, in one order.
    problem = problem if small else problem._replace(how=how)
    if kinds == ["dx", "dW"] and (kernel := _kernel(problem)):
        handle = native.handle(problem, kernel.index)
        return small, (Step(tuple(p[1] for p in passes), handle.address, 0, None, handle),)
    steps = []
    for kind, shape, first, second in passes:
        problem = problem._replace(kind=kind)
        kernel = _kernel(problem)
        if kernel is None:
            return False, ()
        handle = native.handle(problem, kernel.index)
        steps.append(Step((shape,), handle.address, first, second, handle))
    return small, tuple(steps)


def _turned(
    call: Call, passes: tuple[Pass, ...], planes: tuple[Step, ...], lie: tuple[bool, bool]
) -> tuple[Step, ...]:
    """The steps where channels lie last, with results as they lie; none by other kernels."""
    _, steps = _steps(call, passes, lie)
    if [s.handle.kernel for s in steps] != [s.handle.kernel for s in planes]:
        return ()

    def turned(kind: str, shape: tuple[int, ...]) -> tuple[int, ...]:
        at = len(shape) - call.ndim - 1
        return shape if kind == "dW" or not lie[0] else (*shape[:at], *shape[at + 1 :], shape[at])

    kinds = iter(passes)
    return tuple(
        step._replace(shapes=tuple(turned(next(kinds)[0], shape) for shape in step.shapes))
        for step in steps
    )


def _sums(problem: Problem) -> bool:
    """Whether a kernel runs it that sums the products of any values."""
    kernel = _kernel(problem)
    return kernel is not None and kernel.sums


def _kernel(problem: Problem) -> native.Kernel | None:
    """The compiled kernel that comes first for it."""
    return native.kernels().get(plan.prepared(problem).names[0])


def forget() -> None:
    """For tests that change what would run."""
    _known.clear()
