"""Lowering a tile of the source: the copies that turn a gather into matrix products."""

from collections.abc import Iterator, Sequence
from itertools import product
from math import prod
from typing import NamedTuple

from ..geometry import Gather
from .libraries import Array, namespace, put
from .scratch import Scratch
from .tiles import Tile


class Rows(NamedTuple):
    """The rows of the source that a tile needs from one residue of the row step."""

    residue: int
    first: int  # grid position of the first of them
    height: int
    taps: list[tuple[int, int]]  # (index into the gather's taps, row of L where its window begins)


def rows_for(gather: Gather, first: int, last: int) -> Iterator[Rows]:
    for residue, taps in gather.residues().items():
        shifts = [shift for _, shift in taps]
        start = first + shifts[0]
        count = last - first + shifts[-1] - shifts[0]
        yield Rows(residue, start, count, [(t, s - shifts[0]) for t, s in taps])


def lower(
    source: Array,
    gathers: Sequence[Gather],
    tile: Tile,
    rows: Rows,
    scratch: Scratch,
    *,
    rows_first: bool,
) -> Array:
    """Copies the tile's source, once for every tap v along the other axes; zeros beyond its edge.

    source: (N, groups, channels, *sizes). Returns (groups, V, channels, rows, N, *extents), or with
    rows_first (groups, rows, V, channels, N, *extents).
    """
    xp = namespace(source)
    row_gather, *others = gathers
    block = source[tile.where[:2]]
    images, groups, channels = block.shape[:3]
    extents = tile.extents[1:]
    taps = list(product(*(g.offsets for g in others)))
    if rows_first:
        shape = (groups, rows.height, len(taps), channels, images, *extents)
        block = xp.permute_dims(block, (1, 3, 2, 0, *range(4, block.ndim)))
    else:
        shape = (groups, len(taps), channels, rows.height, images, *extents)
        block = xp.permute_dims(block, (1, 2, 3, 0, *range(4, block.ndim)))

    step = row_gather.step
    grid = (row_gather.source - rows.residue + step - 1) // step  # rows of this residue
    lead = max(0, -rows.first)
    held = max(lead, min(rows.height, grid - rows.first))
    low = (rows.first + lead) * step + rows.residue
    row_target = slice(lead, held)
    row_source = slice(low, low + (held - lead) * step, step)

    reaches = [
        [g.within(o, *span) for g, o, span in zip(others, offsets, tile.spans[1:], strict=True)]
        for offsets in taps
    ]
    covered = held - lead == rows.height and all(
        target.stop - target.start == extent
        for reach in reaches
        for (target, _), extent in zip(reach, extents, strict=True)
    )
    L = scratch.empty(shape)
    if not covered:
        L = put(L, ..., 0)
    every = slice(None)
    for v, reach in enumerate(reaches):
        target_columns = tuple(target for target, _ in reach)
        source_columns = tuple(where for _, where in reach)
        if rows_first:
            target = (every, row_target, v, every, every, *target_columns)
            where = (every, row_source, every, every, *source_columns)
        else:
            target = (every, v, every, row_target, every, *target_columns)
            where = (every, every, row_source, every, *source_columns)
        L = put(L, target, block[where])
    return L


def lower_whole(source: Array, gathers: Sequence[Gather], tile: Tile, scratch: Scratch) -> Array:
    """As `lower`, but once for every tap along all axes, image by image: im2col of one tile.

    Returns (N, groups, channels·taps, positions): a view of the source where that is the same.
    """
    xp = namespace(source)
    block = source[tile.where[:2]]
    images, groups, channels = block.shape[:3]
    reaches = [
        [g.within(o, *span) for g, o, span in zip(gathers, offsets, tile.spans, strict=True)]
        for offsets in product(*(g.offsets for g in gathers))
    ]
    covered = all(
        target.stop - target.start == extent
        for reach in reaches
        for (target, _), extent in zip(reach, tile.extents, strict=True)
    )
    if covered and len(reaches) == 1:
        L = block[(..., *(where for _, where in reaches[0]))]
    else:
        L = scratch.empty((images, groups, channels, len(reaches), *tile.extents))
        if not covered:
            L = put(L, ..., 0)
        every = slice(None)
        for t, reach in enumerate(reaches):
            place = (every, every, every, t, *(target for target, _ in reach))
            L = put(L, place, block[(..., *(where for _, where in reach))])
    return xp.reshape(L, (images, groups, channels * len(reaches), prod(tile.extents)))


def split_channels(a: Array, groups: int) -> Array:
    batch, channels, *sizes = a.shape
    return namespace(a).reshape(a, (batch, groups, channels // groups, *sizes))
