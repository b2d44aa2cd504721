"""A plugin for pytest: a convolution backward under test, one item for each check.

import pytest
from mine import conv2d_backward

@pytest.mark.dxdw  # with the options of dxdw.diagnosis.diagnose, as in dxdw(stride=2)
def test_conv2d_backward():
    return conv2d_backward
"""

from collections.abc import Callable, Iterator
from functools import cached_property
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .diagnosis import Check, Report

MARKER = "dxdw(**options): the test returns a function, whose checks become an item each"


class _Failed(Exception):
    """A check that fails, with what is to be shown of it and that in one line."""

    def __init__(self, shown: str, line: str) -> None:
        super().__init__(shown)
        self.line = line


class _Shown:
    """A failure as pytest prints it: whole in its section, one line in the summary.

    Of a plain string pytest repeats the whole in the summary where it runs in CI.
    """

    def __init__(self, failed: _Failed) -> None:
        self.text = str(failed)
        self.reprcrash = SimpleNamespace(message=failed.line)

    def __str__(self) -> str:
        return self.text

    def toterminal(self, out: Any) -> None:
        """Write the whole of it, as pytest asks its representations to."""
        out.line(self.text)


class _Examination:
    """The report on the function that a test returns, made when its first check runs."""

    def __init__(self, test: Callable[[], Any], options: dict[str, Any]) -> None:
        self.test = test
        self.options = options

    @cached_property
    def report(self) -> "Report":
        from .diagnosis import diagnose

        return diagnose(self.test(), **self.options)


class CheckItem(pytest.Item):
    """One check of one function."""

    def __init__(self, *, examination: _Examination, check: str, **more: Any) -> None:
        super().__init__(**more)
        self.examination = examination
        self.check = check

    def runtest(self) -> None:
        report = self.examination.report
        check = next(check for check in report.checks if check.name == self.check)
        if check.right is None:
            pytest.skip(check.detail or "not run: what fails before it has to be right first")
        if check.advice:
            pytest.skip(f"advice, and no mistake: {check.detail}")
        if not check.right:
            raise _failed(report, check)

    def repr_failure(self, excinfo: Any, style: Any = None) -> Any:
        if isinstance(excinfo.value, _Failed):
            return _Shown(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Any, int | None, str]:
        line = self.examination.test.__code__.co_firstlineno - 1
        return self.path, line, self.name


def _failed(report: "Report", check: "Check") -> _Failed:
    """The whole report for the first check that fails, and for the others their own line."""
    causes = f" ({', '.join(report.causes)})" if report.causes else ""
    line = f"{check.question}: {check.detail}{causes}"
    if check.name == report.failed[0]:
        return _Failed(str(report), line)
    line += f"; the report stands at {report.failed[0]}"
    return _Failed(line, line)


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line("markers", MARKER)


def pytest_pycollect_makeitem(
    collector: Any, name: str, obj: Any
) -> list[pytest.Item | pytest.Collector] | None:
    """An item for each check of a marked function."""
    marks = [m for m in getattr(obj, "pytestmark", ()) if getattr(m, "name", "") == "dxdw"]
    if not marks or not callable(obj) or not collector.funcnamefilter(name):
        return None
    return list(_items(collector, name, obj, marks[0].kwargs))


def _items(
    collector: Any, name: str, test: Callable[[], Any], options: dict[str, Any]
) -> Iterator[pytest.Item]:
    from .diagnosis import check_names

    examination = _Examination(test, options)
    for check in check_names(options.get("problem", "conv2d_backward")):
        yield CheckItem.from_parent(
            collector, name=f"{name}[{check}]", examination=examination, check=check
        )
