"""Five tests of padding and stride."""

from typing import Any

import numpy as np

from ..findings import Call, Solution, Test

_X = np.arange(25.0).reshape(1, 5, 5)
_ONE = np.ones((1, 1, 1, 1))


def _called(fn: Solution, x: Any, W: Any, padding: int, stride: int) -> Call:
    return Call(fn, {"x": x, "W": W}, {"padding": padding, "stride": stride})


def _size(fn: Solution) -> None:
    for padding, stride, shape in ((0, 1, (3, 4, 4)), (1, 2, (3, 3, 3)), (2, 3, (3, 3, 3))):
        call = _called(fn, np.ones((2, 5, 6)), np.ones((3, 2, 2, 3)), padding, stride)
        call.expect_shape("out", shape)


def _ones(fn: Solution) -> None:
    call = _called(fn, np.ones((1, 3, 3)), np.ones((1, 1, 3, 3)), 1, 1)
    call.expect("out", [[[4, 6, 4], [6, 9, 6], [4, 6, 4]]])


def _plain(fn: Solution) -> None:
    W = [[[[1.0, 2.0], [3.0, 4.0]]]]
    _called(fn, np.arange(16.0).reshape(1, 4, 4), W, 0, 1).expect(
        "out", [[[34, 44, 54], [74, 84, 94], [114, 124, 134]]]
    )


def _strided(fn: Solution) -> None:
    _called(fn, _X, _ONE, 0, 2).expect("out", _X[:, ::2, ::2])


def _both(fn: Solution) -> None:
    framed = np.zeros((1, 7, 7))
    framed[:, 1:-1, 1:-1] = _X
    _called(fn, _X, _ONE, 1, 3).expect("out", framed[:, ::3, ::3])


TESTS = (
    Test("The output has (inH + 2p − kH)//s + 1 rows", "conv2d", _size),
    Test("Ones, a padding of 1: 4 in the corners and 9 in the middle", "conv2d", _ones),
    Test("Without padding, at stride 1, it is problem 01", "conv2d", _plain),
    Test("A stride of 2 takes every second pixel", "conv2d", _strided),
    Test("Padding and stride together", "conv2d", _both),
)

EXAMPLE = {
    "conv2d": {
        "x": [[[1, 1, 1], [1, 1, 1], [1, 1, 1]]],
        "W": [[[[1, 1, 1], [1, 1, 1], [1, 1, 1]]]],
        "padding": 1,
        "stride": 1,
    }
}
