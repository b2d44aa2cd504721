"""Wrong solutions as learners write them, by the identifier of their mistake.

Written from the descriptions of the mistakes, not from the checker's own: each in loops and with
array operations, and more where a mistake has several faces.
"""

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from right_versions import loops, taps

Solution = Callable[..., Any]

WRONG: dict[tuple[str, ...], list[Solution]] = defaultdict(list)  # identifier: functions
OPTIONS: dict[Solution, dict[str, Any]] = {}  # function: the options of diagnose


def wrong(*causes: str, **options: Any) -> Callable[[Solution], Solution]:
    def register(fn: Solution) -> Solution:
        WRONG[causes].append(fn)
        OPTIONS[fn] = options
        return fn

    return register


def walk(grad_out):
    """The (o,i,j) of the forward's loops, and the gradient there."""
    for o in range(grad_out.shape[0]):
        for i in range(grad_out.shape[1]):
            for j in range(grad_out.shape[2]):
                yield o, i, j, grad_out[o, i, j]


def right_dx(grad_out, x, W):
    return loops(grad_out, x, W)[0]


def right_dW(grad_out, x, W):
    return loops(grad_out, x, W)[1]


# --- 1, 2: overwritten ----------------------------------------------------------------------------


@wrong("dx-overwritten")
def dx_assigned(grad_out, x, W):
    dx, dW = np.zeros(x.shape), np.zeros(W.shape)
    kH, kW = W.shape[2:]
    for o, i, j, g in walk(grad_out):
        dW[o] += g * x[:, i : i + kH, j : j + kW]
        dx[:, i : i + kH, j : j + kW] = g * W[o]
    return dx, dW


@wrong("dx-overwritten")
def dx_assigned_by_taps(grad_out, x, W):
    dx, dW = np.zeros(x.shape), right_dW(grad_out, x, W)
    oH, oW = grad_out.shape[1:]
    for u in range(W.shape[2]):
        for v in range(W.shape[3]):
            dx[:, u : u + oH, v : v + oW] = np.tensordot(W[:, :, u, v], grad_out, (0, 0))
    return dx, dW


@wrong("dx-overwritten")
def dx_of_the_last_kernel(grad_out, x, W):
    dW = right_dW(grad_out, x, W)
    for o in range(len(W)):
        dx = right_dx(grad_out[o : o + 1], x, W[o : o + 1])
    return dx, dW


@wrong("dx-overwritten")
def dx_assigned_with_buffered_index(grad_out, x, W):
    """`dx[index] += ...` with repeated indices adds each only once: the last one."""
    dx = np.zeros(x.shape)
    o, i, j, c, u, v = np.indices((*grad_out.shape, *W.shape[1:]))
    dx[c, i + u, j + v] += grad_out[o, i, j] * W[o, c, u, v]
    return dx, right_dW(grad_out, x, W)


@wrong("dw-overwritten")
def dW_assigned(grad_out, x, W):
    dx, dW = np.zeros(x.shape), np.zeros(W.shape)
    kH, kW = W.shape[2:]
    for o, i, j, g in walk(grad_out):
        dW[o] = g * x[:, i : i + kH, j : j + kW]
        dx[:, i : i + kH, j : j + kW] += g * W[o]
    return dx, dW


@wrong("dw-overwritten")
def dW_of_the_last_row(grad_out, x, W):
    dW = np.zeros(W.shape)
    patches = sliding_window_view(x, W.shape[2:], axis=(1, 2))
    for i in range(grad_out.shape[1]):
        dW = np.einsum("oj,cjuv->ocuv", grad_out[:, i], patches[:, i])
    return right_dx(grad_out, x, W), dW


# --- 3 to 7: turned, exchanged --------------------------------------------------------------------


