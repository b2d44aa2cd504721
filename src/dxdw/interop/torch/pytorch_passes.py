"""The passes by PyTorch's own convolution, of whatever tensors it takes: where kernels can't be."""

import torch
from torch import Tensor
from torch.nn.functional import pad


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
