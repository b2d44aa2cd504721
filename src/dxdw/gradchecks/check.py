"""gradcheck: a gradient against the function that it is said to be the gradient of."""

from collections.abc import Callable, Sequence
from math import inf
from typing import Any, Literal

import numpy as np

from ..call.options import is_one_of
from ..core.arrays import unwarned
from ..core.documentation import refused
from . import arguments
from .comparison import Comparison
from .reals import Functions, native
from .result import GradCheck

MODES = ("full", "projection", "complex-step")


def gradcheck(
    f: Callable[..., Any],
    vjp: Callable[..., Any],
    args: Sequence[Any],
    *,
    argnums: Sequence[int] | None = None,
    takes_grad_out: bool = True,
    grad_out: Any = None,
    mode: Literal["full", "projection", "complex-step"] = "full",
    elements: int | None = None,
    directions: int = 8,
    rtol: float = 0.0,
    visible: float = 0.01,
    rng: int | np.random.Generator = 0,
    progress: Callable[[int, int], object] | None = None,
) -> GradCheck:
    """Compare a hand-written gradient with the function's own differences.

        expected[k] = d/dt Re⟨grad_out, f(args + t·e_k)⟩ at t = 0        ⟨a, b⟩ = Σ conj(a)·b

    for every element k of every checked argument. The tolerance is no constant: it is the bound of
    what rounding in f, the finite step and rounding in vjp can do to this very element, all of them
    measured (`dxdw.gradchecks.differences`, `dxdw.gradchecks.noise`). So float32 needs no other
    settings than float64, and correct functions pass in both. Where the tolerance is too wide for
    an error of `visible` to show, the element is called undecided, and the result says how large an
    error would have been seen. Where f has a kink, as relu and max-pool have, it is called not
    differentiable, as long as the gradient is a subgradient.

    Parameters
    ----------
    f : callable
        f(*args) is an array, or a tuple of arrays; a list is one array. Anything NumPy can make an
        array of will do. It may be undefined (NaN, ValueError) beside the point.
    vjp : callable
        vjp(grad_out, *args) gives one gradient for each checked argument, an array or a tuple or
        list of them. With several outputs grad_out is a tuple of as many arrays.
    args : sequence
        What f is called with, a tuple or a list; an array or a number by itself is the one
        argument.
    argnums : sequence of int or None
        Which args are checked; by default all real and complex floating-point arrays and numbers
        among them. Integers are never checked.
    takes_grad_out : bool
        False for the gradient of a single real number, a loss; it is then called as vjp(*args).
    grad_out : array_like or None
        To be used for the check; by default drawn, with 1/2 ≤ |grad_out| ≤ 1 and few digits.
    mode : {"full", "projection", "complex-step"}
        How to compare: see the notes.
    elements : int or None
        Check so many of each argument's elements, drawn by rng, instead of all.
    directions : int
        Of each argument, in projection mode.
    rtol : float
        a relative error that does not count as one.
    visible : float
        The relative error that must not pass unseen.
    rng : int or numpy.random.Generator
        a seed or a generator. The same seed gives the same result.
    progress : callable or None
        Is called with how many derivatives are done, and of how many.

    Returns
    -------
    GradCheck
        A GradCheck. It is true if no gradient is wrong; `arguments` holds for each checked argument
        the arrays expected, got, error, tolerance and verdict, and `worst`. `str` says it in words,
        `raise_if_wrong` raises AssertionError with them. A gradient of a wrong shape, an argument
        changed in place by f or vjp, or a vjp that differs when called again is reported there too.
        No argument is changed.

    Raises
    ------
    ValueError
        f isn't finite at args, no argument to check, another number of gradients than checked
        arguments, an unknown mode, numbers out of range.
    TypeError
        An argument that can't be checked, an option of another kind; a complex grad_out for a real
        output; complex-step with complex numbers.

    See Also
    --------
    dot_test, dxdw.diagnosis.diagnose

    Notes
    -----
    The modes:

    - "full": central differences for every element; 6 evaluations of f each, more where they
      leave doubt.
    - "projection": along `directions` random vectors for each argument. It costs the same for
      any size, and an error may escape: each argument's `escape_probability` says how likely.
    - "complex-step": Im f(x + ih)/h for every element, exact to rounding in 3 evaluations. f has
      to be analytic and to accept complex arguments, for real ones.

    Complex arguments: the gradient's real part is the derivative along the argument's real part,
    its imaginary part that along the imaginary part. That is the adjoint: for f = W·z the gradient
    is conj(W)·grad_out, as in PyTorch and in this package. JAX and Autograd give its conjugate, and
    take the conjugate of grad_out; a check that fails only for that says so.

    References
    ----------
    Those of `dxdw.gradchecks.noise` (measured rounding noise), `.differences` (steps and
    bounds) and `.imaginary` (complex steps).

    Examples
    --------
    >>> def f(x):
    ...     return x**2
    >>> def vjp(grad_out, x):
    ...     return grad_out * 2 * x * [1, 1, 1.01]
    >>> result = gradcheck(f, vjp, ([0.5, -1.0, 2.0],))
    >>> bool(result), result.worst.index
    (False, (2,))
    """
    given: Any = args
    alone = isinstance(given, np.ndarray | np.generic | int | float | complex)
    args = (given,) if alone else arguments.sequence(given, "args", "what f is called with")
    for name, function in {"f": f, "vjp": vjp}.items():
        arguments.function(function, name)
    takes_grad_out = arguments.flag(takes_grad_out, "takes_grad_out")
    _check_options(mode, rtol, visible, directions, elements, progress)
    checked = _checked(args, argnums)
    args = tuple(np.array(a) if i in checked else a for i, a in enumerate(args))
    rng = arguments.generator(rng)
    functions = Functions(f, vjp, args, checked, takes_grad_out=takes_grad_out)
    count = directions if mode == "projection" else elements

    def compare() -> GradCheck:
        comparison = Comparison(functions, grad_out, mode, rng, rtol, visible)
        found = comparison.compare(checked, count, rng, progress or (lambda *_: None))
        notes = comparison.notes(found)
        return GradCheck(mode, found, comparison.complaints, notes, functions.evaluations)

    return unwarned(compare)


