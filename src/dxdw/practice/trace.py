"""A learner's function followed step by step: how its results become what they are.

The function runs under `sys.settrace`. Before each of its lines the arrays that its names stand for
are compared with what they were, so that loops of any style are followed, in helper functions too.
A step is one output cell (o,i,j) where the loops are over output cells, else one line that changes
an array.
"""

import ast
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import CodeType, FrameType
from typing import Any, NamedTuple

import numpy as np

from ..core.arrays import Array, apart
from ..diagnosis.calls import Answer, invoke
from ..diagnosis.loading import NotLoaded
from ..diagnosis.problem import OPERANDS
from .learners_code import FILE, functions

FUNCTION = "conv2d_backward"
RESULTS = ("dx", "dW")
CELL = ("o", "i", "j")

MOST_LINES = 20_000  # that are run; in the browser some seconds
MOST_STEPS = 1_000
MOST_ELEMENTS = 1_000  # of an array that is followed


def trace(code: str, grad_out: Any, x: Any, W: Any) -> dict[str, Any]:
    """How conv2d_backward, as a learner wrote it, comes to its results.

    Args:
        code: Python source that defines conv2d_backward.
        grad_out, x, W: its arguments, as nested lists or arrays. It gets copies in float64.

    Returns:
        What JSON can hold: `steps`, a list of `{"at", "loop", "line", "variables", "dx", "dW"}`.
        `at` is the output cell, or None where the step is of no single one; `loop` the line of the
        outermost loop around it, or None; `line` the last line of the step; `variables` the loops'
        variables; of dx and dW what changed, as `[place, before, after]` in the raveled array.
        `start` holds both before the first step, or None for one that could not be followed, since
        what a function returns may be no variable of it; `results` is what was returned, None where
        nothing was. `error` is None, or `{"message", "line"}`; `cut` is true where the function was
        ended after 1,000 steps or 20,000 lines.

    >>> code = '''
    ... import numpy as np
    ... def conv2d_backward(grad_out, x, W):
    ...     dx, dW = np.zeros(x.shape), np.zeros(W.shape)
    ...     for o, i, j in np.ndindex(grad_out.shape):
    ...         dW[o] += grad_out[o, i, j] * x[:, i : i + 1, j : j + 1]
    ...         dx[:, i, j] = grad_out[o, i, j] * W[o, :, 0, 0]
    ...     return dx, dW
    ... '''
    >>> found = trace(code, [[[1, 2]]], [[[3, 4]]], [[[[5]]]])
    >>> [(step["at"], step["dW"]) for step in found["steps"]]
    [([0, 0, 0], [[0, 0.0, 3.0]]), ([0, 0, 1], [[0, 3.0, 11.0]])]
    """
    arrays = dict(zip(OPERANDS, (grad_out, x, W), strict=True))
    return _traced(code, FUNCTION, arrays, (), RESULTS, np.shape(grad_out))


def trace_forward(
    code: str,
    function: str,
    arrays: Mapping[str, Any],
    options: Sequence[int],
    shape: Sequence[int],
) -> dict[str, Any]:
    """How a function that fills an output, as a learner wrote it, comes to it.

    Args:
        code: Python source that defines the function.
        function: its name: conv2d_naive, conv2d or max_pool_2d.
        arrays: its first arguments by their names, as nested lists or arrays. It gets copies in
            float64.
        options: its other arguments: padding and stride, for example.
        shape: of the output, which says what cells there are.

    Returns:
        As `trace` does, with the result `out` in the place of dx and dW.

    >>> code = '''
    ... import numpy as np
    ... def max_pool_2d(x, kernel_size, stride):
    ...     out = np.zeros((1, 1, 2))
    ...     for c, i, j in np.ndindex(out.shape):
    ...         out[c, i, j] = x[c, i, j * stride : j * stride + kernel_size].max()
    ...     return out
    ... '''
    >>> found = trace_forward(code, "max_pool_2d", {"x": [[[1, 3, 2, 4]]]}, (2, 2), (1, 1, 2))
    >>> [(step["at"], step["out"]) for step in found["steps"]]
    [([0, 0, 0], [[0, 0.0, 3.0]]), ([0, 0, 1], [[1, 0.0, 4.0]])]
    """
    return _traced(code, function, arrays, options, ("out",), shape)


