"""accelerate and restore: whole models of PyTorch, before, within and after."""

import copy
import io

import pytest
from calls import refused

from dxdw.engines import native_library

pytestmark = pytest.mark.peers("torch")


def model(dtype="float64"):
    """All six kinds of convolutions, and a padding that is not of zeros."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.Conv2d(16, 16, 3, padding="same", padding_mode="reflect", bias=False),
        nn.Conv2d(16, 16, 5, stride=2, padding=2, groups=4),
        nn.ConvTranspose2d(16, 4, 2, stride=2),
        nn.Flatten(2),
        nn.Conv1d(4, 4, 3),
        nn.ConvTranspose1d(4, 4, 3),
        nn.Unflatten(2, (1, 8, 8)),
        nn.Conv3d(4, 4, (1, 3, 3)),
        nn.ConvTranspose3d(4, 2, (1, 3, 3)),
    ).to(getattr(torch, dtype))


def batch(dtype="float64"):
    import torch

    return torch.randn(
        (2, 3, 8, 8), generator=torch.Generator().manual_seed(1), dtype=getattr(torch, dtype)
    )


def bridge():
    from dxdw.interop import torch

    return torch


def test_outputs_and_gradients_are_the_same():
    import torch

    plain, fast, x = model(), bridge().accelerate(model()), batch()
    out, expected = fast(x), plain(x)
    torch.testing.assert_close(out, expected)
    out.pow(2).sum().backward()
    expected.pow(2).sum().backward()
    for mine, theirs in zip(fast.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, theirs.grad)


def test_its_kernels_are_called(monkeypatch):
    from dxdw.interop.torch import kernels

    kinds = []
    original = kernels._runner
    monkeypatch.setattr(kernels, "_runner", lambda *a: (kinds.append(a[0]), original(*a))[1])
    bridge().accelerate(model())(batch()).sum().backward()
    assert kinds.count("forward") == 5 + 3  # the dx of a transposed one is a forward
    assert kinds.count("dx") >= 3


def test_state_parameters_hooks_and_types_stay():
    import torch
    from torch import nn

    plain = model()
    before = dict(plain.named_parameters())
    state = {name: v.clone() for name, v in plain.state_dict().items()}
    seen = []
    plain[3].register_forward_hook(lambda *_: seen.append("forward"))
    plain[3].register_full_backward_hook(lambda *_: seen.append("backward"))
    fast = bridge().accelerate(plain)
    assert fast is plain
    assert dict(fast.named_parameters()) == before
    assert list(fast.state_dict()) == list(state)
    assert all(torch.equal(v, state[name]) for name, v in fast.state_dict().items())
    assert type(fast[0]) is nn.Conv2d
    fast(batch()).sum().backward()
    assert seen == ["forward", "backward"]
    fast.load_state_dict(state)


def test_restore_is_the_way_back_and_both_may_come_twice():
    plain, fast = model(), model()
    for _ in range(2):
        bridge().accelerate(fast)
    assert {"_conv_forward", "forward"} & vars(fast[0]).keys()
    for _ in range(2):
        bridge().restore(fast)
    assert [type(m) for m in fast.modules()] == [type(m) for m in plain.modules()]
    assert fast[0].__dict__.keys() == plain[0].__dict__.keys()


def test_copied_and_pickled():
    import torch

    fast, x = bridge().accelerate(model()).eval(), batch()
    file = io.BytesIO()
    torch.save(fast, file)
    file.seek(0)
    for other in (copy.deepcopy(fast), torch.load(file, weights_only=False)):
        assert vars(other[0])["_conv_forward"].module is other[0]
        assert other[0].weight is not fast[0].weight
        assert torch.equal(other(x), fast(x))


@pytest.mark.parametrize("kind", ["Conv2d", "ConvTranspose2d"])
def test_a_shallow_copy_computes_with_its_own_options_and_weights(kind):
    import torch
    from torch import nn

    layer = bridge().accelerate(getattr(nn, kind)(4, 4, 3).double())
    x = torch.randn((2, 4, 8, 8), dtype=torch.float64)
    by_hand = type(layer).__new__(type(layer))
    by_hand.__dict__ = vars(layer).copy()
    for other in (copy.copy(layer), bridge().accelerate(copy.copy(layer))):
        other.padding, other.stride = (1, 1), (2, 2)
        scaled = {name: 2 * p.detach() for name, p in layer._parameters.items()}
        other._parameters = {name: nn.Parameter(p) for name, p in scaled.items()}
        plain = bridge().restore(copy.deepcopy(other))
        torch.testing.assert_close(other(x), plain(x))
        assert other(x).shape != layer(x).shape
    part = {"Conv2d": "_conv_forward", "ConvTranspose2d": "forward"}[kind]
    assert part not in vars(copy.copy(layer))
    for other in (copy.copy(layer), by_hand):
        assert vars(bridge().accelerate(other))[part].module is other
    assert vars(layer)[part].module is layer


def test_a_class_that_comes_after_computes_in_its_own_way():
    import torch
    from torch import nn

    class Convolution(nn.Conv2d):
        def _conv_forward(self, *_):
            return "its own"

    class Transposed(nn.ConvTranspose2d):
        def forward(self, *_):
            return "its own"

    for own, kind in ((Convolution, nn.Conv2d), (Transposed, nn.ConvTranspose2d)):
        layer = bridge().accelerate(kind(1, 1, 1))
        layer.__class__ = own
        assert layer(torch.ones(1, 1, 1, 1)) == "its own"


def test_what_is_no_model_is_refused():
    from torch import nn

    from dxdw.interop.torch import accelerate, restore

    rule = "it must be an instance of torch.nn.Module, as nn.Conv2d(1, 8, 3) is"
    others = {"a function": lambda x: x, "the class Conv2d": nn.Conv2d, "a NoneType": None}
    for change in (accelerate, restore):
        for kind, model in others.items():
            page = refused(TypeError, f"model is {kind}: {rule}", change, model)
            assert page == "docs/howto/pytorch.md"


def test_subclasses_are_left_alone():
    from torch import nn

    class Own(nn.Conv2d):
        def forward(self, x):
            return x

    own = Own(1, 1, 1)
    before = set(vars(own))
    bridge().accelerate(nn.Sequential(own))
    assert set(vars(own)) == before


def test_one_module_and_the_size_of_a_transposed_output():
    import torch
    from torch import nn

    plain = nn.ConvTranspose2d(2, 3, 3, stride=2, padding=1).double()
    x = torch.ones((1, 2, 4, 4), dtype=torch.float64)
    expected = plain(x, output_size=(8, 8))
    assert torch.equal(bridge().accelerate(plain)(x, output_size=(8, 8)), expected)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float64"])
def test_an_empty_output_of_a_transposed_one_is_as_in_pytorch(dtype):
    import torch
    from torch import nn

    layer = nn.ConvTranspose2d(1, 1, 2, 2, 2).to(getattr(torch, dtype))
    x = torch.ones((2, 1, 2, 2), dtype=layer.weight.dtype)
    try:
        expected = layer(x)
    except RuntimeError:  # of float64, in PyTorch 2.13
        with pytest.raises(ValueError, match=r"padding is .* at least 1 must stay"):
            bridge().accelerate(layer)(x)
    else:
        assert bridge().accelerate(layer)(x).shape == expected.shape == (2, 1, 0, 0)


def test_where_it_pays():
    import torch

    from dxdw.interop.torch import kernels, modules

    def pays(x_shape, W_shape, stride=1, padding=1, groups=1, dtype=torch.float32):
        return modules.pays(
            kernels.convolution(2, x_shape, W_shape, stride, padding, 1, groups), dtype
        )

    assert pays((4, 64, 56, 56), (64, 64, 3, 3))
    assert pays((4, 512, 7, 7), (512, 512, 3, 3))  # Winograd
    assert pays((4, 3, 224, 224), (64, 3, 7, 7), 2, 3)
    assert pays((4, 64, 28, 28), (64, 1, 3, 3), groups=64)
    deep = ((4, 256, 14, 14), (512, 256, 3, 3), 2)
    # Where the processor multiplies blocks of bfloat16, they compute it 1.3 to 1.7 times as fast.
    assert pays(*deep) == (native_library.isa() == "amx")
    assert pays(*deep, dtype=torch.float64)
    small = ((1, 16, 9, 9), (16, 16, 3, 3), 2)  # too little for blocks
    assert not pays(*small)
    assert pays(*small, dtype=torch.float64)


@pytest.mark.usefixtures("without_kernels")
def test_it_does_not_pay_without_compiled_kernels():
    import torch

    from dxdw.interop.torch import kernels, modules

    modules.pays.cache_clear()
    try:
        case = kernels.convolution(2, (4, 64, 56, 56), (64, 64, 3, 3), 1, 1, 1, 1)
        assert not modules.pays(case, torch.float32)
    finally:
        modules.pays.cache_clear()


def test_where_it_does_not_pay_pytorch_computes(monkeypatch):
    import torch
    from torch import nn

    from dxdw.interop.torch import functional

    layer = bridge().accelerate(nn.Conv2d(16, 16, 3, stride=2))
    monkeypatch.setattr(functional, "differentiable", None)  # calling it would fail
    assert layer(torch.ones((1, 16, 9, 9))).shape == (1, 16, 4, 4)


def test_compiled_model_in_one_graph():
    import torch

    plain, x = model(), batch()
    fast = bridge().accelerate(copy.deepcopy(plain))
    compiled = torch.compile(fast, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(compiled(x), plain(x))


@pytest.mark.parametrize("name", ["lenet5", "resnet20"])
def test_training_gives_the_same_losses(name):
    """Ten steps of a network of the benchmark, in float64: the same curve within rounding."""
    import torch
    from torch.nn.functional import cross_entropy

    from dxdw.benchmark.networks import NETWORKS

    network = NETWORKS[name]
    curves = []
    for accelerated in (False, True):
        torch.manual_seed(0)
        net = network.make().double()
        if accelerated:
            bridge().accelerate(net)
        x = torch.randn((4, *network.x_shape[1:]), dtype=torch.float64)
        target = torch.randint(network.classes, (4,))
        optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
        curve = []
        for _ in range(10):
            optimizer.zero_grad()
            loss = cross_entropy(net(x), target)
            loss.backward()
            optimizer.step()
            curve.append(loss.item())
        curves.append(curve)
    assert curves[0] == pytest.approx(curves[1], rel=1e-9)
    assert curves[0][-1] < curves[0][0]
