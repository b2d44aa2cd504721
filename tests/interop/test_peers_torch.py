"""Everything against PyTorch's CPU build in float64: another implementation, by other hands."""

import numpy as np
import oracles
import pytest
from calls import BACKWARD, FORWARD
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from oracles import MODES, simple

import dxdw

pytestmark = [
    pytest.mark.peers("torch"),
    pytest.mark.usefixtures("one_thread"),
    # PyTorch's own, about itself.
    pytest.mark.filterwarnings("ignore:.*torch.jit.script.* is deprecated"),
    pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel:UserWarning"),
]
many = settings(max_examples=60)

TORCH_MODE = {"reflect": "reflect", "replicate": "replicate", "circular": "circular"}
TRANSPOSE = {
    1: (dxdw.conv_transpose1d, dxdw.conv_transpose1d_backward),
    2: (dxdw.conv_transpose2d, dxdw.conv_transpose2d_backward),
    3: (dxdw.conv_transpose3d, dxdw.conv_transpose3d_backward),
}


def leaf(a):
    import torch

    return torch.from_numpy(a.copy()).requires_grad_()


def torch_conv(x, W, bias, case):
    """PyTorch's convolution of padded x: it takes other than zeros, and pairs, by its own pad."""
    from torch.nn import functional

    flat = [p for pair in reversed(case.padding) for p in pair]
    if any(flat):
        mode = "constant" if case.mode == "zeros" else TORCH_MODE[case.mode]
        x = functional.pad(x, flat, mode)
    convolve = {1: functional.conv1d, 2: functional.conv2d, 3: functional.conv3d}[case.ndim]
    options = {"stride": case.stride, "dilation": case.dilation, "groups": case.groups}
    return convolve(x, W, bias, **options)


def assert_close(ours, theirs, scale):
    """Both are within γ_K·M of the exact result, with M at most scale."""
    theirs = theirs.detach().resolve_conj().numpy()
    assert ours.shape == theirs.shape
    assert ours.dtype == theirs.dtype
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-14 * scale)


def scale_of(a, case):
    """More products than any element sums, times more than any of them is."""
    largest = [np.abs(v).max(initial=1) for v in a.values()]
    K = max(case.terms(kind) for kind in ("forward", "dx", "dW"))
    return 4 * K * max(largest) ** 2


def assert_forward_and_backward_agree(case, a, bias):
    x, W, b = leaf(a["x"]), leaf(a["W"]), leaf(bias)
    theirs = torch_conv(x, W, b, case)
    theirs.backward(leaf(a["grad_out"]).detach())
    out = FORWARD[case.ndim](a["x"], a["W"], bias=bias, **case.options)
    needs = ("dx", "dW", "db")
    ours = BACKWARD[case.ndim](a["grad_out"], a["x"], a["W"], needs=needs, **case.options)
    scale = scale_of(a, case)
    assert_close(out, theirs, scale)
    for mine, operand in zip(ours, (x, W, b), strict=True):
        assert_close(mine, operand.grad, scale)


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize("mode", MODES)
@many
@given(data=st.data(), seed=oracles.seeds)
def test_forward_and_backward(mode, dtype, data, seed):
    case = data.draw(oracles.cases(modes=(mode,)))
    a = oracles.operands(case, seed, dtype=dtype, draw=oracles.reals)
    bias = oracles.reals(np.random.default_rng(seed), case.W_shape[:1], dtype)
    assert_forward_and_backward_agree(case, a, bias)


LARGER = {
    "plain": simple((4, 16, 30, 28), (24, 16, 3, 3), pad=1),
    "many channels": simple((2, 64, 20, 20), (48, 64, 3, 3), pad=1),
    "strided": simple((3, 8, 41, 39), (12, 8, 3, 3), pad=1, stride=2),
    "stride past the kernel": simple((2, 4, 41, 39), (6, 4, 2, 3), stride=4),
    "depthwise": simple((2, 24, 30, 30), (24, 1, 5, 5), pad=2, groups=24),
    "grouped and dilated": simple((2, 12, 30, 30), (18, 4, 3, 3), pad=4, dilation=(3, 4), groups=3),
    "large kernel": simple((1, 2, 90, 80), (2, 2, 25, 21), pad=10),
    "one axis": simple((3, 8, 700), (12, 8, 9), pad=4, stride=3),
    "three axes": simple((2, 6, 10, 12, 11), (8, 6, 3, 3, 3), pad=1, stride=2),
}


