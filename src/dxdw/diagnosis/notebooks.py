"""The Python in a notebook's cells, without what IPython alone understands.

Lines keep their numbers. A command is looked for where a statement begins, as IPython does it: what
begins with % or ! in a string of several lines, or amid brackets, is Python.
"""

import re
from collections.abc import Iterator
from typing import Any

# Their cells are Python, run once or more; all others are of another language, or text.
_OF_PYTHON = ("time", "timeit", "capture", "prun")
_CELL_MAGIC = re.compile(r"%%\s*(\w+)")
_TIME = re.compile(r"%time\s+(?=\S)")  # runs the rest of its line, which may define names
_STRING = re.compile(r"'''|\"\"\"|'|\"")
_ESCAPES = tuple("%!?,;/")  # at the beginning of a statement, and never so in Python
_ASSIGNS = re.compile(r"(?<![=!<>:])=\s*(?=[%!])")


def code_of(cell: dict[str, Any]) -> str:
    """The Python of a code cell.

    Raises:
        TypeError: its source is no text, and no lines of text.
    """
    source = cell["source"]
    lines = [source] if isinstance(source, str) else source
    if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
        raise TypeError("the source of a cell must be text, or a list of its lines")
    return python_of("".join(lines))


def python_of(source: str) -> str:
    """A cell as Python, line by line."""
    lines = source.split("\n")
    for number, line in enumerate(lines):
        magic = _CELL_MAGIC.match(line)
        if magic is None and line.strip():
            break
        if magic is not None and magic[1] not in _OF_PYTHON:
            return ""
        lines[number] = "" if magic else line  # and on, for one may stand below another
    return "\n".join(_without_commands(lines))


def _without_commands(lines: list[str]) -> Iterator[str]:
    state = _State()
    command = False  # goes on from the line before
    for line in lines:
        if command:
            yield ""
            command = line.endswith("\\")
            continue
        if not state.at_a_statement:
            state.read(line)
            yield line
            continue
        indent = line[: len(line) - len(line.lstrip())]
        rest = _TIME.sub("", line.lstrip(), count=1)
        if rest.startswith(_ESCAPES):
            yield f"{indent}pass"
            command = line.endswith("\\")
            continue
        plain = state.read(rest)
        assigned = _ASSIGNS.search(plain)
        if assigned is None and not plain.rstrip().endswith("?"):
            yield indent + rest
            continue
        # What the command has to say, nobody knows here.
        yield f"{indent}{rest[: assigned.start()]}= None" if assigned else f"{indent}pass"
        state = _State()
        command = line.endswith("\\")


class _State:
    """Where in Python's text a line begins: at a statement, or in a string or brackets."""

    def __init__(self) -> None:
        self._quote = ""
        self._depth = 0
        self._goes_on = False

    @property
    def at_a_statement(self) -> bool:
        """Whether nothing goes on from the line before."""
        return not (self._quote or self._depth or self._goes_on)

    def read(self, line: str) -> str:
        """Go through a line; it, with dots for what is in strings and brackets, and no comment."""
        plain, at = [], 0
        while at < len(line):
            start, inside = at, bool(self._quote or self._depth)
            if self._quote:
                if line[at] == "\\":
                    at += 2
                elif line.startswith(self._quote, at):
                    at += len(self._quote)
                    self._quote = ""
                else:
                    at += 1
            elif line[at] == "#":
                break
            elif string := _STRING.match(line, at):
                self._quote, at = string[0], string.end()
            else:
                self._depth = max(0, self._depth + (line[at] in "([{") - (line[at] in ")]}"))
                at += 1
            plain.append("." * (at - start) if inside else line[start:at])
        self._goes_on = line.endswith("\\") and at >= len(line)
        if len(self._quote) == 1 and not self._goes_on:  # an error of Python's own
            self._quote = ""
        return "".join(plain)
