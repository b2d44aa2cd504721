"""The layers against their definitions, as loops: small integers exactly, reals by differences."""

import doctest
import math

import ml_dtypes
import numpy as np
import pytest

from dxdw import layers, mini_cnn
from dxdw.layers import (
    linear,
    linear_backward,
    max_pool_2d,
    max_pool_2d_backward,
    relu,
    relu_backward,
    softmax,
    softmax_cross_entropy,
)

GEOMETRIES = [
    # x, kernel_size, stride
    ((1, 4, 4), 2, 2),
    ((2, 5, 7), 2, 2),  # a remainder that no window covers
    ((2, 5, 7), 3, 1),  # windows that overlap
    ((3, 6, 5), (2, 3), (3, 1)),
    ((2, 7, 7), 2, 3),  # gaps between the windows
    ((1, 4, 4), 1, 1),
    ((2, 3, 4), (3, 4), 5),
    ((2, 3, 4, 5), 2, 2),
    ((0, 3, 4, 5), 2, 2),
]


def integers(shape, seed=0, low=-3, high=4):
    return np.random.default_rng(seed).integers(low, high, shape)


def pool_by_loops(grad_out, x, kernel_size, stride):
    """Both passes, window by window; np.argmax takes the first in row-major order."""
    (kH, kW), (sH, sW) = np.broadcast_to(kernel_size, 2), np.broadcast_to(stride, 2)
    H, W = (x.shape[-2] - kH) // sH + 1, (x.shape[-1] - kW) // sW + 1
    out, dx = np.zeros((*x.shape[:-2], H, W)), np.zeros(x.shape)
    for plane in np.ndindex(*x.shape[:-2]):
        for i, j in np.ndindex(H, W):
            window = x[plane][i * sH : i * sH + kH, j * sW : j * sW + kW]
            u, v = np.unravel_index(np.argmax(window), window.shape)
            out[(*plane, i, j)] = window[u, v]
            if grad_out is not None:
                dx[(*plane, i * sH + u, j * sW + v)] += grad_out[(*plane, i, j)]
    return out, dx


def differences(function, x, step=1e-5):
    """d function / dx by central differences."""
    slopes = np.zeros(x.shape)
    for index in np.ndindex(*x.shape):
        up, down = x.copy(), x.copy()
        up[index] += step
        down[index] -= step
        slopes[index] = (function(up) - function(down)) / (2 * step)
    return slopes


# --- relu -----------------------------------------------------------------------------------------


def test_relu_clears_what_is_negative():
    out = relu([[-2, -1, 0], [1, 2, 3]])
    assert out.dtype == np.float64
    np.testing.assert_array_equal(out, [[0, 0, 0], [1, 2, 3]])


def test_relu_keeps_nan_and_infinities():
    np.testing.assert_array_equal(relu([np.nan, np.inf, -np.inf]), [np.nan, np.inf, 0])


def test_relu_of_a_number_is_an_array_of_its_shape():
    for x in (2.0, np.float64(2), np.array(2.0), relu(2.0)):
        out = relu(x)
        assert type(out) is np.ndarray
        assert (out.shape, out.dtype, out) == ((), np.float64, 2)
    assert relu(np.float16(-1)).dtype == np.float16
    dx = relu_backward(np.float64(3), np.float64(2))
    assert (type(dx), dx.shape, dx) == (np.ndarray, (), 3)


def test_a_number_is_refused_by_its_shape_where_an_array_is_needed():
    with pytest.raises(ValueError, match=r"b has shape \(\): it must be \(1,\)"):
        linear([1, 2], [[1], [2]], b=np.float64(2))
    with pytest.raises(ValueError, match="z is a single number"):
        softmax(np.float64(2))


def test_relu_backward_passes_where_x_is_positive_and_stops_at_the_kink():
    dx = relu_backward([5, 6, 7, 8], [-1, 0, 1, np.nan])
    np.testing.assert_array_equal(dx, [0, 0, 7, 8])


def test_relu_backward_stops_an_infinite_gradient_without_a_nan():
    np.testing.assert_array_equal(relu_backward([np.inf, np.nan], [-1.0, 0.0]), [0, 0])


def test_relu_backward_refuses_another_shape():
    with pytest.raises(
        ValueError, match=r"grad_out has shape \(2,\): it must be \(3,\), the shape of x"
    ):
        relu_backward([1, 2], [1, 2, 3])


