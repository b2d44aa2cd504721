"""What a report shows of a failure: a small case, its first wrong element, where it raises."""

from collections.abc import Callable

import numpy as np

from .calls import Crash
from .ladder import Case, Ladder
from .naming import Verdict
from .problem import Problem, smallest_first
from .report import Evidence, FirstWrong
from .shrink import smallest
from .terms import Terms

_MOST_CONTRIBUTIONS = 8


def shown_case(ladder: Ladder, found: Verdict) -> Case | None:
    """The failing case to show: small, with wrong values, or else of the last rungs."""
    cause = next(iter(found.causes), "")
    for cases, into in (
        (ladder.cases, _same),
        (ladder.beyond, _same),
        (ladder.tried, _same),
        (ladder.fractions[:2], _with_integers),
        (ladder.fractions[2:], _halved),
    ):
        for case in sorted(cases, key=lambda c: not c.answer.usable):
            if case.wrong:
                return smallest(ladder, case, cause, into)
    for number, case in enumerate(ladder.precision):
        if case.wrong:
            return smallest(ladder, case, cause, _widened(number % 3))
    if ladder.checks["repeatable"].right is False:
        contract = ladder.contract
        case = ladder.twice(next(smallest_first(contract.geometry, contract.batch)))
        return case if case.wrong else None  # by chance it may be right
    return None


def shown_crash(ladder: Ladder, shown: Case | None) -> Crash | None:
    """Of the case that is shown, or else the first that there was.

    What NumPy refuses to write into integers is told only where nothing else is wrong.
    """
    if ladder.written is not None:
        return ladder.written
    every = [*([shown] if shown else []), *ladder.cases, *ladder.beyond]
    if not any(case.wrong for case in every[1:]):
        every += ladder.fractions
    return next((c.answer.crash for c in every if c.answer.crash is not None), None)


def _same(problem: Problem) -> Problem:
    return problem


def _with_integers(problem: Problem) -> Problem:
    whole = problem.x.astype(np.int64), problem.W.astype(np.int64)
    return Problem(problem.grad_out / 2, *whole, problem.geometry)


def _widened(operand: int) -> Callable[[Problem], Problem]:
    """One operand in numbers of 27 bits and more, which float32 rounds."""

    def widened(problem: Problem) -> Problem:
        arrays = [problem.grad_out, problem.x, problem.W]
        arrays[operand] = np.where(arrays[operand] == 0, 0, arrays[operand] * 2.0**27 + 1)
        return Problem(arrays[0], arrays[1], arrays[2], problem.geometry)

    return widened


def _halved(problem: Problem) -> Problem:
    return Problem(problem.grad_out / 2, problem.x / 2, problem.W / 2, problem.geometry)


def evidence_of(
    ladder: Ladder, case: Case, found: Verdict
) -> tuple[Evidence | None, FirstWrong | None]:
    """The arrays of a case, and the first element that is wrong in the result to look at."""
    answer = case.answer
    arguments = dict(
        zip(("grad_out", "x", "W"), ladder.contract.arguments(answer.problem), strict=True)
    )
    if not answer.usable:
        nothing = np.zeros(0)
        return Evidence("", nothing, nothing, arguments), None
    # Of what the first mistake is made in, for there its question is asked.
    made = next((results for results in found.causes.values() if results), frozenset())
    name = next((n for n in case.wrong if n in made), next(iter(case.wrong)))
    if name in answer.absent:
        return None, None
    got = ladder.results(answer)[name]
    expected = ladder.contract.outward(name, answer.problem.expected[name])
    evidence = Evidence(name, got, expected, arguments)
    if got.shape != expected.shape:
        return evidence, None
    tolerance = answer.problem.tolerance(name, ladder.eps)
    with np.errstate(invalid="ignore"):
        bad = ~(np.abs(got - expected) <= tolerance)
    index = tuple(int(k) for k in np.argwhere(bad)[0])
    return evidence, FirstWrong(
        name, index, float(got[index]), float(expected[index]),
        _contributions(ladder, answer.problem, name, index),
    )  # fmt: skip


def _contributions(
    ladder: Ladder, problem: Problem, name: str, index: tuple[int, ...]
) -> tuple[str, ...]:
    """The products whose sum the element is, as a learner would write them."""
    if name == "db":
        return ()
    marked = np.zeros(ladder.contract.outward(name, problem.expected[name]).shape)
    marked[index] = 1
    place = tuple(int(k) for k in np.argwhere(ladder.contract.inward(name, marked))[0])
    operand, a = ("W", problem.W) if name == "dx" else ("x", problem.x)
    batch = ladder.contract.batch
    said = []
    for g, other in Terms(problem, name).contributions(place):
        places = [",".join(map(str, g if batch else g[1:]))]
        places.append(",".join(map(str, other if batch or operand == "W" else other[1:])))
        product = f"{problem.grad_out[g]:g} · {a[other]:g}"
        said.append(f"grad_out[{places[0]}] · {operand}[{places[1]}] = {product}")
    if len(said) > _MOST_CONTRIBUTIONS:
        more = len(said) - _MOST_CONTRIBUTIONS + 1
        said = [*said[: _MOST_CONTRIBUTIONS - 1], f"and {more} more"]
    return tuple(said)
