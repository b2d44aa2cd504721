"""`accelerate` with an example: whoever was faster computes, and nothing else changes."""

import copy
import pickle
import weakref

import numpy as np
import pytest
from later import Later

torch = Later("torch")
bridge = Later("dxdw.interop.torch")
timing, ways = Later("dxdw.interop.torch.timing"), Later("dxdw.interop.torch.ways")
pytestmark = pytest.mark.peers("torch")


def network():
    torch.manual_seed(1)
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3, padding=1),
        torch.nn.BatchNorm2d(8),
        torch.nn.Dropout(0.5),
        torch.nn.Conv2d(8, 8, 3, stride=2, padding=1, groups=2),
        torch.nn.ConvTranspose2d(8, 4, 3, stride=2, padding=1, output_padding=1),
    )


def example(last=False):
    x = torch.randn(2, 3, 12, 10, generator=torch.Generator().manual_seed(2))
    return x.contiguous(memory_format=torch.channels_last) if last else x


def decided(monkeypatch, faster):
    """As if the clock had said so, of every setting."""
    of = {True: (1.0, 2.0), False: (2.0, 1.0)}
    times = timing.Times(of[faster.forward], of[faster.backward])
    clock = "dxdw.interop.torch.timing._timed"
    monkeypatch.setattr(clock, lambda calls: dict.fromkeys(calls, times))


def gradients(model, x):
    model.zero_grad()
    torch.manual_seed(3)
    model(x).square().sum().backward()
    return [p.grad.clone() for p in model.parameters()]


def test_the_example_changes_nothing_but_who_computes():
    model = network()
    state = copy.deepcopy(model.state_dict())
    random = torch.random.get_rng_state()
    assert bridge.accelerate(model, example()) is model
    assert all(torch.equal(model.state_dict()[name], value) for name, value in state.items())
    assert torch.equal(torch.random.get_rng_state(), random)
    assert all(p.grad is None for p in model.parameters())
    assert model.training


def test_what_was_found_out_is_told_of_each_convolution():
    model = bridge.accelerate(network(), example())
    told = bridge.choices(model)
    assert [choice.module for choice in told] == ["0", "3", "4"]
    assert "2×3×12×10 by 8×3×3×3, float32: forward" in str(told)
    for choice in told:
        assert all(0 < seconds < 60 for pair in choice.times if pair for seconds in pair)
    assert str(bridge.choices(bridge.accelerate(network()))) == (
        "nothing was timed: every call is decided by its shapes and dtype"
    )
    assert bridge.choices(bridge.restore(model)) == ()
    with pytest.raises(TypeError, match="model is a int: it must be an instance"):
        bridge.choices(3)


@pytest.mark.parametrize("forward", [True, False])
@pytest.mark.parametrize("backward", [True, False])
@pytest.mark.parametrize("last", [True, False])
def test_whoever_was_faster_computes(monkeypatch, forward, backward, last):
    from dxdw.interop.torch import kernels, pytorch_passes

    decided(monkeypatch, ways.Ways(forward, backward))
    plain, x = network().double(), example(last).double()
    wanted = gradients(plain, x)
    model = bridge.accelerate(network().double(), x)
    ours, theirs = [], []
    for name in ("run", "run_both"):
        original = getattr(kernels, name)
        monkeypatch.setattr(
            kernels, name, lambda *a, f=original: (ours.append(torch.is_grad_enabled()), f(*a))[1]
        )
    original = pytorch_passes.gradients
    monkeypatch.setattr(pytorch_passes, "gradients", lambda *a: (theirs.append(1), original(*a))[1])
    found = gradients(model, x)
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-10)
    assert bool(ours) == (forward or backward)
    # Where both are PyTorch's, it is its own function that has its own derivative.
    assert len(theirs) == (3 if forward and not backward else 0)


def test_other_shapes_layouts_and_threads_are_decided_by_shapes(monkeypatch):
    decided(monkeypatch, ways.Ways(False, False))
    model = bridge.accelerate(torch.nn.Conv2d(4, 4, 3, padding=1), torch.ones(2, 4, 9, 9))
    part = model.__dict__["_conv_forward"]
    case = bridge.choices(model)[0].setting.case
    assert part.where("forward", case, torch.ones(2, 4, 9, 9), model.weight, None) == (0, 0)
    last = torch.ones(2, 4, 9, 9).contiguous(memory_format=torch.channels_last)
    by_shapes = bridge.accelerate(torch.nn.Conv2d(4, 4, 3)).__dict__["_conv_forward"]
    assert by_shapes.where("forward", case, last, model.weight, None) == (1, 1)
    assert part.where("forward", case, last, model.weight, None) == (1, 1)
    assert part.where("forward", case, last.double(), model.weight.double(), None) == (1, 1)
    threads = torch.get_num_threads()
    torch.set_num_threads(threads + 1)
    try:
        assert part.where("forward", case, torch.ones(2, 4, 9, 9), model.weight, None) == (1, 1)
    finally:
        torch.set_num_threads(threads)


