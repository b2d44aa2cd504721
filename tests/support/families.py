"""Families of data that break numerics elsewhere: each draws two operands of one dtype.

The first operand is what a pass slides over (x, or grad_out of dx and dW), and has what the family
is named after; the second is as ordinary as the family allows, so that no product overflows.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np

Array = Any
Rng = np.random.Generator


class Range(NamedTuple):
    """What a dtype can hold, as float64."""

    eps: float
    tiny: float  # the least normal number
    least: float  # the least subnormal one
    most: float
    span: int  # exponents to each side within which products and sums stay normal

    @classmethod
    def of(cls, dtype: Any) -> "Range":
        about = (ml_dtypes if dtype.name == "bfloat16" else np).finfo(dtype)
        tiny, most = float(about.smallest_normal), float(about.max)
        span = min(int(-np.log2(tiny)) // 3, 40)
        return cls(float(about.eps), tiny, float(about.smallest_subnormal), most, span)


def normal(rng: Rng, shape: Sequence[int], _: Range) -> Array:
    return rng.standard_normal(shape)


def uniform(rng: Rng, shape: Sequence[int], _: Range) -> Array:
    return rng.random(shape)


def constant(_: Rng, shape: Sequence[int], __: Range) -> Array:
    return np.full(shape, 0.1)


def integers(rng: Rng, shape: Sequence[int], _: Range) -> Array:
    return rng.integers(-4, 5, shape).astype(float)


def outliers(rng: Rng, shape: Sequence[int], about: Range) -> Array:
    return rng.standard_normal(shape) * np.where(rng.random(shape) < 0.01, 2.0**about.span, 1)


def one_outlier(rng: Rng, shape: Sequence[int], about: Range) -> Array:
    made = rng.standard_normal(shape)
    made.flat[made.size // 2] = 2.0**about.span
    return made


def all_magnitudes(rng: Rng, shape: Sequence[int], about: Range) -> Array:
    return rng.standard_normal(shape) * 2.0 ** rng.integers(-about.span, about.span, shape)


def two_magnitudes(rng: Rng, shape: Sequence[int], about: Range) -> Array:
    powers = np.where(rng.random(shape) < 0.5, about.span, -about.span)
    return rng.standard_normal(shape) * 2.0**powers


def tiny(rng: Rng, shape: Sequence[int], about: Range) -> Array:
    return rng.standard_normal(shape) * about.tiny * 16


def subnormal(rng: Rng, shape: Sequence[int], about: Range) -> Array:
    most = min(round(about.tiny / about.least), 1 << 20)
    return rng.integers(-most, most + 1, shape) * about.least


def cancelling(rng: Rng, shape: Sequence[int], about: Range) -> Array:
    """Every second channel takes away what the one before it had, but for some roundings."""
    made = np.repeat(rng.standard_normal(shape)[:, : (shape[1] + 1) // 2], 2, 1)[:, : shape[1]]
    signs = np.where(np.arange(shape[1]) % 2, -1, 1).reshape(1, -1, *[1] * (len(shape) - 2))
    return made * signs * (1 + 4 * about.eps * rng.standard_normal(shape))


def relu(rng: Rng, shape: Sequence[int], _: Range) -> Array:
    return np.maximum(rng.standard_normal(shape), 0)


def sparse(rng: Rng, shape: Sequence[int], _: Range) -> Array:
    return rng.standard_normal(shape) * (rng.random(shape) < 0.05)


def one_hot(rng: Rng, shape: Sequence[int], _: Range) -> Array:
    made = np.zeros(shape)
    made.flat[rng.integers(made.size)] = 1 / 3
    return made


def alternating(_: Rng, shape: Sequence[int], __: Range) -> Array:
    places = sum(np.indices(shape)[1:])
    return np.where(places % 2, -1.1, 1.1)


def powers_of_two(rng: Rng, shape: Sequence[int], _: Range) -> Array:
    return 2.0 ** rng.integers(-6, 7, shape) * rng.choice([-1.0, 1.0], shape)


def near_overflow(rng: Rng, shape: Sequence[int], about: Range) -> Array:
    """Whose sums of magnitudes, with weights up to 1, stay half below the largest number."""
    terms = 2 * int(np.prod(shape))
    return rng.uniform(-1, 1, shape) * (about.most / terms)


def picture(rng: Rng, shape: Sequence[int], _: Range) -> Array:
    rows, columns = np.indices(shape)[-2:]
    return np.clip(rows * 9 + columns * 5 + rng.integers(0, 40, shape), 0, 255).astype(float)


def bright_half(rng: Rng, shape: Sequence[int], about: Range) -> Array:
    made = rng.standard_normal(shape)
    made[..., : shape[-1] // 2] *= 2.0 ** min(about.span, 20)
    return made


def masked(rng: Rng, shape: Sequence[int], _: Range) -> Array:
    made = rng.standard_normal(shape)
    made[..., shape[-1] // 3 : 2 * shape[-1] // 3] = 0
    return made


def heavy_tailed(rng: Rng, shape: Sequence[int], about: Range) -> Array:
    return np.clip(rng.standard_cauchy(shape), -(2.0**about.span), 2.0**about.span)


def almost_one(rng: Rng, shape: Sequence[int], about: Range) -> Array:
    """All digits set: their sums round the most often."""
    return (2 - about.eps) * np.ones(shape) * rng.choice([-1, 1, 1, 1], shape)


def zeros(_: Rng, shape: Sequence[int], __: Range) -> Array:
    return -np.zeros(shape)


def with_nan(rng: Rng, shape: Sequence[int], _: Range) -> Array:
    made = rng.standard_normal(shape)
    made.flat[[made.size // 3, made.size - 1]] = np.nan
    return made


def with_infinities(rng: Rng, shape: Sequence[int], _: Range) -> Array:
    made = rng.standard_normal(shape)
    made.flat[[0, made.size // 2, made.size // 2 + 1]] = np.inf, -np.inf, np.inf
    return made


Family = Callable[[Rng, Sequence[int], Range], Array]
FAMILIES: dict[str, Family] = {
    family.__name__.replace("_", " "): family
    for family in (
        normal, uniform, constant, integers, outliers, one_outlier, all_magnitudes, two_magnitudes,
        tiny, subnormal, cancelling, relu, sparse, one_hot, alternating, powers_of_two,
        near_overflow, picture, bright_half, masked, heavy_tailed, almost_one, zeros, with_nan,
        with_infinities,
    )
}  # fmt: skip
# Of these both operands are drawn alike; of the others the second is normal, or in (-1, 1).
ALIKE = {"uniform", "constant", "integers", "cancelling", "alternating", "powers of two",
         "almost one", "relu", "sparse"}  # fmt: skip


def draw(
    name: str, seed: int, shapes: tuple[Sequence[int], Sequence[int]], dtype: Any
) -> tuple[Array, Array]:
    """Both operands, of their shapes, in this dtype."""
    rng, dtype = np.random.default_rng([seed, len(name)]), np.dtype(dtype)
    about, family = Range.of(dtype), FAMILIES[name]
    second: Family = family if name in ALIKE else _ordinary

    def of(which: Family, shape: Sequence[int]) -> Array:
        if dtype.kind != "c":
            return which(rng, shape, about).astype(dtype)
        made = np.empty(shape, dtype)
        made.real, made.imag = which(rng, shape, about), which(rng, shape, about)
        return made

    with np.errstate(over="ignore", under="ignore"):
        return of(family, shapes[0]), of(second, shapes[1])


def _ordinary(rng: Rng, shape: Sequence[int], _: Range) -> Array:
    return rng.uniform(-1, 1, shape)
