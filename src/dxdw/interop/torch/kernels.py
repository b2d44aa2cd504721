"""The passes of a convolution on PyTorch's tensors, where they lie: addresses are handed over.

The bridge's own cost counts: LeNet's layers take some 100 µs. What depends on shapes and options
alone is found once, so that a call is a look-up, a look at the tensors, `torch.empty` and the
kernel.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ctypes import CDLL, c_ubyte, c_void_p, cast
from dataclasses import replace
from functools import lru_cache
from math import prod
from typing import Any

import torch
from torch import Tensor

from ...call import geometries, plan
from ...call.options import Options
from ...core import documentation
from ...core.documentation import pointing_to, refused
from ...core.problem import BOTH, Execution, Problem
from ...core.torch_memory import dense
from ...engines import native
from .. import numpy_passes
from ..bilinear import ROLES, Case
from . import fresh_memory, layouts
from .tensors import DTYPES, STORED

ROOM = "torch"
documentation.is_traced = torch.compiler.is_dynamo_compiling

Sizes = tuple[int, ...]


def _openmp() -> int | None:
    """Where the loops of PyTorch's own functions get their threads from, if that is OpenMP.

    After each of these loops its threads spin for 8 to 15 ms before they sleep. A convolution on
    other threads would share the CPUs with them; on the same ones it finds them awake.
    """
    if not torch.backends.openmp.is_available():
        return None
    try:
        # Looked for in what PyTorch is linked with, which has it under GNU's name.
        return cast(CDLL(torch._C.__file__).GOMP_parallel, c_void_p).value
    except (AttributeError, OSError):
        return None


CREW = _openmp()

_PLANES = False, False

_byte = c_ubyte.from_address
_threads = torch.get_num_threads


# --- cases ----------------------------------------------------------------------------------------

ORDER = "; the order is x, W, bias, stride, padding"


@contextmanager
def _in_pytorchs_order() -> Iterator[None]:
    """Where a check tells the order of dxdw's own functions, it is PyTorch's here."""
    try:
        yield
    except TypeError as error:
        told, hint, _ = str(error).partition("; the order is ")
        if not hint:
            raise
        raise refused(TypeError, told + ORDER, ROOM) from None


@lru_cache(maxsize=1024)
@pointing_to(ROOM)
@_in_pytorchs_order()
def convolution(
    ndim: int,
    x_shape: Sizes,
    W_shape: Sizes,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int,
    *,
    symbols: bool = False,
) -> Case:
    """The checked case of a convolution of x with a batch axis."""
    stride, padding, dilation = (_each(v, ndim) for v in (stride, padding, dilation))
    options = Options(padding, stride, dilation, groups)
    geometry, _ = geometries.convolution(ndim, x_shape, W_shape, options, symbols=symbols)
    same = isinstance(padding, str) and padding in ("same", "SAME")
    if same and any(a.stride > 1 for a in geometry.axes):
        raise refused(
            ValueError, f"stride is {stride}: with padding {padding!r} it must be 1", ROOM
        )
    return Case(geometry, ndim)


@lru_cache(maxsize=1024)
@pointing_to(ROOM)
@_in_pytorchs_order()
def transposed(
    ndim: int,
    x_shape: Sizes,
    W_shape: Sizes,
    stride: Any,
    padding: Any,
    output_padding: Any,
    groups: int,
    dilation: Any,
    *,
    symbols: bool = False,
) -> Case:
    """The checked case of the convolution that a transposed one is the dx of."""
    stride, padding, output_padding, dilation = (
        _each(v, ndim) for v in (stride, padding, output_padding, dilation)
    )
    options = Options(padding, stride, dilation, groups, output_padding=output_padding)
    geometry, _ = geometries.transposed(ndim, x_shape, W_shape, options, symbols=symbols)
    return Case(geometry, ndim)


def _each(value: Any, ndim: int) -> Any:
    """One in a tuple is one for each axis, as PyTorch takes it."""
    return value * ndim if isinstance(value, tuple) and len(value) == 1 else value


@lru_cache(maxsize=1024)
def of_shapes(
    kind: str,
    first: Sizes,
    second: Sizes,
    result: Sizes,
    stride: Sizes,
    before: Sizes,
    after: Sizes,
    dilation: Sizes,
    groups: int,
) -> Case:
    """The case of which a pass has operands and a result of these shapes.

    Raises:
        ValueError: there is none.
    """
    shapes = dict(zip(ROLES[kind], (first, second, result), strict=True))
    x, W, out = shapes["x"], shapes["W"], shapes["out"]
    padding = tuple(zip(before, after, strict=True))
    ndim = len(stride)
    geometry, _ = geometries.convolution(ndim, x, W, Options(padding, stride, dilation, groups))
    case = Case(geometry, ndim)
    most = case.shape("forward")
    along = zip(out[2:], most[2:], strict=False)
    if len(out) != len(most) or out[:2] != most[:2] or not all(0 < n <= m for n, m in along):
        raise ValueError(f"the output has shape {out}: it must be {most}, or less along an axis")
    # A transposed convolution with more output padding than its stride has less.
    sizes = (1,) * (len(geometry.axes) - ndim) + out[2:]
    axes = tuple(replace(a, out=n) for a, n in zip(geometry.axes, sizes, strict=True))
    return case._replace(geometry=replace(geometry, axes=axes))


# --- passes ---------------------------------------------------------------------------------------


def run(kind: str, first: Tensor, second: Tensor, case: Case) -> Tensor | None:
    """forward of (x, W), dx of (grad_out, W) or dW of (grad_out, x): a new tensor.

    It lies as `layouts` has it. None where the operands are not what the kernels read, so that
    PyTorch has to answer.
    """
    dtype = first.dtype
    return _runner(kind, case, dtype, _threads())(first, second) if dtype in DTYPES else None


def run_both(grad_out: Tensor, x: Tensor, W: Tensor, case: Case) -> tuple[Tensor, Tensor] | None:
    """dx and dW, in one pass over grad_out where there is a kernel for that; None likewise."""
    dtype = grad_out.dtype
    return _runner_of_both(case, dtype, _threads())(grad_out, x, W) if dtype in DTYPES else None


@lru_cache(maxsize=1024)
def _runner(
    kind: str, case: Case, dtype: torch.dtype, threads: int
) -> Callable[[Tensor, Tensor], Tensor | None]:
    one, two = (_asked(role, case, dtype) for role in ROLES[kind][:2])
    kernel = _Kernels(kind, case, dtype, threads)
    first_last, second_last = (layouts.last(shape_of(role, case)) for role in ROLES[kind][:2])

    def run(first: Tensor, second: Tensor) -> Tensor | None:
        a, b = dense(first, *one), dense(second, *two)
        if a is None or b is None:
            return None
        lies = first.stride() == first_last, second.stride() == second_last
        return kernel[lies](a, b)

    return run


@lru_cache(maxsize=1024)
def _runner_of_both(
    case: Case, dtype: torch.dtype, threads: int
) -> Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor] | None]:
    of_out, of_x, of_W = (_asked(role, case, dtype) for role in ("out", "x", "W"))
    out_last, x_last, W_last = (layouts.last(shape_of(role, case)) for role in ("out", "x", "W"))
    dx, dW = (_Kernels(kind, case, dtype, threads) for kind in ("dx", "dW"))
    numpys = Problem(BOTH, case.geometry, DTYPES[dtype], how=Execution(threads=threads))
    # (In one pass there are no threads of PyTorch's, which is worth it for groups alone.)
    both = plan.prepared(numpys) if case.geometry.groups > 1 and dtype not in STORED else None
    at_once = both if both and both.names[0] != plan.APART else None
    # Where kernels read images as they lie, two passes take less than one with copies.
    as_they_lie = at_once and numpy_passes.kernel(
        "dW", case, DTYPES[dtype], threads, channels_last=(True, True)
    )

    def run(grad_out: Tensor, x: Tensor, W: Tensor) -> tuple[Tensor, Tensor] | None:
        a, b, c = dense(grad_out, *of_out), dense(x, *of_x), dense(W, *of_W)
        if a is None or b is None or c is None:
            return None
        g_lies, x_lies = grad_out.stride() == out_last, x.stride() == x_last
        W_lies = W.stride() == W_last
        if at_once is None or (as_they_lie and g_lies and x_lies):
            return dx[g_lies, W_lies](a, c), dW[g_lies, x_lies](a, b)
        at_end = g_lies or W_lies
        one, other = _in_one_pass(at_once, a.contiguous(), b.contiguous(), c, case)
        return (layouts.laid(one, at_end) if at_end else one), other

    return run


def shape_of(role: str, case: Case) -> Sizes:
    """The shape of x, W or the output."""
    return case.shape({"x": "dx", "W": "dW", "out": "forward"}[role])


def _asked(
    role: str, case: Case, dtype: torch.dtype
) -> tuple[torch.dtype, Sizes, int, Sizes | None]:
    """What an operand has to be: its dtype, shape, bytes, and the strides it may have."""
    shape = shape_of(role, case)
    also = None if role == "W" else layouts.last(shape)
    return dtype, shape, prod(shape) * dtype.itemsize, also


def _in_one_pass(
    both: plan.Prepared, g: Tensor, x: Tensor, W: Tensor, case: Case
) -> tuple[Tensor, Tensor]:
    geometry = case.geometry
    shapes = (geometry.out_shape, geometry.x_shape, geometry.W_shape)
    arrays = [a.detach().numpy().reshape(s) for a, s in zip((g, x, W), shapes, strict=True)]
    dx, dW = map(torch.from_numpy, both(*arrays))
    return dx.view(case.shape("dx")), dW.view(case.shape("dW"))


class _Kernels(dict[tuple[bool, bool], Callable[[Tensor, Tensor], Tensor]]):
    """A pass of tensors that `dense` let through, by whether the channels of each lie last."""

    def __init__(self, *of: Any) -> None:
        self.of = of

    def __missing__(self, lies: tuple[bool, bool]) -> Callable[[Tensor, Tensor], Tensor]:
        found = self[lies] = _kernel(*self.of, lies)
        return found


@lru_cache(maxsize=1024)
def _kernel(
    kind: str, case: Case, dtype: torch.dtype, threads: int, lies: tuple[bool, bool]
) -> Callable[[Tensor, Tensor], Tensor]:
    """The pass of tensors that lie so."""
    how = Execution(threads=threads)
    at_end = any(lies) and kind != "dW"
    of_x, of_out = {  # W is in order
        "forward": (lies[0], at_end),
        "dx": (at_end, lies[0]),
        "dW": (lies[1], lies[0]),
    }[kind]
    ready = numpy_passes.kernel(
        kind, case, DTYPES[dtype], threads, STORED.get(dtype), (of_x, of_out)
    )
    shape, empty = case.shape(kind), layouts.empty
    large = prod(shape) * dtype.itemsize > fresh_memory.LARGE

    def planned(first: Tensor, second: Tensor) -> Tensor:
        """By whichever engine takes it."""
        wide = torch.float32 if dtype in STORED else dtype
        arrays = first.detach().to(wide).numpy(), second.detach().to(wide).numpy()
        return torch.from_numpy(numpy_passes.run(kind, *arrays, case, how)).to(dtype)

    other: Callable[[Tensor, Tensor], Tensor] = planned
    if any(lies):
        other = _copied(_kernel(kind, case, dtype, threads, _PLANES), at_end)
    if ready is None:
        return other
    call = ready if CREW is None else ready.on(CREW)

    def compiled(first: Tensor, second: Tensor) -> Tensor:
        result = empty(shape, dtype, at_end)
        if large:
            fresh_memory.ask_for_large_pages(result)
        operands = _byte(first.data_ptr()), _byte(second.data_ptr())
        if call(*operands, _byte(result.data_ptr())) != native.DONE:
            return other(first, second)  # values that it declines, or there is too little memory
        return result

    return compiled


def _copied(
    planes: Callable[[Tensor, Tensor], Tensor], at_end: bool
) -> Callable[[Tensor, Tensor], Tensor]:
    """The pass by copies in planes, for kernels that read nothing else."""

    def copied(first: Tensor, second: Tensor) -> Tensor:
        return layouts.laid(planes(first.contiguous(), second.contiguous()), at_end)

    return copied
