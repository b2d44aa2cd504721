"""A plugin for pytest: a convolution backward under test, one item for each check.

import pytest
from mine import conv2d_backward

@pytest.mark.dxdw  # with the options of dxdw.diagnosis.diagnose, as in dxdw(stride=2)
def test_conv2d_backward():
    return conv2d_backward
"""

from collections.abc import Generator, Mapping
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .diagnosis import Check, Report

MARKER = "dxdw(**options): the test returns a function, whose checks become an item each"
_REPORTS: pytest.StashKey[dict[Any, "Report"]] = pytest.StashKey()


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
    config.stash[_REPORTS] = {}


@pytest.fixture
def _dxdw_check(request: pytest.FixtureRequest) -> Any:
    """The name of the check that an item of a marked test is for."""
    return request.param


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """An item for each check of a test that is marked, or whose class or module is."""
    mark = metafunc.definition.get_closest_marker("dxdw")
    if mark is None:
        return
    from .diagnosis import check_names

    metafunc.fixturenames.append("_dxdw_check")
    names = check_names(mark.kwargs.get("problem", "conv2d_backward"))
    metafunc.parametrize("_dxdw_check", names, indirect=True)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Look at one check of the function that a marked test returns."""
    mark = pyfuncitem.get_closest_marker("dxdw")
    if mark is None:
        return None
    report = _report(pyfuncitem, mark.kwargs)
    name = pyfuncitem.callspec.params["_dxdw_check"]
    check = next(check for check in report.checks if check.name == name)
    if check.right is None:
        pytest.skip(check.detail or "not run: what fails before it has to be right first")
    if check.advice:
        pytest.skip(f"advice, and no mistake: {check.detail}")
    if not check.right:
        raise _failed(report, check)
    return True


def _report(item: pytest.Function, options: Mapping[str, Any]) -> "Report":
    """On the function that the test returns: once for all checks of the same parameters."""
    from .diagnosis import diagnose

    others = tuple(f"{k}={v!r}" for k, v in item.callspec.params.items() if k != "_dxdw_check")
    key = (item.parent, item.originalname, others)
    reports = item.config.stash[_REPORTS]
    if key not in reports:
        names = item._fixtureinfo.argnames
        reports[key] = diagnose(item.obj(**{n: item.funcargs[n] for n in names}), **options)
    return reports[key]


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(call: pytest.CallInfo[None]) -> Generator[None, Any, None]:
    """Show a check that fails as its report, and not as the place where it was raised."""
    report = (yield).get_result()
    if report.failed and call.excinfo is not None and isinstance(call.excinfo.value, _Failed):
        report.longrepr = _Shown(call.excinfo.value)
