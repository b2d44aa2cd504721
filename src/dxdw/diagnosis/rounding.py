"""Whether fractions were lost, or digits, exactly as integers, rounding or float32 do it."""

from collections.abc import Callable, Iterator
from itertools import starmap
from typing import NamedTuple

import numpy as np

from ..core.arrays import Array
from .causes import in_order, listed
from .dtypes import is_cast
from .ladder import Case, Ladder
from .matching import Seen
from .of_bias import as_kernel
from .problem import Problem
from .terms import Terms

INTEGERS = "integer-truncated"
ROUNDED = "fractions-rounded"
_CUT = "fractions are cut off where they are written into an array of integers"


class Lost(NamedTuple):
    """What became of fractions: its name, where it is made, in a title, and how it shows."""

    cause: str
    results: frozenset[str]
    title: str
    said: tuple[str, ...]


class _Way(NamedTuple):
    """A way to lose fractions: the change, and what does it, for which "" are integers."""

    change: Callable[[Terms], None]
    by: str = ""
    operand: str = ""  # what is rounded before it is used


def lost_fractions(ladder: Ladder) -> list[Lost]:
    """What NumPy did with fractions and a buffer of integers, or int(), np.round() and // did."""
    bad = [c for c in ladder.fractions if c.wrong]
    refused = _in_integers(ladder, bad)
    found = [refused] if refused else []
    if ladder.checks["exact"].right is not True or len(bad) < 2:
        return found
    # First arrays of floats, in quarters: two ways to round up are one for the others' halves.
    for kind in "f" if refused else "fi":
        some = [c for c in bad if c.answer.problem.x.dtype.kind == kind]
        wrong = in_order({name for c in some for name in c.wrong})
        ways = _ways_of(ladder.seen(some), wrong) if len(some) >= 2 else {}
        if len(ways) == len(wrong):
            found += [lost for lost in _told(ways) if lost.cause not in {f.cause for f in found}]
    return found


def _in_integers(ladder: Ladder, bad: list[Case]) -> Lost | None:
    """Where NumPy refuses to write fractions, or a result is returned in integers."""
    for case in bad:
        crash = case.answer.crash
        # Where an argument is written into, that line may be what is refused.
        changed = any({"x", "W"} & set(c.answer.changed) for c in ladder.cases)
        if crash is not None and not changed and is_cast(crash):
            title = "NumPy refuses to add fractions to an array of integers"
            return Lost(INTEGERS, frozenset(), title, (crash.message,))
        for name, a in ladder.results(case.answer).items() if case.answer.usable else ():
            if a.dtype.kind in "iu" and _has_fractions(ladder, case.answer.problem, name):
                said = f"{name} is returned in {a.dtype}, which holds no fractions"
                return Lost(INTEGERS, frozenset(), _CUT, (said,))
    return None


def _has_fractions(ladder: Ladder, problem: Problem, name: str) -> bool:
    """Whether the function's result has fractions for the same numbers in float arrays."""
    x, W = problem.x.astype(float), problem.W.astype(float)
    answer = ladder.ask(Problem(problem.grad_out, x, W, problem.geometry)).answer
    return answer.usable and bool(np.any(ladder.results(answer)[name] % 1))


def _told(ways: dict[str, _Way]) -> Iterator[Lost]:
    """The names: one for what integers do, and another for what was asked to round."""
    rounded = {name: way for name, way in ways.items() if way.by}
    if len(rounded) < len(ways):
        said = "fractions are cut off, exactly as integers do it"
        yield Lost(INTEGERS, frozenset(), _CUT, (said,))
    if rounded:
        what = [*dict.fromkeys(way.operand or name for name, way in rounded.items())]
        by = {way.by for way in rounded.values()}
        how = f", as {by.pop()} does it" if len(by) == 1 else ""
        title = f"{listed(what)} {'is' if len(what) == 1 else 'are'} rounded to whole numbers{how}"
        yield Lost(ROUNDED, frozenset(rounded), title, tuple(starmap(_shown, rounded.items())))


def _shown(name: str, way: _Way) -> str:
    if way.operand:
        return f"{name}: what it is for {way.operand} rounded as {way.by} does it"
    return f"{name}: every element is rounded as {way.by} does it"


def _ways_of(seen: list[Seen], wrong: list[str]) -> dict[str, _Way]:
    """One way for all the results where there is one: few numbers may fit several."""
    for way in _ways():
        if all(_made(way, seen, name) for name in wrong):
            return dict.fromkeys(wrong, way)
    found = {name: next((w for w in _ways() if _made(w, seen, name)), None) for name in wrong}
    return {name: way for name, way in found.items() if way}


