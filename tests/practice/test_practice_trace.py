"""The trace: loops of any style are followed, and what is overwritten is seen to be."""

import sys

import numpy as np
import pytest

from dxdw import conv2d_backward_naive
from dxdw.practice import SERIES
from dxdw.practice.trace import trace, trace_forward

HEAD = """
import numpy as np
def conv2d_backward(grad_out, x, W):
    C_out, outH, outW = grad_out.shape
    C_in, kH, kW = W.shape[1:]
    dx, dW = np.zeros(x.shape), np.zeros(W.shape)
"""
ADD = """
{0}g = grad_out[o, i, j]
{0}dW[o] += g * x[:, i:i+kH, j:j+kW]
{0}dx[:, i:i+kH, j:j+kW] += g * W[o]
"""
NESTED = (
    "    for o in range(C_out):\n        for i in range(outH):\n            for j in range(outW):"
)
END = "    return dx, dW\n"

STYLES = {
    "three loops": HEAD + NESTED + ADD.format(" " * 16) + END,
    "ndindex": HEAD + "    for o, i, j in np.ndindex(grad_out.shape):" + ADD.format(" " * 8) + END,
    "one line": HEAD + "    for o, i, j in np.ndindex(grad_out.shape): "
    "dW[o] += grad_out[o,i,j] * x[:, i:i+kH, j:j+kW]; "
    "dx[:, i:i+kH, j:j+kW] += grad_out[o,i,j] * W[o]\n" + END,
    "other names": HEAD
    + """    for a in range(C_out):
        for b in range(outH):
            for c in range(outW):
                dW[a] += grad_out[a, b, c] * x[:, b:b+kH, c:c+kW]
                dx[:, b:b+kH, c:c+kW] += grad_out[a, b, c] * W[a]
"""
    + END,
    "every element": HEAD
    + NESTED
    + """
                for c in range(C_in):
                    for u in range(kH):
                        for v in range(kW):
                            dW[o, c, u, v] += grad_out[o, i, j] * x[c, i + u, j + v]
                            dx[c, i + u, j + v] += grad_out[o, i, j] * W[o, c, u, v]
"""
    + END,
    "while": HEAD
    + """    o = 0
    while o < C_out:
        i = 0
        while i < outH:
            j = 0
            while j < outW:"""
    + ADD.format(" " * 16)
    + """                j += 1
            i += 1
        o += 1
"""
    + END,
    "bound anew": HEAD
    + NESTED
    + """
                more = np.zeros(x.shape)
                more[:, i:i+kH, j:j+kW] = grad_out[o, i, j] * W[o]
                dx = dx + more
                dW[o] = dW[o] + grad_out[o, i, j] * x[:, i:i+kH, j:j+kW]
"""
    + END,
    "a helper that adds": """
def add(into, what, i, j, kH, kW):
    into[:, i:i+kH, j:j+kW] += what
"""
    + HEAD
    + NESTED
    + """
                g = grad_out[o, i, j]
                add(dx, g * W[o], i, j, kH, kW)
                patch = x[:, i:i+kH, j:j+kW]
                add(dW[o:o+1, :, :, :].reshape(C_in, kH, kW), g * patch, 0, 0, kH, kW)
"""
    + END,
    "lists": HEAD
    + "    dx, dW = dx.tolist(), dW.tolist()\n"
    + NESTED
    + """
                for c in range(C_in):
                    for u in range(kH):
                        for v in range(kW):
                            dW[o][c][u][v] += grad_out[o, i, j] * x[c, i + u, j + v]
                            dx[c][i + u][j + v] += grad_out[o, i, j] * W[o, c, u, v]
"""
    + END,
}


@pytest.fixture
def arguments():
    rng = np.random.default_rng(1)
    x, W = rng.integers(-4, 6, (2, 3, 4)), rng.integers(-4, 6, (2, 2, 2, 3))
    grad_out = rng.integers(-4, 6, (2, 2, 2))
    grad_out[0, 1, 0] = 0
    return [a.astype(float) for a in (grad_out, x, W)]


def replayed(found, name, steps):
    """A result after so many steps, put together from the changes."""
    array = np.array(found["start"][name], float)
    for step in found["steps"][:steps]:
        for place, before, after in step[name]:
            assert array.flat[place] == before
            array.flat[place] = after
    return array


