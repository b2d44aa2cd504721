"""The other problems of the practice series: what a folder of `practice` says of its functions.

Its slips.py has EXERCISES, each with its cases and its classic mistakes, and CAUSES, the words for
those that no folder before it has. A mistake is a function that makes it. It is named where it
gives the very answers of the learner's on all cases, two or more of which tell it from the right
one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, NamedTuple

import numpy as np

from ..core.arrays import Array
from ..core.kept import kept
from .causes import Cause


class Slip(NamedTuple):
    """A mistake: its identifier, a function that makes it, and its title where that says more."""

    cause: str
    function: Callable[..., Array]
    title: str = ""


@dataclass(frozen=True)
class Exercise:
    """A function of arrays with one result."""

    name: str
    arrays: tuple[str, ...]  # the names of its arguments that are arrays
    right: Callable[..., Array]
    cases: tuple[tuple[Any, ...], ...]  # the arguments, the smallest first
    slips: tuple[Slip, ...]
    eps: float = 1e-9  # of the largest number; integers differ by more
    options: tuple[str, ...] = ()  # the names of its further arguments
    defaults: tuple[Any, ...] = ()  # of the last of them, what they are where they are left out

    @kept
    def expected(self) -> tuple[Array, ...]:
        """The right answers, a case each."""
        return tuple(self.right(*case) for case in self.cases)

    @kept
    def made(self) -> tuple[tuple[Array | None, ...], ...]:
        """What each slip answers, a case each; None where it ends in an error."""
        return tuple(tuple(_made(slip, case) for case in self.cases) for slip in self.slips)


def _made(slip: Slip, case: tuple[Any, ...]) -> Array | None:
    try:
        with np.errstate(all="ignore"):
            return np.asarray(slip.function(*case))
    except (ValueError, IndexError):
        return None


@lru_cache(maxsize=1)
def exercises() -> dict[str, Exercise]:
    """By the names of their functions."""
    return {exercise.name: exercise for slips in _folders() for exercise in slips.EXERCISES}


@lru_cache(maxsize=1)
def exercise_causes() -> dict[str, Cause]:
    """Their mistakes by name, in the form of `causes`."""
    return {name: cause for slips in _folders() for name, cause in slips.CAUSES.items()}


def _folders() -> list[Any]:
    """The slips of each folder. Found as data are, for these folders stand above this one."""
    practice = import_module("dxdw.practice")
    names = [found.name for found in iter_modules(practice.__path__) if found.ispkg]
    modules = [f"{practice.__name__}.{name}" for name in names]
    return [
        import_module(f"{name}.slips")
        for name in modules
        if any(found.name == "slips" for found in iter_modules(import_module(name).__path__))
    ]


def integers(*shape: int, seed: int = 0) -> Array:
    """Small ones, none of them 0."""
    rng = np.random.default_rng((seed, *shape))
    return rng.integers(1, 10, shape) * rng.choice([-1.0, 1.0], shape)