@wrong("dx-kernel-flipped")
def dx_flipped(grad_out, x, W):
    dx, dW = np.zeros(x.shape), np.zeros(W.shape)
    kH, kW = W.shape[2:]
    for o, i, j, g in walk(grad_out):
        dW[o] += g * x[:, i : i + kH, j : j + kW]
        dx[:, i : i + kH, j : j + kW] += g * W[o, :, ::-1, ::-1]
    return dx, dW


@wrong("dx-kernel-flipped")
def dx_without_the_flip(grad_out, x, W):
    kH, kW = W.shape[2:]
    padded = np.pad(grad_out, ((0, 0), (kH - 1, kH - 1), (kW - 1, kW - 1)))
    windows = sliding_window_view(padded, (kH, kW), axis=(1, 2))
    return np.einsum("ohwuv,ocuv->chw", windows, W), right_dW(grad_out, x, W)


@wrong("dx-kernel-flipped")
def dx_flipped_upside_down(grad_out, x, W):
    return right_dx(grad_out, x, W[:, :, ::-1]), right_dW(grad_out, x, W)


@wrong("dw-reversed")
def dW_flipped_patch(grad_out, x, W):
    dx, dW = np.zeros(x.shape), np.zeros(W.shape)
    kH, kW = W.shape[2:]
    for o, i, j, g in walk(grad_out):
        dW[o] += g * x[:, i : i + kH, j : j + kW][:, ::-1, ::-1]
        dx[:, i : i + kH, j : j + kW] += g * W[o]
    return dx, dW


@wrong("dw-reversed")
def dW_correlated_the_other_way(grad_out, x, W):
    from scipy.signal import correlate2d

    dW = [[correlate2d(g, plane, "valid") for plane in x] for g in grad_out]
    H, Wd = x.shape[1:]
    if min(grad_out.shape[1] - H, grad_out.shape[2] - Wd) < 0:
        dW = [[correlate2d(plane, g, "valid")[::-1, ::-1] for plane in x] for g in grad_out]
    return right_dx(grad_out, x, W), np.array(dW)


@wrong("kernel-transposed")
def kernel_transposed(grad_out, x, W):
    dx, dW = np.zeros(x.shape), right_dW(grad_out, x, W)
    for o, i, j, g in walk(grad_out):
        for c in range(x.shape[0]):
            for u in range(W.shape[2]):
                for v in range(W.shape[3]):
                    dx[c, i + u, j + v] += g * W[o, c, v, u]
    return dx, dW


@wrong("kernel-transposed")
def kernel_transposed_vectorised(grad_out, x, W):
    turned = W.transpose(0, 1, 3, 2)
    return taps(grad_out, x, turned)[0], right_dW(grad_out, x, W)


@wrong("kernel-transposed")
def both_with_kernel_transposed(grad_out, x, W):
    dx, dW = np.zeros(x.shape), np.zeros(W.shape)
    kH, kW = W.shape[2:]
    for o, i, j, g in walk(grad_out):
        dx[:, i : i + kH, j : j + kW] += g * W[o].swapaxes(1, 2)
        dW[o] += g * x[:, i : i + kH, j : j + kW].swapaxes(1, 2)
    return dx, dW


@wrong("grad-transposed")
def grad_transposed(grad_out, x, W):
    dx, dW = np.zeros(x.shape), np.zeros(W.shape)
    C_out, _, kH, kW = W.shape
    for o in range(C_out):
        for i in range(x.shape[1] - kH + 1):
            for j in range(x.shape[2] - kW + 1):
                g = grad_out[o, j, i]
                dW[o] += g * x[:, i : i + kH, j : j + kW]
                dx[:, i : i + kH, j : j + kW] += g * W[o]
    return dx, dW


