"""Writes scene_numbers.json, what the pictures of 02 to 06 show: `python scene_numbers.py`."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from dxdw import conv2d, conv2d_backward
from dxdw.layers import (
    linear,
    linear_backward,
    max_pool_2d,
    max_pool_2d_backward,
    relu,
    relu_backward,
    softmax,
    softmax_cross_entropy,
)

NUMBERS = Path(__file__).with_suffix(".json")
WINDOWS = ((0, 1), (1, 1), (2, 3), (1, 2))  # padding and stride
POOLS = ((2, 2), (2, 1), (3, 2), (1, 3))  # kernel_size and stride


def numbers() -> dict[str, Any]:
    """By what the picture is of."""
    rng = np.random.default_rng(17)
    return {
        "padding": [_padded(rng, *options) for options in WINDOWS],
        "pooling": [_pooled(rng, *options) for options in POOLS],
        "softmax": [_softmax([0.0, 1.5, -2.0], 0.0), _softmax([1000.0, 1001.0, 998.0], 1001.0)],
        "network": [_network(rng, kernels, target) for kernels, target in ((1, 0), (2, 1))],
    }


def _integers(rng: np.random.Generator, *shape: int) -> Any:
    return rng.integers(-4, 6, shape).astype(float)


def _padded(rng: np.random.Generator, padding: int, stride: int) -> dict[str, Any]:
    x, W = _integers(rng, 2, 5, 6), _integers(rng, 3, 2, 2, 3)
    out = conv2d(x, W, padding=padding, stride=stride)
    return {
        "padding": padding, "stride": stride,
        "x": x.tolist(), "W": W.tolist(), "out": out.tolist(),
    }  # fmt: skip


def _pooled(rng: np.random.Generator, kernel_size: int, stride: int) -> dict[str, Any]:
    x = rng.permutation(60).reshape(2, 5, 6).astype(float)  # no ties: whose they are, layers decide
    out = max_pool_2d(x, kernel_size, stride)
    won = max_pool_2d_backward(np.ones(out.shape), x, kernel_size, stride)
    return {
        "kernel_size": kernel_size, "stride": stride,
        "x": x.tolist(), "out": out.tolist(), "won": won.tolist(),
    }  # fmt: skip


def _softmax(z: list[float], a: float) -> dict[str, Any]:
    return {"z": [z], "a": a, "probabilities": [softmax(np.array(z)).tolist()]}


def _network(rng: np.random.Generator, kernels: int, target: int) -> dict[str, Any]:
    """Real weights, so that the winners of windows are no ties but at 0."""
    x, W_conv = rng.random((1, 8, 8)), rng.standard_normal((kernels, 1, 3, 3))
    W_fc = rng.standard_normal((9 * kernels, 2)) / 4
    conv = conv2d(x, W_conv)
    rectified = relu(conv)
    pool = max_pool_2d(rectified, 2, 2)
    flat = pool.reshape(1, -1)
    scores = linear(flat, W_fc)
    _, dscores = softmax_cross_entropy(scores, np.array([target]))
    dflat, dW_fc, _ = linear_backward(dscores, flat, W_fc)
    dpool = dflat.reshape(pool.shape)
    drelu = max_pool_2d_backward(dpool, rectified, 2, 2)
    dconv = relu_backward(drelu, conv)
    dx, dW_conv = conv2d_backward(dconv, x, W_conv)
    arrays = {
        "x": x, "W_conv": W_conv, "W_fc": W_fc, "conv": conv, "relu": rectified, "pool": pool,
        "scores": scores.T, "p": softmax(scores).T, "dscores": dscores.T, "dW_fc": dW_fc,
        "dpool": dpool, "drelu": drelu, "dconv": dconv, "dW_conv": dW_conv, "dx": dx,
    }  # fmt: skip
    return {"target": target, **{name: array.tolist() for name, array in arrays.items()}}


if __name__ == "__main__":
    NUMBERS.write_text(json.dumps(numbers(), separators=(",", ":")) + "\n", encoding="utf-8")
