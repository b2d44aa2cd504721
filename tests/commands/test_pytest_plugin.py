"""The plugin for pytest, in runs of pytest of its own."""

import textwrap
from importlib.metadata import entry_points
from pathlib import Path

import pytest

import dxdw

pytest_plugins = ["pytester"]

# Where the package is installed, pytest finds it without being told.
INSTALLED = any(e.value == "dxdw.pytest_plugin" for e in entry_points(group="pytest11"))
NAMED = () if INSTALLED else ("-p", "dxdw.pytest_plugin")

MINE = """
import numpy as np
import pytest

def mine(grad_out, x, W):
    dx, dW = np.zeros(x.shape), np.zeros(W.shape)
    kH, kW = W.shape[2:]
    for o, i, j in np.ndindex(grad_out.shape):
        dW[o] += grad_out[o, i, j] * x[:, i : i + kH, j : j + kW]
        dx[:, i : i + kH, j : j + kW] {op} grad_out[o, i, j] * W[o]
    return dx, dW

@pytest.mark.dxdw{options}
def test_mine():
    return mine
"""


@pytest.fixture
def run(pytester, monkeypatch):
    # This package, also where it is not installed and found by a relative path.
    monkeypatch.setenv("PYTHONPATH", str(Path(dxdw.__file__).parents[1]))

    def run(source):
        pytester.makepyfile(source)
        return pytester.runpytest_subprocess(
            *NAMED, "--strict-markers", "-p", "no:cacheprovider", "-v"
        )

    return run


def test_one_item_for_each_check(run):
    result = run(MINE.format(op="+=", options=""))
    result.assert_outcomes(passed=15)
    result.stdout.fnmatch_lines(["*::test_mine?exact? PASSED*", "*::test_mine?precision? PASSED*"])


def test_advice_is_no_failure(run):
    result = run(MINE.format(op="+=", options="").replace("np.zeros(x.shape)", "np.zeros_like(x)"))
    result.assert_outcomes(passed=14, skipped=1)


@pytest.mark.parametrize("ci", ["", "true"])  # where pytest shortens its summary, and not
def test_a_failure_is_the_report(run, monkeypatch, ci):
    monkeypatch.setenv("CI", ci)
    result = run(MINE.format(op="=", options=""))
    outcomes = result.parseoutcomes()
    assert outcomes["failed"] >= 3
    assert outcomes["passed"] >= 8
    text = result.stdout.str()
    assert text.count("Hint: ") == 1
    assert "dx-overwritten" in text
    assert "pytest_plugin.py" not in text


def test_options_and_other_problems(run):
    run(MINE.format(op="+=", options="(dtype='float64', returns='dx,dW')")).assert_outcomes(
        passed=15
    )
    source = """
        import numpy as np, pytest
        @pytest.mark.dxdw(problem="relu")
        def test_relu():
            return lambda x: np.maximum(x, 0)
    """
    run(source).assert_outcomes(passed=7)


def test_a_test_that_raises_is_shown_as_any_other(run):
    result = run(
        "import pytest\n@pytest.mark.dxdw\ndef test_mine():\n    return nothing_of_the_kind\n"
    )
    assert result.parseoutcomes()["failed"] == 15
    assert "NameError: name 'nothing_of_the_kind' is not defined" in result.stdout.str()


RIGHT = MINE.format(op="+=", options="").partition("@pytest.mark.dxdw")[0]
WRONG = RIGHT.replace("+= grad_out[o, i, j] * W[o]", "= grad_out[o, i, j] * W[o]")


# Each in a file of its own, and all in one run.
MARKED = [
    "pytestmark = pytest.mark.dxdw\ndef test_mine(): return mine",
    "@pytest.mark.dxdw\nclass TestMine:\n    def test_mine(self): return mine",
    "class TestMine:\n    @pytest.mark.dxdw\n    def test_mine(self): return mine",
    "@pytest.fixture\ndef fn(): return mine\n@pytest.mark.dxdw\ndef test_mine(fn): return fn",
]


def test_marks_of_modules_classes_and_methods_and_fixtures(run, pytester):
    for i, test in enumerate(MARKED):
        pytester.makepyfile(**{f"test_right_{i}": RIGHT + test, f"test_wrong_{i}": WRONG + test})
    text = run("").stdout.str()
    for i in range(len(MARKED)):
        told = [line for line in text.splitlines() if line.startswith(f"test_right_{i}.py::")]
        assert len(told) == 15
        assert all(" PASSED" in line for line in told)
        assert sum(f"test_wrong_{i}.py::" in line and " FAILED" in line
                   for line in text.splitlines()) >= 3  # fmt: skip


@pytest.mark.parametrize(
    ("mark", "outcome"),
    [
        ("skip", {"skipped": 15}),
        ("skipif(True, reason='so')", {"skipped": 15}),
        ("xfail", {"xfailed", "xpassed"}),
    ],
)
def test_other_marks_keep_their_meaning(run, mark, outcome):
    result = run(f"{WRONG}@pytest.mark.{mark}\n@pytest.mark.dxdw\ndef test_mine(): return mine")
    found = result.parseoutcomes()
    assert "failed" not in found
    assert found == outcome if isinstance(outcome, dict) else outcome <= found.keys()


def test_parameters_of_ones_own(run):
    source = """
        @pytest.mark.dxdw
        @pytest.mark.parametrize("factor", [1, 2])
        def test_mine(factor):
            def scaled(grad_out, x, W):
                dx, dW = mine(grad_out, x, W)
                return factor * dx, dW
            return scaled
    """
    found = run(RIGHT + textwrap.dedent(source)).parseoutcomes()
    assert found["passed"] >= 15
    assert found["failed"] >= 3
