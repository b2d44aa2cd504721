"""The pages of the documentation that errors and commands point to."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

Refusal = TypeVar("Refusal", ValueError, TypeError)

# By the room that raises: its page, as it lies in the source and in what `make docs` builds.
PAGES = {
    "arguments": "reference/errors",
    "diagnosis": "reference/diagnosis",
    "gradchecks": "reference/gradcheck",
    "layers": "reference/layers",
    "train": "howto/train",
    "predict": "howto/train",
    "explain": "reference/explain",
    "tune": "reference/explain",
    "completion": "reference/command-line",
    "selftest": "howto/selftest",
    "bench": "measured",
    "check": "howto/check",
    "lab": "howto/lab",
    "torch": "howto/pytorch",
    "jax": "howto/jax",
    "autograd": "howto/autograd",
    "scipy": "howto/scipy",
    "dask": "howto/dask",
}


# Where the pages are published, with a slash at the end; as long as they are nowhere, errors name
# them as they lie in the source.
SITE = ""


# Whether a compiler looks into what refuses, and knows no notes: PyTorch's bridge says.
is_traced: Callable[[], bool] = bool


def more(room: str) -> str:
    """Where there is more about what a room does, as a sentence."""
    if SITE:
        return f"More about it: {SITE}{PAGES[room]}.html"
    return f"More about it: docs/{PAGES[room]}.md in the documentation of dxdw."


def refused(kind: type[Refusal], message: str, room: str = "arguments") -> Refusal:
    """The error to raise for a user's argument, with a note on where there is more about it."""
    error = kind(message)
    if not is_traced():
        error.add_note(more(room))
    return error


class SettingRefused(ValueError):
    """A variable of the environment that is not what it should be."""


@contextmanager
def pointing_to(room: str) -> Iterator[None]:
    """Errors that leave a bridge point to its own page, which stands for the general one.

    As a decorator too. It takes a microsecond: where that counts, around what fails alone.
    """
    try:
        yield
    except (ValueError, TypeError) as error:
        if is_traced():
            raise
        notes: list[str] = getattr(error, "__notes__", [])
        if (general := more("arguments")) in notes:
            notes.remove(general)
        if more(room) not in notes:
            error.add_note(more(room))
        raise
