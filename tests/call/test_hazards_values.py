"""NaN, infinities, subnormals and the largest numbers: they land where the definition puts them."""

from contextlib import nullcontext
from unittest.mock import patch

import numpy as np
import oracles
import pytest
from calls import KINDS, convolve, cost_no_object, least_workspace
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import MODES, simple

from dxdw import conv1d, conv1d_backward, conv2d, conv2d_backward
from dxdw.engines import scratch, tuning


def quiet():
    """Without the warnings of Inf·0 and Inf − Inf, which the loops would give as well."""
    return np.errstate(invalid="ignore", over="ignore")


def assert_same_elements(actual, expected, what):
    """Also which infinity, and that what is finite is what it is without the others."""
    assert actual.shape == expected.shape
    assert np.array_equal(np.isnan(actual), np.isnan(expected)), what
    assert np.array_equal(actual, expected, equal_nan=True), what


@pytest.mark.parametrize("engine", [None, "small", "array", "reference", "fft, then array"])
@pytest.mark.parametrize("mode", MODES)
@settings(max_examples=15)
@given(data=st.data(), seed=oracles.seeds)
def test_specials_land_where_the_definition_puts_them(mode, engine, data, seed):
    case = data.draw(oracles.cases(modes=(mode,)))
    if engine == "small":
        case = case._replace(groups=1)
    a = oracles.operands(case, seed)
    for operand in data.draw(st.sets(st.sampled_from(sorted(a)), min_size=1, max_size=2)):
        place = data.draw(st.integers(0, a[operand].size - 1))
        special = data.draw(st.sampled_from((np.nan, np.inf, -np.inf)))
        a[operand].flat[place] = special
    name = None if engine == "fft, then array" else engine
    with quiet():
        for kind in KINDS:
            first, second = (a[operand] for operand in oracles.OPERANDS[kind])
            expected = oracles.run(kind, first, second, case)
            if engine == "fft, then array":  # the plan asks fft first, which must hand over
                with cost_no_object():
                    result = convolve(kind, a, case)
                finite = np.isfinite(first).all() and np.isfinite(second).all()
                if finite:  # this pass does not read the operand
                    result = np.rint(result)
            else:
                result = convolve(kind, a, case, engine=name)
            assert_same_elements(result, expected, kind)


WIDE = {
    "scattered forward": simple((1, 40, 5, 4), (1, 40, 2, 3), pad=2),
    "scattered dx": simple((1, 1, 5, 4), (40, 1, 2, 3), pad=2),
    "gathered": simple((2, 3, 6, 5), (4, 3, 3, 2), pad=2, stride=2),
    "many channels": simple((2, 36, 5, 4), (34, 36, 3, 3), pad=1),
    "grouped": simple((2, 4, 6, 5), (4, 2, 3, 3), pad=3, groups=2),
}


