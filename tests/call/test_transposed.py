"""Transposed convolutions: against writing every pixel's multiple of the kernel, and by hand."""

import numpy as np
import oracles
import pytest
from calls import same_bits
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import dxdw

FORWARD = {1: dxdw.conv_transpose1d, 2: dxdw.conv_transpose2d, 3: dxdw.conv_transpose3d}
BACKWARD = {
    1: dxdw.conv_transpose1d_backward,
    2: dxdw.conv_transpose2d_backward,
    3: dxdw.conv_transpose3d_backward,
}
DTYPES = ("float32", "float64", "complex64", "complex128")


@st.composite
def problems(draw, ndim=None):
    """Shapes and options, the output at least one pixel."""
    ndim = draw(st.integers(1, 3)) if ndim is None else ndim
    most = 5 if ndim < 3 else 3

    def each(low, high):
        return tuple(draw(st.integers(low, high)) for _ in range(ndim))

    sizes, taps, stride, dilation = each(1, most), each(1, 4), each(1, 4), each(1, 3)
    padding = tuple((draw(st.integers(0, 4)), draw(st.integers(0, 4))) for _ in range(ndim))
    extra = tuple(
        draw(st.integers(0, max(s, d) - 1)) for s, d in zip(stride, dilation, strict=True)
    )
    outs = tuple(
        (n - 1) * s + (k - 1) * d + 1 + e - sum(p)
        for n, s, k, d, e, p in zip(sizes, stride, taps, dilation, extra, padding, strict=True)
    )
    assume(min(outs) > 0)
    groups, batch = draw(st.sampled_from((1, 1, 2, 3))), draw(st.integers(1, 3))
    C_in, C_out = draw(st.sampled_from(((1, 1), (2, 3), (3, 2), (5, 1), (1, 5))))
    options = {
        "padding": padding,
        "stride": stride,
        "output_padding": extra,
        "dilation": dilation,
        "groups": groups,
    }
    shapes = {
        "x": (batch, C_in * groups, *sizes),
        "W": (C_in * groups, C_out, *taps),
        "grad_out": (batch, C_out * groups, *outs),
    }
    return ndim, shapes, options


def drawn(shapes, seed, dtype="float64"):
    rng = np.random.default_rng(seed)
    return {name: oracles.integers(rng, shape, dtype) for name, shape in shapes.items()}


def expected_gradients(a, options):
    """By the definition of an adjoint: out is linear in x and in W, so take its matrix apart."""
    dx, dW = np.zeros_like(a["x"]), np.zeros_like(a["W"])
    for target, operand in ((dx, "x"), (dW, "W")):
        for index in np.ndindex(target.shape):
            unit = np.zeros_like(target)
            unit[index] = 1
            out = oracles.conv_transpose(**{"x": a["x"], "W": a["W"], operand: unit}, **options)
            target[index] = np.vdot(out, a["grad_out"])
    return dx, dW


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("engine", [None, "array", "reference"])
@settings(max_examples=20)
@given(problem=problems(), seed=oracles.seeds)
def test_forward_in_small_integers_exactly(engine, dtype, problem, seed):
    ndim, shapes, options = problem
    a = drawn(shapes, seed, dtype)
    out = FORWARD[ndim](a["x"], a["W"], **options, engine=engine)
    assert out.dtype == dtype
    assert out.shape == shapes["grad_out"]
    assert np.array_equal(out, oracles.conv_transpose(a["x"], a["W"], **options))


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@settings(max_examples=30)
@given(problem=problems(ndim=1), seed=oracles.seeds)
def test_backward_from_the_matrix_of_the_forward(dtype, problem, seed):
    ndim, shapes, options = problem
    a = drawn(shapes, seed, dtype)
    dx, dW = BACKWARD[ndim](a["grad_out"], a["x"], a["W"], **options)
    expected = expected_gradients(a, options)
    assert np.array_equal(dx, expected[0])
    assert np.array_equal(dW, expected[1])


def test_backward_from_the_matrix_of_the_forward_in_two_and_three_dimensions():
    for shape, taps in (((2, 4, 3, 2), (3, 2)), ((1, 4, 2, 2, 2), (2, 1, 2))):
        n = len(taps)
        options = {
            "padding": ((1, 0),) * n,
            "stride": (2,) * n,
            "output_padding": (1,) * n,
            "dilation": (1,) * n,
            "groups": 2,
        }
        shapes = {"x": shape, "W": (4, 3, *taps)}
        a = drawn(shapes, 0)
        out = oracles.conv_transpose(a["x"], a["W"], **options)
        a["grad_out"] = oracles.integers(np.random.default_rng(1), out.shape)
        needs = ("db", "dW", "dx")
        db, dW, dx = BACKWARD[n](a["grad_out"], a["x"], a["W"], **options, needs=needs)
        expected = expected_gradients(a, options)
        assert np.array_equal(dx, expected[0])
        assert np.array_equal(dW, expected[1])
        assert np.array_equal(db, oracles.db(a["grad_out"]))


