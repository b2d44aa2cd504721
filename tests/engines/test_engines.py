"""Every engine on every kind of pass against the oracle, and that it was this engine that ran."""

import numpy as np
import oracles
import pytest
from calls import KINDS, convolve, cost_no_object, least_workspace, same_bits
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracles import Case, simple

from dxdw.call.plan import engines

DTYPES = ("float32", "float64", "complex64", "complex128")
# The engines that sum the definition's products, with the dtypes that they take.
DIRECT = [
    (engine, dtype)
    for engine in engines()
    for dtype in DTYPES
    if engine not in ("vendor", "fft", "winograd", "depthwise")
    and not engine.startswith("bfloat16")  # which few processors have; kernels_check.cpp emulates
    and (engine != "direct" or dtype.startswith("float"))
]

# The fixture `ran` may see many examples: each looks at its own part of the list.
many = settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])


def fitting(case, engine):
    """The case as the engine can take it."""
    if engine == "small":
        return case._replace(groups=1)
    if engine == "fft":
        return case._replace(stride=(1,) * case.ndim)
    return case


def expected(kind, a, case):
    first, second = (a[name] for name in oracles.OPERANDS[kind])
    return oracles.run(kind, first, second, case)


def assert_within_fft_bound(actual, kind, a, case, exact):
    first, second = (a[name] for name in oracles.OPERANDS[kind])
    padded_x = oracles.pad(a["x"], case)  # what the transform is of: copies of x count in the norm
    if kind != "dx":
        first, second = (padded_x, second) if kind == "forward" else (first, padded_x)
    # A tile holds at most the padded x, whose sizes go up to the next that is quick.
    points = np.prod([2 * n + 8 for n in padded_x.shape[2:]])
    bound = oracles.fft_bound(first, second, int(points), actual.dtype)
    if kind == "dx":
        bound *= case.copies
    error = np.abs(actual - exact).max(initial=0)
    assert error <= bound, f"{kind} of {case}: {error} > {bound}"


@pytest.mark.parametrize(("engine", "dtype"), DIRECT)
@many
@given(case=oracles.cases(), seed=oracles.seeds)
def test_small_integers_exactly(engine, dtype, ran, case, seed):
    case = fitting(case, engine)
    a = oracles.operands(case, seed, dtype=dtype)
    with cost_no_object():
        for kind in KINDS:
            result = convolve(kind, a, case, engine=engine)
            assert result.dtype == dtype
            assert np.array_equal(result, expected(kind, a, case)), kind
            assert ran[-1] == engine


@pytest.mark.parametrize(("engine", "dtype"), DIRECT)
@many
@given(case=oracles.cases(), seed=oracles.seeds)
def test_reals_within_the_elementwise_bound(engine, dtype, ran, case, seed):
    case = fitting(case, engine)
    a = oracles.operands(case, seed, dtype=dtype, draw=oracles.reals)
    with cost_no_object():
        for kind in KINDS:
            result = convolve(kind, a, case, engine=engine, precision="highest")
            first, second = (a[name] for name in oracles.OPERANDS[kind])
            oracles.assert_within_direct_bound(result, kind, first, second, case)
            assert ran[-1] == engine


@pytest.mark.parametrize("dtype", DTYPES)
@many
@given(
    case=oracles.cases(dense=True), seed=oracles.seeds, draw=st.sampled_from(["integers", "reals"])
)
def test_fft_within_its_normwise_bound(dtype, ran, case, seed, draw):
    a = oracles.operands(case, seed, dtype=dtype, draw=getattr(oracles, draw))
    with cost_no_object():
        for kind in KINDS:
            result = convolve(kind, a, case, engine="fft")
            assert result.dtype == dtype
            exact = expected(kind, {n: oracles.extended(v) for n, v in a.items()}, case)
            assert result.shape == exact.shape
            assert_within_fft_bound(result, kind, a, case, exact)
            assert ran[-1] == "fft"


@settings(max_examples=60)
@given(case=oracles.cases(), seed=oracles.seeds, more=st.sampled_from((1, 2, 7)))
def test_array_engine_in_the_least_memory_so_in_many_tiles(case, seed, more):
    a = oracles.operands(case, seed)
    for kind in KINDS:
        least = least_workspace(kind, a, case, engine="array")
        result = convolve(kind, a, case, engine="array", max_workspace=more * least)
        assert np.array_equal(result, expected(kind, a, case)), kind


@settings(max_examples=60)
@given(case=oracles.cases(), seed=oracles.seeds)
def test_array_engine_in_many_tiles_within_the_elementwise_bound(case, seed):
    a = oracles.operands(case, seed, dtype=np.float32, draw=oracles.reals)
    for kind in KINDS:
        least = least_workspace(kind, a, case, engine="array")
        result = convolve(kind, a, case, engine="array", max_workspace=least)
        first, second = (a[name] for name in oracles.OPERANDS[kind])
        oracles.assert_within_direct_bound(result, kind, first, second, case)


