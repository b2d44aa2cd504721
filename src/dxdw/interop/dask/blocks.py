"""What one task computes: a block of the output or of dx, or a block's share of dW and db.

A block's operands come in pieces, the halo each by itself. Were they put together for the block as
a whole, that would take as much memory again, and as much time as a good part of the convolution:
they would be written to memory and read from there. So the block is computed in tiles small enough
for the cache, and each tile's operands are put together there.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from ... import arguments, passes
from ...engines.libraries import Array
from ...engines.pairwise import PairwiseSum
from ...engines.tiles import tile_shape, tiles
from ...passes import Call
from .spans import Spans, common, index_of, inside, length, volume

TILE_BYTES = 2 << 20
WINDOWS_A_TILE = 16
"""A tile is as many windows long and wide at the least, for what neighbours read twice."""

Starts = tuple[tuple[int, ...], ...]
"""Where each piece begins: its first image, its first position along each axis."""


@dataclass(frozen=True)
class Cut:
    """A part of a chunk, copied, so that the chunk itself need neither travel nor stay."""

    index: tuple[slice, ...]

    def __call__(self, chunk: Array) -> Array:
        return chunk[self.index].copy()


class Pieces:
    """An operand as a block has it, from which any part comes as one array."""

    def __init__(self, call: Call, starts: Starts, arrays: Sequence[Array]) -> None:
        self._call = call
        self._arrays = [_with_every_axis(a, call) for a in arrays]
        self._spans = [
            tuple((s, s + n) for s, n in zip(start, (a.shape[0], *a.shape[2:]), strict=True))
            for start, a in zip(starts, self._arrays, strict=True)
        ]

    def are_just(self, spans: Spans) -> bool:
        """Whether the part is one piece, as it is."""
        return self._spans == [spans]

    def part(self, spans: Spans, channels: int) -> Array:
        """In the dtype to compute in; zero where no piece is."""
        if self.are_just(spans):
            return arguments.cast(self._arrays[0], self._call.compute)
        each = [(common(spans, own), own, a) for own, a in zip(self._spans, self._arrays)]
        covered = sum(volume(both) for both, _, _ in each if both)
        empty = np.empty if covered == volume(spans) else np.zeros
        part: Array = empty(_shape(spans, channels), self._call.compute)
        for both, own, array in each:
            if both:
                part[index_of(inside(both, spans))] = array[index_of(inside(both, own))]
        return part


@dataclass(frozen=True)
class Forward:
    """A block of the output."""

    call: Call
    outputs: Spans
    x: Starts

    def __call__(self, W: Array, bias: Array | None, x: list[Array]) -> Array:
        call, geometry = self.call, self.call.geometry
        pieces, W = Pieces(call, self.x, x), call.W(W)
        _, inputs = geometry.over_outputs(1, self.outputs[1:])
        whole = pieces.are_just((self.outputs[0], *inputs))

        def results() -> Iterator[tuple[Spans, Array]]:
            for spans in _tiles(self.outputs, call, geometry.over_outputs, whole):
                part, inputs = geometry.over_outputs(length(spans[0]), spans[1:])
                x = pieces.part((spans[0], *inputs), geometry.channels_in)
                out = passes.forward(x, W, part, call.how)
                yield spans, passes.with_bias(out, bias, call)

        return _block(results(), self.outputs, geometry.channels_out, call)


@dataclass(frozen=True)
class InputGradient:
    """A block of dx."""

    call: Call
    inputs: Spans
    grad_out: Starts

    def __call__(self, W: Array, grad_out: list[Array]) -> Array:
        call, geometry = self.call, self.call.geometry
        pieces, W = Pieces(call, self.grad_out, grad_out), call.W(W)
        needed = geometry.over_inputs(1, self.inputs[1:])
        whole = needed is not None and pieces.are_just((self.inputs[0], *needed[1]))

        def results() -> Iterator[tuple[Spans, Array]]:
            for spans in _tiles(self.inputs, call, geometry.over_inputs, whole):
                found = geometry.over_inputs(length(spans[0]), spans[1:])
                if found is None:
                    yield spans, np.zeros(_shape(spans, geometry.channels_in), call.compute)
                    continue
                part, outputs = found
                g = pieces.part((spans[0], *outputs), geometry.channels_out)
                yield spans, passes.dx(g, W, part, call.how)

        return _block(results(), self.inputs, geometry.channels_in, call)


@dataclass(frozen=True)
class ParameterGradients:
    """What a block of grad_out adds to dW and to db, in the dtype that is computed in."""

    call: Call
    names: tuple[str, ...]
    outputs: Spans
    grad_out: Starts
    x: Starts

    def __call__(self, grad_out: list[Array], x: list[Array]) -> tuple[Array, ...]:
        call, geometry = self.call, self.call.geometry
        g_pieces, x_pieces = Pieces(call, self.grad_out, grad_out), Pieces(call, self.x, x)
        _, inputs = geometry.over_outputs(1, self.outputs[1:])
        whole = "dW" not in self.names or x_pieces.are_just((self.outputs[0], *inputs))
        if not volume(self.outputs):
            shapes = {"dW": geometry.W_shape, "db": (geometry.channels_out,)}
            return tuple(np.zeros(shapes[name], call.compute) for name in self.names)
        sums = {name: PairwiseSum() for name in self.names}
        for spans in _tiles(self.outputs, call, geometry.over_outputs, whole):
            g = g_pieces.part(spans, geometry.channels_out)
            if "dW" in sums:
                part, inputs = geometry.over_outputs(length(spans[0]), spans[1:])
                x_part = x_pieces.part((spans[0], *inputs), geometry.channels_in)
                sums["dW"].add(passes.dW(g, x_part, part, call.how))
            if "db" in sums:
                sums["db"].add(passes.db(g))
        return tuple(sum_.total() for sum_ in sums.values())


@dataclass(frozen=True)
class Delivered:
    """One of the summed gradients, in the caller's shape and dtype."""

    call: Call
    place: int
    shape: tuple[int, ...]

    def __call__(self, sums: tuple[Array, ...]) -> Array:
        return self.call.deliver(sums[self.place], self.shape, None, accumulate=False)


