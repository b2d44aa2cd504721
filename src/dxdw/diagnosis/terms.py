"""dx or dW as the sum of its terms, each of which can be made to read or to land wrongly.

The backward pass is one walk over (n,o,c,i,j,u,v). For each the gradient G is read at `g`, the
kernel is met at `w`, and the image at `at`:

    dx[at] += G[g] · W[w]          dW[w] += G[g] · x[at]

A mistake changes one of the three maps, drops terms, lets a later term overwrite an earlier one, or
changes what is read. So mistakes compose, and one description serves both results.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from math import prod
from typing import Any, NamedTuple

import numpy as np

from ..core.arrays import Array
from .problem import Geometry, Problem

AXES = "nocijuv"
OUTSIDE = ("crop", "wrap")


class Impossible(Exception):
    """The mistake can't be made here: an index lies outside, so the function would crash."""


class _Right(NamedTuple):
    """What is the same for all problems of the same sizes: the axes, and the three right maps."""

    grid: tuple[Array, ...]
    first: Array  # the first channel of o's group
    g: tuple[Array, ...]
    w: tuple[Array, ...]
    at: tuple[Array, ...]
    inside: Array | None  # where `at` is in the image; None: everywhere
    flat: dict[str, Array]  # the maps as places in the raveled arrays
    nothing: Array  # zeros, one for each term


@lru_cache(maxsize=64)
def _right(spans: tuple[int, ...], image: tuple[int, int], geometry: Geometry) -> _Right:
    grid = np.ogrid[tuple(slice(span) for span in spans)]
    n, o, c, i, j, u, v = grid
    (s, r), (p, q), (d, e), groups = geometry
    first = o // (spans[1] // groups) * spans[2]
    rows, columns = i * s + u * d - p, j * r + v * e - q
    inside = (rows >= 0) & (rows < image[0]) & (columns >= 0) & (columns < image[1])
    clipped = rows.clip(0, image[0] - 1), columns.clip(0, image[1] - 1)
    maps = {"g": (n, o, i, j), "w": (o, c, u, v), "at": (n, first + c, rows, columns)}
    channels = spans[2] * groups
    flat = {
        "g": _flat(maps["g"], (spans[0], spans[1], spans[3], spans[4])),
        "w": _flat(maps["w"], (spans[1], spans[2], spans[5], spans[6])),
        "at": _flat((n, first + c, *clipped), (spans[0], channels, *image)),
    }
    where = None if inside.all() else inside
    nothing = np.zeros(spans, np.intp)
    return _Right(grid, first, maps["g"], maps["w"], maps["at"], where, flat, nothing)


def _flat(index: Sequence[Any], shape: tuple[int, ...]) -> Array:
    flat: Array = ((index[0] * shape[1] + index[1]) * shape[2] + index[2]) * shape[3] + index[3]
    return flat


