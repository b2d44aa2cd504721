"""The compiled kernels: Winograd's error and guard, threads, memory's edges, instruction sets."""

import ctypes
import mmap
import os
import subprocess
import sys
from math import prod
from pathlib import Path

import numpy as np
import oracles
import pytest
from calls import KINDS, convolve, forget_decisions, same_bits
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracles import simple

from dxdw import conv2d, conv2d_backward, conv3d, conv3d_backward, explain
from dxdw.call import geometries, known
from dxdw.call.options import Options
from dxdw.core.problem import Execution, Problem
from dxdw.engines import native, native_library

pytestmark = pytest.mark.skipif(
    native_library.load() is None, reason=f"no kernels: {native_library.why_missing()}"
)

ROUNDINGS = 30  # of a value on its way through the three transforms
UNIT_ROUNDOFF = {"float32": 2.0**-24, "float64": 2.0**-53}


def problem_of(kind, case, dtype):
    options = Options(case.padding, case.stride, case.dilation, case.groups)
    geometry, _ = geometries.convolution(case.ndim, case.x_shape, case.W_shape, options)
    return Problem(kind, geometry, np.dtype(dtype))


def winograd_bound(kind, a, case):
    """As explain states it: the largest magnitudes stand for those of every tile."""
    first, second = (np.abs(a[name]).astype(float) for name in oracles.OPERANDS[kind])
    largest = first.max() * second.max()
    if kind == "dW":
        side = {3: 4, 5: 2}[case.taps[0]]
        grids = [
            sum(-(-(n - r) // (d * side)) for r in range(min(d, n)))
            for n, d in zip(case.outs, case.dilation, strict=True)
        ]
        pairs = case.batch * prod(grids)
    else:
        pairs = case.channels[0 if kind == "forward" else 1]
    problem = problem_of(kind, case, a["x"].dtype)
    kernel = native.kernels()["winograd"]
    assert kernel.factor_and_terms(problem)[1] == pairs + ROUNDINGS
    return kernel.growth(problem) * largest * pairs


def operands_of(kind, a):
    """In float64, whose sums err by 2⁻²⁹ of what those of float32 do, or extended precision."""
    both = [a[name] for name in oracles.OPERANDS[kind]]
    wide = np.float64 if a["x"].dtype == np.float32 else np.longdouble
    return [v.astype(wide) for v in both]


def exact(kind, a, case):
    first, second = operands_of(kind, a)
    return oracles.run(kind, first, second, case)


@st.composite
def winograd_cases(draw):
    channels = st.sampled_from([1, 3, 8, 16, 17, 24, 40, 65])
    taps = draw(st.sampled_from([3, 5]))
    dilation = tuple(draw(st.sampled_from([1, 1, 2, 3, 5])) for _ in range(2))
    extents = [(taps - 1) * d + 1 for d in dilation]
    padding = tuple((draw(st.integers(0, 6)), draw(st.integers(0, 6))) for _ in range(2))
    sizes = tuple(
        draw(st.integers(max(1, extent - sum(pad)), 22 + d))
        for extent, pad, d in zip(extents, padding, dilation, strict=True)
    )
    return oracles.Case(
        sizes, (taps, taps), (1, 1), dilation, padding, batch=draw(st.integers(1, 3)),
        groups=draw(st.sampled_from([1, 1, 2, 9])), channels=(draw(channels), draw(channels)),
    )  # fmt: skip


@pytest.fixture
def few_channels_too(monkeypatch):
    """Winograd takes what it otherwise leaves to the direct kernels for its cost."""
    monkeypatch.setattr(native, "_declined", lambda *_: None)
    forget_decisions()
    yield
    forget_decisions()


@pytest.mark.usefixtures("few_channels_too")
@pytest.mark.parametrize("dtype", UNIT_ROUNDOFF)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(case=winograd_cases(), seed=oracles.seeds)
def test_winograd_within_its_bound(dtype, ran, case, seed):
    a = oracles.operands(case, seed, dtype=dtype, draw=oracles.reals)
    for kind in KINDS:
        result = convolve(kind, a, case, engine="winograd", threads=2)
        assert ran[-1] == "winograd"
        wanted = exact(kind, a, case)
        assert np.abs(result - wanted).max() <= winograd_bound(kind, a, case), kind


@pytest.mark.parametrize("taps", [3, 5])
@pytest.mark.parametrize("kind", KINDS)
def test_the_bounds_growth_is_that_of_the_points(kind, taps):
    """Of Toom and Cook's matrices, made anew: first that they correlate, then their growth."""
    points = np.array([0, 0.75, -0.75, 1.5, -1.5])
    long = taps if kind != "dW" else 7 - taps  # values of what slides
    others = [np.delete(points, p) for p in range(5)]
    scale = [np.prod(points[p] - others[p]) for p in range(5)]
    B_T = np.array([[*np.poly(o)[::-1], 0] for o in others] + [np.poly(points)[::-1]])
    G = np.vander(points, long, increasing=True) / np.array(scale)[:, None]
    G = np.vstack([G, np.eye(long)[-1]])
    A_T = np.vander(points, 7 - long, increasing=True).T
    A_T = np.column_stack([A_T, np.eye(7 - long)[-1]])
    rng = np.random.default_rng(0)
    d, g = rng.standard_normal(6), rng.standard_normal(long)
    assert np.allclose(A_T @ ((G @ g) * (B_T @ d)), np.correlate(d, g))
    along_an_axis = (abs(A_T) @ (abs(G).sum(1) * abs(B_T).sum(1))).max()
    problem = problem_of(kind, simple((1, 16, 24, 24), (16, 16, taps, taps)), np.float32)
    factor, _ = native.kernels()["winograd"].factor_and_terms(problem)
    assert factor == np.ceil(along_an_axis**2)


def test_which_kernel_takes_what(ran):
    x = {16: (2, 16, 24, 23), 15: (2, 15, 24, 23), 4: (2, 16, 4, 4)}
    takes = [
        simple(x[16], (17, 16, 3, 3), pad=1),
        simple(x[16], (17, 16, 3, 3), pad=2, dilation=(2, 3)),
        simple(x[16], (17, 16, 5, 5), pad=2),
        simple(x[16], (17, 16, 5, 5), pad=4, dilation=(2, 2)),
        simple((2, 32, 24, 23), (34, 16, 3, 3), pad=1, groups=2),
    ]
    leaves = [
        simple(x[15], (17, 15, 3, 3), pad=1),
        simple((2, 30, 24, 23), (34, 15, 3, 3), pad=1, groups=2),
        simple(x[16], (17, 16, 3, 5), pad=1),
        simple(x[16], (17, 16, 3, 3), pad=1, stride=2),
        simple(x[4], (17, 16, 3, 3), pad=3, dilation=(3, 3)),  # 16 tiles for 16 results
    ]
    for engine, cases in (("winograd", takes), ("direct", leaves)):
        for case in cases:
            a = oracles.operands(case, 0, dtype=np.float32)
            for kind in KINDS:
                convolve(kind, a, case)
                assert ran[-1] == engine, (kind, case)


WIDE = simple((2, 32, 30, 27), (48, 32, 3, 3), pad=1)
WINOGRADS = {
    "3x3": WIDE,
    "dilated": simple((2, 32, 30, 27), (48, 32, 3, 3), pad=2, dilation=(2, 2)),
    "5x5": simple((2, 32, 30, 27), (48, 32, 5, 5), pad=2),
    "few channels": simple((10, 16, 36, 33), (24, 16, 3, 3), pad=1),  # dW in chunks
    "grouped": simple((2, 32, 30, 27), (48, 16, 3, 3), pad=1, groups=2),
}


def ladder(shape, rng):
    return 2.0 ** rng.integers(-6, 7, shape) * rng.choice([-1.0, 1.0], shape)


DATA = {
    "gaussian": lambda shape, rng: rng.standard_normal(shape),
    "constant": lambda shape, _: np.full(shape, 0.1),
    "ladder": ladder,
    "sparse": lambda shape, rng: rng.standard_normal(shape) * (rng.random(shape) < 0.05),
}


@pytest.mark.parametrize("dtype", UNIT_ROUNDOFF)
@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize("name", WINOGRADS)
def test_winograds_error_on_data_of_all_kinds(name, data, dtype):
    """In the 2-norm a few units: 1e-6 on Gaussian data in float32, where direct sums have 3e-7."""
    case, rng = WINOGRADS[name], np.random.default_rng(0)
    if dtype == "float64" and case.batch == 2:
        case = case._replace(batch=1)  # extended precision is 50 times as slow
    a = {n: DATA[data](case.shape(n), rng).astype(dtype) for n in ("x", "W", "grad_out")}
    for kind in KINDS:
        result = convolve(kind, a, case, engine="winograd")
        wanted = exact(kind, a, case)
        error = np.linalg.norm((result - wanted).astype(float)) / np.linalg.norm(
            wanted.astype(float)
        )
        assert error < 50 * UNIT_ROUNDOFF[dtype], (kind, error)
        assert np.abs(result - wanted).max() <= winograd_bound(kind, a, case)


@pytest.mark.parametrize("special", [np.nan, np.inf, -np.inf, 1e8])
@pytest.mark.parametrize("operand", ["x", "grad_out"])
@pytest.mark.parametrize("name", WINOGRADS)
def test_what_a_tile_cannot_carry_lands_where_the_direct_kernel_puts_it(name, operand, special):
    """And the rows of tiles that hold it are the direct kernel's, digit for digit."""
    case = WINOGRADS[name]
    a = oracles.operands(case, 1, dtype=np.float32, draw=oracles.reals)
    a[operand][1, 5, 9, 13] = special
    with np.errstate(invalid="ignore"):
        for kind in KINDS:
            if operand not in oracles.OPERANDS[kind]:
                continue
            result = convolve(kind, a, case, engine="winograd")
            direct = convolve(kind, a, case, engine="direct")
            assert np.array_equal(np.isnan(result), np.isnan(direct))
            infinite = np.isinf(direct)
            assert np.array_equal(result[infinite], direct[infinite])
            assert np.array_equal(np.isinf(result), infinite)
            if np.isfinite(special) and kind != "dW":
                # The rows that reach row 9: the kernel is symmetric, so those of dx are the same.
                rows = [9 + case.padding[0][0] - u * case.dilation[0] for u in range(case.taps[0])]
                group = np.s_[: result.shape[1] // case.groups]  # where the special value is
                assert same_bits(result[1][group][:, rows], direct[1][group][:, rows])
                first, second = (np.abs(v) for v in operands_of(kind, a))
                majorant = oracles.run(kind, first, second, case)
                assert (np.abs(result - exact(kind, a, case)) <= 4e-6 * majorant).all()


@pytest.mark.usefixtures("few_channels_too")
@pytest.mark.parametrize("row", [0, 5, 8])
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_a_row_of_tiles_left_out_changes_no_other(channels, row):
    """The direct kernel computes several rows of few channels at once, where there are so many."""
    case = simple((1, channels, 9, 9), (channels, channels, 3, 3), pad=1)
    a = oracles.operands(case, 2, dtype=np.float32, draw=oracles.reals)
    a["x"][0, 0, row, 4] = a["grad_out"][0, 0, row, 4] = 1e8
    for kind in ("forward", "dx"):
        result = convolve(kind, a, case, engine="winograd")
        first, second = (np.abs(v) for v in operands_of(kind, a))
        majorant = oracles.run(kind, first, second, case)
        assert (np.abs(result - exact(kind, a, case)) <= 4e-6 * majorant).all(), kind


@pytest.mark.parametrize("special", [1, 1e8, np.nan])
def test_channels_that_come_in_parts_leave_the_same_tiles_out(special, ran):
    """Only x's frequencies fit the scratch memory. What the last part cannot carry, no part may."""
    case = simple((8, 256, 14, 14), (256, 256, 3, 3), pad=1)
    a = oracles.operands(case, 4, dtype=np.float64, draw=oracles.reals)
    a["grad_out"][3, 250, 6, 5] = special
    result = convolve("dW", a, case)
    assert ran[-1] == "winograd"
    direct = convolve("dW", a, case, engine="direct")
    assert np.array_equal(np.isnan(result), np.isnan(direct))
    others = np.arange(256) != 250
    for rows in (others, ~others):
        scale = abs(np.nan_to_num(direct[rows])).max()
        assert np.allclose(result[rows], direct[rows], rtol=0, atol=1e-14 * scale, equal_nan=True)


@pytest.mark.parametrize(("dtype", "outputs"), [("float32", 64), ("float64", 64), ("float64", 128)])
def test_tiles_in_few_chunks_are_the_same_for_any_number_of_threads(dtype, outputs, ran):
    """Four, two and one, whose sums leave the second cache: a thread's each, or all threads'."""
    case = simple((5, 64, 56, 104), (outputs, 64, 3, 3), pad=1)
    a = oracles.operands(case, 5, dtype=np.dtype(dtype), draw=oracles.reals)
    a["x"][-1, 3, -2, 7] = np.inf  # a row of the last chunk is the direct kernel's
    one = convolve("dW", a, case, threads=1, engine="winograd")
    assert ran[-1] == "winograd"
    for threads in (2, 3, 4, 5):
        assert same_bits(convolve("dW", a, case, threads=threads, engine="winograd"), one), threads
    direct = convolve("dW", a, case, engine="direct")
    assert np.array_equal(np.isfinite(one), np.isfinite(direct))
    finite = np.isfinite(direct)
    scale = abs(direct[finite]).max()
    assert np.abs(one[finite] - direct[finite]).max() < 500 * UNIT_ROUNDOFF[dtype] * scale


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e30, 1e-30])
def test_weights_that_transforms_cannot_carry_go_to_the_next_engine(value, ran):
    a = oracles.operands(WIDE, 2, dtype=np.float32, draw=oracles.reals)
    a["W"][...] = value
    with np.errstate(invalid="ignore", over="ignore"):
        convolve("forward", a, WIDE)
        assert ran[-1] == "direct"
        convolve("dx", a, WIDE)
        assert ran[-1] == ("direct" if np.isfinite(value) else "array")


# --- depthwise ------------------------------------------------------------------------------------


def summing(kind, case, dtype):
    """The best of the compiled kernels that sum the products themselves."""
    options = case.options | {"dtype": dtype}
    verdicts = explain(kind, case.x_shape, case.W_shape, **options).verdicts
    sums = [name for name, kernel in native.kernels().items() if kernel.sums]
    return next(v.engine for v in verdicts if v.engine in sums and not v.declined)


@st.composite
def depthwise_cases(draw):
    """One channel on a side of each group, and steps that the kernels know."""

    def pair(low, high):
        return draw(st.tuples(st.integers(low, high), st.integers(low, high)))

    taps = draw(st.tuples(st.integers(1, 7), st.integers(1, 7)).filter(lambda k: k != (1, 1)))
    padding = pair(0, 4), pair(0, 4)
    dilation = draw(st.sampled_from([(1, 1), (1, 1), (2, 1), (1, 3)]))
    least = [
        max(1, (k - 1) * d + 1 - sum(p)) for k, d, p in zip(taps, dilation, padding, strict=True)
    ]
    sizes = tuple(draw(st.integers(n, n + 40)) for n in least)
    channels = draw(st.sampled_from([(1, 1), (1, 1), (1, 2), (3, 1)]))
    return oracles.Case(
        sizes, taps, pair(1, 2), dilation, padding, batch=draw(st.integers(1, 3)),
        groups=draw(st.integers(1, 4)), channels=channels,
    )  # fmt: skip


def check_depthwise_exactly(case, seed, dtype, kernels):
    a = oracles.operands(case, seed, dtype=dtype)
    for kind in KINDS:
        first, second = (a[n] for n in oracles.OPERANDS[kind])
        kernels.append(summing(kind, case, dtype))
        result = convolve(kind, a, case, engine=kernels[-1], threads=2)
        assert np.array_equal(result, oracles.run(kind, first, second, case)), kind


@pytest.mark.parametrize("dtype", UNIT_ROUNDOFF)
def test_depthwise_kernels_sum_integers_exactly(dtype):
    kernels = []

    @given(case=depthwise_cases(), seed=oracles.seeds)
    @settings(max_examples=60)
    def check(case, seed):
        check_depthwise_exactly(case, seed, dtype, kernels)

    check()
    # All but a dx that no window reaches.
    assert set(kernels[::3] + kernels[2::3]) == {"depthwise"}
    assert "depthwise" in kernels[1::3]


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("taps", [(3, 3), (5, 5), (7, 7), (2, 3)])
def test_depthwise_kernels_are_exact_at_every_width(taps, stride):
    """Below a vector, at one, past it and at two, whatever the dtype and the instruction set."""
    for width in (*range(3, 20), 31, 32, 33, 63, 64, 65):
        for height in (4, 7, 8, 11, 15):
            case = simple(
                (2, 3, height, width), (3, 1, *taps), pad=taps[0] // 2, stride=stride, groups=3
            )
            if min(case.outs) < 1:
                continue
            kernels = []
            for dtype in UNIT_ROUNDOFF:
                check_depthwise_exactly(case, width, dtype, kernels)
            assert set(kernels) == {"depthwise"}


@pytest.mark.parametrize("columns", [500, 511, 512, 513, 700])
def test_depthwise_kernels_of_many_columns(columns):
    """Their tables are larger than what a call has without asking for memory."""
    case = simple((2, 3, 1, columns + 40), (3, 1, 1, columns), groups=3)
    kernels = []
    for dtype in UNIT_ROUNDOFF:
        check_depthwise_exactly(case, columns, dtype, kernels)
    assert set(kernels) == {"depthwise"}


@pytest.mark.parametrize("dtype", UNIT_ROUNDOFF)
@pytest.mark.parametrize("special", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("operand", ["x", "grad_out"])
@pytest.mark.parametrize("stride", [1, 2])
def test_depthwise_kernels_keep_what_is_not_finite_to_its_own_products(
    stride, operand, special, dtype
):
    """At the ends of rows and of planes above all: neighbours there share the vectors."""
    for width in (5, 8, 14, 16, 37):
        case = simple((2, 3, 9, width), (3, 1, 3, 3), pad=1, stride=stride, groups=3)
        shape = case.shape(operand)
        ends = [(0, 0), (0, -1), (shape[2] // 2, 0), (shape[2] // 2, -1), (-1, 0), (-1, -1)]
        for row, column in ends:
            a = oracles.operands(case, 1, dtype=dtype, draw=oracles.reals)
            a[operand][1, 1, row, column] = special
            for kind in KINDS:
                if operand not in oracles.OPERANDS[kind]:
                    continue
                with np.errstate(invalid="ignore"):
                    result = convolve(kind, a, case, engine="depthwise")
                    first, second = (a[n] for n in oracles.OPERANDS[kind])
                    wanted = oracles.run(kind, first, second, case)
                assert np.array_equal(np.isnan(result), np.isnan(wanted)), (kind, row, column)
                infinite = np.isinf(wanted)
                assert np.array_equal(np.isinf(result), infinite)
                assert np.array_equal(result[infinite], wanted[infinite])


@pytest.mark.parametrize("dtype", UNIT_ROUNDOFF)
@pytest.mark.parametrize(
    "name",
    [
        "depthwise",
        "depthwise, strided",
        "depthwise, narrow",
        "depthwise, narrow, strided",
        "depthwise, two rows of a vector",
        "three channels of one",
        "strided",
    ],
)
def test_both_gradients_in_one_call_have_the_bits_of_each_alone(name, dtype, ran):
    case = PROBLEMS[name]
    a = oracles.operands(case, 3, dtype=dtype, draw=oracles.reals)
    alone = [convolve(kind, a, case) for kind in ("dx", "dW")]
    assert len(ran) == 2
    operands = (a["grad_out"], a["x"], a["W"])
    for threads in (1, 2, 5):
        both = conv2d_backward(*operands, **case.options, threads=threads)
        assert all(map(same_bits, both, alone))
    assert ran == [summing("dx", case, dtype)] * 5


def test_both_gradients_in_one_pass_leave_weights_that_are_not_finite_to_another_engine():
    """Beyond grad_out's edges dx has no products, where the kernels have zeros."""
    case = simple((2, 3, 9, 10), (3, 1, 3, 3), pad=1, groups=3)
    a = oracles.operands(case, 4, dtype=np.float64)
    a["W"][1, 0, 0, 0] = np.inf
    with np.errstate(invalid="ignore"):
        both = conv2d_backward(a["grad_out"], a["x"], a["W"], **case.options)
        for result, kind in zip(both, ("dx", "dW"), strict=True):
            first, second = (a[n] for n in oracles.OPERANDS[kind])
            assert np.array_equal(result, oracles.run(kind, first, second, case), equal_nan=True)


@pytest.mark.parametrize("groups", [1, 4])
def test_the_short_way_takes_both_gradients_of_one_call(groups):
    case = simple((1, groups, 4, 4), (groups, 1, 2, 2), groups=groups)
    a = oracles.operands(case, 5, dtype=np.float32)
    known.forget()
    for _ in range(3):
        dx, dW = conv2d_backward(a["grad_out"], a["x"], a["W"], groups=groups)
        assert np.array_equal(dx, oracles.dx(a["grad_out"], a["W"], case))
        assert np.array_equal(dW, oracles.dW(a["grad_out"], a["x"], case))
    (call,) = known._known.values()
    (step,) = call.steps
    assert len(step.shapes) == 2


def test_a_call_like_an_earlier_one_is_not_checked_again(monkeypatch):
    a = oracles.operands(simple((1, 1, 4, 4), (1, 1, 2, 2)), 5, dtype=np.float32)
    operands = (a["grad_out"], a["x"], a["W"])
    known.forget()
    ways = ({"threads": 1}, {"precision": "highest"}, {"engine": "direct"}, {"max_workspace": 4096})
    expected = [conv2d_backward(*operands, **options) for options in ways]
    with monkeypatch.context() as m:
        m.setattr("dxdw.call.operands.array", None)  # what every check begins with
        m.setattr("dxdw.call.geometries.convolution", None)
        for options, right in zip(ways, expected, strict=True):
            assert all(map(same_bits, conv2d_backward(*operands, **options), right))
        for options in ({"threads": 2}, {"threads": True}, {"threads": 1.0}):
            with pytest.raises(TypeError, match="not callable"):
                conv2d_backward(*operands, **options)
    with pytest.raises(ValueError, match="threads is 0"):
        conv2d_backward(*operands, threads=0)
    with pytest.raises(TypeError, match="threads is True"):
        conv2d_backward(*operands, threads=True)


def test_a_call_of_another_number_of_axes_is_not_like_it():
    """conv3d of what conv2d took is refused, whether conv2d has taken it before or not."""
    grad_out, x, W = np.ones((1, 3, 3)), np.ones((1, 4, 4)), np.ones((1, 1, 2, 2))
    conv2d(x, W), conv2d_backward(grad_out, x, W)
    with pytest.raises(ValueError, match=r"x has shape \(1, 4, 4\): it must have 4 axes"):
        conv3d(x, W)
    with pytest.raises(ValueError, match=r"x has shape \(1, 4, 4\): it must have 4 axes"):
        conv3d_backward(grad_out, x, W)


# --- threads, memory, instruction sets ------------------------------------------------------------

PROBLEMS = {
    "wide": simple((2, 40, 40, 41), (72, 40, 3, 3), pad=1),
    "dilated": simple((2, 40, 40, 41), (72, 40, 3, 3), pad=2, dilation=(2, 3)),
    "five taps": simple((2, 24, 30, 31), (48, 24, 5, 5), pad=2),
    "many tiles": simple((10, 17, 36, 33), (20, 17, 3, 3), pad=1),
    "two groups": simple((2, 48, 40, 41), (64, 24, 3, 3), pad=1, groups=2),
    "ten groups": simple((2, 160, 20, 21), (160, 16, 3, 3), pad=1, groups=10),
    "narrow": simple((2, 3, 90, 91), (8, 3, 5, 5), pad=2),
    "to one channel": simple((1, 20, 90, 91), (1, 20, 7, 7), pad=3),
    "strided": simple((2, 20, 61, 60), (40, 20, 3, 3), pad=1, stride=2),
    "one tap": simple((3, 64, 21, 20), (96, 64, 1, 1)),
    "depthwise": simple((4, 64, 60, 61), (64, 1, 3, 3), pad=1, groups=64),
    "depthwise, strided": simple((3, 40, 57, 90), (40, 1, 5, 5), pad=2, stride=2, groups=40),
    "depthwise, narrow": simple((5, 96, 14, 14), (96, 1, 3, 3), pad=1, groups=96),
    "depthwise, two rows of a vector": simple((5, 96, 7, 7), (96, 1, 3, 3), pad=1, groups=96),
    "depthwise, narrow, strided": simple(
        (5, 96, 14, 14), (96, 1, 3, 3), pad=1, stride=2, groups=96
    ),
    "three channels of one": simple((2, 20, 30, 33), (60, 1, 3, 3), pad=1, groups=20),
    "small and deep": simple((3, 256, 7, 7), (256, 256, 3, 3), pad=1),
    "three axes": simple((2, 8, 9, 20, 21), (16, 8, 3, 3, 3), pad=1),
}


@pytest.mark.parametrize("dtype", UNIT_ROUNDOFF)
@pytest.mark.parametrize("name", PROBLEMS)
def test_bits_do_not_depend_on_the_number_of_threads(name, dtype):
    case = PROBLEMS[name]
    a = oracles.operands(case, 0, dtype=dtype, draw=oracles.reals)
    for kind in KINDS:
        for precision in ("high", "highest"):
            one = convolve(kind, a, case, threads=1, precision=precision)
            for threads in (2, 3, 7, None):
                again = convolve(kind, a, case, threads=threads, precision=precision)
                assert same_bits(one, again), (kind, threads)


@pytest.mark.parametrize("dtype", UNIT_ROUNDOFF)
@pytest.mark.parametrize("name", PROBLEMS)
def test_kernels_sum_integers_exactly(name, dtype, ran):
    case = PROBLEMS[name]
    a = oracles.operands(case, 0, dtype=dtype)
    for kind in KINDS:
        first, second = (a[n] for n in oracles.OPERANDS[kind])
        for engine in {"direct", summing(kind, case, dtype)}:
            result = convolve(kind, a, case, engine=engine)
            assert np.array_equal(result, oracles.run(kind, first, second, case)), kind
            assert ran[-1] == engine


@pytest.mark.parametrize("dtype", UNIT_ROUNDOFF)
@pytest.mark.parametrize("name", PROBLEMS)
def test_scratch_memory_is_the_tensors_own_size_and_8_megabytes(name, dtype):
    case = PROBLEMS[name]
    for kind in KINDS:
        for engine in native.kernels():
            shapes = (kind, case.x_shape, case.W_shape, case.padding, case.stride)
            options = {"groups": case.groups, "dtype": dtype, "threads": 2}
            said = explain(*shapes, **options)
            if engine not in {v.engine for v in said.verdicts if not v.declined}:
                continue
            said = explain(*shapes, **options, engine=engine)
            tensors = sum(prod(case.shape(n)) for n in ("x", "W", "grad_out"))
            assert said.workspace <= tensors * np.dtype(dtype).itemsize + (8 << 20), said


# Of ResNet-50 and VGG: many channels on small images, which are several times as large transformed.
MANY_CHANNELS = [
    simple((8, 256, 14, 14), (256, 256, 3, 3), pad=1),
    simple((32, 256, 14, 14), (256, 256, 3, 3), pad=1),
    simple((8, 512, 7, 7), (512, 512, 3, 3), pad=1),
    simple((1, 512, 28, 28), (512, 512, 3, 3), pad=1),
    simple((2, 128, 14, 14), (1024, 128, 3, 3), pad=1),
]


@pytest.mark.parametrize("case", MANY_CHANNELS, ids=str)
@pytest.mark.parametrize("dtype", UNIT_ROUNDOFF)
def test_scratch_memory_is_enough_for_eight_threads(case, dtype):
    for kind in ("forward", "dx"):
        problem = problem_of(kind, case, dtype)
        winograd = native.kernels()["winograd"]
        assert winograd.declines(problem) is None
        for threads in (1, 2, 8):
            many = problem._replace(how=Execution(threads=threads))
            assert native.handle(many, winograd.index).threads == threads


def test_the_kernels_know_how_much_scratch_memory_that_is():
    header = Path(__file__).parents[2] / "native/machine/tuning.h"
    assert f"beside = {native.BESIDE_OPERANDS >> 20} << 20;" in header.read_text("utf-8")


def test_max_workspace_turns_to_an_engine_that_needs_less():
    case = PROBLEMS["wide"]
    a = oracles.operands(case, 0)
    for kind in KINDS:
        shapes = (kind, case.x_shape, case.W_shape, 1)
        limit = explain(*shapes, engine="winograd", threads=1).workspace - 1
        said = explain(*shapes, max_workspace=limit)
        assert said.engine != "winograd"
        assert said.workspace <= limit
        result = convolve(kind, a, case, max_workspace=limit)
        first, second = (a[n] for n in oracles.OPERANDS[kind])
        assert np.array_equal(result, oracles.run(kind, first, second, case))


@pytest.mark.parametrize("dtype", UNIT_ROUNDOFF)
@pytest.mark.parametrize(
    "case",
    [
        simple((3, 256, 7, 7), (128, 256, 3, 3), pad=1),
        simple((5, 256, 10, 31), (128, 256, 5, 5), pad=2),
        simple((8, 512, 5, 31), (128, 512, 3, 3), pad=1),
        simple((5, 128, 10, 10), (128, 128, 3, 3), pad=1),
    ],
    ids=lambda case: f"{case.x_shape}",
)
def test_whatever_memory_there_is_threads_do_not_decide_the_engine(case, dtype):
    """Where one thread takes more than two, as images in larger parts do, it decides for all."""
    for kind in KINDS:

        def explained(threads, limit=None, kind=kind):
            shapes = (kind, case.x_shape, case.W_shape, case.padding)
            return explain(*shapes, dtype=dtype, threads=threads, max_workspace=limit)

        each = {explained(threads).workspace for threads in range(1, 9)}
        for limit in each | {most - 1 for most in each}:
            chosen = {explained(threads, limit).engine for threads in (1, 2, 3, 8)}
            assert len(chosen) == 1, (kind, limit)


def test_winograd_is_left_where_transformed_weights_cost_more_than_they_save():
    def declines(kind, batch, channels):
        shapes = (batch, channels, 5, 5), (channels, channels, 3, 3)
        said = str(explain(kind, *shapes, 1, dtype="float32", threads=1)).splitlines()
        (line,) = (line for line in said if line.startswith("  winograd "))
        return line if "declines" in line else ""

    for kind in ("forward", "dx"):
        assert "saves 81 products of each pair of channels" in declines(kind, 1, 256)
        assert not declines(kind, 5, 256)
        assert not declines(kind, 1, 64)  # whose weights stay in the cache
    # Whose sums are transformed, back.
    said = declines("dW", 1, 256)
    assert "saves 81 products of each pair of channels, fewer than transformed sums" in said
    assert not declines("dW", 5, 256)
    assert not declines("dW", 1, 64)


class Fenced:
    """Copies that end, or begin, at a page that may not be touched."""

    def __init__(self):
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
        self.kept = []

    def copy(self, array, *, at_end):
        page = mmap.PAGESIZE
        room = -(-array.nbytes // page) * page
        memory = mmap.mmap(-1, room + 2 * page)
        whole = np.frombuffer(memory, np.uint8)
        self.kept.append((memory, whole))
        for fence in (whole.ctypes.data, whole.ctypes.data + page + room):
            assert self.libc.mprotect(fence, page, 0) == 0, ctypes.get_errno()
        start = page + (room - array.nbytes if at_end else 0)
        copy = np.ndarray(array.shape, array.dtype, memory, start)
        copy[...] = array
        return copy


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mprotect"), reason="needs mprotect")
@pytest.mark.parametrize("at_end", [True, False], ids=["end", "start"])
@pytest.mark.parametrize("engine", ["direct", "depthwise", "winograd"])
@pytest.mark.parametrize("dtype", UNIT_ROUNDOFF)
def test_nothing_is_read_past_a_page(dtype, engine, at_end):
    fenced = Fenced()
    sums = (
        PROBLEMS.values()
        if engine == "direct"
        else [case for name, case in PROBLEMS.items() if "depthwise" in name or "of one" in name]
    )
    cases = list(sums) if engine != "winograd" else [
        simple((1, 16, 9, 7), (16, 16, 3, 3)),
        simple((2, 17, 12, 12), (19, 17, 3, 3), pad=1),
        simple((1, 16, 13, 11), (16, 16, 3, 3), dilation=(3, 2)),
        simple((1, 17, 9, 8), (18, 17, 5, 5), pad=1),
        simple((2, 34, 9, 7), (36, 17, 3, 3), pad=1, groups=2),
        PROBLEMS["small and deep"],
    ]  # fmt: skip
    for case in cases:
        a = oracles.operands(case, 0, dtype=dtype, draw=oracles.reals)
        guarded = {name: fenced.copy(v, at_end=at_end) for name, v in a.items()}
        for kind in KINDS:
            plain = convolve(kind, a, case, engine=engine)
            assert same_bits(convolve(kind, guarded, case, engine=engine), plain)


def test_read_only_operands_are_read():
    x, W = np.ones((1, 20, 20)), np.ones((1, 1, 3, 3))
    for a in (x, W):
        a.flags.writeable = False
    assert (conv2d(x, W) == 9).all()
    dx, dW = conv2d_backward(np.ones((1, 18, 18)), x, W)
    assert dx.sum() == 18 * 18 * 9
    assert (dW == 18 * 18).all()


FOR_EVERY_SET = "exact or products or within or carry or page or threads or direct"


@pytest.mark.slow
@pytest.mark.parametrize("isa", ["avx2", "base"])
def test_every_instruction_set(isa):
    """This file and the engines' own, in a process of its own that is told which to use."""
    in_a_process_of(isa, FOR_EVERY_SET)


@pytest.mark.parametrize("isa", ["avx2", "base"])
def test_every_instruction_set_on_few_problems(isa):
    """What `dxdw selftest` leaves: integers' sums, bounds on float32, guard, edges of pages."""
    chosen = "sum_integers_exactly or carry and 3x3 or page or within_its_bound and float32"
    in_a_process_of(isa, chosen)


def in_a_process_of(isa, chosen):
    available = native_library.load().dxdw_isas().decode().split()
    if isa not in available or native_library.isa() == isa:  # in use: this very run tries it
        pytest.skip(f"there are {', '.join(available)}, and {native_library.isa()} is in use")
    here = Path(__file__).parent
    tests = [str(here / "test_native_kernels.py"), str(here / "test_engines.py")]
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"]
    command += ["-k", f"({chosen}) and not array and not set"]
    environment = {**os.environ, "DXDW_ISA": isa}
    done = subprocess.run(
        [*command, *tests], env=environment, cwd=here, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert " passed" in done.stdout
