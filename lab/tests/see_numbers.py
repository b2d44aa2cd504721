"""Writes see_numbers.json, what the page's own convolution has to give: `python see_numbers.py`."""

import json
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from dxdw import conv2d_backward_naive, conv2d_naive
from dxdw.diagnosis.problem import Problem
from dxdw.diagnosis.terms import Terms

NUMBERS = Path(__file__).with_suffix(".json")
# C_in, C_out, H, W, kH, kW: the example, unequal sizes, a kernel of one tap and one of all of x.
SIZES = ((1, 1, 4, 4, 2, 2), (2, 3, 4, 5, 2, 3), (3, 2, 3, 4, 1, 1), (1, 2, 3, 2, 3, 2))


def numbers() -> list[dict[str, Any]]:
    """A case for each of SIZES."""
    return [_case(np.random.default_rng(sizes), *sizes) for sizes in SIZES]


def _case(
    rng: np.random.Generator, C_in: int, C_out: int, H: int, W: int, kH: int, kW: int
) -> dict[str, Any]:
    x = rng.integers(-4, 6, (C_in, H, W)).astype(float)
    kernels = rng.integers(-4, 6, (C_out, C_in, kH, kW)).astype(float)
    grad_out = rng.integers(-4, 6, (C_out, H - kH + 1, W - kW + 1)).astype(float)
    dx, dW = conv2d_backward_naive(grad_out, x, kernels)
    out = conv2d_naive(x, kernels)
    # The gradient of Σ G·exp(out/s), by the chain rule.
    s = np.abs(out).max() or 1.0
    curved = conv2d_backward_naive(grad_out * np.exp(out / s) / s, x, kernels)
    partly = [
        [array.tolist() for array in conv2d_backward_naive(_first(grad_out, t), x, kernels)]
        for t in range(grad_out.size + 1)
    ]
    problem = Problem(grad_out[None], x[None], kernels)
    return {
        "G": grad_out.tolist(), "x": x.tolist(), "W": kernels.tolist(),
        "out": out.tolist(), "dx": dx.tolist(), "dW": dW.tolist(),
        "partly": partly,
        "curved": [array.tolist() for array in curved],
        "float32": _float32(x / 7, kernels / 3).tolist(),
        "contributions": {
            "dx": _contributions(Terms(problem, "dx"), (0, 0, H // 2, W // 2)),
            "dW": _contributions(Terms(problem, "dW"), (C_out - 1, 0, kH - 1, 0)),
        },
    }  # fmt: skip


def _first(grad_out: Any, count: int) -> Any:
    """grad_out, zero but for its first elements."""
    kept = np.zeros_like(grad_out)
    kept.flat[:count] = grad_out.flat[:count]
    return kept


def _float32(x: Any, W: Any) -> Any:
    """The forward pass in float32, a product and a sum at a time."""
    x, W = x.astype(np.float32), W.astype(np.float32)
    C_out, C_in, kH, kW = W.shape
    out = np.zeros((C_out, x.shape[1] - kH + 1, x.shape[2] - kW + 1), np.float32)
    for o, i, j in np.ndindex(out.shape):
        for c, u, v in product(range(C_in), range(kH), range(kW)):
            out[o, i, j] += x[c, i + u, j + v] * W[o, c, u, v]
    return out.astype(float)


def _contributions(terms: Terms, place: tuple[int, ...]) -> dict[str, Any]:
    """Where G and the other factor are read, in the order in which Terms has them."""
    found = terms.contributions(place)
    read = [[list(g[1:]), list(other[1:] if terms.result == "dW" else other)] for g, other in found]
    return {"place": list(place[1:] if terms.result == "dx" else place), "read": read}


if __name__ == "__main__":
    NUMBERS.write_text(json.dumps(numbers(), separators=(",", ":")) + "\n", encoding="utf-8")
