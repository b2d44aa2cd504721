"""Winograd's bound, element by element: of an element's tile, and of its own window."""

from typing import Any

import numpy as np

from ..core.arrays import Array
from ..core.geometry import ConvGeometry
from ..core.problem import Problem
from ..engines import native

# Outputs of a tile along an axis, by the taps: of F(4×4, 3×3) and F(2×2, 5×5). Tiles of dW take
# as many of grad_out.
SIDES = {3: 4, 5: 2}


def winograd_limit(problem: Problem, first: Array, second: Array) -> Array:
    """The lesser of both for forward and dx; of dW there is the tile's alone."""
    geometry, growth = problem.geometry, native.kernels()["winograd"].growth(problem)
    first, second = (np.abs(a).astype(np.float64) for a in (first, second))
    if problem.kind == "dW":
        return growth * _of_gradient(geometry, first, second)
    sources = _grouped(first, geometry.groups)
    weights = second.reshape(geometry.groups, -1, *second.shape[1:])  # groups, out, in, taps
    if problem.kind == "dx":
        weights = np.swapaxes(weights, 1, 2)
    in_tile, in_window = [], []
    for d, axis in enumerate(geometry.axes):
        taps, step = geometry.W_shape[2 + d], axis.dilation
        border = (taps - 1) * step - axis.before if problem.kind == "dx" else axis.before
        places, side = np.arange(problem.result_shape[2 + d]), SIDES[taps]
        in_tile.append(_spaced(_starts(places, step, side) - border, side + taps - 1, step))
        in_window.append(_spaced(places - border, taps, step))
    tiles, windows = _pooled(sources, in_tile, np.max), _pooled(sources, in_window, np.sum).sum(2)
    of_tile = np.einsum("ngchw,goc->ngohw", tiles, weights.max((-2, -1)))
    widest = weights.max((-3, -2, -1))[None, :, :, None, None] * windows[:, :, None]
    # Of a window of zeros alone nothing is promised but the tile's.
    of_window = np.where(windows[:, :, None] == 0, np.inf, native.WIDEST_RANGE * widest)
    return (growth * np.minimum(of_tile, of_window)).reshape(problem.result_shape)


def _of_gradient(geometry: ConvGeometry, grad_out: Array, x: Array) -> Array:
    """Σ over the tiles of max|grad_out|·max|x|, the same for all taps."""
    of_x, of_grad = [], []
    for d, axis in enumerate(geometry.axes):
        taps = geometry.W_shape[2 + d]
        side, places = SIDES[taps], np.arange(geometry.out_shape[2 + d])
        starts = np.unique(_starts(places, axis.dilation, side))
        of_grad.append(_spaced(starts, side, axis.dilation))
        of_x.append(_spaced(starts - axis.before, side + taps - 1, axis.dilation))
    largest_x = _pooled(_grouped(x, geometry.groups), of_x, np.max)
    largest_grad = _pooled(_grouped(grad_out, geometry.groups), of_grad, np.max)
    sums = np.einsum("ngohw,ngchw->goc", largest_grad, largest_x)
    return np.broadcast_to(sums.reshape(*geometry.W_shape[:2], 1, 1), geometry.W_shape)


def _starts(places: Array, dilation: int, side: int) -> Array:
    """Of each place the first of its tile: tiles go along the places that are a dilation apart."""
    return places % dilation + places // dilation // side * side * dilation


def _spaced(starts: Array, count: int, dilation: int) -> Array:
    return starts[:, None] + np.arange(count) * dilation


def _pooled(a: Array, places: list[Array], reduced: Any) -> Array:
    """a, reduced over each row of places along its last axes; outside of it there are zeros."""
    for index, axis in zip(places, (-2, -1), strict=True):
        moved = np.moveaxis(a, axis, 0)
        inside = (index >= 0) & (index < len(moved))
        taken = moved[np.where(inside, index, 0)]
        taken = taken * inside.reshape(*inside.shape, *[1] * (taken.ndim - 2))
        a = np.moveaxis(reduced(taken, axis=1), 0, axis)
    return a


def _grouped(a: Array, groups: int) -> Array:
    """Images, groups, channels of a group, positions."""
    return a.reshape(a.shape[0], groups, -1, *a.shape[2:])
