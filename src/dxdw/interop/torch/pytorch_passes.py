"""The passes by PyTorch's own convolution, of whatever tensors it takes: where kernels can't be."""

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from ..bilinear import Case


def by_pytorch(
    kind: str,
    first: Tensor,
    second: Tensor,
    sizes: list[int],
    stride: list[int],
    before: list[int],
    after: list[int],  # noqa: ARG001  # what it is of is known from the sizes
    dilation: list[int],
    groups: int,
) -> Tensor:
    """forward of (x, W), dx of (grad_out, W) or dW of (grad_out, x), with a result of these sizes.

    The input that the windows of the outputs span is cut out of x and its padding first, so that no
    padding is left: it may differ before and after, and outputs may be fewer than would have room.
    """
    W_shape = list(sizes) if kind == "dW" else list(second.shape)
    out = list(sizes) if kind == "forward" else list(first.shape)
    size = {"forward": first, "dx": None, "dW": second}[kind]
    along = list(sizes)[2:] if size is None else list(size.shape)[2:]
    spans = [
        (n - 1) * s + (k - 1) * d + 1
        for n, s, k, d in zip(out[2:], stride, W_shape[2:], dilation, strict=True)
    ]
    edges = [(b, span - b - n) for b, span, n in zip(before, spans, along, strict=True)]
    zeros = [0] * len(stride)
    options = (stride, zeros, dilation)
    if kind == "dx":
        whole = torch.ops.aten.convolution(first, second, None, *options, True, zeros, groups)
        return _widened(whole, [(-low, -high) for low, high in edges])
    if kind == "forward":
        x = _widened(first, edges)
        return torch.ops.aten.convolution(x, second, None, *options, False, zeros, groups)
    W = torch.empty((), dtype=first.dtype, device=first.device).expand(W_shape)  # its shape counts
    rest = (*options, False, zeros, groups, [False, True, False])
    x = _widened(second, edges)
    return torch.ops.aten.convolution_backward(first, x, W, None, *rest)[1]


def _widened(a: Tensor, edges: list[tuple[int, int]]) -> Tensor:
    """a with zeros before and after along each axis; what is negative is cut off."""
    return pad(a, [n for pair in reversed(edges) for n in pair])


# --- of a case, as PyTorch's own function has it --------------------------------------------------


@lru_cache(maxsize=1024)
def arguments(kind: str, case: Case) -> tuple[Any, ...] | None:
    """stride, padding, dilation, transposed, output padding and groups of the function of which
    `kind` is the forward pass; None where its padding differs before and after."""
    geometry = case.geometry
    axes = geometry.axes[-case.ndim :]
    stride, before, dilation = (
        [getattr(a, name) for a in axes] for name in ("stride", "before", "dilation")
    )
    extra = [0] * len(axes)
    for i, a in enumerate(axes):
        if kind == "dx":
            extra[i] = a.size - ((a.out - 1) * a.stride - 2 * a.before + a.extent)
            if not 0 <= extra[i] < max(a.stride, a.dilation):
                return None
        elif (a.size + 2 * a.before - a.extent) // a.stride + 1 != a.out:
            return None
    return stride, before, dilation, kind == "dx", extra, geometry.groups


def forward(first: Tensor, second: Tensor, bias: Tensor | None, given: tuple[Any, ...]) -> Tensor:
    """The convolution of these arguments, of (x, W)."""
    result: Tensor = torch.ops.aten.convolution.default(first, second, bias, *given)
    return result


def gradients(
    g: Tensor, first: Tensor, second: Tensor, given: tuple[Any, ...], needed: Any
) -> tuple[Tensor | None, ...]:
    """Those of x, W and bias that are needed."""
    channels = [g.shape[1]]
    results: tuple[Tensor | None, ...] = torch.ops.aten.convolution_backward.default(
        g, first, second, channels, *given, list(needed)
    )
    return results
