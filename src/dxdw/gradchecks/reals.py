"""A user's functions as functions of real vectors.

An array is its numbers in a row, and a complex number two of them: its real and its imaginary part.
All that is calculated with them is then real, and so is the convention for complex gradients: the
real part of a gradient is the derivative along the real part of its argument, the imaginary part
the derivative along the imaginary part. Sums are taken in a wider type, float64 or longdouble.
"""

from collections.abc import Callable, Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np

from ..core.arrays import Array
from ..core.documentation import refused
from . import arguments
from .arguments import ROOM

Real = Any  # a number of the wider type
Point = list[Array]  # of each checked argument its reals, in its own precision


class Layout(NamedTuple):
    """The shape and type of an array, to get from it to its reals and back."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def real(self) -> np.dtype[Any]:
        return np.finfo(self.dtype).dtype

    @property
    def size(self) -> int:
        """How many reals."""
        return prod(self.shape) * (2 if self.dtype.kind == "c" else 1)

    def reals(self, a: Array) -> Array:
        """A copy of the reals of an array of this shape and type."""
        return np.array(a, self.dtype, order="C").reshape(-1).view(self.real)

    def array(self, reals: Array) -> Array:
        """A new array with these reals."""
        return np.array(reals, self.real).view(self.dtype).reshape(self.shape)


class Precision(NamedTuple):
    """How far apart the numbers of a vector's own types are around its values."""

    eps: Array
    least: Array

    @classmethod
    def of(cls, layouts: Sequence[Layout]) -> "Precision":
        infos = [np.finfo(layout.real) for layout in layouts]
        wide = widest(layouts)
        sizes = [layout.size for layout in layouts]
        eps = np.array([wide(i.eps) for i in infos], wide)
        least = np.array([wide(i.smallest_subnormal) for i in infos], wide)
        return cls(np.repeat(eps, sizes), np.repeat(least, sizes))

    def spacing(self, values: Array) -> Array:
        """At least the gap between neighbouring numbers there, and at most twice the gap."""
        return np.maximum(self.eps * np.abs(values), self.least)


def widest(layouts: Sequence[Layout]) -> Any:
    """The type to calculate in."""
    return np.result_type(np.float64, *(layout.real for layout in layouts)).type


def root_sum(a: Array, axis: Any = None) -> Any:
    """√(Σ a²), squared near 1: the squares of numbers that are tiny themselves would all be 0."""
    largest = np.max(np.abs(a), axis=axis, keepdims=True, initial=0)
    unit = np.ldexp(np.ones_like(largest), np.frexp(largest)[1] - 1)  # by which nothing is rounded
    return np.sqrt(np.sum((a / unit) ** 2, axis=axis)) * unit.squeeze(axis)


class Called(NamedTuple):
    """What a user calls the functions and their arguments, who is told what is wrong with them."""

    f: str = "f"
    vjp: str = "vjp"
    argument: str = "args[{}]"


BY_GRADCHECK = Called()


