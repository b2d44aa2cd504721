"""dxdw.interop.torch: what the kernels read is looked at where it is read, in backward too."""

import pytest

pytestmark = pytest.mark.peers("torch")


def operands(shape=(1, 2, 9)):
    import torch

    generator = torch.Generator().manual_seed(0)
    x = torch.randn(shape, generator=generator)
    return x, torch.randn((3, 2, 3), generator=generator), torch.ones((1, 3, 7)).cumsum(-1)


def conv1d(*args, **options):
    from dxdw.interop import torch as bridge

    return bridge.conv1d(*args, **options)


def gradients(convolve, change):
    """dx and dW of a grad_out that is no plain tensor."""
    import torch

    x, W, g = operands()
    leaves = [a.requires_grad_() for a in (x, W)]
    return torch.autograd.grad(convolve(*leaves), leaves, change(g))


def escaped(a):
    """A tensor out of a transform that has ended."""
    import torch

    kept = []
    torch.func.grad(lambda a: (kept.append(a), a.sum())[1])(a)
    return kept[0]


def unusual():
    import torch

    return {
        "negative": torch._neg_view,
        "zero": lambda a: torch._efficientzerotensor(a.shape),
        "expanded": lambda a: a[..., :1].expand(a.shape),
        "strided": lambda a: a.repeat_interleave(2, -1)[..., ::2],
        "part of another": lambda a: torch.cat([torch.ones(5), a.flatten()])[5:].view(a.shape),
        "lazily copied": torch._lazy_clone,
        "escaped": escaped,
    }


NAMES = ("negative", "zero", "expanded", "strided", "part of another", "lazily copied", "escaped")


@pytest.mark.parametrize("which", [0, 1, 2])
@pytest.mark.parametrize("name", NAMES)
def test_operands(name, which):
    import torch
    from torch.nn import functional

    given = [*operands()[:2], torch.arange(3.0)]
    given[which] = unusual()[name](given[which])
    torch.testing.assert_close(conv1d(*given), functional.conv1d(*given))


@pytest.mark.parametrize("name", NAMES)
def test_grad_out(name):
    import torch
    from torch.nn import functional

    change = unusual()[name]
    mine, theirs = (gradients(f, change) for f in (conv1d, functional.conv1d))
    torch.testing.assert_close(mine, theirs)


def test_a_subclass_computes_for_itself():
    import torch
    from torch.testing._internal.two_tensor import TwoTensor

    results = gradients(conv1d, lambda g: TwoTensor(g, 2 * g))
    plain = gradients(conv1d, lambda g: g)
    for result, one in zip(results, plain, strict=True):
        torch.testing.assert_close((result.a, result.b), (one, 2 * one))


def test_a_function_mode_sees_pytorchs_function():
    import torch
    from torch.overrides import TorchFunctionMode

    seen = []

    class Mode(TorchFunctionMode):
        def __torch_function__(self, function, types, args=(), kwargs=None):
            seen.append(function)
            return function(*args, **kwargs or {})

    with Mode():
        conv1d(*operands()[:2])
    assert torch.nn.functional.conv1d in seen


def test_a_default_device_is_not_where_results_go():
    """Which lie where the kernels write them."""
    import torch

    x, W, g = operands()
    leaves = [a.requires_grad_() for a in (x, W)]
    out = conv1d(*leaves)
    expected = torch.autograd.grad(out, leaves, g, retain_graph=True)
    with torch.device("meta"):
        found = torch.autograd.grad(out, leaves, g)
    torch.testing.assert_close(found, expected)


def test_a_saved_tensor_in_another_dtype_is_refused():
    import torch

    x, W, g = operands()
    with torch.autograd.graph.saved_tensors_hooks(lambda a: a.half(), lambda a: a):
        out = conv1d(x.requires_grad_(), W)
    with pytest.raises(RuntimeError, match=r"Half|same"):
        torch.autograd.grad(out, x, g)


