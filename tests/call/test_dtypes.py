"""Which dtype goes in, which is summed in, and which comes out."""

from itertools import product

import ml_dtypes
import numpy as np
import oracles
import pytest
from calls import KINDS, convolve
from hypothesis import given, settings
from oracles import simple

from dxdw import conv1d, conv1d_backward, conv2d, conv2d_backward

NARROW = ("float16", ml_dtypes.bfloat16)
CASE = simple((2, 3, 7, 6), (4, 3, 3, 2), pad=1)


@pytest.mark.parametrize("dtype", NARROW, ids=str)
@settings(max_examples=40)
@given(case=oracles.cases(), seed=oracles.seeds)
def test_narrow_floats_are_exact_sums_rounded_once(dtype, case, seed):
    """Small integers add up exactly in float32, so nothing but the last rounding is left."""
    a = oracles.operands(case, seed)
    narrow = {name: v.astype(dtype) for name, v in a.items()}
    for kind in KINDS:
        first, second = (a[operand] for operand in oracles.OPERANDS[kind])
        result = convolve(kind, narrow, case)
        assert result.dtype == dtype
        assert np.array_equal(result, oracles.run(kind, first, second, case).astype(dtype))


@pytest.mark.parametrize("dtype", NARROW, ids=str)
@pytest.mark.parametrize("engine", [None, "small", "array", "reference"])
def test_narrow_floats_within_their_bound(engine, dtype):
    a = oracles.operands(CASE, 0, draw=oracles.reals)
    a = {name: v.astype(dtype) for name, v in a.items()}
    wide = {name: v.astype(np.float32) for name, v in a.items()}
    for kind in KINDS:
        first, second = (wide[operand] for operand in oracles.OPERANDS[kind])
        expected, majorant = oracles.exact(kind, first, second, CASE)
        bound = oracles.direct_bound(expected, majorant, CASE.terms(kind), dtype)
        result = convolve(kind, a, CASE, engine=engine)
        assert (np.abs(result.astype(np.longdouble) - expected) <= bound).all()


@pytest.mark.parametrize("dtype", NARROW, ids=str)
def test_narrow_floats_do_not_stop_growing(dtype):
    """Ones summed in 16 bits stay at 2048 or 256; in float32 they arrive."""
    ones = np.ones((1, 1, 8192), dtype)
    assert conv1d(ones, ones)[0, 0, 0] == 8192
    _, dW, db = conv1d_backward(ones, ones, ones[..., :1], needs=("dx", "dW", "db"))
    assert dW[0, 0, 0] == 8192
    assert db[0] == 8192


def test_float16_past_its_largest_number_is_an_infinity():
    x = np.full((1, 1), 60000, np.float16)
    with np.errstate(over="ignore"):  # NumPy warns; kernels say nothing, as of all dtypes
        assert conv1d(x, np.full((1, 1, 1), 2, np.float16))[0, 0] == np.inf


def test_float64_is_really_float64():
    """A third of 1 in float32 would be off by 1e-8."""
    x, W = np.full((1, 6, 6), 1 / 3), np.full((1, 1, 3, 3), 1 / 7)
    for engine in ("small", "array", "reference"):
        assert np.allclose(conv2d(x, W, engine=engine), 9 / 21, rtol=4e-16, atol=0)
        dx, dW = conv2d_backward(np.ones((1, 4, 4)), x, W, engine=engine)
        assert np.isclose(dx[0, 2, 2], 9 / 7, rtol=4e-16, atol=0)
        assert np.allclose(dW, 16 / 3, rtol=4e-16, atol=0)


def expected_dtype(*dtypes):
    """NumPy's promotion of floats; integers beside them take theirs, and else float64."""
    floats = [d for d in dtypes if np.dtype(d).kind not in "iu"]
    return np.result_type(*floats or ["float64"])


DTYPES = ("int8", "uint64", "float16", "float32", "float64", "complex64", "complex128")


