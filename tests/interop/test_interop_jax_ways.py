"""dxdw.interop.jax under every way of JAX's to differentiate, map and trace, beside XLA's own."""

import os
import subprocess
import sys
from itertools import cycle

import numpy as np
import pytest
from calls import ROOT

pytestmark = pytest.mark.peers("jax")


@pytest.fixture(autouse=True)
def double_precision():
    import jax

    jax.config.update("jax_enable_x64", val=True)  # else there is no float64


class Problem:
    """A convolution with a stride, padding and groups, of small real arrays."""

    def __init__(self, ndim):
        from jax import numpy as jnp

        self.ndim = ndim
        rng = np.random.default_rng(ndim)
        shapes = (2, 4, *(5, 4, 3)[:ndim]), (4, 2, *(2, 2, 2)[:ndim])
        self.operands, self.tangents = (
            tuple(jnp.asarray(rng.standard_normal(s)) for s in shapes) for _ in range(2)
        )

    def ours(self, x, W):
        from jax import numpy as jnp

        from dxdw.interop import jax as bridge

        return jnp.tanh(getattr(bridge, f"conv{self.ndim}d")(x, W, 1, 2, groups=2))

    def theirs(self, x, W):
        from jax import lax
        from jax import numpy as jnp

        options = (2,) * self.ndim, [(1, 1)] * self.ndim
        return jnp.tanh(lax.conv_general_dilated(x, W, *options, feature_group_count=2))


def loss(function):
    return lambda x, W: (function(x, W) ** 2).sum()


def looped(function):
    """A sum over steps of a loop that JAX differentiates."""
    from jax import lax
    from jax import numpy as jnp

    def total(x, W):
        steps = jnp.stack([x, 2 * x])
        return lax.scan(lambda c, x: (c + loss(function)(x, W), None), 0.0, steps)[0]

    return total


def penalised(function):
    """The gradient of a function of gradients, twice."""
    import jax

    def once(inner):
        return lambda x, W: (jax.grad(inner, 1)(x, W) ** 2).sum()

    return once(once(loss(function)))


def ways(tangents):
    """Each way, of a function, as a function of the operands."""
    import jax

    both = (0, 1)

    def linear(f, *operands):
        return jax.linearize(f, *operands)[1]

    return {
        "grad": lambda f: jax.grad(loss(f), both),
        "vjp": lambda f: lambda x, W: jax.vjp(f, x, W)[1](2 * f(x, W)),
        "jvp": lambda f: lambda x, W: jax.jvp(f, (x, W), tangents),
        "linearize": lambda f: lambda x, W: linear(f, x, W)(*tangents),
        "linear_transpose": lambda f: (
            lambda x, W: jax.linear_transpose(linear(f, x, W), x, W)(f(x, W))
        ),
        "checkpoint": lambda f: jax.grad(loss(jax.checkpoint(f)), both),
        "checkpoint, forward over reverse": lambda f: (
            lambda x, W: jax.jvp(jax.grad(jax.checkpoint(loss(f)), both), (x, W), tangents)
        ),
        "jacfwd": lambda f: jax.jacfwd(f, both),
        "jacrev": lambda f: jax.jacrev(f, both),
        "hessian": lambda f: jax.hessian(loss(f), both),
        "jacrev of jacfwd": lambda f: jax.jacrev(jax.jacfwd(loss(f), 1), 0),
        "jacfwd of jacfwd": lambda f: jax.jacfwd(jax.jacfwd(loss(f), 1), 0),
        "penalty": lambda f: jax.grad(penalised(f)),
        "scan": lambda f: jax.grad(looped(f), both),
    }


WAYS = (
    "grad",
    "vjp",
    "jvp",
    "linearize",
    "linear_transpose",
    "checkpoint",
    "checkpoint, forward over reverse",
    "jacfwd",
    "jacrev",
    "hessian",
    "jacrev of jacfwd",
    "jacfwd of jacfwd",
    "penalty",
    "scan",
)
STACKS = (0, None), (None, 1), (2, 0)


def assert_close(mine, theirs):
    import jax

    for a, b in zip(jax.tree.leaves(mine), jax.tree.leaves(theirs), strict=True):
        assert a.shape == b.shape
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9 * np.abs(b).max())
        assert np.asarray(a).any()


@pytest.mark.parametrize(("way", "ndim"), list(zip(WAYS, cycle([1, 2, 3]))))
def test_as_xlas(way, ndim):
    import jax

    problem = Problem(ndim)
    of = ways(problem.tangents)[way]
    mine, theirs = (jax.jit(of(f))(*problem.operands) for f in (problem.ours, problem.theirs))
    assert_close(mine, theirs)


@pytest.mark.parametrize(("way", "mapped"), list(zip(WAYS, cycle(STACKS))))
def test_mapped(way, mapped):
    import jax
    from jax import numpy as jnp

    problem = Problem(1)
    of = ways(problem.tangents)[way]
    operands = [
        a if axis is None else jnp.moveaxis(jnp.stack([a, 2 * a, a - 1]), 0, axis)
        for a, axis in zip(problem.operands, mapped, strict=True)
    ]
    mine, theirs = (
        jax.jit(jax.vmap(of(f), mapped))(*operands) for f in (problem.ours, problem.theirs)
    )
    assert_close(mine, theirs)


def test_on_two_devices():
    """shard_map and its kin, in a process of its own: how many devices there are is said once."""
    flags = "--xla_force_host_platform_device_count=2"
    program = [
        sys.executable,
        "-W",
        "error",
        str(ROOT / "tests" / "support" / "jax_two_devices.py"),
    ]
    environment = os.environ | {"XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        program, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "13 ways\n"


UNFINISHED = """
import jax
from dxdw.interop.jax import conv2d
x, W = jax.numpy.ones((4, 64, 64, 64)), jax.numpy.ones((64, 64, 3, 3))
results = [conv2d(conv2d(x + i, W), W) for i in range(4)]
"""


def test_a_program_ends_while_results_are_computed():
    """JAX ends its devices with the interpreter's lock, for which the calls waited for ever."""
    subprocess.run([sys.executable, "-c", UNFINISHED], check=True, timeout=60)
