"""dot_test: whether one linear function is the adjoint of another."""

from collections.abc import Callable
from dataclasses import dataclass
from math import fsum
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from ..call.operands import numpy_dtype
from ..call.operands import shape as checked_shape
from ..core.arrays import Array, unwarned
from ..core.documentation import pointing_to, refused
from . import arguments
from .differences import NOISE_FACTOR
from .noise import noise
from .reals import Called, Functions, Layout, Point, Precision, native, root_sum


@dataclass(frozen=True)
class DotTest:
    """The answer of `dot_test`; true if both sides agree, and `str` shows it.

    Parameters
    ----------
    forward_side, adjoint_side : float
        Re⟨y, A x⟩ and Re⟨Aᴴ y, x⟩, of the trial that came out worst.
    bound : float
        Of what rounding can do to their difference.
    trials : int
        How many there were.

    See Also
    --------
    dot_test, GradCheck

    Examples
    --------
    >>> from dxdw import dot_test
    >>> dot_test(lambda x: 2 * x, lambda y: 3 * y, (4,)).ok
    False
    """

    forward_side: float
    adjoint_side: float
    bound: float
    trials: int

    @property
    def difference(self) -> float:
        return abs(self.forward_side - self.adjoint_side)

    @property
    def ok(self) -> bool:
        return self.difference <= self.bound

    def __bool__(self) -> bool:
        return self.ok

    def raise_if_wrong(self) -> None:
        """Raise AssertionError with the whole text unless both sides agree."""
        if not self.ok:
            raise AssertionError(str(self))

    def __str__(self) -> str:
        what = "the adjoint" if self.ok else "not the adjoint"
        sign = "≤" if self.ok else ">"
        return (
            f"{what}: ⟨y, A x⟩ = {self.forward_side:.12g}, ⟨Aᵀ y, x⟩ = {self.adjoint_side:.12g}; "
            f"their difference {self.difference:.2g} {sign} {self.bound:.2g}, which rounding can "
            f"explain (worst of {self.trials})"
        )

    def to_json(self) -> dict[str, Any]:
        """{"ok", "forward_side", "adjoint_side", "difference", "bound", "trials"}"""
        names = ("ok", "forward_side", "adjoint_side", "difference", "bound", "trials")
        return {name: getattr(self, name) for name in names}


def dot_test(
    forward: Callable[..., Any],
    adjoint: Callable[..., Any],
    x: Any,
    y: Any = None,
    *,
    dtype: DTypeLike = np.float64,
    trials: int = 3,
    rng: int | np.random.Generator = 0,
) -> DotTest:
    """Compare a linear function with its adjoint, by the identity that defines it.

        ⟨y, A x⟩ = ⟨Aᴴ y, x⟩        ⟨a, b⟩ = Σ conj(a)·b, of which the real parts are compared

    They may differ by what rounding does to both sides, which is measured: with the standard
    deviations σ of the errors of forward and adjoint, the bound is

        6 · √(Σ |y|²·σ(A x)² + Σ |x|²·σ(Aᴴ y)²)

    A wrong element of the adjoint moves one side by about itself, so it is seen if it is larger
    than the bound; which one it is, only `gradcheck` says. A forward that isn't linear has no
    adjoint: use `gradcheck`.

    Parameters
    ----------
    forward : callable
        forward(x) is A x, an array or a tuple of arrays.
    adjoint : callable
        adjoint(y) is Aᴴ y, of x's shape; y is a tuple where forward returns one.
    x : array_like or tuple of int
        An array, used as it is, of whole numbers as float64; or a shape, a tuple of whole numbers,
        for normal numbers.
    y : array_like or None
        Of the output's shape; by default normal numbers.
    dtype : dtype_like
        Of x where x is a shape.
    trials : int
        How often to draw; once where x and y are both given.
    rng : int or numpy.random.Generator
        a seed or a generator. The same seed gives the same result.

    Returns
    -------
    DotTest
        A DotTest, true if both sides agree: forward_side, adjoint_side, difference and bound, of
        the trial whose difference is the largest share of its bound.

    Raises
    ------
    ValueError
        Shapes that do not fit, or values that aren't finite.
    TypeError
        An x that is no array of real or complex numbers, a complex y for a real output, an option
        of another kind.

    See Also
    --------
    gradcheck

    References
    ----------
    Claerbout, "Earth soundings analysis", 1992, for the test; `dxdw.gradchecks.noise` for
    the bound.

    Examples
    --------
    >>> A = np.arange(6.0).reshape(2, 3)
    >>> bool(dot_test(lambda x: A @ x, lambda y: A.T @ y, (3,)))
    True
    """
    for name, function in {"forward": forward, "adjoint": adjoint}.items():
        arguments.function(function, name)
    arguments.count(trials, "trials")
    rng = arguments.generator(rng)
    whole = isinstance(x, tuple) and all(isinstance(n, int | np.integer) for n in x)
    shape = x if whole else None
    arguments.plain(x, "x")
    layout = native(_empty(shape, dtype) if shape is not None else x, "x")
    given = None if shape is not None else layout.reals(x)

    def tried() -> tuple[float, float, float]:
        reals = given if given is not None else _normal(layout, rng)
        return _once(forward, adjoint, layout.array(reals), y, rng)

    count = 1 if given is not None and y is not None else trials
    results = [unwarned(tried) for _ in range(count)]
    left, right, bound = max(results, key=lambda r: abs(r[0] - r[1]) / (r[2] or 1e-300))
    return DotTest(left, right, bound, len(results))


