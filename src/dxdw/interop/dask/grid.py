"""The chunks of an array: where they begin and end, and which of them a part of it lies in."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise, product
from typing import Any

from ...call.call import Call
from ...core.geometry import ConvGeometry, Span, Spans
from .spans import inside, length, volume

Index = tuple[int, ...]


@dataclass(frozen=True)
class Piece:
    """What a part of an array has in one chunk: the chunk's index, and the positions."""

    index: Index
    spans: Spans
    inside: Spans  # the same, counted from the chunk's first
    most: bool  # of the chunk


@dataclass(frozen=True)
class Grid:
    """The chunks of x or of the output, over images and positions.

    Bounds are 0, the end of the first chunk, of the second, …: of images, then along each axis of
    the geometry, which has one more axis than the caller where that has one dimension.
    """

    bounds: tuple[tuple[int, ...], ...]
    batched: bool
    ndim: int

    @classmethod
    def of(cls, chunks: Sequence[Sequence[int]], call: Call) -> "Grid":
        """The grid of an array as the caller has it."""
        images = chunks[0] if call.batched else (1,)
        ones = [(1,)] * (len(call.geometry.axes) - call.ndim)
        each = (images, *ones, *chunks[-call.ndim :])
        return cls(tuple(tuple(accumulate(c, initial=0)) for c in each), call.batched, call.ndim)

    @classmethod
    def of_outputs(cls, x: "Grid", geometry: ConvGeometry) -> "Grid":
        """Where x's chunks have the middles of the windows: the fewest inputs are a neighbour's."""
        bounds = [x.bounds[0]]
        for axis, ends in zip(geometry.axes, x.bounds[1:], strict=True):
            inner = {axis.outputs_centred_before(end) for end in ends[1:-1]}
            bounds.append((0, *sorted(inner - {0, axis.out}), axis.out))
        return cls(tuple(bounds), x.batched, x.ndim)

    def chunks(self, channels: int) -> tuple[tuple[int, ...], ...]:
        """As Dask has them, for the caller's array."""
        sizes = [tuple(b - a for a, b in pairwise(ends)) for ends in self.bounds]
        return (*sizes[: self.batched], (channels,), *sizes[-self.ndim :])

    def key(self, name: str, index: Index) -> tuple[Any, ...]:
        """Of the chunk with this index, in the array with this name."""
        return (name, *index[: self.batched], 0, *index[-self.ndim :])

    def indices(self) -> Iterator[Index]:
        return product(*(range(len(ends) - 1) for ends in self.bounds))

    def spans(self, index: Index) -> Spans:
        return tuple((ends[i], ends[i + 1]) for i, ends in zip(index, self.bounds, strict=True))

    def slices(self, spans: Spans) -> tuple[slice, ...]:
        """Spans as an index of the caller's array."""
        each = [slice(*span) for span in spans]
        return (*each[: self.batched], slice(None), *each[-self.ndim :])

    def pieces(self, spans: Spans) -> Iterator[Piece]:
        """A part of the array, piece by piece."""
        along = [_overlaps(ends, span) for ends, span in zip(self.bounds, spans, strict=True)]
        for overlaps in product(*along):
            index = tuple(i for i, _ in overlaps)
            part = tuple(span for _, span in overlaps)
            chunk = self.spans(index)
            yield Piece(index, part, inside(part, chunk), 2 * volume(part) > volume(chunk))


def _overlaps(ends: Sequence[int], span: Span) -> list[tuple[int, Span]]:
    """The chunks along one axis that a span lies in, and what is in each."""
    first, last = span
    chunks = range(
        max(bisect_right(ends, first) - 1, 0), min(bisect_left(ends, last), len(ends) - 1)
    )
    each = ((i, (max(first, ends[i]), min(last, ends[i + 1]))) for i in chunks)
    return [(i, part) for i, part in each if length(part)]