class Terms:
    """The terms of one result for one problem, right until a mistake changes them."""

    def __init__(self, problem: Problem, result: str) -> None:
        self.problem = problem
        self.result = result
        self.G, self.x, self.W = problem.grad_out, problem.x, problem.W
        self.spans = (*self.G.shape[:2], self.W.shape[1], *self.G.shape[2:], *self.W.shape[2:])
        self.stride, self.padding, self.dilation, _ = problem.geometry
        right = _right(self.spans, self.x.shape[2:], problem.geometry)
        self._right = right
        self.n, self.o, self.c, self.i, self.j, self.u, self.v = right.grid
        self.first = right.first
        self.g: list[Any] = [*right.g]
        self.w: list[Any] = [*right.w]
        self.at: list[Any] = [*right.at]
        self.kept: list[Array] = []
        self.overwrites: str | None = None  # the loops in whose order terms replace each other
        self.truncates: str | None = (
            None  # the loops after whose steps the sum is cut to an integer
        )
        self.after: list[Callable[[Array], Array]] = []
        self.own_factor = False  # dx from x and dW from W, each from itself

    def window(
        self,
        stride: tuple[int, int] | None = None,
        padding: tuple[int, int] | None = None,
        dilation: tuple[int, int] | None = None,
    ) -> list[Array]:
        """Rows and columns of the image that the windows reach."""
        s, p, d = stride or self.stride, padding or self.padding, dilation or self.dilation
        return [
            self.i * s[0] + self.u * d[0] - p[0],
            self.j * s[1] + self.v * d[1] - p[1],
        ]

    @property
    def left_over(self) -> tuple[int, int]:
        """Rows and columns of the padded image behind the last window of a stride."""
        reached = [
            (out - 1) * s + (k - 1) * d + 1 - 2 * p
            for out, s, k, d, p in zip(
                self.spans[3:5], self.stride, self.spans[5:], self.dilation, self.padding,
                strict=True,
            )
        ]  # fmt: skip
        return self.x.shape[2] - reached[0], self.x.shape[3] - reached[1]

    def touched(self) -> frozenset[str]:
        """What is no longer as it was, but for the terms that were dropped."""
        changed = {which for which in ("g", "w", "at") if not self._same(which)}
        p = self.problem
        pairs = {"G": (self.G, p.grad_out), "x": (self.x, p.x), "W": (self.W, p.W)}
        return frozenset(changed | {name for name, (a, b) in pairs.items() if a is not b})

    def keep(self, mask: Array) -> None:
        """Drop the terms where mask is False."""
        self.kept.append(mask)

    def move(self, which: str, axis: int, by: int, outside: str) -> None:
        """Read or write so many rows or columns further on; what is outside wraps or is dropped."""
        index = getattr(self, which)
        size = self.shape(which)[axis]
        moved = index[axis] + by
        if outside == "wrap":
            index[axis] = moved % size
        else:
            self.keep((moved >= 0) & (moved < size))
            index[axis] = np.minimum(np.maximum(moved, 0), size - 1)

    def turn(self, which: str, rows: bool, columns: bool) -> None:
        """Read or write from the end of rows, or columns, to their beginning."""
        index = getattr(self, which)
        for axis, turned in ((2, rows), (3, columns)):
            if turned:
                index[axis] = self.shape(which)[axis] - 1 - index[axis]

    def cut(self, start: Array, taps: Array, axis: int) -> Array:
        """Of slices that begin at `start` what NumPy reads where they end outside x; 0 is rows.

        Raises:
            Impossible: it does not fit what it is combined with.
        """
        k, step = self.W.shape[axis + 2], self.dilation[axis]
        there = (-(-(self.x.shape[axis + 2] + self.padding[axis] - start) // step)).clip(0, k)
        # A slice of one row is broadcast over all of dW's; dx refuses to be added to.
        if not np.all((there == k) | ((there == 1) & (self.result == "dW"))):
            raise Impossible
        found: Array = np.where(there == k, taps, 0)
        return found

    def total(self) -> Array:
        """The result.

        Raises:
            Impossible: an index of G or W lies outside.
        """
        self._refuse_outside("g")
        self._refuse_outside("w")
        mask = self._inside()
        for part in self.kept:
            mask = part if mask is None else mask & part
        g, w, at = (self._places(which) for which in ("g", "w", "at"))
        of_W, of_x = (self.W, w), (self.x, at)
        (target, place), factor = (of_x, of_W) if self.result == "dx" else (of_W, of_x)
        met, where = (target, place) if self.own_factor else factor
        values, shape = self.G.ravel()[g] * met.ravel()[where], target.shape
        out = self._add(values, place, mask, prod(shape)).reshape(shape)
        for change in self.after:
            out = change(out)
        return out

    def contributions(
        self, place: tuple[int, ...]
    ) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
        """Of the right terms those that go to a place: where G, and where W or x, is read."""
        to, other = (self.at, self.w) if self.result == "dx" else (self.w, self.at)
        here = np.ones((), bool)
        for index, k in zip(to, place, strict=True):
            here = here & (index == k)
        for index, size in zip(self.at[2:], self.shape("at")[2:], strict=True):
            here = here & (index >= 0) & (index < size)
        where = np.nonzero(np.broadcast_to(here, self.spans))
        read = [
            [np.broadcast_to(index, self.spans)[where].tolist() for index in indices]
            for indices in (self.g, other)
        ]
        return [
            (tuple(g), tuple(o))
            for g, o in zip(zip(*read[0], strict=True), zip(*read[1], strict=True), strict=True)
        ]

    def shape(self, which: str) -> tuple[int, ...]:
        """Of what a map is an index into."""
        of: Array = {"g": self.G, "w": self.W, "at": self.x}[which]
        shape: tuple[int, ...] = of.shape
        return shape

    def _places(self, which: str) -> Array:
        index = getattr(self, which)
        if self._same(which):
            return self._right.flat[which]
        if which == "at":
            sizes = self.x.shape[2:]
            near = [np.minimum(np.maximum(a, 0), n - 1)
                    for a, n in zip(index[2:], sizes, strict=True)]  # fmt: skip
            index = [*index[:2], *near]
        return _flat(index, self.shape(which))

    def _same(self, which: str) -> bool:
        pairs = zip(getattr(self, which), getattr(self._right, which), strict=True)
        return all(a is b for a, b in pairs)

    def _refuse_outside(self, which: str) -> None:
        for a, right, size in zip(
            getattr(self, which), getattr(self._right, which), self.shape(which), strict=True
        ):
            if a is not right and (a.max() >= size or a.min() < 0):
                raise Impossible

    def _inside(self) -> Array | None:
        """Where `at` lies in the image; None: everywhere."""
        if self._same("at"):
            return self._right.inside
        mask = None
        for index, size in zip(self.at[2:], self.x.shape[2:], strict=True):
            valid = (index >= 0) & (index < size)
            mask = valid if mask is None else mask & valid
        return mask

    def _add(self, values: Array, place: Array, mask: Array | None, size: int) -> Array:
        if self.overwrites is None and self.truncates is None:
            if mask is not None:
                values = np.where(mask, values, 0.0)
            # Two mistakes take tens of thousands of these sums. Adding zeros spreads an index
            # over all terms in 0.6 of the time that broadcast_to takes.
            nothing = self._right.nothing
            if values.shape != self.spans:
                values = values + nothing
            return np.bincount((place + nothing).ravel(), values.ravel(), size)
        loops = self.overwrites or self.truncates or ""
        order = [AXES.index(a) for a in loops]
        order += [k for k in range(len(AXES)) if k not in order]
        steps = prod(self.spans[k] for k in order[: len(loops)])
        values, place, mask = (
            np.broadcast_to(a, self.spans).transpose(order).reshape(steps, -1)
            for a in (values, place, np.ones((), bool) if mask is None else mask)
        )
        if self.truncates is not None:
            return _truncating(values, place, mask, size)
        step = np.broadcast_to(np.arange(steps)[:, None], place.shape)
        last = np.full(size, -1)
        np.maximum.at(last, place[mask], step[mask])
        values = np.where(mask & (step == last[place]), values, 0.0)
        return np.bincount(place.ravel(), values.ravel(), size)


def _truncating(values: Array, place: Array, mask: Array, size: int) -> Array:
    """As `+=` of an integer array does it: whatever is stored loses its fraction."""
    out = np.zeros(size)
    for value, where, valid in zip(values, place, mask, strict=True):
        out = np.trunc(out + np.bincount(where[valid], value[valid], size))
    return out
