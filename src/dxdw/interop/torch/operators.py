"""The passes as an operator of PyTorch's dispatcher: what its compiler and its tracers record.

Eager calls do without: an operator written in Python takes 15 to 30 µs more than an
autograd.Function.
"""

from typing import Any

import torch
from torch import Tensor
from torch.library import custom_op

from ..bilinear import PULLBACKS, Case
from . import kernels


def recorded() -> bool:
    """Whether somebody looks at the operators that are called, and so has to find one."""
    return bool(torch.compiler.is_compiling() or torch._C._len_torch_dispatch_stack())


# Sizes are those of the result, and may be symbols; before and after are the padding.
@custom_op("dxdw::convolution_pass", mutates_args=())
def convolution_pass(
    kind: str,
    first: Tensor,
    second: Tensor,
    sizes: list[int],
    stride: list[int],
    before: list[int],
    after: list[int],
    dilation: list[int],
    groups: int,
) -> Tensor:
    """forward of (x, W), dx of (grad_out, W) or dW of (grad_out, x)."""
    x_shape = (
        tuple(sizes) if kind == "dx" else tuple((first if kind == "forward" else second).shape)
    )
    W_shape = tuple(sizes) if kind == "dW" else tuple(second.shape)
    padding = tuple(zip(before, after, strict=True))
    case = kernels.convolution(
        len(stride), x_shape, W_shape, tuple(stride), padding, tuple(dilation), groups
    )
    return kernels.run(kind, first, second, case)


@convolution_pass.register_fake
def _(_: str, first: Tensor, __: Tensor, sizes: list[int], *___: Any) -> Tensor:
    return first.new_empty(sizes)


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:  # noqa: ARG001
    ctx.kind, first, second, _, *ctx.options = inputs
    ctx.save_for_backward(first, second)


def _backward(ctx: Any, g: Tensor) -> tuple[Any, ...]:
    operands = (g, *ctx.saved_tensors)
    gradients = [
        convolution_pass(pullback, operands[a], operands[b], list(operand.shape), *ctx.options)
        if wanted
        else None
        for wanted, operand, (pullback, (a, b)) in zip(
            ctx.needs_input_grad[1:3], operands[1:], PULLBACKS[ctx.kind], strict=True
        )
    ]
    return None, *gradients, *[None] * 6


convolution_pass.register_autograd(_backward, setup_context=_setup_context)


def of_case(kind: str, first: Tensor, second: Tensor, case: Case) -> Tensor:
    """The operator on a case that is known."""
    axes = case.geometry.axes[-case.ndim :]
    stride, before, after, dilation = (
        [getattr(a, name) for a in axes] for name in ("stride", "before", "after", "dilation")
    )
    options = (stride, before, after, dilation, case.geometry.groups)
    return convolution_pass(kind, first, second, list(case.shape(kind)), *options)


def forward(x: Tensor, W: Tensor, stride: Any, padding: Any, dilation: Any, groups: int) -> Tensor:
    """The operator's convolution; sizes may be symbols."""
    taps = W.shape[2:]
    stride, dilation = _each(stride, taps), _each(dilation, taps)
    spans = [(k - 1) * d for k, d in zip(taps, dilation, strict=True)]
    if padding == "same":
        before, after = [s // 2 for s in spans], [s - s // 2 for s in spans]
    else:
        before = after = _each(0 if padding == "valid" else padding, taps)
    outs = [
        (n + b + a - span - 1) // s + 1
        for n, b, a, span, s in zip(x.shape[2:], before, after, spans, stride, strict=True)
    ]
    sizes = [x.shape[0], W.shape[0], *outs]
    return convolution_pass("forward", x, W, sizes, stride, before, after, dilation, groups)


def transposed(
    x: Tensor, W: Tensor, stride: Any, padding: Any, output_padding: Any, groups: int, dilation: Any
) -> Tensor | None:
    """The operator's transposed convolution; None where its sizes do not tell x's."""
    taps = W.shape[2:]
    stride, padding, extra, dilation = (
        _each(v, taps) for v in (stride, padding, output_padding, dilation)
    )
    if any(e >= s for e, s in zip(extra, stride, strict=True)):
        return None
    outs = [
        (n - 1) * s - 2 * p + (k - 1) * d + 1 + e
        for n, k, s, p, d, e in zip(
            x.shape[2:], taps, stride, padding, dilation, extra, strict=True
        )
    ]
    sizes = [x.shape[0], W.shape[1] * groups, *outs]
    return convolution_pass("dx", x, W, sizes, stride, padding, padding, dilation, groups)


def _each(value: Any, taps: Any) -> list[int]:
    return [value] * len(taps) if isinstance(value, int) else list(value)
