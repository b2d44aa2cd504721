"""The checker: every listed mistake by its name, and nobody accused who is right."""

import json
import subprocess
import sys

import pytest
from right_versions import RIGHT, float32_throughout, torch_inside
from wrong_versions import OPTIONS, WRONG

from dxdw.diagnosis import CAUSES, diagnose

CASES = [pytest.param(fn, causes, id=f"{'+'.join(causes)}-{fn.__name__}")
         for causes, functions in WRONG.items() for fn in functions]  # fmt: skip


@pytest.mark.parametrize("fn", RIGHT, ids=lambda fn: fn.__name__)
def test_right_solutions_are_not_accused(fn):
    report = diagnose(fn)
    assert report.ok, str(report)
    assert report.causes == ()
    assert report.failed == ()


def test_a_right_solution_in_float32_is_not_accused():
    assert diagnose(float32_throughout, dtype="float32").ok


@pytest.mark.peers("torch")
def test_a_right_solution_with_pytorch_inside_is_not_accused():
    report = diagnose(torch_inside)
    assert report.ok, str(report)


@pytest.mark.parametrize(("fn", "causes"), CASES)
def test_a_listed_mistake_is_named(fn, causes):
    report = diagnose(fn, **OPTIONS[fn])
    assert not report.ok
    assert report.causes == causes, str(report)
    assert str(report)
    json.loads(report.to_json())


def test_every_listed_mistake_has_two_versions_or_more():
    listed = list(CAUSES)[:24]
    assert all(sum(len(f) for c, f in WRONG.items() if c == (name,)) >= 2 for name in listed)


def test_importing_the_package_leaves_the_checker_for_later():
    program = "import sys, dxdw; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert "dxdw.diagnosis" not in done.stdout.split()