@wrong("grad-transposed")
def grad_transposed_vectorised(grad_out, x, W):
    patches = sliding_window_view(x, W.shape[2:], axis=(1, 2))
    G = grad_out.transpose(0, 2, 1)
    dW = np.einsum("oij,cijuv->ocuv", G, patches)
    dx = np.zeros(x.shape)
    oH, oW = patches.shape[1:3]
    for u in range(W.shape[2]):
        for v in range(W.shape[3]):
            dx[:, u : u + oH, v : v + oW] += np.einsum("oij,oc->cij", G, W[:, :, u, v])
    return dx, dW


@wrong("patch-transposed")
def patch_transposed(grad_out, x, W):
    dx, dW = np.zeros(x.shape), np.zeros(W.shape)
    kH, kW = W.shape[2:]
    for o, i, j, g in walk(grad_out):
        dW[o] += g * x[:, i : i + kH, j : j + kW].transpose(0, 2, 1)
        dx[:, i : i + kH, j : j + kW] += g * W[o]
    return dx, dW


@wrong("patch-transposed")
def patch_transposed_vectorised(grad_out, x, W):
    patches = sliding_window_view(x, W.shape[2:], axis=(1, 2))
    dW = np.einsum("oij,cijuv->ocvu", grad_out, patches)
    return right_dx(grad_out, x, W), dW


# --- 8 to 11: channels and positions lost ---------------------------------------------------------


@wrong("grad-channel-fixed")
def grad_channel_zero(grad_out, x, W):
    dx, dW = np.zeros(x.shape), np.zeros(W.shape)
    kH, kW = W.shape[2:]
    for o, i, j, _ in walk(grad_out):
        g = grad_out[0, i, j]
        dW[o] += g * x[:, i : i + kH, j : j + kW]
        dx[:, i : i + kH, j : j + kW] += g * W[o]
    return dx, dW


@wrong("grad-channel-fixed")
def grad_channel_zero_vectorised(grad_out, x, W):
    return taps(np.broadcast_to(grad_out[:1], grad_out.shape), x, W)


@wrong("kernel-channel-fixed")
def kernel_zero(grad_out, x, W):
    dx, dW = np.zeros(x.shape), np.zeros(W.shape)
    kH, kW = W.shape[2:]
    for o, i, j, g in walk(grad_out):
        dW[o] += g * x[:, i : i + kH, j : j + kW]
        dx[:, i : i + kH, j : j + kW] += g * W[0]
    return dx, dW


@wrong("kernel-channel-fixed")
def kernel_zero_vectorised(grad_out, x, W):
    dx = np.zeros(x.shape)
    oH, oW = grad_out.shape[1:]
    for u in range(W.shape[2]):
        for v in range(W.shape[3]):
            dx[:, u : u + oH, v : v + oW] += W[0, :, u, v][:, None, None] * grad_out.sum(0)
    return dx, right_dW(grad_out, x, W)


@wrong("input-channels-lost")
def first_channel_only(grad_out, x, W):
    dx, dW = np.zeros(x.shape), np.zeros(W.shape)
    kH, kW = W.shape[2:]
    for o, i, j, g in walk(grad_out):
        dW[o] += g * x[0, i : i + kH, j : j + kW]
        dx[:, i : i + kH, j : j + kW] += g * W[o]
    return dx, dW


@wrong("input-channels-lost")
def channels_averaged(grad_out, x, W):
    patches = sliding_window_view(x.mean(0), W.shape[2:])
    dW = np.einsum("oij,ijuv->ouv", grad_out, patches)
    return right_dx(grad_out, x, W), np.repeat(dW[:, None], W.shape[1], 1)


@wrong("input-channels-lost")
def channels_summed(grad_out, x, W):
    dx = right_dx(grad_out, x, W).sum(0)
    return np.repeat(dx[None], len(x), 0), right_dW(grad_out, x, W)


@wrong("input-channels-lost")
def channel_zero_filled(grad_out, x, W):
    dx, dW = np.zeros(x.shape), np.zeros(W.shape)
    kH, kW = W.shape[2:]
    for o, i, j, g in walk(grad_out):
        dW[o, 0] += g * x[0, i : i + kH, j : j + kW]
        dx[0, i : i + kH, j : j + kW] += g * W[o, 0]
    return dx, dW


