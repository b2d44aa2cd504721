"""The derivative along a line by central differences, and a bound of its error.

For a step h, with φ = ⟨grad_out, f⟩ along the line and d± the one-sided differences of f,

    C(h) = (φ(h) − φ(−h)) / 2h  =  φ' + φ'''·h²/6 + …
    W(h) = Σ_j |grad_out_j| · |d₊_j − d₋_j| / h  =  Σ_j |grad_out_j·f_j''|·h + …

Steps go down by factors of r = 4. At each of them stand two estimates of φ', C(h) itself and
Richardson's E(h) = C(h) + (C(h) − C(rh))/(r² − 1), whose error is of the order h⁴. The bound of the
error of an estimate is the sum of

    noise       κ · √(Σ_j (grad_out_j·σ_j)²) / (√2·h), over the outputs that the line moves
    hidden      √(Σ_j (grad_out_j·ulp_j)²) / h_max, over those that it does not move: they may hide
                a slope too flat to be seen at the largest step h_max. The ulp of a zero is the
                smallest number of its type: what is less has become zero (underflow)
    truncation  how far the estimate is from the same at the next larger step: 15 times the error
                of C and 255 times that of E where the series above has begun to hold; and from C
                at the next smaller step, if that is more than noise explains
    kink        half of W's limit for h → 0, extrapolated from two steps: (r·W(h) − W(rh))/(r − 1)

σ_j is the measured rounding error of the output (`noise`). From small
steps to large ones the smallest bound wins, as long as its interval meets those of all smaller
steps, which have more noise but are not misled by what f does further away (Lepski's rule), and
until bounds rise again. W's limit is
zero where f is smooth. Where f has a kink at the point, or nearer to it than any step that noise
allows, it is the jump of the slope, and every gradient between the two one-sided ones, which are
subgradients, lies within the bound. A kink further away is left behind as the steps get smaller.

Sources: Ridders, "Accurate computation of F'(x) and F'(x)F''(x)", 1982, for the use of two
extrapolated estimates as a bound; Gill, Murray, Saunders & Wright, "Computing forward-difference
intervals for numerical optimization", 1983, for noise against truncation; Lepski, "On a problem of
adaptive estimation in Gaussian white noise", 1990, for the choice among steps.
"""

from collections.abc import Callable
from math import inf, isfinite, sqrt
from typing import NamedTuple

import numpy as np

from ..core.arrays import Array
from .lines import Line
from .reals import Point, Precision, Real, root_sum

# Standard deviations of rounding noise: measured from a dozen samples they may be a few times too
# small, and a rounding error is hardly ever more than two of the true ones. Over 1,260 checks of
# right gradients of functions without kinks the largest error was 0.55 of its bound.
NOISE_FACTOR = 6.0
RATIO = 4.0
SIXTH = 924.0  # 1² + 6² + 15² + 20² + 15² + 6² + 1²
HIGHEST = -10  # a million units, for arguments that are tiny beside what they are added to


class Estimate(NamedTuple):
    """A derivative along a line, and the parts of the bound of its error."""

    slope: Real
    step: float  # half the distance of the points, in the argument's unit
    noise: float = 0.0
    truncation: float = 0.0
    kink: float = 0.0
    rung: int = 0
    still: bool = False  # no output moved
    reach: float = inf  # the largest step at which they were looked at, in units

    @property
    def bound(self) -> float:
        return self.noise + self.truncation + self.kink


UNKNOWN = Estimate(np.nan, np.nan, noise=inf)
FARTHEST = RATIO**-HIGHEST
FALLEN = 0.8 / RATIO
RISEN = 4.0  # times the best bound: truncation has begun, and what comes after is another function


class Rung(NamedTuple):
    """What one step gives."""

    half: float  # h
    slope: Real  # C
    bend: float  # W
    sigma: Array  # the standard deviation of each term of φ


