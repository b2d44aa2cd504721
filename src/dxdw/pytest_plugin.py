"""A plugin for pytest: a convolution backward under test, one item for each check.

import pytest
from mine import conv2d_backward

@pytest.mark.dxdw  # with the options of dxdw.diagnosis.diagnose, as in dxdw(stride=2)
def test_conv2d_backward():
    return conv2d_backward
"""

from collections.abc import Generator, Mapping
from inspect import signature
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .diagnosis import Check, Report

MARKER = "dxdw(**options): the test returns a function, whose checks become an item each"
_CHECK = "_dxdw_check"
_REPORTS: pytest.StashKey[dict[Any, "Report"]] = pytest.StashKey()


class _Failed(AssertionError):
    """A check that fails, with what is to be shown of it and that in one line."""

    def __init__(self, shown: str, line: str) -> None:
        super().__init__(shown)
        self.line = line


def _shown(item: pytest.Item, info: pytest.ExceptionInfo[Any]) -> Any:
    """A failure as pytest prints it: whole in its section, one line in the summary.

    In a form of pytest's own, for pytest-xdist makes a string of any other. Of that pytest repeats
    the whole in the summary where it runs in CI.
    """
    shown: Any = info.getrepr(style="native")
    shown.reprtraceback.reprentries[0].lines = [f"{info.value}\n"]
    place, crash = item.location, shown.reprcrash
    crash.path, crash.lineno, crash.message = place[0], (place[1] or 0) + 1, info.value.line
    return shown


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
    options = _options(metafunc.definition)
    if options is None:
        return
    from .diagnosis import check_names

    _refuse_other_options(metafunc.definition, options)
    metafunc.fixturenames.append(_CHECK)
    names = check_names(options.get("problem", "conv2d_backward"))
    metafunc.parametrize(_CHECK, names, indirect=True)


def _refuse_other_options(item: pytest.Item, options: dict[str, Any]) -> None:
    """Fail before the test runs, where xfail would take a mistake in the mark for the test's."""
    from .diagnosis import diagnose, examiner

    given = signature(diagnose)
    said = ""
    try:
        of_all = given.bind(None, **options)
        of_all.apply_defaults()
        of_all.arguments.pop("fn")
        examiner(**of_all.arguments)
    except (TypeError, ValueError) as error:
        said = str(error)
    if not options.keys() <= given.parameters.keys():
        said += f": the options are {', '.join(name for name in given.parameters if name != 'fn')}"
    if said:  # here, where no other exception is being handled, which pytest would print too
        pytest.fail(f"{item.nodeid}: {_written(options)}: {said}", pytrace=False)


def _options(item: pytest.Item) -> dict[str, Any] | None:
    """What the mark nearest to a test says; None where there is no mark."""
    marks = [*item.iter_markers_with_node("dxdw")]
    if not marks:
        return None
    # Those of one place: the test's own stand for those of its class and of its module.
    nearest = [mark for node, mark in marks if node is marks[0][0]]
    for mark in nearest:
        if mark.args:
            got = ", ".join(map(repr, mark.args))
            pytest.fail(
                f"{item.nodeid}: dxdw({got}) has options without a name: each needs its own, as "
                "in dxdw(stride=2)",
                pytrace=False,
            )
        if mark.kwargs != nearest[0].kwargs:
            both = " and ".join(_written(m.kwargs) for m in (nearest[0], mark))
            pytest.fail(
                f"{item.nodeid} has the marks {both}: one mark has to have all options, and one "
                "function to be looked at in two ways needs a test for each",
                pytrace=False,
            )
    return dict(nearest[0].kwargs)


def _written(options: Mapping[str, Any]) -> str:
    return f"dxdw({', '.join(f'{name}={value!r}' for name, value in options.items())})"


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Refuse what can't be looked at: unittest throws away what a method returns."""
    if _options(item) is None:
        return
    from unittest import TestCase

    kind = getattr(item, "cls", None)
    if isinstance(kind, type) and issubclass(kind, TestCase):
        pytest.fail(
            f"{item.nodeid} is marked dxdw, and a method of unittest.TestCase, which can return "
            "nothing: the mark has to stand on a function, or on a method of a class of its own",
            pytrace=False,
        )


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Look at one check of the function that a marked test returns.

    Or at all of them, where the mark came too late for an item each: with one set of parameters,
    as in `pytest.param(f, marks=pytest.mark.dxdw)`, or by `item.add_marker`.
    """
    options = _options(pyfuncitem)
    if options is None:
        return None
    if _CHECK not in _parameters(pyfuncitem, "params"):
        _refuse_other_options(pyfuncitem, options)
    report = _report(pyfuncitem, options)
    checks = {check.name: check for check in report.checks}
    name = _parameters(pyfuncitem, "params").get(_CHECK)
    check = checks[name or next(iter(report.failed), report.checks[0].name)]
    if check.right is None:
        pytest.skip(check.detail or "not run: what fails before it has to be right first")
    if check.advice:
        pytest.skip(f"advice, and no mistake: {check.detail}")
    if not check.right:
        raise _failed(report, check)
    return True


def _parameters(item: pytest.Item, what: str) -> dict[str, Any]:
    """Of an item that has any, by their names: the values, or which of the values these are."""
    return getattr(getattr(item, "callspec", None), what, {})


def _key(item: pytest.Function) -> tuple[Any, ...]:
    """The same for all checks of the same parameters.

    By their places: two functions may look alike, and be equal, and are two all the same.
    """
    places = _parameters(item, "indices")
    others = ((name, place) for name, place in places.items() if name != _CHECK)
    return item.parent, item.originalname, *others


def _report(item: pytest.Function, options: dict[str, Any]) -> "Report":
    """On the function that the test returns: once for all checks of the same parameters."""
    from .diagnosis import diagnose

    key = _key(item)
    reports = item.config.stash[_REPORTS]
    if key not in reports:
        names = item._fixtureinfo.argnames
        reports[key] = diagnose(item.obj(**{n: item.funcargs[n] for n in names}), **options)
    return reports[key]


@pytest.hookimpl(hookwrapper=True, tryfirst=True)  # so that it sees what xfail has made of it
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, Any, None]:
    """Show a check that fails as its report, and not as the place where it was raised."""
    report = (yield).get_result()
    if not report.failed:
        return
    if call.excinfo is not None:
        if isinstance(call.excinfo.value, _Failed):
            report.longrepr = _shown(item, call.excinfo)
    elif isinstance(item, pytest.Function) and _CHECK in _parameters(item, "params"):
        # Nothing was raised: xfail(strict=True), for this check is right. What was expected to
        # fail is the function, and it does where any of its checks does.
        found = item.config.stash[_REPORTS].get(_key(item))
        if found is not None and not found.ok:
            report.outcome, report.longrepr = "passed", None
            report.wasxfail = f"the function fails at {found.failed[0]}"