@wrong("grad-position-ignored")
def grad_summed(grad_out, x, W):
    dx, dW = np.zeros(x.shape), np.zeros(W.shape)
    kH, kW = W.shape[2:]
    for o, i, j, _ in walk(grad_out):
        g = grad_out[o].sum()
        dW[o] += g * x[:, i : i + kH, j : j + kW]
        dx[:, i : i + kH, j : j + kW] += g * W[o]
    return dx, dW


@wrong("grad-position-ignored")
def grad_averaged(grad_out, x, W):
    mean = grad_out.mean(axis=(1, 2), keepdims=True)
    return taps(np.ones(grad_out.shape) * mean, x, W)


@wrong("grad-position-ignored")
def first_patch_only(grad_out, x, W):
    kH, kW = W.shape[2:]
    dx = np.zeros(x.shape)
    dx[:, :kH, :kW] = np.einsum("o,ocuv->cuv", grad_out.sum((1, 2)), W)
    return dx, np.einsum("o,cuv->ocuv", grad_out.sum((1, 2)), x[:, :kH, :kW])


@wrong("grad-position-ignored")
def window_does_not_move_down(grad_out, x, W):
    dx, dW = np.zeros(x.shape), np.zeros(W.shape)
    kH, kW = W.shape[2:]
    for o, _, j, g in walk(grad_out):
        dW[o] += g * x[:, :kH, j : j + kW]
        dx[:, :kH, j : j + kW] += g * W[o]
    return dx, dW


@wrong("grad-position-ignored")
def grad_not_used(grad_out, x, W):
    return taps(np.ones(grad_out.shape), x, W)


# --- 12 to 15 -------------------------------------------------------------------------------------


@wrong("nonlinear-in-grad")
def absolute(grad_out, x, W):
    dx, dW = np.zeros(x.shape), np.zeros(W.shape)
    kH, kW = W.shape[2:]
    for o, i, j, g in walk(grad_out):
        dW[o] += abs(g) * x[:, i : i + kH, j : j + kW]
        dx[:, i : i + kH, j : j + kW] += abs(g) * W[o]
    return dx, dW


@wrong("nonlinear-in-grad")
def squared(grad_out, x, W):
    return taps(grad_out**2, x, W)


@wrong("nonlinear-in-grad")
def negatives_masked(grad_out, x, W):
    return taps(grad_out * (grad_out > 0), x, W)


@wrong("nonlinear-in-grad")
def normalised(grad_out, x, W):
    return taps(grad_out / (np.linalg.norm(grad_out) + 1e-300), x, W)


@wrong("last-position-skipped")
def last_row_skipped(grad_out, x, W):
    dx, dW = np.zeros(x.shape), np.zeros(W.shape)
    C_out, _, kH, kW = W.shape
    for o in range(C_out):
        for i in range(x.shape[1] - kH):
            for j in range(x.shape[2] - kW + 1):
                g = grad_out[o, i, j]
                dW[o] += g * x[:, i : i + kH, j : j + kW]
                dx[:, i : i + kH, j : j + kW] += g * W[o]
    return dx, dW


@wrong("last-position-skipped")
def last_column_skipped(grad_out, x, W):
    dx = np.zeros(x.shape)
    dx[:, :, :-1], dW = taps(grad_out[:, :, :-1], x[:, :, :-1], W)
    return dx, dW


@wrong("last-position-skipped")
def last_row_and_column_skipped_in_dW(grad_out, x, W):
    dW = right_dW(grad_out[:, :-1, :-1], x[:, :-1, :-1], W)
    return right_dx(grad_out, x, W), dW


@wrong("shifted")
def dx_rolled(grad_out, x, W):
    dx, dW = loops(grad_out, x, W)
    return np.roll(dx, 1, axis=2), dW


