"""A function by its address: `mine.py:name`, `notebook.ipynb:name` or `package.module:name`."""

import importlib
import inspect
import json
import linecache
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from ..problem_names import PROBLEMS


class NotLoaded(Exception):
    """There is no such function, or its file can't be run; the message says where and why."""


def load(address: str) -> tuple[Callable[..., Any], str]:
    """The function at an address, whose name may be left out, and its name.

    Raises:
        NotLoaded: no such file, module or function, or the code of it raises.
    """
    place, colon, name = address.rpartition(":")
    # The colon of C:\mine.py names a drive.
    if not colon or "/" in name or "\\" in name:
        place, name = address, ""
    path = Path(place)
    if path.suffix in (".py", ".ipynb"):
        if not path.is_file():
            raise NotLoaded(f"{place}: no such file")
        found = _run(path, place)
    else:
        found = _import(place, name)
    return _function(found, name or PROBLEMS[0], place, named=bool(name))


def _function(
    found: dict[str, Any], name: str, place: str, *, named: bool
) -> tuple[Callable[..., Any], str]:
    if name in found:
        return found[name], name
    here = [
        k for k, v in found.items() if inspect.isfunction(v) and v.__module__ == found["__name__"]
    ]
    if not named and len(here) == 1:
        return found[here[0]], here[0]
    listed = f"it has {', '.join(here)}" if here else "it has no functions"
    raise NotLoaded(f"{place}: there is no {name}; {listed}, as in {place}:NAME")


def _import(place: str, name: str) -> dict[str, Any]:
    sys.path.insert(0, "")
    try:
        module = importlib.import_module(place)
        # Some modules make their names as they are asked for.
        asked = {name: getattr(module, name)} if hasattr(module, name) else {}
        return {**vars(module), **asked}
    except ModuleNotFoundError as error:
        if error.name and (place + ".").startswith(error.name + "."):
            raise NotLoaded(
                f"{place}: no such module, and no file: expected mine.py:NAME, notebook.ipynb:NAME "
                "or package.module:NAME"
            ) from None
        raise NotLoaded(_said(error, place)) from None
    except Exception as error:  # noqa: BLE001 - whatever the learner's module raises
        raise NotLoaded(_said(error, place)) from None


def _run(path: Path, place: str) -> dict[str, Any]:
    """The names that a file defines, as an import would, whatever it is called."""
    module = ModuleType(path.stem)
    module.__file__ = str(path)
    sys.modules[path.stem] = module
    sys.path.insert(0, str(path.parent))
    for part, source in _sources(path, place):
        # So that tracebacks show lines of cells too.
        linecache.cache[part] = (len(source), None, source.splitlines(keepends=True), part)
        try:
            exec(compile(source, part, "exec"), vars(module))  # noqa: S102 - what it is for
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever it raises
            raise NotLoaded(_said(error, part)) from None
    return vars(module)


def _sources(path: Path, place: str) -> list[tuple[str, str]]:
    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".py":
            return [(place, text)]
        cells = json.loads(text)["cells"]
        code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    except (UnicodeDecodeError, ValueError, KeyError, TypeError) as error:
        what = "notebook" if path.suffix == ".ipynb" else "Python file in UTF-8"
        raise NotLoaded(f"{place}: it is no {what}: {error}") from None
    return [(f"{place}[{n}]", _without_magics(source)) for n, source in enumerate(code, 1)]


def _without_magics(source: str) -> str:
    """Lines for IPython alone become empty ones, so that line numbers stay."""
    if source.lstrip().startswith("%%"):
        return ""
    lines = source.split("\n")
    return "\n".join("pass" if line[:1] in ("%", "!", "?") else line for line in lines)


def _said(error: BaseException, place: str) -> str:
    if isinstance(error, SyntaxError):
        return f"{place}, line {error.lineno}: {type(error).__name__}: {error.msg}"
    own = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == place]
    line = f", line {own[-1].lineno}" if own else ""
    return f"{place}{line}: {type(error).__name__}: {error}"
