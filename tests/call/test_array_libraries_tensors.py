"""PyTorch's tensors that are no plain memory, in dxdw's own functions: right or refused by name."""

import pytest
from calls import refused

import dxdw

pytestmark = [
    pytest.mark.peers("torch"),
    # PyTorch's own, about itself.
    pytest.mark.filterwarnings("ignore:.*torch.jit.*deprecated"),
    pytest.mark.filterwarnings("ignore:Sparse CSR tensor support is in beta:UserWarning"),
    pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors is in prototype"),
    pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor, torch.quantize:UserWarning"),
]


def operands(dtype="float64"):
    import torch

    generator = torch.Generator().manual_seed(0)
    shapes = (1, 3, 4, 4), (1, 2, 5, 5), (3, 2, 2, 2)
    return [torch.randn(s, generator=generator, dtype=getattr(torch, dtype)) for s in shapes]


def views():
    """Tensors that hold other numbers than their memory does."""
    import torch

    return {
        "negative": torch._neg_view,
        "conjugate": lambda a: torch.complex(a, 2 * a).conj(),
        "imaginary part of a conjugate": lambda a: torch.complex(2 * a, a).conj().imag,
        "zero": lambda a: torch._efficientzerotensor(a.shape, dtype=a.dtype),
        "expanded": lambda a: a[..., :1].expand(a.shape),
        "part of another": lambda a: torch.cat([a, a], -1)[..., a.shape[-1] :],
        "backwards": lambda a: a.flip(-1).transpose(-1, -2),
        "lazily copied": torch._lazy_clone,
        "class of its own": lambda a: a.as_subclass(type("Named", (torch.Tensor,), {})),
    }


VIEWS = (
    "negative",
    "conjugate",
    "imaginary part of a conjugate",
    "zero",
    "expanded",
    "part of another",
    "backwards",
    "lazily copied",
    "class of its own",
)


@pytest.mark.parametrize("which", [0, 1, 2])
@pytest.mark.parametrize("name", VIEWS)
def test_as_a_copy(name, which):
    import torch

    given = operands()
    given[which] = views()[name](given[which])
    copies = [torch.from_numpy(a.resolve_conj().resolve_neg().clone().numpy()) for a in given]
    if name == "zero":
        assert not copies[which].any()

    def results(g, x, W):
        return dxdw.conv2d(x, W), *dxdw.conv2d_backward(g, x, W)

    torch.testing.assert_close(results(*given), results(*copies), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", ["sparse", "compressed", "mkldnn", "quantized", "nested"])
def test_what_is_not_dense_is_refused(name):
    import torch

    g, x, W = operands("float32")
    kinds = {
        "sparse": (x.to_sparse, "of layout torch.sparse_coo", "x.to_dense()"),
        "compressed": (x[0, 0].to_sparse_csr, "of layout torch.sparse_csr", "x.to_dense()"),
        "mkldnn": (x.to_mkldnn, "of layout torch._mkldnn", "x.to_dense()"),
        "quantized": (
            lambda: torch.quantize_per_tensor(x, 0.1, 0, torch.quint8),
            "",
            "x.dequantize()",
        ),
        "nested": (lambda: torch.nested.nested_tensor([x[0], x[0]]), "", "x.to_padded_tensor(0)"),
    }
    make, layout, right = kinds[name]
    told = f"x is a tensor {layout}" if layout else f"x is a {name} tensor"
    message = f"{told}: it must be a dense torch.Tensor, as {right} is"
    wrong = make()
    refused(TypeError, message, dxdw.conv2d, wrong, W)
    refused(TypeError, message, dxdw.conv2d_backward, g, wrong, W)


def test_what_computes_for_itself_is_refused():
    """A subclass with operations of its own; one that has no memory, while a program is traced."""
    import torch
    from torch._subclasses import FakeTensorMode
    from torch.testing._internal.two_tensor import TwoTensor

    _, x, W = operands()
    mode = FakeTensorMode()
    for wrong in (TwoTensor(x, 2 * x), mode.from_tensor(x)):
        kind = f"{type(wrong).__module__}.{type(wrong).__qualname__}"
        rule = "it must be a dense torch.Tensor; dxdw.interop.torch takes it"
        message = f"x is a {kind}, which has operations of its own: {rule}"
        refused(TypeError, message, dxdw.conv2d, wrong, W)
    with mode, pytest.raises(TypeError, match="FakeTensor, which has operations of its own"):
        dxdw.conv2d(torch.empty(1, 2, 5, 5), torch.empty(3, 2, 2, 2))


def test_devices_that_differ_are_refused():
    _, x, W = operands()
    message = "tensors on different devices (x on meta, W on cpu): give all on one"
    refused(TypeError, message, dxdw.conv2d, x.to("meta"), W)
    assert dxdw.conv2d(x.to("meta"), W.to("meta")).device.type == "meta"


def test_memory_that_was_given_back_is_refused():
    _, x, W = operands()
    x.untyped_storage().resize_(0)
    with pytest.raises(RuntimeError, match="has lost its memory: its storage holds 0 bytes"):
        dxdw.conv2d(x, W)


# --- derivatives: of these functions as of any of PyTorch's ---------------------------------------


def test_gradients_that_are_wanted():
    import torch

    g, x, W = operands()
    leaves = [a.requires_grad_() for a in (x, W)]
    mine, theirs = (
        torch.autograd.grad(f(x, W), leaves, g) for f in (dxdw.conv2d, torch.nn.functional.conv2d)
    )
    torch.testing.assert_close(mine, theirs)
    with torch.no_grad():
        assert not dxdw.conv2d(x, W).requires_grad


@pytest.mark.parametrize("way", ["grad", "jvp", "dual", "recorded"])
def test_ways_of_looking_on(way):
    import torch
    from torch.autograd import forward_ad
    from torch.fx.experimental.proxy_tensor import make_fx

    _, x, W = operands()

    def tangent(f):
        with forward_ad.dual_level():
            out = f(forward_ad.make_dual(x, x.cos()), W)
            return forward_ad.unpack_dual(out).tangent

    def seen(f):
        function = {
            "grad": torch.func.grad(lambda x: f(x, W).square().sum()),
            "jvp": lambda x: torch.func.jvp(lambda x: f(x, W), (x,), (x.cos(),)),
            "dual": lambda _: tangent(f),
            "recorded": lambda x: make_fx(lambda x: f(x, W))(x + 1)(x),
        }
        return function[way](x)

    torch.testing.assert_close(seen(dxdw.conv2d), seen(torch.nn.functional.conv2d))
