"""The passes of a convolution as PyTorch's autograd sees them in a plain, eager call."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from ...core.torch_memory import dense
from ..bilinear import PULLBACKS, Case
from . import kernels, operators, pytorch_passes, tensors
from .ways import OURS, Ways

_grad_enabled = torch.is_grad_enabled


def _pass(kind: str, first: Tensor, second: Tensor, case: Case, *, alone: bool) -> Tensor:
    """A pass by the kernels where nobody looks on and they take it, or else as an operator."""
    result = kernels.run(kind, first, second, case) if alone else None
    return operators.of_case(kind, first, second, case) if result is None else result


class ConvolutionPass(Function):
    """One of the three passes; its gradients are the other two, and db."""

    @staticmethod
    @tensors.untraced
    def forward(
        ctx: Any,
        first: Tensor,
        second: Tensor,
        bias: Tensor | None,
        kind: str,
        case: Case,
        ways: Ways = OURS,
    ) -> Tensor:
        ctx.kind, ctx.case, ctx.ways = kind, case, ways
        ctx.save_for_backward(first, second)
        if not ways.forward and (given := pytorch_passes.arguments(kind, case)):
            return pytorch_passes.forward(first, second, bias, given)
        result = _pass(kind, first, second, case, alone=True)
        if bias is not None:
            channels, dtype = result.shape[1], result.dtype
            read = dense(bias, dtype, (channels,), channels * dtype.itemsize)
            column = (bias if read is None else read).view(-1, *[1] * case.ndim)
            result = result + column if read is None else result.add_(column)
        return result

    @staticmethod
    @tensors.untraced
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        tensors.check_grad_out(g)
        first, second = ctx.saved_tensors
        kind, case, needed = ctx.kind, ctx.case, ctx.needs_input_grad
        alone = not _grad_enabled() and tensors.unwatched()
        if alone and not ctx.ways.backward and (given := pytorch_passes.arguments(kind, case)):
            return *pytorch_passes.gradients(g, first, second, given, needed[:3]), None, None, None
        db = g.sum((0, *range(2, g.ndim))) if needed[2] else None
        if alone and kind == "forward" and needed[0] and needed[1]:
            both = kernels.run_both(g, first, second, case)
            if both is not None:
                return *both, db, None, None, None
        operands = (g, first, second)
        gradients = [
            _pass(pullback, operands[a], operands[b], case, alone=alone) if wanted else None
            for wanted, (pullback, (a, b)) in zip(needed, PULLBACKS[kind], strict=False)
        ]
        return *gradients, db, None, None, None


# What Function.apply does more than its base is for transforms, which never come here; 15 µs.
differentiable = super(Function, ConvolutionPass).apply
