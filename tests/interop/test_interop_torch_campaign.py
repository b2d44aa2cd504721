"""dxdw.interop.torch and PyTorch's own, at random: options and layouts, orders and transforms."""

import random

import pytest

pytestmark = [
    pytest.mark.peers("torch"),
    pytest.mark.usefixtures("one_thread"),
    # PyTorch's own, about itself.
    pytest.mark.filterwarnings("ignore:.*torch.jit.*deprecated"),
]

CASES, LONG = 400, 10_000


def sizes(rng, ndim, transposed):
    """Shapes and options that PyTorch takes."""
    groups = rng.choice((1, 1, 2, 3))
    inside, outside = groups * rng.randint(1, 2), groups * rng.randint(1, 2)
    taps, options = [], {"stride": [], "padding": [], "dilation": []}
    along, extra = [], []
    for _ in range(ndim):
        k, s, d = rng.randint(1, 3), rng.randint(1, 3), rng.randint(1, 3)
        span = (k - 1) * d + 1
        p = rng.randint(0, 2)
        n = rng.randint(1, 6)
        if transposed:
            extra.append(rng.randint(0, max(s, d) - 1))
            p = min(p, ((n - 1) * s + span + extra[-1] - 1) // 2)
        else:
            n = max(n, span - 2 * p)
        taps.append(k)
        along.append(n)
        for name, value in (("stride", s), ("padding", p), ("dilation", d)):
            options[name].append(value)
    channels = (inside, outside // groups) if transposed else (outside, inside // groups)
    options = {name: tuple(v) for name, v in options.items()} | {"groups": groups}
    if transposed:
        options["output_padding"] = tuple(extra)
    return (rng.randint(1, 3), inside, *along), (*channels, *taps), (outside,), options


def laid_out(rng, a):
    """The same values, in memory in another way."""
    import torch

    how = rng.choice(("plain", "plain", "strided", "turned", "part", "negative"))
    if how == "strided":
        return a.repeat_interleave(2, -1)[..., ::2]
    if how == "turned":
        return a.transpose(0, -1).contiguous().transpose(0, -1)
    if how == "part":
        return torch.cat([a.flatten(), a.flatten()])[a.numel() :].view(a.shape)
    return torch._neg_view(-a) if how == "negative" else a


def computed(convolve, operands, tangents, mapped, order):
    """Values and derivatives: of first or second order, mapped or forward."""
    import torch

    def loss(*operands):
        return convolve(*operands).tanh().pow(2).sum()

    if order == "jvp":
        return torch.func.jvp(convolve, operands, tangents)
    if order == "vmap":
        stacks = [
            a if at is None else torch.stack([a, a * 2]).movedim(0, at)
            for a, at in zip(operands, mapped, strict=True)
        ]
        gradient = torch.func.grad(loss, (0, 1, 2))
        return torch.func.vmap(gradient, mapped)(*stacks)
    leaves = [a.detach().requires_grad_() for a in operands]
    out = convolve(*leaves)
    first = torch.autograd.grad(out.tanh().pow(2).sum(), leaves, create_graph=order == "second")
    if order == "first":
        return out, *first
    return out, *first, *torch.autograd.grad(sum(a.pow(2).sum() for a in first), leaves)


def run(seed):
    import torch
    from torch.nn import functional

    from dxdw.interop import torch as bridge

    rng = random.Random(seed)  # noqa: S311  # to draw cases
    ndim, transposed = rng.randint(1, 3), rng.random() < 0.5
    *shapes, options = sizes(rng, ndim, transposed)
    generator = torch.Generator().manual_seed(seed)
    operands, tangents = (
        tuple(torch.randn(s, generator=generator, dtype=torch.float64) for s in shapes)
        for _ in range(2)
    )
    operands = tuple(laid_out(rng, a) for a in operands)
    mapped = tuple(rng.choice((None, 0, a.ndim)) for a in operands)
    mapped = mapped if any(at is not None for at in mapped) else (0, None, None)
    order = rng.choice(("first", "second", "jvp", "vmap"))
    name = f"conv{'_transpose' if transposed else ''}{ndim}d"

    def of(module):
        def convolve(x, W, bias):
            return getattr(module, name)(x, W, bias, **options)

        return computed(convolve, operands, tangents, mapped, order)

    mine, theirs = of(bridge), of(functional)
    torch.testing.assert_close(
        mine, theirs, rtol=1e-9, atol=1e-9, msg=lambda m: f"case {seed}, {order} of {name}: {m}"
    )


@pytest.mark.parametrize("part", range(4))
def test_random_cases(part):
    for seed in range(part, CASES, 4):
        run(seed)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(10))
def test_many_random_cases(part):
    for seed in range(CASES + part, CASES + LONG, 10):
        run(seed)
