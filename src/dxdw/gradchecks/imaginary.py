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
from math import sqrt

import numpy as np

from ..core.arrays import Array
from .differences import NOISE_FACTOR, Estimate
from .lines import Coordinate
from .reals import Point

STEPS = (1.0, 0.7, 0.55)  # no multiples by a power of two: they would round alike


def complex_step(f: Callable[[Point], Array], grad_out: Array, line: Coordinate) -> Estimate:
    """The derivative, from the imaginary parts of f's outputs in a row."""
    x = line.point[line.argument]
    eps = float(np.finfo(np.result_type(x.dtype, np.complex64)).eps)
    slopes = []
    for factor in STEPS:
        point, h = line.imaginary(factor * eps**2)
        slopes.append(f(point) / h)
    terms = grad_out * np.stack(slopes)
    each = terms.sum(1)
    rounding = eps * sqrt(np.sum(terms[0] ** 2))
    noise = NOISE_FACTOR * max(float(np.ptp(each)), rounding)
    return Estimate(each.mean(), h, noise)
