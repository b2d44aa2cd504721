"""The checker: every listed mistake by its name, and nobody accused who is right."""

import json
import subprocess
import sys
from functools import partial

import numpy as np
import pytest
from right_versions import RIGHT, float32_throughout, loops, torch_inside
from wrong_versions import OPTIONS, WRONG, gradients_made_int

from dxdw import conv2d_backward
from dxdw.diagnosis import CAUSES, diagnose, questions

CASES = [pytest.param(fn, causes, id=f"{'+'.join(causes)}-{fn.__name__}")
         for causes, functions in WRONG.items() for fn in functions]  # fmt: skip


@pytest.mark.parametrize("fn", RIGHT, ids=lambda fn: fn.__name__)
def test_right_solutions_are_not_accused(fn):
    report = diagnose(fn)
    assert report.ok, str(report)
    assert report.causes == ()
    assert report.failed == ()


def test_a_report_is_written_without_touching_numpys_error_state(monkeypatch):
    """A signal between `np.errstate` and its end would silence the caller's warnings for good."""
    report = diagnose(lambda _, x, W: (x * np.inf, W * np.nan))
    before = np.geterr()
    monkeypatch.setattr(np, "errstate", None)
    assert str(report)
    assert report._repr_html_()
    assert np.geterr() == before


def test_a_right_solution_in_float32_is_not_accused():
    assert diagnose(float32_throughout, dtype="float32").ok


@pytest.mark.peers("torch")
def test_a_right_solution_with_pytorch_inside_is_not_accused():
    report = diagnose(torch_inside)
    assert report.ok, str(report)


@pytest.mark.parametrize(("fn", "causes"), CASES)
def test_a_listed_mistake_is_named(fn, causes):
    report = diagnose(fn, **OPTIONS[fn])
    # What a buffer of integers does is advice, unless it is done to floats as well.
    assert report.ok == (causes == ("integer-truncated",) and fn is not gradients_made_int)
    assert report.ok == bool(report.advice)
    assert report.causes == causes, str(report)
    assert str(report)
    json.loads(report.to_json())


def test_every_listed_mistake_has_two_versions_or_more():
    listed = list(CAUSES)[:24]
    assert all(sum(len(f) for c, f in WRONG.items() if c == (name,)) >= 2 for name in listed)


def test_importing_the_package_leaves_the_checker_for_later():
    program = "import sys, dxdw; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert "dxdw.diagnosis" not in done.stdout.split()


def test_the_html_is_one_element_with_everything_of_the_learners_escaped():
    def raising(*_):
        raise ValueError("<script>alert(1)</script>")

    raising.__name__ = "<b>"
    html = diagnose(raising)._repr_html_()
    assert html.startswith('<div class="dxdw-report"')
    assert html.endswith("</div>")
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert "<b></code>" not in html


def test_heat_maps_show_what_is_wrong():
    [fn] = [fn for fn in WRONG["dx-kernel-flipped",] if fn.__name__ == "dx_flipped"]
    html = diagnose(fn)._repr_html_()
    assert html.count("<table") >= 6  # three arguments, got, expected, difference
    assert "rgba(178,24,43,0.600)" in html
    assert "Hint." in html


def test_the_first_wrong_element_and_what_should_have_gone_there():
    [fn] = [fn for fn in WRONG["dx-overwritten",] if fn.__name__ == "dx_assigned_by_taps"]
    first = diagnose(fn).first_wrong
    assert first is not None
    assert first.result == "dx"
    assert first.got != first.expected
    products = [part.rpartition(" = ")[2].split(" · ") for part in first.contributions]
    assert sum(float(a) * float(b) for a, b in products) == first.expected


def test_the_form_of_the_json():
    form = json.loads(diagnose(RIGHT[0]).to_json())
    assert form["ok"] is True
    assert form["causes"] == form["failed"] == form["explanations"] == []
    assert form["first_wrong"] is form["evidence"] is form["crash"] is None
    assert [check["state"] for check in form["checks"]] == ["right"] * 15
    wrong = json.loads(diagnose(WRONG["scaled",][0]).to_json())
    assert set(wrong) == set(form)
    assert set(wrong["explanations"][0]) == {
        "cause", "title", "mathematics", "reason", "hint", "advice"
    }  # fmt: skip
    assert form["solved"] is None
    assert form["extra"] is True
    assert form["missing"] == form["unnamed"] == form["advice"] == []
    assert form["either"] is False
    assert set(wrong["evidence"]) == {"result", "got", "expected", "arguments"}
    assert set(wrong["first_wrong"]) == {"result", "index", "got", "expected", "contributions"}


NO_ANSWERS = [
    "None",
    "x",
    "('dx', 'dW')",
    "(x * np.nan, W + 0)",
    "(x.astype(object), W)",
    "exit()",
    "(x, W, x)",
    "(x[:0], W[:0])",
    "([[1], [1, 2]], W)",
    "(x, W) if x.size < 30 else None",
]


@pytest.mark.parametrize("returned", NO_ANSWERS)
def test_what_is_no_answer_at_all_is_reported(returned):
    reported(eval(f"lambda grad_out, x, W: {returned}", {"np": np}))  # noqa: S307 - from above


