"""Padding by other than zeros, and its adjoint.

Reflect mirrors x without repeating its edge, replicate repeats the edge, circular goes on at the
other end. So each border copies a part of the inside: pad writes the borders from there, axis by
axis; its adjoint goes back through the axes and adds each border's gradient to where it came from.
"""

from collections.abc import Iterator
from math import prod
from typing import Any

from ..core.arrays import Array, add_at, device_of, element_size, namespace, put
from ..core.geometry import Axis, ConvGeometry, Span

Index = tuple[slice, ...]


def pad(x: Array, geometry: ConvGeometry) -> Array:
    """x of geometry.x_shape with its padding: of geometry.prepadded.x_shape."""
    xp = namespace(x)
    padded = xp.empty(geometry.prepadded.x_shape, dtype=x.dtype, device=device_of(x))
    padded = put(padded, _inside(geometry), x)
    for d, border, source in _borders(geometry):
        values = padded[source]
        if geometry.padding_mode == "reflect":
            values = xp.flip(values, axis=d)
        padded = put(padded, border, values)
    return padded


def fold(dx: Array, geometry: ConvGeometry) -> Array:
    """The adjoint of pad: dx of the padded x, which may be written into, to dx of x."""
    xp = namespace(dx)
    for d, border, source in reversed(list(_borders(geometry))):
        values = dx[border]
        if geometry.padding_mode == "reflect":
            values = xp.flip(values, axis=d)
        elif geometry.padding_mode == "replicate":
            values = xp.sum(values, axis=d, keepdims=True)
        dx = add_at(dx, source, values)
    return xp.asarray(dx[_inside(geometry)], copy=True)


def held(geometry: ConvGeometry, dtype: Any) -> int:
    """Bytes of the padded x, or of its gradient."""
    return prod(geometry.prepadded.x_shape) * element_size(dtype)


def _inside(geometry: ConvGeometry) -> Index:
    """Where x stands in the padded x."""
    every = slice(None)
    return (every, every, *(slice(a.before, a.before + a.size) for a in geometry.axes))


def _borders(geometry: ConvGeometry) -> Iterator[tuple[int, Index, Index]]:
    """Every border of the padded x in the order of writing: its axis, and where it copies from.

    Along earlier axes a border is as long as the padded x, for their borders are there already;
    along later ones as long as x.
    """
    inside = _inside(geometry)
    for d, axis in enumerate(geometry.axes, start=2):
        earlier, later = (slice(None),) * d, inside[d + 1 :]
        for border, (start, stop) in borders(axis, geometry.padding_mode):
            source = slice(axis.before + start, axis.before + stop)
            yield d, (*earlier, slice(*border), *later), (*earlier, source, *later)


def borders(axis: Axis, mode: str) -> Iterator[tuple[Span, Span]]:
    """Those of an axis that are there: where on the padded axis, and from where on x's own."""
    size, before, after = axis.size, axis.before, axis.after
    sources = {
        "reflect": ((1, 1 + before), (size - 1 - after, size - 1)),
        "replicate": ((0, 1), (size - 1, size)),
        "circular": ((size - before, size), (0, after)),
    }[mode]
    places = ((0, before), (before + size, before + size + after))
    for place, source in zip(places, sources, strict=True):
        if place[1] > place[0]:
            yield place, source
