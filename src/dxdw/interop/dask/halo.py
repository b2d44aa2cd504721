"""What tasks take of an array: its chunks, and what is cut out of chunks."""

from dataclasses import dataclass
from typing import Any

import dask.array as da

from ...core.arrays import Array
from ...core.geometry import Spans
from .fixed_tree import Key
from .grid import Grid
from .spans import Starts


class Halo:
    """Finds the chunks that parts of an array lie in, and cuts out what is the smaller part of one.

    A chunk of which more than half is needed is taken as it is: that it has to be copied costs more
    than what is left over.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self.tasks: dict[Key, Any] = {}

    def pieces(self, array: da.Array, grid: Grid, spans: Spans | None) -> tuple[Starts, list[Key]]:
        """Where each piece begins, and its key."""
        starts, keys = [], []
        for piece in grid.pieces(spans) if spans else ():
            key = grid.key(array.name, piece.index)
            if piece.most:
                starts.append(tuple(first for first, _ in grid.spans(piece.index)))
            else:
                starts.append(tuple(first for first, _ in piece.spans))
                whole, key = key, (self._name, len(self.tasks))
                self.tasks[key] = (Cut(grid.slices(piece.inside)), whole)
            keys.append(key)
        return tuple(starts), keys


@dataclass(frozen=True)
class Cut:
    """A part of a chunk, copied, so that the chunk itself need neither travel nor stay."""

    index: tuple[slice, ...]

    def __call__(self, chunk: Array) -> Array:
        return chunk[self.index].copy()