def _made(way: _Way, seen: list[Seen], name: str) -> bool:
    for s in seen:
        terms = Terms(as_kernel(s.problem), "dW") if name == "db" else Terms(s.problem, name)
        way.change(terms)
        if name not in s.found or not np.array_equal(s.found[name].ravel(), terms.total().ravel()):
            return False
    return True


_ROUNDINGS: dict[str, Callable[[Array], Array]] = {
    "np.round": np.rint,
    "np.floor or //": np.floor,
    "np.ceil": np.ceil,
    "np.floor(a + 0.5)": lambda a: np.floor(a + 0.5),
}
_OF_HALVES = {"np.ceil": "np.ceil or np.floor(a + 0.5)"}  # which go up with both
_OPERANDS = {"G": "grad_out", "x": "x", "W": "W"}


def _ways() -> Iterator[_Way]:
    """What integers do comes first: of positive numbers np.floor does the same."""

    def before(operand: str, how: Callable[[Array], Array]) -> Callable[[Terms], None]:
        return lambda t: setattr(t, operand, how(getattr(t, operand)))

    def after(how: Callable[[Array], Array]) -> Callable[[Terms], None]:
        return lambda t: t.after.append(how)

    def inside(loops: str) -> Callable[[Terms], None]:
        return lambda t: setattr(t, "truncates", loops)

    yield _Way(after(np.trunc))
    for by, how in _ROUNDINGS.items():
        yield _Way(after(how), by)
    for loops in ("oij", "ijo", "ij", "uv", "u", "o", "i", "oijcuv", "ocijuv", "ocuvij", "cijouv",
                  "coijuv", "oijuv", "ouv", "cuvo", "ouvij", "n", "noij", "noijcuv"):  # fmt: skip
        yield _Way(inside(loops))
    for operand, said in _OPERANDS.items():
        yield _Way(before(operand, np.trunc))
        for by, how in _ROUNDINGS.items():
            yield _Way(before(operand, how), _OF_HALVES.get(by, by), said)


def precision(ladder: Ladder) -> str | None:
    """How it shows that float32 was used for arguments in float64; None: it does not."""
    if ladder.contract.dtype != np.float64:
        return None
    if _loses_digits(ladder):
        return "of numbers of 30 bits, what float32 keeps of them"
    for name in ladder.contract.returns if ladder.reals else ():
        if all(_of_float32(ladder, case, name) for case in ladder.reals):
            return f"every number of {name} is one of float32's, for arguments in float64"
    if ladder.reals and _of_rounded_arguments(ladder):
        return "the results are those of arguments rounded to float32"
    return None


def _loses_digits(ladder: Ladder) -> bool:
    """Whether what is wrong for wide numbers is just what float32 makes of the right answer."""
    bad = [(c, name) for c in ladder.precision[:-2] for name in c.wrong]
    if len({id(c) for c, _ in bad}) < 2:
        return False
    for case, name in bad:
        if case.wrong[name] != "value":
            return False
        rounded = case.answer.problem.expected[name].astype(np.float32)
        if not np.array_equal(
            ladder.contract.inward(name, ladder.results(case.answer)[name]), rounded
        ):
            return False
    return True


_OF_SUMS = 8  # units of float32's precision and of their norms: sums in float32 err by one or two


def _of_float32(ladder: Ladder, case: Case, name: str) -> bool:
    """Whether a result is right as float32 has it: numbers of its own, as near as its sums are.

    Those of float16, or of two decimals, are float32's too, and much further off.
    """
    if not case.answer.usable or case.wrong.get(name) == "shape":
        return False
    a = ladder.results(case.answer)[name]
    with np.errstate(over="ignore", invalid="ignore"):
        same = a.astype(np.float32) == a
        found = ladder.contract.inward(name, a)
        off = np.abs(found - case.answer.problem.expected[name]).max(initial=0.0)
    most = _OF_SUMS * np.finfo(np.float32).eps * case.answer.problem.norms[name]
    return bool(off <= most and same.all() and np.count_nonzero(a % 1) >= max(4, a.size // 8))


def _of_rounded_arguments(ladder: Ladder) -> bool:
    for which in range(1, 8):
        agree = 0
        for case in ladder.reals:
            p = case.answer.problem
            if not case.wrong or "value" not in case.wrong.values() or not case.answer.usable:
                break
            G, x, W = (
                a.astype(np.float32).astype(float) if which >> k & 1 else a
                for k, a in enumerate((p.grad_out, p.x, p.W))
            )
            rounded = Problem(G, x, W, p.geometry)
            found = ladder.results(case.answer)
            agree += all(
                case.wrong.get(n) == "shape" or ladder.close(n, rounded, a)
                for n, a in found.items()
            )
        if agree == len(ladder.reals):
            return True
    return False
