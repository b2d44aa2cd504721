"""Something that is taken to be square: right where sizes are equal, and wrong because they differ.

Many a function is wrong now and then, wherever a sum happens to be 0, say. So that it is right on
those few probes whose sizes are equal tells nothing by itself: what is made of sizes has to be
there for other numbers too, and has to be there wherever they differ in the same way.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from .from_zero import beginnings
from .ladder import Case, Ladder
from .matching import Seen
from .problem import Problem, others
from .shapes import reshaped

Square = tuple[Callable[[Problem], int], ...]  # differences of two sizes, each of them 0


def _kernel(p: Problem) -> int:
    return p.sizes.kH - p.sizes.kW


def _output(p: Problem) -> int:
    return p.sizes.outH - p.sizes.outW


def _image(p: Problem) -> int:
    return int(p.x.shape[2] - p.x.shape[3])


def _channels(p: Problem) -> int:
    return p.sizes.C_in - p.sizes.C_out


_SQUARES: tuple[Square, ...] = (
    (_kernel,), (_output,), (_image,), (_channels,), (_kernel, _output),
    (_channels, _kernel, _output),
)  # fmt: skip


def squares(seen: Sequence[Seen]) -> Iterator[tuple[Square, list[int]]]:
    """What may be equal, each with the probes where it is."""
    for square in _SQUARES:
        part = [k for k, s in enumerate(seen) if _holds(square, s.problem)]
        if 2 <= len(part) < len(seen):
            yield square, part


def _holds(square: Square, problem: Problem) -> bool:
    return not any(difference(problem) for difference in square)


def right(seen: Seen, name: str) -> bool:
    """Whether a result is there, and right but for rounding."""
    if name not in seen.found:
        return False
    difference = np.abs(seen.found[name] - seen.problem.expected[name]).max()
    return bool(difference <= seen.problem.tolerance(name, seen.eps))


def fails(seen: Seen, results: Sequence[str]) -> bool:
    """Whether some result is wrong, or not there."""
    return not all(right(seen, name) for name in results)


class AskedAgain:
    """The answers for the probes' sizes and other numbers, asked for when they are first needed."""

    def __init__(
        self, ladder: Ladder, results: Sequence[str], eps: float, begun: bool = False
    ) -> None:
        self.ladder = ladder
        self.results = results
        self.eps = eps
        self.begun = begun  # whether what it gives for a grad_out of zeros is taken away
        self._fresh: list[Seen] | None = None

    def by_sizes(
        self, square: Square, seen: Sequence[Seen], wrong: Callable[[Seen], bool | None]
    ) -> bool:
        """Whether it is wrong wherever two sizes differ: always, or where the one is larger.

        Where `wrong` is None, an answer tells nothing.
        """
        every = [s for s in (*seen, *self.fresh()) if not _holds(square, s.problem)]
        for difference in square:
            for sign in (-1, 1):
                some = [s for s in every if np.sign(difference(s.problem)) == sign]
                told = [found for s in some if (found := wrong(s)) is not None]
                if len(told) >= 2 and all(told):
                    return True
        return False

    def equal(self, square: Square) -> list[Seen]:
        """The answers for other numbers where the sizes are equal."""
        return [s for s in self.fresh() if _holds(square, s.problem)]

    def all_equal(self, square: Square) -> list[Seen]:
        """These, and what the ladder's other questions were answered."""
        first = {id(case) for case in self.ladder.cases}
        tried = [c for c in self.ladder.tried if id(c) not in first]
        more = [c for c in tried if _holds(square, c.answer.problem)]
        return [*self.equal(square), *self._seen(more)]

    def fresh(self) -> list[Seen]:
        """Of every probe, with each kind of numbers."""
        if self._fresh is None:
            contract = self.ladder.contract
            problems = others(contract.geometry, contract.batch)
            self._fresh = self._seen([self.ladder.ask(problem) for problem in problems])
        return self._fresh

    def _seen(self, cases: list[Case]) -> list[Seen]:
        """As the probes' own answers were looked at."""
        _, seen = reshaped(self.ladder, self.results, cases)
        found = [
            s._replace(eps=self.eps, found={n: a for n, a in s.found.items() if n in self.results})
            for s in seen
        ]
        taken = beginnings(self.ladder, found) if self.begun else None
        return taken.seen if taken else found
