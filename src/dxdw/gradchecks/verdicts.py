"""What is said of one derivative: right, wrong, or why neither."""

from math import isfinite

from .differences import FARTHEST, Estimate
from .reals import Real

RIGHT = "right"
NOT_CHECKED = "not checked"
UNDECIDED = "undecided"
NOT_DIFFERENTIABLE = "not differentiable"
WRONG = "wrong"
VERDICTS = (RIGHT, NOT_CHECKED, UNDECIDED, NOT_DIFFERENTIABLE, WRONG)  # the worse, the later


def verdict(
    estimate: Estimate,
    got: Real,
    vjp_noise: float,
    *,
    rtol: float,
    visible: float,
    size: float,
    typical: float,
    least: float,
) -> str:
    """Compare a gradient with the estimate of the derivative.

    Args:
        estimate: of the derivative.
        got: the gradient that vjp returned.
        vjp_noise: the bound of its rounding error.
        rtol: a relative error that the user takes for none.
        visible: the relative error that must not pass unseen.
        size: what that is relative to, where it is more than the derivative.
        typical: the size of the other gradients of this argument.
        least: the smallest number that their type has in full precision.
    """
    if not isfinite(got):
        return WRONG
    bound = estimate.bound + vjp_noise
    if abs(got - estimate.slope) > bound + rtol * abs(estimate.slope):
        return WRONG
    # An error e is seen for certain if e > 2·bound: the estimate may be off to the same side.
    if 2 * bound <= visible * max(abs(estimate.slope), abs(got), size):
        return RIGHT
    # Of a zero there is no share to see: small beside the others will do, or less than the type has
    # digits for, or that nothing moved.
    nothing = estimate.still and estimate.slope == 0 and estimate.reach >= FARTHEST
    if got == 0 and (2 * bound <= max(visible**2 * typical, least) or nothing):
        return RIGHT
    if estimate.kink > estimate.noise + estimate.truncation:
        return NOT_DIFFERENTIABLE
    return UNDECIDED
