"""Padding by other than zeros, of Dask arrays: borders copied from the inside, and their adjoint.

As padding.py does it in memory, axis by axis. A border is cut from the chunks it lies in; what is
padded is convolved as any other array, without padding.
"""

from collections.abc import Iterator

import dask.array as da

from ...core.geometry import Axis, ConvGeometry

DASKS = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def padded(geometry: ConvGeometry) -> ConvGeometry:
    """Of what pad returns."""
    return geometry.prepadded if geometry.explicit_padding else geometry


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
        for border, start in _borders(dx, d, axis, geometry.padding_mode):
            size = border.shape[d]
            widths = [(0, 0)] * dx.ndim
            widths[d] = start, axis.size - start - size
            inner = inner + da.pad(border, widths).rechunk(inner.chunks)
        dx = inner
    return dx


def _axes(a: da.Array, geometry: ConvGeometry, ndim: int) -> Iterator[tuple[int, Axis]]:
    """The axes with borders, as the caller's array has them."""
    for d, axis in enumerate(geometry.axes[-ndim:], start=a.ndim - ndim):
        if axis.before or axis.after:
            yield d, axis


def _borders(dx: da.Array, d: int, axis: Axis, mode: str) -> Iterator[tuple[da.Array, int]]:
    """The gradient of both borders, and at which position of x it belongs."""
    before, after, size = axis.before, axis.after, axis.size
    sources = {
        "reflect": (1, size - 1 - after),
        "replicate": (0, size - 1),
        "circular": (size - before, 0),
    }[mode]
    spans = ((0, before), (before + size, before + size + after))
    for (first, last), source in zip(spans, sources, strict=True):
        if last > first:
            border = _part(dx, d, first, last)
            if mode == "reflect":
                border = da.flip(border, d)
            elif mode == "replicate":
                border = border.sum(axis=d, keepdims=True)
            yield border, source


def _part(a: da.Array, d: int, first: int, last: int) -> da.Array:
    return a[(slice(None),) * d + (slice(first, last),)]
