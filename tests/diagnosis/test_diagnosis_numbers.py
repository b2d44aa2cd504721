"""What depends on the numbers is not laid to the sizes, and what becomes of fractions and of signs.

A function that is wrong now and then is right on some probes, and these may have equal sizes.
"""

import numpy as np
import pytest

from dxdw import conv2d, conv2d_backward
from dxdw.diagnosis import diagnose


def right(grad_out, x, W):
    dx, dW, *_ = conv2d_backward(grad_out, x, W)
    return dx.copy(), dW.copy()


def with_result(name, change, backward=right):
    """A function whose dx or dW is changed at the end."""

    def changed(*arguments):
        found = dict(zip(("dx", "dW"), backward(*arguments), strict=True))
        with np.errstate(all="ignore"):
            found[name] = change(found[name])
        return tuple(found.values())

    return changed


# --- now and then ---------------------------------------------------------------------------------

AT_ZEROS = {  # what stands where 0 should
    "nan": lambda a: a * a / a,
    "1e-08": lambda a: np.where(a == 0, 1e-8, a),
    "inf": lambda a: np.where(a == 0, np.inf, a),
    "another number": lambda a: np.where(a == 0, np.arange(1.0, a.size + 1).reshape(a.shape), a),
}
NOW_AND_THEN = {
    **AT_ZEROS,
    "one number is changed": lambda a: np.where(a == 5, 6, a),
    "multiples of 50 are lost": lambda a: np.where(a % 50 == 0, 0, a),
    "large numbers are cut off": lambda a: np.clip(a, -300, 300),
    "in 9 bits": lambda a: (a + 256) % 512 - 256,
    "by the first number's sign": lambda a: a if a.flat[0] > 0 else a + 1,
}


@pytest.mark.parametrize("change", NOW_AND_THEN.values(), ids=NOW_AND_THEN)
@pytest.mark.parametrize("name", ["dx", "dW"])
def test_what_is_wrong_now_and_then_is_no_matter_of_sizes(name, change):
    report = diagnose(with_result(name, change))
    assert report.causes == ()
    assert report.summary.startswith("not recognised")


@pytest.mark.parametrize("said", AT_ZEROS)
@pytest.mark.parametrize(("name", "other"), [("dx", "dW"), ("dW", "dx")])
def test_what_is_wrong_only_where_it_should_be_0_is_said_to_be(name, other, said):
    summary = diagnose(with_result(name, AT_ZEROS[said])).summary
    assert f"{name} is wrong only where it should be 0, and is {said} there" in summary
    assert summary.endswith(f"; {other} is right")


def turned(grad_out, x, W):
    return right(grad_out, x, W[..., ::-1, ::-1])


def doubled(grad_out, x, W):
    return tuple(2 * a for a in right(grad_out, x, W))


@pytest.mark.parametrize("backward", [turned, doubled])
@pytest.mark.parametrize("change", NOW_AND_THEN.values(), ids=NOW_AND_THEN)
def test_nor_is_it_beside_another_mistake(backward, change):
    report = diagnose(with_result("dx", change, backward))
    assert not report.ok
    assert not {"square-assumed", "size-of-one", "size-fixed"} & set(report.causes), str(report)


def test_what_is_wrong_for_a_single_1_too_is_no_size_of_one():
    def backward(grad_out, x, W):
        dx, dW = right(grad_out, x, W)
        return dx + (W.shape[2] == 1 or np.count_nonzero(grad_out) == 1), dW

    assert diagnose(backward).causes == ()


def test_what_is_wrong_for_some_numbers_where_a_size_is_1_is_no_size_of_one():
    asked = set()

    def backward(grad_out, x, W):
        """Wrong where kH is 1, but for other numbers than the first of a shape."""
        dx, dW = right(grad_out, x, W)
        asked.add((W.shape, W.tobytes()))
        first = sum(shape == W.shape for shape, _ in asked) == 1
        return dx + (W.shape[2] == 1 and first), dW

    assert diagnose(backward).causes == ()


# --- sizes, by contrast ---------------------------------------------------------------------------


def of_columns(grad_out, x, W, taps=99, outputs=99):
    """Without what lies beyond some columns of the kernel, or of the output."""
    G, kernel = grad_out.copy(), W.copy()
    G[..., outputs:], kernel[..., taps:] = 0, 0
    dx, dW = right(G, x, kernel)
    dW[..., taps:] = 0
    return dx, dW


def square_output(grad_out, x, W):
    return of_columns(grad_out, x, W, outputs=grad_out.shape[1])


