"""What is wrong with db, the gradient of the bias: a sum over grad_out, compared with wrong sums.

    db[o] = Σ_{n,i,j} grad_out[n,o,i,j]

That is the dW of a 1×1 kernel over an image of ones, so every mistake in how grad_out is read or
summed can be made in it as well.
"""

from itertools import combinations
from typing import NamedTuple

import numpy as np

from .ladder import Case, Ladder
from .matching import Matcher, Seen
from .problem import Problem


class OfBias(NamedTuple):
    """Identifiers and words; no identifier where db is right, or wrong in no known way."""

    causes: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    right: bool = True
    either: bool = False
    factor: str | None = None  # where it is scaled


# What can be made wrong in db, by its name in dW; and what it is called in db where that differs.
_AMONG = ("dw-overwritten", "wrong-broadcast", "scaled", "batch-sum-missing",
          "last-position-skipped", "output-channels-lost", "nonlinear-in-grad",
          "grad-channel-fixed", "reshaped-not-transposed")  # fmt: skip
_NAMES = {"dw-overwritten": "db-overwritten", "wrong-broadcast": "db-axes"}


def of_bias(ladder: Ladder) -> OfBias:
    """What explains db on every probe."""
    cases = [case for case in ladder.cases if case.answer.usable]
    if not any("db" in case.wrong for case in cases):
        return OfBias()
    if found := _wrong_axes(ladder, cases):
        return found
    if any(case.wrong.get("db") == "shape" for case in cases):
        return OfBias(right=False)
    seen = []
    for case in cases:
        db = ladder.contract.inward("db", ladder.results(case.answer)["db"])
        if not np.isfinite(db).all():
            return OfBias(right=False)
        seen.append(
            Seen(as_kernel(case.answer.problem), {"dW": db.reshape(-1, 1, 1, 1)}, ladder.eps)
        )
    named = Matcher(seen, ["dW"], _AMONG).name(pairs=False)
    if named is None:
        return OfBias(right=False)
    causes = tuple(dict.fromkeys(_NAMES.get(name, name) for name in named.causes))
    words = tuple(w.replace("dW", "db", 1) for w in named.words)
    return OfBias(causes, words, False, named.either, named.factors.get("dW"))


def as_kernel(problem: Problem) -> Problem:
    """The problem whose dW is this problem's db."""
    N, C_out, outH, outW = problem.grad_out.shape
    x, W = np.ones((N, 1, outH, outW)), np.ones((C_out, 1, 1, 1))
    return Problem(problem.grad_out, x, W)


def _wrong_axes(ladder: Ladder, cases: list[Case]) -> OfBias | None:
    """A sum over other axes of grad_out than those of the images and positions."""
    order = "ijo" if ladder.contract.channels_last else "oij"
    order = "n" + order if ladder.contract.batch else order
    for count in range(len(order) + 1):
        for axes in combinations(order, count):
            right = set(axes) == set(order) - {"o"}
            if not right and all(_is_sum(ladder, case, axes, order) for case in cases):
                said = ", ".join(str(order.index(axis)) for axis in axes)
                words = f"db: grad_out is summed over the axes ({said})"
                each = "n" in order and set(axes) == {"i", "j"}
                name = "batch-sum-missing" if each else "db-axes"
                return OfBias((name,), (words if axes else "db: no sum is taken",), right=False)
    return None


def _is_sum(ladder: Ladder, case: Case, axes: tuple[str, ...], order: str) -> bool:
    db = ladder.results(case.answer)["db"]
    grad_out = ladder.contract.arguments(case.answer.problem)[0]
    over = tuple(order.index(axis) for axis in axes)
    return any(np.array_equal(db, grad_out.sum(over, keepdims=keep)) for keep in (False, True))
