"""A backward pass to be computed: its operands, its geometry, and what is right."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ..convolution import conv2d_backward
from ..core.arrays import Array
from ..core.kept import kept

OPERANDS = ("grad_out", "x", "W")


class Geometry(NamedTuple):
    """How the windows lie: of the rows and of the columns."""

    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1


PLAIN = Geometry()
_MOST_PLACES = 512


def places(shape: Sequence[int]) -> list[tuple[int, ...]]:
    """Every place of an array; of a large one, which much padding makes, as many as there is time
    for, at random, for evenly spaced ones may all lie in one column.
    """
    chosen = np.arange(math.prod(shape))
    if len(chosen) > _MOST_PLACES:
        chosen = np.sort(np.random.default_rng(0).choice(chosen, _MOST_PLACES, replace=False))
    return [tuple(int(k) for k in np.unravel_index(place, shape)) for place in chosen]


class Sizes(NamedTuple):
    """Of a problem, in the order in which a loop would name them."""

    C_in: int
    C_out: int
    kH: int
    kW: int
    outH: int
    outW: int
    N: int = 1


@dataclass(frozen=True)
class Problem:
    """grad_out (N, C_out, outH, outW), x (N, C_in, H, W) and W (C_out, C_in/groups, kH, kW)."""

    grad_out: Array
    x: Array
    W: Array
    geometry: Geometry = PLAIN

    @kept
    def expected(self) -> dict[str, Array]:
        """The right answer, by the definition's loops."""
        g = self.geometry
        grad_out, x, W = (np.asarray(a, np.float64) for a in (self.grad_out, self.x, self.W))
        found = conv2d_backward(
            grad_out,
            x,
            W,
            g.padding,
            g.stride,
            dilation=g.dilation,
            groups=g.groups,
            needs=("dx", "dW", "db"),
            engine="reference",
        )
        return found._asdict()

    @property
    def sizes(self) -> Sizes:
        """Channels, kernel, output, batch."""
        N, C_out, outH, outW = self.grad_out.shape
        kH, kW = self.W.shape[2:]
        return Sizes(self.x.shape[1], C_out, kH, kW, outH, outW, N)

    def tolerance(self, name: str, eps: float) -> float:
        """What rounding can do to an element, by any method in a precision of that eps.

        A direct sum of n products errs by at most n·eps·‖a‖·‖b‖ (Cauchy and Schwarz), a Fourier
        transform by a few eps·log₂(size)·‖a‖·‖b‖; 64 stands for these few.
        """
        return float((self.grad_out.size + self.W.size + 64) * eps * self.norms[name])

    @kept
    def norms(self) -> dict[str, float]:
        """The most that an element of each result can be: ‖grad_out‖ times ‖W‖ or ‖x‖."""
        others = {"dx": self.W, "dW": self.x, "db": np.ones(1)}
        norm = float(np.linalg.norm(self.grad_out))
        return {name: norm * float(np.linalg.norm(a)) for name, a in others.items()}

    @kept
    def impulses(self) -> "tuple[tuple[tuple[int, ...], Problem], ...]":
        """For places of grad_out, each and the same with a 1 there and zeros beside it."""
        found = []
        for place in places(self.grad_out.shape):
            G = np.zeros_like(self.grad_out)
            G[place] = 1
            found.append((place, self.with_grad_out(G)))
        return tuple(found)

    def with_grad_out(self, grad_out: Array) -> "Problem":
        """The same x and W, another grad_out."""
        return replace(self, grad_out=grad_out)


@dataclass(frozen=True)
class Roomy(Problem):
    """A problem whose x goes on past the last window: no proper call, but one that shows more of a
    function that reaches past it.
    """

    @kept
    def expected(self) -> dict[str, Array]:
        """The right answer: dx is 0 in the room."""
        room = [n - m for n, m in zip(self.x.shape[2:], self._reached, strict=True)]
        rows, columns = self._reached
        proper = Problem(self.grad_out, self.x[:, :, :rows, :columns], self.W, self.geometry)
        dx = np.pad(proper.expected["dx"], [(0, 0), (0, 0), *((0, n) for n in room)])
        return {**proper.expected, "dx": dx}

    @property
    def _reached(self) -> tuple[int, int]:
        kH, kW = self.W.shape[2:]
        return self.grad_out.shape[2] + kH - 1, self.grad_out.shape[3] + kW - 1


def roomy(problem: Problem) -> Roomy:
    """The same with three more rows and columns, at stride 1 without padding and dilation."""
    x = (
        np.random.default_rng(3)
        .integers(1, 10, np.add(problem.x.shape, (0, 0, 3, 3)))
        .astype(float)
    )
    x[:, :, : problem.x.shape[2], : problem.x.shape[3]] = problem.x
    return Roomy(problem.grad_out, x, problem.W)


