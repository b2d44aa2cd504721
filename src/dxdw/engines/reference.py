"""The seed's loops for every geometry: the definition, run as it is written. Only by name."""

from typing import Any

import numpy as np

from ..core.arrays import Array
from ..core.geometry import ConvGeometry
from ..core.problem import Problem, direct_bound

METHOD = "the definition's loops, in float64"


def declines(problem: Problem) -> str | None:
    if problem.library != "numpy":
        return f"takes NumPy arrays, not those of {problem.library}"
    return None


def workspace(problem: Problem) -> int:
    """Bytes of the padded x and its gradient, and of the operands, in the wide dtype."""
    padded = _padded_elements(problem.geometry)
    return (2 * padded + sum(problem.geometry.sizes)) * _wide(problem.dtype).itemsize


least_workspace = workspace


def error_bound(problem: Problem) -> str:
    wide = problem._replace(dtype=np.dtype(np.float64))
    return direct_bound(wide) + ", then one rounding"


def run(problem: Problem, first: Array, second: Array) -> Array:
    geometry = problem.geometry
    first, second = (a.astype(_wide(problem.dtype)) for a in (first, second))
    if problem.kind == "forward":
        x, W, grad_out = first, second, np.zeros(geometry.out_shape, first.dtype)
    elif problem.kind == "dx":
        x, W, grad_out = np.zeros(geometry.x_shape, first.dtype), second, first
    else:
        x, W, grad_out = second, np.zeros(geometry.W_shape, first.dtype), first
    borders = [(0, 0), (0, 0), *((a.before, a.after) for a in geometry.axes)]
    x = np.pad(x, borders)
    dx, dW = np.zeros_like(x), np.zeros_like(W)
    in_group = geometry.channels_in // geometry.groups
    out_group = geometry.channels_out // geometry.groups
    for n, o, *position in np.ndindex(geometry.out_shape):
        cell: Any = (n, o, *position)
        first_channel = o // out_group * in_group
        window: Any = (
            n,
            slice(first_channel, first_channel + in_group),
            *(
                slice(i * a.stride, i * a.stride + a.extent, a.dilation)
                for i, a in zip(position, geometry.axes, strict=True)
            ),
        )
        if problem.kind == "forward":
            grad_out[cell] = np.sum(x[window] * W[o])
        elif problem.kind == "dx":
            dx[window] += grad_out[cell] * W[o]
        else:
            dW[o] += grad_out[cell] * x[window]
    crop: Any = (..., *(slice(a.before, a.before + a.size) for a in geometry.axes))
    result = {"forward": grad_out, "dx": dx[crop], "dW": dW}[problem.kind]
    return np.ascontiguousarray(result, problem.dtype)


def _wide(dtype: Any) -> np.dtype[Any]:
    return np.dtype(np.complex128 if np.dtype(dtype).kind == "c" else np.float64)


def _padded_elements(geometry: ConvGeometry) -> int:
    elements = geometry.batch * geometry.channels_in
    for axis in geometry.axes:
        elements *= axis.padded
    return elements
