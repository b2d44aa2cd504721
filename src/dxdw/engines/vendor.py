"""PyTorch's own convolution of tensors on a device: cuDNN's, say. Nobody here writes GPU kernels.

It promises neither the elementwise bound nor a limit of memory, so who asks for these is served by
the array engine's matrix products on the device. (No GPU was at hand: this was run on the CPU.)
"""

from typing import Any

from ..core.arrays import Array, device_of
from ..core.problem import BOTH, Problem

METHOD = "PyTorch's own convolution, on its device"
AT_ONCE = True  # takes both gradients by one call


def declines(problem: Problem) -> str | None:
    if problem.library != "torch" or problem.device == "cpu":
        return "takes PyTorch's tensors on a device such as a GPU"
    if problem.how.precision == "highest":
        return "PyTorch promises no elementwise bound"
    if problem.how.max_workspace is not None:
        return "PyTorch takes no limit of scratch memory"
    if any(a.padded - a.extent >= a.out * a.stride for a in problem.geometry.axes):
        return "PyTorch wants as many outputs as there is room for"
    return None


def least_workspace(_: Problem) -> int:
    """Not known: who limits it is declined."""
    return 0


workspace = least_workspace


def error_bound(_: Problem) -> str:
    return "as PyTorch has it on that device"


def run(problem: Problem, first: Array, second: Array, third: Array | None = None) -> Any:
    import torch
    from torch.nn.functional import pad

    geometry, kind = problem.geometry, problem.kind
    axes = geometry.axes
    even = all(a.before == a.after for a in axes)
    # PyTorch pads both sides alike; elsewhere x comes padded, and the gradient is cut.
    pads = [a.before if even else 0 for a in axes]
    sides = [n for a in reversed(axes) for n in (a.before, a.after)]
    options = ([a.stride for a in axes], pads, [a.dilation for a in axes], False, [0] * len(axes))

    def padded(x: Array) -> Array:
        return x if even else pad(x, sides)

    with torch.no_grad():
        if kind == "forward":
            return torch.convolution(padded(first), second, None, *options, geometry.groups)
        # Of an operand that no result is made of, PyTorch wants the shape.
        where = {"dtype": first.dtype, "device": device_of(first)}
        inner = geometry if even else geometry.prepadded
        if kind == "dx":
            x, W = torch.empty(inner.x_shape, **where), second
        elif kind == "dW":
            x, W = padded(second), torch.empty(geometry.W_shape, **where)
        else:
            x, W = padded(second), third
        dx, dW, _ = torch.ops.aten.convolution_backward(
            first, x, W, None, *options, geometry.groups, [kind != "dW", kind != "dx", False]
        )
    if not even and dx is not None:
        inside = (slice(a.before, a.before + a.size) for a in axes)
        dx = dx[(slice(None), slice(None), *inside)].contiguous()
    return {"dx": dx, "dW": dW, BOTH: [dx, dW]}[kind]
