"""dW as matrix products of the lowered input with grad_out, summed over tiles.

Two ways, as for a gather: lowered along every tap, image by image, for few input channels; else
lowered along all axes but the first, whose taps are windows.
"""

from collections.abc import Iterator
from functools import lru_cache, partial
from math import prod

from ..core.arrays import Array, contiguous, element_size, namespace, put
from ..core.geometry import ConvGeometry
from . import tuning
from .lowering import bordered_elements, lower, lower_whole, rows_for, split_channels
from .pairwise import PairwiseSum
from .scratch import Scratch
from .tiles import Tile, tile_shape, tiles


def weight_gradient(grad_out: Array, x: Array, geometry: ConvGeometry, tile_bytes: int) -> Array:
    """dW of geometry.W_shape from grad_out of out_shape and x of x_shape."""
    G = geometry.groups
    grad, source = split_channels(grad_out, G), split_channels(x, G)
    shape = gradient_tile(geometry, element_size(x.dtype), tile_bytes)
    each_tile = tiles(_sizes(geometry), shape)
    sum_tiles = _whole if lowers_whole(geometry) else _windows
    with Scratch(x, gradient_bytes(geometry, element_size(x.dtype), *shape)) as scratch:
        return sum_tiles(grad, source, geometry, each_tile, scratch)


def lowers_whole(geometry: ConvGeometry) -> bool:
    """Whether the copies that lowering along the first axis costs too are few beside grad_out."""
    S, D = geometry.channels_in // geometry.groups, geometry.channels_out // geometry.groups
    U, *others = geometry.W_shape[2:]
    pays = S * prod(others) * (U - 1) < 1.5 * D  # windows cost a copy of grad_out
    return pays and (prod(geometry.out_shape[2:]) >= tuning.FEW_COLUMNS or geometry.batch == 1)


def _whole(
    grad: Array,
    source: Array,
    geometry: ConvGeometry,
    each_tile: Iterator[Tile],
    scratch: Scratch,
) -> Array:
    xp = namespace(source)
    sums: dict[tuple[int, int], PairwiseSum] = {}
    for tile in each_tile:
        scratch.clear()
        L = lower_whole(source, geometry.forward_gathers, tile, scratch)
        block = grad[tile.where]
        block = xp.reshape(block, (*block.shape[:3], prod(tile.extents)))
        total = sums.setdefault(tile.groups, PairwiseSum())
        total.add(xp.sum(xp.matmul(block, xp.matrix_transpose(L)), axis=0))
    total = xp.concat([s.total() for s in sums.values()])
    return xp.reshape(total, geometry.W_shape)


def _windows(
    grad: Array,
    source: Array,
    geometry: ConvGeometry,
    each_tile: Iterator[Tile],
    scratch: Scratch,
) -> Array:
    xp = namespace(source)
    G, gathers = geometry.groups, geometry.forward_gathers
    U, *others = geometry.W_shape[2:]
    S, D = geometry.channels_in // G, geometry.channels_out // G
    sums: dict[tuple[int, int], list[PairwiseSum]] = {}
    for tile in each_tile:
        scratch.clear()
        height, columns = tile.extents[0], tile.batch * prod(tile.extents[1:])
        block = grad[tile.where]
        block = xp.permute_dims(block, (1, 2, 3, 0, *range(4, block.ndim)))
        block = put(scratch.empty(tuple(block.shape)), ..., block)
        groups = block.shape[0]
        block = xp.matrix_transpose(xp.reshape(block, (groups, D, height * columns)))
        of_taps = sums.setdefault(tile.groups, [PairwiseSum() for _ in range(U)])
        for rows in rows_for(gathers[0], *tile.spans[0]):
            L = lower(source, gathers, tile, rows, scratch, rows_first=False)
            L = xp.reshape(L, (groups, prod(others) * S, rows.height * columns))
            for u, begin in rows.taps:
                window = L[:, :, begin * columns : (begin + height) * columns]
                of_taps[u].add(xp.matmul(window, block))
    total = xp.concat([xp.stack([s.total() for s in of_taps], axis=1) for of_taps in sums.values()])
    total = xp.reshape(total, (G, U, *others, S, D))
    last = total.ndim - 1
    total = xp.permute_dims(total, (0, last, last - 1, *range(1, last - 1)))
    return contiguous(xp.reshape(total, geometry.W_shape))


@lru_cache(maxsize=1024)
def gradient_tile(geometry: ConvGeometry, itemsize: int, tile_bytes: int) -> tuple[int, ...]:
    """The (groups, images, *extents) of a tile that fits."""
    rows = geometry.axes[0]
    span = 0 if lowers_whole(geometry) else (rows.extent - 1) // rows.stride
    cost = partial(gradient_bytes, geometry, itemsize)
    return tile_shape(_sizes(geometry), cost, tile_bytes, span)


def gradient_bytes(
    geometry: ConvGeometry, itemsize: int, groups: int, images: int, *extents: int
) -> int:
    """Bytes of a tile: the lowered input and the part of grad_out."""
    U, *others = geometry.W_shape[2:]
    S, D = geometry.channels_in // geometry.groups, geometry.channels_out // geometry.groups
    gathers = geometry.forward_gathers
    if lowers_whole(geometry):
        rows = U * extents[0]
        border = bordered_elements(gathers, extents)
        products = S * prod(geometry.W_shape[2:])
    else:
        rows = sum(r.height for r in rows_for(gathers[0], 0, extents[0]))
        border = rows * bordered_elements(gathers[1:], extents[1:])
        products = prod(extents)
    lowered = prod(others) * S * rows * prod(extents[1:])
    return itemsize * groups * images * (lowered + S * border + D * products)


def _sizes(geometry: ConvGeometry) -> tuple[int, ...]:
    return (geometry.groups, geometry.batch, *geometry.out_shape[2:])
