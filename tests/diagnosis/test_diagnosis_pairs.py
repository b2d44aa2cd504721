"""Two listed mistakes at once, and slips of the keyboard: caught, and named where they can be."""

from itertools import islice

import numpy as np
import pytest
from mistakes_in_source import EDITS, pairs, with_mistakes
from mutants import mutants

from dxdw.diagnosis import diagnose

# What the changes leave right: NumPy takes any negative number of reshape for "the rest".
EQUIVALENT = {"im2col: line 7, column 33: 1 is 2", "im2col: line 9, column 29: 1 is 2"}
BOTH_NAMED = 0.95  # of the pairs; 220 of 221 when this was written


def test_the_source_without_a_mistake_is_right():
    assert diagnose(with_mistakes()).ok


@pytest.mark.parametrize("mistake", EDITS)
def test_one_mistake_is_named(mistake):
    assert diagnose(with_mistakes(mistake)).causes == (mistake,)


def both_named(some):
    found = 0
    for pair in some:
        report = diagnose(with_mistakes(*pair))
        assert not report.ok, pair
        assert set(report.causes) <= set(pair), (pair, report.causes)
        found += set(report.causes) == set(pair)
    return found / len(some)


def test_two_mistakes_are_both_named():
    assert both_named(list(islice(pairs(), 5, None, 24))) >= BOTH_NAMED


def for_each_image(fn):
    """The sum over the batch is missing in dW."""

    def conv2d_backward(grad_out, x, W):
        dx = np.zeros(x.shape)
        for n in range(len(x)):
            dx[n], dW = fn(grad_out[n], x[n], W)
        return dx, dW

    return conv2d_backward


def uncropped(fn):
    """dx keeps the padding."""
    return lambda grad_out, x, W: fn(grad_out, np.pad(x, ((0, 0), (1, 1), (1, 1))), W)


GENERAL = pytest.mark.parametrize(
    ("wrapped", "mistake", "form"),
    [
        (for_each_image, "batch-sum-missing", {"batch": True}),
        (uncropped, "geometry-mixed", {"padding": 1}),
    ],
)
OTHERS = sorted(set(EDITS) - {"tuple-swapped"})  # dx[n], dW = dW, dx is another mistake again


@GENERAL
def test_so_are_those_of_the_general_form_with_another(wrapped, mistake, form):
    both_of_the_general_form(wrapped, mistake, form, OTHERS[::4])


@GENERAL
@pytest.mark.slow
def test_so_are_those_of_the_general_form_with_every_other(wrapped, mistake, form):
    both_of_the_general_form(wrapped, mistake, form, OTHERS)


def both_of_the_general_form(wrapped, mistake, form, others):
    found = 0
    for other in others:
        report = diagnose(wrapped(with_mistakes(other)), **form)
        assert not report.ok, other
        assert set(report.causes) <= {mistake, other}, (other, report.causes)
        found += set(report.causes) == {mistake, other}
    missed = len(others) - found
    assert missed <= max(1, len(others) // 10)  # 2 and 1 of 21 when this was written


@pytest.mark.slow
def test_every_two_mistakes_are_both_named():
    assert both_named(list(pairs())) >= BOTH_NAMED


def slips_are_caught(some):
    for said, fn in some:
        assert diagnose(fn).ok == (said in EQUIVALENT), said


@pytest.mark.filterwarnings("ignore")  # some divide by zero, or read what is empty
def test_slips_of_the_keyboard_are_caught():
    slips_are_caught(islice(mutants(), 3, None, 26))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_every_slip_of_the_keyboard_is_caught():
    every = list(mutants())
    assert len(every) >= 200
    slips_are_caught(every)
