"""The wheel for the browser, tried in Pyodide under node; `make test-wasm` builds and tries it."""

import json
import os
import platform
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import dxdw
from dxdw.engines import native_library

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
TESTS = ("native/wasm/kernels.py", "tests/test_explain.py", "tests/test_seed_contract.py")


def output(command, **env):
    """What a program prints, which must end well."""
    done = subprocess.run(
        command,
        env={**os.environ, **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def pyodide(*program):
    return output(["node", HERE / "python.mjs", *program])


def cpython(*program, **env):
    folders = [str(ROOT / "tests"), *filter(None, [os.environ.get("PYTHONPATH")])]
    return output([sys.executable, *program], PYTHONPATH=os.pathsep.join(folders), **env)


def test_the_wheel_has_one_file_more_than_python():
    [wheel] = (ROOT / "dist").glob("dxdw-*_wasm32.whl")
    assert "-py3-none-pyemscripten_" in wheel.name
    with zipfile.ZipFile(wheel) as archive:
        library = archive.read("dxdw/libdxdw.so")
    assert library.startswith(b"\0asm")
    assert len(library) < 1_000_000


def test_the_version_says_that_the_kernels_are_there():
    assert pyodide("-m", "dxdw", "--version").splitlines() == [
        f"dxdw {dxdw.__version__}",
        "native kernels: base, threads: 1",
    ]


@pytest.mark.parametrize("file", TESTS)
def test_these_tests_pass(file):
    told = pyodide("-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not peers", file)
    assert re.search(r"^\d+ passed", told, re.MULTILINE), told


@pytest.mark.skipif(
    platform.machine() not in {"x86_64", "AMD64"} or native_library.load() is None,
    reason="needs the base kernels of x86-64 to compare with",
)
def test_the_bits_are_those_of_the_base_kernels():
    program = HERE / "result_bits.py"
    ours, theirs = cpython(program, DXDW_ISA="base"), pyodide(program)
    assert len(ours.splitlines()) > 100
    assert theirs.splitlines() == ours.splitlines()


def test_the_checker_reports_the_same():
    program = HERE / "check_reports.py"
    ours, theirs = cpython(program), pyodide(program)
    assert len(ours.splitlines()) >= 200
    for one, other in zip(ours.splitlines(), theirs.splitlines(), strict=True):
        assert of_any_python(one) == of_any_python(other)


def of_any_python(line):
    """A report as every Python tells it.

    Without how long it took, the lines of NumPy's and the underlines in a traceback, and what
    Python 3.14 says more of values that cannot be unpacked.
    """
    told = json.loads(re.sub(r"(values to unpack \(expected \d+), got \d+", r"\1", line))
    del told["report"]["seconds"]
    if crash := told["report"]["crash"]:
        trace = crash["trace"].splitlines()
        own = [each for each in trace if f'File "{ROOT / "tests"}' in each or 'File "<' in each]
        crash["trace"] = [*own, *trace[-1:]]
    return told