@wrong("shifted")
def dx_one_row_down(grad_out, x, W):
    dx, dW = np.zeros(x.shape), np.zeros(W.shape)
    kH, kW = W.shape[2:]
    for o, i, j, g in walk(grad_out):
        dW[o] += g * x[:, i : i + kH, j : j + kW]
        for u in range(kH):
            if i + u + 1 < x.shape[1]:
                dx[:, i + u + 1, j : j + kW] += g * W[o, :, u]
    return dx, dW


@wrong("shifted")
def dW_of_the_pixel_before(grad_out, x, W):
    dx, dW = np.zeros(x.shape), np.zeros(W.shape)
    kH, kW = W.shape[2:]
    for o, i, j, g in walk(grad_out):
        dx[:, i : i + kH, j : j + kW] += g * W[o]
        for u in range(kH):
            for v in range(kW):
                dW[o, :, u, v] += g * x[:, i + u - 1, j + v - 1]
    return dx, dW


@wrong("shifted")
def full_convolution_cropped_wrongly(grad_out, x, W):
    kH, kW = W.shape[2:]
    padded = np.pad(grad_out, ((0, 0), (kH, kH - 2 + (kH == 1)), (kW - 1, kW - 1)))
    windows = sliding_window_view(padded, (kH, kW), axis=(1, 2))
    dx = np.einsum("ohwuv,ocuv->chw", windows, W[:, :, ::-1, ::-1])
    return dx[:, : x.shape[1]], right_dW(grad_out, x, W)


@wrong("shifted")
def window_one_row_down(grad_out, x, W):
    dx, dW = np.zeros(x.shape), np.zeros(W.shape)
    kH, kW = W.shape[2:]
    for o, i, j, g in walk(grad_out):
        dW[o] += g * x[:, i + 1 : i + 1 + kH, j : j + kW]  # past the end in the last row
        dx[:, i : i + kH, j : j + kW] += g * W[o]
    return dx, dW


@wrong("shifted")
def counted_from_one(grad_out, x, W):
    dx, dW = np.zeros(x.shape), np.zeros(W.shape)
    kH, kW = W.shape[2:]
    for o in range(len(W)):
        for i in range(1, grad_out.shape[1] + 1):
            for j in range(1, grad_out.shape[2] + 1):
                g = grad_out[o, i - 1, j - 1]
                dW[o] += g * x[:, i : i + kH, j : j + kW]
                dx[:, i : i + kH, j : j + kW] += g * W[o]
    return dx, dW


@wrong("scaled")
def averaged_over_outputs(grad_out, x, W):
    dx, dW = loops(grad_out, x, W)
    return dx, dW / grad_out[0].size


@wrong("scaled")
def loss_taken_as_a_mean(grad_out, x, W):
    dx, dW = np.zeros(x.shape), np.zeros(W.shape)
    kH, kW = W.shape[2:]
    for o, i, j, g in walk(grad_out):
        share = g / grad_out.size
        dW[o] += share * x[:, i : i + kH, j : j + kW]
        dx[:, i : i + kH, j : j + kW] += share * W[o]
    return dx, dW


@wrong("scaled")
def descent_direction(grad_out, x, W):
    dx, dW = taps(grad_out, x, W)
    return -dx, -dW


@wrong("scaled", bias=True)
def db_averaged(grad_out, x, W):
    return *loops(grad_out, x, W), grad_out.mean((1, 2))


@wrong("dx-overwritten", "scaled", bias=True, returns="db,dx,dW")
def db_averaged_and_dx_assigned(grad_out, x, W):
    return grad_out.mean((1, 2)), *dx_assigned(grad_out, x, W)


@wrong("batch-sum-missing", batch=True, bias=True)
def db_for_each_image(grad_out, x, W):
    each = [loops(g, a, W) for g, a in zip(grad_out, x, strict=True)]
    dx, dW = np.stack([dx for dx, _ in each]), sum(dW for _, dW in each)
    return dx, dW, grad_out.sum((2, 3))