def test_error_of_a_long_dW_does_not_grow_with_the_number_of_tiles():
    """10^6 times 0.1 in float32: where all terms are alike, so are the errors of a running sum."""
    case = simple((1, 1, 1000, 1000), (1, 1, 1, 1))
    a = {n: np.ones(case.shape(n), np.float32) for n in ("x", "W", "grad_out")}
    a["x"] *= np.float32(0.1)
    exact = float(np.float32(0.1)) * a["x"].size
    # Inside a tile BLAS sums in its own order, in few running sums; over the tiles it is pairwise.
    for limit, error in ((None, 3e-4), (1 << 10, 1e-6)):
        dW = convolve("dW", a, case, engine="array", max_workspace=limit)
        assert abs(float(dW[0, 0, 0, 0]) - exact) < error * exact


# Numbers of channels at which an engine changes its ways, and geometries that meet each of them.
REGIMES = {
    "wide": simple((2, 40, 6, 5), (33, 40, 3, 3), pad=1),
    "wide strided": simple((2, 40, 9, 8), (33, 40, 3, 2), pad=1, stride=2),
    "wide in narrow out": simple((2, 40, 6, 5), (2, 40, 3, 3), pad=1),
    "narrow in wide out": simple((2, 3, 6, 5), (40, 3, 3, 3), pad=2),
    "narrow in wide out strided": simple((1, 3, 11, 9), (40, 3, 3, 3), pad=1, stride=3),
    "groups wide": simple((1, 66, 5, 4), (70, 33, 2, 3), pad=1, groups=2),
    "depthwise": simple((2, 12, 7, 6), (12, 1, 3, 3), pad=1, groups=12),
    "depthwise strided": simple((2, 12, 7, 6), (24, 1, 3, 3), pad=1, stride=2, groups=12),
    "one tap": simple((3, 35, 4, 4), (34, 35, 1, 1)),
    "one tap strided": simple((3, 4, 7, 5), (6, 4, 1, 1), stride=3),
    "stride past the kernel": simple((1, 2, 20, 11), (3, 2, 2, 2), pad=1, stride=5),
    "dilated": simple((1, 34, 12, 9), (3, 34, 3, 2), pad=3, dilation=(3, 2)),
    "dilation and stride share a divisor": simple(
        (1, 2, 15, 14), (3, 2, 3, 3), pad=2, stride=4, dilation=(2, 6)
    ),
    "image as kernel": simple((2, 3, 6, 7), (4, 3, 6, 7)),
    "three dimensions": simple((2, 33, 3, 4, 5), (35, 33, 2, 3, 2), pad=1, stride=2),
}


@pytest.mark.parametrize("budget", ["default", "least"])
@pytest.mark.parametrize("name", REGIMES)
def test_array_engine_in_each_regime_of_channels(name, budget, ran):
    case = REGIMES[name]
    a = oracles.operands(case, 3, dtype=np.float32)
    for kind in KINDS:
        least = least_workspace(kind, a, case, engine="array") if budget == "least" else None
        result = convolve(kind, a, case, engine="array", max_workspace=least)
        assert np.array_equal(result, expected(kind, a, case)), kind
    assert ran == ["array"] * 3


LARGE_KERNEL = simple((2, 1, 60, 50), (2, 1, 25, 21), pad=10)


@pytest.mark.usefixtures("without_kernels")
@pytest.mark.parametrize("dtype", DTYPES)
def test_fft_chosen_for_large_kernels_and_not_for_the_highest_precision(dtype, ran):
    a = oracles.operands(LARGE_KERNEL, 0, dtype=dtype, draw=oracles.reals)
    for kind in KINDS:
        # In float64 where that is exact enough: extended precision takes seconds here.
        wide = {n: v.astype(np.result_type(v, np.float64)) for n, v in a.items()}
        exact = expected(kind, wide, LARGE_KERNEL)
        fast = convolve(kind, a, LARGE_KERNEL)
        sharp = convolve(kind, a, LARGE_KERNEL, precision="highest")
        assert_within_fft_bound(fast, kind, a, LARGE_KERNEL, exact)
        first, second = (np.abs(wide[name]) for name in oracles.OPERANDS[kind])
        majorant = oracles.run(kind, first, second, LARGE_KERNEL)
        K = LARGE_KERNEL.terms(kind)
        bound = 2 * oracles.direct_bound(exact, majorant, K, dtype)
        assert (np.abs(sharp - exact) <= bound).all()
        if exact.dtype != dtype:  # else its own rounding is as large
            u = oracles.UNIT_ROUNDOFF[dtype]
            assert np.linalg.norm(fast - exact) < 16 * u * np.linalg.norm(exact)
    assert ran == ["fft", "array"] * 3


