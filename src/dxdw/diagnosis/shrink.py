"""The smallest problem on which a function still fails in the same way."""

from collections.abc import Callable
from dataclasses import replace
from time import monotonic

import numpy as np

from .ladder import Case, Ladder
from .problem import Problem, Sizes, smallest_first

# For a slow function the case that is known will have to do. Any other took up to 0.05, in a page
# 0.3: what a report says is not to depend on how busy the machine is.
SECONDS = 2.0


def _any(_: Sizes) -> bool:
    return True


def _overlap(s: Sizes) -> bool:
    return (s.kH > 1 and s.outH > 1) or (s.kW > 1 and s.outW > 1)


# What a case has to have for the question about a mistake to make sense: a pixel under one window
# alone shows no overlap.
_SHOWS: dict[str, Callable[[Sizes], bool]] = {
    "dx-overwritten": _overlap,
    "dw-overwritten": lambda s: s.outH * s.outW > 1,
    "db-overwritten": lambda s: s.outH * s.outW > 1,
    "dx-kernel-flipped": lambda s: s.kH * s.kW > 1,
    "dw-reversed": lambda s: s.kH * s.kW > 1,
    "kernel-transposed": lambda s: s.kH > 1 and s.kW > 1,
    "grad-transposed": lambda s: s.outH > 1 and s.outW > 1,
    "patch-transposed": lambda s: s.outH > 1 and s.outW > 1 and s.kH > 1 and s.kW > 1,
    "grad-position-ignored": lambda s: s.outH * s.outW > 1,
    "last-position-skipped": lambda s: s.outH > 1 and s.outW > 1,
    "kernel-taps-skipped": lambda s: s.kH > 1 and s.kW > 1,
    "shifted": lambda s: s.outH * s.kH > 1 and s.outW * s.kW > 1,
    "geometry-mixed": _overlap,
    "grad-flipped": lambda s: s.outH * s.outW > 1,
    "index-repeated": lambda s: min(s.outH, s.outW, s.kH, s.kW) > 1,
    "image-reversed": lambda s: s.outH * s.kH > 1 and s.outW * s.kW > 1,
    "channels-exchanged": lambda s: s.C_in > 1 and s.C_out > 1,
    "channels-reversed": lambda s: s.C_in * s.C_out > 1,
    "reshaped-not-transposed": lambda s: s.outH * s.outW > 1,
    "input-channels-lost": lambda s: s.C_in > 1,
    "kernel-channel-fixed": lambda s: s.C_out > 1,
    "grad-channel-fixed": lambda s: s.C_out > 1,
    "images-mixed": lambda s: s.N > 1,
    "batch-sum-missing": lambda s: s.N > 1,
}


def smallest(
    ladder: Ladder, known: Case, cause: str, into: Callable[[Problem], Problem] = lambda p: p
) -> Case:
    """A case of the fewest elements, non-zeros and of plain numbers that fails like `known`.

    One that shows the mistake, where there is one. `into` makes of a problem in small integers one
    of the kind that fails.
    """
    contract = ladder.contract
    until = monotonic() + SECONDS

    def fails(problem: Problem) -> Case | None:
        case = ladder.ask(into(problem))
        return case if _kind(case) == _kind(known) else None

    shows = _SHOWS.get(cause, _any)
    for telling in (True, False):
        for problem in smallest_first(contract.geometry, contract.batch):
            if monotonic() > until or problem.x.size + problem.W.size >= _elements(known):
                break
            sizes = problem.sizes
            # With a padding there are images smaller than the kernel, which show little.
            wide = problem.x.shape[2] >= sizes.kH and problem.x.shape[3] >= sizes.kW
            if (shows(sizes) and wide) is telling and (case := fails(problem)):
                return _plainer(case, problem, fails, until)
    return known


def _plainer(
    best: Case, plain: Problem, fails: Callable[[Problem], Case | None], until: float
) -> Case:
    """With x and W counted through, and the plainest of values in grad_out that will do."""
    for name in ("x", "W"):
        counted = np.arange(1.0, 1 + getattr(plain, name).size).reshape(getattr(plain, name).shape)
        simpler = replace(plain, x=counted) if name == "x" else replace(plain, W=counted)
        if case := fails(simpler):
            best, plain = case, simpler
    for place in np.ndindex(plain.grad_out.shape):
        for value in (0.0, 1.0, -1.0, 2.0):
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