@pytest.mark.parametrize("special", [np.nan, np.inf])
@pytest.mark.parametrize("operand", ["x", "W", "grad_out"])
@pytest.mark.parametrize("name", WIDE)
def test_specials_in_every_regime_and_in_tiles(name, operand, special):
    case = WIDE[name]
    a = oracles.operands(case, 0)
    for flat in (0, a[operand].size // 2, -1):
        b = a | {operand: a[operand].copy()}
        b[operand].flat[flat] = special
        with quiet():
            for kind in KINDS:
                first, second = (b[n] for n in oracles.OPERANDS[kind])
                expected = oracles.run(kind, first, second, case)
                assert_same_elements(convolve(kind, b, case, engine="array"), expected, kind)
                least = least_workspace(kind, b, case, engine="array")
                tiled = convolve(kind, b, case, engine="array", max_workspace=least)
                assert_same_elements(tiled, expected, f"{kind} in tiles")


def test_padding_zeros_are_multiplied_like_any_other_zero():
    """By hand: W is infinite at the left tap, which meets the padding at the first output alone."""
    with quiet():
        out = conv1d([[1.0, 2.0]], [[[np.inf, 1.0]]], ((1, 0),))
        assert np.isnan(out[0, 0])
        assert out[0, 1] == np.inf
        dx, dW = conv1d_backward([[np.inf, 1.0]], [[1.0, 2.0]], [[[3.0, 4.0]]], ((1, 0),))
        # dx has only the products that exist, dW one with the padding zero.
        assert dx.tolist() == [[np.inf, 4.0]]
        assert np.isnan(dW[0, 0, 0])
        assert dW[0, 0, 1] == np.inf


def test_dx_has_no_products_beyond_the_edge_of_grad_out():
    with quiet():
        (dx,) = conv2d_backward(
            np.ones((1, 2, 2)), np.ones((1, 3, 3)), [[[[np.inf, 1], [1, 1]]]], needs=("dx",)
        )
    assert dx.tolist() == [[[np.inf, np.inf, 1], [np.inf, np.inf, 2], [1, 2, 1]]]


@pytest.mark.parametrize("kind", KINDS)
def test_a_special_stays_in_its_own_image_and_group(kind):
    case = simple((3, 4, 8, 8), (4, 2, 3, 3), pad=1, groups=2)
    a = oracles.operands(case, 0, dtype="complex128")
    if kind == "dW":
        a["x"][1, 3] = np.nan
    else:
        a["x"][1, 0, 2, 2] = a["grad_out"][1, 0, 2, 2] = complex(np.nan, 1)
    with quiet():
        result = convolve(kind, a, case)
    if kind == "dW":  # the second group's outputs, of its second channel
        assert np.isnan(result[2:, 1]).all()
        assert np.isfinite(result[:2]).all()
        assert np.isfinite(result[2:, 0]).all()
    else:
        assert np.isfinite(result[[0, 2]]).all()
        assert np.isfinite(result[1, 2:]).all()
        assert np.isnan(result[1, :2, 1:4, 1:4]).all()


@pytest.mark.parametrize(("dtype", "tiny"), [("float32", 2.0**-140), ("float64", 2.0**-1060)])
@pytest.mark.parametrize("engine", [None, "direct", "small", "array", "reference", "fft"])
def test_subnormals_are_kept(engine, dtype, tiny):
    case = simple((1, 2, 9, 8), (3, 2, 3, 3), pad=1)
    a = oracles.operands(case, 0, dtype=dtype)
    small = {name: (v * dtype_of(tiny, dtype)) for name, v in a.items()}
    with cost_no_object() if engine else nullcontext():
        for kind, operand in zip(KINDS, ("x", "grad_out", "grad_out"), strict=True):
            result = convolve(kind, a | {operand: small[operand]}, case, engine=engine)
            plain = convolve(kind, a, case, engine="array") * dtype_of(tiny, dtype)
            assert np.abs(plain).max() < np.finfo(dtype).smallest_normal
            if engine == "fft":  # each of its own roundings may be of a least subnormal
                least = np.finfo(dtype).smallest_subnormal
                assert np.abs(result - plain).max() <= 64 * least
            else:
                assert np.array_equal(result, plain)


def dtype_of(value, dtype):
    return np.dtype(dtype).type(value)


def test_products_that_underflow_to_subnormals():
    out = conv1d([[2.0**-600]], [[[2.0**-470]]])
    assert out[0, 0] == 2.0**-1070


@pytest.mark.parametrize("engine", [None, "direct", "small", "array", "reference"])
def test_the_largest_numbers_stay_finite_where_their_sums_are(engine):
    most = np.finfo(np.float64).max
    x = np.array([[[most, -most, 0, most]]])
    out = conv2d(x, [[[[1.0, 1.0]]]], engine=engine)
    assert out.tolist() == [[[0, -most, most]]]
    dx, dW = conv2d_backward([[[1.0, 0, 0]]], x, [[[[1.0, -1.0]]]], engine=engine)
    assert dx.tolist() == [[[1, -1, 0, 0]]]
    assert dW.tolist() == [[[[most, -most]]]]


@pytest.mark.usefixtures("without_kernels")
def test_large_and_small_in_one_image_keep_their_digits_with_the_highest_precision():
    """A spike of 1e12 would cost its neighbours all of theirs in a transform of float32."""
    case = simple((1, 1, 90, 90), (1, 1, 25, 25))
    a = oracles.operands(case, 0, dtype=np.float32, draw=oracles.reals)
    a["x"][0, 0, 45, 45] = 1e12
    first, second = a["x"], a["W"]
    wide = oracles.forward(first.astype(float), second.astype(float), case)
    majorant = oracles.forward(abs(first).astype(float), abs(second).astype(float), case)
    bound = oracles.direct_bound(wide, majorant, case.terms("forward"), np.float32)
    sharp = convolve("forward", a, case, precision="highest")
    assert (np.abs(sharp - wide) <= bound).all()
    fast = convolve("forward", a, case, precision="high")
    assert not (np.abs(fast - wide) <= bound).all(), "high takes no transform here: test elsewhere"


def test_signed_zeros_and_the_sign_of_an_infinity():
    out = conv1d([[-0.0, 1.0, -np.inf]], [[[2.0]]])
    assert out.tolist() == [[0.0, 2.0, -np.inf]]


@settings(max_examples=60)
@given(oracles.cases(), oracles.seeds)
def test_memory_that_is_not_written_first_is_never_read(case, seed):
    """Fresh and kept scratch memory full of NaN."""
    empty = np.empty

    def poisoned(*args, **options):
        made = empty(*args, **options)
        if made.dtype.kind in "fc":
            made.fill(np.nan)
        elif made.dtype == np.uint8:
            made.fill(0xFF)  # a NaN in every float
        return made

    for engine in ("small", "array", "fft"):
        own = case._replace(groups=1) if engine == "small" else case
        own = own._replace(stride=(1,) * case.ndim) if engine == "fft" else own
        b = oracles.operands(own, seed)
        scratch._kept.block = np.full(tuning.KEPT_BYTES, 0xFF, np.uint8)
        with patch.object(np, "empty", poisoned), cost_no_object():
            for kind in KINDS:
                first, second = (b[operand] for operand in oracles.OPERANDS[kind])
                result = convolve(kind, b, own, engine=engine)
                expected = oracles.run(kind, first, second, own)
                assert np.array_equal(np.rint(result) if engine == "fft" else result, expected)


@pytest.mark.usefixtures("without_kernels")
def test_a_callers_error_state_that_raises_is_not_tripped():
    case = simple((1, 1, 90, 90), (1, 1, 25, 25))
    a = oracles.operands(case, 0, dtype=np.float32, draw=oracles.reals)
    with np.errstate(all="raise", under="ignore"):
        for kind in KINDS:
            for engine in ("fft", "array"):
                assert np.isfinite(convolve(kind, a, case, engine=engine)).all()
