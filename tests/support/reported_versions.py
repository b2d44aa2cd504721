"""Wrong and right solutions in the styles that people report: im2col, full correlations, batches.

Each general function is right, and takes as arguments what is to be wrong in it. WRONG has
(causes, function, options of diagnose); a function is wrong in one way, or in two.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

Solution = Callable[..., Any]
Entry = tuple[tuple[str, ...], Solution, dict[str, Any]]

WRONG: list[Entry] = []
RIGHT: list[tuple[Solution, dict[str, Any]]] = []


def wrong(*causes: str, **options: Any) -> Callable[[Solution], Solution]:
    def register(fn: Solution) -> Solution:
        WRONG.append((causes, fn, options))
        return fn

    return register


def right(**options: Any) -> Callable[[Solution], Solution]:
    def register(fn: Solution) -> Solution:
        RIGHT.append((fn, options))
        return fn

    return register


# --- loops over a batch ---------------------------------------------------------------------------


def windows(grad_out, x, W, stride=1, padding=0):
    """dx with the padding still on, dW and db."""
    kH, kW = W.shape[2:]
    padded = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    dx, dW = np.zeros(padded.shape), np.zeros(W.shape)
    for n, o, i, j in np.ndindex(grad_out.shape):
        g, a, b = grad_out[n, o, i, j], i * stride, j * stride
        dx[n, :, a : a + kH, b : b + kW] += g * W[o]
        dW[o] += g * padded[n, :, a : a + kH, b : b + kW]
    return dx, dW, grad_out.sum((0, 2, 3))


def cropped(dx, x, p):
    return dx[:, :, p : p + x.shape[2], p : p + x.shape[3]]


@right(batch=True, bias=True, stride=3, padding=1)
def loops_of_images(grad_out, x, W, stride=1, pad=0):
    dx, dW, db = windows(grad_out, x, W, stride, pad)
    return cropped(dx, x, pad), dW, db


@right(batch=True, bias=True, stride=2, padding=1)
def a_bias_of_four_axes(dout, x, w, b, conv_param):  # noqa: ARG001 - as courses have it
    s, p = conv_param["stride"], conv_param["pad"]
    dx, dw, db = windows(dout, x, w, s, p)
    return cropped(dx, x, p), dw, db.reshape(1, -1, 1, 1)


@wrong("shifted", "geometry-mixed", batch=True, padding=1)
def crop_begins_at_zero(grad_out, x, W, padding=0):
    dx, dW, _ = windows(grad_out, x, W, 1, padding)
    return dx[:, :, : x.shape[2], : x.shape[3]], dW


@wrong("geometry-mixed", batch=True, padding=3)
def crop_begins_at_zero_far_away(grad_out, x, W, padding=0):
    dx, dW, _ = windows(grad_out, x, W, 1, padding)
    return dx[:, :, : x.shape[2], : x.shape[3]], dW


@wrong("geometry-mixed", batch=True, padding=1)
def crop_at_the_end_alone(grad_out, x, W, padding=0):
    dx, dW, _ = windows(grad_out, x, W, 1, padding)
    return dx[:, :, :-padding, :-padding], dW


@wrong("geometry-mixed", batch=True, padding=1, stride=2)
def nothing_cropped(grad_out, x, W, padding=0, stride=1):
    dx, dW, _ = windows(grad_out, x, W, stride, padding)
    return dx, dW


@wrong("geometry-mixed", padding=1)
def dW_of_x_as_it_is(grad_out, x, W, padding=0):
    dx, _, _ = windows(grad_out[None], x[None], W, 1, padding)
    seen = sliding_window_view(x, grad_out.shape[1:], axis=(1, 2))
    dW = np.einsum("cuvij,oij->ocuv", seen, grad_out)
    return cropped(dx, x[None], padding)[0], dW


@wrong("empty-slice", batch=True)
def minus_nothing(grad_out, x, W, padding=0):
    dx, dW, _ = windows(grad_out, x, W, 1, padding)
    return dx[:, :, padding:-padding, padding:-padding], dW


@wrong("db-axes", batch=True, bias=True)
def db_for_each_position(grad_out, x, W):
    return *windows(grad_out, x, W)[:2], grad_out.sum(0)


@wrong("db-axes", bias=True)
def db_in_one_number(grad_out, x, W):
    dx, dW, _ = windows(grad_out[None], x[None], W)
    return dx[0], dW, grad_out.sum()


@wrong("db-overwritten", bias=True)
def db_of_the_last_position(grad_out, x, W):
    dx, dW, _ = windows(grad_out[None], x[None], W)
    db = np.zeros(len(W))
    for o, i, j in np.ndindex(grad_out.shape):
        db[o] = grad_out[o, i, j]
    return dx[0], dW, db


@wrong("kernel-transposed", "db-axes", batch=True, bias=True)
def db_wrong_and_dx_too(grad_out, x, W):
    _, dW, _ = windows(grad_out, x, W)
    return windows(grad_out, x, W.swapaxes(2, 3))[0], dW, grad_out.sum((0, 1, 2))


@wrong("scaled", batch=True)
def a_running_mean(grad_out, x, W):
    dx, dW = windows(grad_out, x, W)[0], np.zeros(W.shape)
    for n in range(len(x)):
        dW = (dW + windows(grad_out[n : n + 1], x[n : n + 1], W)[1]) / len(x)
    return dx, dW * len(x)


@wrong("images-mixed", batch=True)
def every_image_meets_every_gradient(grad_out, x, W):
    dx = windows(grad_out, x, W)[0]
    patches = sliding_window_view(x, W.shape[2:], axis=(2, 3))
    return dx, np.einsum("noij,mcijuv->ocuv", grad_out, patches)


@wrong("axes-exchanged", batch=True)
def channels_before_images(grad_out, x, W):
    dx, dW, _ = windows(grad_out, x, W)
    return dx.swapaxes(0, 1), dW


@wrong("axes-exchanged")
def dx_with_channels_last(grad_out, x, W):
    dx, dW, _ = windows(grad_out[None], x[None], W)
    return np.moveaxis(dx[0], 0, -1), dW


@wrong("size-of-one")
def squeezed(grad_out, x, W):
    G = grad_out.squeeze()
    dx, dW = np.zeros(x.shape), np.zeros(W.shape)
    for o, i, j in np.ndindex(grad_out.shape):
        dx[:, i : i + W.shape[2], j : j + W.shape[3]] += G[o, i, j] * W[o]
        dW[o] += G[o, i, j] * x[:, i : i + W.shape[2], j : j + W.shape[3]]
    return dx, dW


@wrong("size-fixed")
def of_coloured_images(grad_out, x, W):
    dx, dW = np.zeros(x.shape), np.zeros(W.shape)
    for o, i, j in np.ndindex(grad_out.shape):
        for c in range(min(3, len(x))):
            dx[c, i : i + W.shape[2], j : j + W.shape[3]] += grad_out[o, i, j] * W[o, c]
            dW[o, c] += grad_out[o, i, j] * x[c, i : i + W.shape[2], j : j + W.shape[3]]
    return dx, dW


@wrong("patch-transposed")
def patch_at_j_i(grad_out, x, W):
    dx, dW = np.zeros(x.shape), np.zeros(W.shape)
    kH, kW = W.shape[2:]
    for o, i, j in np.ndindex(grad_out.shape):
        dW[o] += grad_out[o, i, j] * x[:, j : j + kH, i : i + kW]
        dx[:, i : i + kH, j : j + kW] += grad_out[o, i, j] * W[o]
    return dx, dW


# --- matrices of columns --------------------------------------------------------------------------


def columns(grad_out, x, W, rows=None, kernels=None, result=None):
    """By one matrix product for each of dW and dx, of (N·outH·outW, …) rows."""
    C_out, C_in, kH, kW = W.shape
    patches = sliding_window_view(x, (kH, kW), axis=(2, 3)).transpose(0, 2, 3, 1, 4, 5)
    N, outH, outW = patches.shape[:3]
    G = grad_out.transpose(0, 2, 3, 1).reshape(-1, C_out) if rows is None else rows(grad_out, C_out)
    dW = G.T @ patches.reshape(N * outH * outW, -1)
    dW = dW.reshape(W.shape) if result is None else result(dW).reshape(W.shape)
    flat = W.reshape(C_out, -1) if kernels is None else kernels(W)
    back = (G @ flat).reshape(N, outH, outW, C_in, kH, kW)
    dx = np.zeros(x.shape)
    for i, j in np.ndindex(outH, outW):
        dx[:, :, i : i + kH, j : j + kW] += back[:, i, j]
    return dx, dW


@right(batch=True)
def by_columns(grad_out, x, W):
    return columns(grad_out, x, W)


@wrong("reshaped-not-transposed", batch=True)
def gradient_only_reshaped(grad_out, x, W):
    return columns(grad_out, x, W, rows=lambda G, K: G.reshape(-1, K))


@wrong("reshaped-not-transposed", batch=True)
def gradient_by_channels_only_reshaped(grad_out, x, W):
    return columns(grad_out, x, W, rows=lambda G, K: G.reshape(K, -1).T)


@wrong("grad-transposed", batch=True)
def gradient_transposed_too_far(grad_out, x, W):
    rows = lambda G, K: G.transpose(0, 3, 2, 1).reshape(-1, K)  # noqa: E731
    return columns(grad_out, x, W, rows=rows)


@wrong("reshaped-not-transposed", batch=True)
def dW_without_its_transpose(grad_out, x, W):
    return columns(grad_out, x, W, result=lambda dW: np.ascontiguousarray(dW.T))


@wrong("reshaped-not-transposed", batch=True)
def kernels_taken_as_channels_last(grad_out, x, W):
    kernels = lambda W: W.reshape(len(W), *W.shape[2:], W.shape[1]).transpose(0, 3, 1, 2)  # noqa: E731
    return columns(grad_out, x, W, kernels=lambda W: kernels(W).reshape(len(W), -1))


# --- full correlations ----------------------------------------------------------------------------


def correlated(G, W, turned=lambda W: W[:, :, ::-1, ::-1], exchanged=True):
    """dx of a stride of 1 as a full correlation with the kernels turned round."""
    kH, kW = W.shape[2:]
    padded = np.pad(G, ((0, 0), (0, 0), (kH - 1, kH - 1), (kW - 1, kW - 1)))
    V = turned(W).swapaxes(0, 1) if exchanged else turned(W)
    return np.einsum("nohwuv,couv->nchw", sliding_window_view(padded, (kH, kW), axis=(2, 3)), V)


def spread(G, s, before=0):
    """Zeros between the values, and some before the first."""
    h, w = (before + (n - 1) * s + 1 for n in G.shape[2:])
    found = np.zeros((*G.shape[:2], h, w))
    found[:, :, before::s, before::s] = G
    return found


def fitted(dx, x):
    """Cut off, or with zeros behind it, in the shape of x."""
    found = np.zeros(x.shape)
    rows, columns = (min(a, b) for a, b in zip(dx.shape[2:], x.shape[2:], strict=True))
    found[:, :, :rows, :columns] = dx[:, :, :rows, :columns]
    return found


@right(batch=True)
def by_correlations(grad_out, x, W):
    return correlated(grad_out, W), windows(grad_out, x, W)[1]


@right(batch=True, stride=3)
def by_correlations_with_a_stride(grad_out, x, W, stride=1):
    dx = correlated(spread(grad_out, stride), W)
    return fitted(dx, x), windows(grad_out, x, W, stride)[1]


@wrong("channels-exchanged", batch=True)
def channels_not_exchanged(grad_out, x, W):
    return correlated(grad_out, W, exchanged=False), windows(grad_out, x, W)[1]


@wrong("channels-reversed", batch=True)
def flipped_on_every_axis(grad_out, x, W):
    return correlated(grad_out, W, np.flip), windows(grad_out, x, W)[1]


@wrong("channels-reversed", batch=True)
def flipped_on_the_first_axes(grad_out, x, W):
    return correlated(grad_out, W, lambda W: W[::-1, ::-1]), windows(grad_out, x, W)[1]


@wrong("channels-reversed")
def flipped_one_kernel_at_a_time(grad_out, x, W):
    dx, dW = np.zeros(x.shape), np.zeros(W.shape)
    for o, i, j in np.ndindex(grad_out.shape):
        g, patch = grad_out[o, i, j], np.s_[:, i : i + W.shape[2], j : j + W.shape[3]]
        dx[patch] += g * W[o][::-1, ::-1]
        dW[o] += g * x[patch]
    return dx, dW


@wrong("geometry-mixed", batch=True, stride=3)
def leftover_forgotten(grad_out, x, W, stride=1):
    return correlated(spread(grad_out, stride), W), windows(grad_out, x, W, stride)[1]


@wrong("geometry-mixed", batch=True, stride=4, padding=1)
def leftover_forgotten_behind_a_padding(grad_out, x, W, stride=1, padding=0):
    dx = correlated(spread(grad_out, stride), W)
    return cropped(dx, x, padding), windows(grad_out, x, W, stride, padding)[1]


@wrong("shifted", "geometry-mixed", batch=True, stride=2)
def zeros_before_each_value(grad_out, x, W, stride=1):
    dx = correlated(spread(grad_out, stride, before=stride - 1), W)
    return fitted(dx, x), windows(grad_out, x, W, stride)[1]


@wrong("geometry-mixed", batch=True, stride=3)
def leftover_in_dW(grad_out, x, W, stride=1):
    G = spread(grad_out, stride)
    seen = sliding_window_view(x, G.shape[2:], axis=(2, 3))
    return windows(grad_out, x, W, stride)[0], np.einsum("ncuvij,noij->ocuv", seen, G)


@wrong("edges-missing", batch=True)
def a_row_of_zeros_too_few(grad_out, x, W):
    return correlated(grad_out, W)[:, :, 1:], windows(grad_out, x, W)[1]


@wrong("wrong-broadcast")
def as_large_as_the_output(grad_out, x, W):
    from scipy.signal import convolve2d

    dx, dW = np.zeros(x.shape), windows(grad_out[None], x[None], W)[1]
    for o, c in np.ndindex(W.shape[:2]):
        dx[c] += convolve2d(grad_out[o], W[o, c], "same")
    return dx, dW
