"""One call of the function under test, and all that can be seen of it."""

import linecache
import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import compress
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from ..core.arrays import Array
from .contract import Contract
from .guarding import from_outside, numpy_kept, replaced_in_words, shortened, words
from .problem import OPERANDS, Problem

_HERE = str(Path(__file__).parent)
_LIBRARIES = Path(linecache.__file__).parent, Path(__file__).parents[1]  # Python's, and this one
_SHOWN_LOCALS = 8


# What a message has in it, and what that means to someone who meets it for the first time.
_MEANS = {
    "The truth value of an array": "an if decides once, and an array has many elements: each "
    "needs a decision of its own",
    "operands could not be broadcast": "arrays of these shapes do not fit together, element by "
    "element",
    "non-broadcastable output operand": "what is added has another shape than the place it is "
    "added to",
    "could not broadcast input array": "what is written has another shape than the place it is "
    "written to",
    "is out of bounds for axis": "an index goes from 0 to the size of its axis, less 1",
    "is out of bounds for array of dimension": "axes are counted from 0, and -1 is always the last",
    "'float' object cannot be interpreted as an integer": "/ gives a float; sizes and indices are "
    "integers, as // gives them",
    "expected a sequence of integers": "/ gives a float; sizes are integers, as // gives them",
    "slice indices must be integers": "/ gives a float; indices are integers, as // gives them",
    "setting an array element with a sequence": "an element holds one number, and an array came",
    "matmul: ": "@ is the matrix product, which wants as many columns on the left as rows on the "
    "right; * multiplies element by element",
}


@dataclass(frozen=True)
class Crash:
    """An exception of the function: what, and where in its own lines."""

    kind: str
    message: str
    file: str = ""
    line: int = 0
    source: str = ""
    at: dict[str, int] = field(default_factory=dict)  # its small integers: o, i, j, ...
    trace: str = ""
    means: str = ""  # the message in other words, where it needs them

    @property
    def what(self) -> str:
        """In one line."""
        said = f"{self.kind}: {self.message}" if self.message else self.kind
        return f"{said} ({self.means})" if self.means else said


@dataclass(frozen=True)
class Answer:
    """What a call gave: a crash, results of no use, or arrays."""

    problem: Any  # what it was called on
    crash: Crash | None = None
    complaint: str | None = None  # why the value is no tuple of real arrays
    results: tuple[Array, ...] = ()  # as the function returned them, as arrays
    originals: tuple[Any, ...] = ()
    arguments: tuple[Array, ...] = ()
    changed: tuple[str, ...] = ()  # operands that are no longer what they were
    absent: tuple[str, ...] = ()  # results that are None, where some are not

    @property
    def usable(self) -> bool:
        """Whether there are arrays to look at."""
        return self.crash is None and self.complaint is None

    @property
    def why(self) -> str:
        """What there is instead, in one line; nothing where it is usable."""
        return self.crash.what if self.crash else self.complaint or ""

    @property
    def line(self) -> int:
        """Of the function, where that happened; 0 where it has no line."""
        return self.crash.line if self.crash else 0


def stops_with(crash: Crash) -> str:
    """The kind alone: what Python says of it belongs to one case, and stands beside that."""
    article = "an" if crash.kind[:1] in "AEIOU" else "a"
    return f"it stops with {article} {crash.kind}"


def changed_in_words(names: Iterable[str]) -> str:
    """What is said of arguments that are no longer what they were."""
    return (
        f"the call changes {' and '.join(names)}: make new arrays, and leave arguments as they are"
    )


def call(
    fn: Callable[..., Any], contract: Contract, problem: Problem, *, frozen: bool = False
) -> Answer:
    """Call the function on new copies of the operands; frozen ones refuse to be written to."""
    given = contract.arguments(problem)
    for a in given:
        a.flags.writeable = not frozen
    returned: list[tuple[str, ...]] = []

    def called(*arrays: Array) -> Any:
        value = fn(*arrays)
        if isinstance(value, (tuple, list)) and len(value) == len(contract.returns):
            absent = [part is None for part in value]
            if not all(absent):
                returned.append(tuple(compress(contract.returns, absent)))
                return tuple(NOTHING if part is None else part for part in value)
        return value

    answer = invoke(called, OPERANDS, given, len(contract.returns), problem)
    return replace(answer, absent=returned[0]) if returned and returned[0] else answer


NOTHING = np.zeros(0)  # in place of a result that is None