@pytest.mark.parametrize("style", STYLES)
def test_every_step_of_a_right_solution_is_the_reference_s(style, arguments):
    found = trace(STYLES[style], *arguments)
    assert found["error"] is None
    cells = list(np.ndindex(2, 2, 2))
    assert [tuple(step["at"] or ()) for step in found["steps"]] == cells
    for t in range(len(cells) + 1):
        so_far = np.zeros((2, 2, 2))
        so_far.flat[:t] = arguments[0].flat[:t]
        for name, wanted in zip(
            ("dx", "dW"), conv2d_backward_naive(so_far, *arguments[1:]), strict=True
        ):
            assert np.array_equal(replayed(found, name, t), wanted)


def test_the_solution_of_the_series_is_followed(arguments):
    found = trace(SERIES["05"].solution, *arguments)
    assert len(found["steps"]) == 8
    source = SERIES["05"].solution.splitlines()
    assert all(
        source[step["line"] - 1].strip().startswith("dx[") or not step["dx"]
        for step in found["steps"]
    )
    assert found["steps"][3]["variables"] == {"o": 0, "i": 1, "j": 1}


def test_overwriting_is_seen_to_overwrite():
    code = STYLES["ndindex"].replace("j:j+kW] += g * W", "j:j+kW] = g * W")
    found = trace(code, np.ones((1, 1, 2)), np.ones((1, 1, 3)), [[[[2, 3]]]])
    assert found["steps"][0]["dx"] == [[0, 0, 2], [1, 0, 3]]
    assert found["steps"][1]["dx"] == [[1, 3, 2], [2, 0, 3]]


def test_an_output_whose_gradient_is_zero_is_a_step_too(arguments):
    found = trace(STYLES["three loops"], *arguments)
    step = found["steps"][2]
    assert (step["at"], step["dx"], step["dW"]) == ([0, 1, 0], [], [])


def test_two_loops_are_told_apart(arguments):
    lines = ADD.format(" " * 16).strip("\n").split("\n")
    one = NESTED + "\n" + lines[0] + "\n" + lines[1] + "\n"
    other = NESTED + "\n" + lines[0] + "\n" + lines[2] + "\n"
    found = trace(HEAD + one + other + END, *arguments)
    assert len(found["steps"]) == 16
    assert len({step["loop"] for step in found["steps"][:8]}) == 1
    assert found["steps"][0]["loop"] != found["steps"][8]["loop"]
    assert not any(step["dx"] for step in found["steps"][:8])


def test_what_is_done_after_the_loops_is_of_no_output_cell(arguments):
    code = STYLES["three loops"].replace(END, "    dx /= 2\n" + END)
    last = trace(code, *arguments)["steps"][-1]
    assert (last["at"], last["loop"]) == (None, None)
    assert last["dx"]
    assert not last["dW"]


def test_loops_over_taps_have_steps_of_no_output_cell(arguments):
    code = (
        HEAD
        + """
    for u in range(kH):
        for v in range(kW):
            dW[:, :, u, v] += np.einsum("oij,cij->oc", grad_out, x[:, u:u+outH, v:v+outW])
            dx[:, u:u+outH, v:v+outW] += np.einsum("oij,oc->cij", grad_out, W[:, :, u, v])
"""
        + END
    )
    found = trace(code, *arguments)
    assert {tuple(step["variables"]) for step in found["steps"]} == {("u", "v")}
    assert all(step["at"] is None and step["loop"] for step in found["steps"])
    assert np.array_equal(replayed(found, "dx", None), conv2d_backward_naive(*arguments)[0])


def test_a_solution_without_loops_has_results_and_no_steps(arguments):
    code = """
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
def conv2d_backward(grad_out, x, W):
    patches = sliding_window_view(x, W.shape[2:], (1, 2))
    k, l = W.shape[2] - 1, W.shape[3] - 1
    padded = np.pad(grad_out, [(0, 0), (k, k), (l, l)])
    windows = sliding_window_view(padded, W.shape[2:], (1, 2))
    return (np.einsum("ohwuv,ocuv->chw", windows, W[:, :, ::-1, ::-1]),
            np.einsum("oij,cijuv->ocuv", grad_out, patches))
"""
    found = trace(code, *arguments)
    assert found["steps"] == []
    assert found["start"] == {"dx": None, "dW": None}
    assert np.array_equal(found["results"]["dx"], conv2d_backward_naive(*arguments)[0])


def test_arrays_of_a_helper_that_makes_them_are_followed(arguments):
    code = (
        STYLES["ndindex"].replace("def conv2d_backward", "def both")
        + """
def conv2d_backward(grad_out, x, W):
    dx, dW = both(grad_out, x, W)
    return dx, dW
"""
    )
    assert len(trace(code, *arguments)["steps"]) == 8


