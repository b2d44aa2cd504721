"""accelerate: whatever takes models apart finds in them what it knows, and computes the same."""

import copy
import io
from functools import partial

import pytest
from calls import refused

pytestmark = [
    pytest.mark.peers("torch"),
    # PyTorch's own, about itself.
    pytest.mark.filterwarnings("ignore:.*torch.jit.*deprecated"),
    pytest.mark.filterwarnings("ignore:.*torch.ao.quantization is deprecated"),
    pytest.mark.filterwarnings("ignore:Please use quant_min and quant_max:UserWarning"),
    pytest.mark.filterwarnings("ignore:must run observer before calling:UserWarning"),
    pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor, torch.quantize:UserWarning"),
    pytest.mark.filterwarnings("ignore:Using `torch.compile.module.` when there are global hooks"),
    pytest.mark.filterwarnings("ignore:Lazy modules are a new feature:UserWarning"),
]


def model():
    import torch
    from torch import nn

    torch.manual_seed(0)
    layers = nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.ConvTranspose2d(8, 2, 2)
    return nn.Sequential(*layers).eval()


def batch():
    import torch

    return torch.randn((2, 3, 9, 9), generator=torch.Generator().manual_seed(1))


def accelerate(model):
    from dxdw.interop import torch as bridge

    return bridge.accelerate(model)


@pytest.fixture
def computed(monkeypatch):
    """The passes that dxdw's kernels computed."""
    from dxdw.interop.torch import kernels

    kinds = []
    original = kernels._runner
    monkeypatch.setattr(kernels, "_runner", lambda *a: (kinds.append(a[0]), original(*a))[1])
    return kinds


def assert_same(out):
    import torch

    torch.testing.assert_close(out, model()(batch()))


def traced(fast):
    import torch

    return torch.jit.trace(fast, (batch(),))


def exported(fast, strict):
    import torch

    return torch.export.export(fast, (batch(),), strict=strict).module()


def recorded(fast):
    import torch

    return torch.fx.symbolic_trace(fast)


def fused(fast):
    import torch

    return torch.ao.quantization.fuse_modules(fast, [["0", "1", "2"]])


def averaged(fast):
    import torch

    average = torch.optim.swa_utils.AveragedModel(fast)
    average.update_parameters(fast)
    return average


