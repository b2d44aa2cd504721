"""A function by its address: `mine.py:name`, `notebook.ipynb:name` or `package.module:name`."""

import importlib
import inspect
import json
import linecache
import sys
import traceback
from collections.abc import Callable, Iterable
from importlib.util import decode_source
from pathlib import Path
from types import ModuleType
from typing import Any

from ..problem_names import PROBLEMS
from .guarding import from_outside, numpy_kept, replaced_in_words, words
from .notebooks import code_of


class NotLoaded(Exception):
    """There is no such function, or its file can't be run; the message says where and why.

    `line` is the line of the file that it is about, or 0; `said` is the message without it and the
    file, for who shows them apart.
    """

    def __init__(self, message: str, line: int = 0, said: str = "") -> None:
        super().__init__(message)
        self.line = line
        self.said = said or message


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
    try:
        is_file = path.suffix.lower() in (".py", ".ipynb")
        found = _run(path, place) if is_file else _import(place, name)
        return function_of(found, name or PROBLEMS[0], place, named=bool(name))
    except NotLoaded:
        raise
    except BaseException as error:  # whatever the learner's module or class raises
        if from_outside(error):
            raise
        raise _not_loaded(error, place) from None


def registered(name: str) -> ModuleType:
    """A new module where dataclasses and pickle look for it; an earlier one of its name is gone."""
    module = sys.modules[name] = ModuleType(name)
    return module


def names_of(parts: Iterable[tuple[str, str]], module: ModuleType) -> dict[str, Any]:
    """The names that source text defines in a module, part after part: `(place, source)`.

    Raises:
        NotLoaded: what a part raises.
    """
    for place, source in parts:
        # So that tracebacks show lines of cells too.
        linecache.cache[place] = (len(source), None, source.splitlines(keepends=True), place)
        try:
            with numpy_kept() as replaced:
                exec(compile(source, place, "exec"), vars(module))  # noqa: S102 - what it is for
        except BaseException as error:  # whatever it raises
            if from_outside(error):
                raise
            raise _not_loaded(error, place) from None
        if replaced:
            said = replaced_in_words(replaced)
            raise NotLoaded(f"{place}: {said}", said=said)
    return vars(module)


def function_of(
    found: dict[str, Any], name: str, place: str, *, named: bool
) -> tuple[Callable[..., Any], str]:
    """The function of a name; where none was named, the only one there is.

    Raises:
        NotLoaded: there is no such function.
    """
    first, *parts = name.split(".")
    if first in found:
        return _attribute(found[first], parts, name, place), name
    here = [
        k for k, v in found.items() if inspect.isfunction(v) and v.__module__ == found["__name__"]
    ]
    if not named and len(here) == 1:
        return found[here[0]], here[0]
    listed = f"it has {', '.join(here)}" if here else "it has no functions"
    raise NotLoaded(f"{place}: there is no {name}; {listed}, as in {place}:NAME")


def _attribute(value: Any, parts: list[str], name: str, place: str) -> Any:
    """`conv.backward`, or `Conv.backward` of a class that can be made without arguments."""
    for part in parts:
        if isinstance(value, type) and inspect.isfunction(
            inspect.getattr_static(value, part, None)
        ):
            value = _instance(value, part, place)
        if not hasattr(value, part):
            raise NotLoaded(f"{place}: there is no {name}")
        value = getattr(value, part)
    return value


def _instance(kind: type, method: str, place: str) -> Any:
    try:
        return kind()
    except TypeError as error:
        signature = inspect.signature(kind)
        inner = ", ".join(
            "W" if p.name.lower() in ("w", "weight", "weights", "kernel", "kernels") else
            "np.zeros(len(W))" if p.name.lower() in ("b", "bias") else p.name
            for p in signature.parameters.values() if p.default is p.empty
        )  # fmt: skip
        raise NotLoaded(
            f"{place}: {kind.__name__} can't be made without arguments ({error}): check a function "
            f"that makes one, in mine.py,\n"
            "    def conv2d_backward(grad_out, x, W):\n"
            f"        layer = {kind.__name__}({inner})\n"
            "        layer.forward(x)\n"
            f"        dx = layer.{method}(grad_out)\n"
            "        return dx, layer.dW"
        ) from None


_EXPECTED = "expected mine.py:NAME, notebook.ipynb:NAME or package.module:NAME"


def _import(place: str, name: str) -> dict[str, Any]:
    if "" in place.split("."):  # which importlib takes for a place beside some other module
        raise NotLoaded(f"{place!r} is no file, and no module: {_EXPECTED}")
    _look_in("")
    try:
        with numpy_kept() as replaced:
            module = importlib.import_module(place)
    except ModuleNotFoundError as error:
        if error.name and (place + ".").startswith(error.name + "."):
            raise NotLoaded(f"{place}: no such module, and no file: {_EXPECTED}") from None
        raise
    if replaced:
        raise NotLoaded(f"{place}: {replaced_in_words(replaced)}")
    # Some modules make their names as they are asked for.
    first = name.split(".", maxsplit=1)[0]
    asked = {first: getattr(module, first)} if first and hasattr(module, first) else {}
    return {**vars(module), **asked}


def _run(path: Path, place: str) -> dict[str, Any]:
    """The names that a file defines, as an import would, whatever it is called."""
    sources = _sources(path, place)
    # A file may be called as what others import, numpy.py or json.py: that stays what it is.
    others = path.stem in sys.stdlib_module_names or path.stem in sys.modules
    module = registered(path.name.replace(".", "_") if others else path.stem)
    module.__file__ = str(path)
    _look_in(str(path.parent))
    return names_of(sources, module)


def _look_in(folder: str) -> None:
    """Has modules of this folder found before installed ones, and after the standard library's.

    A learner's json.py would otherwise be what everything here that is not yet imported takes.
    """
    installed = [
        i for i, p in enumerate(sys.path) if Path(p).name in ("site-packages", "dist-packages")
    ]
    sys.path.insert(min(installed, default=len(sys.path)), folder)


def _sources(path: Path, place: str) -> list[tuple[str, str]]:
    try:
        if not path.is_file():
            raise NotLoaded(f"{place}: no such file")
        read = path.read_bytes()
    except OSError as error:
        raise NotLoaded(f"{place}: it can't be read: {error.strerror}") from None
    notebook = path.suffix.lower() == ".ipynb"
    try:
        if not notebook:  # with a byte order mark, or another encoding that it names
            return [(place, decode_source(read))]
        cells = json.loads(read.decode("utf-8-sig"))["cells"]
        code = [code_of(cell) for cell in cells if cell["cell_type"] == "code"]
    except (ValueError, LookupError, TypeError, SyntaxError, RecursionError) as error:
        what = "notebook" if notebook else "Python file in an encoding that it names"
        raise NotLoaded(f"{place}: it is no {what}: {error}") from None
    return [(f"{place}[{n}]", source) for n, source in enumerate(code, 1)]


def _not_loaded(error: BaseException, place: str) -> NotLoaded:
    if isinstance(error, SyntaxError):
        number, said = error.lineno or 0, f"{type(error).__name__}: {error.msg}"
    else:
        own = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == place]
        number = (own[-1].lineno or 0) if own else 0
        said = f"{type(error).__name__}: {' '.join(words(error).split())}"  # in one line
    line = f", line {number}" if number else ""
    return NotLoaded(f"{place}{line}: {said}", number, said)
