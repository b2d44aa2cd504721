"""Cutting a problem into tiles whose scratch memory fits a budget."""

from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import NamedTuple


class Tile(NamedTuple):
    """A block of images, and a block first … last of positions along each spatial axis."""

    images: tuple[int, int]
    spans: tuple[tuple[int, int], ...]

    @property
    def batch(self) -> int:
        return self.images[1] - self.images[0]

    @property
    def extents(self) -> tuple[int, ...]:
        return tuple(last - first for first, last in self.spans)


Cost = Callable[..., int]
"""Bytes that a tile of (images, *extents) needs."""


def tile_shape(batch: int, counts: Sequence[int], cost: Cost, budget: int) -> tuple[int, ...]:
    """The largest (images, *extents) within the budget: images are split first, then the axes in
    order, each evenly. Where even one position exceeds the budget, that one position."""
    whole = (batch, *counts)
    shape = list(whole)
    for axis, size in enumerate(whole):
        least = [*shape[:axis], 1, *shape[axis + 1 :]]
        if cost(*shape) <= budget:
            break
        if cost(*least) > budget:
            shape = least
            continue
        fits, exceeds = 1, size
        while exceeds - fits > 1:
            middle = (fits + exceeds) // 2
            if cost(*shape[:axis], middle, *shape[axis + 1 :]) <= budget:
                fits = middle
            else:
                exceeds = middle
        blocks = -(-size // fits)
        shape[axis] = -(-size // blocks)
        break
    return tuple(shape)


def tiles(batch: int, counts: Sequence[int], shape: Sequence[int]) -> Iterator[Tile]:
    """All tiles of the given shape, the last along an axis perhaps smaller."""
    blocks = [
        [(first, min(first + step, size)) for first in range(0, size, step)]
        for size, step in zip((batch, *counts), shape, strict=True)
    ]
    for images, *spans in product(*blocks):
        yield Tile(images, tuple(spans))
