"""How far each element may be from the exact one: what `explain` says of an engine, as numbers."""

from typing import Any

import numpy as np

from ..call.plan import engines, is_compiled
from ..core.arrays import Array
from ..core.problem import Problem, direct_factor
from ..engines import fft
from .winograd_limit import winograd_limit


def limits(
    name: str, problem: Problem, first: Array, second: Array, exact: Array, magnitudes: Array
) -> Array:
    """The bound of each element of a result of NumPy arrays by the engine of that name.

    magnitudes: the exact result of |first| and |second|. To each bound comes what products are
    rounded by that are too small for all digits.
    """
    wide = _in_float64(problem) if name == "reference" else problem
    if name == "fft":
        limit = fft.growth(wide) * _norms(wide, first, second)
    elif name == "winograd":
        limit = winograd_limit(wide, first, second)
    else:
        kernel = engines()[name]
        sums = not is_compiled(name) or kernel.sums
        limit = (direct_factor(wide) if sums else kernel.growth(wide)) * magnitudes
    limit = limit + _small_products(name, wide)
    stored = problem.dtype if problem.stored is None else np.dtype(problem.stored)
    return limit if stored == wide.dtype else limit + _rounding(exact, limit, stored)


def _in_float64(problem: Problem) -> Problem:
    wide = np.complex128 if np.dtype(problem.dtype).kind == "c" else np.float64
    return problem._replace(dtype=np.dtype(wide))


def _norms(problem: Problem, first: Array, second: Array) -> Array:
    """‖first‖₂·‖second‖₂ over a group's channels: of the image that the tiles are part of."""
    groups, spatial = problem.geometry.groups, (1,) * (first.ndim - 2)
    of_first = first.reshape(len(first), groups, -1, *first.shape[2:])
    if problem.kind == "dW":
        of_second = second.reshape(len(second), groups, -1, *second.shape[2:])
        grad, x = (_norm(np.moveaxis(a, 0, 2), 2) for a in (of_first, of_second))
        return (grad[:, :, None] * x[:, None]).reshape(*problem.result_shape[:2], *spatial)
    kernels = second.reshape(groups, -1, *second.shape[1:])
    if problem.kind == "dx":
        kernels = np.swapaxes(kernels, 1, 2)
    images, channels = _norm(of_first, 2), _norm(kernels, 2)
    return (images[:, :, None] * channels).reshape(problem.geometry.batch, -1, *spatial)


def _norm(a: Array, kept: int) -> Array:
    """Over all but the first axes."""
    flat = np.abs(a.reshape(*a.shape[:kept], -1)).astype(np.longdouble)
    return np.sqrt((flat * flat).sum(-1))


def _small_products(name: str, problem: Problem) -> float:
    """Half of the least number for each product, or for each point of a transform."""
    least = float(np.finfo(problem.dtype).smallest_subnormal)
    count = fft.transform_points(problem) if name == "fft" else problem.terms
    return count * least / 2 * (2**1.5 if problem.dtype.kind == "c" else 1)


def _rounding(exact: Array, limit: Array, stored: Any) -> Array:
    """Of one rounding to a narrower dtype."""
    about = _finfo(stored)
    least = float(about.smallest_subnormal) * (2**0.5 if stored.kind == "c" else 1)  # both parts'
    return float(about.eps) / 2 * (np.abs(exact) + limit) + least / 2


def _finfo(dtype: Any) -> Any:
    if dtype.name != "bfloat16":
        return np.finfo(dtype)
    import ml_dtypes

    about: Any = ml_dtypes.finfo
    return about(dtype)