def saved(fast):
    import torch

    file = io.BytesIO()
    torch.save(fast, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


TOOLS = {
    "traced": (traced, False),
    "exported": (partial(exported, strict=False), False),
    "exported strictly": (partial(exported, strict=True), False),
    "symbolically traced": (recorded, True),
    "fused": (fused, True),
    "averaged": (averaged, True),
    "copied": (copy.deepcopy, True),
    "saved": (saved, True),
}


@pytest.mark.parametrize("name", TOOLS)
def test_made_into_another_model(name, computed):
    """The results are the same, and dxdw's where the modules are still those of the model."""
    tool, ours = TOOLS[name]
    other = tool(accelerate(model()))
    computed.clear()
    assert_same(other(batch()))
    assert bool(computed) is ours


def test_scripting_is_refused_by_the_name_of_the_way_back():
    import torch

    from dxdw.interop.torch import restore

    fast = accelerate(model())
    with pytest.raises(RuntimeError, match=r"restore\(model\) first") as caught:
        torch.jit.script(fast)
    assert "docs/howto/pytorch.md" in caught.value.__notes__[0]
    assert_same(torch.jit.script(restore(fast))(batch()))


@pytest.mark.peers("onnx", "onnxscript")
@pytest.mark.parametrize("dynamo", [False, True])
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_onnx(dynamo):
    import onnx
    import torch

    file = io.BytesIO()
    if dynamo:
        program = torch.onnx.export(accelerate(model()), (batch(),), dynamo=True, verbose=False)
        kinds = [node.op_type for node in program.model.graph]
    else:
        torch.onnx.export(accelerate(model()), (batch(),), file, dynamo=False)
        kinds = [node.op_type for node in onnx.load_from_string(file.getvalue()).graph.node]
    assert kinds == ["Conv", "Relu", "ConvTranspose"]


@pytest.mark.parametrize("training", [False, True])
def test_quantized(training):
    import torch
    from torch import nn
    from torch.ao import quantization

    layers = quantization.QuantStub(), nn.Conv2d(3, 8, 3), nn.ReLU(), quantization.DeQuantStub()
    torch.manual_seed(0)
    fast = accelerate(nn.Sequential(*layers)).train(training)
    expected = fast(batch()).detach()
    if training:
        fast.qconfig = quantization.get_default_qat_qconfig("x86")
        fast = quantization.prepare_qat(fast)
        fast(batch()).sum().backward()
        fast.eval()
    else:
        fast.qconfig = quantization.get_default_qconfig("x86")
        fast = quantization.prepare(fast)
        fast(batch())
    quantized = quantization.convert(fast)
    assert "quantized" in type(quantized[1]).__module__
    assert (quantized(batch()) - expected).abs().max() < 0.1


def test_lazy_modules_are_accelerated_when_they_know_their_shape(computed):
    import torch
    from torch import nn

    lazy = accelerate(nn.Sequential(nn.LazyConv2d(8, 3), nn.LazyConvTranspose2d(2, 2)))
    out = lazy(batch())
    assert [type(m) for m in lazy] == [nn.Conv2d, nn.ConvTranspose2d]
    computed.clear()
    torch.testing.assert_close(lazy(batch()), out)
    assert computed == ["forward", "dx"]


@pytest.mark.parametrize("before", [False, True])
def test_parametrized(before, computed):
    import torch
    from torch.nn.utils.parametrizations import weight_norm

    fast = model()
    for change in (accelerate, lambda m: weight_norm(m[0]))[:: -1 if before else 1]:
        change(fast)
    with torch.no_grad():
        fast[0].parametrizations.weight.original0.mul_(2)
    out = fast(batch())
    assert computed == ["forward", "dx"]
    from dxdw.interop.torch import restore

    torch.testing.assert_close(restore(fast)(batch()), out)


def test_parameters_of_a_call_and_of_an_ensemble():
    import torch
    from torch.func import functional_call, stack_module_state, vmap

    models = [accelerate(model()) for _ in range(3)]
    parameters, buffers = stack_module_state(models)
    parameters = {
        name: v * torch.arange(1.0, 4).view(-1, *[1] * (v.ndim - 1))
        for name, v in parameters.items()
    }

    x, plain = batch(), model()

    def call(one, p, b):
        return functional_call(one, (p, b), (x,))

    mine = vmap(partial(call, models[0]))(parameters, buffers)
    torch.testing.assert_close(mine, vmap(partial(call, plain))(parameters, buffers))


def test_flops_are_counted():
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    def flops(network):
        with FlopCounterMode(display=False) as counter:
            network(batch()).sum().backward()
        return counter.get_total_flops()

    expected = flops(model())
    assert flops(accelerate(model())) == expected
    compiled = torch.compile(accelerate(model()), backend="aot_eager")
    compiled(batch())
    assert flops(compiled) == expected
    torch.compiler.reset()  # what ran while counted is not compiled again before


def test_profiled():
    import torch

    with torch.profiler.profile() as profile:
        accelerate(model())(batch()).sum().backward()
    names = {event.key for event in profile.key_averages()}
    assert {"ConvolutionPass", "ConvolutionPassBackward"} <= names


@pytest.fixture
def alone(tmp_path):
    """A group of one process."""
    from torch import distributed

    distributed.init_process_group(
        "gloo", init_method=f"file://{tmp_path / 'group'}", rank=0, world_size=1
    )
    yield
    distributed.destroy_process_group()


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("wrapper", ["data parallel", "sharded"])
def test_distributed(wrapper, computed):
    import torch

    plain, fast = model(), accelerate(model())
    first = fast[0]
    if wrapper == "data parallel":
        fast = torch.nn.parallel.DistributedDataParallel(fast)
    else:
        mesh = torch.distributed.init_device_mesh("cpu", (1,))
        torch.distributed.fsdp.fully_shard(fast, mesh=mesh)
    for network in (plain, fast):
        network(batch()).sum().backward()
    found = first.weight.grad
    found = found if wrapper == "data parallel" else found.full_tensor()
    torch.testing.assert_close(found, plain[0].weight.grad, rtol=1e-3, atol=1e-3)
    assert {"forward", "dx", "dW"} == set(computed)


def test_a_replica_computes_with_its_own_parameters():
    import torch
    from torch.nn import functional

    layer = accelerate(model())[3]
    replica = layer._replicate_for_data_parallel()
    replica.weight, replica.bias = 2 * layer.weight, None
    x = batch().repeat(1, 3, 1, 1)[:, :8]
    expected = functional.conv_transpose2d(x, 2 * layer.weight)
    torch.testing.assert_close(replica(x), expected)


def test_what_somebody_else_has_replaced_is_left_alone():
    fast = model()
    fast[0].forward = own = type(fast[0]).forward.__get__(fast[0])
    accelerate(fast)
    assert fast[0].forward is own
    assert "_conv_forward" not in vars(fast[0])


def test_a_model_prints_as_it_did():
    assert repr(accelerate(model())) == repr(model())


def test_no_model_is_still_refused():
    rule = "it must be an instance of torch.nn.Module, as nn.Conv2d(1, 8, 3) is"
    refused(TypeError, f"model is a int: {rule}", accelerate, 3)
