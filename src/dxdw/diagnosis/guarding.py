"""What a learner's code may do to the process that it shares with the checker."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np


def from_outside(error: BaseException) -> bool:
    """Whether it is Ctrl-C. Where no handler turns that into an exception, the code itself did."""
    if not isinstance(error, KeyboardInterrupt):
        return False
    return signal.getsignal(signal.SIGINT) not in (signal.SIG_DFL, signal.SIG_IGN)


_LONGEST = 1_000  # characters of a message, where those of NumPy have some hundreds


def words(error: BaseException) -> str:
    """What an exception says; nothing where a class of the learner's own fails at that."""
    try:
        return shortened(str(error))
    except Exception:  # noqa: BLE001 - whatever it raises
        return ""


def shortened(said: str) -> str:
    """A text's beginning, where it is longer than anyone reads: with an array in it, or a file."""
    if len(said) <= _LONGEST:
        return said
    return f"{said[:_LONGEST]}... ({len(said):,} characters)"


@contextmanager
def numpy_kept() -> Iterator[list[str]]:
    """Puts back what is replaced in NumPy meanwhile, and lists it: the checker needs it too.

    What is added stays, as the submodules do that are imported.
    """
    before = dict(vars(np))
    replaced: list[str] = []
    try:
        yield replaced
    finally:
        now = vars(np)
        replaced += (f"np.{n}" for n, value in before.items() if now.get(n, before) is not value)
        now.update(before)


def replaced_in_words(names: list[str]) -> str:
    """What is said of parts of NumPy that are no longer what they were."""
    return f"it replaces {' and '.join(names)} for the whole program: give yours a name of its own"
