"""What was found out about a function: one form for the shell, notebooks, pytest and the browser.

The JSON form, `Report.to_json()`, is one object:

| key | value |
| --- | --- |
| `"form"` | 1, and more where a key changes its meaning |
| `"function"` | its name |
| `"ok"` | whether nothing is wrong; where there is `advice`, it may still be true |
| `"solved"` | whether the problem's own tests pass; null where they were not run |
| `"extra"` | whether the checks pass, which try more than the problem's tests: the same as "ok" |
| `"causes"` | identifiers of the mistakes; empty where none is made, or none recognised |
| `"either"` | whether one of the causes is enough: both give the very same answers |
| `"failed"` | names of the checks that fail |
| `"checks"` | `[{"name", "question", "state", "detail"}]`; "right", "wrong", "advice", "not run" |
| `"missing"` | what is not there yet, a sentence each: told before any mistake |
| `"unnamed"` | names of the results that are wrong in no known way |
| `"advice"` | what is no mistake but worth knowing: `[{"check", "detail"}]` |
| `"summary"` | what is wrong, in one sentence |
| `"explanations"` | `[{"cause", "title", "mathematics", "reason", "hint", "advice"}]`; |
| | `mathematics` is one line of code or more, `advice` is true where it is no more than that |
| `"matched"` | what was compared with the answers, in words |
| `"first_wrong"` | null or `{"result", "index", "got", "expected", "contributions"}` |
| `"evidence"` | null or `{"result", "got", "expected", "arguments"}`, the smallest case |
| `"crash"` | null or `{"kind", "message", "file", "line", "source", "at", "trace", "means"}` |
| `"seconds"` | how long it took |

Numbers that JSON has no word for are the strings "nan", "inf" and "-inf".
"""

import json
import math
import operator
from dataclasses import dataclass, is_dataclass, replace
from typing import Any, NamedTuple

from ..core.arrays import Array, unwarned
from .calls import Crash
from .causes import Cause

FORM = 1


class Check(NamedTuple):
    """One rung of the ladder of questions.

    Parameters
    ----------
    name : str
        As `check_names` has it.
    right : bool or None
        The answer; None where it was not run.
    detail : str
        What was seen.
    question : str
        What was asked.
    advice : bool
        True of one that is not right, but of what nobody promised.

    See Also
    --------
    Report

    Examples
    --------
    >>> from dxdw import conv2d_backward
    >>> from dxdw.diagnosis import diagnose
    >>> report = diagnose(conv2d_backward)
    >>> report.checks[0].name, report.checks[0].state
    ('signature', 'right')
    """

    name: str
    right: bool | None
    detail: str = ""
    question: str = ""
    advice: bool = False

    @property
    def state(self) -> str:
        """ "right", "wrong", "advice" or "not run"."""
        if self.advice:
            return "advice"
        return {True: "right", False: "wrong", None: "not run"}[self.right]


ADVICE = ("integer-truncated", "fractions-rounded")  # causes that may be no more than that


@dataclass(frozen=True)
class FirstWrong:
    """The first element in loop order that is wrong, and what should have gone there.

    Parameters
    ----------
    result : str
        Which result it is an element of, as in "dx".
    index : tuple of int
        Where it stands.
    got, expected : float
        What came, and what should have.
    contributions : tuple of str
        The products whose sum it is.

    See Also
    --------
    Report

    Examples
    --------
    >>> from dxdw import conv2d_backward
    >>> from dxdw.diagnosis import diagnose
    >>> report = diagnose(conv2d_backward)
    >>> report.first_wrong is None
    True
    """

    result: str
    index: tuple[int, ...]
    got: float
    expected: float
    contributions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Evidence:
    """The smallest case that was found to fail: the arguments, and one result of it.

    Parameters
    ----------
    result : str
        Which result it is, as in "dx".
    got, expected : array
        What came, and what should have.
    arguments : dict of array
        What the function was called with.

    See Also
    --------
    Report

    Examples
    --------
    >>> from dxdw import conv2d_backward
    >>> from dxdw.diagnosis import diagnose
    >>> report = diagnose(conv2d_backward)
    >>> report.evidence is None
    True
    """

    result: str
    got: Array
    expected: Array
    arguments: dict[str, Array]

    @property
    def difference(self) -> Array:
        """got − expected, where both are of one shape."""
        return unwarned(operator.sub, self.got.astype(float), self.expected)


