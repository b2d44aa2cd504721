"""The speed panel's medians: three ways beside each other, and none of a wrong answer."""

import pytest

from dxdw.practice import SERIES
from dxdw.practice.speed import medians

SIZES = {"C_in": 2, "C_out": 3, "H": 6, "W": 5, "k": 2}


def test_a_right_solution_stands_beside_the_reference_and_the_engine():
    """Their times in the best of some tries, for others may compute here."""
    for _ in range(6):
        found = medians(SERIES["05"].solution, **SIZES)
        assert found["error"] is None
        assert found["engine"]
        near = found["yours"] == pytest.approx(found["reference"], rel=2)
        if near and 0 < found["fast"] < found["reference"]:
            break
    assert 0 < found["fast"] < found["reference"]
    assert near, found


def test_float32_by_design_is_right():
    code = SERIES["05"].solution.replace("np.zeros(x.shape)", "np.zeros(x.shape, np.float32)")
    assert medians(code, **SIZES)["error"] is None


@pytest.mark.parametrize("answer", SERIES["05"].wrong_answers, ids=lambda answer: answer.cause)
def test_a_wrong_answer_has_no_speed(answer):
    if answer.cause in {"input-mutated", "state-kept", "precision-lost"}:
        pytest.skip("right on the first call with floats")
    if answer.cause in {"square-assumed", "size-of-one"}:
        pytest.skip("right with a square kernel of some size, and the panel has no other")
    found = medians(answer.code, **SIZES)
    assert found["yours"] is None
    assert found["error"]["message"]


def test_code_that_cannot_be_loaded_has_no_speed_but_a_line():
    found = medians("def conv2d_backward(grad_out, x, W):\n    return (", **SIZES)
    assert found["yours"] is None
    assert found["fast"] > 0
    assert found["error"]["line"] == 2


def test_an_error_has_its_line():
    found = medians("def conv2d_backward(grad_out, x, W):\n    return 1 / 0", **SIZES)
    assert found["error"] == {"message": "ZeroDivisionError: division by zero", "line": 2}


def test_what_it_does_to_its_arguments_is_not_timed_on_the_others():
    """And is no warning either, where numbers grow from call to call."""
    again = SERIES["05"].solution.replace(
        "    return", "    x *= 1e10\n    W *= np.nan\n    return"
    )
    found = medians(again, **SIZES)
    assert found["error"] is None
    assert found["yours"] > 0
    assert found["fast"] > 0


def test_an_error_in_a_later_call_has_its_line_too():
    code = SERIES["05"].solution.replace(
        "    return", "    calls.append(1)\n    calls[3:] and missing\n    return"
    )
    found = medians(code + "\n\ncalls = []\n", **SIZES)
    line = code[: code.index("    calls[3:]")].count("\n") + 1
    assert found["error"] == {"message": "NameError: name 'missing' is not defined", "line": line}
    assert found["yours"] is None
    assert found["fast"] > 0
