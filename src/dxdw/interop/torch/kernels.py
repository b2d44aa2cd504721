"""The passes of a convolution on PyTorch's tensors, where they lie: addresses are handed over.

The bridge's own cost counts: LeNet's layers take some 100 µs. What depends on shapes and options
alone is found once, so that a call is a look-up, a look at the tensors, `torch.empty` and the
kernel.
"""

from collections.abc import Callable
from ctypes import CDLL, c_ubyte, c_void_p, cast
from dataclasses import replace
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from ... import arguments, plan
from ...documentation import pointing_to, refused
from ...engines import native
from .. import numpy_passes
from ..bilinear import ROLES, Case
from .tensors import DTYPES, dense

ROOM = "torch"

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

_byte = c_ubyte.from_address
_threads = torch.get_num_threads


# --- cases ----------------------------------------------------------------------------------------


@lru_cache(maxsize=1024)
@pointing_to(ROOM)
def convolution(
    ndim: int, x_shape: Sizes, W_shape: Sizes, stride: Any, padding: Any, dilation: Any, groups: int
) -> Case:
    """The checked case of a convolution of x with a batch axis."""
    stride, padding, dilation = (_each(v, ndim) for v in (stride, padding, dilation))
    geometry, _ = arguments.convolution(ndim, x_shape, W_shape, padding, stride, dilation, groups)
    if padding == "same" and any(a.stride > 1 for a in geometry.axes):
        raise refused(ValueError, f"stride is {stride}: with padding 'same' it must be 1", ROOM)
    return Case(geometry, ndim)


@lru_cache(maxsize=1024)
@pointing_to(ROOM)
def transposed(
    ndim: int,
    x_shape: Sizes,
    W_shape: Sizes,
    stride: Any,
    padding: Any,
    output_padding: Any,
    groups: int,
    dilation: Any,
) -> Case:
    """The checked case of the convolution that a transposed one is the dx of."""
    stride, padding, output_padding, dilation = (
        _each(v, ndim) for v in (stride, padding, output_padding, dilation)
    )
    geometry, _ = arguments.transposed(
        ndim, x_shape, W_shape, padding, stride, output_padding, dilation, groups
    )
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
    geometry, _ = arguments.convolution(ndim, x, W, padding, stride, dilation, groups)
    case = Case(geometry, ndim)
    most = case.shape("forward")
    fits = out[:2] == most[:2] and all(0 < n <= m for n, m in zip(out[2:], most[2:], strict=True))
    if len(out) != len(most) or not fits:
        raise ValueError(f"the output has shape {out}: it must be {most}, or less along an axis")
    # A transposed convolution with more output padding than its stride has less.
    sizes = (1,) * (len(geometry.axes) - ndim) + out[2:]
    axes = tuple(replace(a, out=n) for a, n in zip(geometry.axes, sizes, strict=True))
    return case._replace(geometry=replace(geometry, axes=axes))


# --- passes ---------------------------------------------------------------------------------------


def run(kind: str, first: Tensor, second: Tensor, case: Case) -> Tensor | None:
    """forward of (x, W), dx of (grad_out, W) or dW of (grad_out, x): a new, contiguous tensor.

    None where the operands are not what the kernels read, so that PyTorch has to answer.
    """
    dtype = first.dtype
    return _runner(kind, case, dtype, _threads())(first, second) if dtype in DTYPES else None


def run_both(grad_out: Tensor, x: Tensor, W: Tensor, case: Case) -> list[Tensor] | None:
    """dx and dW in one pass over grad_out, where there is a kernel for that; None elsewhere."""
    geometry, dtype = case.geometry, grad_out.dtype
    if geometry.groups == 1 or dtype not in DTYPES:
        return None
    arrays = []
    for kind, a in (("forward", grad_out), ("dx", x), ("dW", W)):
        read = dense(a, dtype, case.shape(kind))
        if read is None:
            return None
        arrays.append(read.detach().numpy())
    shapes = (geometry.out_shape, geometry.x_shape, geometry.W_shape)
    operands = [a.reshape(shape) for a, shape in zip(arrays, shapes, strict=True)]
    how = arguments.Execution(threads=_threads())
    both = plan.run_both(operands[0], operands[1], operands[2], geometry, how)
    if both is None:
        return None
    kinds = zip(both, ("dx", "dW"), strict=True)
    return [torch.from_numpy(a).view(case.shape(kind)) for a, kind in kinds]


@lru_cache(maxsize=1024)
def _runner(
    kind: str, case: Case, dtype: torch.dtype, threads: int
) -> Callable[[Tensor, Tensor], Tensor | None]:
    """The pass of tensors of the case's shapes; None of any others."""
    how = arguments.Execution(threads=threads)
    ready = numpy_passes.kernel(kind, case, DTYPES[dtype], threads)
    call = ready if ready is None or CREW is None else ready.on(CREW)
    kinds = {"x": "dx", "W": "dW", "out": "forward"}  # whose result has the shape
    one, two, shape = (case.shape(kinds[role]) for role in ROLES[kind])
    empty = torch.empty

    def run(first: Tensor, second: Tensor) -> Tensor | None:
        a, b = dense(first, dtype, one), dense(second, dtype, two)
        if a is None or b is None:
            return None
        if call is not None:
            result = empty(shape, dtype=dtype)
            addresses = a.data_ptr(), b.data_ptr(), result.data_ptr()
            if call(*map(_byte, addresses)) == native.DONE:
                return result
        # Another engine takes it, or the kernel declines its values, or there is too little memory.
        arrays = a.detach().numpy(), b.detach().numpy()
        return torch.from_numpy(numpy_passes.run(kind, *arrays, case, how))

    return run