class Functions:
    """f and vjp as a user wrote them, called with reals.

    Every call gets arrays of its own, and what it returns is copied: a function that changes what
    it was given, or that hands out its own buffer, can spoil no other call.
    """

    def __init__(
        self,
        f: Callable[..., Any],
        vjp: Callable[..., Any],
        args: Sequence[Any],
        argnums: Sequence[int],
        *,
        takes_grad_out: bool,
        called: Called = BY_GRADCHECK,
    ) -> None:
        self._f, self._vjp, self.called = f, vjp, called
        self._args, self._argnums = args, argnums
        self.takes_grad_out = takes_grad_out
        self.layouts = [native(args[n]) for n in argnums]
        self.out: list[Layout] = []
        self.several = False  # whether f returns a tuple
        self.complaints: dict[int, str] = {}  # about the gradient of an argument, by its place
        self.changed: list[str] = []  # what f and vjp changed in place
        self.evaluations = 0

    def start(self) -> tuple[Point, Array]:
        """Where the gradient is checked, and the outputs of f there."""
        point = [
            layout.reals(self._args[n])
            for layout, n in zip(self.layouts, self._argnums, strict=True)
        ]
        f = self.called.f
        value = self._run(f, self._f, self._arrays(point), self._names())
        self.several = isinstance(value, tuple)
        if not _parts(value):
            raise refused(
                ValueError, f"{f} returned an empty tuple: it must return an array or more", ROOM
            )
        self.out = [native(a, f"{f}'s output") for a in _parts(value)]
        return point, self._joined(_parts(value), self.out)

    def outputs(self, point: Point) -> Array:
        """The reals of f there, all outputs in a row. NaN where f refuses to be evaluated, or real
        outputs become complex: its domain ends before.
        """
        self.evaluations += 1
        try:
            value = _parts(self._f(*self._arrays(point)))
        except (ArithmeticError, ValueError):
            return np.full(sum(layout.size for layout in self.out), np.nan)
        self._check_shapes(value)
        pairs = zip(value, self.out, strict=True)
        if any(np.iscomplexobj(a) and layout.dtype.kind != "c" for a, layout in pairs):
            return np.full(sum(layout.size for layout in self.out), np.nan)
        return self._joined(value, self.out)

    def imaginary(self, point: Point) -> Array:
        """The imaginary parts of f's outputs, where some of the point's vectors are complex."""
        self.evaluations += 1
        arrays = [np.array(a) if isinstance(a, np.ndarray) else a for a in self._args]
        for n, layout, numbers in zip(self._argnums, self.layouts, point, strict=True):
            arrays[n] = numbers.reshape(layout.shape)
        value = _parts(self._f(*arrays))
        self._check_shapes(value)
        return np.concatenate([np.ravel(np.imag(a)) for a in value]).astype(self.wide)

    def gradients(self, point: Point, grad_out: Array, *, watch: bool = False) -> Array:
        """The reals of vjp's gradients, in a row; NaN for one that does not fit its argument."""
        arrays, names = self._arrays(point), self._names()
        if self.takes_grad_out:
            rows = self.in_own_types(grad_out)
            parts = [layout.array(row) for layout, row in zip(self.out, rows, strict=True)]
            arrays = [tuple(parts) if self.several else parts[0], *arrays]
            names = ["grad_out", *names]
        value = self._run(self.called.vjp, self._vjp, arrays, names if watch else ())
        gradients = self._one_each(value)
        found = []
        for n, layout, gradient in zip(self._argnums, self.layouts, gradients, strict=True):
            its = self.called.argument.format(n)
            own = native(gradient, f"{self.called.vjp}'s gradient of {its}")
            complaint = None
            if own.shape != layout.shape:
                complaint = f"its shape is {own.shape}, that of {its} {layout.shape}"
            elif own.dtype.kind == "c" and layout.dtype.kind != "c":
                complaint = f"it is complex and {its} real: the gradient is its real part"
            if complaint:
                self.complaints[n] = complaint
                found.append(np.full(layout.size, np.nan))
            else:
                as_argument = Layout(own.shape, np.result_type(own.dtype, layout.dtype))
                found.append(as_argument.reals(gradient).astype(self.wide))
        return np.concatenate(found)

    def grad_out(self, given: Any, rng: np.random.Generator, name: str = "grad_out") -> Array:
        """The reals of a given grad_out, of the ones for a loss, or of one that is drawn.

        name: of the argument, for whom what is wrong with it is told.
        """
        size = sum(layout.size for layout in self.out)
        if not self.takes_grad_out:
            if given is not None:
                raise refused(
                    ValueError,
                    "grad_out is given, and takes_grad_out False: it must be None",
                    ROOM,
                )
            if [(layout.size, layout.dtype.kind) for layout in self.out] != [(1, "f")]:
                shapes = [layout.shape for layout in self.out]
                raise refused(
                    ValueError,
                    f"f's outputs have the shapes {shapes}: without grad_out it must be one real",
                    ROOM,
                )
            return np.ones(1, self.wide)
        if given is None:
            # Seven digits: every type holds them exactly, and products with them round little.
            drawn = rng.integers(32, 65, size) * rng.choice([-1, 1], size) / 64
            return drawn.astype(self.wide)
        parts = _parts(given)
        for part in parts:
            arguments.plain(part, name)
        own = [native(part, name) for part in parts]
        shapes = [layout.shape for layout in own]
        if shapes != [layout.shape for layout in self.out]:
            wanted = [layout.shape for layout in self.out]
            raise refused(
                ValueError,
                f"{name} has the shapes {shapes}: {self.called.f}'s outputs have {wanted}",
                ROOM,
            )
        for part, its, layout in zip(parts, own, self.out, strict=True):
            if its.dtype.kind == "c" and layout.dtype.kind != "c":
                raise refused(
                    TypeError,
                    f"{name} is complex where {self.called.f}'s output is real: it must be real "
                    "there too",
                    ROOM,
                )
            if not np.isfinite(part).all():
                raise refused(ValueError, f"{name} isn't finite: it must be", ROOM)
        return self._joined(parts, self.out)

    def in_own_types(self, reals: Array) -> list[Array]:
        """The reals of all outputs, taken apart, each in the precision of its output."""
        rows = np.split(reals, np.cumsum([layout.size for layout in self.out])[:-1])
        return [row.astype(layout.real) for layout, row in zip(self.out, rows, strict=True)]

    def conjugated_outputs(self, reals: Array) -> Array:
        """The reals of the complex conjugates of all outputs."""
        rows = self.in_own_types(reals)
        arrays = [layout.array(row).conj() for layout, row in zip(self.out, rows, strict=True)]
        return self._joined(arrays, self.out)

    @property
    def wide(self) -> Any:
        return widest([*self.layouts, *self.out])

    def _arrays(self, point: Point) -> list[Any]:
        arrays = [np.array(a) if isinstance(a, np.ndarray) else a for a in self._args]
        for n, layout, reals in zip(self._argnums, self.layouts, point, strict=True):
            arrays[n] = layout.array(reals)
        return arrays

    def _names(self) -> list[str]:
        return [self.called.argument.format(n) for n in range(len(self._args))]

    def _check_shapes(self, value: Sequence[Any]) -> None:
        found, before = [np.shape(a) for a in value], [layout.shape for layout in self.out]
        if found != before:
            raise refused(
                ValueError,
                f"{self.called.f} returned shapes {found} after {before}: they must stay the same "
                "when the values of its arguments change",
                ROOM,
            )

    def _run(
        self, name: str, function: Callable[..., Any], arrays: list[Any], names: Sequence[str]
    ) -> Any:
        """Call the function; with names, note which arrays it changed in place."""
        before = [[np.array(part) for part in _arrays_in(a)] for a in arrays] if names else []
        value = function(*arrays)
        self.evaluations += 1
        for what, old, a in zip(names, before, arrays, strict=False):
            if any(o.tobytes() != n.tobytes() for o, n in zip(old, _arrays_in(a), strict=True)):
                self.changed.append(f"{name} changed {what} in place")
        return value

    def _one_each(self, value: Any) -> Sequence[Any]:
        wanted = len(self._argnums)
        found = value if isinstance(value, tuple | list) else (value,)
        # A list may also be the one gradient itself.
        if isinstance(value, list) and wanted == 1 and len(value) != 1:
            found = (value,)
        if len(found) != wanted:
            named = ", ".join(f"args[{n}]" for n in self._argnums)
            raise refused(
                ValueError,
                f"vjp returned {len(found)} gradients, and {wanted} arguments are checked "
                f"({named}): it must return one for each; argnums says which are checked",
                ROOM,
            )
        return found

    def _joined(self, arrays: Sequence[Any], layouts: Sequence[Layout]) -> Array:
        rows = [a.reals(b) for a, b in zip(layouts, arrays, strict=True)]
        return np.concatenate(rows).astype(self.wide)


def native(a: Any, what: str = "f's output") -> Layout:
    """The layout of something that is an array to NumPy; whole numbers count as float64."""
    try:
        array = np.asarray(a)
    except ValueError as error:
        raise refused(ValueError, f"{what} can't be made an array: {error}", ROOM) from None
    if array.dtype.kind in "iub":
        return Layout(array.shape, np.dtype(np.float64))
    if array.dtype.kind not in "fc":
        raise refused(
            TypeError,
            f"{what} has the dtype {array.dtype}: it must be a real or complex array",
            ROOM,
        )
    return Layout(array.shape, array.dtype.newbyteorder("="))


def _parts(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def _arrays_in(a: Any) -> list[Array]:
    return [part for part in _parts(a) if isinstance(part, np.ndarray)]
