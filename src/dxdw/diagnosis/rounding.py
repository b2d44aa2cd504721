"""Whether fractions were cut off, or digits lost, exactly as integers or float32 do it."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from ..core.arrays import Array
from .dtypes import is_cast
from .ladder import Case, Ladder
from .problem import Problem
from .terms import Terms


class Truncation(NamedTuple):
    """What became of fractions: in a title, and how it shows."""

    title: str
    said: str


def truncation(ladder: Ladder) -> Truncation | None:
    """What NumPy did with fractions and a buffer of integers, or int(); None: nothing."""
    cases = ladder.fractions
    bad = [c for c in cases if c.wrong]
    for case in bad:
        crash = case.answer.crash
        # Where an argument is written into, that line may be what is refused.
        changed = any({"x", "W"} & set(c.answer.changed) for c in ladder.cases)
        if crash is not None and not changed and is_cast(crash):
            return Truncation("NumPy refuses to add fractions to an array of integers",
                              crash.message)  # fmt: skip
        for name, a in ladder.results(case.answer).items() if case.answer.usable else ():
            if a.dtype.kind in "iu" and _has_fractions(ladder, case.answer.problem, name):
                said = f"{name} is returned in {a.dtype}, which holds no fractions"
                return Truncation(_CUT, said)
    if ladder.checks["exact"].right is not True or len(bad) < 2:
        return None
    for kind in "if":  # arrays of integers, and of floats
        some = [c for c in bad if c.answer.problem.x.dtype.kind == kind]
        wrong = {name for c in some for name in c.wrong}
        if len(some) >= 2 and all(_explained(ladder, some, name) for name in wrong):
            return Truncation(_CUT, "fractions are cut off, exactly as integers do it")
    return None


_CUT = "fractions are cut off where they are written into an array of integers"


def _has_fractions(ladder: Ladder, problem: Problem, name: str) -> bool:
    """Whether the function's result has fractions for the same numbers in float arrays."""
    x, W = problem.x.astype(float), problem.W.astype(float)
    answer = ladder.ask(Problem(problem.grad_out, x, W, problem.geometry)).answer
    return answer.usable and bool(np.any(ladder.results(answer)[name] % 1))


def _explained(ladder: Ladder, cases: list[Case], name: str) -> bool:
    seen = ladder.seen(cases)
    if any(name not in s.found for s in seen):
        return False
    for mistake in _truncations():
        totals = []
        for s in seen:
            terms = Terms(s.problem, name)
            mistake(terms)
            totals.append(terms.total())
        if all(np.array_equal(s.found[name], t) for s, t in zip(seen, totals, strict=True)):
            return True
    return False


def _truncations() -> Iterator[Callable[[Terms], None]]:
    def cut(operand: str) -> Callable[[Terms], None]:
        return lambda t: setattr(t, operand, np.trunc(getattr(t, operand)))

    def rounded(how: Callable[[Array], Array]) -> Callable[[Terms], None]:
        return lambda t: t.after.append(how)

    def inside(loops: str) -> Callable[[Terms], None]:
        return lambda t: setattr(t, "truncates", loops)

    yield from (rounded(np.trunc), rounded(np.floor), rounded(np.rint))
    for loops in ("oij", "ijo", "ij", "uv", "u", "o", "i", "oijcuv", "ocijuv", "ocuvij", "cijouv",
                  "coijuv", "oijuv", "ouv", "cuvo", "ouvij", "n", "noij", "noijcuv"):  # fmt: skip
        yield inside(loops)
    yield from (cut("G"), cut("x"), cut("W"))


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