def _traced(
    code: str,
    function: str,
    arrays: Mapping[str, Any],
    options: Sequence[int],
    results: Sequence[str],
    shape: Sequence[int],
) -> dict[str, Any]:
    # Options by position after the arrays, as numbers that have what arrays have.
    given = [np.array(a, np.float64) for a in arrays.values()] + [np.int64(n) for n in options]
    names = (*arrays, *(f"option {n}" for n in range(len(options))))
    try:
        fn = functions(code, [function])[function]
    except NotLoaded as refused:
        error = {"message": str(refused), "line": refused.line}
        return _told(_Recorder({}, [], ()), Answer(None), error, results)
    recorder = _Recorder(_loops(code), given, tuple(shape))
    outer = sys.gettrace()
    sys.settrace(recorder.enter)
    try:
        answer = apart(invoke, fn, names, given, len(results), None)
    finally:
        sys.settrace(outer)
    if answer.usable or (answer.crash and recorder.cut):  # what ended it then was _Enough
        return _told(recorder, answer, None, results)
    return _told(recorder, answer, {"message": answer.why, "line": answer.line}, results)


class _Enough(BaseException):
    """The function has run for long enough to be seen. No `except Exception` keeps it back."""


# --- the loops of the source ----------------------------------------------------------------------


class _Loop(NamedTuple):
    """Lines of the innermost loop that gives an output cell, and where the nest of it begins."""

    first: int
    last: int
    nest: int
    names: tuple[str, ...]  # of o, i and j
    variables: tuple[str, ...]


def _loops(code: str) -> dict[str, list[_Loop]]:
    """The loops of every function, the innermost first."""
    found: dict[str, list[_Loop]] = {}
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.FunctionDef):
            found[node.name] = list(_nested(node.body, (), None))
    return found


def _nested(body: list[ast.stmt], around: tuple[str, ...], nest: int | None) -> Iterator[_Loop]:
    for node in body:
        if isinstance(node, ast.For | ast.While):
            outermost = nest or node.lineno
            own = tuple(_names(node.target)) if isinstance(node, ast.For) else ()
            variables = (*around, *own)
            yield from _nested(node.body, variables, outermost)
            first, last = node.body[0].lineno, node.body[-1].end_lineno or 0
            yield _Loop(first, last, outermost, _cell_names(variables, node), variables)
        elif not isinstance(node, ast.FunctionDef | ast.ClassDef):
            for part in ("body", "orelse", "finalbody"):
                yield from _nested(getattr(node, part, []), around, nest)


def _names(target: ast.expr) -> Iterator[str]:
    for node in ast.walk(target):
        if isinstance(node, ast.Name):
            yield node.id


def _cell_names(variables: tuple[str, ...], loop: ast.For | ast.While) -> tuple[str, ...]:
    """What o, i and j are called: just that, or a nest of three has them in this order."""
    if set(CELL) <= set(variables) or isinstance(loop, ast.While):
        return CELL
    return variables if len(variables) == 3 else ()


# --- what happens ---------------------------------------------------------------------------------


@dataclass
class _Step:
    at: tuple[int, ...] | None
    loop: int | None
    line: int = 0
    variables: dict[str, int] = field(default_factory=dict)
    changes: dict["_Key", dict[int, list[float]]] = field(default_factory=dict)


class _Key(NamedTuple):
    """A local variable."""

    code: CodeType
    name: str


