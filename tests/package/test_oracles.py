"""The oracle itself: against loops over single numbers, and by hand."""

from itertools import product

import numpy as np
import oracles
import pytest
from hypothesis import given, settings
from oracles import Case, simple


def position(j, size, mode):
    """Where padded position j of an axis reads x, by walking; None outside, where zeros are."""
    if mode == "zeros":
        return j if 0 <= j < size else None
    if mode == "replicate":
        return sorted((0, j, size - 1))[1]
    step = 1 if j >= 0 else -1
    at = 0
    for _ in range(abs(j)):  # a walk that turns round at the ends, or starts again at the other
        if mode == "circular":
            at = (at + step) % size
        else:
            if not 0 <= at + step < size:
                step = -step
            at += step
    return at


def meetings(case):
    """Every product of the definition: the index into the output, W and x, x None for a zero."""
    per_group_in, per_group_out = case.channels
    for n, o, *i in np.ndindex(*case.out_shape):
        for c, *u in np.ndindex(per_group_in, *case.taps):
            j = [
                position(a * s + b * d - p[0], size, case.mode)
                for a, b, s, d, p, size in zip(
                    i, u, case.stride, case.dilation, case.padding, case.sizes, strict=True
                )
            ]
            x = (n, o // per_group_out * per_group_in + c, *j)
            yield (n, o, *i), (o, c, *u), None if None in j else x


@settings(max_examples=50)
@given(oracles.cases(), oracles.seeds)
def test_oracle_against_single_products(case, seed):
    a = oracles.operands(case, seed)
    out, dx, dW = (np.zeros(s) for s in (case.out_shape, case.x_shape, case.W_shape))
    for o, w, x in meetings(case):
        if x is not None:
            out[o] += a["x"][x] * a["W"][w]
            dx[x] += a["grad_out"][o] * a["W"][w]
            dW[w] += a["grad_out"][o] * a["x"][x]
    assert np.array_equal(oracles.forward(a["x"], a["W"], case), out)
    assert np.array_equal(oracles.dx(a["grad_out"], a["W"], case), dx)
    assert np.array_equal(oracles.dW(a["grad_out"], a["x"], case), dW)


def test_oracle_by_hand_strided_dilated_and_padded_on_one_side():
    case = Case((4,), (2,), (2,), (2,), ((1, 0),))
    x, W = np.array([[[1.0, 2, 3, 4]]]), np.array([[[10.0, 1]]])
    # padded: 0 1 2 3 4, so the kernel meets (0, 2) and (2, 4)
    assert oracles.forward(x, W, case).tolist() == [[[2, 24]]]
    grad_out = np.array([[[1.0, 100]]])
    assert oracles.dx(grad_out, W, case).tolist() == [[[0, 1 + 1000, 0, 100]]]
    assert oracles.dW(grad_out, x, case).tolist() == [[[200, 2 + 400]]]


def test_transposed_oracle_is_the_adjoint_of_the_forward():
    rng = np.random.default_rng(0)
    for stride, dilation, padding in product((1, 2, 3), (1, 2), ((0, 0), (1, 2))):
        case = Case((7,), (3,), (stride,), (dilation,), (padding,), groups=2, channels=(2, 3))
        W, grad_out = oracles.integers(rng, case.W_shape), oracles.integers(rng, case.out_shape)
        padded = 7 + sum(padding)
        reached = (case.outs[0] - 1) * stride + 2 * dilation + 1
        dx = oracles.conv_transpose(
            grad_out,
            W,
            stride=(stride,),
            dilation=(dilation,),
            padding=(padding,),
            output_padding=(padded - reached,),
            groups=2,
        )
        assert np.array_equal(dx, oracles.dx(grad_out, W, case))


def test_bound_is_sharp_enough_to_see_one_wrong_digit():
    case = simple((1, 1, 6, 6), (1, 1, 3, 3))
    a = oracles.operands(case, 0, dtype=np.float32, draw=oracles.reals)
    out = oracles.forward(a["x"], a["W"], case)
    oracles.assert_within_direct_bound(out, "forward", a["x"], a["W"], case)
    out[0, 0, 1, 1] += 3e-5
    with pytest.raises(AssertionError, match="exceeds its bound"):
        oracles.assert_within_direct_bound(out, "forward", a["x"], a["W"], case)
