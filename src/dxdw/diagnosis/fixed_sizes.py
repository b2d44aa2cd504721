"""A size that is written as a number: right up to it, and what lies beyond is left out."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from ..core.arrays import Array
from .matching import Seen
from .problem import Problem

NAME = "size-fixed"


class Fixed(NamedTuple):
    """The results in which it is made, and what was seen of each."""

    results: frozenset[str]
    words: tuple[str, ...]


def fixed_sizes(seen: Sequence[Seen], results: Sequence[str]) -> Fixed | None:
    """Where every result that is wrong is right but for what lies beyond some size."""
    found: dict[str, str] = {}
    for name in results:
        bad = [s for s in seen if not _is(s, name, s.problem.expected[name])]
        if not bad:
            continue
        said = _up_to(seen, bad, name)
        if said is None:
            return None
        found[name] = said
    return Fixed(frozenset(found), tuple(found.values())) if found else None


def _up_to(seen: Sequence[Seen], bad: Sequence[Seen], name: str) -> str | None:
    """The size, and the most of it, that explain every answer, two wrong ones among them."""
    if len(bad) < 2:
        return None
    for size, cut in _CUTS.items():
        sizes = [getattr(s.problem.sizes, size) for s in seen]
        for most in range(1, min(getattr(s.problem.sizes, size) for s in bad)):
            # The wrong ones first, for they rule out nearly all.
            if all(_is(s, name, cut(s.problem, most)[name]) for s in bad) and all(
                _is(s, name, cut(s.problem, most)[name])
                for s, n in zip(seen, sizes, strict=True)
                if n > most
            ):
                return f"{name}: right for {size} up to {most}, and nothing of what lies beyond"
    return None


def _is(seen: Seen, name: str, value: Array) -> bool:
    if name not in seen.found:
        return False
    difference = np.abs(seen.found[name] - value).max(initial=0.0)
    return bool(difference <= seen.problem.tolerance(name, seen.eps))


def _without(operand: int, axis: int) -> Callable[[Problem, int], dict[str, Array]]:
    """The results of an operand that is 0 from some place of an axis on."""

    def cut(problem: Problem, most: int) -> dict[str, Array]:
        arrays = [problem.grad_out, problem.x, problem.W]
        arrays[operand] = arrays[operand].copy()
        np.moveaxis(arrays[operand], axis, 0)[most:] = 0
        return Problem(arrays[0], arrays[1], arrays[2], problem.geometry).expected

    return cut


def _kernel(axis: int) -> Callable[[Problem, int], dict[str, Array]]:
    """dx without the kernel's last taps, and dW that is 0 there."""

    def cut(problem: Problem, most: int) -> dict[str, Array]:
        dW = problem.expected["dW"].copy()
        np.moveaxis(dW, axis, 0)[most:] = 0
        return {**_without(2, axis)(problem, most), "dW": dW}

    return cut


def _channels(problem: Problem, most: int) -> dict[str, Array]:
    """dx and dW that are 0 in the image's last channels."""
    dx, dW = (problem.expected[name].copy() for name in ("dx", "dW"))
    dx[:, most:] = 0
    dW[:, most:] = 0
    return {**problem.expected, "dx": dx, "dW": dW}


_CUTS = {
    "C_in": _channels,
    "C_out": _without(0, 1),
    "kH": _kernel(2),
    "kW": _kernel(3),
    "outH": _without(0, 2),
    "outW": _without(0, 3),
    "N": _without(0, 0),
}