def _checked(args: tuple[Any, ...], argnums: Sequence[int] | None) -> tuple[int, ...]:
    """Which arguments are checked."""
    if argnums is None:
        checked = tuple(i for i, a in enumerate(args) if _is_floating(a))
        if not checked:
            raise refused(
                ValueError,
                f"args has {len(args)} entries ({_kinds(args)}) and no floating-point array of "
                "NumPy's own types among them: there is no gradient to check",
                "gradchecks",
            )
    else:
        given = arguments.sequence(argnums, "argnums", "integers, as in (0,)")
        checked = tuple(arguments.place(n, "argnums", len(args)) for n in given)
        if not checked or len(set(checked)) < len(checked):
            raise refused(
                ValueError,
                f"argnums is {checked}: it must name at least one, and none twice",
                "gradchecks",
            )
    for n in checked:
        arguments.plain(args[n], f"args[{n}]")
        if not _is_floating(args[n]):
            raise refused(
                TypeError,
                f"args[{n}] has the dtype {np.asarray(args[n]).dtype}: only float16, float32, "
                "float64, longdouble and complex numbers have gradients to check",
                "gradchecks",
            )
        if not np.isfinite(args[n]).all():
            raise refused(
                ValueError, f"args[{n}] isn't finite: there is no gradient to check", "gradchecks"
            )
        native(args[n])
    return checked


def _kinds(args: tuple[Any, ...]) -> str:
    return ", ".join(str(getattr(a, "dtype", type(a).__name__)) for a in args)


def _is_floating(a: Any) -> bool:
    if a is None or isinstance(a, str | bytes) or callable(a):
        return False
    try:
        return np.asarray(a).dtype.kind in "fc"
    except (TypeError, ValueError):  # no array
        return False


def _check_options(
    mode: Any, rtol: Any, visible: Any, directions: Any, elements: Any, progress: Any
) -> None:
    if not is_one_of(mode, MODES):
        raise refused(
            ValueError,
            f"mode is {mode!r}: it must be one of {', '.join(map(repr, MODES))}",
            "gradchecks",
        )
    if not 0 <= arguments.number(rtol, "rtol") < inf:
        raise refused(ValueError, f"rtol is {rtol}: it must be finite and at least 0", "gradchecks")
    if not 0 < arguments.number(visible, "visible") <= 1:
        raise refused(
            ValueError, f"visible is {visible}: it must be more than 0 and at most 1", "gradchecks"
        )
    arguments.count(directions, "directions")
    if elements is not None:
        arguments.count(elements, "elements")
    if progress is not None:
        arguments.function(progress, "progress")
    if elements is not None and mode == "projection":
        raise refused(
            ValueError,
            "elements is for the modes that go by element: projection has directions",
            "gradchecks",
        )
