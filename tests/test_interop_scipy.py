"""dxdw.interop.scipy: the operators as matrices, with their adjoints, and solvers that use them."""

import numpy as np
import oracles
import pytest
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
    assert Conv2dOperator([[[[1]]]], (1, 5, 6), dtype=np.complex64).dtype == np.complex128
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


def test_refusals_name_the_argument():
    with pytest.raises(ValueError, match="W is larger than x along H"):
        Conv2dOperator(np.ones((1, 1, 4, 4)), (1, 3, 3))
    with pytest.raises(ValueError, match=r"W has shape \(1, 2, 2\)"):
        FilterOperator(np.ones((1, 3, 3)), (1, 2, 2))
    with pytest.raises(ValueError, match="precision is 'low'"):
        FilterOperator(np.ones((1, 3, 3)), (1, 1, 2, 2), precision="low")
    with pytest.raises(TypeError, match="bool"):
        Conv2dOperator(np.ones((1, 1, 2, 2), bool), (1, 3, 3))


def test_examples_of_the_docstrings():
    import doctest

    from dxdw.interop import scipy as bridge

    failed, attempted = doctest.testmod(bridge)
    assert attempted
    assert not failed
