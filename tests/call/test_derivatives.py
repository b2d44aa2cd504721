"""Derivatives beyond the gradient. A convolution is linear in x and in W: differences are exact."""

import numpy as np
import oracles
import pytest
from calls import BACKWARD, FORWARD, same_bits
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import simple

import dxdw

DOUBLE = {
    1: dxdw.conv1d_double_backward,
    2: dxdw.conv2d_double_backward,
    3: dxdw.conv3d_double_backward,
}
JVP = {1: dxdw.conv1d_jvp, 2: dxdw.conv2d_jvp, 3: dxdw.conv3d_jvp}
PER_SAMPLE = {
    1: dxdw.conv1d_per_sample_dW,
    2: dxdw.conv2d_per_sample_dW,
    3: dxdw.conv3d_per_sample_dW,
}
NAMES = ("dgrad_out", "dx", "dW")
many = settings(max_examples=60)
dtypes = st.sampled_from(("float64", "complex128"))


def directions(case, seed, dtype="float64"):
    """A second set of operands: directions in x, W and grad_out."""
    return oracles.operands(case, seed + 1, dtype=dtype)


def loss(a, t, case):
    """⟨ggx, dx⟩ + ⟨ggW, dW⟩, real and in exact integers, from gradients of the public functions."""
    dx, dW = BACKWARD[case.ndim](a["grad_out"], a["x"], a["W"], **case.options)
    return (np.vdot(t["x"], dx) + np.vdot(t["W"], dW)).real


@many
@given(case=oracles.cases(), seed=oracles.seeds, dtype=dtypes)
def test_double_backward_against_differences_of_the_loss_along_a_direction(case, seed, dtype):
    """The loss is bilinear, so a central difference of step 1 is exact in integers."""
    a, t = oracles.operands(case, seed, dtype=dtype), directions(case, seed, dtype)
    results = DOUBLE[case.ndim](t["x"], t["W"], a["grad_out"], a["x"], a["W"], **case.options)
    along = oracles.operands(case, seed + 2, dtype=dtype)
    for operand, gradient in zip(("grad_out", "x", "W"), results, strict=True):
        assert gradient.shape == a[operand].shape
        up, down = (a | {operand: a[operand] + s * along[operand]} for s in (1, -1))
        difference = (loss(up, t, case) - loss(down, t, case)) / 2
        assert np.vdot(gradient, along[operand]).real == difference, operand


@many
@given(case=oracles.cases(), seed=oracles.seeds, dtype=dtypes)
def test_double_backward_against_the_oracle(case, seed, dtype):
    a, t = oracles.operands(case, seed, dtype=dtype), directions(case, seed, dtype)
    results = DOUBLE[case.ndim](t["x"], t["W"], a["grad_out"], a["x"], a["W"], **case.options)
    expected = (
        oracles.forward(t["x"], a["W"], case) + oracles.forward(a["x"], t["W"], case),
        oracles.dx(a["grad_out"], t["W"], case),
        oracles.dW(a["grad_out"], t["x"], case),
    )
    for result, wanted in zip(results, expected, strict=True):
        assert np.array_equal(result, wanted)


def test_double_backward_elementwise_against_differences():
    case = simple((2, 2, 5, 4), (4, 1, 3, 2), pad=1, stride=2, groups=2)
    a, t = oracles.operands(case, 0), directions(case, 0)
    results = DOUBLE[2](t["x"], t["W"], a["grad_out"], a["x"], a["W"], **case.options)
    for operand, gradient in zip(("grad_out", "x", "W"), results, strict=True):
        for index in np.ndindex(gradient.shape):
            unit = np.zeros(gradient.shape)
            unit[index] = 1
            up, down = (a | {operand: a[operand] + s * unit} for s in (1, -1))
            assert gradient[index] == (loss(up, t, case) - loss(down, t, case)) / 2


@pytest.mark.parametrize("missing", [("x",), ("W",), ("x", "W")], ids=str)
@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_double_backward_of_none_is_of_zero(ndim, missing):
    case = simple((2, 2, *(4,) * ndim), (3, 2, *(2,) * ndim), pad=1)
    a, t = oracles.operands(case, 0), directions(case, 0)
    zero = t | {name: np.zeros_like(t[name]) for name in missing}
    none = t | dict.fromkeys(missing)
    rest = (a["grad_out"], a["x"], a["W"])
    expected = DOUBLE[ndim](zero["x"], zero["W"], *rest, **case.options)
    results = DOUBLE[ndim](none["x"], none["W"], *rest, **case.options)
    for result, wanted in zip(results, expected, strict=True):
        assert result.dtype == np.float64
        assert np.array_equal(result, wanted)


def test_double_backward_gives_what_needs_names_in_its_order():
    case = simple((2, 2, 5, 4), (3, 2, 3, 2), pad=1)
    a, t = oracles.operands(case, 0), directions(case, 0)
    call = (t["x"], t["W"], a["grad_out"], a["x"], a["W"])
    every = dict(zip(NAMES, DOUBLE[2](*call, **case.options), strict=True))
    for needs in (("dW",), ("dx", "dgrad_out"), ["dW", "dx", "dgrad_out"]):
        results = DOUBLE[2](*call, **case.options, needs=needs)
        assert len(results) == len(needs)
        assert all(same_bits(r, every[n]) for r, n in zip(results, needs, strict=True))