@wrong("scaled", batch=True)
def divided_by_the_batch(grad_out, x, W):
    each = [loops(g, a, W) for g, a in zip(grad_out, x, strict=True)]
    return np.stack([dx for dx, _ in each]), np.mean([dW for _, dW in each], 0)


# --- 16 to 21 -------------------------------------------------------------------------------------


@wrong("tuple-swapped")
def swapped(grad_out, x, W):
    dx, dW = loops(grad_out, x, W)
    return dW, dx


@wrong("tuple-swapped")
def swapped_vectorised(grad_out, x, W):
    return taps(grad_out, x, W)[::-1]


@wrong("integer-truncated")
def buffers_like_the_arguments(grad_out, x, W):
    dx, dW = np.zeros_like(x), np.zeros_like(W)
    for o, i, j, g in walk(grad_out):
        for c in range(x.shape[0]):
            for u in range(W.shape[2]):
                for v in range(W.shape[3]):
                    dW[o, c, u, v] += g * x[c, i + u, j + v]
                    dx[c, i + u, j + v] += g * W[o, c, u, v]
    return dx, dW


@wrong("integer-truncated")
def buffers_like_the_arguments_vectorised(grad_out, x, W):
    dx, dW = np.zeros_like(x), np.zeros_like(W)
    kH, kW = W.shape[2:]
    for o, i, j, g in walk(grad_out):
        dW[o] += g * x[:, i : i + kH, j : j + kW]
        dx[:, i : i + kH, j : j + kW] += g * W[o]
    return dx, dW


@wrong("integer-truncated")
def assigned_into_integers(grad_out, x, W):
    dx, dW = np.zeros_like(x), np.zeros_like(W)
    dx[...], dW[...] = taps(grad_out, x, W)
    return dx, dW


@wrong("integer-truncated")
def gradients_made_int(grad_out, x, W):
    return taps(grad_out.astype(int), x, W)


@wrong("input-mutated")
def argument_negated_and_back(grad_out, x, W):
    dx, dW = loops(grad_out, x, W)
    grad_out *= 0
    return dx, dW


@wrong("input-mutated")
def argument_used_as_buffer(grad_out, x, W):
    dx, dW = taps(grad_out, x, W)
    W -= 0.1 * dW
    return dx, dW


_total: dict[Any, Any] = {}


@wrong("state-kept")
def accumulated_in_a_global(grad_out, x, W):
    key = x.shape, W.shape
    if key not in _total:
        _total[key] = np.zeros(x.shape), np.zeros(W.shape)
    dx, dW = _total[key]
    kH, kW = W.shape[2:]
    for o, i, j, g in walk(grad_out):
        dW[o] += g * x[:, i : i + kH, j : j + kW]
        dx[:, i : i + kH, j : j + kW] += g * W[o]
    return dx, dW


@wrong("state-kept")
def accumulated_in_a_default(grad_out, x, W, sums={}):  # noqa: B006 - the mistake itself
    dx, dW = taps(grad_out, x, W)
    sums[W.shape] = sums.get(W.shape, 0) + dW
    return dx, sums[W.shape].copy()


@wrong("state-kept")
def the_same_buffer_every_time(grad_out, x, W, buffers={}):  # noqa: B006 - the mistake itself
    dx = buffers.setdefault(x.shape, np.zeros(x.shape))
    dx[...], dW = taps(grad_out, x, W)
    return dx, dW


@wrong("square-assumed")
def square_kernel(grad_out, x, W):
    dx, dW = np.zeros(x.shape), np.zeros(W.shape)
    k = W.shape[2]
    for o, i, j, g in walk(grad_out):
        dW[o] += g * x[:, i : i + k, j : j + k]
        dx[:, i : i + k, j : j + k] += g * W[o]
    return dx, dW


