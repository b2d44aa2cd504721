"""A learner's code: source text, and the functions that it defines."""

from collections.abc import Iterable

from ..diagnosis.loading import function_of, names_of, registered
from .findings import Solution

FILE = "practice.py"  # what tracebacks call it


def functions(code: str, names: Iterable[str]) -> dict[str, Solution]:
    """Functions by their names, of the code run anew in a module of its own.

    Raises:
        NotLoaded: the code can't be run, or has no such function.
    """
    found = names_of([(FILE, code)], registered(FILE.replace(".", "_")))
    return {name: function_of(found, name, FILE, named=True)[0] for name in names}
