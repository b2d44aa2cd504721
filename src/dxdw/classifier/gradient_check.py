"""The TinyCNN's own gradients against finite differences of its loss."""

from math import inf, isfinite
from typing import NamedTuple

import numpy as np

from ..core.arrays import Array
from ..layers import max_pool_2d, max_pool_2d_backward, softmax_cross_entropy
from .digits import Digits
from .tinycnn import POOL, TinyCNN
from .training import one_blas_thread

STEPS = (1e-5, 1e-6, 1e-7)


class GradientCheck(NamedTuple):
    """What a check found."""

    worst: float  # the largest relative error
    where: str  # and the array it was in
    compared: int
    on_kinks: int  # parameters left out


def check_gradients(
    model: TinyCNN, digits: Digits, *, seed: int = 0, per_array: int = 10
) -> GradientCheck:
    """Compare gradients with central differences, for parameters drawn from every array.

        |gradient − (loss(p + h) − loss(p − h)) / 2h|  /  the largest |gradient| of its array

    in float64. With one parameter moving, everything up to the logits moves on straight lines but
    for the kinks of relu and max-pool. A difference across a kink is no derivative, so it is known
    from the same units being active and the same pixels winning at both ends that there is none in
    between; else h is made smaller, and at last the parameter is left out, and counted.

    Args:
        model: is not changed, and may be of any dtype.
        digits: whose mean loss is taken.
        seed: of the draw.
        per_array: how many parameters of each array.
    """
    model = model.astype(np.float64)
    digits = Digits(digits.images.astype(np.float64), digits.labels)
    return one_blas_thread(_checked, model, digits, np.random.default_rng(seed), per_array)


def _checked(
    model: TinyCNN, digits: Digits, rng: np.random.Generator, per_array: int
) -> GradientCheck:
    errors, on_kinks = [(0.0, "no array")], 0
    _, gradients = model.loss_and_gradients(*digits)
    for name, gradient in gradients.items():
        largest = np.abs(gradient).max() or 1.0
        for i in rng.choice(gradient.size, min(per_array, gradient.size), replace=False):
            slope = _slope(model, digits, name, i)
            if slope is None:
                on_kinks += 1
                continue
            error = abs(gradient.flat[i] - slope) / largest
            errors.append((float(error) if isfinite(error) else inf, name))
    worst, where = max(errors)
    return GradientCheck(worst, where, len(errors) - 1, on_kinks)


def _slope(model: TinyCNN, digits: Digits, name: str, i: int) -> float | None:
    """The central difference of the loss along one parameter; None where it is next to a kink."""
    values = model.parameters[name].flat
    middle = values[i]
    try:
        for step in STEPS:
            values[i] = up = middle + step
            loss_up, pattern_up = _loss_and_pattern(model, digits)
            values[i] = down = middle - step
            loss_down, pattern_down = _loss_and_pattern(model, digits)
            if all(map(np.array_equal, pattern_up, pattern_down)):
                return float((loss_up - loss_down) / (up - down))
    finally:
        values[i] = middle
    return None


def _loss_and_pattern(model: TinyCNN, digits: Digits) -> tuple[float, tuple[Array, ...]]:
    """The loss, and which units are active and which pixels win their window."""
    a = model.forward(digits.images)
    loss, _ = softmax_cross_entropy(a.logits, digits.labels)
    ones = np.ones(max_pool_2d(a.relu2, POOL, POOL).shape)
    winners = max_pool_2d_backward(ones, a.relu2, POOL, POOL)
    return loss, (a.conv1 > 0, a.conv2 > 0, winners > 0)
