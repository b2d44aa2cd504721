"""What a check of gradients found."""

import operator
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import erf, isfinite, sqrt
from typing import Any

import numpy as np

from ..core.arrays import Array, unwarned
from .verdicts import NOT_CHECKED, NOT_DIFFERENTIABLE, RIGHT, UNDECIDED, VERDICTS, WRONG

SHOWN = 3  # elements of each kind in the text


@dataclass(frozen=True)
class ElementCheck:
    """One element of a gradient, or in projection mode one direction."""

    index: tuple[int, ...]
    verdict: str
    expected: complex  # by differences; a float where the argument is real
    got: complex
    error: float  # |got − expected|
    tolerance: float
    why: str  # what the tolerance is made of

    @property
    def smallest_visible(self) -> float:
        """An error larger than this is seen for certain."""
        return 2 * self.tolerance

    def __str__(self) -> str:
        where = f"[{', '.join(map(str, self.index))}]"
        pair = f"expected {_number(self.expected)}, got {_number(self.got)}"
        if self.verdict == WRONG:
            size = abs(self.expected)
            share = f" ({self.error / size:.2g} of it)" if size else ""
            text = f"{pair}: off by {self.error:.3g}{share}, tolerance {self.tolerance:.2g}"
        elif self.verdict == UNDECIDED:
            text = f"{pair}: an error below {self.smallest_visible:.2g} can't be seen"
        elif self.verdict == NOT_DIFFERENTIABLE:
            text = f"{pair}: a kink, anything within {self.tolerance:.2g} is a subgradient"
        else:
            text = f"{pair}, tolerance {self.tolerance:.2g}"
        return f"{where} {text}\n      tolerance: {self.why}"


@dataclass(frozen=True, eq=False)
class ArgumentCheck:
    """The gradient of one argument, element by element.

    The arrays have the argument's shape; in projection mode there is one entry for each direction.
    For a complex argument `expected` and `got` are complex, and errors and tolerances are absolute
    values.
    """

    argument: int
    shape: tuple[int, ...]
    dtype: str
    expected: Array  # derivatives by differences; NaN where none was taken
    got: Array
    tolerance: Array
    verdict: Array  # of str
    step: Array  # half the distance of the points
    parts: dict[str, Array]  # of the tolerance
    norm: float  # of vjp's gradient
    unit: float  # the standard deviation of a direction's entries, in projection mode
    complaint: str | None = None

    @property
    def error(self) -> Array:
        """|got − expected|"""
        return np.abs(unwarned(operator.sub, self.got, self.expected))

    @property
    def ok(self) -> bool:
        return self.complaint is None and not self.count(WRONG)

    def count(self, verdict: str) -> int:
        return int(np.count_nonzero(self.verdict == verdict))

    @property
    def worst(self) -> ElementCheck | None:
        """The one whose error is the largest share of its tolerance, the wrong ones first."""
        found = self.elements(VERDICTS, 1)
        return found[0] if found else None

    def elements(self, verdicts: Sequence[str], most: int | None = None) -> list[ElementCheck]:
        """Those with one of these verdicts, the worst first."""
        chosen = np.isin(self.verdict, [v for v in verdicts if v != NOT_CHECKED])
        share = unwarned(operator.truediv, self.error, self.tolerance)
        share = np.nan_to_num(share, nan=np.inf, posinf=np.inf)
        share = np.where(self.verdict == UNDECIDED, np.minimum(share, 1), share)
        wrong_first = np.lexsort((-share.ravel(), self.verdict.ravel() != WRONG))
        indices = [i for i in wrong_first if chosen.flat[i]][:most]
        return [self._element(tuple(map(int, np.unravel_index(i, chosen.shape)))) for i in indices]

    def escape_probability(self, error: float = 0.01, elements: int = 1) -> float:
        """How likely it is, in projection mode, that a wrong gradient is not noticed.

        Entries of a direction are normal and independent, so the error e of a gradient adds to the
        derivative along it a normal number of standard deviation unit·‖e‖, however e is spread:

            P(escapes) ≤ Π_i erf(2·tolerance_i / (√2·unit·‖e‖))        erf(t/√2) = P(|normal| ≤ t)

        Args:
            error: of an element, relative to the root mean square of the gradient.
            elements: how many elements are that much off.
        """
        rms = self.norm / sqrt(max(1, int(np.prod(self.shape))))
        size = error * rms * sqrt(elements) * self.unit
        if not size > 0:
            return 1.0
        return float(np.prod([erf(2 * t / size / sqrt(2)) for t in self.tolerance.flat]))

    def to_json(self) -> dict[str, Any]:
        """Numbers, lists and text: a complex number is [re, im], what isn't finite is None."""
        worst = self.worst
        return {
            "argument": self.argument,
            "shape": list(self.shape),
            "dtype": self.dtype,
            "ok": self.ok,
            "complaint": self.complaint,
            "counts": {v: self.count(v) for v in VERDICTS if self.count(v)},
            "worst": None if worst is None else {k: _plain(v) for k, v in asdict(worst).items()},
            "expected": _plain(self.expected),
            "got": _plain(self.got),
            "tolerance": _plain(self.tolerance),
            "verdict": self.verdict.tolist(),
        }

    def _element(self, index: tuple[int, ...]) -> ElementCheck:
        expected, got = self.expected[index].item(), self.got[index].item()
        parts = sorted(((float(a[index]), what) for what, a in self.parts.items()), reverse=True)
        why = " + ".join(f"{size:.2g} {what}" for size, what in parts if size > 0) or "exact"
        step = float(self.step[index])
        return ElementCheck(
            index,
            str(self.verdict[index]),
            expected,
            got,
            float(self.error[index]),
            float(self.tolerance[index]),
            f"{why}, at a step of {step:.2g}" if isfinite(step) else "f is not finite around it",
        )

    def lines(self, mode: str) -> list[str]:
        """What the text of the whole says of this argument."""
        what = "directions" if mode == "projection" else "elements"
        counts = [f"{self.count(v)} {v}" for v in reversed(VERDICTS) if self.count(v)]
        title = f"args[{self.argument}] {self.shape} {self.dtype}: "
        if self.complaint:
            return [f"  {title}{self.complaint}"]
        lines = [f"  {title}{', '.join(counts) or 'no elements'} of {self.verdict.size} {what}"]
        for v in (WRONG, UNDECIDED, NOT_DIFFERENTIABLE):
            lines += [f"    {element}" for element in self.elements([v], SHOWN)]
        if mode == "projection" and self.verdict.size and self.ok and self.norm:
            one, every = (self.escape_probability(0.01, n) for n in (1, int(np.prod(self.shape))))
            lines.append(
                "    an error of 1 % of the typical gradient escapes with a probability of at most "
                f"{one:.2g} if one element has it, {every:.2g} if all have it"
            )
        return lines


