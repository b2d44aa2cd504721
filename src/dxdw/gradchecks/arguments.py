"""The checks of what a user gives the checks themselves, beside the arrays."""

from math import inf
from typing import Any

import numpy as np

from ..call.options import whole
from ..core.documentation import pointing_to, refused

ROOM = "gradchecks"


@pointing_to(ROOM)
def count(value: Any, name: str) -> int:
    """How many: at least 1."""
    return whole(value, name, least=1)


@pointing_to(ROOM)
def place(value: Any, name: str, places: int) -> int:
    """One of so many places, from 0 on."""
    number = whole(value, f"an entry of {name}", least=0)
    if number >= places:
        raise refused(ValueError, f"{name} has {number}: it must be from 0 to {places - 1}")
    return number


def number(value: Any, name: str) -> float:
    """A real number, which may be infinite or NaN."""
    try:
        if isinstance(value, bool | str | bytes):  # of which Python makes numbers too
            raise TypeError
        return float(value)
    except OverflowError:
        return inf
    except (TypeError, ValueError):
        kind = type(value).__name__
        message = f"{name} is {value!r}, a {kind}: it must be a number"
        raise refused(TypeError, message, ROOM) from None


def flag(value: Any, name: str) -> bool:
    """True or False."""
    if not isinstance(value, bool | np.bool_):
        raise refused(TypeError, f"{name} is {value!r}: it must be True or False", ROOM)
    return bool(value)


def plain(value: Any, name: str) -> None:
    """Refuses what is an array with more to it, which would be lost."""
    if isinstance(value, np.ma.MaskedArray | np.matrix):
        kind = type(value).__name__
        raise refused(TypeError, f"{name} is a {kind}: it must be an array without mask", ROOM)


def function(value: Any, name: str) -> None:
    """Refuses what can't be called."""
    if not callable(value):
        kind = type(value).__name__
        raise refused(TypeError, f"{name} is {value!r}, a {kind}: it must be a function", ROOM)


def generator(value: Any) -> np.random.Generator:
    """What draws, of a seed or of itself."""
    rule = "it must be a numpy.random.Generator or a seed, an integer of at least 0"
    try:
        return np.random.default_rng(value)
    except TypeError:
        raise refused(TypeError, f"rng is {value!r}: {rule}", ROOM) from None
    except ValueError:
        raise refused(ValueError, f"rng is {value!r}: {rule}", ROOM) from None


def sequence(value: Any, name: str, of_what: str) -> tuple[Any, ...]:
    """All of them, in order."""
    try:
        return tuple(value)
    except TypeError:
        kind = type(value).__name__
        message = f"{name} is {value!r}, a {kind}: it must be a tuple of {of_what}"
        raise refused(TypeError, message, ROOM) from None
