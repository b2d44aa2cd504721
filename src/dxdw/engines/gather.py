"""Gathers as matrix products over a lowered source: forward, and each stride phase of dx.

Three ways, chosen by what they cost beside the products:

- whole: lowered along every tap, as im2col, but a tile at a time and straight into the result. For
  few source channels and many destinations, and for a single tap row, where it copies no more.
- by row: for each row one product over all its taps. For few channels.
- by tap: for each tap row one product over the whole tile, summed. For many channels.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from math import prod
from typing import NamedTuple

import numpy as np

from ..core.arrays import Array, contiguous, element_size, is_numpy, matmul, namespace, put
from ..core.geometry import Gather
from . import tuning
from .lowering import Rows, bordered_elements, lower, lower_whole, rows_for, split_channels
from .scratch import Scratch
from .tiles import Tile, tile_shape, tiles


class Shape(NamedTuple):
    """The sizes a gather's cost depends on: groups, source and destination channels in each."""

    batch: int
    groups: int
    sources: int
    destinations: int
    gathers: tuple[Gather, ...]
    itemsize: int

    @property
    def way(self) -> str:
        return _way(self)

    @property
    def cost(self) -> float:
        """Estimated nanoseconds."""
        positions = self.batch * prod(g.count for g in self.gathers)
        depth = self.sources * prod(len(g.taps) for g in self.gathers)
        products = self.destinations * depth * tuning.matrix_product(self.destinations, depth)
        return positions * self.groups * products + min(_extra_costs(self).values())

    @property
    def in_place(self) -> bool:
        """Whether the source itself is the lowered source."""
        return self.way == "whole" and all(
            len(g.taps) == 1 and g.step == 1 and g.offsets[0] == 0 and g.count == g.source
            for g in self.gathers
        )

    @property
    def sizes(self) -> tuple[int, ...]:
        """(groups, images, *positions): what there is to be cut into tiles."""
        return (self.groups, self.batch, *(g.count for g in self.gathers))

    def tile_bytes(self, groups: int, images: int, *extents: int) -> int:
        """Bytes of scratch memory for a tile."""
        taps = [len(g.taps) for g in self.gathers]
        positions = images * prod(extents)
        if self.way == "whole":
            lowered = 0 if self.in_place else prod(taps) * self.sources * positions
            border = images * bordered_elements(self.gathers, extents)
            results = self.destinations * positions
        else:
            rows = sum(r.height for r in rows_for(self.gathers[0], 0, extents[0]))
            lowered = prod(taps[1:]) * self.sources * rows * images * prod(extents[1:])
            border = images * rows * bordered_elements(self.gathers[1:], extents[1:])
            results = 2 * self.destinations * positions
        return self.itemsize * groups * (lowered + self.sources * border + results)

    def dense_phases(self) -> Iterator["Shape"]:
        """The parts it is run in, the largest first: by row, each dilated tap would be a product of
        its own. Taps that are as far apart as the rows reach have none in common."""
        rows, *others = self.gathers
        if self.way != "by row" or rows.distance >= rows.count:
            yield self
            return
        for phase in rows.dilation_phases():
            yield self._replace(gathers=(phase, *others))


def _extra_costs(shape: Shape) -> dict[str, float]:
    """What the ways cost beside the products: copies, passes over the result, calls."""
    rows, *others = shape.gathers
    U, V = len(rows.taps), prod(len(g.taps) for g in others)
    S, D = shape.sources, shape.destinations
    positions = shape.batch * shape.groups * prod(g.count for g in shape.gathers)
    residues = min(U, rows.step)
    calls = shape.groups * tuning.CALL_NS
    copy = tuning.COPY_NS
    lowered = S * V * copy
    by_row = lowered + D * (copy + (residues - 1) * tuning.ADD_NS)
    by_tap = lowered + D * (copy + (U - 1) * tuning.SUM_NS)
    return {
        "whole": positions * S * V * U * copy + shape.batch * calls,
        "by row": positions * by_row + rows.count * residues * calls,
        "by tap": positions * by_tap,
    }


