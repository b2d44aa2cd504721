"""The definition, as loops: problem 01 and problem 05 of the practice series.

    out[o,i,j]  = Σ_{c,u,v} x[c,i+u,j+v] · W[o,c,u,v]
    dW[o,c,u,v] = Σ_{i,j}   grad_out[o,i,j] · x[c,i+u,j+v]
    dx[c,h,w]   = Σ_{o,u,v} grad_out[o,h−u,w−v] · W[o,c,u,v]     over the h−u, w−v that exist

The backward pass walks the forward's loop: one output cell was the dot product of one patch with
one kernel, so its gradient flows back to exactly that patch and that kernel.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def conv2d_naive(x: ArrayLike, W: ArrayLike) -> NDArray[Any]:
    x, W = _wide(x), _wide(W)
    C_out, _, kH, kW = W.shape
    out_H, out_W = x.shape[1] - kH + 1, x.shape[2] - kW + 1
    out = np.zeros((C_out, out_H, out_W), np.result_type(x, W))
    for o in range(C_out):
        for i in range(out_H):
            for j in range(out_W):
                out[o, i, j] = np.sum(x[:, i : i + kH, j : j + kW] * W[o])
    return out


def conv2d_backward_naive(
    grad_out: ArrayLike, x: ArrayLike, W: ArrayLike
) -> tuple[NDArray[Any], NDArray[Any]]:
    grad_out, x, W = _wide(grad_out), _wide(x), _wide(W)
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
    return dx, dW


def _wide(a: ArrayLike) -> NDArray[Any]:
    """float64 (or complex128), whatever came: an oracle must not round."""
    a = np.asarray(a)
    return a.astype(np.complex128 if a.dtype.kind == "c" else np.float64)
