"""dxdw.interop.torch under every way of PyTorch's to differentiate, map, trace and compile."""

import pytest

pytestmark = [
    pytest.mark.peers("torch"),
    # PyTorch's own, about itself.
    pytest.mark.filterwarnings("ignore:.*torch.jit.*deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Attempted to insert a get_attr Node:UserWarning"),
]

KINDS = [(ndim, transposed) for ndim in (1, 2, 3) for transposed in (False, True)]


class Problem:
    """A convolution with a stride, padding and groups, of small real tensors."""

    def __init__(self, ndim, transposed):
        import torch
        from torch.nn import functional

        from dxdw.interop import torch as bridge

        name = f"conv{'_transpose' if transposed else ''}{ndim}d"
        self.ours, self.theirs = getattr(bridge, name), getattr(functional, name)
        generator = torch.Generator().manual_seed(ndim)
        shapes = (2, 2, *(4, 3, 3)[:ndim]), (2, 2) if transposed else (4, 1), (4,)
        shapes = shapes[0], (*shapes[1], *(2,) * ndim), shapes[2]
        self.operands = tuple(
            torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes
        )
        self.tangents = tuple(torch.cos(3 * a) for a in self.operands)
        self.options = {"stride": 2, "padding": 1, "groups": 2}
        if transposed:
            self.options["output_padding"] = 1

    def network(self, convolve):
        return lambda *operands: convolve(*operands, **self.options).tanh()

    def loss(self, convolve):
        return lambda *operands: self.network(convolve)(*operands).pow(2).sum()


def gradient(function):
    """By eager autograd, of copies."""
    import torch

    def of(*operands):
        leaves = [a.detach().clone().requires_grad_() for a in operands]
        return torch.autograd.grad(function(*leaves), leaves)

    return of


def checkpointed(function):
    from functools import partial

    from torch.utils.checkpoint import checkpoint

    return gradient(partial(checkpoint, function, use_reentrant=False))


def penalised(function):
    """The gradient of a function of gradients."""
    import torch

    def loss(x, W, bias):
        dx, dW = torch.autograd.grad(function(x, W, bias), (x, W), create_graph=True)
        return dx.pow(2).sum() + dW.pow(3).sum() + bias.sum()

    return gradient(loss)


def ways(problem, convolve):
    """Each way, as a function of the operands."""
    import torch
    from torch import func

    network, loss = problem.network(convolve), problem.loss(convolve)
    g = torch.cos(5 * network(*problem.operands).detach())
    of_all = (0, 1, 2)

    def sum_of_squares(*operands):
        return sum(a.pow(2).sum() for a in func.grad(loss, of_all)(*operands))

    return {
        "forward": network,
        "eager": gradient(loss),
        "checkpoint": checkpointed(loss),
        "penalty": penalised(loss),
        "grad": func.grad(loss, of_all),
        "vjp": lambda *a: func.vjp(network, *a)[1](g),
        "jvp": lambda *a: func.jvp(network, a, problem.tangents),
        "linearize": lambda *a: func.linearize(network, *a)[1](*problem.tangents),
        "jacrev": func.jacrev(network, of_all),
        "jacfwd": func.jacfwd(network, of_all),
        "hessian": func.hessian(loss, (0, 1)),
        "grad of grad": func.grad(sum_of_squares, of_all),
        "jacrev of jacrev": func.jacrev(func.jacrev(loss, 1), 0),
        "jacrev of jacfwd": func.jacrev(func.jacfwd(loss, 1), 0),
        "jacfwd of jacfwd": func.jacfwd(func.jacfwd(loss, 1), 0),
    }


EAGER = ("eager", "checkpoint", "penalty")  # autograd's own, which vmap can't map
FIRST = (*EAGER, "forward", "grad", "vjp", "jvp", "linearize", "jacrev", "jacfwd", "hessian")
WAYS = (*FIRST, "grad of grad", "jacrev of jacrev", "jacrev of jacfwd", "jacfwd of jacfwd")
# What PyTorch's vmap has no rule for, and what torch.compile refuses, of its own convolution too.
MAPPED = [way for way in WAYS if way not in (*EAGER, "linearize")]
COMPILED = [way for way in WAYS if way != "penalty"]


def assert_close(mine, theirs):
    import torch

    torch.testing.assert_close(mine, theirs, rtol=1e-9, atol=1e-9)


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
    problem = Problem(ndim, transposed)
    mine, theirs = (ways(problem, f)[way] for f in (problem.ours, problem.theirs))
    assert_close(mine(*problem.operands), theirs(*problem.operands))


@pytest.mark.parametrize(("ndim", "transposed"), KINDS)
@pytest.mark.parametrize("mapped", [(0, None, None), (None, 1, None), (2, 0, 0)])
@pytest.mark.parametrize("way", MAPPED)
def test_mapped(way, mapped, ndim, transposed):
    import torch

    problem = Problem(ndim, transposed)
    operands = [
        a if axis is None else torch.stack([a, 2 * a.roll(1), a - 1]).movedim(0, axis)
        for a, axis in zip(problem.operands, mapped, strict=True)
    ]
    mine, theirs = (
        torch.func.vmap(ways(problem, f)[way], mapped) for f in (problem.ours, problem.theirs)
    )
    assert_close(mine(*operands), theirs(*operands))


@pytest.mark.parametrize(("ndim", "transposed"), KINDS)
@pytest.mark.parametrize("way", WAYS)
def test_recorded_by_make_fx(way, ndim, transposed):
    from torch.fx.experimental.proxy_tensor import make_fx

    problem = Problem(ndim, transposed)
    mine, theirs = (ways(problem, f)[way] for f in (problem.ours, problem.theirs))
    graph = make_fx(mine)(*problem.operands)
    assert "convolution" in graph.code
    assert_close(graph(*problem.operands), theirs(*problem.operands))


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("way", COMPILED)
def test_compiled(way, transposed):
    import torch

    problem = Problem(2, transposed)
    mine, theirs = (ways(problem, f)[way] for f in (problem.ours, problem.theirs))
    compiled = torch.compile(mine, backend="aot_eager")
    assert_close(compiled(*problem.operands), theirs(*problem.operands))


@pytest.mark.slow
@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("way", COMPILED)
def test_compiled_by_inductor(way, transposed):
    import torch

    problem = Problem(2, transposed)
    mine, theirs = (ways(problem, f)[way] for f in (problem.ours, problem.theirs))
    assert_close(torch.compile(mine)(*problem.operands), theirs(*problem.operands))


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("way", ["forward", "eager"])
@pytest.mark.parametrize(("ndim", "transposed"), KINDS)
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
