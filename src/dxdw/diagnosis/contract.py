"""What the function under test is promised and what it has to return: layouts and options."""

import operator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.arrays import Array
from ..core.documentation import refused
from .problem import PLAIN, Geometry, Problem, largest

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
    batch: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: Any,
    bias: Any,
    returns: Any,
    channels_last: Any,
    dtype: Any,
) -> Contract:
    """The options of `diagnose`, checked.

    Raises:
        ValueError, TypeError: an option that is none.
    """
    for name, value in (("batch", batch), ("bias", bias), ("channels_last", channels_last)):
        if not isinstance(value, (bool, np.bool_)):
            raise refused(TypeError, f"{name} is {value!r}: it must be True or False", "diagnosis")
    if returns is None:
        returns = "dx,dW,db" if bias else "dx,dW"
    names = tuple(part.strip() for part in returns.split(",")) if isinstance(returns, str) else ()
    wanted = RETURNS if bias else RETURNS[:2]
    if set(names) != set(wanted) or len(names) != len(wanted):
        each = " and ".join(wanted)
        raise refused(
            ValueError,
            f"returns is {returns!r}: it must name {each}, once each, as in {','.join(wanted)!r}",
            "diagnosis",
        )
    geometry = Geometry(
        _pair("stride", stride, 1), _pair("padding", padding, 0), _pair("dilation", dilation, 1),
        _integer("groups", groups, groups, 1, "an integer"),
    )  # fmt: skip
    _refuse_the_too_large(geometry, bool(batch))
    return Contract(geometry, bool(batch), names, bool(channels_last), _dtype(dtype))


def _dtype(given: Any) -> Any:
    try:
        dtype = np.dtype(given)
    except (TypeError, ValueError, SyntaxError):  # NumPy takes "f,,f" for Python
        dtype = None
    if dtype is None or dtype not in (np.float32, np.float64):
        said = repr(given) if dtype is None else dtype
        raise refused(ValueError, f"dtype is {said}: it must be float32 or float64", "diagnosis")
    return dtype


def _pair(name: str, value: Any, least: int) -> tuple[int, int]:
    rule = "an integer or two"
    try:
        pair = tuple(value) if np.iterable(value) and not isinstance(value, str) else (value, value)
    except TypeError:  # an array of no axes
        pair = (value, value)
    if len(pair) != 2:
        raise refused(ValueError, _told(name, value, least, rule), "diagnosis")
    rows, columns = (_integer(name, value, one, least, rule) for one in pair)
    return rows, columns


def _integer(name: str, value: Any, one: Any, least: int, rule: str) -> int:
    """One of the numbers of a value."""
    try:
        number = least - 1 if isinstance(one, (bool, np.bool_)) else operator.index(one)
    except TypeError:
        raise refused(TypeError, _told(name, value, least, rule), "diagnosis") from None
    if number < least:
        raise refused(ValueError, _told(name, value, least, rule), "diagnosis")
    return number


def _told(name: str, value: Any, least: int, rule: str) -> str:
    return f"{name} is {value!r}: it must be {rule}, at least {least}"


def _refuse_the_too_large(geometry: Geometry, batch: bool) -> None:
    """Options with which the arrays that a function is tried on would be too large."""
    excess, said = largest(geometry, batch)
    if excess <= 1:
        return
    # The option without which they would be smallest is the one to change.
    name = min(
        PLAIN._fields,
        key=lambda n: largest(geometry._replace(**{n: getattr(PLAIN, n)}), batch),
    )
    value = getattr(geometry, name)
    value = value[0] if isinstance(value, tuple) and value[0] == value[1] else value
    raise refused(
        ValueError,
        f"{name} is {value}: the function would be tried on {said}; smaller numbers show the same "
        "mistakes",
        "diagnosis",
    )