def _tiles(spans: Spans, call: Call, over: Any, whole: bool) -> Iterator[Spans]:
    """Spans in tiles, or as they are; over is how the geometry makes a part of itself of them."""
    if whole:
        yield spans
        return
    itemsize = call.compute.itemsize

    def cost(groups: int, images: int, *extents: int) -> int:
        found = over(images, [(0, extent) for extent in extents])
        elements = sum(found[0].sizes) if found else prod((images, *extents))
        return groups * itemsize * elements

    sizes = [length(span) for span in spans]
    longest = max(axis.extent for axis in call.geometry.axes)
    least = [min(WINDOWS_A_TILE * longest, size) for size in sizes[1:]]
    budget = max(TILE_BYTES, cost(1, 1, *least))
    shape = tile_shape((1, *sizes), cost, budget, WINDOWS_A_TILE * longest // 2)
    for tile in tiles((1, *sizes), shape):
        each = zip((tile.images, *tile.spans), spans, strict=True)
        yield tuple((begin + first, begin + last) for (first, last), (begin, _) in each)


def _block(
    results: Iterator[tuple[Spans, Array]], spans: Spans, channels: int, call: Call
) -> Array:
    """The tiles' results, in the caller's axes and dtype."""
    block: Array = None
    for tile, result in results:
        if tile == spans:
            block = result.astype(call.result, copy=False)
            break
        if block is None:
            block = np.empty(_shape(spans, channels), call.result)
        block[index_of(inside(tile, spans))] = result
    if block is None:
        block = np.zeros(_shape(spans, channels), call.result)
    if len(call.geometry.axes) > call.ndim:
        block = block[:, :, 0]
    return block if call.batched else block[0]


def _with_every_axis(a: Array, call: Call) -> Array:
    """The caller's array as the geometry has it: with images, and with two axes at least."""
    if not call.batched:
        a = a[None]
    return a[:, :, None] if len(call.geometry.axes) > call.ndim else a


def _shape(spans: Spans, channels: int) -> tuple[int, ...]:
    images, *positions = map(length, spans)
    return (images, channels, *positions)
