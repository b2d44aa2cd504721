"""Every compiled kernel on every problem that it takes: digests of the bits, and the errors."""

from collections.abc import Iterator
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple

import numpy as np

from ..call import passes
from ..core.arrays import Array, summed_in
from ..core.geometry import ConvGeometry
from ..core.problem import Execution, Kind, Problem
from ..engines import native
from .limits import limits
from .problems import DTYPES, PROBLEMS, operands

OPERANDS: dict[Kind, tuple[str, str]] = {
    "forward": ("x", "W"),
    "dx": ("grad_out", "W"),
    "dW": ("grad_out", "x"),
}


class Trial(NamedTuple):
    """The passes of a problem by one kernel."""

    kernel: str
    problem: str
    dtype: str
    passes: tuple[str, ...]
    digest: str
    error: float  # the largest over its bound
    threads_agree: bool

    @property
    def name(self) -> str:
        """What it is published by."""
        return f"{self.kernel}: {self.problem}, {self.dtype}"


def trials(dtypes: tuple[str, ...] = DTYPES) -> Iterator[Trial]:
    """Them all, one after another; none where there are no kernels."""
    for name in PROBLEMS:
        for dtype in dtypes:
            for kernel in native.kernels():
                if (trial := _trial(kernel, name, dtype)) is not None:
                    yield trial


def _trial(kernel: str, name: str, dtype: str) -> Trial | None:
    geometry, given = PROBLEMS[name].geometry, operands(PROBLEMS[name], dtype)
    done, digest, error, agree = [], sha256(), 0.0, True
    for kind, (one, other) in OPERANDS.items():
        problem = _problem(kind, geometry, given["x"])
        if native.kernels()[kernel].declines(problem):
            continue
        first, second = given[one], given[other]
        result = _run(kind, first, second, geometry, Execution(engine=kernel))
        alone = _run(kind, first, second, geometry, Execution(engine=kernel, threads=1))
        agree = agree and result.tobytes() == alone.tobytes()
        digest.update(kind.encode() + result.tobytes())
        exact = _exact(name, dtype, kind)
        limit = limits(kernel, problem, first.astype(float), second.astype(float), *exact)
        over = abs(result.astype(float) - exact[0]) / limit
        error = max(error, float(over.max()) if np.isfinite(over).all() else float("inf"))
        done.append(kind)
    if not done:
        return None
    return Trial(kernel, name, dtype, tuple(done), digest.hexdigest()[:12], error, agree)


def _problem(kind: Kind, geometry: ConvGeometry, x: Array) -> Problem:
    wide = summed_in(x.dtype)
    return Problem(kind, geometry, wide, stored=None if wide == x.dtype else x.dtype.name)


def _run(kind: Kind, first: Array, second: Array, geometry: ConvGeometry, how: Execution) -> Array:
    return getattr(passes, kind)(first, second, geometry, how)


@lru_cache(maxsize=3)
def _exact(name: str, dtype: str, kind: Kind) -> tuple[Array, Array]:
    """The result and that of magnitudes, by NumPy's products in float64.

    It has such sums exactly: of multiples of 2⁻⁴⁰, and of fewer than 2¹³.
    """
    given, how = operands(PROBLEMS[name], dtype), Execution(engine="array")
    first, second = (given[operand].astype(np.float64) for operand in OPERANDS[kind])
    geometry = PROBLEMS[name].geometry
    return (
        _run(kind, first, second, geometry, how),
        _run(kind, abs(first), abs(second), geometry, how),
    )
