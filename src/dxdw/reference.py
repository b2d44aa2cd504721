"""The definition, as loops: problem 01 and problem 05 of the practice series.

    out[o,i,j]  = Σ_{c,u,v} x[c,i+u,j+v] · W[o,c,u,v]
    dW[o,c,u,v] = Σ_{i,j}   grad_out[o,i,j] · x[c,i+u,j+v]
    dx[c,h,w]   = Σ_{o,u,v} grad_out[o,h−u,w−v] · W[o,c,u,v]     over the h−u, w−v that exist

The backward pass walks the forward's loop: one output cell was the dot product of one patch with
one kernel, so its gradient flows back to exactly that patch and that kernel.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _typed
from .call import geometries, operands
from .call.options import Options
from .core.arrays import is_numpy, lent
from .core.documentation import refused
from .typing import DxDW


@_typed.loops
def conv2d_naive(x: Any, W: Any) -> NDArray[Any]:
    """Out (C_out, out_H, out_W) of x (C_in, H, W) and W (C_out, C_in, kH, kW), as loops.

    Stride 1, no padding, in float64 (complex128 for complex arrays). `conv2d` does the same, fast.

    Parameters
    ----------
    x : array_like
        (C_in, H, W), one image.
    W : array_like
        (C_out, C_in, kH, kW).

    Returns
    -------
    array
        (C_out, out_H, out_W), new.

    See Also
    --------
    conv2d, conv2d_backward_naive

    Examples
    --------
    >>> conv2d_naive([[[1, 2], [3, 4]]], [[[[1, 1]]]])
    array([[[3.],
            [7.]]])
    """
    x, W = _operands(x=x, W=W)
    C_out, _, kH, kW = W.shape
    out_H, out_W = x.shape[1] - kH + 1, x.shape[2] - kW + 1
    out = np.zeros((C_out, out_H, out_W), np.result_type(x, W))
    for o in range(C_out):
        for i in range(out_H):
            for j in range(out_W):
                out[o, i, j] = np.sum(x[:, i : i + kH, j : j + kW] * W[o])
    return out


@_typed.loops_backward
def conv2d_backward_naive(grad_out: Any, x: Any, W: Any) -> DxDW[NDArray[Any]]:
    """(dx, dW) in the shapes of x and W, as loops; grad_out is (C_out, out_H, out_W).

    Stride 1, no padding, in float64. `conv2d_backward` does the same, fast. For complex arrays this
    is the plain sum of products, without conjugates.

    Parameters
    ----------
    grad_out : array_like
        (C_out, out_H, out_W).
    x : array_like
        (C_in, H, W), one image.
    W : array_like
        (C_out, C_in, kH, kW).

    Returns
    -------
    Gradients
        (dx, dW), in the shapes of x and W, new.

    See Also
    --------
    conv2d_backward, conv2d_naive

    Examples
    --------
    >>> dx, dW = conv2d_backward_naive([[[1], [0]]], [[[1, 2], [3, 4]]], [[[[5, 6]]]])
    >>> dx
    array([[[5., 6.],
            [0., 0.]]])
    >>> dW
    array([[[[1., 2.]]]])
    """
    grad_out, x, W = _operands(grad_out=grad_out, x=x, W=W)
    C_out, _, kH, kW = W.shape
    _, out_H, out_W = grad_out.shape
    dx = np.zeros(x.shape, np.result_type(grad_out, W))
    dW = np.zeros(W.shape, np.result_type(grad_out, x))
    for o in range(C_out):
        for i in range(out_H):
            for j in range(out_W):
                g = grad_out[o, i, j]
                dW[o] += g * x[:, i : i + kH, j : j + kW]
                dx[:, i : i + kH, j : j + kW] += g * W[o]
    return DxDW(dx, dW)


def _of_numpy(a: Any, name: str) -> Any:
    """The values of another library's array, where its memory holds them."""
    if is_numpy(a):
        return a
    if (values := lent(a)) is None:
        raise refused(
            TypeError,
            f"{name} is a {operands.type_name(a)} that NumPy can't read: the loops take its own "
            "arrays, so convert it first",
        )
    return values[0]


def _operands(**given: Any) -> list[Any]:
    """Checked, and wide, for an oracle must not round."""
    arrays = {name: _of_numpy(operands.array(a, name), name) for name, a in given.items()}
    x, W = arrays["x"], arrays["W"]
    if x.ndim != 3:
        raise refused(ValueError, f"x has shape {x.shape}: the loops take one image (C_in, H, W)")
    geometry, _ = geometries.convolution(2, x.shape, W.shape, Options())
    if "grad_out" in arrays:
        operands.check_grad_out(arrays["grad_out"], geometry.out_shape[1:], x, W, geometry)
    return [a.astype(np.complex128 if a.dtype.kind == "c" else np.float64) for a in arrays.values()]
