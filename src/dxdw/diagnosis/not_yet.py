"""What is not there yet: results that are None, all zeros, an argument as it came, or misshapen.

It is told before any mistake is looked for: nothing can be said of numbers that nobody computed.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ..core.arrays import Array
from .causes import listed
from .contract import Contract
from .ladder import Case, Ladder
from .problem import Problem


class Missing(NamedTuple):
    """Results of which there is nothing to compare, and a sentence about each."""

    results: tuple[str, ...] = ()
    said: tuple[str, ...] = ()


def not_yet(ladder: Ladder) -> Missing:
    """The results that are not there yet, on any probe."""
    usable = [case for case in ladder.cases if case.answer.usable]
    if not usable or ladder.swapped:
        return Missing()
    kinds: dict[str, str] = {}
    for name in ladder.contract.returns:
        if kind := _kind(ladder, name, usable):
            kinds[name] = kind
    return Missing(tuple(kinds), tuple(_sentences(kinds)))


def _kind(ladder: Ladder, name: str, usable: list[Case]) -> str | None:
    if all(name in case.answer.absent for case in usable):
        return "None: it is not returned yet"
    found = [(ladder.results(case.answer)[name], case.answer.problem) for case in usable]
    shapes = [ladder.contract.outward(name, p.expected[name]).shape for _, p in found]
    misshapen = all(a.shape != shape for (a, _), shape in zip(found, shapes, strict=True))
    if not any(a.any() for a, _ in found) and all(a.size for a, _ in found):
        first = found[0][0]
        shape = f", and {_shape(ladder.contract, name, first, found[0][1])}" if misshapen else ""
        return "still all zeros" + shape
    operand = {"dx": "x", "dW": "W"}.get(name)
    if operand and all(_as_it_came(ladder.contract, a, operand, p) for a, p in found):
        return f"still {operand}, as it came"
    return None


def _as_it_came(contract: Contract, a: Array, operand: str, problem: Problem) -> bool:
    given = dict(zip(("grad_out", "x", "W"), contract.arguments(problem), strict=True))[operand]
    return a.shape == given.shape and np.array_equal(a, given)


def misshapen(ladder: Ladder, name: str) -> str:
    """Of a result whose shape is never right: which came, and which was wanted."""
    case = next(c for c in ladder.cases if c.wrong.get(name) == "shape")
    got = ladder.results(case.answer)[name]
    return f"{name} {_shape(ladder.contract, name, got, case.answer.problem)}"


def _shape(contract: Contract, name: str, got: Array, problem: Problem) -> str:
    wanted = contract.outward(name, problem.expected[name]).shape
    whose = {"dx": ", that of x", "dW": ", that of W"}.get(name, "")
    return f"has shape {got.shape}, and should have {wanted}{whose}"


def _sentences(kinds: dict[str, str]) -> Iterator[str]:
    """One for results of which the same is to be said."""
    for kind in dict.fromkeys(kinds.values()):
        names = [name for name, k in kinds.items() if k == kind]
        yield f"{listed(names)} {'is' if len(names) == 1 else 'are'} {kind}"
