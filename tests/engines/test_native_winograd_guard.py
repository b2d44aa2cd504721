"""Winograd's guard: large values, however many, cost no sum its digits that does not read them."""

from pathlib import Path

import numpy as np
import oracles
import pytest
from calls import convolve, same_bits
from oracles import simple

from dxdw import explain
from dxdw.engines import native, native_library

pytestmark = pytest.mark.skipif(
    native_library.load() is None, reason=f"no kernels: {native_library.why_missing()}"
)

CASES = {
    "3x3": simple((1, 16, 16, 16), (16, 16, 3, 3), pad=1),
    "wide": simple((1, 64, 13, 14), (64, 64, 3, 3), pad=1),
    "5x5": simple((1, 32, 16, 15), (32, 32, 5, 5), pad=2),
    "dilated": simple((1, 32, 30, 27), (32, 32, 3, 3), pad=2, dilation=(2, 2)),
    "full": simple((1, 16, 17, 16), (16, 16, 3, 3), pad=2),
}


def operands(case, seed):
    rng = np.random.default_rng(seed)
    names = ("x", "W", "grad_out")
    return {n: rng.standard_normal(case.shape(n)).astype(np.float32) for n in names}


def off(kind, a, case):
    """The result's errors, of Winograd's, over Σ|first||second| of each element."""
    result = convolve(kind, a, case, engine="winograd")
    first, second = (a[name].astype(float) for name in oracles.OPERANDS[kind])
    majorant = oracles.run(kind, abs(first), abs(second), case)
    error = abs(result - oracles.run(kind, first, second, case))
    assert (error[majorant == 0] == 0).all()
    return error / np.where(majorant, majorant, 1)


@pytest.mark.parametrize("largest", [30.0, 3e3, 1e5, 1e8, 1e12])
@pytest.mark.parametrize("spikes", [1, 2, 3, 9, 16])
@pytest.mark.parametrize("name", CASES)
def test_spikes_leave_the_others_their_digits(name, spikes, largest):
    """In channels of one place, and over a row: what one kernel's reach away sums is as before."""
    case = CASES[name]
    for kind, operand in (("forward", "x"), ("dx", "grad_out")):
        a = operands(case, spikes)
        for i in range(spikes):
            a[operand][0, i % 16, 7, 7] = largest
        for i in range(spikes // 2):
            a[operand][0, 3, 4, i] = largest
        # Within the guard's range up to three digits may go, of seven; beyond it no sum is so.
        assert off(kind, a, case).max() < 4e-4, kind


@pytest.mark.parametrize("spikes", [1, 2, 3, 16])
def test_what_no_spike_reaches_is_as_without_it(spikes):
    case, a = CASES["3x3"], operands(CASES["3x3"], 7)
    for i in range(spikes):
        a["x"][0, i, 8, 8] = 1e8
    error = off("forward", a, case)
    error[..., 7:10, 7:10] = 0
    assert error.max() < 4e-6


@pytest.mark.parametrize("spikes", [1, 2, 4, 16])
@pytest.mark.parametrize("operand", ["x", "grad_out"])
@pytest.mark.parametrize("name", ["3x3", "5x5", "wide"])
def test_spikes_at_an_edge_leave_those_taps_of_dW_their_digits_that_read_padding(
    name, operand, spikes
):
    case, a = CASES[name], operands(CASES[name], 5)
    for i in range(spikes):
        a[operand][0, i, 0, 3 + i % 8] = 1e8
    assert off("dW", a, case).max() < 1e-4


def test_a_bright_half_beside_a_dark_one():
    """No few outliers: half of all is 1e6 times the other half."""
    case = CASES["3x3"]
    for kind in ("forward", "dx", "dW"):
        a = operands(case, 3)
        a["x"][..., :9] *= 1e6
        a["grad_out"][..., :9] *= 1e6
        assert off(kind, a, case).max() < 1e-4, kind


def masked(values):
    values[..., :5, :] = 0
    values[..., 9:] = 0
    return values


@pytest.mark.parametrize(
    "data",
    [
        lambda values: values,
        lambda values: abs(values) + 0.01,
        lambda values: np.maximum(values, 0),
        masked,
        lambda values: masked(np.maximum(values, 0)),
        lambda values: np.where(np.arange(values.size).reshape(values.shape) % 7, 0, values),
        np.zeros_like,
        np.ones_like,
    ],
    ids=["normal", "positive", "relu", "masked", "masked relu", "sparse", "zeros", "ones"],
)
@pytest.mark.parametrize("name", CASES)
def test_ordinary_data_is_transformed_all_of_it(name, data):
    """What the direct kernel computes has its bits: no row of a result is so."""
    case, a = CASES[name], operands(CASES[name], 1)
    a = {n: data(v) if n != "W" else v for n, v in a.items()}
    for kind in ("forward", "dx", "dW"):
        result = convolve(kind, a, case, engine="winograd")
        direct = convolve(kind, a, case, engine="direct")
        if not direct.any():
            assert not result.any()
            continue
        rows = range(direct.shape[2]) if kind != "dW" else [slice(None)]
        for row in rows:
            ours, theirs = result[:, :, row], direct[:, :, row]
            assert not same_bits(ours, theirs) or same_bits(theirs, 0 * theirs), (kind, row)


@pytest.mark.parametrize("name", CASES)
def test_what_explain_prints_holds_at_every_element(name):
    case = CASES[name]
    options = {"dilation": case.dilation, "dtype": "float32", "engine": "winograd"}
    shapes = (case.x_shape, case.W_shape, case.padding, case.stride)
    said = explain("forward", *shapes, **options).error_bound
    factor = float(said.split("and ≤ ")[1].split(" ")[0])
    assert said.endswith("unless that is of zeros alone")
    for largest in (1, 50, 200, 1e3, 1e4, 1e6):
        a = operands(case, 2)
        a["x"][0, :5, 7, 7] = largest
        a["x"][0, 9, 3, 3:5] = largest
        first, second = (a[n].astype(float) for n in ("x", "W"))
        wanted = oracles.run("forward", first, second, case)
        error = abs(convolve("forward", a, case, engine="winograd") - wanted)
        ones = np.ones_like(a["W"], float)
        windows = oracles.run("forward", abs(a["x"]).astype(float), ones, case)
        assert (error <= factor * abs(a["W"]).max() * windows).all()


def test_the_guards_range_is_the_one_that_is_told():
    source = Path(__file__).parents[2] / "native/kernels/winograd_guard.h"
    assert f"kWidestRange = {native.WIDEST_RANGE};" in source.read_text("utf-8")
