"""Five tests of ReLU and softmax."""

import numpy as np

from ..findings import Call, Failed, Solution, Test


def _relu_example(fn: Solution) -> None:
    Call(fn, {"x": [-2.0, 0.0, 3.0]}).expect("out", [0, 0, 3])


def _relu_changes_nothing(fn: Solution) -> None:
    x = [[-1.0, 2.0], [3.0, -4.0]]
    call = Call(fn, {"x": x})
    if call.changed:
        raise Failed("x is no longer what it was before the call")
    call.expect("out", [[0, 2], [3, 0]])


def _softmax_example(fn: Solution) -> None:
    Call(fn, {"z": [0.0, np.log(3.0)]}).expect("out", [0.25, 0.75])


def _softmax_rows(fn: Solution) -> None:
    z = np.log([[1.0, 1.0, 2.0], [3.0, 5.0, 2.0]])
    Call(fn, {"z": z}).expect("out", [[0.25, 0.25, 0.5], [0.3, 0.5, 0.2]])


def _softmax_large(fn: Solution) -> None:
    Call(fn, {"z": [1000.0, 1000.0]}).expect("out", [0.5, 0.5])
    Call(fn, {"z": [-1000.0, -1000.0, -5000.0]}).expect("out", [0.5, 0.5, 0])


TESTS = (
    Test("relu: negative numbers become 0, the others stay", "relu", _relu_example),
    Test("relu: the argument is left as it is", "relu", _relu_changes_nothing),
    Test("softmax: the example, a quarter and three quarters", "softmax", _softmax_example),
    Test("softmax: each row by itself adds up to 1", "softmax", _softmax_rows),
    Test("softmax: scores of 1000 and of −1000", "softmax", _softmax_large),
)

EXAMPLE = {"relu": {"x": [-2, 0, 3]}, "softmax": {"z": [1, 2, 3]}}
