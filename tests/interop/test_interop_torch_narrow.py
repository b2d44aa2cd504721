"""bfloat16 and float16 tensors, and `torch.autocast`: by dxdw's kernels, summed in float32."""

import pytest
from later import Later

from dxdw.engines import native

torch, theirs = Later("torch"), Later("torch.nn.functional")
bridge, functional = Later("dxdw.interop.torch"), Later("dxdw.interop.torch.functional")
pytestmark = pytest.mark.peers("torch")


@pytest.fixture(params=["bfloat16", "float16"])
def dtype(request):
    return getattr(torch, request.param)


def leaf(shape, dtype, seed=0):
    values = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    return values.to(dtype).requires_grad_()


def gradients(call, x, W, G):
    out = call(x, W)
    return out, *torch.autograd.grad(out, (x, W), G.to(out.dtype))


@pytest.mark.parametrize(("channels", "groups"), [(16, 1), (3, 1), (6, 6)])
def test_forward_and_gradients_are_those_of_float32_rounded(dtype, channels, groups):
    x, W = leaf((2, channels, 13, 14), dtype), leaf((24, channels // groups, 3, 3), dtype, 1)
    G = torch.randn(2, 24, 13, 14).to(dtype)
    wide = [a.detach().float().requires_grad_() for a in (x, W)]

    def call(x, W):
        return bridge.conv2d(x, W, padding=1, groups=groups)

    wanted = gradients(call, *wide, G.float())
    for result, expected in zip(gradients(call, x, W, G), wanted, strict=True):
        assert result.dtype == dtype
        assert torch.equal(result, expected.to(dtype))


def test_transposed_ones(dtype):
    x, W = leaf((2, 8, 9, 9), dtype), leaf((8, 5, 4, 4), dtype, 1)
    result, wanted = (
        bridge.conv_transpose2d(x, W, stride=2),
        bridge.conv_transpose2d(x.float(), W.float(), stride=2),
    )
    assert torch.equal(result, wanted.to(dtype))


def test_values_that_kernels_decline(dtype):
    x, W = leaf((1, 2, 5, 5), dtype), leaf((3, 2, 3, 3), dtype, 1)
    with torch.no_grad():
        W[0, 0, 0, 0] = float("inf")
    G = torch.ones(1, 3, 5, 5)
    wide = [a.detach().float().requires_grad_() for a in (x, W)]

    def call(x, W):
        return bridge.conv2d(x, W, padding=1)

    for result, wanted in zip(gradients(call, x, W, G), gradients(call, *wide, G), strict=True):
        assert torch.equal(result.nan_to_num(7), wanted.to(dtype).nan_to_num(7))


def test_second_derivatives(dtype):
    x, W = leaf((1, 2, 6, 6), dtype), leaf((3, 2, 3, 3), dtype, 1)

    def penalty(call):
        (dx,) = torch.autograd.grad(call(x, W).square().sum(), x, create_graph=True)
        return torch.autograd.grad(dx.square().sum(), W)[0].float()

    ours, others = penalty(bridge.conv2d), penalty(theirs.conv2d)
    assert torch.allclose(ours, others, rtol=0.05, atol=0.05 * float(others.abs().max()))


class TestAutocast:
    @pytest.fixture(autouse=True)
    def _kernels(self):
        if not native.kernels():
            pytest.skip("there are no compiled kernels")

    def test_computes_in_its_dtype_here(self, dtype, monkeypatch):
        monkeypatch.setitem(functional._CONVOLVE, 2, None)  # calling PyTorch's would fail
        x, W = leaf((1, 3, 8, 8), torch.float32), leaf((4, 3, 3, 3), torch.float32, 1)
        with torch.autocast("cpu", dtype):
            out = bridge.conv2d(x, W)
        assert out.dtype == dtype
        assert torch.equal(out, bridge.conv2d(x.to(dtype), W.to(dtype)))
        for gradient in torch.autograd.grad(out.float().sum(), (x, W)):
            assert gradient.dtype == torch.float32

    def test_takes_a_bias_and_mixed_operands(self, dtype):
        x, W = leaf((1, 3, 8, 8), dtype), leaf((4, 3, 3, 3), torch.float32, 1)
        bias = torch.linspace(-1, 1, 4)
        with torch.autocast("cpu", dtype):
            ours, others = bridge.conv2d(x, W, bias), theirs.conv2d(x, W, bias)
        assert ours.dtype == others.dtype == dtype
        assert torch.allclose(ours.float(), others.float(), rtol=0.02, atol=0.02)

    def test_leaves_float64_to_pytorch(self, dtype):
        x, W = leaf((1, 3, 8, 8), torch.float64), leaf((4, 3, 3, 3), torch.float64, 1)
        with torch.autocast("cpu", dtype):
            assert bridge.conv2d(x, W).dtype == torch.float64

    def test_trains_an_accelerated_model(self, dtype, monkeypatch):
        monkeypatch.setattr("dxdw.interop.torch.ways._native", lambda _: False)
        torch.manual_seed(0)
        layers = [torch.nn.Conv2d(3, 16, 3, padding=1), torch.nn.Conv2d(16, 16, 3, bias=False)]
        model = torch.nn.Sequential(layers[0], torch.nn.ReLU(), layers[1])
        x = torch.randn(2, 3, 12, 12)

        def step():
            model.zero_grad()
            with torch.autocast("cpu", dtype):
                out = model(x)
                loss = out.float().square().mean()
            loss.backward()
            return [out.detach().float(), *(p.grad.clone() for p in model.parameters())]

        others = step()
        bridge.accelerate(model)
        for ours, other in zip(step(), others, strict=True):
            assert torch.allclose(ours, other, rtol=0.05, atol=0.02 * float(other.abs().max()))