# --- pooling --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("shape", "kernel_size", "stride"), GEOMETRIES)
def test_pool_and_its_gradient_equal_the_loops(shape, kernel_size, stride):
    x = integers(shape)  # few different values, so ties in most windows
    expected, _ = pool_by_loops(None, x, kernel_size, stride)
    out = max_pool_2d(x, kernel_size, stride)
    assert out.dtype == np.float64
    np.testing.assert_array_equal(out, expected, strict=True)

    grad_out = integers(out.shape, seed=1, low=1, high=100)
    _, expected = pool_by_loops(grad_out, x, kernel_size, stride)
    dx = max_pool_2d_backward(grad_out, x, kernel_size, stride)
    np.testing.assert_array_equal(dx, expected, strict=True)
    assert dx.sum() == grad_out.sum()


def test_windows_do_not_overlap_where_no_stride_is_given():
    x = integers((2, 3, 7, 8))
    for kernel_size in (2, (3, 2)):
        out = max_pool_2d(x, kernel_size)
        np.testing.assert_array_equal(out, max_pool_2d(x, kernel_size, kernel_size), strict=True)
        dx = max_pool_2d_backward(out, x, kernel_size)
        wanted = max_pool_2d_backward(out, x, kernel_size, kernel_size)
        np.testing.assert_array_equal(dx, wanted, strict=True)


def test_pool_tie_goes_to_the_first_in_row_major_order():
    dx = max_pool_2d_backward([[[1]]], [[[0, 7], [7, 7]]], 2, 2)
    np.testing.assert_array_equal(dx, [[[0, 1], [0, 0]]])


def test_pool_nan_is_the_largest_and_takes_the_gradient():
    x = np.array([[[1, np.nan, 3, 4], [np.nan, np.inf, 9, 2]]])
    np.testing.assert_array_equal(max_pool_2d(x, 2, 2), [[[np.nan, 9]]])
    dx = max_pool_2d_backward([[[10, 20]]], x, 2, 2)
    np.testing.assert_array_equal(dx, [[[0, 10, 0, 0], [0, 0, 20, 0]]])


def test_pool_of_minus_infinity_is_minus_infinity():
    x = np.full((1, 2, 2), -np.inf)
    np.testing.assert_array_equal(max_pool_2d(x, 2, 2), [[[-np.inf]]])
    np.testing.assert_array_equal(max_pool_2d_backward([[[1]]], x, 2, 2), [[[1, 0], [0, 0]]])


@pytest.mark.parametrize(
    ("x", "kernel_size", "stride", "error", "message"),
    [
        ((4, 4), 2, 2, ValueError, r"x has shape \(4, 4\): it must have 3 axes"),
        ((1, 4, 4), 5, 1, ValueError, r"kernel_size is 5 along H, where x of shape .* has 4"),
        ((1, 4, 3), (1, 4), 1, ValueError, r"kernel_size is 4 along W, where x of shape .* has 3"),
        ((1, 4, 4), 0, 1, ValueError, "kernel_size is 0: it must be at least 1"),
        ((1, 4, 4), 2, -1, ValueError, "stride is -1: it must be at least 1"),
        ((1, 4, 4), 2.0, 1, TypeError, "kernel_size is 2.0, a float: it must be an integer"),
        ((1, 4, 4), 2, "2", TypeError, "stride is '2', a str: it must be an integer\n"),
        ((1, 4, 4), 2, True, TypeError, "stride is True: it must be an integer, not a bool"),
        ((1, 4, 4), (2, 2, 2), 1, ValueError, "kernel_size is .* one for each of 'H' or 'W'"),
    ],
)
def test_pool_refuses(x, kernel_size, stride, error, message):
    with pytest.raises(error, match=message):
        max_pool_2d(np.zeros(x), kernel_size, stride)


def test_pool_backward_refuses_another_shape():
    with pytest.raises(ValueError, match=r"it must be \(1, 2, 2\), the output's shape for x"):
        max_pool_2d_backward(np.zeros((1, 3, 3)), np.zeros((1, 4, 4)), 2, 2)


# --- linear ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [(), (3,), (0,)], ids=["one row", "batch", "no rows"])
def test_linear_and_its_gradients_are_exact_and_adjoint(rows):
    x, W, b = integers((*rows, 4)), integers((4, 2), seed=1), integers((2,), seed=2)
    grad_out = integers((*rows, 2), seed=3)
    out = linear(x, W, b)
    np.testing.assert_array_equal(out, np.einsum("...m,mk->...k", x, W) + b)
    dx, dW, db = linear_backward(grad_out, x, W)
    assert (dx.shape, dW.shape, db.shape) == (x.shape, W.shape, b.shape)
    assert np.vdot(grad_out, out - b) == np.vdot(dx, x) == np.vdot(dW, W)
    np.testing.assert_array_equal(db, grad_out.reshape(-1, 2).sum(0))


