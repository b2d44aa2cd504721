"""How images lie in memory: in planes, or with their channels last, as PyTorch has both.

As in PyTorch's own convolutions (but float64 in three dimensions), the channels of a result lie
last where those of either operand do, W's among them: so does the forward pass of x and W, and dx
of grad_out and W. dW lies in order.
"""

from typing import Any

import torch
from torch import Tensor

_FORMATS = {4: torch.channels_last, 5: torch.channels_last_3d}  # of an image, of a volume


def last(shape: Any) -> tuple[Any, ...] | None:
    """The strides of a tensor whose channels lie last; None where PyTorch has no such format, or
    where they are those of planes too."""
    _, channels, *sizes = shape
    if len(shape) not in _FORMATS or (channels == 1 and all(n == 1 for n in sizes)):
        return None
    step, along = channels, []
    for n in reversed(sizes):
        along.append(step)
        step = step * n
    return (step, 1, *reversed(along))


def lies_last(a: Tensor) -> bool:
    """Whether its channels lie last; of one channel, or one position, its strides tell."""
    return bool(a.stride() == last(a.shape))


def empty(shape: tuple[int, ...], dtype: torch.dtype, at_end: bool) -> Tensor:
    """A new tensor of these, whose channels lie last or in planes."""
    if at_end:
        return torch.empty(shape, dtype=dtype, memory_format=_FORMATS[len(shape)])
    return torch.empty(shape, dtype=dtype)


def laid(a: Tensor, at_end: bool) -> Tensor:
    """The tensor, itself or copied, whose channels lie last or in planes."""
    if at_end:
        return a.contiguous(memory_format=_FORMATS[a.ndim])
    return a.contiguous()


def laid_by(a: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """A result of a pass forward or dx of these operands, as it is to lie."""
    return laid(a, lies_last(first) or lies_last(second))