SQUARE = {
    "kernel": lambda G, x, W: of_columns(G[:, :, : x.shape[2] - W.shape[2] + 1], x, W, W.shape[2]),
    "kernel, if it is wide": lambda G, x, W: of_columns(G, x, W, taps=W.shape[2]),
    "output": square_output,
    "image": lambda G, x, W: of_columns(G, x, W, outputs=max(x.shape[1] - W.shape[3] + 1, 0)),
    "channels": lambda G, x, W: right(G * (np.arange(len(G)) < len(x))[:, None, None], x, W),
}


@pytest.mark.parametrize("which", SQUARE)
def test_what_is_taken_to_be_square_is_named(which):
    assert diagnose(SQUARE[which]).causes == ("square-assumed",)


def test_so_it_is_beside_another_mistake():
    def both(grad_out, x, W):
        dx, dW = square_output(grad_out, x, W[..., ::-1, ::-1])
        return dx + x, dW

    report = diagnose(both)
    assert set(report.causes) == {"dx-kernel-flipped", "square-assumed", "not-from-zero"}


# --- fractions ------------------------------------------------------------------------------------

ROUNDED = {
    "np.round": np.round,
    "np.floor or //": lambda a: a // 1,
    "np.ceil": np.ceil,
    "np.floor(a + 0.5)": lambda a: np.floor(a + 0.5),
}


@pytest.mark.parametrize("by", ROUNDED)
@pytest.mark.parametrize("name", ["dx", "dW"])
def test_what_is_rounded_is_no_array_of_integers(name, by):
    report = diagnose(with_result(name, ROUNDED[by]))
    assert report.causes == ("fractions-rounded",)
    assert report.summary == f"{name} is rounded to whole numbers, as {by} does it"
    assert "integers" in report.failed
    assert "zeros" not in str(report)


@pytest.mark.parametrize("by", ["np.round", "np.floor or //"])
def test_an_argument_that_is_rounded_is_named(by):
    report = diagnose(lambda grad_out, x, W: right(ROUNDED[by](grad_out), x, W))
    assert report.summary == f"grad_out is rounded to whole numbers, as {by} does it"


def test_every_result_is_told_how_it_is_rounded():
    def backward(grad_out, x, W):
        dx, dW = right(grad_out, x, W)
        return np.round(dx), np.floor(dW), np.round(grad_out.sum((1, 2)))

    report = diagnose(backward, bias=True)
    assert report.causes == ("fractions-rounded",)
    assert report.summary == "dx, dW and db are rounded to whole numbers"
    assert report.matched == (
        "dx: every element is rounded as np.round does it",
        "dW: every element is rounded as np.floor or // does it",
        "db: every element is rounded as np.round does it",
    )


@pytest.mark.parametrize("cut", [np.trunc, lambda a: a.astype(int), np.fix])
def test_what_is_cut_off_keeps_its_name(cut):
    report = diagnose(with_result("dx", cut))
    assert report.causes == ("integer-truncated",)
    assert "written into an array of integers" in report.summary


def test_a_buffer_of_integers_is_told_beside_what_is_rounded():
    def backward(grad_out, x, W):
        dx, dW = right(grad_out, x, W)
        buffer = np.zeros_like(x)
        buffer[...] = dx
        return buffer, np.round(dW)

    report = diagnose(backward)
    assert report.causes == ("integer-truncated", "fractions-rounded")
    assert "dW is rounded to whole numbers, as np.round does it" in report.summary


@pytest.mark.parametrize("by", [by for by in ROUNDED if "+" not in by])
def test_an_output_that_is_rounded_is_told_how(by):
    report = diagnose(lambda x, W: ROUNDED[by](conv2d(x, W)), problem="conv2d_naive")
    assert report.causes == ("fractions-rounded",)
    assert report.summary == f"the output is rounded to whole numbers, as {by} does it"


# --- signs ----------------------------------------------------------------------------------------


def test_a_minus_too_many_is_told_as_a_sign():
    report = diagnose(lambda grad_out, x, W: right(-grad_out, x, W))
    assert report.causes == ("scaled",)
    assert report.summary == "the sign of dx and dW is the other one"
    assert "mean" not in str(report)
    report = diagnose(with_result("dW", np.negative))
    assert report.summary == "the sign of dW is the other one"
    report = diagnose(
        lambda grad_out, x, W: (*right(grad_out, x, W), -grad_out.sum((1, 2))), bias=True
    )
    assert report.summary == "the sign of db is the other one"


@pytest.mark.parametrize("factors", [(-2, -2), (-1, 2), (0.5, 0.5)])
def test_another_factor_is_no_matter_of_signs(factors):
    def backward(*arguments):
        return tuple(f * a for f, a in zip(factors, right(*arguments), strict=True))

    assert "multiplied by a factor" in diagnose(backward).summary
