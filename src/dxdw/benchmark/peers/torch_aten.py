"""PyTorch: the operators behind `F.conv2d` and its backward, in both memory layouts.

`aten.convolution_backward` is what autograd calls, without the tape around it; output_mask says
which gradients are computed. The operands are in their layout before anything is timed.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..task import Task, Way

LIBRARY = "torch"


def prepare(task: Task) -> dict[str, Way]:
    """The pass in NCHW and in channels_last."""
    import torch

    ways = {}
    for name, layout in (("NCHW", torch.contiguous_format), ("NHWC", torch.channels_last)):
        arrays = (task.grad_out, task.x, task.W)
        # Cloned: the memory of a NumPy array is not aligned as PyTorch's own.
        tensors = [torch.from_numpy(a).clone(memory_format=layout) for a in arrays]
        ways[name] = Way(_forward(task, *tensors[1:]), _arrays)
        if task.kind != "forward":
            ways[name] = Way(_backward(task, *tensors), _arrays)
    return ways


@contextmanager
def limited(threads: int) -> Iterator[bool]:
    """Set PyTorch's number of threads within an operator."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield True
    finally:
        torch.set_num_threads(before)


def _forward(task: Task, x: Any, W: Any) -> Any:
    import torch
    from torch.nn.functional import conv2d

    options = task.problem.options

    def forward() -> Any:
        with torch.no_grad():
            return conv2d(x, W, **options)

    return forward


def _backward(task: Task, grad_out: Any, x: Any, W: Any) -> Any:
    import torch

    convolution_backward = torch.ops.aten.convolution_backward.default
    p = task.problem
    sizes = (list(p.stride), list(p.padding), list(p.dilation), False, [0, 0], p.groups)
    mask = ["dx" in task.needs, "dW" in task.needs, False]
    return lambda: convolution_backward(grad_out, x, W, None, *sizes, mask)


def _arrays(result: Any) -> tuple[Any, ...]:
    results = result if isinstance(result, tuple) else (result,)
    return tuple(r.numpy() for r in results if r is not None)
