"""Cutting a problem into tiles whose scratch memory fits a budget."""

from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import NamedTuple

from . import tuning


class Tile(NamedTuple):
    """Blocks first … last of groups, of images, and of positions along each spatial axis."""

    groups: tuple[int, int]
    images: tuple[int, int]
    spans: tuple[tuple[int, int], ...]

    @property
    def batch(self) -> int:
        """How many images."""
        return self.images[1] - self.images[0]

    @property
    def extents(self) -> tuple[int, ...]:
        """How many positions along each spatial axis."""
        return tuple(last - first for first, last in self.spans)

    @property
    def where(self) -> tuple[slice, ...]:
        """The tile as an index of (N, groups, channels, *positions)."""
        each = (slice(*span) for span in self.spans)
        return (slice(*self.images), slice(*self.groups), slice(None), *each)


Cost = Callable[..., int]
"""Bytes that a tile of (groups, images, *extents) needs."""


def tile_shape(sizes: Sequence[int], cost: Cost, budget: int, span: int = 0) -> tuple[int, ...]:
    """The largest tile (groups, images, *extents) of sizes within the budget, or else the smallest.

    Groups share nothing and are split first, then images. Then rows, but not below twice the span
    of their taps: a tile lowers that many rows which its neighbour lowers too. Then columns, which
    overlap nothing, and the rest.
    """
    shape = list(sizes)
    columns = range(3, len(shape))
    floors = [(0, 1), (1, 1), (2, 2 * span), *((axis, tuning.SHORT_RUN) for axis in columns)]
    floors += [(2, 1), *((axis, 1) for axis in columns)]
    for axis, floor in floors:
        if axis >= len(shape) or cost(*shape) <= budget:
            break
        most, exceeds = min(max(floor, 1), shape[axis]), shape[axis]
        if cost(*shape[:axis], most, *shape[axis + 1 :]) <= budget:
            while exceeds - most > 1:
                middle = (most + exceeds) // 2
                fits = cost(*shape[:axis], middle, *shape[axis + 1 :]) <= budget
                most, exceeds = (middle, exceeds) if fits else (most, middle)
        blocks = -(-shape[axis] // most)
        shape[axis] = -(-shape[axis] // blocks)  # evenly
    return tuple(shape)


def tiles(sizes: Sequence[int], shape: Sequence[int]) -> Iterator[Tile]:
    """All tiles of the given shape, the last along an axis perhaps smaller."""
    blocks = [
        [(first, min(first + step, size)) for first in range(0, size, step or 1)]
        for size, step in zip(sizes, shape, strict=True)
    ]
    for groups, images, *spans in product(*blocks):
        yield Tile(groups, images, tuple(spans))
