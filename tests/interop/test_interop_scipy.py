"""dxdw.interop.scipy: the operators as matrices, with their adjoints, and solvers that use them."""

import numpy as np
import oracles
import pytest
from calls import refused
from oracles import MODES, Case

import dxdw

pytest.importorskip("scipy", reason='needs the extra: pip install "dxdw[scipy]"')

from scipy.sparse.linalg import lsqr

from dxdw.interop.scipy import Conv2dOperator, FilterOperator

CASE = Case((6, 5), (3, 2), (2, 1), (1, 2), ((2, 1), (3, 0)), "zeros", 2, 1, (2, 3))
CASES = {mode: CASE._replace(mode=mode) for mode in MODES}
CASES["grouped"] = CASE._replace(groups=2)
CASES["one image"] = CASE._replace(batch=1)


def operators(case, dtype="float64"):
    a = oracles.operands(case, 0, dtype=dtype)
    x_shape, x = case.x_shape, a["x"]
    if case.batch == 1:
        x_shape, x = x_shape[1:], x[0]
    return (
        Conv2dOperator(a["W"], x_shape, **case.options),
        FilterOperator(x, case.W_shape, **case.options),
        a,
    )


def integers(shape, dtype="float64"):
    return oracles.integers(np.random.default_rng(5), shape).astype(dtype)


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize("name", CASES)
def test_matrices_and_their_adjoints(name, dtype):
    """Columns one by one by the definition, all at once by matmat, and conjugated by rmatmat."""
    case = CASES[name]
    picture, kernel, a = operators(case, dtype)
    columns = integers((picture.shape[1], 3), dtype)
    expected = [oracles.forward(c.reshape(case.x_shape), a["W"], case).ravel() for c in columns.T]
    assert np.array_equal(picture.matmat(columns), np.stack(expected, 1))
    columns = integers((kernel.shape[1], 3), dtype)
    expected = [oracles.forward(a["x"], c.reshape(case.W_shape), case).ravel() for c in columns.T]
    assert np.array_equal(kernel.matmat(columns), np.stack(expected, 1))
    for operator in (picture, kernel):
        assert operator.dtype == dtype
        matrix = operator.matmat(np.eye(operator.shape[1]))
        assert np.array_equal(operator.rmatmat(np.eye(operator.shape[0])), matrix.conj().T)
        vector = integers(operator.shape[1], dtype)
        assert np.array_equal(operator @ vector, matrix @ vector)
        vector = integers(operator.shape[0], dtype)
        assert np.array_equal(operator.H @ vector, matrix.conj().T @ vector)


@pytest.mark.parametrize("dtype", ["int64", "complex128"])
def test_vectors_of_other_dtypes_than_the_operators(dtype):
    """No imaginary part is lost, and no integer is what a result is rounded to."""
    for operator in operators(CASES["zeros"])[:2]:
        matrix = operator.matmat(np.eye(operator.shape[1]))
        for side, wanted in ((operator, matrix), (operator.H, matrix.T)):
            vector = integers(side.shape[1], dtype) * (1 + 2j if dtype == "complex128" else 1)
            assert np.array_equal(side @ vector, wanted @ vector)
        composed = (2 * operator.H) @ operator
        vector = integers(operator.shape[1], dtype)
        assert np.array_equal(composed @ vector, 2 * matrix.T @ (matrix @ vector))


@pytest.mark.parametrize("name", CASES)
def test_dot_test(name):
    picture, kernel, _ = operators(CASES[name])
    for operator in (picture, kernel):
        dxdw.dot_test(operator.matvec, operator.rmatvec, (operator.shape[1],)).raise_if_wrong()


def test_shapes_and_dtypes():
    picture = Conv2dOperator(np.ones((4, 1, 2, 2), np.float32), (1, 5, 6))
    assert picture.shape == (4 * 4 * 5, 5 * 6)
    assert (picture.x_shape, picture.out_shape) == ((1, 5, 6), (4, 4, 5))
    assert picture.dtype == np.float32
    assert picture.matvec(np.ones(30, np.float32)).dtype == np.float32
    assert Conv2dOperator([[[[1]]]], (1, 5, 6)).dtype == np.float64
    assert Conv2dOperator([[[[1]]]], (1, 5, 6), dtype=np.complex64).dtype == np.complex64
    kernel = FilterOperator(np.ones((3, 1, 5, 6)), (2, 1, 2, 2))
    assert (kernel.W_shape, kernel.out_shape) == ((2, 1, 2, 2), (3, 2, 4, 5))


def test_lsqr_finds_the_picture_and_the_kernel():
    rng = np.random.default_rng(0)
    x, W = rng.standard_normal((2, 9, 9)), rng.standard_normal((6, 2, 3, 3))
    exact = {"atol": 1e-13, "btol": 1e-13, "iter_lim": 2000}
    picture, kernel = Conv2dOperator(W, x.shape), FilterOperator(x, W.shape)
    y = dxdw.conv2d(x, W).ravel()
    np.testing.assert_allclose(lsqr(picture, y, **exact)[0].reshape(x.shape), x, atol=1e-7)
    np.testing.assert_allclose(lsqr(kernel, y, **exact)[0].reshape(W.shape), W, atol=1e-7)