def call_by_position(
    fn: Callable[..., Any], names: Sequence[str], arguments: Sequence[Any], count: int
) -> Answer:
    """Call the function with copies of the arrays, which are named, and what follows them."""
    given = [a.copy() if isinstance(a, np.ndarray) else a for a in arguments]
    arrays, rest = given[: len(names)], given[len(names) :]
    return invoke(lambda *a: fn(*a, *rest), names, arrays, count, arguments)


def invoke(
    fn: Callable[..., Any],
    names: Sequence[str],
    given: list[Any],
    count: int,
    problem: Any,
) -> Answer:
    """Call the function with arrays, for so many results.

    Whatever is raised is a finding, but for Ctrl-C.
    """
    before = [a.copy() for a in given]
    try:
        # A function that divides by zero is found out by its answer, not by a warning in between.
        with numpy_kept() as replaced, np.errstate(all="ignore"):
            value = fn(*given)
    except BaseException as error:  # SystemExit too: a learner's exit() is a finding
        if from_outside(error):
            raise
        if not replaced:
            return Answer(problem, crash=crash_of(error))
    if replaced:
        return Answer(problem, complaint=replaced_in_words(replaced))
    changed = tuple(
        name
        for name, a, b in zip(names, given, before, strict=True)
        if a.shape != b.shape or a.tobytes() != b.tobytes()
    )
    try:
        originals, results = _arrays(value, count)
    except ValueError as error:
        return Answer(problem, complaint=str(error), changed=changed)
    return Answer(problem, None, None, results, originals, tuple(given), changed)


def _arrays(value: Any, count: int) -> tuple[tuple[Any, ...], tuple[Array, ...]]:
    """The results as arrays. ValueError: they are none, in words for the report."""
    if value is None:
        raise ValueError("it returned None: a return statement is missing")
    if count == 1:
        value = (value,)
    if not isinstance(value, (tuple, list)) or len(value) != count:
        kind = type(value).__name__
        what = f"{len(value)} values" if isinstance(value, (tuple, list)) else f"one {kind}"
        shape = getattr(value, "shape", None)
        one = f"one array of shape {shape}" if shape else what
        wanted = ", ".join(("dx", "dW", "db")[:count])
        raise ValueError(f"it returned {one}: wanted are {count} arrays, as in return {wanted}")
    arrays = []
    for part in value:
        if part is None:
            raise ValueError("it returned None: nothing is there yet")
        try:
            a = np.asarray(part)
        except Exception as error:  # noqa: BLE001 - whatever an object's own __array__ raises
            said = words(error)
            raise ValueError(f"a {type(part).__name__} is no array of numbers: {said}") from None
        if a.dtype.kind not in "fiu":
            raise ValueError(f"it returned an array of dtype {a.dtype}, and not of real numbers")
        arrays.append(a)
    # Copies: the next call may write into what this one returned.
    return tuple(value), tuple(np.array(a) for a in arrays)


def crash_of(error: BaseException) -> Crash:
    """What is told of an exception of the function."""
    frames = [
        (frame, line)
        for frame, line in traceback.walk_tb(error.__traceback__)
        if not frame.f_code.co_filename.startswith(_HERE)
    ]
    # The learner's own line: the last frame of the file in which the function is. What decorates it
    # may be of a library, as np.errstate is.
    files = [frame.f_code.co_filename for frame, _ in frames]
    home = next((file for file in files if not _of_a_library(file)), files[0] if files else "")
    own = [(frame, line) for frame, line in frames if frame.f_code.co_filename == home]
    if not own:
        return Crash(type(error).__name__, words(error))
    frame, line = own[-1]
    said = words(error)
    trace = traceback.format_exception(type(error), error, _after(error.__traceback__, home))
    at = {
        name: int(value)
        for name, value in frame.f_locals.items()
        if isinstance(value, (int, np.integer)) and not isinstance(value, bool) and len(name) <= 3
    }
    return Crash(
        type(error).__name__,
        said,
        home,
        line,
        linecache.getline(home, line).strip(),
        dict(list(at.items())[:_SHOWN_LOCALS]),
        "".join(map(shortened, trace)),
        next((meaning for part, meaning in _MEANS.items() if part in said), ""),
    )


def _of_a_library(file: str) -> bool:
    path = Path(file)
    installed = not {"site-packages", "dist-packages"}.isdisjoint(path.parts)
    return installed or any(path.is_relative_to(library) for library in _LIBRARIES)


def _after(trace: TracebackType | None, home: str) -> TracebackType | None:
    """The traceback from the learner's file on: what lies before is the checker's."""
    while trace is not None and trace.tb_frame.f_code.co_filename != home:
        trace = trace.tb_next
    return trace
