"""dxdw.interop.torch compiled, exported and mapped: every way, every kind of convolution.

The long form of test_interop_torch_ways.py: `make test-peers-long`.
"""

import pytest
from torch_ways import COMPILED, KINDS, MAPPED, STACKED, assert_close, compared, stacks

pytestmark = [
    pytest.mark.peers("torch"),
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.slow,
    # PyTorch's own, about itself.
    pytest.mark.filterwarnings("ignore:.*torch.jit.*deprecated"),
    pytest.mark.filterwarnings("ignore:Attempted to insert a get_attr Node:UserWarning"),
    pytest.mark.filterwarnings("ignore:.torch._prims_common.check. is deprecated:FutureWarning"),
]

BACKENDS = ("aot_eager", "inductor")


@pytest.fixture(autouse=True)
def alone():
    """PyTorch's compiler without what it knows of other tests."""
    import torch

    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


@pytest.mark.parametrize(("ndim", "transposed"), KINDS)
@pytest.mark.parametrize("mapped", STACKED)
@pytest.mark.parametrize("way", MAPPED)
def test_mapped(way, mapped, ndim, transposed):
    import torch

    mine, theirs, operands = compared(way, ndim, transposed)
    operands = stacks(operands, mapped)
    mine, theirs = (torch.func.vmap(f, mapped) for f in (mine, theirs))
    assert_close(mine(*operands), theirs(*operands))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("ndim", "transposed"), KINDS)
@pytest.mark.parametrize("way", COMPILED)
def test_compiled(way, ndim, transposed, backend):
    import torch

    mine, theirs, operands = compared(way, ndim, transposed)
    assert_close(torch.compile(mine, backend=backend)(*operands), theirs(*operands))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("ndim", "transposed"), KINDS)
# A hessian torch.compile refuses to map, of PyTorch's own convolution too.
@pytest.mark.parametrize("way", [way for way in MAPPED if way != "hessian"])
def test_mapped_and_compiled(way, ndim, transposed, backend):
    import torch

    if backend == "inductor" and way in {"jacrev of jacfwd", "jacfwd of jacfwd"}:
        # Operands without a tangent are null pointers there. (2.13 and 2.14)
        pytest.skip("PyTorch's programs read what is not there, of its own convolution too")
    mapped = (2, 0, None) if transposed else (0, None, 0)
    mine, theirs, operands = compared(way, ndim, transposed)
    operands = stacks(operands, mapped)
    compiled = torch.compile(torch.func.vmap(mine, mapped), backend=backend)
    assert_close(compiled(*operands), torch.func.vmap(theirs, mapped)(*operands))


@pytest.mark.parametrize(("ndim", "transposed"), KINDS)
@pytest.mark.parametrize("way", MAPPED)
def test_mapped_and_recorded(way, ndim, transposed):
    import torch
    from torch.fx.experimental.proxy_tensor import make_fx

    mapped = (None, 0, 0) if transposed else (1, 2, None)
    mine, theirs, operands = compared(way, ndim, transposed)
    operands = stacks(operands, mapped)
    graph = make_fx(torch.func.vmap(mine, mapped))(*operands)
    assert_close(graph(*operands), torch.func.vmap(theirs, mapped)(*operands))


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize(("ndim", "transposed"), KINDS)
@pytest.mark.parametrize("way", ["forward", "jvp"])
def test_exported(way, ndim, transposed, strict):
    """A program that does without dxdw; of PyTorch's own, too, `torch.export` takes no more."""
    import torch

    mine, theirs, operands = compared(way, ndim, transposed)

    def exported(function):
        class Module(torch.nn.Module):
            def forward(self, *operands):
                return function(*operands)

        return torch.export.export(Module(), operands, strict=strict)

    program = exported(mine)
    assert "dxdw" not in program.graph_module.code
    assert_close(program.module()(*operands), theirs(*operands))