@lru_cache(maxsize=1024)
def _way(shape: Shape) -> str:
    costs = _extra_costs(shape)
    windows = "by row" if shape.sources < tuning.FEW_CHANNELS else "by tap"
    wide = prod(g.count for g in shape.gathers) >= tuning.FEW_COLUMNS or shape.batch == 1
    return "whole" if wide and costs["whole"] <= costs[windows] else windows


def gather(
    source: Array, weights: Array, gathers: tuple[Gather, ...], out: Array, tile_bytes: int
) -> Array:
    """Fills the gathers' destinations in out (N, G, D, *sizes) from source (N, G·S, *sizes).

    weights: (G, D, S, *taps), of which the gathers use their own.
    """
    xp = namespace(source)
    weights = _own_taps(weights, gathers)
    G, D, S, U = weights.shape[:4]
    weights = xp.reshape(weights, (G, D, S, U, prod(weights.shape[4:])))
    source = split_channels(source, G)
    shape = Shape(source.shape[0], G, S, D, gathers, element_size(source.dtype))
    for phase in shape.dense_phases():
        out = _gather(source, weights, phase, out, tile_bytes)
    return out


@lru_cache(maxsize=1024)
def gather_tile(shape: Shape, budget: int) -> tuple[int, ...]:
    """The (groups, images, *extents) of a tile that fits the budget."""
    rows = shape.gathers[0]
    span = 0 if shape.way == "whole" else (rows.offsets[-1] - rows.offsets[0]) // rows.step
    return tile_shape(shape.sizes, shape.tile_bytes, budget, span)


def _gather(source: Array, weights: Array, shape: Shape, out: Array, tile_bytes: int) -> Array:
    xp = namespace(source)
    way, gathers = shape.way, shape.gathers
    # A window over several rows at once needs strides that the array API can't express.
    if way == "by row" and not is_numpy(source):
        way = "by tap"
    order = {"whole": (0, 1, 2, 3, 4), "by row": (0, 1, 3, 4, 2), "by tap": (3, 0, 1, 4, 2)}[way]
    kernels = contiguous(xp.permute_dims(weights, order))
    own = gather_tile(shape, tile_bytes)
    with Scratch(source, shape.tile_bytes(*own)) as scratch:
        for tile in tiles(shape.sizes, own):
            scratch.clear()
            if way == "whole":
                out = _whole(source, kernels, gathers, tile, out, scratch)
            else:
                out = _windows(source, kernels, gathers, tile, out, scratch, way)
    return out


def _own_taps(weights: Array, gathers: Sequence[Gather]) -> Array:
    """The gathers' taps of weights (G, D, S, *taps), in their order: evenly spaced, up or down."""
    xp = namespace(weights)
    for axis, g in enumerate(gathers, start=3):
        ends = g.taps[0], g.taps[-1]
        index = (slice(None),) * axis + (slice(min(ends), max(ends) + 1, abs(g.taps.step)), ...)
        weights = weights[index]
        if ends[0] > ends[1]:
            weights = xp.flip(weights, axis=axis)
    return weights


def _whole(
    source: Array,
    kernels: Array,
    gathers: tuple[Gather, ...],
    tile: Tile,
    out: Array,
    scratch: Scratch,
) -> Array:
    """For each image one product over all taps, straight into out where its rows are whole."""
    xp = namespace(source)
    kernels = kernels[slice(*tile.groups), ...]
    L = lower_whole(source, gathers, tile, scratch)
    kernels = xp.reshape(kernels, (*kernels.shape[:2], L.shape[2]))
    where = _destination(tile, gathers)
    target = out[where]
    rows_are_whole = tile.extents[1:] == tuple(out.shape[4:])
    if is_numpy(out) and rows_are_whole and all(g.spacing == 1 for g in gathers):
        np.matmul(kernels, L, out=target.reshape(*target.shape[:3], L.shape[3]))
        return out
    result = matmul(kernels, L, scratch.empty((*target.shape[:3], L.shape[3])))
    return put(out, where, xp.reshape(result, target.shape))