class _Recorder:
    """A trace function that keeps the steps."""

    def __init__(
        self, loops: dict[str, list[_Loop]], arguments: list[Array], shape: tuple[int, ...]
    ) -> None:
        self._loops = loops
        self._shape = shape  # of the output cells
        self._arguments = arguments
        self._lines: dict[FrameType, int] = {}  # of each frame, the line that ran last
        self._ran = 0
        self._objects: dict[_Key, Any] = {}  # what names stand for, as they were last
        self._last: dict[_Key, Array] = {}
        self.start: dict[_Key, Array] = {}
        self.steps: list[_Step] = []
        self.line = 0
        self.cut = False

    def enter(self, frame: FrameType, _event: str, _arg: Any) -> Any:
        """For `sys.settrace`: only frames of the learner's code are looked into."""
        return self._ran_line if frame.f_code.co_filename == FILE else None

    def _ran_line(self, frame: FrameType, event: str, _arg: Any) -> Any:
        self._look(frame)
        if event == "line":
            self.line = self._lines[frame] = frame.f_lineno
        self._ran += 1
        if self._ran > MOST_LINES or len(self.steps) > MOST_STEPS:
            self.cut = True
            raise _Enough
        return self._ran_line

    def _look(self, frame: FrameType) -> None:
        line, names = self._lines.get(frame, 0), frame.f_locals
        loop = self._loop(frame.f_code.co_name, line)
        at = self._cell(names, loop)
        if loop and at is not None and not self._standing_at(at, loop):
            self._step(at, loop, line, names)
        before = len(self.steps)
        for name, value in list(names.items()):
            array = self._followed(value)
            if array is None:
                continue
            key = _Key(frame.f_code, name)
            old = self._last.get(key)
            self._objects[key] = value
            if old is not None and old.shape == array.shape:
                same = (old == array) | (np.isnan(old) & np.isnan(array))
                if same.all():
                    continue
                if at is None and len(self.steps) == before:
                    self._step(None, loop, line, names)
                self._changed(key, line, np.flatnonzero(~same), old, array)
            else:
                self.start[key] = array
            self._last[key] = array

    def _loop(self, function: str, line: int) -> _Loop | None:
        """The innermost loop around a line that knows its output cell, or else the innermost."""
        around = [loop for loop in self._loops.get(function, []) if loop.first <= line <= loop.last]
        # A nest's innermost loops may be over taps: all of them are one output cell's.
        cells = [loop for loop in around if loop.names]
        return next(iter(cells or around), None)

    def _cell(self, names: dict[str, Any], loop: _Loop | None) -> tuple[int, ...] | None:
        """The output cell that a loop's variables say; None where they say none that exists."""
        found = [_integer(names.get(name)) for name in loop.names] if loop else []
        at = tuple(k for k in found if k is not None)
        shape = self._shape
        if len(at) != len(shape) or not all(0 <= k < n for k, n in zip(at, shape, strict=True)):
            return None
        return at

    def _standing_at(self, at: tuple[int, ...], loop: _Loop) -> bool:
        return bool(self.steps) and (self.steps[-1].at, self.steps[-1].loop) == (at, loop.nest)

    def _step(
        self, at: tuple[int, ...] | None, loop: _Loop | None, line: int, names: dict[str, Any]
    ) -> None:
        known = {n: _integer(names.get(n)) for n in (loop.variables if loop else ())}
        variables = {n: value for n, value in known.items() if value is not None}
        self.steps.append(_Step(at, loop.nest if loop else None, line, variables))

    def _changed(self, key: _Key, line: int, places: Array, old: Array, new: Array) -> None:
        step = self.steps[-1]
        step.line = line
        changes = step.changes.setdefault(key, {})
        for place in places.tolist():
            before = changes.get(place, [float(old.flat[place])])[0]
            changes[place] = [before, float(new.flat[place])]

    def _followed(self, value: Any) -> Array | None:
        """A copy of an array that can be a result; None for anything else."""
        if isinstance(value, list):
            try:
                value = np.array(value, np.float64)
            except (TypeError, ValueError, OverflowError):
                return None
        if not isinstance(value, np.ndarray) or value.dtype.kind not in "fiu" or value.ndim < 2:
            return None
        if not 0 < value.size <= MOST_ELEMENTS:
            return None
        if any(np.may_share_memory(value, a) for a in self._arguments):
            return None
        return value.astype(np.float64)

    def variable_of(self, result: Any, name: str) -> _Key | None:
        """The variable that was returned; where nothing was, the one of that name."""
        if result is None:
            found = [key for key in self._objects if key.name == name]
        else:
            found = [key for key, value in self._objects.items() if value is result]
        return max(found, key=self._counts, default=None)

    def _counts(self, key: _Key) -> tuple[int, int]:
        """How often a variable changed, first of all where the output cell is known."""
        changing = [step for step in self.steps if key in step.changes]
        return sum(step.at is not None for step in changing), len(changing)


def _integer(value: Any) -> int | None:
    return int(value) if isinstance(value, int | np.integer) else None


# --- what is told ---------------------------------------------------------------------------------


def _told(
    recorder: _Recorder, answer: Answer, error: dict[str, Any] | None, names: Sequence[str]
) -> dict[str, Any]:
    nothing = (None,) * len(names)
    results = dict(zip(names, answer.results or nothing, strict=True))
    keys = {
        name: recorder.variable_of(value, name)
        for name, value in zip(names, answer.originals or nothing, strict=True)
    }

    followed = {key for key in keys.values() if key}
    steps = _merged(
        step for step in recorder.steps if step.at is not None or followed & step.changes.keys()
    )
    return {
        "steps": [
            {
                "at": step.at and list(step.at),
                "loop": step.loop,
                "line": step.line,
                "variables": step.variables,
                **{name: _changes(step, key) for name, key in keys.items()},
            }
            for step in steps
        ],
        "start": {name: recorder.start[key] if key else None for name, key in keys.items()},
        "results": results,
        "error": error,
        "cut": recorder.cut,
    }


def _merged(steps: Iterable[_Step]) -> list[_Step]:
    """Steps of the same output cell that follow each other, as one: between them was another of
    variables that nobody asks for."""
    found: list[_Step] = []
    for step in steps:
        if not found or step.at is None or (step.at, step.loop) != (found[-1].at, found[-1].loop):
            found.append(step)
            continue
        found[-1].line = step.line
        for key, changes in step.changes.items():
            earlier = found[-1].changes.setdefault(key, {})
            for place, (before, after) in changes.items():
                earlier[place] = [earlier.get(place, [before])[0], after]
    return found


def _changes(step: _Step, key: _Key | None) -> list[list[float]]:
    found = step.changes.get(key, {}) if key else {}
    return [[place, *values] for place, values in found.items()]
