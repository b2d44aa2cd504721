"""What people really write: named, told first what is missing, called as it wants to be."""

import json

import numpy as np
import pytest
from reported_versions import RIGHT, WRONG, a_bias_of_four_axes, columns, loops_of_images, windows
from right_versions import loops
from wrong_versions import dx_assigned, dx_flipped

from dxdw import conv2d_backward
from dxdw.diagnosis import diagnose
from dxdw.diagnosis.causes import CAUSES, told


@pytest.mark.parametrize(("fn", "options"), RIGHT, ids=lambda value: getattr(value, "__name__", ""))
def test_right_solutions_in_these_styles_are_not_accused(fn, options):
    report = diagnose(fn, **options)
    assert report.ok, str(report)


NAMES = [f"{'+'.join(causes)}-{fn.__name__}" for causes, fn, _ in WRONG]


@pytest.mark.parametrize(("causes", "fn", "options"), WRONG, ids=NAMES)
def test_a_reported_mistake_is_named(causes, fn, options):
    report = diagnose(fn, **options)
    assert not report.ok
    assert set(report.causes) == set(causes), str(report)
    assert str(report)
    assert report._repr_html_()
    json.loads(report.to_json())


def test_two_names_for_the_same_answers_are_told_both():
    [(fn, options)] = [(f, o) for _, f, o in WRONG if f.__name__ == "crop_begins_at_zero"]
    report = diagnose(fn, **options)
    assert report.either
    assert report.summary == "the padding is misplaced in dx, or: everything in dx is shifted"
    assert "One of these is enough" in str(report)
    assert "One of these is enough" in report._repr_html_()


def test_a_wrong_db_hides_no_other_mistake_and_one_that_is_not_known_is_said_to_be_so():
    def backward(grad_out, x, W):
        dx, _, _ = windows(grad_out[None], x[None], W[..., ::-1, ::-1])
        return dx[0], windows(grad_out[None], x[None], W)[1], grad_out.sum((1, 2)) + 1

    report = diagnose(backward, bias=True)
    assert report.causes == ("dx-kernel-flipped",)
    assert report.unnamed == ("db",)
    assert report.summary == (
        "the kernel is flipped in dx; what is wrong with db is not recognised"
    )


@pytest.mark.parametrize("stride", [2, 3, 5])
def test_what_a_stride_leaves_over_has_to_be_there(stride):
    """dx that ends with the last window, and what is right in every way but that."""

    def backward(grad_out, x, W):
        dx, dW, _ = windows(grad_out[None], x[None], W, stride)
        rows, columns = (
            stride * (n - 1) + k + stride - 2
            for n, k in zip(grad_out.shape[1:], W.shape[2:], strict=True)
        )
        return dx[0, :, :rows, :columns], dW

    assert not diagnose(backward, stride=stride).ok


# --- what is not there yet ----------------------------------------------------------------------


NOT_YET = {  # what becomes of the right (dx, dW)
    "dW is None: it is not returned yet; dx is right already": lambda both, _: (both[0], None),
    "dx is still x, as it came; dW is right already": lambda both, x: (x.copy(), both[1]),
    "dW is still all zeros; dx is right already": lambda both, _: (both[0], 0 * both[1]),
    "dx is still all zeros; dW is reversed": lambda both, _: (
        0 * both[0], both[1][..., ::-1, ::-1]),
    "dx has shape (2, 3), and should have (2, 4, 6), that of x; dW is right already":
        lambda both, _: (np.ones((2, 3)), both[1]),
}  # fmt: skip


@pytest.mark.parametrize("said", NOT_YET)
def test_what_is_not_there_yet_is_told_first(said):
    report = diagnose(lambda grad_out, x, W: NOT_YET[said](loops(grad_out, x, W), x))
    assert report.summary == said
    assert report.missing == (said.partition("; ")[0],)
    assert str(report)


def nothing_returned(grad_out, x, W):
    loops(grad_out, x, W)


def test_a_missing_return_is_told():
    report = diagnose(nothing_returned)
    assert report.summary.startswith("it returned None: a return statement is missing")
    one = diagnose(lambda grad_out, x, W: loops(grad_out, x, W)[0])
    assert one.summary.startswith(
        "it returned one array of shape (2, 4, 6): wanted are 2 arrays, as in return dx, dW"
    )


# --- advice ---------------------------------------------------------------------------------------


def test_a_buffer_of_integers_does_not_hide_the_mistake_or_take_the_blame():
    def backward(grad_out, x, W):
        dx, dW = np.zeros_like(x), np.zeros_like(W)
        kH, kW = W.shape[2:]
        for o, i, j in np.ndindex(grad_out.shape):
            dW[o] += grad_out[o, i, j] * x[:, i : i + kH, j : j + kW]
            dx[:, i : i + kH, j : j + kW] += grad_out[o, i, j] * W[o, :, ::-1, ::-1]
        return dx, dW

    report = diagnose(backward)
    assert report.causes == ("dx-kernel-flipped", "integer-truncated")
    assert report.summary == "the kernel is flipped in dx"
    assert report.crash is None
    assert [check.name for check in report.advice] == ["integers"]
    assert "NumPy refuses to add fractions" in report.advice[0].detail
    text = str(report)
    assert text.index("dx-kernel-flipped") < text.index("advice: integer-truncated")
    assert [e["advice"] for e in report.form()["explanations"]] == [False, True]


