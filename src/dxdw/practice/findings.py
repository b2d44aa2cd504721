"""What a test of the series finds: nothing, or a sentence, arrays and the first wrong element."""

import operator
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..core.arrays import Array, unwarned
from ..diagnosis.calls import Crash, call_by_position
from ..diagnosis.report import Evidence, FirstWrong

Solution = Callable[..., Any]


class Failed(Exception):
    """Why a test fails, and what there is to show of it."""

    def __init__(
        self,
        detail: str,
        evidence: Evidence | None = None,
        first_wrong: FirstWrong | None = None,
        crash: Crash | None = None,
    ) -> None:
        super().__init__(detail)
        self.evidence = evidence
        self.first_wrong = first_wrong
        self.crash = crash


class Test(NamedTuple):
    """A test by its name: `check` is given the learner's function, and raises Failed."""

    name: str
    function: str
    check: Callable[[Solution], None]


class Call:
    """A call of the learner's function: by position, with copies of the arrays.

    Raises:
        Failed: it raises, or does not return as many arrays as there are names of results.
    """

    def __init__(
        self,
        fn: Solution,
        arrays: dict[str, Any],
        options: Sequence[Any] = (),
        results: Sequence[str] = ("out",),
    ) -> None:
        self.arguments = {name: np.asarray(a) for name, a in arrays.items()}
        if options:
            self.arguments["options"] = np.array(options)
        answer = call_by_position(fn, tuple(arrays), [*map(np.array, arrays.values()), *options],
                                  len(results))  # fmt: skip
        if not answer.usable:
            raise Failed(answer.why, crash=answer.crash)
        self.changed = answer.changed
        self.results = dict(zip(results, answer.results, strict=True))

    def expect_shape(self, result: str, shape: Sequence[int]) -> None:
        """Raises Failed where a result has another shape."""
        got = self.results[result].shape
        if got != tuple(shape):
            raise Failed(f"{result} has shape {got}, and should have {tuple(shape)}")

    def expect(self, result: str, expected: Any, atol: float = 1e-9) -> None:
        """Raises Failed where a result has another shape, or an element is more than atol off."""
        expected = np.asarray(expected, np.float64)
        self.expect_shape(result, expected.shape)
        got = self.results[result]
        first = first_wrong(result, got, expected, atol)
        if first is not None:
            place = ",".join(map(str, first.index))
            raise Failed(
                f"{result}[{place}] is {first.got:.10g}, and should be {first.expected:.10g}",
                Evidence(result, got, expected, self.arguments),
                first,
            )


def first_wrong(result: str, got: Array, expected: Array, atol: float) -> FirstWrong | None:
    """The first element in loop order that is further off than atol."""
    wrong = np.argwhere(~(np.abs(unwarned(operator.sub, got, expected)) <= atol))
    if not len(wrong):
        return None
    index = tuple(int(k) for k in wrong[0])
    return FirstWrong(result, index, float(got[index]), float(expected[index]))
