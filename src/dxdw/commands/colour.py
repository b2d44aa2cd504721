"""Whether colours are wanted: NO_COLOR and FORCE_COLOR decide, and otherwise the terminal.

Set to nothing, either is as good as not set (no-color.org, force-color.org).
"""

import os
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.console import Console


def wanted(stream: TextIO) -> bool:
    """Whether what is written there is to have colours."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def console(*, stderr: bool = False) -> "Console":
    """Rich's console, which decides likewise."""
    from rich.console import Console

    forced = bool(os.environ.get("FORCE_COLOR"))
    return Console(
        stderr=stderr,
        no_color=bool(os.environ.get("NO_COLOR")),
        force_terminal=True if forced else None,
    )
