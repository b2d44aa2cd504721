"""Results that hold more than grad_out sends back: an array that does not begin at zero."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..core.arrays import Array
from .ladder import Ladder
from .matching import Matcher, Seen

NAME = "not-from-zero"
_MARKS = (12345.0, 54321.0)
_BLOCKS = 8  # NumPy keeps seven freed blocks of a size


class Beginnings(NamedTuple):
    """The results without what is in them for a grad_out of zeros, which those named have."""

    seen: list[Seen]
    results: tuple[str, ...]
    words: tuple[str, ...]


def from_memory(ladder: Ladder, results: Sequence[str]) -> tuple[str, ...]:
    """The results that begin with what memory held, as np.empty gives it: marks left there show.

    Two calls may have found the same there, so that they agree says nothing.
    """
    if ladder.checks["zero"].right is not False:
        return ()
    return tuple(name for name in results if all(_holds(ladder, name, mark) for mark in _MARKS))


def _holds(ladder: Ladder, name: str, mark: float) -> bool:
    problem = ladder.small()
    problem = problem.with_grad_out(np.zeros_like(problem.grad_out))
    arrays = (problem.grad_out, problem.x, problem.W)
    left = [np.full_like(a, mark) for a in arrays for _ in range(_BLOCKS)]
    del left  # whose memory is the next to be given out
    answer = ladder.ask(problem).answer
    return answer.usable and bool((ladder.results(answer)[name] == mark).any())


def beginnings(ladder: Ladder, seen: Sequence[Seen]) -> Beginnings | None:
    """What the function gives for a grad_out of zeros, taken away; None where that is nothing."""
    if ladder.checks["zero"].right is not False or ladder.checks["repeatable"].right is False:
        return None
    zeros = [ladder.ask(s.problem.with_grad_out(np.zeros_like(s.problem.grad_out))) for s in seen]
    begun = ladder.seen(zeros)
    if any(s.found.keys() - b.found.keys() for s, b in zip(seen, begun, strict=True)):
        return None
    results = sorted({n for s, b in zip(seen, begun, strict=True)
                      for n in s.found if b.found[n].any()}, reverse=True)  # fmt: skip
    if not results:
        return None
    rest = [
        s._replace(found={n: a - b.found[n] for n, a in s.found.items()})
        for s, b in zip(seen, begun, strict=True)
    ]
    return Beginnings(rest, tuple(results), tuple(_said(n, begun) for n in results))


def _said(name: str, begun: Sequence[Seen]) -> str:
    operand = {"dx": "x", "dW": "W"}[name]
    of_operand = all(np.array_equal(s.found[name], _operand(s, operand))
                     for s in begun if name in s.found)  # fmt: skip
    what = operand if of_operand else "not zero"
    return f"{name} is {what} for a grad_out of zeros"


def _operand(seen: Seen, name: str) -> Array:
    return seen.problem.x if name == "x" else seen.problem.W


def updated(found: Beginnings, wrong: Sequence[str]) -> bool:
    """Whether dW is W less some multiple of dW: a step of training that is already done."""
    if found.words != (_UPDATED,) or tuple(wrong) != ("dW",):
        return False
    factor = Matcher(found.seen, ["dW"]).scaled("dW")
    return factor is not None and factor.startswith(("−", "-"))


_UPDATED = "dW is W for a grad_out of zeros"
