"""The examination for the other problems: every case, and which slip gives the answers."""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import combinations
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from ..core.arrays import Array
from .calls import Answer, call_by_position, changed_in_words, stops_with
from .causes import Cause
from .exercises import Exercise, Slip, exercise_causes
from .report import Check, Evidence, FirstWrong, Report

QUESTIONS = {
    "signature": "takes the arguments of the problem",
    "runs": "returns an array, and raises nothing",
    "shapes": "the result has the right shape",
    "finite": "no NaN and no infinity",
    "exact": "the right numbers",
    "arguments": "leaves its arguments as they are",
    "repeatable": "the same arguments, the same result",
}


def examine_exercise(
    fn: Callable[..., Any], exercise: Exercise, noted: Callable[[Check], None] | None = None
) -> Report:
    """The report on a function for a problem of the series."""
    started = perf_counter()
    checks = {name: Check(name, None, "", said) for name, said in QUESTIONS.items()}

    def note(name: str, right: bool, detail: str = "") -> None:
        checks[name] = Check(name, right, "" if right else detail, QUESTIONS[name])
        if noted is not None:
            noted(checks[name])

    name = getattr(fn, "__name__", type(fn).__name__)
    why = _unfit(fn, exercise)
    left_out = "" if why else _of_defaults(fn, exercise)
    note("signature", not (why or left_out), why or left_out)
    if why is not None:
        return Report(name, tuple(checks.values()), summary=why, seconds=perf_counter() - started)
    answers = [_ask(fn, exercise, case) for case in exercise.cases]
    again = _ask(fn, exercise, exercise.cases[0])
    right = exercise.expected

    crashed = [a for a in answers if not a.usable]
    note("runs", not crashed, crashed[0].why if crashed else "")
    pairs = [(a.results[0], r) for a, r in zip(answers, right, strict=True) if a.usable]
    if pairs:
        shapes = [(a.shape, r.shape) for a, r in pairs if a.shape != r.shape]
        note("shapes", not shapes, f"{shapes[0][0]}, and not {shapes[0][1]}" if shapes else "")
        note("finite", all(np.isfinite(a).all() for a, _ in pairs), "for some of the cases")
        wrong = sum(not _close(a, r, exercise.eps) for a, r in pairs)
        note("exact", not wrong, f"wrong in {wrong} of {len(pairs)} cases")
        changed = sorted({n for a in answers for n in a.changed})
        note("arguments", not changed, changed_in_words(changed))
    if answers[0].usable and again.usable:
        same = np.array_equal(answers[0].results[0], again.results[0], equal_nan=True)
        note("repeatable", same, "the second call gives another result")

    report = Report(name, tuple(checks.values()), summary="right")
    if not report.ok:
        report = _explained(exercise, report, answers, right)
    return report.timed(perf_counter() - started)


def _unfit(fn: Callable[..., Any], exercise: Exercise) -> str | None:
    try:
        inspect.signature(fn).bind(*exercise.cases[0])
    except TypeError as error:
        return f"it can't be called as {exercise.name}: {error}"
    except ValueError:  # some compiled functions have no signature
        return None
    return None


def _of_defaults(fn: Callable[..., Any], exercise: Exercise) -> str:
    """What is wrong where the last options are left out; nothing where they may be."""
    for count in range(1, len(exercise.defaults) + 1):
        left = exercise.defaults[-count:]
        case = next(case for case in exercise.cases if case[-count:] == left)
        whole, short = _ask(fn, exercise, case), _ask(fn, exercise, case[:-count])
        given = ", ".join((*exercise.arrays, *map(str, case[len(exercise.arrays) : -count])))
        if whole.usable and not short.usable:
            return f"{exercise.name}({given}) must do too: {short.why}"
        if whole.usable and not _close(whole.results[0], short.results[0], exercise.eps):
            defaults = ", ".join((given, *map(str, left)))
            return f"{exercise.name}({given}) must give what {exercise.name}({defaults}) gives"
    return ""


def _ask(fn: Callable[..., Any], exercise: Exercise, case: tuple[Any, ...]) -> Answer:
    return call_by_position(fn, exercise.arrays, case, 1)


def _close(a: Array, b: Array, eps: float) -> bool:
    if a.shape != b.shape:
        return False
    scale = np.abs(b[np.isfinite(b)]).max(initial=1.0)
    return bool(np.allclose(a, b, rtol=0, atol=eps * scale, equal_nan=True))