@dataclass(frozen=True, eq=False, repr=False)
class GradCheck:
    """The answer of `gradcheck`; true if no gradient is wrong. `str` shows it, and notebooks do.

    `ok` says that nothing wrong was found. Where rounding hides an error as large as the one that
    was to be seen, the element is undecided, and where the function has a kink, there is no
    gradient to compare with; neither makes `ok` false, and `undecided` counts both.

    Parameters
    ----------
    mode : str
        How it was checked: "full", "projection" or "complex-step".
    arguments : tuple of ArgumentCheck
        The gradient of each checked argument, with the arrays expected, got, error, tolerance and
        verdict.
    complaints : tuple of str
        What is wrong with f and vjp as a whole; each makes the check fail.
    notes : tuple of str
        What is worth knowing, and makes nothing fail.
    evaluations : int
        How often f and vjp were called.

    See Also
    --------
    gradcheck, DotTest

    Examples
    --------
    >>> from dxdw import gradcheck
    >>> result = gradcheck(lambda x: x**3, lambda g, x: 3 * g * x**2, ([1.0, 2.0],))
    >>> result.ok, result.undecided
    (True, 0)
    """

    mode: str
    arguments: tuple[ArgumentCheck, ...]
    complaints: tuple[str, ...]
    notes: tuple[str, ...]
    evaluations: int

    @property
    def ok(self) -> bool:
        return not self.complaints and all(a.ok for a in self.arguments)

    @property
    def undecided(self) -> int:
        """How many elements nothing can be said of."""
        return sum(a.count(v) for a in self.arguments for v in (UNDECIDED, NOT_DIFFERENTIABLE))

    @property
    def worst(self) -> ElementCheck | None:
        """Of all arguments the element whose error is the largest share of its tolerance."""
        found = [a.worst for a in self.arguments if a.worst is not None]
        return max(
            found,
            key=lambda e: (e.verdict == WRONG, e.error / e.tolerance if e.tolerance else e.error),
            default=None,
        )

    def __bool__(self) -> bool:
        return self.ok

    def raise_if_wrong(self, *, undecided: bool = False) -> None:
        """Raise AssertionError, with the whole text, unless all is right.

        Args:
            undecided: whether elements that nothing can be said of count as wrong.
        """
        if not self.ok or (undecided and self.undecided):
            raise AssertionError(str(self))

    def to_json(self) -> dict[str, Any]:
        """Numbers, lists and text, for `json.dumps`.

        {"ok", "mode", "undecided", "evaluations", "complaints", "notes", "arguments": [{"argument",
        "shape", "dtype", "ok", "complaint", "counts", "worst", "expected", "got", "tolerance",
        "verdict"}, …]}
        """
        return {
            "ok": self.ok,
            "mode": self.mode,
            "undecided": self.undecided,
            "evaluations": self.evaluations,
            "complaints": list(self.complaints),
            "notes": list(self.notes),
            "arguments": [a.to_json() for a in self.arguments],
        }

    @property
    def title(self) -> str:
        """The verdict in a few words."""
        right = sum(a.count(RIGHT) for a in self.arguments)
        if not self.ok:
            return "the gradient is wrong"
        if self.undecided and not right:
            return "nothing could be decided about the gradient"
        if self.undecided:
            return f"no error found, {self.undecided} undecided"
        return "the gradient is right"

    def __repr__(self) -> str:
        return f"<GradCheck: {self.title}>"

    def __str__(self) -> str:
        lines = [f"{self.title} ({self.mode} mode, {self.evaluations:,} evaluations)"]
        lines += [f"  {complaint}" for complaint in self.complaints]
        for argument in self.arguments:
            lines += argument.lines(self.mode)
        return "\n".join([*lines, *(f"  {note}" for note in self.notes)])

    def _repr_html_(self) -> str:
        from .result_html import html

        return html(self)


def _number(value: complex) -> str:
    return f"{value:.9g}"


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return [_plain(v) for v in value] if value.ndim else _plain(value.item())
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, complex | np.complexfloating):
        return [_plain(value.real), _plain(value.imag)]
    if isinstance(value, float | np.floating):
        return float(value) if isfinite(value) else None
    return value