# --- the smallest case shows the mistake ----------------------------------------------------------


def test_the_smallest_case_shows_this_mistake():
    def overwritten(grad_out, x, W):
        dx, dW = np.zeros(x.shape), loops(grad_out, x, W)[1]
        for o, i, j in np.ndindex(grad_out.shape):
            dx[:, i : i + W.shape[2], j : j + W.shape[3]] = grad_out[o, i, j] * W[o]
        return dx, dW

    shapes = {k: a.shape for k, a in diagnose(overwritten).evidence.arguments.items()}
    assert shapes == {"grad_out": (1, 1, 2), "x": (1, 1, 3), "W": (1, 1, 1, 2)}


# --- other signatures -----------------------------------------------------------------------------


def plain(grad_out, x, W, stride=1, padding=0):
    dx, dW, db = windows(grad_out, x, W, stride, padding)
    p = padding
    return dx[:, :, p : p + x.shape[2], p : p + x.shape[3]], dW, db


def with_cache(dout, cache):
    (x, w, b, conv_param) = cache  # noqa: RUF059 - as courses have it
    return plain(dout, x, w, conv_param["stride"], conv_param["pad"])


def with_what_nobody_knows(dout, cache):
    x, w, b, cols = cache  # noqa: RUF059 - as courses have it
    return plain(dout, x, w)


def test_courses_signatures_are_called_as_they_want_to_be():
    form = {"batch": True, "bias": True, "stride": 2, "padding": 1}
    assert diagnose(with_cache, **form).ok
    assert diagnose(loops_of_images, **form).ok  # pad=
    assert diagnose(lambda x, w, dout, s, p: plain(dout, x, w, s, p), **form).ok
    assert diagnose(a_bias_of_four_axes, **form).ok


def test_arguments_that_are_taken_by_name_alone_are_given_by_name():
    assert diagnose(lambda grad_out, x, *, W: loops(grad_out, x, W)).ok
    assert diagnose(lambda *, w, dout, x: loops(dout, x, w)).ok
    report = diagnose(another_by_name)
    assert report.failed == ("signature",)
    assert "another_by_name(grad_out, x, W, axes=axes)" in report.summary


def another_by_name(dout, x, w, *, axes):
    return axes, loops(dout, x, w)


def test_a_line_to_paste_is_suggested_where_it_cannot_be_guessed():
    report = diagnose(with_what_nobody_knows)
    assert report.failed == ("signature",)
    line = (
        "conv2d_backward = lambda grad_out, x, W: "
        "with_what_nobody_knows(grad_out, (x, W, np.zeros(len(W)), cols))"
    )
    assert f"{line}  in its place, with what your forward keeps for cols" in report.summary


def test_of_a_layer_that_keeps_x_a_function_to_paste_is_suggested():
    class Convolution:
        def backward(self, dout):
            return dout

    summary = diagnose(Convolution().backward).summary
    suggested = summary.partition(":\n")[2]
    compile("if True:\n" + suggested, "suggested", "exec")
    assert "layer.forward(x)" in suggested


@pytest.mark.parametrize(
    ("fn", "options", "said"),
    [
        (columns, {}, "say batch=True (in the shell: --batch)"),
        (plain, {"batch": True}, "say bias=True (in the shell: --bias)"),
        (loops, {"batch": True}, "say batch=False"),
    ],
)
def test_another_form_of_arrays_is_told(fn, options, said):
    assert said in diagnose(fn, **options).summary


def test_channels_last_is_told():
    def backward(grad_out, x, W):
        moved = (np.moveaxis(a, -1, 0) for a in (grad_out, x))
        dx, dW = conv2d_backward(*moved, W.transpose(3, 2, 0, 1))
        return np.moveaxis(dx, 0, -1), dW.transpose(2, 3, 1, 0)

    assert "say channels_last=True" in diagnose(backward).summary


# --- words ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CAUSES)
def test_words_need_no_signs_that_a_student_does_not_know(name):
    for results in ((), ("dx",), ("dx", "dW")):
        cause = told(name, results)
        text = " ".join(cause)
        assert not set("ΣΠ⟨⟩∂{}") & set(text)
        assert " G" not in text
        assert "G[" not in text
        assert cause.hint.endswith("?")
        assert "is are" not in text
    assert "{what}" not in told(name).title


def test_a_report_is_short_where_its_value_is_shown():
    assert repr(diagnose(loops)) == "<Report on loops: right>"
    short = repr(diagnose(nothing_returned))
    assert short.startswith("<Report on nothing_returned: wrong, it returned None")


@pytest.mark.parametrize(
    ("wrong", "words"), [(dx_flipped, "which is"), (dx_assigned, "the sum of")]
)
def test_one_product_is_called_no_sum(wrong, words):
    report = diagnose(wrong)
    assert (len(report.first_wrong.contributions) > 1) == (words == "the sum of")
    assert f"\n  {words}\n    grad_out[" in str(report)
    assert f", {words}</p>" in report._repr_html_()
