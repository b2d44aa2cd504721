"""One known mistake: a change of the terms, and what it is called where it is made.

A `Mistake` may have several names, for the same change is another mistake in dx than in dW: a
kernel turned by 180° in dx is `dx-kernel-flipped`, in dW it is `dw-reversed`, in both it is both.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..core.arrays import Array
from .terms import Terms

Change = Callable[[Terms], None]


@dataclass(frozen=True, eq=False)
class Mistake:
    """A change, what it is called in dx, in dW and in both, and how it is said in words."""

    words: str
    change: Change
    dx: str | None = None
    dW: str | None = None
    both: tuple[str, ...] = ()
    rare: bool = False  # left out where two mistakes are looked for
    along: str = ""  # the axis, or the index, where the same may be done with another

    def names(self, results: frozenset[str]) -> frozenset[str]:
        """Its identifiers where it is made in these results."""
        if len(results) == 2 and self.both:
            return frozenset(self.both)
        return frozenset(filter(None, (getattr(self, result) for result in results)))


def mapped(which: str, *index: str | int | Callable[[Terms], Array]) -> Change:
    """A map of other axes: "v" for v, a number for itself."""

    def change(t: Terms) -> None:
        old = getattr(t, which)
        setattr(
            t,
            which,
            [_index(t, part, old[k], t.shape(which)[k]) for k, part in enumerate(index)],
        )

    return change


def _index(t: Terms, part: object, old: Array, size: int) -> Array:
    if callable(part):
        return np.asarray(part(t))
    if isinstance(part, int):
        return np.array(part % size)
    return old if part == "." else np.asarray(getattr(t, str(part)))
