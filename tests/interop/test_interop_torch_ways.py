"""dxdw.interop.torch under every way of PyTorch's to differentiate, map, trace and compile.

The long form, with every kind of convolution in all of them, is test_interop_torch_matrix.py.
"""

from functools import partial

import pytest
from torch_ways import (
    COMPILED,
    KINDS,
    MAPPED,
    STACKED,
    WAYS,
    Problem,
    assert_close,
    compared,
    stacks,
    ways,
)

pytestmark = [
    pytest.mark.peers("torch"),
    pytest.mark.usefixtures("one_thread"),
    # PyTorch's own, about itself.
    pytest.mark.filterwarnings("ignore:.*torch.jit.*deprecated"),
    pytest.mark.filterwarnings("ignore:Attempted to insert a get_attr Node:UserWarning"),
]

# Each mapping for each way and for each kind, if not all three at once: the long form has those.
MAPPINGS = [
    (way, *kind, STACKED[(i + j) % len(STACKED)])
    for i, way in enumerate(MAPPED)
    for j, kind in enumerate(KINDS)
]
# A kind for each way, and all six kinds.
SPREAD = [(way, *KINDS[i % len(KINDS)]) for i, way in enumerate(COMPILED)]


@pytest.fixture
def alone():
    """PyTorch's compiler without what it knows of other tests."""
    import torch

    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


@pytest.mark.parametrize(("ndim", "transposed"), KINDS)
@pytest.mark.parametrize("way", WAYS)
def test_as_pytorchs(way, ndim, transposed):
    mine, theirs, operands = compared(way, ndim, transposed)
    assert_close(mine(*operands), theirs(*operands))


@pytest.mark.parametrize(("way", "ndim", "transposed", "mapped"), MAPPINGS)
def test_mapped(way, ndim, transposed, mapped):
    import torch

    mine, theirs, operands = compared(way, ndim, transposed)
    operands = stacks(operands, mapped)
    mine, theirs = (torch.func.vmap(f, mapped) for f in (mine, theirs))
    assert_close(mine(*operands), theirs(*operands))


@pytest.mark.parametrize(("ndim", "transposed"), KINDS)
@pytest.mark.parametrize("way", WAYS)
def test_recorded_by_make_fx(way, ndim, transposed):
    from torch.fx.experimental.proxy_tensor import make_fx

    mine, theirs, operands = compared(way, ndim, transposed)
    graph = make_fx(mine)(*operands)
    assert "convolution" in graph.code
    assert_close(graph(*operands), theirs(*operands))


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize(("way", "ndim", "transposed"), SPREAD)
def test_compiled(way, ndim, transposed):
    import torch

    mine, theirs, operands = compared(way, ndim, transposed)
    assert_close(torch.compile(mine, backend="aot_eager")(*operands), theirs(*operands))


@pytest.mark.usefixtures("alone")
@pytest.mark.filterwarnings("ignore:.torch._prims_common.check. is deprecated:FutureWarning")
@pytest.mark.parametrize(
    ("way", "ndim", "transposed"), [("eager", 2, False), ("jvp", 1, True), ("jacrev", 3, False)]
)
def test_compiled_by_inductor(way, ndim, transposed):
    import torch

    mine, theirs, operands = compared(way, ndim, transposed)
    assert_close(torch.compile(mine)(*operands), theirs(*operands))


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize(
    ("ndim", "transposed", "way"),
    # Of three dimensions it takes half a minute to simplify what is known of the symbols.
    [
        pytest.param(*kind, way, marks=[pytest.mark.slow] * (kind[0] == 3 and way == "eager"))
        for kind in KINDS
        for way in ("forward", "eager")
    ],
)
def test_compiled_of_sizes_that_are_symbols(ndim, transposed, way):
    """Which the operator computes: the same program for more than one size."""
    import torch

    problem = Problem(ndim, transposed)
    mine, theirs = (ways(problem, f)[way] for f in (problem.ours, problem.theirs))
    compiled = torch.compile(mine, backend="aot_eager", dynamic=True)
    for _ in range(2):
        assert_close(compiled(*problem.operands), theirs(*problem.operands))
        problem.operands = (torch.cat([problem.operands[0]] * 2, -1), *problem.operands[1:])


@pytest.mark.parametrize(("ndim", "transposed"), KINDS)
def test_an_exported_program_does_without_dxdw(ndim, transposed):
    import torch

    problem = Problem(ndim, transposed)

    class Module(torch.nn.Module):
        def forward(self, *operands):
            return problem.network(problem.ours)(*operands)

    program = torch.export.export(Module(), problem.operands)
    assert "dxdw" not in program.graph_module.code
    expected = problem.network(problem.theirs)(*problem.operands)
    assert_close(program.module()(*problem.operands), expected)


