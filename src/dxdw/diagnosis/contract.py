"""What the function under test is promised and what it has to return: layouts and options."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.arrays import Array
from ..core.documentation import refused
from .problem import PLAIN, Geometry, Problem

RETURNS = ("dx", "dW", "db")


@dataclass(frozen=True)
class Contract:
    """How `fn(grad_out, x, W)` is called, and what its results are called."""

    geometry: Geometry = PLAIN
    batch: bool = False
    returns: tuple[str, ...] = ("dx", "dW")
    channels_last: bool = False
    dtype: Any = np.dtype(np.float64)  # noqa: RUF009 - a dtype never changes

    def arguments(self, problem: Problem) -> list[Array]:
        """New arrays of grad_out, x and W, laid out as the function has them."""
        return [
            self._outward(problem.grad_out, image=True),
            self._outward(problem.x, image=True),
            self._outward(problem.W, image=False),
        ]

    def expected(self, problem: Problem) -> list[Array]:
        """The right answer in the order and the layout of the function."""
        return [self.outward(name, problem.expected[name]) for name in self.returns]

    def outward(self, name: str, a: Array) -> Array:
        """An answer as the function returns it."""
        return a.copy() if name == "db" else self._outward(a, image=name == "dx")

    def inward(self, name: str, a: Array) -> Array:
        """An answer of the function, of the right shape, in the layout of a Problem."""
        if name == "db":
            return a.ravel()
        if name == "dx":
            a = a if self.batch else a[None]
            return np.moveaxis(a, -1, 1) if self.channels_last else a
        if name == "dW" and self.channels_last:
            return a.transpose(3, 2, 0, 1)
        return a

    def fits(self, name: str, got: Array, expected: Array) -> bool:
        """Whether a result has the right shape; db may have more axes, of length 1, as b has."""
        wanted = self.outward(name, expected).shape
        if name == "db" and got.ndim > 1:
            return tuple(n for n in got.shape if n != 1) == tuple(n for n in wanted if n != 1)
        return bool(got.shape == wanted)

    def _outward(self, a: Array, image: bool) -> Array:
        if image:
            a = a if self.batch else a[0]
            a = np.moveaxis(a, -3, -1) if self.channels_last else a
        elif self.channels_last:
            a = a.transpose(2, 3, 1, 0)
        dtype = self.dtype if a.dtype.kind == "f" else a.dtype
        return np.array(a, dtype, order="C")


def promised_by(
    *,
    batch: bool,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int,
    bias: bool,
    returns: str | None,
    channels_last: bool,
    dtype: Any,
) -> Contract:
    """The options of `diagnose`, checked.

    Raises:
        ValueError, TypeError: an option that is none.
    """
    if returns is None:
        returns = "dx,dW,db" if bias else "dx,dW"
    names = tuple(part.strip() for part in returns.split(","))
    wanted = set(RETURNS if bias else RETURNS[:2])
    if set(names) != wanted or len(names) != len(wanted):
        each = " and ".join(sorted(wanted))
        raise refused(
            ValueError,
            f"returns is {returns!r}: it must name {each}, once each, as in 'dx,dW'",
            "diagnosis",
        )
    dtype = np.dtype(dtype)
    if dtype not in (np.float32, np.float64):
        raise refused(ValueError, f"dtype is {dtype}: it must be float32 or float64", "diagnosis")
    if isinstance(groups, bool) or groups < 1:
        raise refused(
            ValueError, f"groups is {groups!r}: it must be an integer, at least 1", "diagnosis"
        )
    geometry = Geometry(
        _pair("stride", stride, 1), _pair("padding", padding, 0), _pair("dilation", dilation, 1),
        groups,
    )  # fmt: skip
    return Contract(geometry, batch, names, channels_last, dtype)


def _pair(name: str, value: Any, least: int) -> tuple[int, int]:
    pair = (value, value) if isinstance(value, int) else tuple(value)
    if len(pair) != 2 or not all(isinstance(v, int) and v >= least for v in pair):
        raise refused(
            ValueError,
            f"{name} is {value!r}: it must be an integer or two, at least {least}",
            "diagnosis",
        )
    return pair
