"""Known mistakes put into the gradient of a convolution, to see what a training does with them."""

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ..convolution import conv2d_backward
from ..core.arrays import Array
from ..diagnosis.causes import CAUSES
from ..diagnosis.mistake import Mistake
from ..diagnosis.mistakes import mistakes
from ..diagnosis.problem import PLAIN, Problem, Sizes, integers
from ..diagnosis.terms import Impossible, Terms
from ..typing import Need
from .own_functions import refuse_padding

RESULTS = ("dx", "dW")


class Chosen(NamedTuple):
    """A mistake under one of its names."""

    name: str
    mistake: Mistake

    @property
    def results(self) -> tuple[str, ...]:
        """Those in which the mistake has this name."""
        return tuple(r for r in RESULTS if getattr(self.mistake, r) == self.name)

    def result(self, problem: Problem, result: str) -> Array:
        """dx or dW of a problem, with the mistake in it."""
        terms = Terms(problem, result)
        self.mistake.change(terms)
        return terms.total()


@lru_cache(maxsize=1)
def mistakes_of_gradients() -> dict[str, Chosen]:
    """Mistakes that show in a layer of stride 1 without padding: the plainest of each name."""
    problem = integers(Sizes(3, 4, 3, 3, 4, 4, 2), PLAIN, seed=2)
    found: dict[str, Chosen] = {}
    for name in CAUSES:
        for mistake in mistakes():
            chosen = Chosen(name, mistake)
            if not mistake.rare and chosen.results and _shows(chosen, problem):
                found[name] = chosen
                break
    return found


def _shows(chosen: Chosen, problem: Problem) -> bool:
    try:
        made = {result: chosen.result(problem, result) for result in chosen.results}
    except Impossible:
        return False
    return any(not np.array_equal(a, problem.expected[result]) for result, a in made.items())


def mistaken(chosen: Chosen) -> Callable[..., tuple[Array, ...]]:
    """The library's conv2d_backward with a mistake in it."""

    def backward(
        grad_out: Array, x: Array, W: Array, padding: int, needs: tuple[Need, ...]
    ) -> tuple[Array, ...]:
        refuse_padding(padding)
        right = conv2d_backward(grad_out, x, W, padding=padding, needs=needs)
        problem = Problem(*(a.astype(np.float64) for a in (grad_out, x, W)))
        return tuple(
            chosen.result(problem, need).astype(x.dtype) if need in chosen.results else a
            for need, a in zip(needs, right, strict=True)
        )

    return backward