def _windows(
    source: Array,
    kernels: Array,
    gathers: tuple[Gather, ...],
    tile: Tile,
    out: Array,
    scratch: Scratch,
    way: str,
) -> Array:
    """The sum over tap rows, or runs of them, of their kernels times their windows."""
    xp = namespace(source)
    height, *others = tile.extents
    by_row = way == "by row"
    groups = slice(*tile.groups)
    kernels = kernels[groups, ...] if by_row else kernels[:, groups, ...]
    G, D = kernels.shape[:2] if by_row else kernels.shape[1:3]
    size = tile.batch * prod(others)
    shape = (G, height, D, size) if by_row else (G, D, height * size)
    result = term = None
    for rows in rows_for(gathers[0], *tile.spans[0]):
        L = lower(source, gathers, tile, rows, scratch, rows_first=by_row)
        products = _products_by_row if by_row else _products_by_tap
        for kernel, window in products(L, kernels, rows, height):
            if result is None:
                result = matmul(kernel, window, scratch.empty(shape))
            else:
                term = matmul(kernel, window, scratch.empty(shape) if term is None else term)
                result += term
    if by_row:
        result = xp.reshape(result, (G, height, D, tile.batch, *others))
        result = xp.permute_dims(result, (3, 0, 2, 1, *range(4, result.ndim)))
    else:
        result = xp.reshape(result, (G, D, height, tile.batch, *others))
        result = xp.permute_dims(result, (3, 0, 1, 2, *range(4, result.ndim)))
    return put(out, _destination(tile, gathers), result)


def _products_by_tap(
    L: Array, kernels: Array, rows: Rows, height: int
) -> Iterator[tuple[Array, Array]]:
    """For each tap row its kernel (G, D, K) and, for the whole tile, its window (G, K, columns)."""
    xp = namespace(L)
    _, G, D, V, S = kernels.shape
    columns = prod(L.shape[4:])
    L = xp.reshape(L, (G, V * S, rows.height * columns))
    for u, begin in rows.taps:
        window = L[:, :, begin * columns : (begin + height) * columns]
        yield xp.reshape(kernels[u, ...], (G, D, V * S)), window


def _products_by_row(
    L: Array, kernels: Array, rows: Rows, height: int
) -> Iterator[tuple[Array, Array]]:
    """For each run of taps its kernel (G, 1, D, K) and windows (G, height, K, columns).

    Neighbouring taps read neighbouring rows of L, so a row's window is a matrix that overlaps the
    next row's: a view, nothing is copied. NumPy only.
    """
    G, D, _, V, S = kernels.shape
    columns = prod(L.shape[4:])
    row_bytes = V * S * columns * L.itemsize
    for first, last in _runs(rows.taps):
        u, begin = rows.taps[first]
        K = (last - first) * V * S
        windows = np.ndarray(
            (G, height, K, columns),
            L.dtype,
            L,
            begin * row_bytes,
            (rows.height * row_bytes, row_bytes, columns * L.itemsize, L.itemsize),
        )
        yield kernels[:, :, u : u + last - first].reshape(G, 1, D, K), windows


def _runs(taps: tuple[tuple[int, int], ...]) -> list[tuple[int, int]]:
    """Stretches first … last of taps that follow each other both as taps and as rows."""
    breaks = (
        i
        for i in range(1, len(taps))
        if (taps[i][0] - taps[i - 1][0], taps[i][1] - taps[i - 1][1]) != (1, 1)
    )
    cuts = [0, *breaks, len(taps)]
    return list(pairwise(cuts))


def _destination(tile: Tile, gathers: Sequence[Gather]) -> tuple[slice, ...]:
    spans = [
        slice(g.start + first * g.spacing, g.start + (last - 1) * g.spacing + 1, g.spacing)
        for g, (first, last) in zip(gathers, tile.spans, strict=True)
    ]
    return (*tile.where[:3], *spans)