@pytest.mark.parametrize("name", LARGER)
def test_forward_and_backward_at_larger_sizes(name):
    case = LARGER[name]
    a = oracles.operands(case, 0, draw=oracles.reals)
    assert_forward_and_backward_agree(case, a, np.arange(1.0, 1 + case.W_shape[0]))


@pytest.mark.parametrize("mode", ["zeros", "circular"])
@pytest.mark.parametrize("padding", ["same", "valid"])
def test_padding_in_words(padding, mode):
    """PyTorch's words hold at stride 1; its odd zero stands after, too."""
    import torch

    rng = np.random.default_rng(0)
    x, W = oracles.integers(rng, (2, 3, 9, 8)), oracles.integers(rng, (4, 3, 4, 3))
    layer = torch.nn.Conv2d(
        3, 4, (4, 3), padding=padding, padding_mode=mode, bias=False, dtype=torch.float64
    )
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(W))
        theirs = layer(torch.from_numpy(x)).numpy()
    assert np.array_equal(dxdw.conv2d(x, W, padding, padding_mode=mode), theirs)


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@many
@given(data=st.data(), seed=oracles.seeds)
def test_transposed(dtype, data, seed):
    """PyTorch takes one padding for both sides, and output padding below the stride or dilation."""
    from torch.nn import functional

    case = data.draw(oracles.cases(modes=("zeros",)))
    case = case._replace(padding=tuple((p, p) for p, _ in case.padding))
    extents = [(k - 1) * d + 1 for k, d in zip(case.taps, case.dilation, strict=True)]
    extra = [
        data.draw(st.integers(0, max(s, d) - 1))
        for s, d in zip(case.stride, case.dilation, strict=True)
    ]
    outs = [
        (n - 1) * s + extent + e - 2 * p
        for n, s, extent, e, (p, _) in zip(
            case.sizes, case.stride, extents, extra, case.padding, strict=True
        )
    ]
    assume(min(outs) > 0)
    rng = np.random.default_rng(seed)
    C_in, C_out = case.W_shape[0], case.channels[0] * case.groups
    x = oracles.reals(rng, (case.batch, C_in, *case.sizes), dtype)
    W, bias = oracles.reals(rng, case.W_shape, dtype), oracles.reals(rng, (C_out,), dtype)
    grad_out = oracles.reals(rng, (case.batch, C_out, *outs), dtype)
    options = {
        "padding": tuple(p for p, _ in case.padding),
        "stride": case.stride,
        "output_padding": tuple(extra),
        "dilation": case.dilation,
        "groups": case.groups,
    }
    theirs = (functional.conv_transpose1d, functional.conv_transpose2d, functional.conv_transpose3d)
    leaves = [leaf(v) for v in (x, W, bias)]
    expected = theirs[case.ndim - 1](*leaves, **options)
    expected.backward(leaf(grad_out).detach())
    forward, backward = TRANSPOSE[case.ndim]
    scale = 1e4
    assert_close(forward(x, W, bias=bias, **options), expected, scale)
    ours = backward(grad_out, x, W, needs=("dx", "dW", "db"), **options)
    for mine, operand in zip(ours, leaves, strict=True):
        assert_close(mine, operand.grad, scale)