@wrong("square-assumed")
def square_image(grad_out, x, W):
    dx, dW = np.zeros(x.shape), np.zeros(W.shape)
    C_out, _, kH, kW = W.shape
    n = x.shape[1]
    for o in range(C_out):
        for i in range(n - kH + 1):
            for j in range(n - kW + 1):
                g = grad_out[o, i, j]
                dW[o] += g * x[:, i : i + kH, j : j + kW]
                dx[:, i : i + kH, j : j + kW] += g * W[o]
    return dx, dW


@wrong("square-assumed")
def square_kernel_in_array_operations(grad_out, x, W):
    k = W.shape[-1]
    dW = np.einsum(
        "oij,cijuv->ocuv",
        grad_out,
        sliding_window_view(x, (k, k), axis=(1, 2))[:, : grad_out.shape[1], : grad_out.shape[2]],
    )
    padded = np.pad(grad_out, ((0, 0), (k - 1, k - 1), (k - 1, k - 1)))
    windows = sliding_window_view(padded, (k, k), axis=(1, 2))
    return np.einsum("ohwuv,ocuv->chw", windows, W[:, :, ::-1, ::-1]), dW


@wrong("square-assumed")
def square_taps(grad_out, x, W):
    dx, dW = np.zeros(x.shape), np.zeros(W.shape)
    k = min(W.shape[2:])
    oH, oW = grad_out.shape[1:]
    for u in range(k):
        for v in range(k):
            dx[:, u : u + oH, v : v + oW] += np.einsum("oij,oc->cij", grad_out, W[:, :, u, v])
            dW[:, :, u, v] = np.einsum("oij,cij->oc", grad_out, x[:, u : u + oH, v : v + oW])
    return dx, dW


@wrong("wrong-broadcast")
def dx_for_each_kernel(grad_out, x, W):
    dx = np.stack([right_dx(g[None], x, k[None]) for g, k in zip(grad_out, W, strict=True)])
    return dx, right_dW(grad_out, x, W)


@wrong("wrong-broadcast")
def an_axis_too_many(grad_out, x, W):
    dx, dW = taps(grad_out, x, W)
    return dx[None], dW[None]


@wrong("wrong-broadcast")
def dW_for_all_kernels(grad_out, x, W):
    dx, dW = np.zeros(x.shape), np.zeros(W.shape)
    kH, kW = W.shape[2:]
    for o, i, j, g in walk(grad_out):
        dW += g * x[:, i : i + kH, j : j + kW]
        dx[:, i : i + kH, j : j + kW] += g * W[o]
    return dx, dW


@wrong("wrong-broadcast")
def dW_without_its_kernels(grad_out, x, W):
    patches = sliding_window_view(x, W.shape[2:], axis=(1, 2))
    return right_dx(grad_out, x, W), np.einsum("oij,cijuv->cuv", grad_out, patches)


@wrong("wrong-broadcast")
def dx_from_all_kernels(grad_out, x, W):
    dx, dW = np.zeros(x.shape), np.zeros(W.shape)
    kH, kW = W.shape[2:]
    for o, i, j, g in walk(grad_out):
        dW[o] += g * x[:, i : i + kH, j : j + kW]
        dx[:, i : i + kH, j : j + kW] += g * W
    return dx, dW


# --- 22 to 24 -------------------------------------------------------------------------------------


@wrong("batch-sum-missing", batch=True)
def dW_for_each_image(grad_out, x, W):
    each = [loops(g, a, W) for g, a in zip(grad_out, x, strict=True)]
    return np.stack([dx for dx, _ in each]), np.stack([dW for _, dW in each])


@wrong("batch-sum-missing", batch=True)
def dW_of_the_last_image(grad_out, x, W):
    dx = np.zeros(x.shape)
    for n in range(len(x)):
        dx[n], dW = taps(grad_out[n], x[n], W)
    return dx, dW