# Never all equal, so that no exchanged pair of axes goes unseen; then square in one respect after
# the other, for a function that takes that for granted; and at last as many channels in as out, and
# nothing else alike, for one that exchanges them. Two of each kind.
_SEED_SIZES = (
    Sizes(2, 3, 2, 3, 3, 4),
    Sizes(3, 2, 3, 2, 5, 3),
    Sizes(2, 3, 2, 2, 3, 5),
    Sizes(3, 2, 3, 3, 4, 2),
    Sizes(2, 3, 2, 3, 4, 4),
    Sizes(3, 2, 3, 2, 3, 3),
    Sizes(2, 3, 3, 3, 4, 4),
    Sizes(3, 2, 2, 2, 3, 3),
    Sizes(2, 2, 3, 3, 4, 4),
    Sizes(3, 3, 2, 2, 3, 3),
    Sizes(2, 2, 3, 2, 2, 4),
    Sizes(3, 3, 2, 3, 4, 2),
)
# The first three have several sizes of 1, and then one after the other is 1 alone.
_EDGE_SIZES = (
    Sizes(2, 3, 1, 1, 3, 2),
    Sizes(3, 2, 2, 3, 1, 1),
    Sizes(1, 1, 2, 2, 2, 3),
    *(Sizes(2, 3, 3, 2, 3, 2)._replace(**{name: 1})
      for name in ("C_in", "C_out", "kH", "kW", "outH", "outW")),
)  # fmt: skip
# Each size larger than any above in two of them, so that one that is written as a number shows, as
# the 3 channels of a coloured image do; few products, for loops of Python's.
_LARGE_SIZES = (
    Sizes(4, 5, 4, 5, 5, 4),
    Sizes(16, 17, 2, 2, 2, 3),
    Sizes(17, 2, 9, 2, 2, 9),
    Sizes(2, 16, 2, 11, 9, 2),
    Sizes(2, 2, 11, 12, 2, 2),
    Sizes(2, 2, 2, 2, 20, 21),
)
_MANY_IMAGES = 9
_MOST_IN_LARGE = 2**15  # elements of x, which a stride and a dilation spread