def test_fft_of_grouped_dilated_and_many_images_in_blocks(ran, monkeypatch):
    monkeypatch.setattr("dxdw.engines.tuning.BLOCK_BYTES", 1 << 14)
    case = simple((5, 4, 31, 40), (6, 2, 9, 8), pad=5, groups=2, dilation=(1, 3))
    a = oracles.operands(case, 4)
    with cost_no_object():
        for kind in KINDS:
            result = convolve(kind, a, case, engine="fft")
            exact = expected(kind, a, case)
            assert_within_fft_bound(result, kind, a, case, exact)
            assert np.array_equal(np.rint(result), exact)
    assert ran == ["fft"] * 3


@pytest.mark.parametrize(
    ("case", "engine"),
    [
        (simple((1, 2, 6, 6), (3, 2, 3, 3)), "small"),
        (simple((1, 2, 6, 6), (2, 1, 3, 3), groups=2), "array"),
        (simple((8, 8, 40, 40), (8, 8, 3, 3), pad=1), "array"),
        (simple((1, 1, 90, 90), (1, 1, 25, 25)), "fft"),
        (simple((1, 1, 64, 64), (1, 1, 25, 25), stride=2), "array"),
    ],
    ids=str,
)
@pytest.mark.usefixtures("without_kernels")
def test_engine_that_runs_unasked_without_kernels(case, engine, ran):
    a = oracles.operands(case, 1, draw=oracles.reals)
    for kind in KINDS:
        convolve(kind, a, case)
    assert ran == [engine] * 3


def test_no_engine_runs_where_there_is_nothing_to_sum(ran):
    case = simple((0, 2, 5, 5), (3, 2, 3, 3))
    a = oracles.operands(case, 0)
    for kind in KINDS:
        assert np.array_equal(convolve(kind, a, case), expected(kind, a, case))
    assert ran == []


@pytest.mark.usefixtures("without_kernels")
@pytest.mark.parametrize("special", [np.nan, np.inf])
def test_fft_hands_what_is_not_finite_to_the_next_engine(special, ran):
    a = oracles.operands(LARGE_KERNEL, 0, draw=oracles.reals)
    a["x"][0, 0, 3, 3] = special
    with np.errstate(invalid="ignore"):
        result = convolve("forward", a, LARGE_KERNEL)
    assert ran == ["array"]
    assert not np.isfinite(result[0, :, 3, 3]).any()
    assert np.isfinite(result[1]).all()


@pytest.mark.usefixtures("without_kernels")
def test_fft_hands_sums_that_overflow_on_the_way_to_the_next_engine(ran):
    """A transform adds up a whole tile: here 2^13 times 1e35, past what float32 holds."""
    case = simple((1, 1, 90, 90), (1, 1, 25, 25))
    a = oracles.operands(case, 0, dtype=np.float32)
    a["x"][:] = 1e35
    a["W"][:] = 0.125
    result = convolve("forward", a, case)
    assert ran == ["array"]
    assert np.allclose(result, np.float32(1e35) * np.float32(625 / 8), rtol=1e-5)


@settings(max_examples=20)
@given(case=oracles.cases(), seed=oracles.seeds)
def test_bits_of_a_pass_do_not_depend_on_which_others_are_asked_for(case, seed):
    from calls import BACKWARD

    a = oracles.operands(case, seed, draw=oracles.reals)
    every = BACKWARD[case.ndim](
        a["grad_out"], a["x"], a["W"], **case.options, needs=("db", "dW", "dx")
    )
    assert same_bits(every[1], convolve("dW", a, case))
    assert same_bits(every[2], convolve("dx", a, case))
    assert np.array_equal(every[0].shape, (case.W_shape[0],))


def test_reference_engine_agrees_with_the_seeds_loops_bit_for_bit():
    from dxdw import conv2d_backward_naive, conv2d_naive

    case = Case((6, 5), (3, 2), (1, 1), (1, 1), ((0, 0), (0, 0)), channels=(2, 3))
    a = oracles.operands(case, 9, draw=oracles.reals)
    dx, dW = conv2d_backward_naive(a["grad_out"][0], a["x"][0], a["W"])
    assert same_bits(convolve("dx", a, case, engine="reference")[0], dx)
    assert same_bits(convolve("dW", a, case, engine="reference"), dW)
    out = conv2d_naive(a["x"][0], a["W"])
    assert same_bits(convolve("forward", a, case, engine="reference")[0], out)