@dataclass(frozen=True, repr=False)
class Report:
    """What `diagnose` found: `str` is the report as text, and notebooks show it as HTML.

    Parameters
    ----------
    function : str
        The name of the function that was looked at.
    checks : tuple of Check
        What was asked of it, in order.
    causes : tuple of str
        The identifiers of the mistakes that explain the answers; () where nothing is wrong or no
        known mistake does. Where `either` is true, one of them is enough.
    summary : str
        What came of it, in a line.
    matched : tuple of str
        The causes whose answers are the function's own.
    first_wrong : FirstWrong or None
        The first wrong element.
    evidence : Evidence or None
        The smallest case that fails.
    crash : object
        Where the function raised an error, or None.
    seconds : float
        How long it all took.
    explanations : tuple
        What each of the causes means, in their order.
    either : bool
        Whether one of the causes is enough.
    missing : tuple of str
        What is not there yet, a sentence each.
    unnamed : tuple of str
        The results that are wrong in no known way.
    solved : bool or None
        Whether the practice problem's own tests pass; None where they were not run.

    Attributes
    ----------
    ok : bool
        Whether nothing is wrong.
    failed : tuple of str
        The names of the checks that fail.
    advice : tuple of Check
        The checks that find what is no mistake, but worth knowing: arrays of integers.

    See Also
    --------
    dxdw.diagnosis.diagnose

    Examples
    --------
    >>> from dxdw import conv2d_backward
    >>> from dxdw.diagnosis import diagnose
    >>> report = diagnose(conv2d_backward)
    >>> report.ok, report.causes
    (True, ())
    """

    function: str
    checks: tuple[Check, ...]
    causes: tuple[str, ...] = ()
    summary: str = ""
    matched: tuple[str, ...] = ()
    first_wrong: FirstWrong | None = None
    evidence: Evidence | None = None
    crash: Crash | None = None
    seconds: float = 0.0
    explanations: tuple[Cause, ...] = ()  # of the causes, in their order
    either: bool = False
    missing: tuple[str, ...] = ()
    unnamed: tuple[str, ...] = ()  # results that are wrong in no known way
    solved: bool | None = None

    @property
    def ok(self) -> bool:
        return not self.failed

    @property
    def failed(self) -> tuple[str, ...]:
        return tuple(check.name for check in self.checks if check.state == "wrong")

    @property
    def passed(self) -> str:
        """How many checks pass, as "13 of 15"."""
        passed = [check for check in self.checks if check.state in ("right", "advice")]
        return f"{len(passed)} of {len(self.checks)}"

    @property
    def advice(self) -> tuple[Check, ...]:
        return tuple(check for check in self.checks if check.advice)

    def is_advice(self, cause: str) -> bool:
        """Whether a cause explains no more than a piece of advice."""
        return cause in ADVICE and "integers" not in self.failed

    def timed(self, seconds: float) -> "Report":
        """The same, and how long it took."""
        return replace(self, seconds=seconds)

    def to_json(self, indent: int | None = None) -> str:
        """The report as JSON; the form is described where this class is."""
        return json.dumps(self.form(), indent=indent, ensure_ascii=False, allow_nan=False)

    def form(self) -> dict[str, Any]:
        """What `to_json` writes, as dicts and lists."""
        found = {
            "form": FORM,
            "function": self.function,
            "ok": self.ok,
            "solved": self.solved,
            "extra": self.ok,
            "causes": self.causes,
            "either": self.either,
            "failed": self.failed,
            "checks": [
                {
                    "name": c.name,
                    "state": c.state,
                    "detail": c.detail,
                    "question": c.question,
                }
                for c in self.checks
            ],
            "missing": self.missing,
            "unnamed": self.unnamed,
            "advice": [{"check": c.name, "detail": c.detail} for c in self.advice],
            "summary": self.summary,
            "explanations": [
                {"cause": name, **cause._asdict(), "advice": self.is_advice(name)}
                for name, cause in zip(self.causes, self.explanations, strict=True)
            ],
            "matched": self.matched,
            "first_wrong": self.first_wrong,
            "evidence": self.evidence,
            "crash": self.crash,
            "seconds": round(self.seconds, 3),
        }
        return {key: plain(value) for key, value in found.items()}

    def __repr__(self) -> str:
        return f"<Report on {self.function}: {'' if self.ok else 'wrong, '}{self.summary}>"

    def __str__(self) -> str:
        from .report_text import text

        return text(self)

    def _repr_html_(self) -> str:
        from .report_html import html

        return html(self)


def plain(value: Any) -> Any:
    """What json can write, of dicts, lists, arrays and the dataclasses of a report."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain(vars(value))
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (tuple, list)):
        return [plain(v) for v in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
