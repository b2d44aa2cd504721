"""The derivative along a coordinate by a complex step.

    φ' = Im φ(x + ih) / h + O(h²)      for φ analytic and real on the real line

Nothing is subtracted, so h can be so small that h² is nothing, and the derivative comes out to
rounding. Its rounding error is measured by steps whose digits differ: three of them, and their
spread. A function that isn't analytic (abs, conj, a norm by conj(z)·z) has no such derivative, and
nothing in its value would tell: `check` compares a few directions with central differences first.

Source: Squire & Trapp, "Using complex variables to estimate derivatives of real functions", SIAM
Review 40, 1998.
"""

from collections.abc import Callable

import numpy as np

from ..core.arrays import Array
from .differences import NOISE_FACTOR, UNKNOWN, Estimate
from .lines import Coordinate
from .reals import Point, root_sum

STEPS = (1.0, 0.7, 0.55)  # no multiples by a power of two: they would round alike


def complex_step(f: Callable[[Point], Array], grad_out: Array, line: Coordinate) -> Estimate:
    """The derivative, from the imaginary parts of f's outputs in a row."""
    x = line.point[line.argument]
    info = np.finfo(np.result_type(x.dtype, np.complex64))
    eps = float(info.eps)
    slopes = []
    for factor in STEPS:
        point, h = line.imaginary(factor * eps**2)
        if not h:  # too small for the type
            return UNKNOWN
        slopes.append(f(point) / h)
    terms = grad_out * np.stack(slopes)
    each = terms.sum(1)
    # What f's imaginary part is rounded to, and what of it is too small for its type.
    ulps = np.maximum(eps * np.abs(slopes[0]), float(info.smallest_subnormal) / h)
    noise = NOISE_FACTOR * max(float(np.ptp(each)), float(root_sum(grad_out * ulps)))
    return Estimate(each.mean(), h, noise, still=not terms.any())
