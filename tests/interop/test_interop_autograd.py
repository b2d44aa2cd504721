"""dxdw.interop.autograd: derivatives by autograd, of any order and in both directions."""

import numpy as np
import oracles
import pytest
from calls import refused
from oracles import MODES, Case, simple

import dxdw

pytestmark = pytest.mark.peers("autograd")

CASES = {
    "one axis": simple((2, 3, 9), (4, 3, 3), pad=1, stride=2),
    "two axes": simple((2, 4, 5, 4), (4, 2, 3, 2), pad=1, groups=2),
    "three axes": simple((1, 2, 3, 4, 3), (3, 2, 2, 3, 2), pad=1),
}
ODD = Case((5, 4), (3, 2), (2, 1), (1, 2), ((2, 1), (1, 2)), "zeros", 2, 1, (2, 2))


def ours(case):
    from dxdw.interop import autograd as bridge

    convolve = getattr(bridge, f"conv{case.ndim}d")
    return lambda x, W, **more: convolve(x, W, **case.options, **more)


def operands(case, **how):
    a = oracles.operands(case, 0, **how)
    return a["x"], a["W"], a["grad_out"]


@pytest.mark.parametrize("name", CASES)
def test_value_and_gradients_are_exact_on_integers(name):
    from autograd import make_vjp

    case = CASES[name]
    x, W, g = operands(case)
    (vjp, out) = make_vjp(lambda both: ours(case)(*both))((x, W))
    assert np.array_equal(out, oracles.forward(x, W, case))
    dx, dW = vjp(g)
    assert np.array_equal(dx, oracles.dx(g, W, case))
    assert np.array_equal(dW, oracles.dW(g, x, case))


@pytest.mark.parametrize("mode", MODES)
def test_autograds_own_check_of_both_modes_to_second_order(mode):
    from autograd.test_util import check_grads

    case = ODD._replace(mode=mode)
    x, W, _ = operands(case, draw=oracles.reals)
    check_grads(ours(case), modes=["fwd", "rev"], order=2)(x, W)


@pytest.mark.parametrize("name", CASES)
def test_jacobians_are_the_linear_maps_themselves(name):
    """Column by column what one element alone makes: exact, for the operands are integers."""
    from autograd import jacobian

    case = CASES[name]
    x, W, _ = operands(case)
    by_x, by_W = jacobian(ours(case), 0)(x, W), jacobian(ours(case), 1)(x, W)
    for jacobian_of, operand, convolve in (
        (by_x, x, lambda one: oracles.forward(one, W, case)),
        (by_W, W, lambda one: oracles.forward(x, one, case)),
    ):
        for index in list(np.ndindex(operand.shape))[::7]:
            one = np.zeros(operand.shape)
            one[index] = 1
            assert np.array_equal(jacobian_of[(..., *index)], convolve(one))


def test_gradients_of_gradients_of_gradients():
    """A penalty on a gradient, and one on its gradient: against autograd's own differences."""
    import autograd.numpy as anp
    from autograd import grad, hessian_vector_product, make_jvp
    from autograd.test_util import check_grads

    case = CASES["two axes"]._replace(sizes=(3, 3))
    x, W, _ = operands(case, draw=oracles.reals)

    def loss(x, W):
        return anp.sum(anp.tanh(ours(case)(x, W)) ** 2)

    def penalty(W):
        return anp.sum(grad(loss, 0)(x, W) ** 2)

    check_grads(penalty, modes=["fwd", "rev"], order=2)(W)
    gradient = grad(lambda W: loss(x, W))
    by_reverse = hessian_vector_product(lambda W: loss(x, W))(W, np.cos(W))
    np.testing.assert_allclose(make_jvp(gradient)(W)(np.cos(W))[1], by_reverse, rtol=1e-9)
    itself = CASES["two axes"]._replace(sizes=(2, 2), taps=(2, 2), groups=1, channels=(4, 4))
    both = oracles.reals(np.random.default_rng(0), (4, 4, 2, 2), "float64")
    check_grads(lambda a: ours(itself)(a, a), modes=["fwd", "rev"], order=2)(both)


def test_bias_no_batch_axis_and_float32():
    from autograd import grad

    case = CASES["two axes"]
    x, W, _ = operands(case, dtype="float32")
    bias = np.arange(4, dtype="float32")
    out = ours(case)(x[0], W, bias=bias)
    assert out.dtype == np.float32
    assert np.array_equal(out, oracles.forward(x, W, case)[0] + bias[:, None, None])
    db = grad(lambda b: (ours(case)(x, W, bias=b)).sum())(bias)
    assert np.array_equal(db, np.full(4, out[0].size * 2))


