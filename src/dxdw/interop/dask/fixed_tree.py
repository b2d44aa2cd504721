"""Sums whose order the number of terms alone decides, so that every run gives the same bits."""

from collections.abc import Sequence
from typing import Any

from ...core.arrays import Array

FAN_IN = 8
"""Terms that one task adds. With 2 there are seven times as many tasks, of microseconds of work and
a millisecond of the scheduler's; with more, more arrays meet in one worker at once."""

Key = Any
"""Of a task: a name, or a tuple of a name and integers."""


def pairwise_sum(terms: Sequence[tuple[Array, ...]]) -> tuple[Array, ...]:
    """The sum of tuples of arrays, element by element, of one half and of the other half.

    The terms are not written into: others may hold them.
    """
    if len(terms) == 1:
        return terms[0]
    # A power of two to the left: with a fan-in that is one too, the tree of all tasks together
    # is that of one call with all terms.
    middle = 1 << (len(terms) - 1).bit_length() - 1
    left, right = pairwise_sum(terms[:middle]), pairwise_sum(terms[middle:])
    return tuple(a + b for a, b in zip(left, right, strict=True))


def sum_in_tree(name: str, keys: Sequence[Key]) -> tuple[dict[Key, Any], Key]:
    """The tasks (name, level, place) that add what keys hold, and the key of the sum."""
    tasks: dict[Key, Any] = {}
    level = 0
    keys = list(keys)
    while len(keys) > 1:
        groups = [keys[i : i + FAN_IN] for i in range(0, len(keys), FAN_IN)]
        keys = [(name, level, place) for place in range(len(groups))]
        tasks.update((key, (pairwise_sum, group)) for key, group in zip(keys, groups, strict=True))
        level += 1
    return tasks, keys[0]
