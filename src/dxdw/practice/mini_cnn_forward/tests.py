"""Five tests of the small network."""

from typing import Any

import numpy as np

from ..findings import Call, Solution, Test

_ONES = np.ones((1, 8, 8))


def _called(fn: Solution, x: Any, W_conv: Any, W_fc: Any) -> Call:
    return Call(fn, {"x": x, "W_conv": W_conv, "W_fc": W_fc})


def _shape(fn: Solution) -> None:
    for C in (1, 3):
        call = _called(fn, _ONES, np.ones((C, 1, 3, 3)), np.zeros((9 * C, 2)))
        call.expect_shape("out", (2,))


def _no_matrix(fn: Solution) -> None:
    _called(fn, _ONES, np.ones((1, 1, 3, 3)), np.zeros((9, 2))).expect("out", [0.5, 0.5])


def _odds(fn: Solution) -> None:
    """Each of the nine features is 9: they make scores of 0 and of log 3."""
    W_fc = np.zeros((9, 2))
    W_fc[:, 1] = np.log(3.0) / 81
    _called(fn, _ONES, np.ones((1, 1, 3, 3)), W_fc).expect("out", [0.25, 0.75])


def _negative(fn: Solution) -> None:
    """The ReLU leaves nothing of negative features."""
    W_fc = np.ones((9, 2)) * [1.0, -1.0]
    _called(fn, _ONES, -np.ones((1, 1, 3, 3)), W_fc).expect("out", [0.5, 0.5])


def _order(fn: Solution) -> None:
    """A bright pixel at the top right shows in feature 2 of the first channel alone."""
    x = np.zeros((1, 8, 8))
    x[0, 0, 7] = 1.0
    W_conv = np.zeros((2, 1, 3, 3))
    W_conv[0, 0, 0, 2] = 1.0
    W_fc = np.zeros((18, 2))
    W_fc[2] = np.log(3.0), 0.0
    _called(fn, x, W_conv, W_fc).expect("out", [0.75, 0.25])


TESTS = (
    Test("Two numbers, however many kernels there are", "mini_cnn_forward", _shape),
    Test("A matrix of zeros: each class is as likely", "mini_cnn_forward", _no_matrix),
    Test("Scores of 0 and log 3: a quarter and three quarters", "mini_cnn_forward", _odds),
    Test("The ReLU leaves nothing of negative features", "mini_cnn_forward", _negative),
    Test("Features lie channel by channel, row by row", "mini_cnn_forward", _order),
)

EXAMPLE = {
    "mini_cnn_forward": {
        "x": [[[0] * 8] * 8],
        "W_conv": [[[[1, 0, -1], [2, 0, -2], [1, 0, -1]]]],
        "W_fc": [[1, 0]] * 9,
    }
}
