"""The whole examination of a function: climb, name, shrink, report."""

from collections.abc import Callable
from time import perf_counter
from typing import Any

from .calls import Crash, stops_with
from .causes import Cause, listed, told
from .contract import Contract
from .dtypes import fractions, precision
from .identities import adjoint, differences
from .ladder import Ladder, crashes_counted, sizes_in_words
from .naming import Verdict, verdict
from .of_zeros import where_zero
from .report import ADVICE, Check, Report
from .showing import evidence_of, shown_case, shown_crash


def examine(
    fn: Callable[..., Any], contract: Contract, noted: Callable[[Check], None] | None = None
) -> Report:
    """The report on a function with a contract."""
    started = perf_counter()
    ladder = Ladder(fn, contract, noted)
    if ladder.climb():
        adjoint(ladder)
        differences(ladder)
        fractions(ladder)
        precision(ladder)
    checks = tuple(ladder.checks.values())
    name = getattr(fn, "__name__", type(fn).__name__)
    if all(check.right is not False for check in checks):
        return Report(name, checks, summary="right", seconds=perf_counter() - started)
    found = verdict(ladder)
    case = shown_case(ladder, found)
    evidence, first = evidence_of(ladder, case, found) if case else (None, None)
    causes = _explained(found)
    crash = shown_crash(ladder, case)
    return Report(
        name,
        checks,
        tuple(causes),
        _summary(ladder, found, causes, crash),
        found.words,
        first,
        evidence,
        crash,
        perf_counter() - started,
        tuple(causes.values()),
        found.either,
        found.missing,
        found.unnamed,
    )


def _explained(found: Verdict) -> dict[str, Cause]:
    """The mistakes in words, by their names."""
    negated = set(found.factors.values()) == {"−1"}
    causes = {n: told(n, _own(n, results), negated) for n, results in found.causes.items()}
    return {
        name: cause._replace(title=found.titles.get(name, cause.title))
        for name, cause in causes.items()
    }


def _own(name: str, results: frozenset[str]) -> frozenset[str]:
    """Of a mistake that is one result's by its name, that result: the other may have its own."""
    own = {"dx-": "dx", "dw-": "dW"}.get(name[:3])
    return results & {own} or results


def _summary(ladder: Ladder, found: Verdict, causes: dict[str, Cause], crash: Crash | None) -> str:
    """What is not there yet, then what is wrong with the rest; advice only where that is all."""
    failed = [c for c in ladder.checks.values() if c.state == "wrong"]
    if not failed:
        return f"right; advice: {'; '.join(cause.title for cause in causes.values())}"
    titles = [cause.title for name, cause in causes.items() if name not in ADVICE]
    titles = titles or [cause.title for cause in causes.values()]
    parts = [*found.missing, *([", or: ".join(titles)] if found.either else titles)]
    if parts and found.unnamed:
        parts.append(f"what is wrong with {listed(found.unnamed)} is not recognised")
    if found.missing and (right := _right_already(ladder)):
        parts.append(f"{listed(right)} {'is' if len(right) == 1 else 'are'} right already")
    if parts:
        return "; ".join(parts)
    if failed[0].name == "runs" and crash is not None:
        return f"{stops_with(crash)} {crashes_counted(ladder)}"
    if failed[0].name in ("signature", "runs"):
        return failed[0].detail
    if ladder.changing:
        return "its answers change from call to call: something is kept between calls, or drawn"
    said = "not recognised: no known mistake gives these answers"
    if not any(case.wrong for case in ladder.cases) and ladder.beyond:
        said += f"; right on other arrays, and wrong with {_where(ladder)}"
    said = "; ".join([said, *where_zero(ladder)])
    right = _right_already(ladder)
    return f"{said}; {listed(right)} {'is' if len(right) == 1 else 'are'} right" if right else said


def _where(ladder: Ladder) -> str:
    """The sizes with which it is wrong, where those of the first cases are right."""
    return sizes_in_words(ladder.beyond[0].answer.problem)


def _right_already(ladder: Ladder) -> list[str]:
    return [name for name in ladder.contract.returns if name not in ladder.ever_wrong]
