"""Docstrings as they are written: plain text, whose indented blocks are equations."""

import re
from typing import Any

from sphinx.application import Sphinx

# What napoleon takes apart: indented as well, but no equations.
SECTIONS = {"Attributes", "Parameters", "Raises", "Returns"}
CODE_OR_MARKUP = re.compile(r"(``?[^`]*``?)|([|*])")


def _escaped(line: str) -> str:
    """`|x|` is a magnitude and `*` a product; within backquotes there is code."""
    return CODE_OR_MARKUP.sub(lambda m: m[1] or "\\" + m[2], line)


def _plain(
    _app: Sphinx, _what: str, _name: str, _obj: Any, _options: Any, lines: list[str]
) -> None:
    text: list[str] = []
    in_section = literal = False
    for line, after in zip(lines, [*lines[1:], ""], strict=True):
        indented = line.startswith("    ")
        if after and set(after) == {"-"}:
            in_section = line in SECTIONS
        if line and not indented:
            literal = line.endswith("::") or line.startswith(">>>")
        elif indented and not literal and not in_section and text and not text[-1]:
            text += ["::", ""]
            literal = True
        text.append(line if literal or not line.strip() else _escaped(line))
    lines[:] = text


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect it, before napoleon."""
    app.setup_extension("sphinx.ext.autodoc")
    app.connect("autodoc-process-docstring", _plain, priority=400)
    return {"parallel_read_safe": True}
