"""A pass to be timed: its operands, and the answer that every way is held to."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from . import usual_ways
from .problems import ConvProblem

Array = Any

# What a pass gives, in this order. "dx+dW" is both in one call.
RESULTS = {"forward": ("out",), "dx": ("dx",), "dW": ("dW",), "dx+dW": ("dx", "dW")}
KINDS = tuple(RESULTS)
DTYPES = ("float32", "float64")


class Way(NamedTuple):
    """A way of doing a pass: what is timed, and how its result becomes NumPy's."""

    call: Callable[[], Any]
    arrays: Callable[[Any], tuple[Array, ...]]


class Operands:
    """x, W and grad_out of a problem, in both dtypes, and the results in float64.

    Drawn in float32, so that one answer serves both dtypes: the numbers are the same.
    """

    def __init__(self, problem: ConvProblem):
        rng = np.random.default_rng(0)
        shapes = (problem.x_shape, problem.W_shape, problem.geometry.out_shape)
        self.problem = problem
        self._drawn = tuple(rng.standard_normal(shape, np.float32) for shape in shapes)
        self._expected: dict[str, Array] = {}

    def task(self, kind: str, dtype: str) -> "Task":
        # Copied also where the dtype is right: what one pass has left in a cache is no other's.
        x, W, grad_out = (np.array(a, dtype, order="C") for a in self._drawn)
        return Task(self.problem, kind, dtype, x, W, grad_out, self)

    def expected(self, name: str) -> Array:
        """A result by loops over the taps in float64, which share no code with dxdw's engines."""
        if name not in self._expected:
            x, W, grad_out = (a.astype(np.float64) for a in self._drawn)
            compute = {
                "out": lambda: usual_ways.taps_forward(x, W, self.problem),
                "dx": lambda: usual_ways.taps_dx(grad_out, W, self.problem),
                "dW": lambda: usual_ways.taps_dW(grad_out, x, self.problem),
            }
            self._expected[name] = compute[name]()
        return self._expected[name]


class Task(NamedTuple):
    """One pass of one problem in one dtype."""

    problem: ConvProblem
    kind: str
    dtype: str
    x: Array
    W: Array
    grad_out: Array
    operands: Operands

    @property
    def needs(self) -> tuple[str, ...]:
        return RESULTS[self.kind]

    @property
    def flops(self) -> int:
        return self.problem.geometry.flops * len(self.needs)

    @property
    def tensor_bytes(self) -> int:
        """Bytes of what is read once and written once: the operands and the results."""
        x, W, out = self.problem.geometry.sizes
        # One pass reads two of the three and writes the third.
        elements = x + W + out if len(self.needs) == 1 else 2 * (x + W) + out
        return elements * int(np.dtype(self.dtype).itemsize)

    def error(self, arrays: tuple[Array, ...]) -> float:
        """How far results are off the expected ones, in units of the largest element."""
        worst = 0.0
        for name, array in zip(self.needs, arrays, strict=True):
            expected = self.operands.expected(name)
            if array.shape != expected.shape or array.dtype != self.dtype:
                return float("inf")
            off = float(np.abs(array - expected).max() / np.abs(expected).max())
            worst = max(worst, off) if off == off else float("inf")  # noqa: PLR0124  # NaN
        return worst

    @property
    def tolerance(self) -> float:
        """What rounding can be off, in the same units.

        Random data: the error grows with the root of the number of terms. 30 is generous for any
        order of summation and far below what a wrong term would do.
        """
        terms = self.problem.geometry.terms
        longest = max(terms["forward" if name == "out" else name] for name in self.needs)
        return float(30 * float(np.finfo(self.dtype).eps) * longest**0.5)
