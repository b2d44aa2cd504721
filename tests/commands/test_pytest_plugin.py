"""The plugin for pytest, in runs of pytest of its own."""

import os
import re
import subprocess
import sys
from collections import Counter
from importlib.metadata import entry_points
from pathlib import Path

import pytest

import dxdw

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
RIGHT = MINE.format(op="+=", options="").partition("@pytest.mark.dxdw")[0]
WRONG = MINE.format(op="=", options="").partition("@pytest.mark.dxdw")[0]
OTHER_MARKS = {"skip": "skip", "skipped": "skipif(True, reason='so')", "expected": "xfail"}
PARAMETERS = """
@pytest.mark.dxdw
@pytest.mark.parametrize("factor", [1, 2])
def test_mine(factor):
    def scaled(grad_out, x, W):
        dx, dW = mine(grad_out, x, W)
        return factor * dx, dW
    return scaled
"""
# Functions that look alike and are equal: by parameters, and by a fixture, in either order.
ALIKE = """
def wrong(grad_out, x, W):
    dx, dW = mine(grad_out, x, W)
    return dx, -dW

class Alike:
    def __init__(self, fn): self.fn = fn
    def __repr__(self): return "one"
    def __eq__(self, other): return True
    def __hash__(self): return 1
"""
TOLD_APART = """
@pytest.mark.dxdw
@pytest.mark.parametrize("alike", [{functions}])
def test_mine(alike): return alike.fn

@pytest.fixture(params=[{functions}])
def one(request): return request.param.fn
@pytest.mark.dxdw
def test_fixture(one): return one
"""
LATE = """
@pytest.mark.parametrize("fn", [pytest.param(f, marks=pytest.mark.dxdw) for f in (mine, wrong)])
def test_parameters(fn): return fn
def test_right_added(): return mine
def test_wrong_added(): return wrong
"""
ADDED = """
import pytest
def pytest_collection_modifyitems(items):
    for item in items:
        if item.name.endswith("_added"):
            item.add_marker(pytest.mark.dxdw)
"""
STRICT = "@pytest.mark.xfail(strict=True)\n@pytest.mark.dxdw\ndef test_mine(): return mine"
UNITTEST = """
import unittest
@pytest.mark.dxdw
class TestMine(unittest.TestCase):
    def test_mine(self): return mine
"""
RELU = """
import numpy as np, pytest
@pytest.mark.dxdw(problem="relu")
def test_relu():
    return lambda x: np.maximum(x, 0)
"""
RAISES = "import pytest\n@pytest.mark.dxdw\ndef test_mine():\n    return nothing_of_the_kind\n"
MARKED = [
    "pytestmark = pytest.mark.dxdw\ndef test_mine(): return mine",
    "@pytest.mark.dxdw\nclass TestMine:\n    def test_mine(self): return mine",
    "class TestMine:\n    @pytest.mark.dxdw\n    def test_mine(self): return mine",
    "@pytest.fixture\ndef fn(): return mine\n@pytest.mark.dxdw\ndef test_mine(fn): return fn",
]
SOURCES = {
    "right": MINE.format(op="+=", options=""),
    "advice": MINE.format(op="+=", options="").replace("np.zeros(x.shape)", "np.zeros_like(x)"),
    "options": MINE.format(op="+=", options="(dtype='float64', returns='dx,dW')"),
    "relu": RELU,
    "raises": RAISES,
    "parameters": RIGHT + PARAMETERS,
    "alike": RIGHT + ALIKE + TOLD_APART.format(functions="Alike(mine), Alike(wrong)"),
    "turned": RIGHT + ALIKE + TOLD_APART.format(functions="Alike(wrong), Alike(mine)"),
    "late": RIGHT + ALIKE + LATE,
    "strict_wrong": WRONG + STRICT,
    "strict_right": RIGHT + STRICT,
    "unittest": RIGHT + UNITTEST,
    **{name: f"{WRONG}@pytest.mark.{mark}\n@pytest.mark.dxdw\ndef test_mine(): return mine"
       for name, mark in OTHER_MARKS.items()},
    **{f"marked_right_{i}": RIGHT + test for i, test in enumerate(MARKED)},
    **{f"marked_wrong_{i}": WRONG + test for i, test in enumerate(MARKED)},
}  # fmt: skip


def said(folder, sources, ci="", *more):
    """What pytest says of these files, in a process of its own."""
    for name, source in sources.items():
        (folder / f"test_{name}.py").write_text(source, "utf-8")
    (folder / "conftest.py").write_text(ADDED, "utf-8")
    # This package, also where it is not installed and found by a relative path.
    package = {"PYTHONPATH": str(Path(dxdw.__file__).parents[1]), "CI": ci}
    options = [*NAMED, *more, "--strict-markers", "-p", "no:cacheprovider", "-v"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "--rootdir", str(folder), str(folder)],
        cwd=folder, env=os.environ | package, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode in (0, 1, 2), done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """Of all files in one run, which takes a second to begin: the outcomes of each, by its name."""
    text = said(tmp_path_factory.mktemp("marked"), SOURCES)
    lines = re.findall(r"^test_(\w+)\.py::(\S+) ([A-Z]+)\b", text, re.MULTILINE)
    found = {name: Counter() for name in SOURCES}
    for name, _, outcome in lines:
        found[name][outcome] += 1
    return {"text": text, **found}


def test_one_item_for_each_check(told):
    assert told["right"] == {"PASSED": 15}
    for check in ("exact", "precision"):
        assert f"\ntest_right.py::test_mine[{check}] PASSED" in told["text"]