def integers(
    sizes: Sizes, geometry: Geometry, seed: int, remainder: tuple[int, int] = (0, 0)
) -> Problem:
    """Random integers of −9…9: sums of their products are exact in any order.

    None is 0, but for a few of grad_out where the seed is odd.
    `remainder` rows and columns of x lie past the last window of a stride.
    """
    rng = np.random.default_rng(seed)
    image = [n + more for n, more in zip(_image(sizes, geometry), remainder, strict=True)]

    def draw(*shape: int) -> Array:
        return rng.integers(1, 10, shape) * rng.choice([-1.0, 1.0], shape)

    grad_out = draw(sizes.N, sizes.C_out, sizes.outH, sizes.outW)
    if seed % 2 and grad_out.size > 4:
        grad_out.flat[2::5] = 0
    return Problem(
        grad_out,
        draw(sizes.N, sizes.C_in, *image),
        draw(sizes.C_out, sizes.C_in // geometry.groups, sizes.kH, sizes.kW),
        geometry,
    )


@lru_cache(maxsize=8)
def others(geometry: Geometry, batched: bool) -> tuple[Problem, ...]:
    """The probes' sizes with ones of either sign, whose sums are often 0, and with larger numbers.

    What comes of sizes alone comes of these as well.
    """
    return tuple(redrawn(p, most) for p in probes(geometry, batched) for most in (1, 99))


def redrawn(problem: Problem, most: int) -> Problem:
    """The same sizes with other integers, from −most to most without 0."""
    rng = np.random.default_rng(most)
    G, x, W = (
        rng.integers(1, most + 1, a.shape) * rng.choice([-1.0, 1.0], a.shape)
        for a in (problem.grad_out, problem.x, problem.W)
    )
    return Problem(G, x, W, problem.geometry)


def _image(sizes: Sizes, geometry: Geometry) -> list[int]:
    """The least rows and columns of x."""
    spans = zip(
        (sizes.outH, sizes.outW), (sizes.kH, sizes.kW), geometry.stride, geometry.padding,
        geometry.dilation, strict=True,
    )  # fmt: skip
    return [(out - 1) * s + (k - 1) * d + 1 - 2 * p for out, k, s, p, d in spans]


@lru_cache(maxsize=8)  # with their right answers, which take the definition's loops longest
def probes(geometry: Geometry, batched: bool) -> tuple[Problem, ...]:
    """The problems whose answers tell the mistakes apart: the first two of unequal sizes."""
    found = []
    for seed, sizes in enumerate(_SEED_SIZES):
        # As many images as channels in some problems, and another number in others.
        N = 2 + (seed + seed // 2) % 2 if batched else 1
        found.append(_fitted(sizes, geometry, N, seed, _remainder(geometry, seed)))
    return tuple(found)


def _remainder(geometry: Geometry, number: int) -> tuple[int, int]:
    """What a stride leaves over: 0, the most, 1, the most but one, … in turn.

    A padding hides what is no more than it, so that a stride of 3 has to leave 2 over as well.
    """
    rows, columns = (
        [s - 1 - n // 2 if n % 2 else n // 2 for n in range(s)] for s in geometry.stride
    )
    return rows[number % len(rows)], columns[number % len(columns)]


@lru_cache(maxsize=8)
def edges(geometry: Geometry, batched: bool) -> tuple[Problem, ...]:
    """Kernels of 1×1 and of the whole image, one channel, each size of 1 by itself, large sizes."""
    sized = [(sizes, 1 + batched) for sizes in _EDGE_SIZES]
    sized += [(_SEED_SIZES[0], N) for N in (1, _MANY_IMAGES)] if batched else []
    for sizes in _LARGE_SIZES:
        fitted = _fitted_sizes(sizes, geometry, 1 + batched)
        if fitted.N * fitted.C_in * math.prod(_image(fitted, geometry)) <= _MOST_IN_LARGE:
            sized.append((sizes, 1 + batched))
    return tuple(
        _fitted(sizes, geometry, N, 100 + n, _remainder(geometry, n))
        for n, (sizes, N) in enumerate(sized)
    )


def smallest_first(geometry: Geometry, batched: bool) -> Iterator[Problem]:
    """Problems of few elements, for the smallest that fails."""
    ranges = [
        (1, 2),
        (1, 2),
        (1, 2, 3),
        (1, 2, 3),
        (1, 2, 3),
        (1, 2, 3),
        (1, 2) if batched else (1,),
    ]
    every = [Sizes(*map(int, s)) for s in np.stack(np.meshgrid(*ranges), -1).reshape(-1, 7)]
    every.sort(key=lambda s: (s.C_in * s.C_out * s.kH * s.kW * s.outH * s.outW * s.N, sum(s), s))
    over = range(max(geometry.stride))
    for sizes in every:
        if geometry.groups == 1 or sizes.C_in % 2 == 0:
            for more in over:
                remainder = tuple(min(more, s - 1) for s in geometry.stride)
                yield _fitted(sizes, geometry, sizes.N, 7, (remainder[0], remainder[1]))


# Of x, in float64, 8 MiB; of grad_out less, for many are made of one, with a 1 here and there.
_MOST_ELEMENTS = {"x": 2**20, "grad_out": 2**15, "W": 2**20}


def largest(geometry: Geometry, batched: bool) -> tuple[float, str]:
    """How many times too large the largest array of all these problems is, and that in words."""
    found = []
    for sizes in (*_SEED_SIZES, *_EDGE_SIZES):
        fitted = _fitted_sizes(sizes, geometry, 3 if batched else 1)
        C_in, C_out, kH, kW, outH, outW, N = fitted
        spans = zip(_image(fitted, geometry), geometry.stride, geometry.padding, strict=True)
        H, W = (n + s + 2 * p for n, s, p in spans)  # with a remainder, and as it is padded
        per_group = C_in // geometry.groups
        for name, elements in (
            ("x", N * C_in * H * W),
            ("grad_out", N * C_out * outH * outW),
            ("W", C_out * per_group * kH * kW),
        ):
            most = _MOST_ELEMENTS[name]
            said = f"up to {elements} elements of {name}, and {most} are the most"
            found.append((elements / most, said))
    return max(found)


def _fitted(
    sizes: Sizes, geometry: Geometry, N: int, seed: int, remainder: tuple[int, int]
) -> Problem:
    return integers(_fitted_sizes(sizes, geometry, N), geometry, seed, remainder)


def _fitted_sizes(sizes: Sizes, geometry: Geometry, N: int) -> Sizes:
    """The sizes, with channels that the groups divide, and an image that the padding leaves."""
    groups = geometry.groups
    channels = {"C_in": sizes.C_in * groups, "C_out": sizes.C_out * groups} if groups > 1 else {}
    sizes = sizes._replace(N=N, **channels)
    least = [
        -(-(2 * p + 1 - (k - 1) * d - 1) // s) + 1
        for p, k, d, s in zip(
            geometry.padding, (sizes.kH, sizes.kW), geometry.dilation, geometry.stride, strict=True
        )
    ]
    outs = {"outH": max(sizes.outH, least[0]), "outW": max(sizes.outW, least[1])}
    return sizes._replace(**outs)
