"""The pages of the documentation that errors and commands point to."""

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
    "bench": "measured",
    "check": "howto/check",
}


def page(room: str) -> str:
    """Where a room's page is."""
    return f"docs/{PAGES[room]}.md"


def refused(kind: type[Refusal], message: str, room: str = "arguments") -> Refusal:
    """The error to raise for a user's argument, with a note on where there is more about it."""
    error = kind(message)
    error.add_note(f"More about it: {page(room)} in the documentation of dxdw.")
    return error