def test_linear_without_bias():
    np.testing.assert_array_equal(linear([1, 2], [[1, 2], [3, 4]]), [7, 10])


@pytest.mark.parametrize(
    ("x", "W", "b", "message"),
    [
        ((3, 4), (5, 2), None, r"x has shape \(3, 4\): it must be \(5,\) or \(N, 5\)"),
        ((3, 4), (4,), None, r"W has shape \(4,\): it must have 2 axes \(M, K\)"),
        ((2, 3, 4), (4, 2), None, r"x has shape \(2, 3, 4\): it must be \(4,\) or \(N, 4\)"),
        ((), (4, 2), None, r"x has shape \(\): it must be \(4,\) or \(N, 4\)"),
        ((3, 4), (4, 2), (3,), r"b has shape \(3,\): it must be \(2,\), one for each column of W"),
    ],
)
def test_linear_refuses(x, W, b, message):
    with pytest.raises(ValueError, match=message):
        linear(np.zeros(x), np.zeros(W), None if b is None else np.zeros(b))


def test_linear_backward_refuses_another_shape():
    with pytest.raises(ValueError, match=r"grad_out has shape \(3, 3\): it must be \(3, 2\)"):
        linear_backward(np.zeros((3, 3)), np.zeros((3, 4)), np.zeros((4, 2)))


# --- softmax and the loss -------------------------------------------------------------------------


def test_softmax_of_logarithms_gives_their_ratios():
    np.testing.assert_allclose(softmax(np.log([1, 2, 5])), [0.125, 0.25, 0.625], rtol=1e-15)


@pytest.mark.parametrize("axis", [0, 1, -1, -3])
def test_softmax_sums_to_one_along_its_axis(axis):
    z = np.random.default_rng(0).normal(size=(3, 4, 5))
    out = softmax(z, axis)
    np.testing.assert_allclose(out.sum(axis), 1, rtol=1e-15)
    by_definition = np.exp(z) / np.exp(z).sum(axis, keepdims=True)
    np.testing.assert_allclose(out, by_definition, rtol=1e-14)


def test_softmax_of_huge_numbers_neither_overflows_nor_warns():
    np.testing.assert_array_equal(softmax([1e308, 0, -1e308]), [1, 0, 0])
    np.testing.assert_array_equal(softmax([-1e308, -1e308]), [0.5, 0.5])


def test_softmax_masks_minus_infinity_and_shows_what_has_no_answer():
    np.testing.assert_array_equal(softmax([0, -np.inf, 0]), [0.5, 0, 0.5])
    for undefined in ([np.nan, 0], [np.inf, 0], [-np.inf, -np.inf]):
        assert np.isnan(softmax(undefined)).all()


@pytest.mark.parametrize(
    ("z", "axis", "error", "message"),
    [
        ([1, 2], 1, ValueError, r"axis is 1: for z of shape \(2,\) it must be in -1…0"),
        ([1, 2], -2, ValueError, "axis is -2"),
        (3, -1, ValueError, "z is a single number"),
        (np.zeros((2, 0)), -1, ValueError, "at least 1 number along axis -1"),
        ([1, 2], 0.0, TypeError, "axis is 0.0, a float"),
        ([1, 2], False, TypeError, "axis is False: it must be an integer, not a bool"),
    ],
)
def test_softmax_refuses(z, axis, error, message):
    with pytest.raises(error, match=message):
        softmax(z, axis)


def test_cross_entropy_of_equal_scores_is_the_logarithm_of_the_classes():
    loss, dlogits = softmax_cross_entropy(np.zeros((3, 4)), [0, 1, 3])
    assert type(loss) is float
    assert loss == math.log(4)
    expected = (np.full((3, 4), 0.25) - np.eye(4)[[0, 1, 3]]) / 3
    np.testing.assert_array_equal(dlogits, expected)


def test_cross_entropy_gradient_equals_differences():
    logits = np.random.default_rng(0).normal(size=(4, 5))
    labels = np.array([0, 4, 2, 2], np.uint8)
    _, dlogits = softmax_cross_entropy(logits, labels)
    slopes = differences(lambda z: softmax_cross_entropy(z, labels)[0], logits)
    np.testing.assert_allclose(dlogits, slopes, atol=1e-10)


def test_cross_entropy_is_exact_where_the_probability_underflows():
    loss, dlogits = softmax_cross_entropy([[0, 5000]], [0])
    assert loss == 5000
    np.testing.assert_array_equal(dlogits, [[-1, 1]])