def test_times_go_with_copies_and_count_on_their_own_processor(monkeypatch):
    decided(monkeypatch, ways.Ways(False, False))
    model = bridge.accelerate(network(), (example(),))
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):  # noqa: S301
        assert str(bridge.choices(other)) == str(bridge.choices(model))
        part = other[0].__dict__["_conv_forward"]
        assert part.module is other[0]
        (setting,) = part.measured.times
        call = ("forward", setting.case, example(), other[0].weight, None)
        assert part.where(*call) == ways.Ways(False, False)
        monkeypatch.setattr(timing.this_cpu, "name", lambda: "another processor")
        assert part.where(*call) == ways.Ways(True, True)
        monkeypatch.undo()
        decided(monkeypatch, ways.Ways(False, False))


def test_examples_of_more_arguments_and_names():
    class Two(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = torch.nn.Conv2d(1, 2, 3), torch.nn.Conv1d(1, 2, 3)

        def forward(self, image, sound):
            return self.first(image).sum() + self.second(sound).sum()

    given = {"image": torch.ones(1, 1, 5, 5), "sound": torch.ones(1, 1, 7)}
    for each in (given, tuple(given.values())):
        told = bridge.choices(bridge.accelerate(Two(), each))
        assert [choice.module for choice in told] == ["first", "second"]


def test_a_model_that_fails_is_accelerated_by_shapes():
    model = network()
    with pytest.raises(ValueError, match="W has shape"):
        bridge.accelerate(model, torch.ones(2, 5, 12, 10))
    assert bridge.choices(model) == ()
    assert model(example()).shape == (2, 4, 12, 10)
    assert model[0].__dict__["_conv_forward"].seen is None


def test_without_gradients_only_the_forward_pass_is_timed():
    with torch.no_grad():
        model = bridge.accelerate(network().requires_grad_(False), example())
    assert all(choice.times.backward is None for choice in bridge.choices(model))
    assert "backward not timed" in str(bridge.choices(model))


def test_a_tie_stays_with_pytorch():
    assert timing.Times((1.0, 1.02), (1.0, 1.04)).ways == (False, True)
    assert timing.Times((1.0, 1.02), None).ways == (False, False)


def own(forward, **buffers):
    """A convolution with whatever `forward` does beside it, and the buffers that it wants."""

    class Own(torch.nn.Module):
        def forward(self, x):
            return forward(self, x)

    model = Own()
    model.convolution = torch.nn.Conv2d(4, 4, 3)
    for name, value in buffers.items():
        model.register_buffer(name, value)
    return model


IMAGES = (2, 4, 8, 8)


def lent(model, x):
    """The memory of what is convolved is given back, as sharded parameters are."""
    twice = 2 * x
    out = model.convolution(twice)
    twice.untyped_storage().resize_(0)
    return out


def mapped(model, x):
    return torch.func.vmap(model.convolution)(x[:, None])


@pytest.mark.parametrize("forward", [lent, mapped])
def test_calls_whose_operands_do_not_stay_are_not_timed(forward):
    model = bridge.accelerate(own(forward), torch.ones(IMAGES))
    assert bridge.choices(model) == ()
    assert model(torch.ones(IMAGES)).shape[-2:] == (6, 6)


@pytest.mark.filterwarnings("ignore:Lazy modules are a new feature:UserWarning")
def test_lazy_normalization_is_made_by_the_example():
    model = torch.nn.Sequential(torch.nn.LazyConv2d(4, 3), torch.nn.LazyBatchNorm2d())
    assert len(bridge.choices(bridge.accelerate(model, torch.ones(IMAGES)))) == 1
    assert type(model[1]) is torch.nn.BatchNorm2d


def test_a_model_that_was_made_in_inference_mode():
    with torch.inference_mode():
        layers = torch.nn.Conv2d(4, 4, 3), torch.nn.BatchNorm2d(4)
        model = torch.nn.Sequential(*layers).eval()
    with torch.no_grad():
        bridge.accelerate(model, torch.ones(IMAGES))
    with torch.inference_mode():  # in which its statistics change
        bridge.accelerate(model.train(), torch.ones(IMAGES))
    assert torch.equal(model[1].running_mean, torch.zeros(4))
    assert len(bridge.choices(model)) == 1


def changes(model, x):
    model.replaced, model.nothing = model.replaced + 1, torch.ones(2)
    model.numbers.add_(1)
    out = model.convolution(x)
    out.sum().backward()
    with torch.no_grad():
        model.convolution.weight.mul_(2)
    model.convolution.bias.data = 3 * model.convolution.bias.data
    return out


@pytest.mark.parametrize("with_gradients", [False, True])
def test_whatever_the_example_changes_is_put_back(with_gradients):
    numbers = torch.tensor([1.0, float("nan")])
    model = own(changes, replaced=torch.zeros(()), nothing=None, numbers=numbers)
    model.register_buffer("expanded", numbers[:1].expand(3))
    if with_gradients:
        model.convolution(torch.ones(IMAGES)).sum().backward()
    tensors = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    values = {name: a.detach().clone() for name, a in tensors.items()}
    gradients = {name: p.grad for name, p in model.named_parameters()}
    summed = {name: g.clone() for name, g in gradients.items() if g is not None}
    bridge.accelerate(model, torch.ones(IMAGES))
    assert model.nothing is None
    found = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    assert all(found[name] is a for name, a in tensors.items())
    for name, value in values.items():
        torch.testing.assert_close(found[name].detach(), value, rtol=0, atol=0, equal_nan=True)
    assert all(p.grad is gradients[name] for name, p in model.named_parameters())
    assert all(torch.equal(gradients[name], g) for name, g in summed.items())
    assert bool(summed) == with_gradients


def test_a_graph_that_waits_for_its_backward_pass_still_can():
    model = torch.nn.Sequential(torch.nn.Conv2d(4, 4, 3), torch.nn.BatchNorm2d(4)).eval()
    waiting = model(torch.ones(IMAGES)).sum()
    bridge.accelerate(model, torch.ones(IMAGES))
    waiting.backward()
    assert model[0].weight.grad is not None


@pytest.mark.filterwarnings("ignore")  # what PyTorch says of quantized and nested ones
@pytest.mark.parametrize("kind", ["sparse", "meta", "integers", "complex", "quantized", "nested"])
def test_buffers_of_every_kind(kind):
    make = {
        "sparse": lambda: torch.eye(2).to_sparse(),
        "meta": lambda: torch.ones(2, device="meta"),
        "integers": lambda: torch.arange(2),
        "complex": lambda: torch.ones(2, dtype=torch.complex64),
        "quantized": lambda: torch.quantize_per_tensor(torch.ones(2), 0.5, 0, torch.qint8),
        "nested": lambda: torch.nested.nested_tensor([torch.ones(2), torch.ones(3)]),
    }

    def forward(model, x):
        model.kept.fill_(0) if model.kept.is_quantized else model.kept.zero_()
        return model.convolution(x)

    model = own(forward, kept=make[kind]())
    bridge.accelerate(model, torch.ones(IMAGES))
    assert len(bridge.choices(model)) == 1
    if kind != "meta":
        plain = {
            "sparse": lambda a: a.to_dense(),
            "quantized": lambda a: a.dequantize(),
            "nested": lambda a: a.to_padded_tensor(0),
        }.get(kind, lambda a: a)
        assert torch.equal(plain(model.kept), plain(make[kind]()))


def test_of_calls_that_are_alike_one_keeps_its_operands():
    """A model that calls a layer a thousand times has no thousand images in memory for that."""
    images, alive = [], []

    def forward(model, x):
        for _ in range(20):
            x = torch.nn.functional.pad(model.convolution(x), (1, 1, 1, 1))
            images.append(weakref.ref(x))
            alive.append(sum(image() is not None for image in images))
        return x

    model = own(forward)
    with torch.no_grad():
        bridge.accelerate(model, torch.ones(IMAGES))
    assert len(bridge.choices(model)) == 1
    assert max(alive) <= 2


def test_under_autocast_16_bit_floats_are_timed():
    with torch.autocast("cpu", dtype=torch.bfloat16):
        model = bridge.accelerate(torch.nn.Conv2d(3, 4, 3), torch.ones(1, 3, 8, 8))
    assert bridge.choices(model)[0].setting.dtype is torch.bfloat16


def test_gradients_of_gradients_stay_right_in_every_way(monkeypatch):
    for faster in (ways.Ways(True, False), ways.Ways(False, True)):
        decided(monkeypatch, faster)
        model = bridge.accelerate(
            torch.nn.Conv2d(2, 3, 3, padding=1).double(), torch.ones(1, 2, 5, 5).double()
        )
        x = torch.randn(1, 2, 5, 5, dtype=torch.float64, requires_grad=True)
        assert torch.autograd.gradgradcheck(model, x)


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
def test_padding_that_pytorch_copies_for_is_decided_by_shapes():
    model = bridge.accelerate(torch.nn.Conv2d(2, 3, 2, padding="same"), torch.ones(1, 2, 5, 5))
    assert bridge.choices(model) == ()
