"""Modules that are imported when a name of theirs is first asked for.

PyTorch takes three seconds of every process that imports it, and pytest imports all files of tests:
those that no test of a run needs as well.
"""

from importlib import import_module
from typing import Any


class Later:
    """Stands for a module in a file of tests, whose group is left out where the module is not."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        return getattr(import_module(self._name), attribute)
