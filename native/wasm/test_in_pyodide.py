"""The wheel for the browser: its kernels by the tests of the package itself, and the checker.

`make test-wasm` builds the wheel and runs these; everything computes in Pyodide, under node.
"""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import dxdw

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
TESTS = ("native/wasm/kernels.py", "tests/test_explain.py")
def pyodide(*program):
    """What a program prints, which must end well."""
    done = subprocess.run(
        ["node", HERE / "python.mjs", *program],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_the_wheel_has_one_file_more_than_python():
    [wheel] = (ROOT / "dist").glob("dxdw-*_wasm32.whl")
    assert "-py3-none-pyemscripten_" in wheel.name
    with zipfile.ZipFile(wheel) as archive:
        library = archive.read("dxdw/libdxdw.so")
    assert library[:4] == b"\0asm"
    assert len(library) < 1_500_000


def test_the_version_says_that_the_kernels_are_there():
    assert pyodide("-m", "dxdw", "--version").splitlines() == [
        f"dxdw {dxdw.__version__}",
        "native kernels: base, threads: 1",
    ]


@pytest.mark.parametrize("file", TESTS)
def test_the_tests_of_the_package_pass(file):
    flags = ("-p", "no:cacheprovider", "-p", "native.wasm.without_processes", "-m", "not peers and not slow")
    told = pyodide("-m", "pytest", "-q", *flags, file)
    print(told.splitlines()[-1])
    assert " passed" in told


def test_the_checker_reports_the_same():
    program = HERE / "check_reports.py"
    ours = subprocess.run(
        [sys.executable, program], stdout=subprocess.PIPE, text=True, check=True
    ).stdout
    theirs = pyodide(program)
    assert len(ours.splitlines()) >= 200
    for one, other in zip(ours.splitlines(), theirs.splitlines(), strict=True):
        assert of_any_run(one) == of_any_run(other)


def of_any_run(line):
    """A report without how long it took, and with those lines of a traceback that are not of
    NumPy or of how this Python draws them: places in the learner's own, and the exception.
    """
    told = json.loads(line)
    del told["report"]["seconds"]
    if crash := told["report"]["crash"]:
        trace = crash["trace"].splitlines()
        own = [each for each in trace if f'File "{ROOT}' in each or 'File "<' in each]
        crash["trace"] = [*own, *trace[-1:]]
    return told
