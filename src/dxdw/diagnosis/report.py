"""What was found out about a function: one form for the shell, notebooks, pytest and the browser.

The JSON form, `Report.to_json()`, is one object:

| key | value |
| --- | --- |
| `"form"` | 1, and more where a key changes its meaning |
| `"function"` | its name |
| `"ok"` | whether nothing is wrong |
| `"causes"` | identifiers of the mistakes; empty where none is made, or none recognised |
| `"failed"` | names of the checks that fail |
| `"checks"` | `[{"name", "question", "state", "detail"}]`; "right", "wrong", "not run" |
| `"summary"` | what is wrong, in one sentence |
| `"explanations"` | `[{"cause", "title", "mathematics", "hint"}]` |
| `"matched"` | what was compared with the answers, in words |
| `"first_wrong"` | null or `{"result", "index", "got", "expected", "contributions"}` |
| `"evidence"` | null or `{"result", "got", "expected", "arguments"}`, the smallest case |
| `"crash"` | null or `{"kind", "message", "file", "line", "source", "at", "trace"}` |
| `"seconds"` | how long it took |

Numbers that JSON has no word for are the strings "nan", "inf" and "-inf".
"""

import json
import math
from dataclasses import dataclass, is_dataclass, replace
from typing import Any, NamedTuple

from ..engines.libraries import Array
from .calls import Crash
from .causes import Cause

FORM = 1


class Check(NamedTuple):
    """One rung of the ladder: right is None where it was not run."""

    name: str
    right: bool | None
    detail: str = ""
    question: str = ""


@dataclass(frozen=True)
class FirstWrong:
    """The first element in loop order that is wrong, and what should have gone there."""

    result: str
    index: tuple[int, ...]
    got: float
    expected: float
    contributions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Evidence:
    """The smallest case that was found to fail: the arguments, and one result of it."""

    result: str
    got: Array
    expected: Array
    arguments: dict[str, Array]


@dataclass(frozen=True)
class Report:
    """What `diagnose` found.

    Attributes:
        ok: whether nothing is wrong.
        causes: the identifiers of the mistakes that explain every answer; () where nothing is wrong
            or no known mistake does.
        failed: the names of the checks that fail.
        first_wrong: the first wrong element, or None.

    `str(report)` is the report as text, and notebooks show it as HTML.
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

    @property
    def ok(self) -> bool:
        return not self.failed

    @property
    def failed(self) -> tuple[str, ...]:
        return tuple(check.name for check in self.checks if check.right is False)

    def timed(self, seconds: float) -> "Report":
        """The same, and how long it took."""
        return replace(self, seconds=seconds)

    def to_json(self, indent: int | None = None) -> str:
        """The report as JSON; the form is described where this class is."""
        return json.dumps(self.form(), indent=indent, ensure_ascii=False, allow_nan=False)

    def form(self) -> dict[str, Any]:
        """What `to_json` writes, as dicts and lists."""
        states = {True: "right", False: "wrong", None: "not run"}
        found = {
            "form": FORM,
            "function": self.function,
            "ok": self.ok,
            "causes": self.causes,
            "failed": self.failed,
            "checks": [
                {
                    "name": c.name,
                    "state": states[c.right],
                    "detail": c.detail,
                    "question": c.question,
                }
                for c in self.checks
            ],
            "summary": self.summary,
            "explanations": [
                {"cause": name, **cause._asdict()}
                for name, cause in zip(self.causes, self.explanations, strict=True)
            ],
            "matched": self.matched,
            "first_wrong": self.first_wrong,
            "evidence": self.evidence,
            "crash": self.crash,
            "seconds": round(self.seconds, 3),
        }
        return {key: plain(value) for key, value in found.items()}

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
