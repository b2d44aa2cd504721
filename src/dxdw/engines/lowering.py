"""Lowering a tile of the source: the copies that turn a gather into matrix products."""

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise, product
from math import prod
from typing import NamedTuple

from ..core.arrays import Array, namespace, put
from ..core.geometry import Gather, meeting
from .scratch import Scratch
from .tiles import Tile


class Rows(NamedTuple):
    """The rows of the source, of one residue of the row step, that a tile needs for some taps."""

    residue: int
    first: int  # grid position of the first of them
    height: int
    taps: tuple[tuple[int, int], ...]  # (index into the gather's taps, its window's first row of L)


@lru_cache(maxsize=1024)
def rows_for(gather: Gather, first: int, last: int) -> tuple[Rows, ...]:
    found: list[Rows] = []
    for residue, taps in gather.residues().items():
        # Taps whose windows neither overlap nor touch need no row between them.
        breaks = [i for i in range(1, len(taps)) if taps[i][1] - taps[i - 1][1] > last - first]
        for begin, end in pairwise([0, *breaks, len(taps)]):
            low, high = taps[begin][1], taps[end - 1][1]
            windows = tuple((t, shift - low) for t, shift in taps[begin:end])
            found.append(Rows(residue, first + low, last - first + high - low, windows))
    return tuple(found)


class Read(NamedTuple):
    """Along one axis, what a tile reads: destination q at position (first + q)·step + offset."""

    offsets: Sequence[int]
    step: int
    size: int  # of the source
    first: int
    extent: int

    @property
    def low(self) -> int:
        return self.first * self.step + self.offsets[0]

    @property
    def high(self) -> int:
        return (self.first + self.extent - 1) * self.step + self.offsets[-1] + 1


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
    row = gathers[0]
    reads = [Read((rows.residue,), row.step, row.source, rows.first, rows.height)]
    reads += _reads(gathers[1:], tile.spans[1:])
    block, places, full = _cut(source[(*tile.where[:2], ...)], reads, scratch)
    images, groups, channels = block.shape[:3]
    others = tile.extents[1:]
    if rows_first:
        shape = (groups, rows.height, len(places), channels, images, *others)
        block = xp.permute_dims(block, (1, 3, 2, 0, *range(4, block.ndim)))
    else:
        shape = (groups, len(places), channels, rows.height, images, *others)
        block = xp.permute_dims(block, (1, 2, 3, 0, *range(4, block.ndim)))
    L = scratch.empty(shape)
    if not full:
        L = put(L, ..., 0)
    every = slice(None)
    for v, (targets, sources) in enumerate(places):
        if rows_first:
            target = (every, targets[0], v, every, every, *targets[1:])
            where = (every, sources[0], every, every, *sources[1:])
        else:
            target = (every, v, every, targets[0], every, *targets[1:])
            where = (every, every, sources[0], every, *sources[1:])
        L = put(L, target, block[where])
    return L


def lower_whole(source: Array, gathers: Sequence[Gather], tile: Tile, scratch: Scratch) -> Array:
    """As `lower`, but once for every tap along all axes, image by image: im2col of one tile.

    Returns (N, groups, channels·taps, positions): a view of the source where that is the same.
    """
    xp = namespace(source)
    reads = _reads(gathers, tile.spans)
    block, places, full = _cut(source[(*tile.where[:2], ...)], reads, scratch)
    images, groups, channels = block.shape[:3]
    if full and len(places) == 1:
        L = block[(..., *places[0][1])]
    else:
        L = scratch.empty((images, groups, channels, len(places), *tile.extents))
        if not full:
            L = put(L, ..., 0)
        every = (slice(None),) * 3
        for t, (targets, sources) in enumerate(places):
            L = put(L, (*every, t, *targets), block[(..., *sources)])
    return xp.reshape(L, (images, groups, channels * len(places), prod(tile.extents)))


def bordered_elements(gathers: Sequence[Gather], extents: Sequence[int]) -> int:
    """Elements of a channel that a tile may copy to put zeros around it; 0 where it does not."""
    if any(g.step > 1 for g in gathers):
        return 0
    return _spanned([g.offsets for g in gathers], extents)


def _spanned(offsets: Sequence[Sequence[int]], extents: Sequence[int]) -> int:
    """Positions that a tile's taps span; 0 where those that they read are fewer."""
    each = list(zip(offsets, extents, strict=True))
    spanned = prod(extent + o[-1] - o[0] for o, extent in each)
    return spanned if spanned <= prod(extent * len(o) for o, extent in each) else 0


def split_channels(a: Array, groups: int) -> Array:
    batch, channels, *sizes = a.shape
    return namespace(a).reshape(a, (batch, groups, channels // groups, *sizes))


def _reads(gathers: Sequence[Gather], spans: Sequence[tuple[int, int]]) -> list[Read]:
    return [
        Read(g.offsets, g.step, g.source, first, last - first)
        for g, (first, last) in zip(gathers, spans, strict=True)
    ]


Place = tuple[tuple[slice, ...], tuple[slice, ...]]


def _cut(block: Array, reads: Sequence[Read], scratch: Scratch) -> tuple[Array, list[Place], bool]:
    """The block to copy from, for each tap where to and where from, and whether that is everything.

    A tile at the edge is first given its border of zeros, so that every tap is one whole copy. With
    a step, or with taps far apart, the border could be far larger than what is read of it: there
    taps copy what exists.
    """
    spanned = _spanned([r.offsets for r in reads], [r.extent for r in reads])
    if all(r.step == 1 for r in reads) and spanned:
        beyond = any(r.low < 0 or r.high > r.size for r in reads)
        if beyond:
            block = _with_border(block, reads, scratch)
        origins = [r.low if beyond else 0 for r in reads]
        each = [
            [
                (slice(0, r.extent), slice(at, at + r.extent))
                for at in (r.first + o - origin for o in r.offsets)
            ]
            for r, origin in zip(reads, origins, strict=True)
        ]
        full = True
    else:
        each = [
            [meeting(o, r.step, r.size, r.first, r.first + r.extent) for o in r.offsets]
            for r in reads
        ]
        full = all(
            target.stop - target.start == r.extent
            for r, axis in zip(reads, each, strict=True)
            for target, _ in axis
        )
    places = []
    for combination in product(*each):
        targets, sources = zip(*combination, strict=True)
        places.append((targets, sources))
    return block, places, full


def _with_border(block: Array, reads: Sequence[Read], scratch: Scratch) -> Array:
    """Exactly the positions low … high of each axis; zeros where the block has none."""
    lows = [min(max(r.low, 0), r.size) for r in reads]
    highs = [max(min(r.high, r.size), low) for r, low in zip(reads, lows, strict=True)]
    whole = scratch.empty((*block.shape[:3], *(r.high - r.low for r in reads)))
    whole = put(whole, ..., 0)
    inside = tuple(
        slice(low - r.low, high - r.low)
        for r, low, high in zip(reads, lows, highs, strict=True)
        if high > low
    )
    if len(inside) < len(reads):
        return whole
    where = tuple(slice(low, high) for low, high in zip(lows, highs, strict=True))
    return put(whole, (..., *inside), block[(..., *where)])