def test_by_hand_every_pixel_writes_its_multiple_of_the_kernel():
    out = dxdw.conv_transpose1d([[1, 2]], [[[1, 10, 100]]], stride=2)
    assert out.tolist() == [[1, 10, 102, 20, 200]]
    padded = dxdw.conv_transpose1d([[1, 2]], [[[1, 10, 100]]], ((1, 2),), 2)
    assert padded.tolist() == [[10, 102]]
    longer = dxdw.conv_transpose1d([[1, 2]], [[[1, 10, 100]]], 0, 2, output_padding=1)
    assert longer.tolist() == [[1, 10, 102, 20, 200, 0]]


def test_output_padding_chooses_among_the_sizes_with_the_same_convolution():
    """Of stride 3: sizes 7, 8 and 9 all become 3, and each comes back by its output padding."""
    W = np.ones((1, 1, 1))
    for size in (7, 8, 9):
        out = dxdw.conv1d(np.ones((1, size)), W, 0, 3)
        assert out.shape == (1, 3)
        back = dxdw.conv_transpose1d(out, W, 0, 3, output_padding=size - 7)
        assert back.shape == (1, size)


@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_without_a_batch_axis_and_with_a_bias(ndim):
    rng = np.random.default_rng(0)
    x, W = oracles.integers(rng, (4, *(3,) * ndim)), oracles.integers(rng, (4, 3, *(2,) * ndim))
    bias = np.array([10.0, 20.0, 30.0])
    batched = FORWARD[ndim](x[None], W, 1, 2, bias=bias)
    single = FORWARD[ndim](x, W, 1, 2, bias=bias)
    assert same_bits(single, batched[0])
    plain = FORWARD[ndim](x, W, 1, 2)
    assert np.array_equal(single, plain + bias.reshape(3, *(1,) * ndim))
    grad_out = oracles.integers(rng, single.shape)
    needs = ("dx", "dW", "db")
    for one, many in zip(
        BACKWARD[ndim](grad_out, x, W, 1, 2, needs=needs),
        BACKWARD[ndim](grad_out[None], x[None], W, 1, 2, needs=needs),
        strict=True,
    ):
        assert np.array_equal(one, many.reshape(one.shape))


def test_out_and_accumulate():
    rng = np.random.default_rng(0)
    x, W = oracles.integers(rng, (2, 4, 3, 3)), oracles.integers(rng, (4, 2, 3, 2))
    expected = dxdw.conv_transpose2d(x, W, 1, 2)
    out = np.full(expected.shape, np.nan)
    assert dxdw.conv_transpose2d(x, W, 1, 2, out=out) is out
    assert same_bits(out, expected)
    grad_out = oracles.integers(rng, out.shape)
    fresh = dxdw.conv_transpose2d_backward(grad_out, x, W, 1, 2)
    into = tuple(np.full(f.shape, 100.0) for f in fresh)
    returned = dxdw.conv_transpose2d_backward(grad_out, x, W, 1, 2, out=into, accumulate=True)
    for r, i, f in zip(returned, into, fresh, strict=True):
        assert r is i
        assert np.array_equal(i, f + 100)
    overlapping = x.copy()
    dxdw.conv_transpose2d_backward(grad_out, overlapping, W, 1, 2, out=(overlapping, None))
    assert same_bits(overlapping, fresh[0])


@pytest.mark.parametrize("shape", [(0, 2, 3, 3), (2, 0, 3, 3), (2, 2, 0, 3)])
def test_empty_operands(shape):
    x, W = np.ones(shape), np.ones((shape[1], 3, 2, 2))
    out = dxdw.conv_transpose2d(x, W)
    assert out.shape == (shape[0], 3, shape[2] + 1, 4)
    assert not out.any()
    dx, dW = dxdw.conv_transpose2d_backward(np.ones(out.shape), x, W)
    assert dx.shape == shape
    assert dW.shape == W.shape
    assert not dW.any()


def test_a_special_reaches_what_its_pixel_writes_and_no_more():
    x, W = np.ones((1, 3, 3)), np.ones((1, 1, 2, 2))
    x[0, 1, 1] = np.nan
    out = dxdw.conv_transpose2d(x, W, 0, 2)
    touched = np.zeros(out.shape, bool)
    touched[0, 2:4, 2:4] = True
    assert np.array_equal(np.isnan(out), touched)


def test_gradients_of_the_other_shapes_are_refused():
    x, W = np.ones((4, 3, 3)), np.ones((4, 2, 2, 2))
    with pytest.raises(ValueError, match=r"grad_out has shape \(2, 3, 3\): it must be \(2, 4, 4\)"):
        dxdw.conv_transpose2d_backward(np.ones((2, 3, 3)), x, W)
    with pytest.raises(ValueError, match=r"bias has shape \(4,\): it must be \(2,\)"):
        dxdw.conv_transpose2d(x, W, bias=np.ones(4))
    with pytest.raises(ValueError, match="groups is 3: it must divide C_in = 4"):
        dxdw.conv_transpose2d(x, W, groups=3)
