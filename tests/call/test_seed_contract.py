"""The contract of the practice series: names, argument order, shapes, examples and numbers."""

import numpy as np
import oracles
import pytest

from dxdw import conv2d, conv2d_backward, conv2d_backward_naive, conv2d_naive

X = np.arange(16).reshape(1, 4, 4)
W = [[[[1, 2], [3, 4]]]]

BOTH = pytest.mark.parametrize("backward", [conv2d_backward, conv2d_backward_naive])


def impulse(position):
    grad_out = np.zeros((1, 3, 3))
    grad_out[position] = 1
    return grad_out


@BOTH
def test_example_1_one_gradient_routes_to_one_patch_and_one_kernel(backward):
    dx, dW = backward(impulse((0, 0, 0)), X, W)
    expected = np.zeros((1, 4, 4))
    expected[0, :2, :2] = [[1, 2], [3, 4]]
    assert np.array_equal(dW, [[[[0, 1], [4, 5]]]])
    assert np.array_equal(dx, expected)


@BOTH
def test_example_2_zero_grad_out_gives_zeros_of_both_shapes(backward):
    dx, dW = backward(np.zeros((1, 3, 3)), X, W)
    assert np.array_equal(dx, np.zeros((1, 4, 4)))
    assert np.array_equal(dW, np.zeros((1, 1, 2, 2)))


@BOTH
def test_all_ones_grad_out(backward):
    dx, dW = backward(np.ones((1, 3, 3)), X, W)
    assert np.array_equal(dW, [[[[45, 54], [81, 90]]]])
    assert np.array_equal(dx, [[[1, 3, 3, 2], [4, 10, 10, 6], [4, 10, 10, 6], [3, 7, 7, 4]]])
    assert np.vdot(dW, W) == 756


@pytest.mark.parametrize("forward", [conv2d, conv2d_naive])
def test_forward_of_the_examples(forward):
    out = forward(X, W)
    assert out.shape == (1, 3, 3)
    assert out[0, 0, 0] == 34
    assert out.sum() == 756


def test_padding_1_of_ones_is_4_in_the_corner_and_9_in_the_middle():
    out = conv2d(np.ones((1, 3, 3)), np.ones((1, 1, 3, 3)), 1)
    assert np.array_equal(out, [[[4, 6, 4], [6, 9, 6], [4, 6, 4]]])


