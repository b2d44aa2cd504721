"""The arrays that a learner's function makes on its way, one after the other.

`dxdw.practice.trace` follows how loops fill one array; this is for functions that go from array to
array: softmax, and the whole small network.
"""

import ast
import sys
from collections.abc import Mapping
from types import FrameType
from typing import Any, NamedTuple

import numpy as np

from ..core.arrays import Array, apart
from ..diagnosis.calls import invoke
from ..diagnosis.loading import NotLoaded
from .learners_code import FILE, functions

MOST_LINES = 20_000  # that are run; in the browser some seconds
MOST_MADE = 100
MOST_ELEMENTS = 1_000  # of an array that is kept

_ONE_LINE_LOOPS = ("<listcomp>", "<genexpr>", "<setcomp>", "<dictcomp>")


def arrays_made(code: str, function: str, arrays: Mapping[str, Any]) -> dict[str, Any]:
    """What arrays a function, as a learner wrote it, makes until it returns one.

    Args:
        code: Python source that defines the function.
        function: its name.
        arrays: its arguments by their names, as nested lists or arrays. It gets copies in float64.

    Returns:
        What JSON can hold. `made` is a list of `{"name", "line", "array"}` in the order in which
        the arrays were there: `name` is the variable's, "" for what is returned and was none;
        `line` the line that made it. What a loop fills is there once the loop has ended, and what
        changes in place is there again. `result` is what was returned, None where no array was, and
        `line` the line that did. `error` is None, or `{"message", "line"}`; `cut` is true where the
        function was ended after 20,000 lines.

    >>> code = '''
    ... import numpy as np
    ... def softmax(z):
    ...     powers = np.exp(z)
    ...     return powers / powers.sum()
    ... '''
    >>> found = arrays_made(code, "softmax", {"z": [0, 0]})
    >>> [(one["name"], one["line"], one["array"].tolist()) for one in found["made"]]
    [('powers', 4, [1.0, 1.0]), ('', 5, [0.5, 0.5])]
    """
    given = [np.array(a, np.float64) for a in arrays.values()]
    try:
        fn = functions(code, [function])[function]
    except NotLoaded as refused:
        error = {"message": str(refused), "line": refused.line}
        return {"made": [], "result": None, "line": None, "error": error, "cut": False}
    watcher = _Watcher(_loops(code), given)
    outer = sys.gettrace()
    sys.settrace(watcher.enter)
    try:
        answer = apart(invoke, fn, tuple(arrays), given, 1, None)
    finally:
        sys.settrace(outer)
    stopped = answer.usable or (answer.crash and watcher.cut)  # what ended it then was _Enough
    return {
        "made": [made._asdict() for made in watcher.made],
        "result": answer.results[0] if answer.usable else None,
        "line": watcher.line if answer.usable else None,
        "error": None if stopped else {"message": answer.why, "line": answer.line},
        "cut": watcher.cut,
    }


class _Enough(BaseException):
    """The function has run for long enough. No `except Exception` keeps it back."""


class _Made(NamedTuple):
    name: str
    line: int
    array: Array


def _loops(code: str) -> list[range]:
    """The lines of each outermost loop, its head among them."""
    every = [
        range(node.lineno, (node.end_lineno or node.lineno) + 1)
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.For | ast.While)
    ]
    return [loop for loop in every if not any(_within(loop, other) for other in every)]


def _within(loop: range, other: range) -> bool:
    return loop != other and other.start <= loop.start and loop.stop <= other.stop


class _Watcher:
    """A trace function that keeps the arrays."""

    def __init__(self, loops: list[range], arguments: list[Array]) -> None:
        self._loops = loops
        self._lines: dict[FrameType, int] = {}  # of each frame, the line that ran last
        self._ran = 0
        # What is known, with what it held then: other names and views of the same are nothing new.
        self._known: list[tuple[Any, Array]] = [(a, a.copy()) for a in arguments]
        self.made: list[_Made] = []
        self.line = 0  # of the last return
        self.cut = False

    def enter(self, frame: FrameType, _event: str, _arg: Any) -> Any:
        """For `sys.settrace`: only frames of the learner's code are looked into."""
        code = frame.f_code
        own = code.co_filename == FILE and code.co_name not in _ONE_LINE_LOOPS
        return self._step if own else None

    def _step(self, frame: FrameType, event: str, arg: Any) -> Any:
        last = self._lines.get(frame, frame.f_lineno)
        if event == "line":
            self._ran += 1
            if self._ran > MOST_LINES or len(self.made) > MOST_MADE:
                self.cut = True
                raise _Enough
            loop = next((loop for loop in self._loops if frame.f_lineno in loop), range(0))
            if last not in loop:  # else it is in the middle of what the loop does
                self._look(frame, last)
            # A loop is left from its head, and what it did was done in its body.
            if not (last in loop and frame.f_lineno == loop.start):
                self._lines[frame] = frame.f_lineno
        elif event == "return":
            self._look(frame, last)
            if arg is not None:
                self.line = last
                self._met("", last, arg)
        return self._step

    def _look(self, frame: FrameType, line: int) -> None:
        for name, value in list(frame.f_locals.items()):
            self._met(name, line, value)

    def _met(self, name: str, line: int, value: Any) -> None:
        if isinstance(value, list):
            try:
                value = np.array(value, np.float64)
            except (TypeError, ValueError, OverflowError):
                return
            if any(np.array_equal(value, held, equal_nan=True) for _, held in self._known):
                return
        if not isinstance(value, np.ndarray) or value.dtype.kind not in "fiu":
            return
        if value.ndim < 1 or not 0 < value.size <= MOST_ELEMENTS:
            return
        array = value.astype(np.float64)
        for place, (known, held) in enumerate(self._known):
            if not _same_memory(known, value):
                continue
            if np.array_equal(held, array, equal_nan=True):
                return
            self._known[place] = (known, array)
            if not held.any() and self.made and np.array_equal(self.made[-1].array, held):
                self.made.pop()  # an array of zeros that was yet to be filled
            break
        else:
            self._known.append((value, array))
        self.made.append(_Made(name, line, array))


def _same_memory(a: Any, b: Array) -> bool:
    """Whether two arrays are the same elements in the same shape."""
    return bool(
        a is b
        or (
            a.shape == b.shape
            and a.strides == b.strides
            and a.__array_interface__["data"][0] == b.__array_interface__["data"][0]
        )
    )
