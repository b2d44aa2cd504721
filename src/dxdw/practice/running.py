"""Runs a learner's code on a problem, and tells what comes of each test as soon as it is known."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np

from ..core.arrays import Array, apart
from ..diagnosis import Check, Report, diagnose, questions
from ..diagnosis.exercises import exercises
from ..diagnosis.loading import NotLoaded
from ..diagnosis.report import plain
from ..problem_names import ProblemName
from ..reference import conv2d_backward_naive
from .findings import Call, Failed, Solution
from .learners_code import functions as functions_of
from .problem import Problem
from .series import SERIES

Event = dict[str, Any]
Case = Mapping[str, Any]


class NoCase(Exception):
    """What a learner's own case has in it that is no argument of the problem."""


def run(number: str, code: str, tell: Callable[[Event], None], cases: Iterable[Case] = ()) -> None:
    """Run the tests of a problem on code, one by one.

    Parameters
    ----------
    number : str
        Of the problem, "01" to "06".
    code : str
        What the learner wrote: Python source that defines the problem's functions.
    tell : callable
        Is called with a dict that JSON can hold for each thing that is found out:

        `{"kind": "not loaded", "message", "line"}`: the code can't be run, and nothing follows.

        `{"kind": "test", "id", "state", "detail", "seconds", "evidence", "first_wrong", "crash"}`:
        `id` is one of `names_by_id`, or "case/0" and on; `state` is "passed", "failed", "advice"
        (no mistake, but worth knowing) or "not run". The last three are null or as in `Report`'s
        JSON.

        `{"kind": "report", "function", "report"}`: what `diagnose` found, as `Report`'s JSON.

        `{"kind": "done", "passed", "failed", "advice", "solved", "extra"}`, at the end: three
        counts, whether the problem's own tests pass, and whether the extra checks do, the checker's
        questions.
    cases : iterable of dict
        `{"function", "arguments"}`, arguments of the learner's own choice by their names; nested
        lists are arrays. The result is compared with the reference's.

    Raises
    ------
    KeyError
        There is no such problem.

    See Also
    --------
    dxdw.diagnosis.diagnose

    Examples
    --------
    >>> from dxdw.practice import SERIES, run
    >>> run("04", SERIES["04"].solution, lambda e: e["kind"] == "done" and print(e["solved"]))
    True
    """
    problem = SERIES[number]
    try:
        functions = functions_of(code, problem.functions)
    except NotLoaded as error:
        tell({"kind": "not loaded", "message": error.said, "line": error.line})
        return
    states: list[str] = []

    def told(event: Event) -> None:
        states.append(event["state"])
        tell({"kind": "test", **{key: plain(value) for key, value in event.items()}})

    unsolved = set()  # the functions whose own tests don't all pass
    for place, test in enumerate(problem.tests):
        told(_tried(f"test/{place}", partial(test.check, functions[test.function])))
        unsolved |= {test.function} if states[-1] != "passed" else set()
    extra = True
    for name in problem.functions:
        fn = functions[name]
        report = replace(_diagnosed(name, fn, told), solved=name not in unsolved)
        extra &= report.ok
        tell({"kind": "report", "function": name, "report": report.form()})
    for place, case in enumerate(cases):
        told(_tried(f"case/{place}", partial(_own_case, functions, case)))
    counts = {state: states.count(state) for state in ("passed", "failed", "advice")}
    tell({"kind": "done", **counts, "solved": not unsolved, "extra": extra})


def solves(function: str, fn: Solution) -> bool:
    """Whether a function passes the problem's own tests of it.

    >>> import dxdw
    >>> solves("relu", dxdw.relu), solves("relu", abs)
    (True, False)
    """
    tests = (t for problem in SERIES.values() for t in problem.tests if t.function == function)
    return all(_tried("", partial(test.check, fn))["state"] == "passed" for test in tests)


def names_by_id(problem: Problem) -> dict[str, str]:
    """What each test is called, by its id: the problem's own, then the checker's questions."""
    found = {f"test/{place}": test.name for place, test in enumerate(problem.tests)}
    several = len(problem.functions) > 1
    for function in problem.functions:
        for name, question in questions(function).items():
            found[f"{function}/{name}"] = f"{function}: {question}" if several else question
    return found


def _tried(name: str, check: Callable[[], None]) -> Event:
    """The event of a test that passes or raises Failed."""
    started = perf_counter()
    event: Event = {"id": name, "state": "passed", "detail": ""}
    shown: Event = dict.fromkeys(("evidence", "first_wrong", "crash"))
    try:
        apart(check)  # which runs the learner's function without NumPy's warnings
    except NoCase as error:
        event |= {"state": "not run", "detail": str(error)}
    except Failed as failed:
        event |= {"state": "failed", "detail": str(failed)}
        shown = {key: getattr(failed, key) for key in shown}
    return {**event, "seconds": round(perf_counter() - started, 6), **shown}


def _diagnosed(name: ProblemName, fn: Solution, told: Callable[[Event], None]) -> Report:
    """The checker's report; its checks are told as they come, and last those it did not run."""
    began = perf_counter()

    def noted(check: Check) -> None:
        nonlocal began
        now = perf_counter()
        told(_event(name, check, now - began))
        began = now

    report = diagnose(fn, problem=name, noted=noted)
    for check in report.checks:
        if check.right is None:
            told(_event(name, check, 0.0))
    return report


_STATES = {"right": "passed", "wrong": "failed", "advice": "advice", "not run": "not run"}


def _event(function: str, check: Check, seconds: float) -> Event:
    shown = dict.fromkeys(("evidence", "first_wrong", "crash"))
    return {"id": f"{function}/{check.name}", "state": _STATES[check.state], "detail": check.detail,
            "seconds": round(seconds, 6), **shown}  # fmt: skip


def _own_case(functions: Mapping[str, Solution], case: Case) -> None:
    """Compare with the reference. NoCase: what the reference does not take."""
    function, arguments = case["function"], case["arguments"]
    if function not in functions:
        raise NoCase(f"the case is of {function}: it must be of {' or '.join(functions)}")
    try:
        values = {name: np.asarray(value, np.float64) if isinstance(value, list) else value
                  for name, value in arguments.items()}  # fmt: skip
    except (TypeError, ValueError) as error:
        raise NoCase(
            f"an array must be nested lists of numbers, all rows as long: {error}"
        ) from None
    try:
        expected = _right(function, list(values.values()))
    except (TypeError, ValueError) as error:
        raise NoCase(str(error)) from None
    arrays = {name: value for name, value in values.items() if isinstance(value, np.ndarray)}
    options = {name: value for name, value in values.items() if name not in arrays}
    call = Call(functions[function], arrays, options, tuple(expected))
    for result, array in expected.items():
        # Numbers of any size: the last bits of a sum depend on its order.
        call.expect(result, array, atol=1e-9 * max(1.0, float(np.abs(array).max(initial=0.0))))


def _right(function: str, values: list[Any]) -> dict[str, Array]:
    if function == "conv2d_backward":
        return dict(zip(("dx", "dW"), conv2d_backward_naive(*values), strict=True))
    return {"out": exercises()[function].right(*values)}
