"""The passes of a convolution on PyTorch's tensors, where they lie: addresses are handed over.

The bridge's own cost counts: LeNet's layers take some 100 µs. What depends on shapes and options
alone is found once, so that a call is a look-up, `torch.empty` and the kernel.
"""

from collections.abc import Callable
from ctypes import CDLL, c_ubyte, c_void_p, cast
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ... import arguments, plan
from ...documentation import pointing_to
from ...engines import native
from .. import numpy_passes
from ..bilinear import Case

ROOM = "torch"
DTYPES = {torch.float32: np.dtype(np.float32), torch.float64: np.dtype(np.float64)}

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


@lru_cache(maxsize=1024)
@pointing_to(ROOM)
def convolution(
    ndim: int, x_shape: Sizes, W_shape: Sizes, stride: Any, padding: Any, dilation: Any, groups: int
) -> Case:
    """The checked case of a convolution of x with a batch axis."""
    geometry, _ = arguments.convolution(ndim, x_shape, W_shape, padding, stride, dilation, groups)
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
    geometry, _ = arguments.transposed(
        ndim, x_shape, W_shape, padding, stride, output_padding, dilation, groups
    )
    return Case(geometry, ndim)


def run(kind: str, first: Tensor, second: Tensor, case: Case) -> Tensor:
    """forward of (x, W), dx of (grad_out, W) or dW of (grad_out, x): a new, contiguous tensor."""
    return _runner(kind, case, first.dtype, _threads())(_dense(first), _dense(second))


def run_both(grad_out: Tensor, x: Tensor, W: Tensor, case: Case) -> tuple[Tensor, Tensor]:
    """dx and dW: in one pass over grad_out where there is a kernel for it."""
    geometry = case.geometry
    if geometry.groups > 1:
        shapes = (geometry.out_shape, geometry.x_shape, geometry.W_shape)
        tensors = zip((grad_out, x, W), shapes, strict=True)
        arrays = [_dense(a).detach().numpy().reshape(shape) for a, shape in tensors]
        how = arguments.Execution(threads=_threads())
        if both := plan.run_both(arrays[0], arrays[1], arrays[2], geometry, how):
            dx, dW = map(torch.from_numpy, both)
            return dx.view(case.shape("dx")), dW.view(case.shape("dW"))
    return run("dx", grad_out, W, case), run("dW", grad_out, x, case)


@lru_cache(maxsize=1024)
def _runner(
    kind: str, case: Case, dtype: torch.dtype, threads: int
) -> Callable[[Tensor, Tensor], Tensor]:
    """The pass of dense tensors of the case's shapes."""
    how = arguments.Execution(threads=threads)
    ready = numpy_passes.kernel(kind, case, DTYPES[dtype], threads)
    shape, empty = case.shape(kind), torch.empty

    def planned(first: Tensor, second: Tensor) -> Tensor:
        """By whichever engine takes it."""
        arrays = first.detach().numpy(), second.detach().numpy()
        return torch.from_numpy(numpy_passes.run(kind, *arrays, case, how))

    if ready is None:
        return planned
    call = ready if CREW is None else ready.on(CREW)

    def compiled(first: Tensor, second: Tensor) -> Tensor:
        result = empty(shape, dtype=dtype)
        addresses = first.data_ptr(), second.data_ptr(), result.data_ptr()
        if call(*map(_byte, addresses)) != native.DONE:
            return planned(first, second)  # values that it declines, or there is too little memory
        return result

    return compiled


def _dense(a: Tensor) -> Tensor:
    """a itself where its elements lie in order and are what they seem."""
    if a.is_neg():
        a = a.resolve_neg()
    return a.contiguous()
