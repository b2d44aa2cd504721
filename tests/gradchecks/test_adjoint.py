"""The identities that make gradients gradients, with no oracle in between: exact in integers.

⟨grad_out, conv(x, W)⟩ = ⟨dx, x⟩ = ⟨dW, W⟩        ⟨a, b⟩ = Σ conj(a)·b
⟨grad_out, bias everywhere⟩ = ⟨db, bias⟩
"""

import numpy as np
import oracles
import pytest
from calls import BACKWARD, FORWARD
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from oracles import simple

import dxdw

TRANSPOSE = {
    1: (dxdw.conv_transpose1d, dxdw.conv_transpose1d_backward),
    2: (dxdw.conv_transpose2d, dxdw.conv_transpose2d_backward),
    3: (dxdw.conv_transpose3d, dxdw.conv_transpose3d_backward),
}
many = settings(max_examples=50)


def assert_adjoint(forward, backward, a, bias, **options):
    grad_out, x, W = a["grad_out"], a["x"], a["W"]
    dx, dW, db = backward(grad_out, x, W, needs=("dx", "dW", "db"), **options)
    whole = np.vdot(grad_out, forward(x, W, **options))
    assert np.vdot(dx, x) == whole
    assert np.vdot(dW, W) == whole
    biased = forward(x, W, bias=bias, **options)
    assert np.vdot(grad_out, biased) == whole + np.vdot(db, bias)


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize("mode", oracles.MODES)
@many
@given(st.data(), oracles.seeds)
def test_adjoint_of_the_forward(mode, dtype, data, seed):
    case = data.draw(oracles.cases(modes=(mode,)))
    a = oracles.operands(case, seed, dtype=dtype)
    bias = oracles.integers(np.random.default_rng(seed), case.W_shape[:1], dtype)
    functions = FORWARD[case.ndim], BACKWARD[case.ndim]
    assert_adjoint(*functions, a, bias, **case.options)


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@many
@given(st.data(), oracles.seeds)
def test_adjoint_of_the_transposed(dtype, data, seed):
    """The geometry of a convolution the other way round: its output is what is transposed."""
    case = data.draw(oracles.cases(modes=("zeros",)))
    output_padding = [
        data.draw(st.integers(0, max(s, d) - 1))
        for s, d in zip(case.stride, case.dilation, strict=True)
    ]
    outs = [  # of which something must be left by the padding
        (n - 1) * s + (k - 1) * d + 1 + extra - sum(p)
        for n, s, k, d, extra, p in zip(
            case.outs,
            case.stride,
            case.taps,
            case.dilation,
            output_padding,
            case.padding,
            strict=True,
        )
    ]
    assume(min(outs) > 0)
    options = {k: v for k, v in case.options.items() if k != "padding_mode"}
    options["output_padding"] = tuple(output_padding)
    forward, backward = TRANSPOSE[case.ndim]
    rng = np.random.default_rng(seed)
    x, W = (oracles.integers(rng, shape, dtype) for shape in (case.out_shape, case.W_shape))
    channels = case.x_shape[1]
    grad_out = oracles.integers(rng, (case.batch, channels, *outs), dtype)
    bias = oracles.integers(rng, (channels,), dtype)
    assert_adjoint(forward, backward, {"x": x, "W": W, "grad_out": grad_out}, bias, **options)


@many
@given(oracles.cases(modes=("zeros",)), oracles.seeds)
def test_transposed_of_the_same_options_is_the_adjoint_of_the_forward(case, seed):
    """⟨g, conv(x, W)⟩ = ⟨conv_transpose(g, W), x⟩ with the output padding that x's size needs."""
    a = oracles.operands(case, seed)
    options = {k: v for k, v in case.options.items() if k != "padding_mode"}
    remainder = [
        size + sum(p) - (k - 1) * d - 1 - (out - 1) * s
        for size, p, k, d, s, out in zip(
            case.sizes, case.padding, case.taps, case.dilation, case.stride, case.outs, strict=True
        )
    ]
    forward, transpose = FORWARD[case.ndim], TRANSPOSE[case.ndim][0]
    dx = transpose(a["grad_out"], a["W"], output_padding=tuple(remainder), **options)
    assert dx.shape == case.x_shape
    assert np.vdot(a["grad_out"], forward(a["x"], a["W"], **options)) == np.vdot(dx, a["x"])


@many
@given(oracles.cases(), oracles.seeds)
def test_both_gradients_are_linear_in_grad_out(case, seed):
    a, b = oracles.operands(case, seed), oracles.operands(case, seed + 1)
    backward = BACKWARD[case.ndim]
    whole = backward(3 * a["grad_out"] - b["grad_out"], a["x"], a["W"], **case.options)
    of_a = backward(a["grad_out"], a["x"], a["W"], **case.options)
    of_b = backward(b["grad_out"], a["x"], a["W"], **case.options)
    for g, g_a, g_b in zip(whole, of_a, of_b, strict=True):
        assert np.array_equal(g, 3 * g_a - g_b)


def test_identities_at_a_size_that_takes_tiles():
    """Sums of 10^5 terms, still exact in float64."""
    case = simple((3, 8, 130, 97), (12, 4, 3, 5), pad=2, stride=2, groups=2)
    a = oracles.operands(case, 0)
    bias = oracles.integers(np.random.default_rng(1), (12,))
    assert_adjoint(dxdw.conv2d, dxdw.conv2d_backward, a, bias, **case.options)
