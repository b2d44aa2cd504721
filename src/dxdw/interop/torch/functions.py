"""The passes of a convolution as PyTorch's autograd, its transforms and its compiler see them."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from ..bilinear import PULLBACKS, Case, stacked
from . import kernels, operators

_transforms_active = torch._C._are_functorch_transforms_active
_grad_enabled = torch.is_grad_enabled
# Of the older vmap, which `torch.autograd.grad(..., is_grads_batched=True)` still uses: it knows
# operators, and no autograd.Function.
_stands_for_many = torch._C._functorch.is_legacy_batchedtensor


def differentiable(
    kind: str, first: Tensor, second: Tensor, bias: Tensor | None, case: Case
) -> Tensor:
    """A pass, plus a bias for each of the result's channels, with derivatives of any order."""
    if _transforms_active():
        return Pass.apply(first, second, bias, kind, case)
    # What apply does more than its base is for transforms, and takes 15 µs.
    return _apply(first, second, bias, kind, case)


def _pass(kind: str, first: Tensor, second: Tensor, case: Case) -> Tensor:
    """A pass within a derivative: recorded only where the derivative is itself derived."""
    if _stands_for_many(first) or _stands_for_many(second):
        return operators.of_case(kind, first, second, case)
    if _grad_enabled() or _transforms_active():
        return differentiable(kind, first, second, None, case)
    return kernels.run(kind, first, second, case)


class Pass(Function):
    """One of the three passes; its gradients are the other two, and db."""

    @staticmethod
    def forward(
        first: Tensor, second: Tensor, bias: Tensor | None, kind: str, case: Case
    ) -> Tensor:
        result = kernels.run(kind, first, second, case)
        if bias is not None:
            result += bias.view(-1, *[1] * case.ndim)
        return result

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], _: Tensor) -> None:
        first, second, _, ctx.kind, ctx.case = inputs
        ctx.save_for_backward(first, second)
        ctx.save_for_forward(first, second)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        first, second = ctx.saved_tensors
        kind, case, needed = ctx.kind, ctx.case, ctx.needs_input_grad
        db = g.sum((0, *range(2, g.ndim))) if needed[2] else None
        plain = not (_grad_enabled() or _transforms_active() or _stands_for_many(g))
        if plain and kind == "forward" and needed[0] and needed[1]:
            return *kernels.run_both(g, first, second, case), db, None, None
        operands = (g, first, second)
        gradients = [
            _pass(pullback, operands[a], operands[b], case) if wanted else None
            for wanted, (pullback, (a, b)) in zip(needed, PULLBACKS[kind], strict=False)
        ]
        return *gradients, db, None, None

    @staticmethod
    def jvp(ctx: Any, *tangents: Tensor | None) -> Tensor:
        first, second = ctx.saved_tensors
        t_first, t_second, t_bias, *_ = tangents
        parts = []
        if t_first is not None:
            parts.append(_pass(ctx.kind, t_first, second, ctx.case))
        if t_second is not None:
            parts.append(_pass(ctx.kind, first, t_second, ctx.case))
        if t_bias is not None:
            column = t_bias.view(-1, *[1] * ctx.case.ndim)
            parts.append(column.expand(ctx.case.shape(ctx.kind)))
        return sum(parts[1:], parts[0])

    @staticmethod
    def vmap(
        _: Any,
        in_dims: tuple[Any, ...],
        first: Tensor,
        second: Tensor,
        bias: Tensor | None,
        kind: str,
        case: Case,
    ) -> tuple[Tensor, int]:
        at_first, at_second, at_bias, *_ = in_dims
        first = first if at_first is None else first.movedim(at_first, 0)
        second = second if at_second is None else second.movedim(at_second, 0)
        if at_first is None and at_second is None:
            result = differentiable(kind, first, second, None, case)[None]
        else:
            which = (
                "both"
                if None not in (at_first, at_second)
                else "second"
                if at_first is None
                else "first"
            )
            stack = stacked(kind, case, first, second, which, torch)
            result = differentiable(kind, stack.first, stack.second, None, stack.case)
            result = stack.unstack(result, torch)
        if bias is not None:
            bias = bias if at_bias is None else bias.movedim(at_bias, 0)
            result = result + bias.reshape(*bias.shape[:-1], 1, -1, *[1] * case.ndim)
        return result, 0


_apply = super(Function, Pass).apply
