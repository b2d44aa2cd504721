"""Multiply first, shift afterwards: each tap's products added where they belong."""

from collections.abc import Sequence
from functools import lru_cache, partial
from math import prod
from typing import NamedTuple

import numpy as np

from ..core.arrays import Array, add_at, element_size, matmul, namespace
from .lowering import split_channels
from .scratch import Scratch
from .tiles import tile_shape, tiles


class Reach(NamedTuple):
    """For one tap, where in the source its products come from and where they go."""

    tap: tuple[int, ...]
    source: tuple[slice, ...]
    destination: tuple[slice, ...]


def scatter(
    source: Array, weights: Array, reaches: Sequence[Reach], out: Array, tile_bytes: int
) -> Array:
    """out (N, G, D, *sizes) plus the products of source (N, G·S, *sizes), each where it belongs.

    weights: (G, D, S, *taps). Only products that exist are made use of.
    """
    xp = namespace(source)
    G, D, S, *taps = weights.shape
    source = split_channels(source, G)
    sizes = (G, source.shape[0], *source.shape[3:])
    T = prod(taps)
    # In dx this is a view, W as it is transposed: BLAS takes it so.
    weights = xp.permute_dims(xp.reshape(weights, (G, D, S, T)), (0, 1, 3, 2))
    weights = xp.reshape(weights, (G, D * T, S))
    shape = scatter_tile(sizes, S, T * D, element_size(source.dtype), tile_bytes)
    numbered = [(int(np.ravel_multi_index(reach.tap, taps)), reach) for reach in reaches]
    every = slice(None)
    with Scratch(source, scatter_bytes(S, T * D, element_size(source.dtype), *shape)) as scratch:
        for tile in tiles(sizes, shape):
            scratch.clear()
            where = tile.where
            block = source[where]
            images, groups = block.shape[:2]
            block = xp.reshape(block, (images, groups, S, prod(tile.extents)))
            products = scratch.empty((images, groups, D * T, prod(tile.extents)))
            products = matmul(weights[slice(*tile.groups), ...], block, products)
            products = xp.reshape(products, (images, groups, D, T, *tile.extents))
            for t, reach in numbered:
                cut = [
                    _intersect(s, d, span)
                    for s, d, span in zip(reach.source, reach.destination, tile.spans, strict=True)
                ]
                if all(s.stop > s.start for s, _ in cut):
                    term = products[(every, every, every, t, *(s for s, _ in cut))]
                    out = add_at(out, (*where[:3], *(d for _, d in cut)), term)
    return out


@lru_cache(maxsize=1024)
def scatter_tile(
    sizes: tuple[int, ...], S: int, products: int, itemsize: int, tile_bytes: int
) -> tuple[int, ...]:
    """The (groups, images, *extents) of a tile whose source and products fit."""
    return tile_shape(sizes, partial(scatter_bytes, S, products, itemsize), tile_bytes)


def scatter_bytes(
    S: int, products: int, itemsize: int, groups: int, images: int, *extents: int
) -> int:
    """Bytes of a tile: the source, where it must be copied, and its products."""
    return itemsize * groups * (products + S) * images * prod(extents)


def _intersect(source: slice, destination: slice, span: tuple[int, int]) -> tuple[slice, slice]:
    """The part of a reach whose source lies in span (counted from its start), and its place."""
    first, last = span
    step_s, step_d = source.step or 1, destination.step or 1
    skip = max(0, -((source.start - first) // step_s))
    count = (source.stop - source.start - 1) // step_s + 1
    end = min(count, (last - 1 - source.start) // step_s + 1)
    if end <= skip:
        return slice(0, 0), slice(0, 0)
    low = source.start + skip * step_s - first
    to = destination.start + skip * step_d
    return (
        slice(low, low + (end - skip - 1) * step_s + 1, step_s),
        slice(to, to + (end - skip - 1) * step_d + 1, step_d),
    )