class Differences:
    """Central differences of ⟨grad_out, f⟩ around a point."""

    def __init__(
        self,
        f: Callable[[Point], Array],
        value: Array,
        grad_out: Array,
        noise: Array,
        precision: Precision,
    ) -> None:
        self.f, self.value, self.grad_out = f, value, grad_out
        self.noise, self.precision = noise, precision
        self.wide = value.dtype.type
        # (A zero hides a slope whose values are too small for its type, and no other.)
        self.ulps = grad_out * precision.spacing(value)
        # Rounding errors grow with the values that are rounded.
        size = float(root_sum(value))
        self.relative = float(root_sum(noise)) / size if size else 0.0
        self.eps = float(np.max(precision.eps, initial=0)) or float(np.finfo(np.float64).eps)

    def along(
        self,
        line: Line,
        enough: Callable[[Estimate], bool],
        doubtful: Callable[[Estimate], bool],
    ) -> Estimate:
        """The best estimate, or the first that is enough. A doubtful one is measured again."""
        # So that E's truncation and noise are about even for a function of scale 1.
        first = int(0.08 * -np.log2(self.eps))
        ladder = _Ladder(self, line, first)
        for p in range(first, first + 3):
            ladder.add(p)
        if not enough(ladder.best):
            ladder.descend(first + 3, enough)
        if not enough(ladder.best):
            ladder.ascend(first - 1, enough)
        if doubtful(ladder.best):
            ladder.measure_again()
        return ladder.best