def _once(
    forward: Callable[..., Any],
    adjoint: Callable[..., Any],
    x: Array,
    y: Any,
    rng: np.random.Generator,
) -> tuple[float, float, float]:
    """Both sides, and the bound of their difference."""

    def back_to_x(y: Any, _: Array) -> Any:
        found = adjoint(y)
        if isinstance(found, tuple) and len(found) != 1:
            raise refused(
                ValueError,
                f"adjoint returned {len(found)} arrays: it must return one, of x's shape",
                arguments.ROOM,
            )
        return found

    called = Called("forward", "adjoint", "x")
    functions = Functions(forward, back_to_x, (x,), (0,), takes_grad_out=True, called=called)
    point, value = functions.start()
    if y is None:
        parts = [_normal(layout, rng) for layout in functions.out]
        given = np.concatenate([part.astype(functions.wide) for part in parts])
    else:
        given = functions.grad_out(y, rng, "y")
    back = functions.gradients(point, given)
    complaints = [*functions.complaints.values()]
    if complaints:
        raise refused(
            ValueError, f"adjoint returned something that is no x: {complaints[0]}", "gradchecks"
        )
    if not (np.isfinite(value).all() and np.isfinite(back).all()):
        raise refused(
            ValueError,
            "forward(x) or adjoint(y) isn't finite: there is nothing to compare",
            "gradchecks",
        )

    def back_of(parts: Point) -> Array:
        return functions.gradients(point, np.concatenate([p.astype(functions.wide) for p in parts]))

    sigma = noise(functions.outputs, point, value, Precision.of(functions.out), rng)
    parts = functions.in_own_types(given)
    sigma_back = noise(back_of, parts, back, Precision.of(functions.layouts), rng)
    wide = point[0].astype(functions.wide)
    left, right = given * value, back * wide
    info = np.finfo(functions.wide)
    products = np.concatenate([left, right])
    own = np.maximum(info.eps / 2 * np.abs(products), info.smallest_subnormal)
    noises = np.concatenate([given * sigma, wide * sigma_back, own])
    # Exact sums: the test's own rounding is that of the products.
    return fsum(left), fsum(right), NOISE_FACTOR * float(root_sum(noises))


@pointing_to(arguments.ROOM)
def _empty(shape: tuple[int, ...], dtype: DTypeLike) -> Array:
    return np.empty(checked_shape(shape, "x"), numpy_dtype(dtype))


def _normal(layout: Layout, rng: np.random.Generator) -> Array:
    return rng.standard_normal(layout.size).astype(layout.real)
