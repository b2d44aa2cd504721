"""Every way of PyTorch's to differentiate and transform, of a convolution that is whoever's."""

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
# Which of the operands vmap maps, and along which axis.
STACKED = [(0, None, None), (None, 1, None), (2, 0, 0)]


def compared(way, ndim, transposed):
    """The way with dxdw's convolution and with PyTorch's, and operands for both."""
    problem = Problem(ndim, transposed)
    mine, theirs = (ways(problem, f)[way] for f in (problem.ours, problem.theirs))
    return mine, theirs, problem.operands


def stacks(operands, mapped):
    """Three of each operand that is mapped, along that axis."""
    import torch

    return [
        a if axis is None else torch.stack([a, 2 * a.roll(1), a - 1]).movedim(0, axis)
        for a, axis in zip(operands, mapped, strict=True)
    ]


def assert_close(mine, theirs):
    import torch

    torch.testing.assert_close(mine, theirs, rtol=1e-9, atol=1e-9)