def general(grad_out, x, W, s=(1, 1), p=0, d=1):
    """Right, for a stride of rows and columns, a padding and a dilation."""
    kH, kW = W.shape[2:]
    padded = np.pad(x, ((0, 0), (p, p), (p, p)))
    dx, dW = np.zeros(padded.shape), np.zeros(W.shape)
    for o, i, j, g in walk(grad_out):
        for u in range(kH):
            for v in range(kW):
                row, column = i * s[0] + u * d, j * s[1] + v * d
                dW[o, :, u, v] += g * padded[:, row, column]
                dx[:, row, column] += g * W[o, :, u, v]
    return dx[:, p : dx.shape[1] - p, p : dx.shape[2] - p], dW


@wrong("geometry-mixed", stride=2)
def stride_forgotten(grad_out, x, W):
    return general(grad_out, x, W)


@wrong("geometry-mixed", stride=(2, 3), dilation=1)
def strides_exchanged(grad_out, x, W):
    dx, dW = general(grad_out, np.pad(x, ((0, 0), (0, 9), (0, 0))), W, s=(3, 2))
    return dx[:, : x.shape[1]], dW


@wrong("geometry-mixed", padding=1)
def padding_not_cropped(grad_out, x, W):
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1)))
    return loops(grad_out, padded, W)


@wrong("geometry-mixed", stride=2, dilation=3)
def stride_and_dilation_exchanged(grad_out, x, W):
    more = np.pad(x, ((0, 0), (0, 20), (0, 20)))
    dx, dW = general(grad_out, more, W, s=(3, 3), d=2)
    return dx[:, : x.shape[1], : x.shape[2]], dW


@wrong("geometry-mixed", stride=2)
def remainder_lost(grad_out, x, W):
    """dx ends where the last window does."""
    dx, dW = general(grad_out, x, W, s=(2, 2))
    rows, columns = (2 * (n - 1) + k for n, k in zip(grad_out.shape[1:], W.shape[2:], strict=True))
    return dx[:, :rows, :columns], dW


@wrong("precision-lost")
def buffers_of_float32(grad_out, x, W):
    dx, dW = np.zeros(x.shape, np.float32), np.zeros(W.shape, np.float32)
    kH, kW = W.shape[2:]
    for o, i, j, g in walk(grad_out):
        dW[o] += g * x[:, i : i + kH, j : j + kW]
        dx[:, i : i + kH, j : j + kW] += g * W[o]
    return dx, dW


@wrong("precision-lost")
def computed_in_float32(grad_out, x, W):
    dx, dW = taps(*(a.astype(np.float32) for a in (grad_out, x, W)))
    return dx.astype(np.float64), dW.astype(np.float64)


@wrong("precision-lost")
def kernels_in_float32(grad_out, x, W):
    return taps(grad_out, x, W.astype("f"))


# --- of our own making ----------------------------------------------------------------------------


@wrong("grad-flipped")
def convolved_not_correlated(grad_out, x, W):
    from scipy.signal import convolve2d

    dW = np.array([[convolve2d(plane, g, "valid") for plane in x] for g in grad_out])
    return right_dx(grad_out, x, W), dW


@wrong("kernel-taps-skipped")
def last_taps_skipped(grad_out, x, W):
    dx, dW = np.zeros(x.shape), np.zeros(W.shape)
    for o, i, j, g in walk(grad_out):
        for u in range(W.shape[2] - 1):
            for v in range(W.shape[3]):
                dW[o, :, u, v] += g * x[:, i + u, j + v]
                dx[:, i + u, j + v] += g * W[o, :, u, v]
    return dx, dW


@wrong("output-channels-lost")
def first_kernel_only(grad_out, x, W):
    dx, dW = taps(grad_out[:1], x, W[:1])
    return dx, np.concatenate([dW, np.zeros((len(W) - 1, *W.shape[1:]))])