def test_a_saved_tensor_in_another_shape_is_refused():
    import torch

    x, W, g = operands()
    with torch.autograd.graph.saved_tensors_hooks(lambda a: a, lambda a: a[..., :-1]):
        out = conv1d(x.requires_grad_(), W)
    with pytest.raises(RuntimeError, match="as it was when the convolution was called"):
        torch.autograd.grad(out, x, g)


def test_a_saved_tensor_on_another_device_is_refused():
    import torch

    x, W, g = operands()
    with torch.autograd.graph.saved_tensors_hooks(lambda a: a, lambda a: a.to("meta")):
        out = conv1d(x.requires_grad_(), W)
    with pytest.raises(RuntimeError, match="on cpu and on meta"):
        torch.autograd.grad(out, x, g)


def test_data_that_is_a_wrapper_is_refused():
    import torch
    from torch.testing._internal.two_tensor import TwoTensor

    x, W, g = operands()
    out = conv1d(x.requires_grad_(), W.requires_grad_())
    W.data = TwoTensor(W.detach(), W.detach())
    with pytest.raises(RuntimeError, match="has lost its memory"):
        torch.autograd.grad(out, x, g)


@pytest.mark.parametrize("left", [0, 8])
@pytest.mark.parametrize("which", ["x", "W", "bias"])
def test_memory_that_was_given_back_is_refused(which, left):
    import torch

    x, W, _ = operands()
    given = {"x": x, "W": W, "bias": torch.ones(3)}
    given[which].untyped_storage().resize_(left)
    with pytest.raises(RuntimeError, match=f"its storage holds {left} bytes, and it needs"):
        conv1d(**given)


def test_memory_that_is_given_back_before_backward_is_refused():
    import torch

    x, W, g = operands()
    out = conv1d(x.requires_grad_(), W)
    held = W.untyped_storage().nbytes()
    values = W.clone()
    W.untyped_storage().resize_(0)
    with pytest.raises(RuntimeError, match="must have its values again before backward"):
        torch.autograd.grad(out, x, g, retain_graph=True)
    W.untyped_storage().resize_(held)
    W.data.copy_(values)
    assert torch.autograd.grad(out, x, g)[0].isfinite().all()


def test_a_pass_of_shapes_that_do_not_fit_is_refused():
    """The operator itself, as a program can call it."""
    import torch

    from dxdw.interop.torch.operators import convolution_pass

    x, W, g = operands()
    good = ("forward", x, W, [1, 3, 7], [1], [0], [0], [1], 1)
    assert torch.equal(convolution_pass(*good), conv1d(x, W))
    for sizes in ([1, 3, 8], [1, 2, 7], [2, 3, 7], [1, 3], [1, 3, 7, 1]):
        with pytest.raises(ValueError, match="the output has shape"):
            convolution_pass("forward", x, W, sizes, *good[4:])
    with pytest.raises(ValueError, match="the output has shape"):
        convolution_pass("dW", g[..., :-1].repeat(2, 1, 1), x, list(W.shape), *good[4:])


@pytest.mark.parametrize("kind", ["", "_transpose"])
def test_as_pytorch_takes_its_arguments(kind):
    import torch
    from torch.nn import functional

    from dxdw.interop import torch as bridge

    mine, theirs = (getattr(m, f"conv{kind}2d") for m in (bridge, functional))
    x, W = torch.ones((1, 2, 6, 6)), torch.ones((2, 2, 3, 3))
    options = {"stride": (2,), "padding": (1,), "dilation": (1,), "bias": torch.ones(2)}
    expected = theirs(input=x, weight=W, **options)
    assert torch.equal(mine(input=x, weight=W, **options), expected)
    assert torch.equal(mine(x, W, stride=[2], padding=[1], bias=torch.ones(2)), expected)


def test_same_padding_takes_no_stride_as_in_pytorch():
    x, W, _ = operands()
    with pytest.raises(ValueError, match="with padding 'same' it must be 1"):
        conv1d(x, W, padding="same", stride=2)
