"""One loop variable at two axes, and arrays turned round along one axis: named, and told which."""

import re

import numpy as np
import pytest

from dxdw.diagnosis import diagnose
from dxdw.practice import SERIES, run

RIGHT = {
    "x": "i + u, j + v",
    "dx": "i + u, j + v",
    "G": "o, i, j",
    "W": "o, c, u, v",
    "dW": "o, c, u, v",
}
LOOPS = """
def backward(grad_out, x, W):
    dx, dW = np.zeros(x.shape), np.zeros(W.shape)
    (C_out, C_in, kH, kW), (outH, outW) = W.shape, grad_out.shape[1:]
    {before}
    for o, c, i, j, u, v in np.ndindex(C_out, C_in, outH, outW, kH, kW):
        dW[{dW}] += grad_out[{G}] * x[c, {x}]
        dx[c, {dx}] += grad_out[{G}] * W[{W}]
    {after}
    return dx, dW
"""


def loops(before="", after="", **places):
    names = {"np": np}
    exec(LOOPS.format(before=before, after=after, **RIGHT | places), names)  # noqa: S102 - a source of our own
    return names["backward"]


def test_the_loops_as_they_should_be_are_right():
    assert diagnose(loops()).ok


@pytest.mark.parametrize(
    ("places", "twice", "where"),
    [
        ({"x": "i + u, j + u"}, "u", "dW"),
        ({"x": "i + v, j + v"}, "v", "dW"),
        ({"x": "i + u, i + v"}, "i", "dW"),
        ({"x": "j + u, j + v"}, "j", "dW"),
        ({"dx": "i + u, j + u"}, "u", "dx"),
        ({"x": "i + u, j + u", "dx": "i + u, j + u"}, "u", "dx and dW"),
        ({"G": "o, i, i"}, "i", "dx and dW"),
        ({"G": "o, j, j"}, "j", "dx and dW"),
        ({"W": "o, c, u, u"}, "u", "dx"),
        ({"dW": "o, c, v, v"}, "v", "dW"),
        ({"W": "o, o, u, v"}, "o", "dx"),
        ({"W": "c, c, u, v"}, "c", "dx"),
    ],
)
def test_an_index_that_is_used_for_two_axes_is_named(places, twice, where):
    report = diagnose(loops(**places))
    assert report.causes == ("index-repeated",), str(report)
    assert report.summary == f"{twice} is used for two axes in {where}"


def test_a_slice_with_one_index_for_two_axes_is_named():
    def backward(grad_out, x, W):
        dx, dW = loops()(grad_out, x, W)
        dW[:] = 0
        for o, i, j in np.ndindex(grad_out.shape):
            dW[o] += grad_out[o, i, j] * x[:, i : i + W.shape[2], i : i + W.shape[3]]
        return dx, dW

    assert diagnose(backward).summary == "i is used for two axes in dW"


@pytest.mark.parametrize(
    ("places", "cause", "summary"),
    [
        ({"W": "o, c, kH - 1 - u, v"}, "dx-kernel-flipped",
         "the kernel's rows stand in reverse order in dx"),
        ({"W": "o, c, u, kW - 1 - v"}, "dx-kernel-flipped",
         "the kernel's columns stand in reverse order in dx"),
        ({"W": "o, c, kH - 1 - u, kW - 1 - v"}, "dx-kernel-flipped", "the kernel is flipped in dx"),
        ({"after": "dW = dW[:, :, ::-1]"}, "dw-reversed", "the rows of dW stand in reverse order"),
        ({"after": "dW = dW[..., ::-1]"}, "dw-reversed",
         "the columns of dW stand in reverse order"),
        ({"after": "dW = dW[..., ::-1, ::-1]"}, "dw-reversed", "dW is reversed"),
        ({"G": "o, outH - 1 - i, j"}, "grad-flipped",
         "the rows of grad_out are read in reverse order in dx and dW"),
        ({"before": "x = x[:, ::-1]"}, "image-reversed",
         "the image's rows stand in reverse order in dW"),
        ({"before": "x = x[..., ::-1]"}, "image-reversed",
         "the image's columns stand in reverse order in dW"),
        ({"after": "dx = dx[:, ::-1, ::-1]"}, "image-reversed", "the image is turned round in dx"),
        ({"before": "W = W[:, ::-1]"}, "channels-reversed",
         "the kernel's input channels stand in reverse order in dx"),
    ],
)  # fmt: skip
def test_what_is_turned_round_is_named_with_its_axis(places, cause, summary):
    report = diagnose(loops(**places))
    assert report.causes == (cause,), str(report)
    assert report.summary == summary
    assert report.explanations[0].title == summary


