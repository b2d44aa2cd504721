"""What is wrong only where it should be 0, as what is divided by it, or put in its place."""

from collections.abc import Iterator

import numpy as np

from ..core.arrays import Array
from .ladder import Case, Ladder


def where_zero(ladder: Ladder) -> Iterator[str]:
    """A sentence for each result that is wrong at zeros alone, and only at some of them or all."""
    for name in ladder.contract.returns:
        wrong = [case for case in ladder.tried if name in case.wrong]
        got = [_at_zeros(ladder, case, name) for case in wrong]
        # An array of zeros alone tells nothing of its other elements.
        telling = any(case.answer.problem.expected[name].any() for case in wrong)
        if telling and all(a is not None for a in got):
            values = np.concatenate([a for a in got if a is not None])
            yield f"{name} is wrong only where it should be 0, and is {_said(values)} there"


def _at_zeros(ladder: Ladder, case: Case, name: str) -> Array | None:
    """The wrong elements of a result; None where one of them should be another number than 0."""
    if case.wrong[name] != "value":
        return None
    problem = case.answer.problem
    found = ladder.contract.inward(name, ladder.results(case.answer)[name])
    with np.errstate(invalid="ignore"):
        close = np.abs(found - problem.expected[name]) <= problem.tolerance(name, ladder.eps)
    return None if problem.expected[name][~close].any() else found[~close]


def _said(values: Array) -> str:
    same = np.array_equal(values, np.full_like(values, values[0]), equal_nan=True)
    return f"{values[0]:.10g}" if same else "another number"
