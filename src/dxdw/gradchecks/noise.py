"""How large the rounding errors of a function are: measured, not guessed.

Along a line of evenly spaced points a smooth function has small fourth differences, and rounding
errors have large ones. If the errors ε at the points are independent and of standard deviation σ,

    Δ⁴ε[i] = ε[i] − 4ε[i+1] + 6ε[i+2] − 4ε[i+3] + ε[i+4],      E(Δ⁴ε)² = 70·σ²

so that σ² is the mean of (Δ⁴f)²/70. The points have to be so close that the function's own fourth
difference, of the order of the fourth power of the spacing, is nothing beside σ; and not so close
that the function takes the same value at several of them, for then its errors are the same too.
So the spacing starts at a few units in the last place and grows: at the second, of hundreds, a
larger error counts as well, and the third is for outputs that did not move before.

All points are exact in floating point: else the rounding of the points would be measured. Their
distances are no round numbers: for multiples of a unit in the last place of something inside the
function, its rounding errors would all be the same. Zeros stay zeros: they round nothing, and whole
layers of a network may stand on a kink for them.

Source: Moré & Wild, "Estimating computational noise", SIAM J. Sci. Comput. 33, 2011 (ECnoise). New
here: all outputs at once, several lines, and only the fourth order.
"""

from collections.abc import Callable

import numpy as np

from ..core.arrays import Array
from .reals import Point, Precision, root_sum

LINES = 3
POINTS = 9
SCALES = 3
ALWAYS = 2  # of the scales: what is inside the function may stand still while its output moves
MEAN_SQUARE = 70  # 1² + 4² + 6² + 4² + 1²


def noise(
    function: Callable[[Point], Array],
    point: Point,
    value: Array,
    precision: Precision,
    rng: np.random.Generator,
) -> Array:
    """The standard deviation of the rounding error of every output.

    It is never taken for less than a quarter of a unit in the last place: about as much is lost
    when the output is stored.

    Args:
        function: of reals.
        point: where.
        value: what the function is there.
        precision: of its outputs.
        rng: draws the lines.
    """
    found = np.zeros_like(value)
    still = np.ones(len(value), bool)
    for scale in range(SCALES):
        table = np.stack([_line(function, point, value, scale, rng) for _ in range(LINES)], 1)
        level = np.sqrt(1 / ((POINTS - 4) * LINES * MEAN_SQUARE))
        level = level * root_sum(np.diff(table, 4, axis=0), axis=(0, 1))
        level[~np.isfinite(level)] = 0  # next to the edge of the domain
        found = np.where(still | (scale < ALWAYS), np.maximum(found, level), found)
        still &= np.mean(np.diff(table, axis=0) == 0, axis=(0, 1)) > 0.5
        # A zero that does not move has no error that anyone could see.
        if scale >= ALWAYS - 1 and not (still & (value != 0)).any():
            break
    return np.maximum(found, precision.spacing(value) / 4)


def _line(
    function: Callable[[Point], Array],
    point: Point,
    value: Array,
    scale: int,
    rng: np.random.Generator,
) -> Array:
    """The values at the points of one line: (points, outputs)."""
    steps = []
    for x in point:
        info = np.finfo(x.dtype)
        relative = (8 * info.eps, min(512 * info.eps, 0.03), info.eps**0.25 / 8)[scale]
        reach = np.abs(x) * relative
        if scale:
            # A small number may be added to one as large as the others; but f may have its kink or
            # its pole at zero, so the line stays on this side of it.
            reach = np.maximum(reach, np.minimum(typical_size(x) * relative, np.abs(x) / 64))
        # All points are multiples of it, being less than twice x.
        unit = 2 * np.maximum(np.spacing(np.abs(x)), info.smallest_subnormal).astype(np.longdouble)
        counts = np.rint(reach * rng.uniform(1, 3, len(x)) / unit)
        sign = np.where(x == 0, 0, rng.choice([-1, 1], len(x)))
        steps.append((sign * unit * np.maximum(counts, 1)).astype(x.dtype))
    middle = POINTS // 2
    return np.stack([
        function([x + x.dtype.type(i) * d for x, d in zip(point, steps, strict=True)])
        if i
        else value
        for i in range(-middle, middle + 1)
    ])  # fmt: skip


def typical_size(x: Array) -> float:
    """The root mean square of the numbers that are not zero; 1 if there are none."""
    wide = x[x != 0].astype(np.longdouble)
    return float(root_sum(wide) / np.sqrt(wide.size)) if wide.size else 1.0