@pytest.mark.parametrize("mode", ["fwd", "rev"])
def test_all_derivatives_with_a_bias(mode):
    from autograd.test_util import check_grads

    case = CASES["two axes"]
    x, W, _ = operands(case, draw=oracles.reals)
    convolve = ours(case)
    check_grads(lambda x, W, b: convolve(x, W, bias=b) ** 2, modes=[mode], order=2)(
        x, W, np.arange(4.0)
    )


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_gradients_have_the_dtype_of_what_they_are_of(dtype):
    from autograd import grad

    case = CASES["two axes"]
    given = (*operands(case, dtype=dtype)[:2], np.arange(4, dtype=dtype))
    for argument in range(3):
        found = grad(lambda x, W, b: (ours(case)(x, W, bias=b)).sum(), argument)(*given)
        assert found.dtype == dtype


def test_complex_operands_are_treated_as_by_autograds_own_functions():
    from autograd import grad
    from autograd import numpy as anp

    case = simple((1, 2, 1, 1), (3, 2, 1, 1))
    x, W, _ = operands(case, dtype="complex128", draw=oracles.reals)

    def loss(convolve):
        return lambda x, W: anp.abs(convolve(x, W) ** 2 + 1).sum()

    def product(x, W):
        return anp.sum(W[:, :, 0, 0] * x[0, :, 0, 0], axis=1)

    for argument in (0, 1):
        for a in (x, x.real):
            mine = grad(loss(ours(case)), argument)(a, W)
            np.testing.assert_allclose(mine, grad(loss(product), argument)(a, W), rtol=1e-12)
            assert mine.dtype == (a, W)[argument].dtype


X, W = np.ones((1, 3, 3)), np.ones((1, 1, 2, 2))


@pytest.mark.parametrize(
    ("error", "message", "given"),
    [
        (ValueError, "bias has shape (2,): it must be (1,), …", {"bias": np.ones(2)}),
        (ValueError, "padding_mode is 'wrap': …", {"padding_mode": "wrap"}),
        (TypeError, "x is None: …", {"x": None}),
        (TypeError, "x has dtype <U3: …", {"x": "abc"}),
        (TypeError, "W has dtype bool: …", {"W": W > 0}),
        (TypeError, "bias has dtype bool: …", {"bias": [True]}),
        (TypeError, "bias has dtype object: …", {"bias": [None]}),
        (ValueError, "x can't be made an array: …", {"x": [[[1, 2], [3]]]}),
    ],
)
def test_refusals_name_the_argument_and_the_bridges_page(error, message, given):
    from dxdw.interop.autograd import conv2d

    given = {"x": X, "W": W} | given
    assert refused(error, message, conv2d, **given) == "docs/howto/autograd.md"


def test_lists_are_arrays_and_may_be_followed():
    from autograd import grad

    from dxdw.interop.autograd import conv2d

    dW = grad(lambda W: conv2d(X.tolist(), W, bias=[1]).sum())(W.tolist())
    assert np.array_equal(dW, np.full(W.shape, 4.0))
    db = grad(lambda b: conv2d(X, W, bias=[2 * b]).sum())(1.0)
    assert db == 8
    assert grad(lambda b: conv2d(X, W, bias=b).sum())([1.0]) == [4]


def test_the_function_of_dxdw_itself_tells_where_the_bridge_is():
    from autograd import grad

    message = "{} is a autograd.…: what autograd follows goes to dxdw.interop.autograd"
    for given in (W, W.tolist()):
        call = grad(lambda W: dxdw.conv2d(X, W).sum())
        refused(TypeError, message.format("W"), call, given)
    refused(TypeError, message.format("x"), grad(lambda W: dxdw.conv2d(W[0], W).sum()), W)


@pytest.mark.peers("torch")
def test_arrays_of_other_libraries_are_refused():
    import torch

    from dxdw.interop.autograd import conv2d

    rule = "it must be a NumPy array; convert it first, as in np.asarray(x)"
    refused(TypeError, f"x is a torch.Tensor: {rule}", conv2d, torch.ones((1, 3, 3)), W)


def test_examples_of_the_docstrings():
    import doctest

    from dxdw.interop import autograd as bridge

    failed, attempted = doctest.testmod(bridge)
    assert attempted
    assert not failed
