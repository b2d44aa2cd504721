"""A problem of the practice series: a folder of this package, and what is in it."""

import tomllib
from dataclasses import dataclass
from importlib import import_module
from importlib.resources import files
from typing import Any, NamedTuple, cast

from ..core.kept import kept
from ..problem_names import ProblemName
from .findings import Test


class WrongAnswer(NamedTuple):
    """A typical wrong answer, and the mistake that the checker has to name in it.

    Parameters
    ----------
    name : str
        What a learner is shown, who is to find the mistake.
    cause : str
        The mistake's identifier.
    code : str
        The answer, as Python source.

    See Also
    --------
    Problem

    Examples
    --------
    >>> from dxdw.practice import SERIES
    >>> "dx-overwritten" in {answer.cause for answer in SERIES["05"].wrong_answers}
    True
    """

    name: str
    cause: str
    code: str


@dataclass(frozen=True)
class Problem:
    """A problem of the series: its number, its title, and the functions that are to be written.

    Parameters
    ----------
    number : str
        As in "05".
    title : str
        What a learner is shown.
    folder : str
        Where its files are.
    functions : tuple of str
        Their names.

    See Also
    --------
    run

    Examples
    --------
    >>> from dxdw.practice import SERIES
    >>> SERIES["05"].functions
    ('conv2d_backward',)
    """

    number: str
    title: str
    folder: str
    functions: tuple[ProblemName, ...]

    @kept
    def statement(self) -> str:
        """Markdown, with formulas between dollar signs."""
        return self._text("statement.md")

    @kept
    def starter(self) -> str:
        """What the editor begins with."""
        return self._text("starter.py")

    @kept
    def solution(self) -> str:
        """Plain loops, as the statement has them."""
        return self._text("solution.py")

    @kept
    def hints(self) -> tuple[str, ...]:
        """Three of them, each telling more than the one before; Markdown."""
        return tuple(part.strip() for part in self._text("hints.md").split("\n---\n"))

    @kept
    def wrong_answers(self) -> tuple[WrongAnswer, ...]:
        """Typical ones, each the solution with a few changes."""
        found = []
        for number, answer in enumerate(tomllib.loads(self._text("wrong.toml"))["answer"], 1):
            code = self.solution
            for before, after in answer["changes"]:
                if code.count(before) != 1:
                    raise ValueError(f"{self.folder}: {before!r} must be in the solution once")
                code = code.replace(before, after)
            found.append(WrongAnswer(f"Version {number}", answer["cause"], code))
        return tuple(found)

    @property
    def tests(self) -> tuple[Test, ...]:
        """The problem's own five; the checker's questions come after them."""
        return cast("tuple[Test, ...]", self._module.TESTS)

    @property
    def example(self) -> dict[str, dict[str, Any]]:
        """Arguments to begin a case of one's own with, for each function."""
        return cast("dict[str, dict[str, Any]]", self._module.EXAMPLE)

    @kept
    def _module(self) -> Any:
        return import_module(f"{__package__}.{self.folder}.tests")

    def _text(self, name: str) -> str:
        return files(__package__).joinpath(self.folder, name).read_text(encoding="utf-8")
