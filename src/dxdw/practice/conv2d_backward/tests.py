"""The five tests of the exercise that the series grew from, by their names there."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ...core.arrays import Array
from ...reference import conv2d_naive
from ..findings import Call, Solution, Test

ATOL = 1e-3  # that exercise's own


def _problem() -> tuple[Array, Array, Array]:
    """grad_out, x and W of unequal sizes."""
    rng = np.random.default_rng(5)
    return (
        rng.standard_normal((2, 2, 2)),
        rng.standard_normal((2, 3, 4)),
        rng.standard_normal((2, 2, 2, 3)),
    )


def _called(fn: Solution, grad_out: Any, x: Any, W: Any) -> Call:
    return Call(fn, {"grad_out": grad_out, "x": x, "W": W}, results=("dx", "dW"))


def _differences(f: Callable[[Array], Any], a: Array) -> Array:
    """Central differences of f in each element: exact at any step, for f is linear in each."""
    found = np.empty(a.shape)
    for index in np.ndindex(a.shape):
        step = np.zeros(a.shape)
        step[index] = 0.5
        found[index] = f(a + step) - f(a - step)
    return found


def _shapes(fn: Solution) -> None:
    grad_out, x, W = _problem()
    call = _called(fn, grad_out, x, W)
    call.expect_shape("dx", x.shape)
    call.expect_shape("dW", W.shape)


def _dW_differences(fn: Solution) -> None:
    grad_out, x, W = _problem()
    call = _called(fn, np.ones(grad_out.shape), x, W)
    call.expect("dW", _differences(lambda W: conv2d_naive(x, W).sum(), W), ATOL)


def _dx_differences(fn: Solution) -> None:
    grad_out, x, W = _problem()
    call = _called(fn, np.ones(grad_out.shape), x, W)
    call.expect("dx", _differences(lambda x: conv2d_naive(x, W).sum(), x), ATOL)


def _zero(fn: Solution) -> None:
    grad_out, x, W = _problem()
    call = _called(fn, np.zeros(grad_out.shape), x, W)
    call.expect("dx", np.zeros(x.shape), ATOL)
    call.expect("dW", np.zeros(W.shape), ATOL)


def _single_position(fn: Solution) -> None:
    grad_out, x, W = _problem()
    single = np.zeros(grad_out.shape)
    single[1, 1, 0] = 2.0
    expected = np.zeros(W.shape)
    expected[1] = 2.0 * x[:, 1:3, 0:3]
    _called(fn, single, x, W).expect("dW", expected, ATOL)


TESTS = (
    Test("Returns two arrays with correct shapes", "conv2d_backward", _shapes),
    Test(
        "Diagnostic: dW matches finite-difference numerical gradient",
        "conv2d_backward",
        _dW_differences,
    ),
    Test(
        "Diagnostic: dx matches finite-difference numerical gradient",
        "conv2d_backward",
        _dx_differences,
    ),
    Test("Zero grad_out -> zero gradients on both x and W", "conv2d_backward", _zero),
    Test(
        "With a nonzero grad_out at a single position, dW reflects the corresponding x patch",
        "conv2d_backward",
        _single_position,
    ),
)

EXAMPLE = {
    "conv2d_backward": {
        "grad_out": [[[1, 0, 0], [0, 0, 0], [0, 0, 0]]],
        "x": [[[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11], [12, 13, 14, 15]]],
        "W": [[[[1, 2], [3, 4]]]],
    }
}
