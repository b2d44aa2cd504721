"""Convolutions as sums of shifted matrix products, in any library that has the array API.

Write a kernel's taps as (u, v): u along the rows (the first spatial axis), v along all the others.
A tile of the source is *lowered* along v only, to L[(v, c), (row, n, column)], which takes as many
copies as there are v, not u·v of them as im2col does. A tap row u is then no copy at all but a
window of L, its rows u, u + 1, …:

    out[o]      = Σ_u W_u[o, (v, c)] @ L[(v, c), window u]      forward, and each stride phase of dx
    dW_u[v, c]  = Σ_tiles L[(v, c), window u] @ grad_out[o]ᵀ

With few destination channels it is cheaper to multiply first and shift afterwards:

    T[(u, v, d)] = W[(u, v, d), s] @ source[s];   destination[d], shifted by (u, v), += T[(u, v, d)]

Tiles hold the scratch memory to a budget and keep L in the cache.

After Chellapilla, Puri & Simard 2006 (im2col) and Cho & Brand 2017 (lowering along one axis).
"""

from functools import lru_cache
from math import prod

from ..core.arrays import Array, all_finite, device_of, namespace
from ..core.geometry import ConvGeometry
from ..core.problem import Problem, direct_bound
from . import tuning
from .gather import Shape, gather, gather_tile
from .scatter import Reach, scatter, scatter_bytes, scatter_tile
from .weight_gradient import gradient_bytes, gradient_tile, weight_gradient

METHOD = "shifted matrix products over tiles"

error_bound = direct_bound


def declines(_: Problem) -> str | None:
    return None


def run(problem: Problem, first: Array, second: Array) -> Array:
    passes = {"forward": _forward, "dx": _dx, "dW": weight_gradient}
    return passes[problem.kind](first, second, problem.geometry, tile_bytes(problem))


def _forward(x: Array, W: Array, geometry: ConvGeometry, tile_bytes: int) -> Array:
    weights = _grouped_weights(W, geometry)
    # A scatter has no product for a padding zero, which shows only where W is not finite.
    if scatter_pays(geometry, "forward") and (not _padded(geometry) or all_finite(W)):
        reaches = [Reach(tap, inputs, outs) for tap, outs, inputs in geometry.tap_reaches()]
        out = _new(x, geometry.out_shape, geometry.groups, zeros=True)
        out = scatter(x, weights, reaches, out, tile_bytes)
    else:
        out = _new(x, geometry.out_shape, geometry.groups, zeros=False)
        out = gather(x, weights, geometry.forward_gathers, out, tile_bytes)
    return namespace(out).reshape(out, geometry.out_shape)


def _dx(grad_out: Array, W: Array, geometry: ConvGeometry, tile_bytes: int) -> Array:
    xp = namespace(grad_out)
    weights = _grouped_weights(W, geometry)
    weights = xp.permute_dims(weights, (0, 2, 1, *range(3, weights.ndim)))
    out = _new(grad_out, geometry.x_shape, geometry.groups, zeros=True)
    # A gather multiplies W by zeros beyond the edge of grad_out, where the definition has no
    # product: that shows only where W is not finite. (None: under jax.jit nobody can look.)
    if scatter_pays(geometry, "dx") or not all_finite(W):
        reaches = [Reach(*reach) for reach in geometry.tap_reaches()]
        out = scatter(grad_out, weights, reaches, out, tile_bytes)
    else:
        for phase in geometry.dx_phases:
            out = gather(grad_out, weights, phase, out, tile_bytes)
    return xp.reshape(out, geometry.x_shape)


