"""What a probe alone can't tell: answers that change between calls, sizes that are larger, digits.

A name is given where the answers are those of a mistake, and not for where they happen to be wrong.
"""

import numpy as np
import pytest

from dxdw import conv2d_backward
from dxdw.diagnosis import diagnose

SIZES = ("C_in", "C_out", "kH", "kW", "outH", "outW")


def right(grad_out, x, W):
    dx, dW, *_ = conv2d_backward(grad_out, x, W)
    return dx.copy(), dW.copy()


def detail(report, name):
    return next(check.detail for check in report.checks if check.name == name)


# --- what earlier calls leave, and chance ---------------------------------------------------------


@pytest.mark.parametrize("calls", [20, 50, 70])
def test_a_function_that_goes_wrong_after_some_calls(calls):
    count = 0

    def tires(*arrays):
        nonlocal count
        count += 1
        dx, dW = right(*arrays)
        return dx, dW if count < calls else 2 * dW

    changes(diagnose(tires))


@pytest.mark.parametrize("seed", range(5))
def test_a_function_that_is_wrong_by_chance(seed):
    rng = np.random.default_rng(seed)

    def errs(*arrays):
        dx, dW = right(*arrays)
        return dx + (rng.random() < 0.05), dW

    changes(diagnose(errs))


def changes(report):
    assert report.causes == ()
    assert "repeatable" in report.failed
    assert "asked once more, after other calls, it gives another" in detail(report, "repeatable")
    assert report.summary.startswith("its answers change from call to call")
    assert str(report)


@pytest.mark.parametrize("of", ["W alone", "all shapes"])
def test_results_kept_by_shapes(of):
    kept = {}

    def remembers(grad_out, x, W):
        key = W.shape if of == "W alone" else (grad_out.shape, x.shape, W.shape)
        if key not in kept:
            kept[key] = right(grad_out, x, W)
        return tuple(a.copy() for a in kept[key])

    report = diagnose(remembers)
    assert report.causes == ("state-kept",)
    assert "repeatable" in report.failed
    assert "are given dx and dW of the first" in report.matched[0]
    assert "right" not in report.summary


# --- sizes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("most", [3, 8])
def test_a_size_that_is_a_number_is_named_in_each(size, most):
    def fixed(grad_out, x, W):
        grad_out, W = grad_out.copy(), W.copy()
        beyond = slice(most, None)
        {
            "C_in": W[:, beyond], "C_out": grad_out[beyond], "kH": W[:, :, beyond],
            "kW": W[..., beyond], "outH": grad_out[:, beyond], "outW": grad_out[..., beyond],
        }[size][:] = 0  # fmt: skip
        dx, dW = right(grad_out, x, W)
        if size in ("C_in", "kH", "kW"):
            {"C_in": dW[:, beyond], "kH": dW[:, :, beyond], "kW": dW[..., beyond]}[size][:] = 0
        return dx, dW

    report = diagnose(fixed)
    assert report.causes == ("size-fixed",)
    assert f"dx: right for {size} up to {most}" in report.matched[0]
    assert str(report)


@pytest.mark.parametrize("name", ["dx", "dW"])
def test_a_size_in_one_result_alone(name):
    def coloured(*arrays):
        dx, dW = right(*arrays)
        (dx if name == "dx" else dW)[3:] = 0
        return dx, dW

    report = diagnose(coloured)
    assert report.causes == ("size-fixed",)
    assert report.summary == f"a size is written as a number in {name}"


def test_images_that_are_counted():
    def counted(grad_out, x, W):
        grad_out = grad_out.copy()
        grad_out[4:] = 0
        return right(grad_out, x, W)

    assert not diagnose(counted, batch=True).ok


def test_what_is_wrong_with_large_arrays_in_another_way_is_told_with_their_sizes():
    def small_kernels(grad_out, x, W):
        dx, dW = right(grad_out, x, W)
        return (dx, dW) if max(W.shape[2:]) <= 5 else (0 * dx, 0 * dW)

    report = diagnose(small_kernels)
    assert report.causes == ()
    assert "right on other arrays, and wrong with C_in=17, C_out=2, kernel 9×2" in report.summary


# --- results that tell nothing --------------------------------------------------------------------


@pytest.mark.parametrize(
    "same",
    [
        lambda x, _: np.full(x.shape, 3.0),
        lambda x, W: np.full(x.shape, W.sum()),
        lambda x, _: np.random.default_rng(0).standard_normal(x.shape),
        lambda x, _: np.full(x.shape, 1e-12),
    ],
    ids=["a number", "the sum of W", "drawn from one seed", "nearly zero"],
)
def test_what_is_the_same_for_every_grad_out_is_no_known_mistake(same):
    """Less its own beginning it is zero everywhere, as what is shifted out of the image is."""

    def unmoved(grad_out, x, W):
        return same(x, W), right(grad_out, x, W)[1]

    report = diagnose(unmoved)
    assert report.causes == ()
    assert report.summary.startswith("not recognised")


@pytest.mark.parametrize(
    "infinite",
    [lambda a: a * 1e308 * 10, lambda a: np.full(a.shape, np.inf), lambda a: a / 0.0],
    ids=["too large", "all of them", "divided by 0"],
)
@pytest.mark.parametrize("name", ["dx", "dW"])
def test_infinities_are_no_sums_of_two_calls(infinite, name):
    def overflows(*arrays):
        dx, dW = right(*arrays)
        return (infinite(dx), dW) if name == "dx" else (dx, infinite(dW))

    report = diagnose(overflows)
    assert report.causes == ()
    assert "finite" in report.failed
    assert "repeatable" not in report.failed


# --- digits ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "rounded",
    [
        lambda a: a.astype(np.float16),
        lambda a: a.astype(np.float16).astype(float),
        lambda a: np.round(a * 256) / 256,
        lambda a: a.round(2),
        lambda a: np.clip(a, -1000, 1000),
    ],
    ids=["float16", "by float16", "by 1/256", "two decimals", "clipped"],
)
def test_what_is_not_float32_is_not_called_so_and_what_is_wrong_not_right(rounded):
    def rounds(*arrays):
        dx, dW = right(*arrays)
        return rounded(dx), dW

    report = diagnose(rounds)
    assert "precision" in report.failed
    assert report.causes == ()
    assert report.summary.endswith("; dW is right")


def test_a_factor_near_to_one_is_told_with_its_digits():
    report = diagnose(lambda *arrays: (right(*arrays)[0] * (1 + 1e-6), right(*arrays)[1]))
    assert report.causes == ("scaled",)
    assert "dx is 1.000001 times what it would be" in report.matched
