"""Every command that a page, the help or a docstring prints is one that the command line takes."""

import contextlib
import io
import re
import shlex
from pathlib import Path

import pytest

from dxdw.cli import COMMANDS, parser_of

ROOT = Path(__file__).parents[2]
PAGES = [
    *sorted((ROOT / "docs").rglob("*.md")),
    *(
        ROOT / name
        for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "examples/README.md")
    ),
    *sorted((ROOT / "src" / "dxdw").glob("commands/*.py")),
]
# A line of its own, or in backquotes, also over two lines; after "Example:"; and in $(…).
FORMS = (
    r"^ *(dxdw [a-z].*?)(?: {2,}.*)?$",
    r"`(dxdw [a-z][^`]*)`",
    r"Example: (dxdw .*?)\"*,?$",
    r"\$\((dxdw [^)]*)\)",
)
PRINTED = re.compile("|".join(FORMS), re.MULTILINE)


def commands():
    for page in PAGES:
        for found in PRINTED.finditer(page.read_text("utf-8")):
            words = shlex.split(next(filter(None, found.groups())), comments=True)
            if words[1] in COMMANDS and "NAME" not in words and len(words) > 2:
                yield page.relative_to(ROOT), " ".join(words)


def answered(words):
    """The exit status of the parser, and what it printed."""
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
        try:
            parser_of(COMMANDS).parse_args(words)
        except SystemExit as stop:
            return stop.code, said.getvalue()
    return 0, ""


@pytest.mark.parametrize(("page", "command"), sorted(set(commands())), ids=str)
def test_it_is_taken(page, command):
    _, *words = shlex.split(command)
    if len(words) == 2 and words[1].startswith("--"):  # an option that is spoken of, by itself
        assert words[1] in answered([words[0], "--help"])[1]
    else:
        assert answered(words) == (0, ""), page


def test_the_help_of_every_command_is_printed():
    for command in COMMANDS:
        status, printed = answered([command, "--help"])
        assert status == 0
        assert f"usage: dxdw {command}" in printed
