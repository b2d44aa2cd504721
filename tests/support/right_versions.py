"""Right solutions of the practice problem, each by another method: none may be accused."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


def loops(grad_out, x, W):
    dx = np.zeros(x.shape)
    dW = np.zeros(W.shape)
    C_out, _, kH, kW = W.shape
    for o in range(C_out):
        for i in range(grad_out.shape[1]):
            for j in range(grad_out.shape[2]):
                g = grad_out[o, i, j]
                dW[o] += g * x[:, i : i + kH, j : j + kW]
                dx[:, i : i + kH, j : j + kW] += g * W[o]
    return dx, dW


def all_six_loops(grad_out, x, W):
    dx = np.zeros(x.shape)
    dW = np.zeros(W.shape)
    C_out, C_in, kH, kW = W.shape
    for o in range(C_out):
        for i in range(grad_out.shape[1]):
            for j in range(grad_out.shape[2]):
                for c in range(C_in):
                    for u in range(kH):
                        for v in range(kW):
                            dW[o, c, u, v] += grad_out[o, i, j] * x[c, i + u, j + v]
                            dx[c, i + u, j + v] += grad_out[o, i, j] * W[o, c, u, v]
    return dx, dW


def lists(grad_out, x, W):
    dx, dW = all_six_loops(grad_out, x, W)
    return [dx.tolist(), dW.tolist()]


def taps(grad_out, x, W):
    dx = np.zeros(x.shape)
    dW = np.zeros(W.shape)
    kH, kW = W.shape[2:]
    oH, oW = grad_out.shape[1:]
    for u in range(kH):
        for v in range(kW):
            dx[:, u : u + oH, v : v + oW] += np.einsum("oij,oc->cij", grad_out, W[:, :, u, v])
            dW[:, :, u, v] = np.einsum("oij,cij->oc", grad_out, x[:, u : u + oH, v : v + oW])
    return dx, dW


def sliding_windows(grad_out, x, W):
    kH, kW = W.shape[2:]
    patches = sliding_window_view(x, (kH, kW), axis=(1, 2))
    dW = np.einsum("oij,cijuv->ocuv", grad_out, patches)
    padded = np.pad(grad_out, ((0, 0), (kH - 1, kH - 1), (kW - 1, kW - 1)))
    windows = sliding_window_view(padded, (kH, kW), axis=(1, 2))
    dx = np.einsum("ohwuv,ocuv->chw", windows, W[:, :, ::-1, ::-1])
    return dx, dW


def im2col(grad_out, x, W):
    C_out, C_in, kH, kW = W.shape
    oH, oW = grad_out.shape[1:]
    columns = np.stack(
        [x[:, i : i + kH, j : j + kW].ravel() for i in range(oH) for j in range(oW)], 1
    )
    G = grad_out.reshape(C_out, -1)
    dW = (G @ columns.T).reshape(W.shape)
    back = W.reshape(C_out, -1).T @ G
    dx = np.zeros(x.shape)
    for k, (i, j) in enumerate(np.ndindex(oH, oW)):
        dx[:, i : i + kH, j : j + kW] += back[:, k].reshape(C_in, kH, kW)
    return dx, dW


def add_at(grad_out, x, W):
    o, i, j, c, u, v = np.indices((*grad_out.shape, *W.shape[1:]))
    dx, dW = np.zeros(x.shape), np.zeros(W.shape)
    np.add.at(dx, (c, i + u, j + v), grad_out[o, i, j] * W[o, c, u, v])
    np.add.at(dW, (o, c, u, v), grad_out[o, i, j] * x[c, i + u, j + v])
    return dx, dW


def matrix(grad_out, x, W):
    """The convolution as a matrix, made column by column."""
    kH, kW = W.shape[2:]

    def forward(x, W):
        return np.einsum("cijuv,ocuv->oij", sliding_window_view(x, (kH, kW), axis=(1, 2)), W)

    def adjoint(size, apply):
        return np.array([np.vdot(grad_out, apply(e)) for e in np.eye(size)])

    dx = adjoint(x.size, lambda e: forward(e.reshape(x.shape), W)).reshape(x.shape)
    dW = adjoint(W.size, lambda e: forward(x, e.reshape(W.shape))).reshape(W.shape)
    return dx, dW


def scipy_signal(grad_out, x, W):
    from scipy.signal import convolve2d, correlate2d

    C_out, C_in = W.shape[:2]
    dx = np.stack(
        [sum(convolve2d(grad_out[o], W[o, c]) for o in range(C_out)) for c in range(C_in)]
    )
    dW = np.array(
        [[correlate2d(x[c], grad_out[o], "valid") for c in range(C_in)] for o in range(C_out)]
    )
    return dx, dW


def fft(grad_out, x, W):
    H, Wd = x.shape[1:]
    kH, kW = W.shape[2:]
    fx, fg, fw = (np.fft.rfft2(a, (H, Wd)) for a in (x, grad_out, W))
    dx = np.fft.irfft2((fg[:, None] * fw).sum(0), (H, Wd))
    dW = np.fft.irfft2(fx[None] * fg[:, None].conj(), (H, Wd))[:, :, :kH, :kW]
    return dx, dW


def float32_stays(grad_out, x, W):
    """float32 in, float32 out; everything else in float64."""
    kind = np.result_type(grad_out, x, W)
    kind = kind if kind == np.float32 else np.float64
    dx, dW = taps(*(np.asarray(a, kind) for a in (grad_out, x, W)))
    return dx.astype(kind), dW.astype(kind)


def float32_throughout(grad_out, x, W):
    """For `diagnose(..., dtype="float32")`."""
    dx, dW = np.zeros(x.shape, np.float32), np.zeros(W.shape, np.float32)
    for o, i, j in np.ndindex(grad_out.shape):
        dW[o] += grad_out[o, i, j] * x[:, i : i + W.shape[2], j : j + W.shape[3]]
        dx[:, i : i + W.shape[2], j : j + W.shape[3]] += grad_out[o, i, j] * W[o]
    return dx, dW


def torch_inside(grad_out, x, W):
    import torch

    x = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    W = torch.tensor(W, dtype=torch.float64, requires_grad=True)
    out = torch.nn.functional.conv2d(x[None], W)[0]
    out.backward(torch.as_tensor(grad_out, dtype=torch.float64))
    return x.grad, W.grad


def floats_only(grad_out, x, W):
    """As many libraries do: integers are declined, aloud."""
    if x.dtype.kind != "f":
        raise RuntimeError(f"only floating point arrays can have gradients, not {x.dtype}")
    return taps(grad_out, x, W)


def one_array_for_both(grad_out, x, W):
    """Two results that are views of one new array."""
    dx, dW = taps(grad_out, x, W)
    both = np.concatenate([dx.ravel(), dW.ravel()])
    return both[: dx.size].reshape(x.shape), both[dx.size :].reshape(W.shape)


def negative_strides(grad_out, x, W):
    dx, dW = taps(grad_out[:, ::-1, ::-1], x[:, ::-1, ::-1], W[:, :, ::-1, ::-1])
    return dx[:, ::-1, ::-1], dW[:, :, ::-1, ::-1]


RIGHT = [
    loops, all_six_loops, lists, taps, sliding_windows, im2col, add_at, matrix, scipy_signal, fft,
    float32_stays, floats_only, one_array_for_both, negative_strides,
]  # fmt: skip
