"""Strokes of a pen brought to what the network was trained on: 8×8 of ink."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ..classifier.pictures import BITMAP, MOST_SLANT, WIDEST, counted
from ..core.arrays import Array

INK = 0.29  # of the bitmap, about what the data set's digits have
SPACING = 0.04  # between points of a stroke, of the drawing's size
THINNEST, THICKEST = 5.0, 20.0  # the pen's radius, in pixels of the bitmap


def image(strokes: Iterable[Sequence[Sequence[float]]]) -> Array:
    """(8, 8) in float32, 0 for paper and 1 for ink, of lines through points (x, y), y downwards.

    As `dxdw predict` does with pictures, the digit is set upright, as high as the image, and the
    middle of its ink in the middle; its size on the paper does not matter. The pen is as thick as
    gives the ink that the data set's digits have.

    Raises:
        ValueError: there is no stroke, or a point that is no pair of finite numbers.

    >>> image([[(0, 0), (0, 1)]]).round(1)[3]
    array([0. , 0. , 0.2, 1. , 1. , 0.3, 0. , 0. ], dtype=float32)
    """
    points = _points(strokes)
    radius = THINNEST
    for _ in range(2):  # the pen's thickness moves the points, and they its thickness
        placed = _placed(points, radius)
        distance = _distances(placed)
        radius = float(np.clip(np.quantile(distance, INK), THINNEST, THICKEST))
    distance = _distances(_placed(points, radius))
    return counted(np.clip(radius + 0.5 - distance, 0, 1))


def _points(strokes: Iterable[Sequence[Sequence[float]]]) -> Array:
    """Points (x, y) along the strokes, evenly spaced, so that every length has the same weight."""
    lines: list[Array] = []
    for stroke in strokes:
        line = np.array(stroke, np.float64)
        if line.ndim != 2 or line.shape[1] != 2 or not np.isfinite(line).all():
            raise ValueError("a stroke must be a list of points [x, y], both finite")
        lines.append(line)
    if not lines:
        raise ValueError("there is no stroke")
    extent = np.ptp(np.concatenate(lines), axis=0).max() or 1.0
    return np.concatenate([_even(line, SPACING * extent) for line in lines])


def _even(line: Array, spacing: float) -> Array:
    lengths = np.hypot(*np.diff(line, axis=0).T)
    along = np.concatenate(([0.0], np.cumsum(lengths)))
    at = np.linspace(0, along[-1], int(along[-1] / spacing) + 2)
    return np.stack([np.interp(at, along, line[:, axis]) for axis in (0, 1)], 1)


def _placed(points: Array, radius: float) -> Array:
    """Upright and of the data set's size, so that with a pen of that radius the ink fits."""
    x, y = (points - points.mean(0)).T
    slant = (x * y).sum() / max((y * y).sum(), 1e-9)
    x = x - (slant - np.clip(slant, -MOST_SLANT, MOST_SLANT)) * y
    room = BITMAP - 2 * radius, WIDEST - 2 * radius
    height, width = (float(np.ptp(a)) or 1e-9 for a in (y, x))
    scale = min(room[0] / height, 1e6)
    narrower = min(1.0, room[1] / (width * scale))
    left, top = x.min() * scale * narrower, y.min() * scale
    middle = (BITMAP - width * scale * narrower) / 2
    return np.stack([x * scale * narrower - left + middle, y * scale - top + radius], 1)


def _distances(points: Array) -> Array:
    """(128, 128): of each pixel to the nearest point."""
    pixels: Any = np.arange(BITMAP) + 0.5
    nearest = np.full((BITMAP, BITMAP), np.inf)
    for x, y in points:
        np.minimum(nearest, (pixels - x) ** 2 + ((pixels - y) ** 2)[:, None], out=nearest)
    return np.sqrt(nearest)