@many
@given(case=oracles.cases(), seed=oracles.seeds, dtype=dtypes)
def test_jvp_against_differences_and_the_gradients(case, seed, dtype):
    a, t = oracles.operands(case, seed, dtype=dtype), directions(case, seed, dtype)
    forward = FORWARD[case.ndim]
    rng = np.random.default_rng(seed)
    bias_tangent = oracles.integers(rng, case.W_shape[:1], dtype)
    tangent = JVP[case.ndim](
        a["x"], a["W"], t["x"], t["W"], bias_tangent=bias_tangent, **case.options
    )
    ahead = forward(a["x"] + t["x"], a["W"] + t["W"], bias=bias_tangent, **case.options)
    behind = forward(a["x"] - t["x"], a["W"] - t["W"], bias=-bias_tangent, **case.options)
    assert np.array_equal(tangent, (ahead - behind) / 2)
    # Forward and reverse mode see the same derivative.
    needs = ("dx", "dW", "db")
    dx, dW, db = BACKWARD[case.ndim](a["grad_out"], a["x"], a["W"], needs=needs, **case.options)
    reverse = np.vdot(dx, t["x"]) + np.vdot(dW, t["W"]) + np.vdot(db, bias_tangent)
    assert np.vdot(a["grad_out"], tangent) == reverse


def test_jvp_of_none_is_of_zero():
    case = simple((2, 2, 5, 4), (3, 2, 3, 2), pad=1)
    a, t = oracles.operands(case, 0), directions(case, 0)
    x, W = a["x"], a["W"]
    jvp = dxdw.conv2d_jvp
    assert np.array_equal(jvp(x, W, t["x"], None, 1), oracles.forward(t["x"], W, case))
    assert np.array_equal(jvp(x, W, None, t["W"], 1), oracles.forward(x, t["W"], case))
    nothing = jvp(x, W, None, None, 1)
    assert np.array_equal(nothing, np.zeros(case.out_shape))
    alone = jvp(x, W, None, None, 1, bias_tangent=[1.0, 2.0, 3.0])
    assert np.array_equal(alone[:, 1], np.full(alone[:, 1].shape, 2))


@many
@given(case=oracles.cases(), seed=oracles.seeds, dtype=dtypes)
def test_per_sample_dW_is_that_of_each_sample_and_adds_up(case, seed, dtype):
    a = oracles.operands(case, seed, dtype=dtype)
    each = PER_SAMPLE[case.ndim](a["grad_out"], a["x"], a["W"], **case.options)
    assert each.shape == (case.batch, *case.W_shape)
    one = case._replace(batch=1)
    for n in range(case.batch):
        assert np.array_equal(each[n], oracles.dW(a["grad_out"][n : n + 1], a["x"][n : n + 1], one))
    assert np.array_equal(each.sum(0), oracles.dW(a["grad_out"], a["x"], case))


def test_per_sample_dW_of_one_sample_of_none_and_of_W_as_a_shape():
    case = simple((3, 2, 5, 4), (4, 1, 3, 2), groups=2)
    a = oracles.operands(case, 0)
    options = case.options
    single = dxdw.conv2d_per_sample_dW(a["grad_out"][0], a["x"][0], a["W"], **options)
    assert single.shape == (1, *case.W_shape)
    empty = dxdw.conv2d_per_sample_dW(a["grad_out"][:0], a["x"][:0], a["W"], **options)
    assert empty.shape == (0, *case.W_shape)
    whole = dxdw.conv2d_per_sample_dW(a["grad_out"], a["x"], a["W"], **options)
    blank = dxdw.conv2d_per_sample_dW(
        a["grad_out"], a["x"], np.full_like(a["W"], np.nan), **options
    )
    assert np.array_equal(whole, blank)
    assert np.array_equal(whole[0], single[0])


@pytest.mark.parametrize("dtype", ["float16", "float32", "complex64"])
def test_dtypes_and_fresh_results(dtype):
    case = simple((2, 2, 5, 4), (3, 2, 3, 2), pad=1)
    a = {n: (v % 3).astype(dtype) for n, v in oracles.operands(case, 0).items()}
    copies = {n: v.copy() for n, v in a.items()}
    results = [
        *dxdw.conv2d_double_backward(a["x"], a["W"], a["grad_out"], a["x"], a["W"], 1),
        dxdw.conv2d_jvp(a["x"], a["W"], a["x"], a["W"], 1),
        dxdw.conv2d_per_sample_dW(a["grad_out"], a["x"], a["W"], 1),
    ]
    for i, result in enumerate(results):
        assert result.dtype == dtype
        assert not any(np.may_share_memory(result, v) for v in (*a.values(), *results[:i]))
    assert all(same_bits(a[n], copies[n]) for n in a)


def test_without_a_batch_axis():
    case = simple((1, 2, 5, 4), (3, 2, 3, 2), pad=1)
    a, t = oracles.operands(case, 0), directions(case, 0)
    batched = DOUBLE[2](t["x"], t["W"], a["grad_out"], a["x"], a["W"], 1)
    single = DOUBLE[2](t["x"][0], t["W"], a["grad_out"][0], a["x"][0], a["W"], 1)
    assert np.array_equal(single[0], batched[0][0])
    assert np.array_equal(single[1], batched[1][0])
    assert np.array_equal(single[2], batched[2])
    tangent = dxdw.conv2d_jvp(a["x"][0], a["W"], t["x"][0], t["W"], 1)
    assert tangent.shape == case.out_shape[1:]