@pytest.mark.usefixtures("alone")
# Of PyTorch's, about itself.
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning")
def test_a_backward_pass_that_is_compiled_by_itself():
    """Of a graph that was recorded by the operator."""
    import torch
    from torch._dynamo import compiled_autograd

    problem = Problem(2, transposed=False)

    def gradients(convolve):
        leaves = [a.detach().clone().requires_grad_() for a in problem.operands]
        with torch.autograd.forward_ad.dual_level():
            loss = problem.loss(convolve)(*leaves)
        with compiled_autograd._enable(partial(torch.compile, backend="eager")):
            loss.backward()
        return [a.grad for a in leaves]

    assert_close(gradients(problem.ours), gradients(problem.theirs))


@pytest.mark.usefixtures("alone")
def test_compiled_convolutions_are_dxdws(monkeypatch):
    import torch

    from dxdw.interop.torch import kernels

    kinds = []
    original = kernels._runner
    monkeypatch.setattr(kernels, "_runner", lambda *a: (kinds.append(a[0]), original(*a))[1])
    problem = Problem(2, transposed=False)
    leaves = [a.requires_grad_() for a in problem.operands]
    loss = torch.compile(problem.loss(problem.ours), backend="aot_eager", fullgraph=True)
    torch.autograd.grad(loss(*leaves), leaves)
    assert sorted(kinds) == ["dW", "dx", "forward"]


# What docs/howto/pytorch.md says; linearize has both compute, one the point, one what is linear.
PYTORCHS = {"jvp", "jacfwd", "hessian", "jacrev of jacfwd", "jacfwd of jacfwd"}


@pytest.mark.parametrize("way", [way for way in WAYS if way != "linearize"])
def test_who_computes(way, monkeypatch):
    import torch

    from dxdw.interop.torch import kernels

    kinds = []
    for name in ("_runner", "_runner_of_both"):
        original = getattr(kernels, name)
        monkeypatch.setattr(
            kernels, name, lambda *a, original=original: (kinds.append(a[0]), original(*a))[1]
        )
    mine, _, operands = compared(way, 2, transposed=False)
    kinds.clear()
    with torch.profiler.profile() as profile:
        mine(*operands)
    theirs = any("aten::convolution" in event.key for event in profile.key_averages())
    assert (bool(kinds), theirs) == ((False, True) if way in PYTORCHS else (True, False))


def test_transforms_are_dxdws(monkeypatch):
    import torch

    from dxdw.interop.torch import kernels

    kinds = []
    original = kernels._runner
    monkeypatch.setattr(kernels, "_runner", lambda *a: (kinds.append(a[0]), original(*a))[1])
    problem = Problem(2, transposed=False)
    hessian = torch.func.jacrev(torch.func.jacrev(problem.loss(problem.ours), (0, 1)), (0, 1))
    hessian(*problem.operands)
    assert {"dW", "dx", "forward"} == set(kinds)


def test_forward_over_reverse_without_a_recorded_backward():
    """A tangent that reaches backward while no graph of it is recorded."""
    import torch
    from torch.autograd import forward_ad

    problem = Problem(2, transposed=False)

    def tangent(convolve):
        leaves = [a.detach().clone().requires_grad_() for a in problem.operands]
        with forward_ad.dual_level():
            out = problem.network(convolve)(*leaves)
            g = forward_ad.make_dual(torch.ones_like(out), torch.cos(out.detach()))
            gradients = torch.autograd.grad(out, leaves, g)
            return [forward_ad.unpack_dual(a).tangent for a in gradients]

    assert_close(tangent(problem.ours), tangent(problem.theirs))


@pytest.mark.parametrize("vectorize", [False, True])
@pytest.mark.parametrize("strategy", ["reverse-mode", "forward-mode"])
def test_jacobians_by_the_older_vmap(strategy, vectorize):
    import torch

    if strategy == "forward-mode" and not vectorize:
        pytest.skip("PyTorch has no such combination")
    problem = Problem(1, transposed=True)
    options = {"stride": 2, "output_padding": 2, "dilation": 3}  # more of it than the stride

    def jacobian(convolve):
        def function(x, W):
            return convolve(x, W, **options).tanh()

        operands = problem.operands[:2]
        return torch.autograd.functional.jacobian(
            function, operands, vectorize=vectorize, strategy=strategy
        )

    assert_close(jacobian(problem.ours), jacobian(problem.theirs))


def test_map_over_nothing():
    import torch

    W = torch.ones((1, 1, 2))
    problem = Problem(1, transposed=False)
    mapped = torch.func.vmap(lambda x: problem.ours(x, W))
    assert mapped(torch.ones((0, 1, 1, 3))).shape == (0, 1, 1, 2)