class _Ladder:
    """The steps of one line: rung p is the step of r^−p units."""

    def __init__(self, differences: Differences, line: Line, first: int) -> None:
        self.of, self.line, self.first = differences, line, first
        self.rungs: dict[int, Rung] = {}
        self.moved = np.zeros(len(differences.value), bool)
        self.best = UNKNOWN
        self.reach = 0.0
        self._noise: dict[int, float] = {}
        self._measured = 0.0  # standard deviation of φ's noise at the ends, where it was measured

    def descend(self, p: int, enough: Callable[[Estimate], bool]) -> None:
        """Smaller steps, until noise alone is more than the best bound."""
        while RATIO**-p > self.of.eps**2 and self.add(p):
            if enough(self.best):
                return
            # Far from a small number f may look smooth, and be another function near it.
            near = RATIO**-p <= self.line.own / 16
            if near and p in self.rungs and self.noise(p) >= self.best.bound:
                return
            p += 1

    def ascend(self, p: int, enough: Callable[[Estimate], bool]) -> None:
        """Larger steps, until two of them are of no use."""
        useless = 0
        while p >= HIGHEST and useless < 2:
            before = self.best
            if not self.add(p):
                self.reach = inf
                self.best = self._best()
                return
            if enough(self.best):
                return
            if p in self.rungs and self.best.bound >= before.bound and self.moved.any():
                useless += 1
            p -= 1

    def add(self, p: int) -> bool:
        """Take the step of rung p; False where the precision has no points for it."""
        pair = self.line.ends(RATIO**-p)
        if pair is None:
            return False
        of = self.of
        up, down = of.f(pair.up), of.f(pair.down)
        forward, back = up - of.value, of.value - down
        if not (np.isfinite(forward).all() and np.isfinite(back).all()):
            return True  # outside of the domain of f
        half = float(pair.width / 2)
        largest = np.maximum(np.abs(up), np.abs(down))
        sigma = np.maximum(of.noise, of.relative * largest)
        sigma = np.maximum(sigma, of.precision.spacing(largest) / 4)
        self.rungs[p] = Rung(
            half,
            (np.dot(of.grad_out, forward + back) - pair.slip) / of.wide(pair.width),
            float(np.dot(np.abs(of.grad_out), np.abs(forward - back)) / half),
            np.abs(of.grad_out * sigma),
        )
        moved = self.moved | (forward != 0) | (back != 0)
        if p == min(self.rungs) or (moved != self.moved).any():
            self._noise.clear()
        self.moved = moved
        self.reach = max(self.reach, RATIO**-p)
        self.best = self._best()
        return True

    def measure_again(self) -> None:
        """Measure the noise at the ends of differences: of the best step, and of the first ones.

        It may be more than at the point: for larger values, and where something inside f is rounded
        so coarsely that it stood still around the point. Of the first steps the median counts, for
        the largest of them may end at a pole.
        """
        usual = [level for p in range(self.first, self.first + 3) for level in self._levels(p)]
        best = self._levels(self.best.rung)
        self._measured = max(float(np.median(usual or [0.0])), *best, 0.0)
        self._noise.clear()
        self.best = self._best()

    def _levels(self, p: int) -> list[float]:
        """The standard deviation of φ's noise at both ends of a step, where f is finite.

        By sixth differences, as `dxdw.gradchecks.noise` does by fourth ones, of points so near to
        each other that f itself does not show in them.
        """
        pairs = [self.line.ends(RATIO**-p * (1 + i / 61)) for i in range(-4, 5)]
        f, g, value = self.of.f, self.of.grad_out, self.of.value
        levels = []
        for ends in ([pair and pair.up for pair in pairs], [pair and pair.down for pair in pairs]):
            phi = [np.nan if end is None else np.dot(g, f(end) - value) for end in ends]
            sixth = np.diff(phi, 6)
            level = float(root_sum(sixth)) / sqrt(len(sixth) * SIXTH)
            levels += [level] if isfinite(level) else []
        return levels

    def noise(self, p: int) -> float:
        """The part of the bound that is noise and what it hides."""
        if p not in self._noise:
            rung = self.rungs[p]
            sigma = max(float(root_sum(rung.sigma[self.moved])), self._measured)
            noise = NOISE_FACTOR * sigma / (sqrt(2) * rung.half)
            hidden = float(root_sum(self.of.ulps[~self.moved]))
            self._noise[p] = noise + hidden / max(r.half for r in self.rungs.values())
        return self._noise[p]

    def _best(self) -> Estimate:
        """The smallest bound, going up as long as the bounds of smaller steps are respected."""
        best = UNKNOWN
        low: Real = -inf
        high: Real = inf
        for p in sorted(self.rungs, reverse=True):
            if p - 1 not in self.rungs:
                continue
            here = self._estimate(p)
            low, high = max(low, here.slope - here.bound), min(high, here.slope + here.bound)
            if low > high or here.bound > RISEN * best.bound:
                break
            best = min(best, here, key=lambda e: e.bound)
        return best

    def _estimate(self, p: int) -> Estimate:
        """C or E at rung p, with the smaller bound."""
        here, above = self.rungs[p], self.rungs[p - 1]
        kink = max(0.0, self._jump(p)) / 2
        if here.bend < FALLEN * above.bend:  # faster than a smooth f: a kink just inside the step
            kink = max(kink, here.bend / 2)
        if p + 1 in self.rungs:
            # A kink further away makes W concave, which hides one that is here at every step.
            rough = self.rungs[p + 1].sigma[self.moved].sum() / self.rungs[p + 1].half
            kink = max(kink, (self._jump(p + 1) - 2 * float(rough)) / 2)
        change = here.slope - above.slope
        noise = self.noise(p)
        still = not self.moved.any()
        plain = Estimate(
            here.slope, here.half, noise, float(abs(change)), kink, p, still, self.reach
        )
        if p - 2 not in self.rungs:
            return self._below(p, plain)
        before = above.slope - self.rungs[p - 2].slope
        # A change that happens to be small is no proof: it should be 1/r² of the one before.
        plain = plain._replace(truncation=float(max(abs(change), abs(before) / RATIO**2)))
        extrapolated = here.slope + change / (RATIO**2 - 1)
        apart = abs(extrapolated - above.slope - before / (RATIO**2 - 1))
        if abs(change) > abs(before) / RATIO:  # the series has not begun to hold
            apart = max(apart, abs(change))
        extrapolation = plain._replace(slope=extrapolated, truncation=float(apart))
        candidates = self._below(p, plain), self._below(p, extrapolation)
        return min(candidates, key=lambda e: e.bound)

    def _jump(self, p: int) -> float:
        """W's limit for h → 0, from rung p and the one above."""
        return (RATIO * self.rungs[p].bend - self.rungs[p - 1].bend) / (RATIO - 1)

    def _below(self, p: int, estimate: Estimate) -> Estimate:
        """With the distance from the next smaller step, where noise does not explain it."""
        if p + 1 not in self.rungs:
            return estimate
        apart = abs(estimate.slope - self.rungs[p + 1].slope)
        if apart <= self.noise(p + 1) / 2:
            return estimate
        return estimate._replace(truncation=max(estimate.truncation, float(apart)))
