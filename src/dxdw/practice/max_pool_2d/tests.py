"""Five tests of max pooling."""

from typing import Any

import numpy as np

from ..findings import Call, Solution, Test

_X = np.array(
    [[[1.0, 2.0, 5.0, 3.0], [4.0, 0.0, 1.0, 6.0], [7.0, 2.0, 9.0, 8.0], [3.0, 3.0, 2.0, 4.0]]]
)


def _called(fn: Solution, x: Any, kernel_size: int, stride: int) -> Call:
    return Call(fn, {"x": x}, {"kernel_size": kernel_size, "stride": stride})


def _shape(fn: Solution) -> None:
    for k, s, shape in ((2, 2, (2, 2, 3)), (3, 2, (2, 2, 3)), (2, 1, (2, 4, 6)), (1, 3, (2, 2, 3))):
        _called(fn, np.ones((2, 5, 7)), k, s).expect_shape("out", shape)


def _example(fn: Solution) -> None:
    _called(fn, _X, 2, 2).expect("out", [[[4, 6], [7, 9]]])


def _overlapping(fn: Solution) -> None:
    _called(fn, _X, 2, 1).expect("out", [[[4, 5, 6], [7, 9, 9], [7, 9, 9]]])


def _negative(fn: Solution) -> None:
    _called(fn, -_X, 2, 2).expect("out", [[[0, -1], [-2, -2]]])
    _called(fn, -1 - _X, 2, 2).expect("out", [[[-1, -2], [-3, -3]]])


def _channels(fn: Solution) -> None:
    x = np.concatenate([_X, 10 * _X])
    _called(fn, x, 2, 2).expect("out", [[[4, 6], [7, 9]], [[40, 60], [70, 90]]])


TESTS = (
    Test("The output has (inH − k)//s + 1 rows", "max_pool_2d", _shape),
    Test("The example: windows of 2 side by side", "max_pool_2d", _example),
    Test("The example: windows of 2 that overlap", "max_pool_2d", _overlapping),
    Test("Numbers that are all negative", "max_pool_2d", _negative),
    Test("Each channel by itself", "max_pool_2d", _channels),
)

EXAMPLE = {
    "max_pool_2d": {
        "x": [[[1, 2, 5, 3], [4, 0, 1, 6], [7, 2, 9, 8], [3, 3, 2, 4]]],
        "kernel_size": 2,
        "stride": 2,
    }
}