def test_advice_is_no_failure(told):
    assert told["advice"] == {"PASSED": 14, "SKIPPED": 1}


def test_options_and_other_problems(told):
    assert told["options"] == {"PASSED": 15}
    assert told["relu"] == {"PASSED": 7}


def test_a_test_that_raises_is_shown_as_any_other(told):
    assert told["raises"] == {"FAILED": 15}
    assert "NameError: name 'nothing_of_the_kind' is not defined" in told["text"]


@pytest.mark.parametrize("i", range(len(MARKED)))
def test_marks_of_modules_classes_and_methods_and_fixtures(told, i):
    assert told[f"marked_right_{i}"] == {"PASSED": 15}
    assert told[f"marked_wrong_{i}"]["FAILED"] >= 3


def test_other_marks_keep_their_meaning(told):
    assert told["skip"] == {"SKIPPED": 15}
    assert told["skipped"] == {"SKIPPED": 15}
    assert told["expected"].keys() >= {"XFAIL", "XPASS"}
    assert "FAILED" not in told["expected"]


def test_parameters_of_ones_own(told):
    assert told["parameters"]["PASSED"] >= 15
    assert told["parameters"]["FAILED"] >= 3


@pytest.mark.parametrize("name", ["alike", "turned"])
def test_functions_that_look_alike_are_told_apart(told, name):
    wrong = 0 if name == "turned" else 1
    failed = re.findall(rf"^test_{name}\.py::(\S+?)\[(\S+)\] FAILED", told["text"], re.MULTILINE)
    assert told[name] == {"PASSED": 48, "FAILED": 8, "SKIPPED": 4}
    assert {test for test, _ in failed} == {"test_mine", "test_fixture"}
    assert all(f"{wrong}" in parameters for _, parameters in failed)


def test_a_mark_that_comes_late_has_all_checks_in_one_item(told):
    assert told["late"] == {"PASSED": 2, "FAILED": 2}


def test_a_wrong_function_is_what_a_strict_xfail_expects(told):
    assert told["strict_wrong"].keys() == {"XFAIL", "XPASS", "SKIPPED"}
    assert told["strict_right"] == {"FAILED": 15}


def test_a_method_of_unittest_is_refused(told):
    assert told["unittest"] == {"ERROR": 1}
    assert "a method of unittest.TestCase, which can return nothing" in told["text"]


@pytest.mark.parametrize(
    ("marks", "refusal"),
    [
        ("@pytest.mark.dxdw(2)", "dxdw(2) has options without a name"),
        (
            "@pytest.mark.dxdw(stride=2)\n@pytest.mark.dxdw(batch=True)",
            "has the marks dxdw(batch=True) and dxdw(stride=2)",
        ),
        ("@pytest.mark.dxdw(stride=0)", "dxdw(stride=0): stride is 0: it must be"),
        ("@pytest.mark.dxdw(strides=2)", "'strides': the options are batch, stride, padding,"),
        ("@pytest.mark.xfail\n@pytest.mark.dxdw(problem='conv')", "problem is 'conv': it must be"),
        ("@pytest.mark.dxdw(fn=2)", "dxdw(fn=2): multiple values for argument 'fn'"),
    ],
)
def test_marks_that_would_be_ignored_are_refused(tmp_path, marks, refusal):
    text = said(tmp_path, {"mine": f"{RIGHT}{marks}\ndef test_mine(): return mine"})
    assert "1 error" in text
    assert refusal in text
    assert "pytest_plugin.py" not in text


def test_a_tests_own_mark_stands_for_that_of_its_class(tmp_path):
    marked = "@pytest.mark.dxdw(stride=2)\nclass TestMine:\n    @pytest.mark.dxdw\n"
    text = said(tmp_path, {"mine": f"{RIGHT}{marked}    def test_mine(self): return mine"})
    assert "15 passed" in text


@pytest.mark.parametrize("ci", ["", "true"])  # where pytest shortens its summary, and not
def test_a_failure_is_the_report(tmp_path, ci):
    text = said(tmp_path, {"mine": MINE.format(op="=", options="")}, ci)
    outcomes = Counter(re.findall(r"^test_mine\.py::\S+ ([A-Z]+)\b", text, re.MULTILINE))
    assert outcomes["FAILED"] >= 3
    assert outcomes["PASSED"] >= 8
    assert text.count("Hint: ") == 1
    assert "dx-overwritten" in text
    assert "pytest_plugin.py" not in text


@pytest.mark.parametrize("options", [("--tb=line",), ("-n", "1")], ids=" ".join)
def test_a_failure_has_one_line_of_its_own_however_it_is_printed(tmp_path, options):
    text = said(tmp_path, {"mine": MINE.format(op="=", options="")}, "true", *options)
    line = "a single 1 in grad_out, at each of its positions: dx wrong for a 1 at [0,0,0]"
    assert f"FAILED test_mine.py::test_mine[impulses] - {line}" in text
    assert text.count("Hint: ") == 1
    assert "namespace(" not in text
    place = text.count(f"test_mine.py:13: {line}")
    assert place == (1 if options == ("--tb=line",) else 0)


def test_a_test_that_forgets_to_return_is_told_so(tmp_path):
    text = said(tmp_path, {"mine": RIGHT + "@pytest.mark.dxdw\ndef test_mine(): mine"})
    assert "1 failed, 14 skipped" in text
    assert "it is no function but None: is a return missing?" in text
