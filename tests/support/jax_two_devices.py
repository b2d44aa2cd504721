"""A program of the tests: dxdw's convolution for JAX on two CPU devices, beside XLA's own.

Starts with XLA_FLAGS=--xla_force_host_platform_device_count=2, which JAX reads once for a process.
"""

import jax
import numpy as np
from jax import lax
from jax import numpy as jnp
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from dxdw.interop.jax import conv2d

jax.config.update("jax_enable_x64", val=True)
assert jax.device_count() == 2

mesh = jax.make_mesh((2,), ("images",), axis_types=(AxisType.Auto,))
APART, ALIKE = PartitionSpec("images"), PartitionSpec()
rng = np.random.default_rng(0)
x, tx = (jnp.asarray(rng.standard_normal((4, 4, 6, 5))) for _ in range(2))
W, tW = (jnp.asarray(rng.standard_normal((6, 2, 3, 2))) for _ in range(2))


def ours(x, W):
    return jnp.tanh(conv2d(x, W, 1, 2, groups=2))


def theirs(x, W):
    out = lax.conv_general_dilated(x, W, (2, 2), [(1, 1)] * 2, feature_group_count=2)
    return jnp.tanh(out)


def shared_out(function, specs=(APART, ALIKE), to=APART):
    """The function of each device's part."""
    return jax.jit(jax.shard_map(function, mesh=mesh, in_specs=specs, out_specs=to))


def loss(function):
    return lambda x, W: (function(x, W) ** 2).sum()


def summed(function):
    """dW of all devices' images, as in training."""

    def part(x, W):
        return jax.grad(lambda W: lax.psum(loss(function)(x, W), "images"))(W)

    return shared_out(part, to=ALIKE)(x, W)


def kernels_apart(function):
    """Images that are the same on both devices, and a kernel for each."""
    specs = ALIKE, APART
    return shared_out(lambda x, W: function(x, W[0]), specs)(x, jnp.stack([W, tW]))


def placed(function):
    """Arrays that lie on both devices, shared out by the compiler."""
    arrays = [jax.device_put(a, NamedSharding(mesh, how)) for a, how in ((x, APART), (W, ALIKE))]
    return jax.jit(jax.value_and_grad(loss(function), (0, 1)))(*arrays)


def typed(function):
    """Arrays of whose types it is a part where they lie, as in JAX's meshes by default."""
    explicit = jax.make_mesh((2,), ("images",), axis_types=(AxisType.Explicit,))
    arrays = [
        jax.device_put(a, NamedSharding(explicit, how)) for a, how in ((x, APART), (W, ALIKE))
    ]
    gradients = jax.grad(loss(function), (0, 1))
    with jax.set_mesh(explicit):
        results = function(*arrays), *gradients(*arrays), *jax.jit(gradients)(*arrays)
    lie = [jax.typeof(a).sharding.spec[0] for a in results]
    assert lie == ["images", "images", None, "images", None]
    return results


WAYS = {
    "forward": lambda f: shared_out(f)(x, W),
    "gradients outside": lambda f: jax.grad(loss(shared_out(f)), (0, 1))(x, W),
    "gradients inside": summed,
    "forward mode": lambda f: jax.jvp(shared_out(f), (x, W), (tx, tW)),
    "linearize": lambda f: jax.linearize(shared_out(f), x, W)[1](tx, tW),
    "checkpoint": lambda f: jax.grad(loss(shared_out(jax.checkpoint(f))), (0, 1))(x, W),
    "forward over reverse": lambda f: jax.jvp(
        jax.grad(loss(shared_out(f)), (0, 1)), (x, W), (tx, tW)
    ),
    "mapped": lambda f: jax.vmap(shared_out(f), (0, None))(jnp.stack([x, tx]), W),
    "mapped inside": lambda f: shared_out(jax.vmap(f, (None, 0)), to=PartitionSpec(None, "images"))(
        x, jnp.stack([W, tW])
    ),
    "kernels apart": kernels_apart,
    "placed": placed,
    "typed": typed,
    "pmap": lambda f: jax.pmap(f, in_axes=(0, None))(x.reshape(2, 2, *x.shape[1:]), W),
}

for name, way in WAYS.items():
    for mine, wanted in zip(jax.tree.leaves(way(ours)), jax.tree.leaves(way(theirs)), strict=True):
        assert mine.shape == wanted.shape, name
        np.testing.assert_allclose(mine, wanted, rtol=1e-9, atol=1e-9, err_msg=name)
        assert np.asarray(mine).any(), name
print(len(WAYS), "ways")