def _explained(
    exercise: Exercise, report: Report, answers: list[Answer], right: Sequence[Array]
) -> Report:
    causes, either, titles = _named(exercise, answers, right)
    bad = [
        (a, r)
        for a, r in zip(answers, right, strict=True)
        if not (a.usable and _close(a.results[0], r, exercise.eps))
    ]
    evidence, first = None, None
    crash = next((a.crash for a in answers if a.crash), None)
    if bad:
        answer, wanted = min(bad, key=lambda pair: not pair[0].usable)
        names = (*exercise.arrays, *exercise.options)
        arguments = dict(zip(names, map(np.array, answer.problem), strict=True))
        got = answer.results[0] if answer.usable else np.zeros(0)
        if answer.usable or answer.crash:  # and where nothing was returned there is nothing to show
            evidence = Evidence("out" if answer.usable else "", got, wanted.copy(), arguments)
        if answer.usable and got.shape == wanted.shape:
            with np.errstate(invalid="ignore"):
                places = np.argwhere(~(np.abs(got - wanted) <= exercise.eps))
            index = tuple(int(k) for k in places[0])
            first = FirstWrong("out", index, float(got[index]), float(wanted[index]))
    told = exercise_causes()
    texts = tuple(told[c]._replace(title=titles.get(c, told[c].title)) for c in causes)
    missing = () if causes else _missing(exercise, answers, right)
    return replace(
        report,
        causes=causes,
        summary=_summary(report, [*missing, *_titles(texts, either)], answers),
        first_wrong=first,
        evidence=evidence,
        crash=crash,
        explanations=texts,
        either=either,
        missing=missing,
    )


def _titles(texts: tuple[Cause, ...], either: bool) -> list[str]:
    titles = [text.title for text in texts]
    return [", or: ".join(titles)] if either else titles


def _summary(report: Report, found: list[str], answers: list[Answer]) -> str:
    if found:
        return "; ".join(found)
    crashes = [a.crash for a in answers if a.crash]
    if crashes:
        every = len(crashes) == len(answers)
        where = "every case" if every else f"{len(crashes)} of {len(answers)} cases"
        return f"{stops_with(crashes[0])} in {where}"
    told = {check.name: check.detail for check in report.checks if check.right is False}
    if "runs" in told or "exact" not in told:  # what is left is an argument, or a state
        return next(iter(told.values()))
    return "not recognised: no known mistake gives these answers"


def _missing(exercise: Exercise, answers: list[Answer], right: Sequence[Array]) -> tuple[str, ...]:
    """What is not there yet, a sentence each: numbers, and the right shape."""
    usable = [(a, r) for a, r in zip(answers, right, strict=True) if a.usable]
    if not usable:
        return ()
    found = []
    if not any(a.results[0].any() for a, _ in usable):
        found.append("the output is still all zeros")
    elif all(np.array_equal(a.results[0], a.problem[0]) for a, _ in usable):
        found.append(f"the output is still {exercise.arrays[0]}, as it came")
    if all(a.results[0].shape != r.shape for a, r in usable):
        answer, wanted = usable[0]
        given = zip(exercise.arrays, answer.problem, strict=False)
        shapes = " and ".join(f"{name} {np.shape(a)}" for name, a in given)
        got = answer.results[0].shape
        found.append(f"its shape is {got}, and should be {wanted.shape} for {shapes}")
    if len(found) == 1 and found[0].startswith("its"):
        found = [found[0].replace("its", "the output's", 1)]
    return tuple(found)


class _Likeness(NamedTuple):
    """A slip beside the function: the cases with the same answer, and of these the wrong ones."""

    cause: str
    same: frozenset[int]
    wrong: frozenset[int]
    title: str


def _named(
    exercise: Exercise, answers: list[Answer], right: Sequence[Array]
) -> tuple[tuple[str, ...], bool, dict[str, str]]:
    """The slip that gives all answers, or two of which either does; else two that share them.

    Two wrong answers at least have to tell for each name. The last are titles, of the first.
    """
    every = frozenset(range(len(answers)))
    found = [
        _likeness(slip, made, answers, right, exercise.eps)
        for slip, made in zip(exercise.slips, exercise.made, strict=True)
    ]
    giving = [f for f in found if f.same == every and len(f.wrong) >= _TELLING]
    whole = {f.cause for f in giving}
    if whole:
        titles = {f.cause: f.title for f in giving if f.title}
        several = len(whole) > 1
        return (
            (tuple(sorted(whole)), several, titles) if len(whole) <= _MOST_TIED else ((), False, {})
        )
    shared = {
        tuple(sorted((a.cause, b.cause)))
        for a, b in combinations(found, 2)
        if a.cause != b.cause
        and a.same | b.same == every
        and min(len(a.wrong - b.same), len(b.wrong - a.same)) >= _TELLING
    }
    return (shared.pop() if len(shared) == 1 else ()), False, {}


def _likeness(
    slip: Slip,
    of_slip: Sequence[Array | None],
    answers: list[Answer],
    right: Sequence[Array],
    eps: float,
) -> _Likeness:
    same, wrong = set(), set()
    for k, (answer, made, wanted) in enumerate(zip(answers, of_slip, right, strict=True)):
        if made is None:
            same |= set() if answer.usable else {k}
        elif answer.usable and _alike(answer.results[0], made, eps):
            same.add(k)
            wrong |= set() if _close(made, wanted, eps) else {k}
    return _Likeness(slip.cause, frozenset(same), frozenset(wrong), slip.title)


def _alike(a: Array, b: Array, eps: float) -> bool:
    """Close, or both empty: a list of no rows is an array of fewer axes."""
    return not (a.size or b.size) or _close(a, b, eps)


_TELLING = 2
_MOST_TIED = 2
