"""Five tests of a convolution as loops."""

from typing import Any

import numpy as np

from ..findings import Call, Solution, Test

_X = np.arange(16.0).reshape(1, 4, 4)
_W = np.array([[[[1.0, 2.0], [3.0, 4.0]]]])


def _called(fn: Solution, x: Any, W: Any) -> Call:
    return Call(fn, {"x": x, "W": W})


def _shape(fn: Solution) -> None:
    _called(fn, np.ones((2, 5, 7)), np.ones((3, 2, 2, 3))).expect_shape("out", (3, 4, 5))


def _example(fn: Solution) -> None:
    _called(fn, _X, _W).expect("out", [[[34, 44, 54], [74, 84, 94], [114, 124, 134]]])


def _one_by_one(fn: Solution) -> None:
    _called(fn, _X, np.ones((1, 1, 1, 1))).expect("out", _X)


def _channels_add(fn: Solution) -> None:
    x = np.stack([np.full((2, 2), value) for value in (1.0, 10.0, 100.0)])
    _called(fn, x, np.ones((1, 3, 1, 1))).expect("out", np.full((1, 2, 2), 111.0))


def _kernels(fn: Solution) -> None:
    W = np.zeros((2, 1, 2, 2))
    W[0, 0, 0, 0] = W[1, 0, 1, 1] = 1.0
    _called(fn, _X, W).expect("out", np.stack([_X[0, :3, :3], _X[0, 1:, 1:]]))


TESTS = (
    Test("The output is as high as there are places for the kernel", "conv2d_naive", _shape),
    Test("The example: 34 in the corner, and the rest", "conv2d_naive", _example),
    Test("A kernel of one pixel, a 1, gives the image back", "conv2d_naive", _one_by_one),
    Test("All input channels add to the output", "conv2d_naive", _channels_add),
    Test("Each output channel has its own kernel, as it stands", "conv2d_naive", _kernels),
)

EXAMPLE = {
    "conv2d_naive": {
        "x": [[[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11], [12, 13, 14, 15]]],
        "W": [[[[1, 2], [3, 4]]]],
    }
}
