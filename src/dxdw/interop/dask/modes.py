"""Padding by other than zeros, of Dask arrays: borders copied from the inside, and their adjoint.

As call/padding.py does it in memory, axis by axis. A border is cut from the chunks it lies in;
what is padded is convolved as any other array, without padding.
"""

from collections.abc import Iterator

import dask.array as da

from ...call.padding import borders
from ...core.geometry import Axis, ConvGeometry

DASKS = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def padded(geometry: ConvGeometry) -> ConvGeometry:
    """Of what pad returns: without a mode, which parts of it would have of their own borders."""
    return geometry if geometry.padding_mode == "zeros" else geometry.prepadded


def pad(x: da.Array, geometry: ConvGeometry, ndim: int) -> da.Array:
    """x with the borders of its positions; x itself where these are zeros."""
    if not geometry.explicit_padding:
        return x
    for d, axis in _axes(x, geometry, ndim):
        widths = [(0, 0)] * x.ndim
        widths[d] = axis.before, axis.after
        x = da.pad(x, widths, mode=DASKS[geometry.padding_mode])
    return x


def fold(dx: da.Array, geometry: ConvGeometry, ndim: int) -> da.Array:
    """The adjoint of pad: each border's gradient added to where the border came from."""
    if not geometry.explicit_padding:
        return dx
    for d, axis in reversed(list(_axes(dx, geometry, ndim))):
        end = axis.before + axis.size
        inner = _part(dx, d, axis.before, end)
        for place, (start, stop) in borders(axis, geometry.padding_mode):
            border = _part(dx, d, *place)
            if geometry.padding_mode == "reflect":
                border = da.flip(border, d)
            elif geometry.padding_mode == "replicate":
                border = border.sum(axis=d, keepdims=True)
            widths = [(0, 0)] * dx.ndim
            widths[d] = start, axis.size - stop
            inner = inner + da.pad(border, widths).rechunk(inner.chunks)
        dx = inner
    return dx


def _axes(a: da.Array, geometry: ConvGeometry, ndim: int) -> Iterator[tuple[int, Axis]]:
    """The axes with borders, as the caller's array has them."""
    for d, axis in enumerate(geometry.axes[-ndim:], start=a.ndim - ndim):
        if axis.before or axis.after:
            yield d, axis


def _part(a: da.Array, d: int, first: int, last: int) -> da.Array:
    return a[(slice(None),) * d + (slice(first, last),)]
