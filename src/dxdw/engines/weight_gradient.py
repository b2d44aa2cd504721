"""dW as matrix products of windows of the lowered input with grad_out, summed over tiles."""

from functools import partial
from math import prod

from ..geometry import ConvGeometry
from .libraries import Array, contiguous, namespace
from .lowering import lower, rows_for, split_channels
from .pairwise import PairwiseSum
from .tiles import tile_shape, tiles


def weight_gradient(grad_out: Array, x: Array, geometry: ConvGeometry, tile_bytes: int) -> Array:
    xp = namespace(x)
    G, gathers = geometry.groups, geometry.forward_gathers
    U, *others = (len(g.taps) for g in gathers)
    VS, D = prod(others) * geometry.channels_in // G, geometry.channels_out // G
    source, grad = split_channels(x, G), split_channels(grad_out, G)
    sums = [PairwiseSum() for _ in range(U)]
    shape = gradient_tile(geometry, x.dtype.itemsize, tile_bytes)
    for tile in tiles(geometry.batch, [g.count for g in gathers], shape):
        height, columns = tile.extents[0], tile.count * prod(tile.extents[1:])
        where = tuple(slice(*span) for span in tile.spans)
        block = grad[(slice(*tile.images), slice(None), slice(None), *where)]
        block = xp.permute_dims(block, (1, 2, 3, 0, *range(4, block.ndim)))
        block = contiguous(xp.reshape(block, (G, D, height * columns)))
        block = xp.permute_dims(block, (0, 2, 1))
        for rows in rows_for(gathers[0], *tile.spans[0]):
            L = lower(source, gathers, tile, rows, rows_first=False)
            L = xp.reshape(L, (G, VS, rows.count * columns))
            for u, begin in rows.taps:
                window = L[:, :, begin * columns : (begin + height) * columns]
                sums[u].add(xp.matmul(window, block))
    total = xp.stack([s.total() for s in sums])
    total = xp.reshape(total, (U, G, *others, geometry.channels_in // G, D))
    last = total.ndim - 1
    total = xp.permute_dims(total, (1, last, last - 1, 0, *range(2, last - 1)))
    return contiguous(xp.reshape(total, geometry.W_shape))


def gradient_tile(geometry: ConvGeometry, itemsize: int, tile_bytes: int) -> tuple[int, ...]:
    """The (images, *extents) of a tile that fits."""
    cost = partial(gradient_bytes, geometry, itemsize)
    return tile_shape(geometry.batch, geometry.out_shape[2:], cost, tile_bytes)


def gradient_bytes(geometry: ConvGeometry, itemsize: int, images: int, *extents: int) -> int:
    """Bytes of a tile: the lowered input and the part of grad_out."""
    gathers = geometry.forward_gathers
    V = prod(len(g.taps) for g in gathers[1:])
    rows = extents[0] + max(r.count for r in rows_for(gathers[0], 0, 1)) - 1
    channels = V * geometry.channels_in * rows + geometry.channels_out * extents[0]
    return itemsize * channels * images * prod(extents[1:])
