"""Gathers as matrix products over a lowered source: forward, and each stride phase of dx."""

from collections.abc import Sequence
from functools import partial
from math import prod

import numpy as np

from ..geometry import Gather
from .libraries import Array, contiguous, device_of, is_numpy, namespace, put
from .lowering import Rows, lower, rows_for, split_channels
from .tiles import Tile, tile_shape, tiles

# With fewer source channels than this in a group, one product over all of K = (u, v, c) for each
# row beats a sum over u of products over a whole tile (measured: 1.2 to 1.7 times at 1 to 16).
FEW_CHANNELS = 32


def gather(
    source: Array, weights: Array, gathers: Sequence[Gather], out: Array, tile_bytes: int
) -> Array:
    """Fills the gathers' destinations in out (N, G, D, *sizes) from source (N, G·S, *sizes).

    weights: (G, D, S, *taps), of which the gathers use their own.
    """
    xp = namespace(source)
    weights = _own_taps(weights, gathers)
    G, D, S, U = weights.shape[:4]
    V = prod(weights.shape[4:])
    weights = xp.reshape(weights, (G, D, S, U, V))
    # A window over several rows at once needs strides that the array API can't express.
    by_rows = is_numpy(source) and S < FEW_CHANNELS
    if by_rows:
        multiply = _windows_by_row
        kernels = contiguous(xp.permute_dims(weights, (0, 1, 3, 4, 2)))  # G, D, U, V, S
    else:
        multiply = _windows_by_tap
        kernels = contiguous(xp.permute_dims(weights, (3, 0, 1, 4, 2)))  # U, G, D, V, S
    source = split_channels(source, G)
    shape = gather_tile(source.shape[0], G, S, D, gathers, source.dtype.itemsize, tile_bytes)
    for tile in tiles(source.shape[0], [g.count for g in gathers], shape):
        result = None
        for rows in rows_for(gathers[0], *tile.spans[0]):
            L = lower(source, gathers, tile, rows, rows_first=by_rows)
            result = multiply(L, kernels, rows, tile.extents[0], result)
        height, *columns = tile.extents
        if by_rows:
            result = xp.reshape(result, (G, height, D, tile.count, *columns))
            result = xp.permute_dims(result, (3, 0, 2, 1, *range(4, result.ndim)))
        else:
            result = xp.reshape(result, (G, D, height, tile.count, *columns))
            result = xp.permute_dims(result, (3, 0, 1, 2, *range(4, result.ndim)))
        out = put(out, _destination(tile, gathers), result)
    return out


def gather_tile(
    batch: int, G: int, S: int, D: int, gathers: Sequence[Gather], itemsize: int, tile_bytes: int
) -> tuple[int, ...]:
    """The (images, *extents) of a tile that fits."""
    cost = partial(gather_bytes, G, S, D, gathers, itemsize)
    return tile_shape(batch, [g.count for g in gathers], cost, tile_bytes)


def gather_bytes(
    G: int, S: int, D: int, gathers: Sequence[Gather], itemsize: int, images: int, *extents: int
) -> int:
    """Bytes of a tile: the lowered source, the sum and a term of it."""
    V = prod(len(g.taps) for g in gathers[1:])
    rows = extents[0] + max((r.count for r in rows_for(gathers[0], 0, 1)), default=1) - 1
    return itemsize * G * (V * S * rows + 2 * D * extents[0]) * images * prod(extents[1:])


def _own_taps(weights: Array, gathers: Sequence[Gather]) -> Array:
    xp = namespace(weights)
    for axis, g in enumerate(gathers, start=3):
        if g.taps != tuple(range(weights.shape[axis])):
            index = xp.asarray(g.taps, device=device_of(weights))
            weights = xp.take(weights, index, axis=axis)
    return weights


def _windows_by_tap(
    L: Array, kernels: Array, rows: Rows, height: int, result: Array | None
) -> Array:
    """Σ_u kernels[u] @ window u, over whole tiles: (G, D, height·columns)."""
    xp = namespace(L)
    U, G, D, V, S = kernels.shape
    columns = prod(L.shape[4:])
    L = xp.reshape(L, (G, V * S, rows.count * columns))
    for u, begin in rows.taps:
        kernel = xp.reshape(kernels[u, ...], (G, D, V * S))
        term = xp.matmul(kernel, L[:, :, begin * columns : (begin + height) * columns])
        if result is None:
            result = term
        else:
            result += term
    return result


def _windows_by_row(
    L: Array, kernels: Array, rows: Rows, height: int, result: Array | None
) -> Array:
    """For each row one product over all its taps: (G, height, D, columns). NumPy only.

    Neighbouring taps read neighbouring rows of L, so a row's window is a matrix that overlaps the
    next row's: a view, nothing is copied.
    """
    G, D, U, V, S = kernels.shape
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
            (rows.count * row_bytes, row_bytes, columns * L.itemsize, L.itemsize),
        )
        kernel = kernels[:, :, u : u + last - first].reshape(G, 1, D, K)
        term = np.matmul(kernel, windows)
        if result is None:
            result = term
        else:
            result += term
    return result


def _runs(taps: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Stretches first … last of taps that follow each other both as taps and as rows."""
    cuts = [0]
    for i in range(1, len(taps)):
        if (taps[i][0] - taps[i - 1][0], taps[i][1] - taps[i - 1][1]) != (1, 1):
            cuts.append(i)
    return list(zip(cuts, [*cuts[1:], len(taps)], strict=True))


def _destination(tile: Tile, gathers: Sequence[Gather]) -> tuple[slice, ...]:
    spans = [
        slice(g.start + first * g.spacing, g.start + (last - 1) * g.spacing + 1, g.spacing)
        for g, (first, last) in zip(gathers, tile.spans, strict=True)
    ]
    return (slice(*tile.images), slice(None), slice(None), *spans)