def test_an_error_comes_after_the_steps_before_it(arguments):
    code = STYLES["three loops"].replace("range(outW)", "range(outW + 1)")
    found = trace(code, *arguments)
    assert "IndexError" in found["error"]["message"]
    assert found["error"]["line"] == code[: code.index("g = grad_out")].count("\n") + 1
    assert [step["at"] for step in found["steps"]] == [[0, 0, 0], [0, 0, 1]]


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("def conv2d_backward(", "SyntaxError"),
        ("x = 1", "there is no conv2d_backward"),
        (
            "def conv2d_backward(grad_out, x, W):\n    return x",
            "wanted are 2 arrays, as in return dx, dW",
        ),
        ("def conv2d_backward(grad_out, x, W):\n    pass", "return statement is missing"),
    ],
)
def test_code_that_gives_no_results_says_why(code, message, arguments):
    found = trace(code, *arguments)
    assert message in found["error"]["message"]
    assert found["results"] == {"dx": None, "dW": None}
    assert found["steps"] == []


@pytest.mark.parametrize(
    "body", ["    while True:\n        pass\n", "    while True:\n        dx += 1\n"]
)
def test_an_endless_loop_is_cut(body, arguments):
    found = trace(HEAD + body, *arguments)
    assert found["cut"]
    assert found["error"] is None
    assert len(found["steps"]) <= 1001


def test_a_bare_except_does_not_keep_it_from_being_cut(arguments):
    loop = """
    while True:
        try:
            dx += 1
        except Exception:
            pass
"""
    assert trace(HEAD + loop, *arguments)["cut"]


def test_arrays_too_large_to_be_looked_at_have_results_only():
    operands = [np.ones(shape) for shape in ((1, 2, 2), (1, 40, 40), (1, 1, 39, 39))]
    found = trace(STYLES["ndindex"], *operands)
    assert found["start"]["dx"] is None
    assert found["results"]["dx"].shape == (1, 40, 40)


def test_a_list_of_integers_that_no_float_holds_is_no_array_to_follow(arguments):
    code = HEAD + "    primes = [2, 10**400]\n" + NESTED + ADD.format(" " * 16) + END
    found = trace(code, *arguments)
    assert found["error"] is None
    assert len(found["steps"]) == arguments[0].size


def test_a_trace_function_that_was_there_is_there_again(arguments):
    def other(*_):
        return None

    before = sys.gettrace()
    sys.settrace(other)
    try:
        trace(STYLES["ndindex"], *arguments)
        assert sys.gettrace() is other
    finally:
        sys.settrace(before)


def test_ctrl_c_goes_through(arguments):
    code = HEAD + "    raise KeyboardInterrupt\n"
    before = sys.gettrace()
    with pytest.raises(KeyboardInterrupt):
        trace(code, *arguments)
    assert sys.gettrace() is before


def test_arguments_stay_as_they_are(arguments):
    copies = [a.copy() for a in arguments]
    trace(HEAD + "    x[:] = 0\n" + END, *arguments)
    assert all(np.array_equal(a, b) for a, b in zip(arguments, copies, strict=True))


FORWARD = {  # by the number of the problem: function, arrays, options, shape of the output
    "01": ("conv2d_naive", {"x": (2, 3, 4), "W": (2, 2, 2, 2)}, (), (2, 2, 3)),
    "02": ("conv2d", {"x": (2, 3, 4), "W": (2, 2, 2, 2)}, (1, 2), (2, 2, 3)),
    "03": ("max_pool_2d", {"x": (2, 3, 4)}, (2, 1), (2, 2, 3)),
}


@pytest.mark.parametrize("number", FORWARD)
def test_a_forward_pass_is_followed_over_its_output_cells(number):
    name, shapes, options, shape = FORWARD[number]
    rng = np.random.default_rng(3)
    arrays = {key: rng.integers(1, 9, size).astype(float) for key, size in shapes.items()}
    found = trace_forward(SERIES[number].solution, name, arrays, options, shape)
    assert [step["at"] for step in found["steps"]] == [list(at) for at in np.ndindex(shape)]
    assert found["error"] is None
    out = np.array(found["start"]["out"])
    for step in found["steps"]:
        for place, before, after in step["out"]:
            assert out.flat[place] == before
            out.flat[place] = after
    np.testing.assert_array_equal(out, found["results"]["out"])


def test_a_forward_pass_that_fails_says_its_line():
    code = SERIES["03"].solution.replace("window.max()", "window.most()")
    found = trace_forward(code, "max_pool_2d", {"x": [[[1.0]]]}, (1, 1), (1, 1, 1))
    assert "most" in found["error"]["message"]
    assert found["error"]["line"] == 14