def test_each_of_two_turns_has_its_own_axis():
    report = diagnose(loops(W="o, c, kH - 1 - u, v", dW="o, c, u, kW - 1 - v"))
    assert report.summary == (
        "the kernel's rows stand in reverse order in dx; the columns of dW stand in reverse order"
    )


def test_the_words_name_the_array_that_is_written_into():
    report = diagnose(loops(dx="i + u, j + u", dW="o, c, u, u"))
    assert report.matched == (
        "dx: dx[c,i+u,j+u] is used in place of dx[c,i+u,j+v]",
        "dW: dW[o,c,u,u] is used in place of dW[o,c,u,v]",
    )


@pytest.mark.parametrize("kind", ["padding", "stride", "dilation"])
def test_it_is_named_beside_the_options_too(kind):
    """And what is right with them is not accused."""
    value = {"padding": 1, "stride": 2, "dilation": 2}[kind]
    p, s, d = (value if kind == name else default
               for name, default in (("padding", 0), ("stride", 1), ("dilation", 1)))  # fmt: skip

    def backward(grad_out, x, W, column):
        framed = np.pad(x, ((0, 0), (p, p), (p, p)))
        dx, dW = np.zeros(framed.shape), np.zeros(W.shape)
        for o, c, i, j, u, v in np.ndindex(*W.shape[:2], *grad_out.shape[1:], *W.shape[2:]):
            dW[o, c, u, v] += grad_out[o, i, j] * framed[c, i * s + u * d, column(i, j, u, v)]
            dx[c, i * s + u * d, j * s + v * d] += grad_out[o, i, j] * W[o, c, u, v]
        return dx[:, p : p + x.shape[1], p : p + x.shape[2]], dW

    def wrong(grad_out, x, W):
        return backward(grad_out, x, W, lambda i, j, u, v: j * s + u * d)  # noqa: ARG005

    def right(grad_out, x, W):
        return backward(grad_out, x, W, lambda i, j, u, v: j * s + v * d)  # noqa: ARG005

    assert diagnose(right, **{kind: value}).ok
    assert diagnose(wrong, **{kind: value}).summary == "u is used for two axes in dW"


FORWARD = """import numpy as np
def conv2d_naive(x, W):
    (C_in, inH, inW), (C_out, _, kH, kW) = x.shape, W.shape
    out = np.zeros((C_out, inH - kH + 1, inW - kW + 1))
    for o, i, j, u, v in np.ndindex(*out.shape, kH, kW):
        out[o, i, j] += (x[:, {x}] * W[o, :, {W}]).sum()
    return out
"""


@pytest.mark.parametrize(
    ("x", "W", "cause", "title"),
    [
        ("i + u, j + u", "u, v", "index-repeated", "u is used for two axes"),
        ("i + u, i + v", "u, v", "index-repeated", "i is used for two axes"),
        ("i + u, j + v", "kH - 1 - u, v", "kernel-flipped",
         "the kernel's rows stand in reverse order"),
        ("i + u, j + v", "u, kW - 1 - v", "kernel-flipped",
         "the kernel's columns stand in reverse order"),
        ("i + u, j + v", "kH - 1 - u, kW - 1 - v", "kernel-flipped", "the kernel is flipped"),
    ],
)  # fmt: skip
def test_the_forward_pass_has_the_same_names(x, W, cause, title):
    events = []
    run("01", FORWARD.format(x=x, W=W), events.append)
    report = next(event["report"] for event in events if event["kind"] == "report")
    assert (report["causes"], report["summary"]) == ([cause], title)
    assert report["explanations"][0]["title"] == title


def test_an_error_is_headed_by_its_kind_and_told_of_the_case_that_is_shown():
    events = []
    code = SERIES["05"].solution.replace("range(outH)", "range(outH + 1)")
    run("05", code, events.append)
    report = next(event["report"] for event in events if event["kind"] == "report")
    assert report["summary"] == "it stops with an IndexError in every case"
    rows = len(report["evidence"]["arguments"]["grad_out"][0])
    assert report["crash"]["message"].startswith(f"index {rows} is out of bounds")
    assert report["crash"]["at"]["i"] == rows


def test_an_error_in_some_cases_says_in_how_many():
    def backward(grad_out, x, W):
        if grad_out.shape[1] > 3:
            raise ValueError("so many rows")
        return loops()(grad_out, x, W)

    report = diagnose(backward)
    assert re.fullmatch(r"it stops with a ValueError in \d+ of \d+ cases", report.summary)
    assert report.crash.message == "so many rows"
