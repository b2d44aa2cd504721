"""The passes of a convolution on PyTorch's tensors, where they lie: their addresses are handed over.

The bridge's own cost counts: LeNet's second layer takes 100 µs. What depends on shapes and options
alone is found once, so that a call is a look-up, `torch.empty` and the kernel.
"""

from collections.abc import Callable
from ctypes import c_ubyte
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ... import arguments, passes, plan
from ...engines import native
from ...engines.problem import Problem
from ..bilinear import Case

DTYPES = {torch.float32: np.dtype(np.float32), torch.float64: np.dtype(np.float64)}

Sizes = tuple[int, ...]

_byte = c_ubyte.from_address
_threads = torch.get_num_threads


@lru_cache(maxsize=1024)
def convolution(
    ndim: int, x_shape: Sizes, W_shape: Sizes, stride: Any, padding: Any, dilation: Any, groups: int
) -> Case:
    """The checked case of a convolution of x with a batch axis."""
    geometry, _ = arguments.convolution(
        ndim, x_shape, W_shape, padding, stride, dilation, groups
    )
    return Case(geometry, ndim)


@lru_cache(maxsize=1024)
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
    """dx and dW, in one pass over grad_out where there is a kernel for it."""
    if case.geometry.groups > 1:
        how = arguments.Execution(threads=_threads())
        operands = zip(
            (grad_out, x, W), (case.geometry.out_shape, case.geometry.x_shape, case.geometry.W_shape), strict=True
        )
        arrays = [_dense(a).detach().numpy().reshape(shape) for a, shape in operands]
        both = plan.run_both(*arrays, case.geometry, how)
        if both is not None:
            dx, dW = (torch.from_numpy(a) for a in both)
            return dx.view(case.shape("dx")), dW.view(case.shape("dW"))
    return run("dx", grad_out, W, case), run("dW", grad_out, x, case)


@lru_cache(maxsize=1024)
def _runner(
    kind: str, case: Case, dtype: torch.dtype, threads: int
) -> Callable[[Tensor, Tensor], Tensor]:
    """The pass of dense tensors of these shapes."""
    how = arguments.Execution(threads=threads)
    geometry, shape = case.geometry, case.shape(kind)
    problem = Problem(kind, geometry, DTYPES[dtype], threads=threads)
    call = passes.Call(case.ndim, geometry, True, problem.dtype, problem.dtype, how)
    operands = {"forward": (call.x, call.W), "dx": (call.out, call.W), "dW": (call.out, call.x)}

    def planned(first: Tensor, second: Tensor) -> Tensor:
        """By whichever engine takes it."""
        a, b = (to(t.detach().numpy()) for to, t in zip(operands[kind], (first, second), strict=True))
        try:
            return torch.from_numpy(plan.run(kind, a, b, geometry, how)).view(shape)
        except MemoryError as error:
            raise call.too_large(error) from error

    engine = plan.accepting(problem)[0]
    if engine not in plan.COMPILED:
        return planned
    ready = native.prepared(problem, engine)
    empty = torch.empty

    def compiled(first: Tensor, second: Tensor) -> Tensor:
        result = empty(shape, dtype=dtype)
        addresses = first.data_ptr(), second.data_ptr(), result.data_ptr()
        if ready(*map(_byte, addresses)) != native.DONE:
            return planned(first, second)  # values that the kernel declines, or too little memory
        return result

    return compiled


def _dense(a: Tensor) -> Tensor:
    """a itself where its elements lie in order and are what they seem."""
    if a.is_neg():
        a = a.resolve_neg()
    return a.contiguous()
