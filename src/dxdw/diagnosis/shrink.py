"""The smallest problem on which a function still fails in the same way."""

from collections.abc import Callable
from dataclasses import replace
from time import monotonic

import numpy as np

from .ladder import Case, Ladder
from .problem import Problem, smallest_first

# For a slow function the case that is known will have to do. Any other took up to 0.05, in a page
# 0.3: what a report says is not to depend on how busy the machine is.
SECONDS = 2.0


def smallest(ladder: Ladder, known: Case, into: Callable[[Problem], Problem] = lambda p: p) -> Case:
    """A case of the fewest elements, non-zeros and of plain numbers that fails like `known`.

    `into` makes of a problem in small integers one of the kind that fails.
    """
    contract = ladder.contract
    until = monotonic() + SECONDS

    def fails(problem: Problem) -> Case | None:
        case = ladder.ask(into(problem))
        return case if _kind(case) == _kind(known) else None

    plain, best = None, known
    for problem in smallest_first(contract.geometry, contract.batch):
        if monotonic() > until or problem.x.size + problem.W.size >= _elements(known):
            return known
        if case := fails(problem):
            best, plain = case, problem
            break
    return best if plain is None else _plainer(best, plain, fails, until)


def _plainer(
    best: Case, plain: Problem, fails: Callable[[Problem], Case | None], until: float
) -> Case:
    """With x and W counted through, and as many of grad_out's values 0 or 1 as will do."""
    for name in ("x", "W"):
        counted = np.arange(1.0, 1 + getattr(plain, name).size).reshape(getattr(plain, name).shape)
        simpler = replace(plain, x=counted) if name == "x" else replace(plain, W=counted)
        if case := fails(simpler):
            best, plain = case, simpler
    for place in np.ndindex(plain.grad_out.shape):
        for value in (0.0, 1.0):
            G = plain.grad_out.copy()
            G[place] = value
            if monotonic() < until and (case := fails(plain.with_grad_out(G))):
                best, plain = case, plain.with_grad_out(G)
                break
    return best


def _elements(case: Case) -> int:
    return int(case.answer.problem.x.size + case.answer.problem.W.size)


def _kind(case: Case) -> tuple[object, ...]:
    """What has to stay the same: a wrong value in dx is no crash, and no wrong value in dW."""
    crash = case.answer.crash
    if crash is not None:
        return crash.kind, crash.line
    return tuple(sorted(case.wrong.items()))
