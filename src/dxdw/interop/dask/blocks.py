"""What one task computes: a block of the output or of dx, or a block's share of dW and db.

A block's operands come in pieces: a chunk, and what is cut out of its neighbours. They are not put
together, which would write and read memory for a good part of the time that the convolution takes:
2.8 ns a pixel of 8 channels for each operand, where dx and dW together take 35. A convolution is
bilinear, so it is the sum of those of the pieces, each as if beside it were padding: one large one,
and its borders.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...call import operands, passes
from ...call.call import Call
from ...core.arrays import Array, cast, unwarned
from ...core.documentation import pointing_to
from ...core.geometry import Spans
from .fixed_tree import pairwise_sum
from .spans import Starts, common, index_of, inside, length, volume


class Pieces:
    """An operand in pieces, with all axes of the geometry: where each lies, the largest first."""

    def __init__(self, pieces: Iterable[tuple[Spans, Array]], channels: int, dtype: Any) -> None:
        self._pieces = sorted(pieces, key=lambda piece: -volume(piece[0]))
        self._channels, self._dtype = channels, dtype

    @classmethod
    def of(cls, call: Call, starts: Starts, arrays: Sequence[Array], channels: int) -> "Pieces":
        """Of the caller's arrays."""
        pieces = []
        for start, a in zip(starts, (_numpys(a, "block") for a in arrays), strict=True):
            piece = a if call.batched else a[None]
            if len(call.geometry.axes) > call.ndim:
                piece = piece[:, :, None]
            sizes = (piece.shape[0], *piece.shape[2:])
            spans = tuple((first, first + n) for first, n in zip(start, sizes, strict=True))
            pieces.append((spans, piece))
        return cls(pieces, channels, call.compute)

    def __iter__(self) -> Iterator[tuple[Spans, Array]]:
        return iter(self._pieces)

    def cut(self, piece: Array, spans: Spans, part: Spans) -> Array:
        """Part of a piece, in the dtype to compute in; the piece itself where it is all of it."""
        return cast(piece[index_of(inside(part, spans))], self._dtype)

    def joined(self, spans: Spans) -> "Pieces":
        """One piece with these spans, zero where there was none."""
        whole = _zeros(spans, self._channels, self._dtype)
        for own, piece in self._pieces:
            if both := common(own, spans):
                whole[index_of(inside(both, spans))] = piece[index_of(inside(both, own))]
        return Pieces([(spans, whole)], self._channels, self._dtype)


@dataclass(frozen=True)
class Forward:
    """A block of the output."""

    call: Call
    outputs: Spans
    x: Starts

    def __call__(self, W: Array, bias: Array | None, x: list[Array]) -> Array:
        call, geometry = self.call, self.call.geometry
        W, pieces = call.W(_numpys(W, "W")), Pieces.of(call, self.x, x, geometry.channels_in)
        if not np.isfinite(W).all():
            # Infinity times the zeros of padding is NaN, and between pieces there is no padding.
            pieces = pieces.joined(geometry.windows(self.outputs))

        def parts() -> Iterator[tuple[Spans, Array]]:
            for spans, piece in pieces:
                if found := geometry.part(self.outputs, spans):
                    part, outputs, inputs = found
                    seen = pieces.cut(piece, spans, inputs)
                    yield outputs, passes.forward(seen, W, part, call.how)

        out = _sum(parts(), self.outputs, geometry.channels_out, call)
        bias = None if bias is None else call.bias(_numpys(bias, "bias"))
        return _delivered(passes.with_bias(out, bias), call)


@dataclass(frozen=True)
class InputGradient:
    """A block of dx."""

    call: Call
    inputs: Spans
    grad_out: Starts

    def __call__(self, W: Array, grad_out: list[Array]) -> Array:
        call, geometry = self.call, self.call.geometry
        W = call.W(_numpys(W, "W"))
        pieces = Pieces.of(call, self.grad_out, grad_out, geometry.channels_out)

        def parts() -> Iterator[tuple[Spans, Array]]:
            for spans, piece in pieces:
                if found := geometry.part(spans, self.inputs):
                    part, outputs, inputs = found
                    g = pieces.cut(piece, spans, outputs)
                    yield inputs, passes.dx(g, W, part, call.how)

        return _delivered(_sum(parts(), self.inputs, geometry.channels_in, call), call)


@dataclass(frozen=True)
class ParameterGradients:
    """What a block of grad_out adds to dW and to db, in the dtype that is computed in."""

    call: Call
    names: tuple[str, ...]
    outputs: Spans
    x: Starts

    def __call__(self, grad_out: Array, x: list[Array]) -> tuple[Array, ...]:
        call, geometry = self.call, self.call.geometry
        start = tuple(first for first, _ in self.outputs)
        ((_, g),) = Pieces.of(call, (start,), [grad_out], geometry.channels_out)
        g = cast(g, call.compute)
        results = {}
        if "dW" in self.names:
            results["dW"] = self._dW(g, Pieces.of(call, self.x, x, geometry.channels_in))
        if "db" in self.names:
            results["db"] = passes.db(g)
        return tuple(results[name] for name in self.names)

    def _dW(self, g: Array, x: Pieces) -> Array:
        geometry = self.call.geometry
        every_input = ((0, geometry.batch), *((0, axis.size) for axis in geometry.axes))
        reached = geometry.part(self.outputs, every_input)
        if reached and reached[1] == self.outputs:
            dW = unwarned(self._sum_over, x, g)
            if np.isfinite(dW).all():
                return dW
        # Infinities of grad_out times the zeros of padding are NaN: between pieces there is no
        # padding, and where a window lies in it altogether there is no piece.
        return self._sum_over(x.joined(geometry.windows(self.outputs)), g)

    def _sum_over(self, x: Pieces, g: Array) -> Array:
        call, geometry = self.call, self.call.geometry
        terms = []
        for spans, piece in x:
            if found := geometry.part(self.outputs, spans):
                part, outputs, inputs = found
                seen, g_part = x.cut(piece, spans, inputs), x.cut(g, self.outputs, outputs)
                terms.append((passes.dW(g_part, seen, part, call.how),))
        return pairwise_sum(terms)[0] if terms else np.zeros(geometry.W_shape, call.compute)


@dataclass(frozen=True)
class Delivered:
    """One of the summed gradients, in the caller's shape and dtype."""

    call: Call
    place: int
    shape: tuple[int, ...]

    def __call__(self, sums: tuple[Array, ...]) -> Array:
        return self.call.deliver(sums[self.place], self.shape)


@pointing_to("dask")
def _numpys(a: Array, name: str) -> Array:
    """What a task is given, of NumPy's own type: blocks may be of others than their array tells."""
    return operands.numpy_array(a, name)


def _sum(parts: Iterable[tuple[Spans, Array]], spans: Spans, channels: int, call: Call) -> Array:
    """The sum of results that nobody else holds, each where it belongs."""
    block: Array = None
    for where, part in parts:
        if block is None and where == spans:
            block = part
            continue
        if block is None:
            block = _zeros(spans, channels, call.compute)
        block[index_of(inside(where, spans))] += part
    return _zeros(spans, channels, call.compute) if block is None else block


def _zeros(spans: Spans, channels: int, dtype: Any) -> Array:
    images, *positions = map(length, spans)
    return np.zeros((images, channels, *positions), dtype)


def _delivered(block: Array, call: Call) -> Array:
    """A block in the caller's axes and dtype."""
    block = block.astype(call.result, copy=False)
    if len(call.geometry.axes) > call.ndim:
        block = block[:, :, 0]
    return block if call.batched else block[0]
