"""dxdw.interop.autograd: derivatives by autograd, of any order and in both directions."""

import numpy as np
import oracles
import pytest
from oracles import MODES, Case, simple

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


def test_refusals():
    from dxdw.interop.autograd import conv2d

    with pytest.raises(ValueError, match=r"bias has shape \(2,\): it must be \(1,\)"):
        conv2d(np.ones((1, 3, 3)), np.ones((1, 1, 2, 2)), bias=np.ones(2))
    with pytest.raises(ValueError, match="padding_mode is 'wrap'"):
        conv2d(np.ones((1, 3, 3)), np.ones((1, 1, 2, 2)), padding_mode="wrap")


def test_examples_of_the_docstrings():
    import doctest

    from dxdw.interop import autograd as bridge

    failed, attempted = doctest.testmod(bridge)
    assert attempted
    assert not failed
