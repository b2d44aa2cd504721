"""The bridge to PyTorch keeps the layout that it is given: planes or channels last."""

import itertools

import pytest
from later import Later

torch = Later("torch")
pytestmark = pytest.mark.peers("torch")

CASES = {
    # x, W, options: a kernel each, and the copies of a depthwise one with few channels
    "winograd": ((2, 8, 12, 13), (16, 8, 3, 3), {"padding": 1}),
    "direct": ((2, 5, 9, 8), (7, 5, 3, 2), {"stride": 2, "padding": 1}),
    "grouped": ((2, 8, 9, 8), (12, 4, 3, 3), {"groups": 2, "padding": "same"}),
    "depthwise": ((2, 6, 9, 8), (6, 1, 3, 3), {"groups": 6, "padding": 1}),
    "pixels": ((2, 20, 9, 8), (20, 1, 3, 3), {"groups": 20, "padding": 1}),
    "volume": ((2, 3, 4, 5, 6), (4, 3, 2, 2, 2), {}),
}
FORMATS = {4: "channels_last", 5: "channels_last_3d"}


def laid(a, last):
    # (`contiguous` would leave the strides of one channel as they are.)
    return (
        torch.empty_like(a, memory_format=getattr(torch, FORMATS[a.ndim])).copy_(a)
        if last
        else a.clone()
    )


def operands(name, dtype):
    shape, W_shape, options = CASES[name]
    generator = torch.Generator().manual_seed(7)
    x, W = (torch.randn(s, generator=generator).to(dtype) for s in (shape, W_shape))
    return x, W, options


def convolve(x, W, options):
    from dxdw.interop import torch as ours

    return (ours.conv2d if x.ndim == 4 else ours.conv3d)(x, W, **options)


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
@pytest.mark.parametrize("name", CASES)
def test_results_lie_as_pytorchs_do_with_the_bits_of_planes(name, dtype):
    dtype = getattr(torch, dtype)
    x, W, options = operands(name, dtype)

    def results(x, W, turn):
        x, W = x.requires_grad_(), W.requires_grad_()
        out = convolve(x, W, options)
        grad_out = torch.arange(out.numel()).remainder(7).sub(3).to(dtype).view(out.shape)
        return out, *torch.autograd.grad(out, (x, W), laid(grad_out, turn))

    wanted = results(laid(x, False), laid(W, False), False)
    for x_last, W_last, g_last in itertools.product([False, True], repeat=3):
        got = results(laid(x, x_last), laid(W, W_last), g_last)
        assert all(map(torch.equal, got[:2], wanted[:2]))
        if name == "pixels":  # dW is summed in another order
            torch.testing.assert_close(got[2], wanted[2])
        else:
            assert torch.equal(got[2], wanted[2])
        format_ = getattr(torch, FORMATS[x.ndim])
        assert got[0].is_contiguous(memory_format=format_) == (x_last or W_last)
        assert got[1].is_contiguous(memory_format=format_) == (g_last or W_last)
        assert got[2].is_contiguous()


def rest(options):
    return 1, options["padding"], 1, options.get("groups", 1)


@pytest.mark.parametrize("name", ["winograd", "pixels"])
def test_images_with_channels_last_are_read_and_written_where_they_lie(monkeypatch, name):
    from dxdw.interop.torch import kernels

    x, W, options = operands(name, torch.float32)
    x, W = laid(x, True), W.clone()
    seen = []
    original = kernels._byte
    monkeypatch.setattr(kernels, "_byte", lambda a: (seen.append(a), original(a))[1])
    out = convolve(x, W, options)
    assert seen == [x.data_ptr(), W.data_ptr(), out.data_ptr()]
    seen.clear()
    dx, dW = kernels.run_both(out, x, W, kernels.convolution(2, x.shape, W.shape, *rest(options)))
    read, written = [[x.data_ptr(), out.data_ptr(), W.data_ptr()], [dx.data_ptr(), dW.data_ptr()]]
    assert set(seen) == {*read, *written}


@pytest.mark.parametrize("name", CASES)
def test_an_operator_tells_how_its_results_lie(name):
    from torch._subclasses.fake_tensor import FakeTensorMode

    from dxdw.interop.torch import operators

    x, W, options = operands(name, torch.float32)
    each = {"stride": 1, "padding": 0, "groups": 1} | options
    ndim = x.ndim - 2
    stride = [each["stride"]] * ndim
    padding = [1 if each["padding"] == "same" else each["padding"]] * ndim
    for x_last, W_last in itertools.product([False, True], repeat=2):
        one, two = laid(x, x_last), laid(W, W_last)
        out = convolve(one, two, options)
        rest = (list(out.shape), stride, padding, padding, [1] * ndim, each["groups"])
        real = operators.convolution_pass("forward", one, two, *rest)
        with FakeTensorMode() as mode:
            fakes = mode.from_tensor(one), mode.from_tensor(two)
            fake = operators.convolution_pass("forward", *fakes, *rest)
        assert real.stride() == fake.stride() == out.stride()
        assert torch.equal(real, out)


def test_of_one_channel_the_weights_tell():
    x, W = torch.randn(2, 1, 6, 5), torch.randn(4, 1, 3, 3)
    assert convolve(x, laid(W, True), {}).is_contiguous(memory_format=torch.channels_last)
    assert convolve(x, W, {}).is_contiguous()


def test_a_single_value_lies_in_planes():
    x, W = torch.ones(1, 1, 1, 1), torch.ones(2, 1, 1, 1)
    assert convolve(x, W, {"padding": 1}).is_contiguous()