@pytest.mark.peers("pylops")
def test_pylops_uses_them():
    import pylops

    rng = np.random.default_rng(0)
    W = rng.standard_normal((6, 2, 3, 3))
    x = rng.standard_normal((2, 9, 9))
    operator = pylops.aslinearoperator(Conv2dOperator(W, x.shape))
    assert pylops.utils.dottest(operator, *operator.shape)
    twice = pylops.VStack([operator, 2 * operator])
    found = pylops.optimization.basic.lsqr(
        twice, twice @ x.ravel(), niter=2000, atol=1e-13, btol=1e-13
    )[0]
    np.testing.assert_allclose(found.reshape(x.shape), x, atol=1e-7)


X, W = np.ones((1, 3, 3)), np.ones((1, 1, 2, 2))
NO_SHAPE = "it must be a tuple of integers, as x.shape is"
NO_W_SHAPE = NO_SHAPE.replace("x", "W")


@pytest.mark.parametrize(
    ("error", "message", "operator", "args", "options"),
    [
        (ValueError, "W is larger than x along H: …", Conv2dOperator, (W, (1, 1, 3)), {}),
        (ValueError, "W has shape (1, 2, 2): it must …", FilterOperator, (X, (1, 2, 2)), {}),
        (ValueError, "precision is 'low': …", FilterOperator, (X, W.shape), {"precision": "low"}),
        (TypeError, "W has dtype bool: …", Conv2dOperator, (W > 0, X.shape), {}),
        (TypeError, f"x_shape is a numpy.ndarray: {NO_SHAPE}", Conv2dOperator, (W, X), {}),
        (TypeError, f"x_shape is a int: {NO_SHAPE}", Conv2dOperator, (W, 9), {}),
        (TypeError, f"x_shape is a str: {NO_SHAPE}", Conv2dOperator, (W, "133"), {}),
        (TypeError, f"W_shape is a numpy.ndarray: {NO_W_SHAPE}", FilterOperator, (X, W), {}),
        (TypeError, "W_shape[2] is 2.0, a float: …", FilterOperator, (X, (1, 1, 2.0, 2)), {}),
        (ValueError, "x_shape[1] is -3: it must be …", Conv2dOperator, (W, (1, -3, 3)), {}),
        (
            TypeError,
            "dtype is 'floaty': it must be a dtype of NumPy's, as in np.float32",
            Conv2dOperator,
            (W, X.shape),
            {"dtype": "floaty"},
        ),
        (
            TypeError,
            "W of this dtype has dtype bool: …",
            FilterOperator,
            (X, W.shape),
            {"dtype": "?"},
        ),
    ],
)
def test_refusals_name_the_argument_and_the_bridges_page(error, message, operator, args, options):
    assert refused(error, message, operator, *args, **options) == "docs/howto/scipy.md"


@pytest.mark.peers("torch")
def test_arrays_of_other_libraries_are_refused():
    import torch

    rule = "it must be a NumPy array; convert it first, as in np.asarray"
    message = f"W is a torch.Tensor: {rule}(W)"
    refused(TypeError, message, Conv2dOperator, torch.ones((1, 1, 2, 2)), X.shape)
    message = f"x is a torch.Tensor: {rule}(x)"
    refused(TypeError, message, FilterOperator, torch.ones((1, 3, 3)), W.shape)


def test_shapes_may_be_lists_and_arrays():
    for shape in ([1, 3, 3], np.array([1, 3, 3]), (np.int64(1), 3, 3)):
        assert Conv2dOperator(W, shape).x_shape == (1, 3, 3)


def test_operands_may_be_nested_lists():
    picture, kernel = Conv2dOperator(W.tolist(), X.shape), FilterOperator(X.tolist(), W.shape)
    assert np.array_equal(picture @ X.ravel(), np.full(4, 4.0))
    assert np.array_equal(kernel @ W.ravel(), np.full(4, 4.0))


@pytest.mark.filterwarnings("ignore:the matrix subclass")
def test_matrices_of_numpys_are_taken_as_scipy_takes_them():
    for operator in operators(CASES["zeros"])[:2]:
        for side in (operator, operator.H):
            columns = integers((side.shape[1], 2))
            assert np.array_equal(side.matmat(np.asmatrix(columns)), side @ columns)
            found = side.matvec(np.asmatrix(columns[:, :1]))
            assert np.array_equal(found, side @ columns[:, :1])


def test_examples_of_the_docstrings():
    import doctest

    from dxdw.interop import scipy as bridge

    failed, attempted = doctest.testmod(bridge)
    assert attempted
    assert not failed


@pytest.mark.parametrize("columns", [0, 1, 2])
@pytest.mark.parametrize(
    ("x_shape", "W_shape"),
    [
        ((2, 1, 5, 5), (1, 1, 3, 3)),
        ((0, 1, 5, 5), (1, 1, 3, 3)),
        ((1, 1, 5, 5), (0, 1, 3, 3)),
        ((1, 5, 5), (2, 1, 3, 3)),
    ],
)
def test_no_columns_images_or_channels(x_shape, W_shape, columns):
    from dxdw.interop.scipy import Conv2dOperator, FilterOperator

    x, W = np.ones(x_shape), np.ones(W_shape)
    for operator in (Conv2dOperator(W, x_shape), FilterOperator(x, W_shape)):
        for A in (operator, operator.H):
            found = A @ np.ones((A.shape[1], columns))
            assert found.shape == (A.shape[0], columns)
            one = A @ np.ones(A.shape[1])
            assert np.array_equal(found, np.repeat(one[:, None], columns, axis=1))