@pytest.mark.parametrize(
    "fn",
    [len, "no function", np.add.outer, lambda x: x],
    ids=["a builtin", "a text", "a ufunc's method", "of one argument"],
)
def test_what_is_no_such_function_is_reported(fn):
    reported(fn)


def reported(fn):
    report = diagnose(fn)
    assert not report.ok
    assert report.causes == ()
    assert str(report)
    assert report._repr_html_()
    assert report.to_json()


def test_uninitialised_memory_is_no_state():
    rng = np.random.default_rng(0)

    def noisy(_, x, W):
        return rng.standard_normal(x.shape), rng.standard_normal(W.shape)

    report = diagnose(noisy)
    assert "repeatable" in report.failed
    assert report.causes == ()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"returns": "dx"}, "returns is 'dx': it must name dx and dW, once each, as in 'dx,dW'"),
        ({"bias": True, "returns": "dx,dW"}, "it must name dx and dW and db"),
        ({"returns": 3}, "returns is 3: it must name dx and dW"),
        ({"dtype": "x"}, "dtype is 'x': it must be float32 or float64"),
        ({"problem": ["relu"]}, "problem is .'relu'.: it must be one of"),
        ({"padding": True}, "padding is True: it must be an integer or two"),
        ({"stride": 10**12}, "stride is 1000000000000: .* elements of x, and 1048576 are the most"),
        ({"padding": (10**5, 0)}, "padding is .100000, 0.: .* elements of grad_out"),
        ({"dilation": 10**5}, "dilation is 100000: "),
        ({"groups": 10**8, "padding": 2}, "groups is 100000000: "),
        ({"dtype": "float16"}, "dtype is float16: it must be float32 or float64"),
        ({"groups": 0}, "groups is 0: it must be an integer, at least 1"),
        ({"stride": 0}, "stride is 0: it must be an integer or two, at least 1"),
        ({"padding": (1, 2, 3)}, "padding is .1, 2, 3.: it must be an integer or two"),
    ],
)
def test_options_that_are_none(options, message):
    with pytest.raises(ValueError, match=message):
        diagnose(RIGHT[0], **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"stride": 1.5}, "stride is 1.5: it must be an integer or two"),
        ({"dilation": (1, "2")}, "dilation is .1, '2'.: it must be an integer or two"),
        ({"groups": "2"}, "groups is '2': it must be an integer"),
        ({"batch": "no"}, "batch is 'no': it must be True or False"),
        ({"noted": 3}, "noted is 3: it must be None, or a function"),
    ],
)
def test_options_of_other_types(options, message):
    with pytest.raises(TypeError, match=message):
        diagnose(RIGHT[0], **options)


def test_numpys_integers_are_options():
    strided = partial(conv2d_backward, stride=2)
    assert diagnose(strided, stride=np.int64(2), groups=np.int32(1)).ok


def test_much_padding_is_tried_at_some_places_alone():
    padded = partial(conv2d_backward, padding=20)
    assert diagnose(padded, padding=20).ok


OPTIONED = [
    {"batch": True},
    {"stride": (1, 3), "padding": 1, "batch": True},
    {"padding": (2, 1), "dilation": 2},
    {"groups": 2, "batch": True},
    {"stride": 2, "dilation": 3, "padding": (0, 2), "channels_last": True},
    {"bias": True, "returns": "db,dW,dx", "stride": 2},
]


@pytest.mark.parametrize("options", OPTIONED, ids=str)
def test_right_solutions_of_other_forms_are_not_accused(options):
    def backward(grad_out, x, W, **geometry):
        last = options.get("channels_last")
        if last:
            grad_out, x = (np.moveaxis(a, -1, -3) for a in (grad_out, x))
            W = W.transpose(3, 2, 0, 1)
        needs = ("dx", "dW", "db") if options.get("bias") else ("dx", "dW")
        found = conv2d_backward(grad_out, x, W, needs=needs, **geometry)
        if last:
            return np.moveaxis(found[0], -3, -1), found[1].transpose(2, 3, 1, 0)
        return found[::-1] if options.get("bias") else found

    report = diagnose(backward, **options)
    assert report.ok, str(report)


@pytest.mark.parametrize("zero", ["dx", "dW", "both"])
def test_a_result_that_is_always_zero_is_told_first_and_given_no_reason(zero):
    """A shift out of the image gives zeros too, and so does a loop that was never written."""

    def conv2d_backward(grad_out, x, W):
        dx, dW = loops(grad_out, x, W)
        return dx * (zero == "dW"), dW * (zero == "dx")

    report = diagnose(conv2d_backward)
    assert report.causes == ()
    said = {
        "dx": "dx is still all zeros; dW is right already",
        "dW": "dW is still all zeros; dx is right already",
        "both": "dx and dW are still all zeros",
    }
    assert report.summary == said[zero]


@pytest.mark.parametrize("problem", ["conv2d_backward", "relu"])
def test_each_check_is_told_as_soon_as_its_answer_is_known(problem):
    told = []
    fn = {"conv2d_backward": loops, "relu": abs}[problem]
    report = diagnose(fn, problem=problem, noted=told.append)
    assert {c.name: c for c in told} == {c.name: c for c in report.checks if c.right is not None}
    assert len(told) == len({c.name for c in told})
    assert list(questions(problem)) == [c.name for c in report.checks]
