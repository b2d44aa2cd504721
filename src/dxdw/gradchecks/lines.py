"""The lines along which derivatives are taken."""

from typing import NamedTuple

import numpy as np

from ..core.arrays import Array
from .reals import Point, Real


class Pair(NamedTuple):
    """The two ends of a difference."""

    up: Point
    down: Point
    width: Real  # what the difference of f is divided by
    slip: Real  # what rounding the ends did to that difference


class Coordinate(NamedTuple):
    """One real of one argument changes."""

    point: Point
    argument: int
    k: int
    unit: float

    def ends(self, step: float) -> Pair | None:
        """At ±step units; None where the precision has no such points."""
        x = self.point[self.argument]
        up, down = x.copy(), x.copy()
        with np.errstate(over="ignore"):
            up[self.k] += x.dtype.type(step * self.unit)
            down[self.k] -= x.dtype.type(step * self.unit)
        width = np.longdouble(up[self.k]) - np.longdouble(down[self.k])
        if not down[self.k] < x[self.k] < up[self.k] or not np.isfinite(width):
            return None
        ends = replaced(self.point, self.argument, up), replaced(self.point, self.argument, down)
        return Pair(*ends, width, 0.0)

    @property
    def own(self) -> float:
        """How many units make the number itself; 1 where it is zero."""
        return abs(float(self.point[self.argument][self.k])) / self.unit or 1.0

    def imaginary(self, step: float) -> tuple[Point, float]:
        """The point moved by a step along the imaginary axis, and how long that is."""
        x = self.point[self.argument]
        z = x.astype(np.result_type(x.dtype, np.complex64))
        z[self.k] += 1j * step * self.unit
        return replaced(self.point, self.argument, z), float(z[self.k].imag)


class Direction(NamedTuple):
    """All reals of one argument change at once, along a vector."""

    point: Point
    argument: int
    v: Array
    gradient: Array  # vjp's; only what rounding the ends does is taken from it
    own: float = 1.0

    def ends(self, step: float) -> Pair | None:
        x = self.point[self.argument]
        with np.errstate(over="ignore"):
            up = (x + step * self.v).astype(x.dtype)
            down = (x - step * self.v).astype(x.dtype)
        moved = up.astype(self.v.dtype) - down
        if not np.isfinite(moved).all():
            return None
        slip = np.dot(self.gradient, moved - 2 * step * self.v)
        ends = replaced(self.point, self.argument, up), replaced(self.point, self.argument, down)
        return Pair(*ends, 2 * step, slip)


Line = Coordinate | Direction


def replaced(point: Point, argument: int, x: Array) -> Point:
    """The point with one argument's reals exchanged."""
    return [x if i == argument else other for i, other in enumerate(point)]
