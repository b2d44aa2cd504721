"""Padding by other than zeros, and its adjoint.

Reflect mirrors x without repeating its edge, replicate repeats the edge, circular goes on at the
other end. The adjoint adds the gradient of each padded position to the position it was copied from.
"""

from .engines.libraries import Array, add_at, device_of, namespace
from .geometry import Axis, ConvGeometry


def pad(x: Array, geometry: ConvGeometry) -> Array:
    """x of geometry.x_shape with its padding: of geometry.prepadded.x_shape."""
    xp = namespace(x)
    for d, axis in enumerate(geometry.axes, start=2):
        if axis.before or axis.after:
            sources = axis.padding_sources(geometry.padding_mode)
            x = xp.take(x, xp.asarray(sources, device=device_of(x)), axis=d)
    return x


def fold(dx: Array, geometry: ConvGeometry) -> Array:
    """The adjoint of pad: dx of the padded x to dx of x."""
    for d, axis in enumerate(geometry.axes, start=2):
        if axis.before or axis.after:
            dx = _fold_axis(dx, d, axis, geometry.padding_mode)
    return dx


def _fold_axis(dx: Array, d: int, axis: Axis, mode: str) -> Array:
    xp = namespace(dx)

    def along(first: int, last: int) -> tuple[slice, ...]:
        return (slice(None),) * d + (slice(first, last),)

    size, b, a = axis.size, axis.before, axis.after
    borders = dx[along(0, b)], dx[along(b + size, b + size + a)]
    if mode == "reflect":
        borders = tuple(xp.flip(border, axis=d) for border in borders)
        places = along(1, b + 1), along(size - 1 - a, size - 1)
    elif mode == "circular":
        places = along(size - b, size), along(0, a)
    else:
        borders = tuple(xp.sum(border, axis=d, keepdims=True) for border in borders)
        places = along(0, 1), along(size - 1, size)
    dx = xp.asarray(dx[along(b, b + size)], copy=True)
    for place, border in zip(places, borders, strict=True):
        dx = add_at(dx, place, border)
    return dx