@pytest.mark.parametrize("mode", MODES)
@many
@given(data=st.data(), seed=oracles.seeds)
def test_double_backward(mode, data, seed):
    import torch

    case = data.draw(oracles.cases(modes=(mode,)))
    a = oracles.operands(case, seed, draw=oracles.reals)
    t = oracles.operands(case, seed + 1, draw=oracles.reals)
    x, W, grad_out = leaf(a["x"]), leaf(a["W"]), leaf(a["grad_out"])
    out = torch_conv(x, W, None, case)
    dx, dW = torch.autograd.grad(out, (x, W), grad_out, create_graph=True)
    loss = (dx * torch.from_numpy(t["x"])).sum() + (dW * torch.from_numpy(t["W"])).sum()
    expected = torch.autograd.grad(loss, (grad_out, x, W))
    double = {
        1: dxdw.conv1d_double_backward,
        2: dxdw.conv2d_double_backward,
        3: dxdw.conv3d_double_backward,
    }[case.ndim]
    ours = double(t["x"], t["W"], a["grad_out"], a["x"], a["W"], **case.options)
    scale = 2 * scale_of(a | {f"t{n}": v for n, v in t.items()}, case)
    for mine, theirs in zip(ours, expected, strict=True):
        assert_close(mine, theirs, scale)


@pytest.mark.parametrize("mode", MODES)
@settings(max_examples=30)
@given(data=st.data(), seed=oracles.seeds)
def test_jvp_and_per_sample_dW(mode, data, seed):
    import torch

    case = data.draw(oracles.cases(ndim=2, modes=(mode,)))
    a = oracles.operands(case, seed, draw=oracles.reals)
    t = oracles.operands(case, seed + 1, draw=oracles.reals)
    x, W = torch.from_numpy(a["x"]), torch.from_numpy(a["W"])
    scale = 2 * scale_of(a | {f"t{n}": v for n, v in t.items()}, case)

    tx, tW = torch.from_numpy(t["x"]), torch.from_numpy(t["W"])
    _, tangent = torch.func.jvp(lambda x, W: torch_conv(x, W, None, case), (x, W), (tx, tW))
    ours = dxdw.conv2d_jvp(a["x"], a["W"], t["x"], t["W"], **case.options)
    assert_close(ours, tangent, scale)

    def loss(W, x, grad_out):
        out = torch_conv(x[None], W, None, case._replace(batch=1))
        return (out * grad_out[None]).sum()

    grad_out = torch.from_numpy(a["grad_out"])
    expected = torch.stack([torch.func.grad(loss)(W, x[n], grad_out[n]) for n in range(case.batch)])
    each = dxdw.conv2d_per_sample_dW(a["grad_out"], a["x"], a["W"], **case.options)
    assert_close(each, expected, scale)


@pytest.mark.parametrize("mode", MODES)
def test_gradcheck_and_gradgradcheck_of_a_function_of_ours(mode):
    """PyTorch's own checkers on our forward, gradients and gradients of gradients."""
    import torch

    case = simple((2, 2, 5, 4), (4, 1, 3, 2), pad=2, stride=2, groups=2)._replace(mode=mode)

    def numpy(*tensors):
        return [t.detach().numpy() for t in tensors]

    class Gradient(torch.autograd.Function):
        @staticmethod
        def forward(ctx, grad_out, x, W):
            ctx.save_for_backward(grad_out, x, W)
            results = dxdw.conv2d_backward(*numpy(grad_out, x, W), **case.options)
            return tuple(map(torch.from_numpy, results))

        @staticmethod
        def backward(ctx, ggx, ggW):
            operands = numpy(ggx, ggW, *ctx.saved_tensors)
            results = dxdw.conv2d_double_backward(*operands, **case.options)
            return tuple(map(torch.from_numpy, results))

    class Convolution(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, W):
            ctx.save_for_backward(x, W)
            return torch.from_numpy(dxdw.conv2d(*numpy(x, W), **case.options))

        @staticmethod
        def backward(ctx, grad_out):
            return Gradient.apply(grad_out, *ctx.saved_tensors)

    a = oracles.operands(case, 0, draw=oracles.reals)
    inputs = leaf(a["x"]), leaf(a["W"])
    assert torch.autograd.gradcheck(Convolution.apply, inputs)
    assert torch.autograd.gradgradcheck(Convolution.apply, inputs)
