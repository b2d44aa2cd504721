"""PyTorch's own convolution of tensors on a device: cuDNN's, say. Nobody here writes GPU kernels.

It promises neither the elementwise bound nor a limit of memory, so who asks for these is served by
the array engine's matrix products on the device. (No GPU was at hand: this was run on the CPU.)
"""

from ..core.arrays import Array, device_of
from ..core.problem import Problem


def takes(problem: Problem, a: Array) -> bool:
    """Whether the operands, of which this is one, are for it."""
    return (
        problem.library == "torch"
        and a.device.type != "cpu"
        and problem.precision != "highest"
        and problem.max_workspace is None
        # PyTorch wants as many outputs as there is room for.
        and all(a.padded - a.extent < a.out * a.stride for a in problem.geometry.axes)
    )


def run(problem: Problem, first: Array, second: Array) -> Array:
    import torch
    from torch.nn.functional import pad

    geometry = problem.geometry
    axes = geometry.axes
    even = all(a.before == a.after for a in axes)
    # PyTorch pads both sides alike; elsewhere x comes padded, and the gradient is cut.
    pads = [a.before if even else 0 for a in axes]
    sides = [n for a in reversed(axes) for n in (a.before, a.after)]
    options = ([a.stride for a in axes], pads, [a.dilation for a in axes], False, [0] * len(axes))

    def padded(x: Array) -> Array:
        return x if even else pad(x, sides)

    with torch.no_grad():
        if problem.kind == "forward":
            return torch.convolution(padded(first), second, None, *options, geometry.groups)
        if problem.kind == "dW":
            x = padded(second)
            W = torch.empty(geometry.W_shape, dtype=x.dtype, device=device_of(x))
        else:
            W, inner = second, geometry if even else geometry.prepadded
            x = torch.empty(inner.x_shape, dtype=W.dtype, device=device_of(W))
        mask = [problem.kind == "dx", problem.kind == "dW", False]
        dx, dW, _ = torch.ops.aten.convolution_backward(
            first, x, W, None, *options, geometry.groups, mask
        )
    if problem.kind == "dW":
        return dW
    inside = [slice(None)] * 2
    if not even:
        inside += [slice(a.before, a.before + a.size) for a in axes]
    return dx[tuple(inside)].contiguous()
