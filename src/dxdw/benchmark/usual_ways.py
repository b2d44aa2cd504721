"""The ways NumPy users write a convolution and its gradients, each as well as it is usually done.

They take x and W batched, and allocate what they need; a way that does not do a problem (a full
im2col of many gigabytes, say) is left out by `ways`. The loop over taps does every problem, and is
also the answer that the others are compared with.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from .problems import ConvProblem

Array = Any
Way = Callable[[], Array]

# A way that needs more than this for one array is not what anybody would wait for.
MOST_BYTES = 3 << 30
# From this kernel size on people reach for an FFT.
FFT_FROM = 11


def ways(kind: str, problem: ConvProblem, x: Array, W: Array, grad_out: Array) -> dict[str, Way]:
    """The usual ways of one pass, ready to be called."""
    geometry = problem.geometry
    taps = W.shape[2] * W.shape[3]
    lowered = x.itemsize * taps * x.shape[0] * x.shape[1] * grad_out.shape[2] * grad_out.shape[3]
    found: dict[str, Way] = {}
    if problem.groups == 1 and lowered <= MOST_BYTES:
        found["im2col"] = {
            "forward": lambda: im2col_forward(x, W, problem),
            "dx": lambda: col2im_dx(grad_out, W, problem),
            "dW": lambda: im2col_dW(grad_out, x, problem),
        }[kind]
        found["windows+tensordot"] = {
            "forward": lambda: tensordot_forward(x, W, problem),
            "dx": lambda: tensordot_dx(grad_out, W, problem),
            "dW": lambda: tensordot_dW(grad_out, x, problem),
        }[kind]
        found["windows+einsum"] = {
            "forward": lambda: einsum_forward(x, W, problem),
            "dx": lambda: einsum_dx(grad_out, W, problem),
            "dW": lambda: einsum_dW(grad_out, x, problem),
        }[kind]
    if problem.groups > 1:
        found["loop over taps"] = {
            "forward": lambda: taps_forward(x, W, problem),
            "dx": lambda: taps_dx(grad_out, W, problem),
            "dW": lambda: taps_dW(grad_out, x, problem),
        }[kind]
    if W.shape[2] >= FFT_FROM and geometry.out_shape[2:] == geometry.x_shape[2:]:
        try:
            import scipy.signal  # noqa: F401  # only whether it is there
        except ImportError:
            return found
        found["scipy fft"] = {
            "forward": lambda: scipy_forward(x, W, problem),
            "dx": lambda: scipy_dx(grad_out, W, problem),
            "dW": lambda: scipy_dW(grad_out, x, problem),
        }[kind]
    return found


def padded(x: Array, problem: ConvProblem) -> Array:
    p, q = problem.padding
    return np.pad(x, ((0, 0), (0, 0), (p, p), (q, q))) if p or q else x


def windows(x: Array, problem: ConvProblem) -> Array:
    """A view (N, C, out_H, out_W, kH, kW)."""
    (s, t), (d, e) = problem.stride, problem.dilation
    kH, kW = problem.W_shape[2:]
    extents = ((kH - 1) * d + 1, (kW - 1) * e + 1)
    view = sliding_window_view(padded(x, problem), extents, axis=(2, 3))
    return view[:, :, ::s, ::t, ::d, ::e]


def tensordot_forward(x: Array, W: Array, problem: ConvProblem) -> Array:
    out = np.tensordot(windows(x, problem), W, axes=([1, 4, 5], [1, 2, 3]))
    return out.transpose(0, 3, 1, 2)


def tensordot_dW(grad_out: Array, x: Array, problem: ConvProblem) -> Array:
    return np.tensordot(grad_out, windows(x, problem), axes=([0, 2, 3], [0, 2, 3]))


def einsum_forward(x: Array, W: Array, problem: ConvProblem) -> Array:
    return np.einsum("nchwuv,ocuv->nohw", windows(x, problem), W, optimize=True)


def einsum_dW(grad_out: Array, x: Array, problem: ConvProblem) -> Array:
    return np.einsum("nohw,nchwuv->ocuv", grad_out, windows(x, problem), optimize=True)


def tensordot_dx(grad_out: Array, W: Array, problem: ConvProblem) -> Array:
    return _full_correlation(grad_out, W, problem, tensordot_forward)


def einsum_dx(grad_out: Array, W: Array, problem: ConvProblem) -> Array:
    return _full_correlation(grad_out, W, problem, einsum_forward)


def _full_correlation(
    grad_out: Array, W: Array, problem: ConvProblem, forward: Callable[..., Array]
) -> Array:
    """dx as it is taught: zeros between and around grad_out, correlated with the flipped kernel."""
    (s, t), (d, e), (p, q) = problem.stride, problem.dilation, problem.padding
    N, channels_out, h, w = grad_out.shape
    kH, kW = W.shape[2:]
    around_h, around_w = (kH - 1) * d, (kW - 1) * e
    H, width = problem.x_shape[2] + 2 * p, problem.x_shape[3] + 2 * q
    spread = np.zeros((N, channels_out, H + around_h, width + around_w), grad_out.dtype)
    spread[:, :, around_h : around_h + s * h : s, around_w : around_w + t * w : t] = grad_out
    flipped = W.transpose(1, 0, 2, 3)[:, :, ::-1, ::-1]
    dense = problem._replace(stride=(1, 1), padding=(0, 0))
    return forward(spread, flipped, dense)[:, :, p : H - p, q : width - q]


def im2col(x: Array, problem: ConvProblem) -> Array:
    (s, t), (d, e) = problem.stride, problem.dilation
    N, C = x.shape[:2]
    kH, kW = problem.W_shape[2:]
    h, w = problem.geometry.out_shape[2:]
    x = padded(x, problem)
    columns = np.empty((N, C, kH, kW, h, w), x.dtype)
    for u in range(kH):
        for v in range(kW):
            columns[:, :, u, v] = x[:, :, u * d : u * d + s * h : s, v * e : v * e + t * w : t]
    return columns.reshape(N, C * kH * kW, h * w)


def im2col_forward(x: Array, W: Array, problem: ConvProblem) -> Array:
    out = np.matmul(W.reshape(len(W), -1), im2col(x, problem))
    return out.reshape(problem.geometry.out_shape)


def im2col_dW(grad_out: Array, x: Array, problem: ConvProblem) -> Array:
    grad = grad_out.reshape(*grad_out.shape[:2], -1)
    return np.matmul(grad, im2col(x, problem).transpose(0, 2, 1)).sum(0).reshape(problem.W_shape)


def col2im_dx(grad_out: Array, W: Array, problem: ConvProblem) -> Array:
    (s, t), (d, e), (p, q) = problem.stride, problem.dilation, problem.padding
    N, C, H, width = problem.x_shape
    kH, kW = W.shape[2:]
    h, w = grad_out.shape[2:]
    columns = np.matmul(W.reshape(len(W), -1).T, grad_out.reshape(N, len(W), -1))
    columns = columns.reshape(N, C, kH, kW, h, w)
    dx = np.zeros((N, C, H + 2 * p, width + 2 * q), grad_out.dtype)
    for u in range(kH):
        for v in range(kW):
            place = dx[:, :, u * d : u * d + s * h : s, v * e : v * e + t * w : t]
            place += columns[:, :, u, v]
    return dx[:, :, p : p + H, q : q + width]


def _each_tap(problem: ConvProblem, x: Array) -> list[tuple[int, int, Array]]:
    """For each tap the part of padded x (N, groups, C/groups, …) that it falls on, a view."""
    (s, t), (d, e) = problem.stride, problem.dilation
    h, w = problem.geometry.out_shape[2:]
    grouped = x.reshape(x.shape[0], problem.groups, -1, *x.shape[2:])
    kH, kW = problem.W_shape[2:]
    return [
        (u, v, grouped[..., u * d : u * d + s * h : s, v * e : v * e + t * w : t])
        for u in range(kH)
        for v in range(kW)
    ]


def _grouped(W: Array, problem: ConvProblem) -> Array:
    return W.reshape(problem.groups, -1, *W.shape[1:])


def taps_forward(x: Array, W: Array, problem: ConvProblem) -> Array:
    kernels = _grouped(W, problem)
    depthwise = kernels.shape[1:3] == (1, 1)
    N, _, h, w = problem.geometry.out_shape
    out = np.zeros((N, *kernels.shape[:2], h, w), x.dtype)
    for u, v, part in _each_tap(problem, padded(x, problem)):
        if depthwise:
            out += part * kernels[:, :, 0, u, v, None, None]
        else:
            flat = part.reshape(*part.shape[:3], -1)
            out += np.matmul(kernels[..., u, v], flat).reshape(out.shape)
    return out.reshape(problem.geometry.out_shape)


def taps_dx(grad_out: Array, W: Array, problem: ConvProblem) -> Array:
    kernels = _grouped(W, problem)
    depthwise = kernels.shape[1:3] == (1, 1)
    (p, q), (N, C, H, width) = problem.padding, problem.x_shape
    grad = grad_out.reshape(N, problem.groups, -1, *grad_out.shape[2:])
    flat = grad.reshape(*grad.shape[:3], -1)
    dx = np.zeros((N, C, H + 2 * p, width + 2 * q), grad_out.dtype)
    for u, v, part in _each_tap(problem, dx):
        if depthwise:
            np.add(part, grad * kernels[:, :, 0, u, v, None, None], out=part)
        else:
            term = np.matmul(kernels[..., u, v].swapaxes(1, 2), flat)
            np.add(part, term.reshape(part.shape), out=part)
    return dx[:, :, p : p + H, q : q + width]


def taps_dW(grad_out: Array, x: Array, problem: ConvProblem) -> Array:
    N = x.shape[0]
    grad = grad_out.reshape(N, problem.groups, -1, *grad_out.shape[2:])
    flat = grad.reshape(*grad.shape[:3], -1)
    dW = np.empty(
        (problem.groups, *_grouped(np.empty(problem.W_shape), problem).shape[1:]), x.dtype
    )
    for u, v, part in _each_tap(problem, padded(x, problem)):
        if dW.shape[1:3] == (1, 1):
            dW[:, 0, 0, u, v] = np.einsum("nghw,nghw->g", grad[:, :, 0], part[:, :, 0])
        else:
            columns = part.reshape(*part.shape[:3], -1).swapaxes(2, 3)
            dW[..., u, v] = np.matmul(flat, columns).sum(0)
    return dW.reshape(problem.W_shape)


def scipy_forward(x: Array, W: Array, problem: ConvProblem) -> Array:
    from scipy.signal import fftconvolve

    out = np.zeros(problem.geometry.out_shape, x.dtype)
    for n, o, c, i in _channel_pairs(problem):
        out[n, o] += fftconvolve(x[n, c], W[o, i, ::-1, ::-1], mode="same")
    return out


def scipy_dx(grad_out: Array, W: Array, problem: ConvProblem) -> Array:
    from scipy.signal import fftconvolve

    dx = np.zeros(problem.x_shape, grad_out.dtype)
    for n, o, c, i in _channel_pairs(problem):
        dx[n, c] += fftconvolve(grad_out[n, o], W[o, i], mode="same")
    return dx


def scipy_dW(grad_out: Array, x: Array, problem: ConvProblem) -> Array:
    from scipy.signal import fftconvolve

    dW = np.zeros(problem.W_shape, x.dtype)
    x = padded(x, problem)
    for n, o, c, i in _channel_pairs(problem):
        dW[o, i] += fftconvolve(x[n, c], grad_out[n, o, ::-1, ::-1], mode="valid")
    return dW


def _channel_pairs(problem: ConvProblem) -> list[tuple[int, int, int, int]]:
    """(image, output channel, input channel, its index in W)."""
    channels_out, inner = problem.W_shape[:2]
    per_group = channels_out // problem.groups
    return [
        (n, o, o // per_group * inner + i, i)
        for n in range(problem.x_shape[0])
        for o in range(channels_out)
        for i in range(inner)
    ]
