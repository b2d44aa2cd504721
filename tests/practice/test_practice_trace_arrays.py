"""The arrays a learner's function makes on its way: what is kept, in which order, by which line."""

import numpy as np
import pytest

from dxdw.practice import SERIES
from dxdw.practice.trace_arrays import arrays_made

HEAD = "import numpy as np\n\n"
X = np.zeros((1, 8, 8))
X[0, 2:5, 3] = 1.0
NETWORK = {
    "x": X,
    "W_conv": [[[[1, 0, -1], [2, 0, -2], [1, 0, -1]]]],
    "W_fc": np.arange(18).reshape(9, 2) / 10,
}


def of(body, function="softmax", **arrays):
    found = arrays_made(HEAD + body, function, arrays or {"z": [0.0, 1.0]})
    return found, [(one["name"], one["line"], one["array"].shape) for one in found["made"]]


def test_the_network_of_the_series_from_array_to_array():
    solution = SERIES["06"].solution
    found = arrays_made(solution, "mini_cnn_forward", NETWORK)
    shapes = [one["array"].shape for one in found["made"]]
    assert shapes == [(1, 6, 6), (1, 6, 6), (1, 3, 3), (2,), (2,), (2,)]
    conv, relu = (one["array"] for one in found["made"][:2])
    assert np.array_equal(relu, np.maximum(conv, 0))
    assert not np.array_equal(relu, conv)
    assert solution.splitlines()[found["line"] - 1].strip() == "return powers / powers.sum()"
    assert np.isclose(found["result"].sum(), 1)
    assert found["error"] is None
    assert not found["cut"]


def test_what_a_loop_fills_is_there_once_and_whole():
    body = """def softmax(z):
    out = np.zeros(len(z))
    for i in range(len(z)):
        out[i] = z[i] + 5
    return out
"""
    found, made = of(body)
    assert made == [("out", 6, (2,))]
    assert found["made"][0]["array"].tolist() == [5, 6]


def test_what_changes_in_place_is_there_again():
    body = """def softmax(z):
    out = z - 1
    out[out < 0] = 0
    return out
"""
    found, made = of(body)
    assert [one["array"].tolist() for one in found["made"]] == [[-1, 0], [0, 0]]
    assert [line for _, line, _ in made] == [4, 5]


def test_other_names_and_views_of_the_same_are_nothing_new():
    body = """def helper(a):
    return a


def softmax(z):
    out = np.exp(helper(z))
    again = out[:]
    return helper(again)
"""
    _, made = of(body)
    assert made == [("out", 8, (2,))]


def test_a_list_that_is_returned_is_an_array():
    found, _ = of("def softmax(z):\n    return [float(v) + 1 for v in z]\n")
    assert found["result"].tolist() == [1, 2]
    assert found["line"] == 4


def test_a_list_of_integers_that_no_float_holds_is_no_array_to_show():
    found, made = of("def softmax(z):\n    primes = [2, 10**400]\n    return z + len(primes)\n")
    assert found["error"] is None
    assert made == [("", 5, (2,))]


@pytest.mark.parametrize(
    ("body", "message", "line"),
    [
        ("def softmax(z):\n    y = z + 1\n    return y + missing\n", "missing", 5),
        ("def softmax(z):\n    return (\n", "SyntaxError", 4),
        ("def other(z):\n    return z\n", "no softmax", 0),
    ],
)
def test_where_it_ends_before_its_end(body, message, line):
    found, _ = of(body)
    assert message in found["error"]["message"]
    assert found["error"]["line"] == line
    assert found["result"] is None


def test_an_endless_loop_is_cut():
    found, _ = of("def softmax(z):\n    y = z + 1\n    while True:\n        y = y + 1\n")
    assert found["cut"]
    assert found["error"] is None
    assert found["made"][0]["array"].tolist() == [1, 2]