@pytest.mark.parametrize(
    ("logits", "labels", "error", "message"),
    [
        (np.zeros((2, 3)), [0, 3], ValueError, r"labels has 3: for logits \(2, 3\) .* in 0…2"),
        (np.zeros((2, 3)), [0, -1], ValueError, "labels has -1"),
        (np.zeros((2, 3)), [0], ValueError, r"labels has shape \(1,\): it must be \(2,\)"),
        (np.zeros((2, 3)), [0.0, 1.0], TypeError, "labels has dtype float64: it must be integers"),
        (np.zeros(3), [0], ValueError, r"logits has shape \(3,\): it must be \(N, K\)"),
        (np.zeros((0, 3)), [], ValueError, r"logits has shape \(0, 3\): .* at least 1 row"),
    ],
)
def test_cross_entropy_refuses(logits, labels, error, message):
    with pytest.raises(error, match=message):
        softmax_cross_entropy(logits, labels)


# --- what holds for all of them -------------------------------------------------------------------

ONE_OPERAND = {
    "relu": relu,
    "max_pool_2d": lambda x: max_pool_2d(x, 2, 1),
    "max_pool_2d of 1x1": lambda x: max_pool_2d(x, 1, 1),
    "linear": lambda x: linear(x[0], x[0].T),
    "softmax": softmax,
    "cross-entropy": lambda x: softmax_cross_entropy(x[0], np.arange(len(x[0])))[1],
    "relu_backward": lambda x: relu_backward(x, x),
    "max_pool_2d_backward": lambda x: max_pool_2d_backward(x, x, 1, 1),
    "linear_backward": lambda x: linear_backward(x[0], x[0], np.eye(3, dtype=x.dtype))[0],
}


@pytest.fixture(params=ONE_OPERAND, ids=lambda name: name)
def layer(request):
    return ONE_OPERAND[request.param]


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [
        (np.float32, np.float32),
        (np.float64, np.float64),
        (np.float16, np.float16),
        (ml_dtypes.bfloat16, ml_dtypes.bfloat16),
        (np.int8, np.float64),
        (np.uint64, np.float64),
        (">f4", np.float32),
    ],
)
def test_dtype_of_results(layer, dtype, expected):
    x = np.arange(9).reshape(1, 3, 3)
    out = layer(x.astype(dtype))
    assert out.dtype == expected
    rtol = 1e-15 if out.dtype == np.float64 else 2 * float(ml_dtypes.finfo(expected).eps)
    np.testing.assert_allclose(out.astype(np.float64), layer(x.astype(np.float64)), rtol=rtol)


def test_results_never_alias_and_operands_never_change(layer):
    x = np.arange(9.0).reshape(1, 3, 3)
    before = x.copy()
    out = layer(x)
    assert not np.shares_memory(out, x)
    out[...] = np.nan
    np.testing.assert_array_equal(x, before)


def test_layout_does_not_matter(layer):
    x = np.random.default_rng(0).normal(size=(1, 3, 3))
    wide = np.zeros((1, 6, 3))
    wide[:, ::-2] = x
    strided = wide[:, ::-2]
    strided.flags.writeable = False
    np.testing.assert_array_equal(layer(strided), layer(x))


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.ones((1, 3, 3), bool), "has dtype bool"),
        (np.ones((1, 3, 3), complex), "has dtype complex128: the layers take real numbers"),
        (np.full((1, 3, 3), "a"), "has dtype <U1"),
        (np.ma.ones((1, 3, 3)), "is a masked array"),
    ],
    ids=["bool", "complex", "text", "masked"],
)
def test_types_refused(layer, x, message):
    with pytest.raises(TypeError, match=message):
        layer(x)


def test_another_library_is_refused_by_name():
    strict = pytest.importorskip("array_api_strict")
    with pytest.raises(TypeError, match=r"x is a array_api_strict\S*: the layers take NumPy"):
        relu(strict.asarray([1.0]))


def test_none_is_refused():
    with pytest.raises(TypeError, match="W is None"):
        linear([1], None)


def test_float16_is_summed_in_float32():
    ones = np.ones(4096, np.float16)
    assert linear(ones, ones[:, None]) == 4096  # float16 alone stops at 2048


@pytest.mark.parametrize("module", [layers, mini_cnn], ids=lambda m: m.__name__)
def test_examples_in_the_docstrings(module):
    failed, attempted = doctest.testmod(module)
    assert attempted
    assert not failed
