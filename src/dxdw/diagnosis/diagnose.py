"""The whole examination of a function: climb, name, shrink, report."""

from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np

from .calls import Crash
from .causes import listed, told
from .contract import Contract
from .ladder import Case, Ladder
from .naming import Verdict, verdict
from .problem import Problem, smallest_first
from .report import Check, Evidence, FirstWrong, Report
from .shrink import smallest
from .terms import Terms

_MOST_CONTRIBUTIONS = 8


def examine(
    fn: Callable[..., Any], contract: Contract, noted: Callable[[Check], None] | None = None
) -> Report:
    """The report on a function with a contract."""
    started = perf_counter()
    ladder = Ladder(fn, contract, noted)
    ladder.climb()
    checks = tuple(ladder.checks.values())
    name = getattr(fn, "__name__", type(fn).__name__)
    if all(check.right is not False for check in checks):
        return Report(name, checks, summary="right", seconds=perf_counter() - started)
    found = verdict(ladder)
    case = _shown(ladder)
    evidence, first = _evidence(ladder, case) if case else (None, None)
    return Report(
        name,
        checks,
        tuple(found.causes),
        _summary(ladder, found),
        found.words,
        first,
        evidence,
        _crash(ladder, case),
        perf_counter() - started,
        tuple(told(cause, results) for cause, results in found.causes.items()),
    )


def _summary(ladder: Ladder, found: Verdict) -> str:
    """What is not there yet, and then what is wrong with the rest."""
    titles = [told(cause, results).title for cause, results in found.causes.items()]
    parts = [*found.missing, *([", or: ".join(titles)] if found.either else titles)]
    if parts and found.unnamed:
        parts.append(f"what is wrong with {listed(found.unnamed)} is not recognised")
    if parts:
        return "; ".join(parts)
    failed = [c for c in ladder.checks.values() if c.right is False]
    if failed[0].name in ("signature", "runs"):
        return failed[0].detail
    return "not recognised: no known mistake gives these answers"


def _shown(ladder: Ladder) -> Case | None:
    """The failing case to show: small, with wrong values, or else of the last rungs."""
    for cases, into in (
        (ladder.cases, _same),
        (ladder.beyond, _same),
        (ladder.fractions[:2], _with_integers),
        (ladder.fractions[2:], _halved),
    ):
        for case in sorted(cases, key=lambda c: not c.answer.usable):
            if case.wrong:
                return smallest(ladder, case, into)
    for number, case in enumerate(ladder.precision):
        if case.wrong:
            return smallest(ladder, case, _widened(number % 3))
    if ladder.checks["repeatable"].right is False:
        contract = ladder.contract
        return ladder.twice(next(smallest_first(contract.geometry, contract.batch)))
    return None


def _crash(ladder: Ladder, shown: Case | None) -> Crash | None:
    """Of the case that is shown, or else the first that there was."""
    if ladder.written is not None:
        return ladder.written
    every = (*([shown] if shown else []), *ladder.cases, *ladder.beyond, *ladder.fractions)
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


def _evidence(ladder: Ladder, case: Case) -> tuple[Evidence | None, FirstWrong | None]:
    answer = case.answer
    arguments = dict(
        zip(("grad_out", "x", "W"), ladder.contract.arguments(answer.problem), strict=True)
    )
    if not answer.usable:
        name = ladder.contract.returns[0]
        nothing = np.zeros(0)
        return Evidence("", nothing, nothing, arguments), None
    name = next(iter(case.wrong))
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
        said.append(f"G[{places[0]}] · {operand}[{places[1]}] = {product}")
    if len(said) > _MOST_CONTRIBUTIONS:
        more = len(said) - _MOST_CONTRIBUTIONS + 1
        said = [*said[: _MOST_CONTRIBUTIONS - 1], f"and {more} more"]
    return tuple(said)
