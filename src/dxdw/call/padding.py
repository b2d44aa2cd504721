"""Padding by other than zeros, and its adjoint.

Reflect mirrors x without repeating its edge, replicate repeats the edge, circular goes on at the
other end. So each border copies a part of the inside: pad writes the borders from there, axis by
axis; its adjoint goes back through the axes and adds each border's gradient to where it came from.
"""

from collections.abc import Iterator
from math import prod
from typing import Any

from ..core.arrays import Array, add_at, device_of, element_size, namespace, put
from ..core.geometry import ConvGeometry

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
        first, last, b, a = axis.before, axis.before + axis.size, axis.before, axis.after
        sources = {
            "reflect": (slice(first + 1, first + 1 + b), slice(last - 1 - a, last - 1)),
            "replicate": (slice(first, first + 1), slice(last - 1, last)),
            "circular": (slice(last - b, last), slice(first, first + a)),
        }[geometry.padding_mode]
        earlier = (slice(None),) * d
        for border, source in zip((slice(0, b), slice(last, last + a)), sources, strict=True):
            if border.stop > border.start:
                later = inside[d + 1 :]
                yield d, (*earlier, border, *later), (*earlier, source, *later)
