"""A report says the same in a terminal, a notebook and the page; and more mistakes by name."""

import json
import re
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dxdw
from dxdw.core.arrays import Array
from dxdw.diagnosis import CAUSES, Report, diagnose

ROOT = Path(__file__).parents[2]
SIZES: Any = (2, 6 / 2)


def backward(
    grad_out: Array, x: Array, W: Array, dx: Array | None = None, dW: Array | None = None
) -> tuple[Array, Array]:
    """Right, where dx and dW begin at zero."""
    dx = np.zeros(x.shape) if dx is None else dx
    dW = np.zeros(W.shape) if dW is None else dW
    kH, kW = W.shape[2:]
    for o, i, j in np.ndindex(grad_out.shape):
        dW[o] += grad_out[o, i, j] * x[:, i : i + kH, j : j + kW]
        dx[:, i : i + kH, j : j + kW] += grad_out[o, i, j] * W[o]
    return dx, dW


def flipped(grad_out, x, W):
    return backward(grad_out, x, W[..., ::-1, ::-1])


def square(grad_out, x, W):
    side = W.shape[2]
    return backward(grad_out, x, W[..., :side])


def begun_with_x(grad_out, x, W):
    return backward(grad_out, x, W, dx=x.astype(float))


def begun_with_ones(grad_out, x, W):
    return backward(grad_out, x, W, dx=np.ones(x.shape), dW=np.ones(W.shape))


def begun_with_x_and_dW_reversed(grad_out, x, W):
    dx, dW = backward(grad_out, x, W, dx=x.astype(float))
    return dx, dW[..., ::-1, ::-1]


def begun_anywhere(grad_out, x, W):
    return backward(grad_out, x, W, dx=np.empty(x.shape))


def stepped(grad_out, x, W):
    dx, dW = backward(grad_out, x, W)
    return dx, W - 0.1 * dW


def one_pixel(grad_out, x, W):
    dx, dW = backward(grad_out, x, W)
    dW = np.zeros(W.shape)
    for o, i, j in np.ndindex(grad_out.shape):
        dW[o] += grad_out[o, i, j] * x[:, i, j][:, None, None]
    return dx, dW


def as_if_grad_out_were_the_image(grad_out, x, W):
    rows, columns = (n - k + 1 for n, k in zip(grad_out.shape[1:], W.shape[2:], strict=True))
    kept = np.zeros_like(grad_out)
    kept[:, : max(rows, 0), : max(columns, 0)] = grad_out[:, : max(rows, 0), : max(columns, 0)]
    return backward(kept, x, W)


def copied_and_more(grad_out, x, W):
    dx, dW = backward(grad_out, x, W, dx=x.copy())
    return dx * np.abs(grad_out).sum() + np.sqrt(np.abs(x)), dW


def dictionary(grad_out, x, W):
    return dict(zip(("dx", "dW"), backward(grad_out, x, W), strict=True))


NAMED = [
    (begun_with_x, ("not-from-zero",), "dx is x for a grad_out of zeros"),
    (begun_with_ones, ("not-from-zero",), "dW is not zero for a grad_out of zeros"),
    (begun_anywhere, ("not-from-zero",), "np.empty leaves in an array what was in memory"),
    (begun_with_x_and_dW_reversed, ("dw-reversed", "not-from-zero"), "dx is x for a grad_out"),
    (stepped, ("not-from-zero",), "a new W is returned in place of dW"),
    (one_pixel, ("one-pixel",), "x[c,i,j] is used in place of x[c,i+u,j+v]"),
    (as_if_grad_out_were_the_image, ("last-position-skipped",), "kH-1 rows and kW-1 columns"),
]  # fmt: skip


@pytest.mark.parametrize(("fn", "causes", "said"), NAMED, ids=[fn.__name__ for fn, _, _ in NAMED])
def test_a_mistake_that_students_make_is_named(fn, causes, said):
    report = diagnose(fn)
    assert set(report.causes) - {"integer-truncated"} == set(causes), str(report)
    assert said in " ".join(str(report).split())


def test_advice_does_not_stand_where_the_mistake_is_not_recognised():
    report = diagnose(copied_and_more)
    assert report.causes == ()
    assert report.summary == "not recognised: no known mistake gives these answers; dW is right"


def test_what_came_is_said_with_what_is_wanted():
    summary = diagnose(dictionary).summary
    assert summary.startswith("it returned one dict: wanted are 2 arrays, as in return dx, dW")


def sentences(report: Report) -> list[str]:
    told = [report.summary, *report.missing, *report.matched]
    for cause in report.explanations:
        told += [cause.reason, *cause.mathematics.split("\n")]
    told += [report.explanations[0].hint] if report.explanations else []
    return told + ([report.crash.what] if report.crash else [])


def plain(text: str) -> str:
    return " ".join(unescape(re.sub("<[^>]*>", " ", text)).split())


@pytest.mark.parametrize(
    "fn", [flipped, square, begun_with_x, begun_anywhere, stepped, dictionary, lambda *_: None]
)
def test_terminal_and_notebook_say_what_the_page_is_given(fn):
    report = diagnose(fn)
    for text in (plain(str(report)), plain(report._repr_html_())):
        for sentence in sentences(report):
            assert plain(sentence) in text


@pytest.mark.parametrize(
    ("fails", "means"),
    [
        (lambda: np.ones((2, 2)) * np.ones((2, 3)), "do not fit together"),
        (lambda: np.ones(3)[3], "less 1"),
        (lambda: np.zeros(SIZES), "// gives them"),
        (lambda: np.zeros(SIZES[1]), "sizes are integers, as"),
        (lambda: np.ones((2, 2)) @ np.ones((3, 2)), "* multiplies element by element"),
        (lambda: np.ones(3).sum(axis=1), "-1 is always the last"),
    ],
)
def test_numpys_errors_are_told_in_other_words_too(fails, means):
    report = diagnose(lambda *_: fails(), problem="conv2d_naive")
    assert report.crash is not None
    assert means in report.crash.means
    assert report.crash.means in " ".join(str(report).split())


def test_the_number_of_mistakes_in_the_readme_is_that_of_the_catalogue():
    readme = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    (count,) = re.findall(r"those of (\d+) known mistakes", readme)
    assert int(count) == len(CAUSES)


def bias_halved(grad_out, x, W):
    return *backward(grad_out, x, W), grad_out.sum((1, 2)) / 2


def negated(x):
    return -x


@pytest.mark.parametrize(
    ("fn", "options"),
    [
        (flipped, {}),
        (bias_halved, {"bias": True}),
        (negated, {"problem": "relu"}),
        (lambda x, W: dxdw.conv2d(x, W[..., ::-1, ::-1]), {"problem": "conv2d_naive"}),
    ],
    ids=["dx and dW", "db", "relu", "conv2d_naive"],
)
def test_whoever_writes_into_a_report_changes_no_later_one(fn, options):
    """What is right is computed once for all of them."""

    def told(report):
        return json.loads(report.to_json()) | {"seconds": 0}

    report = diagnose(fn, **options)
    first = told(report)
    for array in (
        report.evidence.expected,
        report.evidence.got,
        *report.evidence.arguments.values(),
    ):
        array[...] = 7
    assert told(report) != first
    assert told(diagnose(fn, **options)) == first


@pytest.mark.parametrize(
    ("given", "what"), [(None, "None: is a return missing?"), (3, "of type int")]
)
def test_what_is_no_function_is_told(given, what):
    assert diagnose(given).summary == f"it is no function but {what}"