def test_padding_and_stride_are_the_third_and_fourth_argument():
    case = oracles.simple((1, 2, 7, 6), (3, 2, 3, 2), pad=2, stride=2)
    a = oracles.operands(case, 0)
    x, w, grad_out = a["x"][0], a["W"], a["grad_out"][0]
    out = conv2d(x, w, 2, 2)
    assert out.shape == (3, (7 + 4 - 3) // 2 + 1, (6 + 4 - 2) // 2 + 1)
    assert np.array_equal(out, oracles.forward(a["x"], w, case)[0])
    dx, dW = conv2d_backward(grad_out, x, w, 2, 2)
    assert np.array_equal(dx, oracles.dx(a["grad_out"], w, case)[0])
    assert np.array_equal(dW, oracles.dW(a["grad_out"], a["x"], case))


# --- the page's five tests ------------------------------------------------------------------------


def differences(f, a, step):
    """Central differences of f in each element of a: exact for a linear f but for rounding."""
    result = np.empty(a.shape)
    for index in np.ndindex(a.shape):
        up, down = a.copy(), a.copy()
        up[index] += step
        down[index] -= step
        result[index] = (f(up) - f(down)) / (2 * step)
    return result


@pytest.fixture(name="problem")
def random_problem():
    rng = np.random.default_rng(5)
    x, w = rng.standard_normal((2, 5, 4)), rng.standard_normal((3, 2, 3, 2))
    return rng.standard_normal((3, 3, 3)), x, w


@BOTH
def test_page_1_two_arrays_of_the_right_shapes(backward, problem):
    result = backward(*problem)
    assert isinstance(result, tuple)
    assert [type(a) for a in result] == [np.ndarray, np.ndarray]
    assert [a.shape for a in result] == [(2, 5, 4), (3, 2, 3, 2)]


@BOTH
@pytest.mark.parametrize("step", [1.0, 1e-5])
def test_page_2_and_3_finite_differences_of_the_sum(backward, problem, step):
    _, x, w = problem
    dx, dW = backward(np.ones((3, 3, 3)), x, w)
    np.testing.assert_allclose(
        dW, differences(lambda w: conv2d_naive(x, w).sum(), w, step), atol=1e-3
    )
    np.testing.assert_allclose(
        dx, differences(lambda x: conv2d_naive(x, w).sum(), x, step), atol=1e-3
    )


@BOTH
def test_page_2_and_3_stronger_with_a_random_grad_out_and_no_truncation(backward, problem):
    """Differences of the sum test G = 1 alone; a step of 1 is exact, for the loss is linear."""
    grad_out, x, w = problem
    dx, dW = backward(grad_out, x, w)
    by_W = differences(lambda w: np.vdot(grad_out, conv2d_naive(x, w)), w, 1.0)
    by_x = differences(lambda x: np.vdot(grad_out, conv2d_naive(x, w)), x, 1.0)
    np.testing.assert_allclose(dW, by_W, atol=1e-13)
    np.testing.assert_allclose(dx, by_x, atol=1e-13)


@BOTH
def test_page_4_zero_grad_out(backward, problem):
    grad_out, x, w = problem
    dx, dW = backward(np.zeros_like(grad_out), x, w)
    assert not dx.any()
    assert not dW.any()


@BOTH
def test_page_5_an_impulse_shows_the_patch_and_the_kernel_it_saw(backward, problem):
    grad_out, x, w = problem
    for o, i, j in np.ndindex(grad_out.shape):
        single = np.zeros_like(grad_out)
        single[o, i, j] = 2
        dx, dW = backward(single, x, w)
        expected_dW, expected_dx = np.zeros_like(w), np.zeros_like(x)
        expected_dW[o] = 2 * x[:, i : i + 3, j : j + 2]
        expected_dx[:, i : i + 3, j : j + 2] = 2 * w[o]
        assert np.array_equal(dW, expected_dW)
        assert np.array_equal(dx, expected_dx)


# --- what the page leaves open --------------------------------------------------------------------


def test_integer_G_on_a_rectangular_problem_run_twice_leaves_the_inputs_alone():
    """What catches all of the buggy versions that the page's own tests let pass."""
    case = oracles.simple((1, 2, 6, 5), (3, 2, 2, 3))
    a = oracles.operands(case, 1)
    given = [a["grad_out"][0], a["x"][0], a["W"]]
    copies = [g.copy() for g in given]
    first, second = conv2d_backward(*given), conv2d_backward(*given)
    for results in (first, second, conv2d_backward_naive(*given)):
        assert np.array_equal(results[0], oracles.dx(a["grad_out"], a["W"], case)[0])
        assert np.array_equal(results[1], oracles.dW(a["grad_out"], a["x"], case))
    assert all(np.array_equal(g, c) for g, c in zip(given, copies, strict=True))
    assert not any(np.shares_memory(r, g) for r in (*first, *second) for g in given)
    assert not np.shares_memory(first[0], second[0])


@pytest.mark.parametrize("kind", [list, tuple, "int8", "uint16", "int64"])
def test_lists_and_integers_are_computed_in_float64(kind):
    def convert(a):
        a = np.asarray(a)
        if isinstance(kind, str):
            return a.astype(kind)
        return kind(a.tolist())

    grad_out = np.full((1, 3, 3), 100)
    dx, dW = conv2d_backward(convert(grad_out), convert(X), convert(W))
    assert dx.dtype == dW.dtype == conv2d(convert(X), convert(W)).dtype == np.float64
    assert np.array_equal(dW, [[[[4500, 5400], [8100, 9000]]]])  # past what int8 and uint8 hold
    assert np.array_equal(dx[0, 1], [400, 1000, 1000, 600])


def test_float32_stays_float32():
    x, w = X.astype(np.float32), np.array(W, np.float32)
    dx, dW = conv2d_backward(np.ones((1, 3, 3), np.float32), x, w)
    assert dx.dtype == dW.dtype == conv2d(x, w).dtype == np.float32


def test_batch_axis_is_followed():
    x = np.stack([X, 2 * X])
    out = conv2d(x, W)
    assert out.shape == (2, 1, 3, 3)
    dx, dW = conv2d_backward(np.ones(out.shape), x, W)
    assert dx.shape == (2, 1, 4, 4)
    assert np.array_equal(dW, [[[[3 * 45, 3 * 54], [3 * 81, 3 * 90]]]])


def test_naive_and_general_agree_on_reals():
    rng = np.random.default_rng(2)
    x, w = rng.standard_normal((3, 9, 7)), rng.standard_normal((4, 3, 3, 4))
    grad_out = rng.standard_normal((4, 7, 4))
    case = oracles.simple((1, *x.shape), w.shape)
    for results in (conv2d_backward(grad_out, x, w), conv2d_backward_naive(grad_out, x, w)):
        batch = grad_out[None]
        oracles.assert_within_direct_bound(results[0][None], "dx", batch, w, case)
        oracles.assert_within_direct_bound(results[1], "dW", batch, x[None], case)
    for out in (conv2d(x, w), conv2d_naive(x, w)):
        oracles.assert_within_direct_bound(out[None], "forward", x[None], w, case)