@pytest.mark.parametrize(("first", "second"), list(product(DTYPES, DTYPES)))
def test_floats_promote_as_numpy_does_and_integers_take_theirs(first, second):
    x = np.arange(12).reshape(1, 3, 4).astype(first)
    W = np.arange(4).reshape(1, 1, 2, 2).astype(second)
    wanted = expected_dtype(first, second)
    exact = oracles.simple((1, 1, 3, 4), (1, 1, 2, 2))
    wide = np.complex128 if wanted.kind == "c" else np.float64
    out = conv2d(x, W)
    assert out.dtype == wanted
    assert np.array_equal(out[None], oracles.forward(x[None].astype(wide), W.astype(wide), exact))
    for needs in (("dx",), ("dW",), ("db",)):  # also those that do not read both
        (result,) = conv2d_backward(np.ones((1, 2, 3), first), x, W, needs=needs)
        assert result.dtype == wanted
    assert conv2d(x, x[None, :, :2, :2], bias=np.ones(1, second)).dtype == wanted


@pytest.mark.parametrize(
    ("other", "wanted"),
    [
        ("float16", "float32"),
        ("float32", "float32"),
        ("float64", "float64"),
        ("int32", "bfloat16"),
        ("complex64", "complex64"),
    ],
)
def test_bfloat16_with_others(other, wanted):
    """It and float16 hold parts of each other: what holds both is float32."""
    x = np.arange(12).reshape(1, 3, 4).astype(ml_dtypes.bfloat16)
    W = np.arange(4).reshape(1, 1, 2, 2).astype(other)
    for result in (conv2d(x, W), *conv2d_backward(np.ones((1, 2, 3), other), x, W)):
        assert result.dtype == wanted
    assert conv2d(x, W)[0, 0, 0] == 0 * 0 + 1 * 1 + 4 * 2 + 5 * 3


def test_large_integers_are_rounded_to_float64_as_numpy_does():
    x = np.array([[2**53 + 1, 1]])
    assert conv1d(x, [[[1]]])[0, 0] == float(2**53 + 1)
    assert conv1d(np.array([[2**64 - 1]], np.uint64), [[[1]]])[0, 0] == 2.0**64


@pytest.mark.parametrize("engine", [None, "small", "array", "reference"])
def test_complex_gradients_conjugate_x_and_W(engine):
    """By hand, one tap: out = W·x, dx = g·conj(W), dW = g·conj(x), db = g."""
    g, x, w = 1 + 2j, 3 - 1j, 2 + 5j
    out = conv1d([[x]], [[[w]]], engine=engine)
    needs = ("dx", "dW", "db")
    dx, dW, db = conv1d_backward([[g]], [[x]], [[[w]]], needs=needs, engine=engine)
    assert out[0, 0] == w * x
    assert dx[0, 0] == g * w.conjugate()
    assert dW[0, 0, 0] == g * x.conjugate()
    assert db[0] == g


def test_complex_grad_out_of_real_operands():
    """The loss's gradient may be complex where x and W are not: the same sums."""
    case = CASE
    a = oracles.operands(case, 0)
    grad_out = oracles.operands(case, 1, dtype=np.complex64)["grad_out"]
    dx, dW = conv2d_backward(grad_out, a["x"], a["W"], 1)
    assert dx.dtype == dW.dtype == np.complex128
    assert np.array_equal(dx, oracles.dx(grad_out.astype(complex), a["W"], case))
    assert np.array_equal(dW, oracles.dW(grad_out.astype(complex), a["x"], case))


def test_numpy_scalars_and_arrays_without_axes_are_named_by_their_shape():
    with pytest.raises(ValueError, match=r"x has shape \(\)"):
        conv2d(np.float64(3), [[[[1.0]]]])
    with pytest.raises(ValueError, match=r"W has shape \(\)"):
        conv2d(np.ones((1, 2, 2)), 3)