@lru_cache(maxsize=1024)
def scatter_pays(geometry: ConvGeometry, kind: str) -> bool:
    """Whether multiplying first and adding every tap's products is estimated to cost less."""
    G = geometry.groups
    S, D = geometry.channels_in // G, geometry.channels_out // G
    if kind == "dx":
        S, D = D, S
        sizes, phases = geometry.out_shape[2:], geometry.dx_phases
    elif any(a.stride > 1 for a in geometry.axes):
        return False  # most products would be for outputs that do not exist
    else:
        sizes, phases = geometry.x_shape[2:], (geometry.forward_gathers,)
    products = prod(a.taps for a in geometry.axes) * D
    positions = geometry.batch * G * prod(sizes)
    scattered = (
        positions
        * products
        * (S * tuning.matrix_product(products, S) + tuning.add_in_place(sizes[-1]))
    )
    return scattered < sum(Shape(geometry.batch, G, S, D, phase, 1).cost for phase in phases)


def _padded(geometry: ConvGeometry) -> bool:
    return any(a.before or a.after for a in geometry.axes)


# --- scratch memory -------------------------------------------------------------------------------


def tile_bytes(problem: Problem) -> int:
    """What a tile may take: the default, or what max_workspace leaves beside the fixed parts."""
    default = tuning.TILE_BYTES if problem.library == "numpy" else tuning.TILE_BYTES_ELSEWHERE
    if problem.how.max_workspace is None:
        return default
    return max(1, min(default, problem.how.max_workspace - problem.held - _fixed_bytes(problem)))


def workspace(problem: Problem) -> int:
    """Bytes of scratch memory at the peak."""
    return _peak(problem, tile_bytes(problem))


def least_workspace(problem: Problem) -> int:
    """The same, with the smallest tiles there can be."""
    return _peak(problem, 1)


@lru_cache(maxsize=1024)
def _peak(problem: Problem, tile_bytes: int) -> int:
    geometry, itemsize = problem.geometry, problem.itemsize
    G = geometry.groups
    S, D = geometry.channels_in // G, geometry.channels_out // G
    if problem.kind == "dW":
        own = gradient_tile(geometry, itemsize, tile_bytes)
        return _fixed_bytes(problem) + gradient_bytes(geometry, itemsize, *own)
    if problem.kind == "dx":
        S, D = D, S
        sizes, phases = geometry.out_shape[2:], geometry.dx_phases
    else:
        sizes, phases = geometry.x_shape[2:], (geometry.forward_gathers,)
    # A dx whose W is not finite is scattered whatever pays, and a padded forward gathered, so that
    # is counted for every one.
    peak = 0
    scattered = scatter_pays(geometry, problem.kind)
    if problem.kind == "dx" or scattered:
        products = prod(a.taps for a in geometry.axes) * D
        sizes = (G, geometry.batch, *sizes)
        tile = scatter_tile(sizes, S, products, itemsize, tile_bytes)
        peak = scatter_bytes(S, products, itemsize, *tile)
    if not scattered or (problem.kind == "forward" and _padded(geometry)):
        for phase in phases:
            if all(g.taps for g in phase):
                shape = Shape(geometry.batch, G, S, D, phase, itemsize)
                part = next(shape.dense_phases())
                peak = max(peak, part.tile_bytes(*gather_tile(part, tile_bytes)))
    return _fixed_bytes(problem) + peak


def _fixed_bytes(problem: Problem) -> int:
    """Bytes beside the tiles: W in the order of its products, or the partial sums of dW."""
    geometry = problem.geometry
    weights = geometry.sizes[1] * problem.itemsize
    if problem.kind != "dW":
        return 2 * weights
    positions = geometry.batch * prod(geometry.out_shape[2:])
    return (2 + positions.bit_length()) * weights


def _grouped_weights(W: Array, geometry: ConvGeometry) -> Array:
    """W as (groups, channels_out/groups, channels_in/groups, *taps)."""
    channels_out, *rest = geometry.W_shape
    shape = (geometry.groups, channels_out // geometry.groups, *rest)
    return namespace(W).reshape(W, shape)


def _new(like: Array, shape: tuple[int, ...], groups: int, *, zeros: bool) -> Array:
    xp = namespace(like)
    batch, channels, *sizes = shape
    make = xp.zeros if zeros else xp.empty
    shape = (batch, groups, channels // groups, *sizes)
    return make(shape, dtype=like.dtype, device=device_of(like))
