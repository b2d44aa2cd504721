"""The wheel for the browser, tried in Pyodide under node; `make test-wasm` builds and tries it."""

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
TESTS = ("native/wasm/kernels.py", "tests/call/test_explain.py", "tests/call/test_seed_contract.py")


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
    folders = [str(ROOT / "tests" / name) for name in ("support", "engines")]
    folders += filter(None, [os.environ.get("PYTHONPATH")])
    return output([sys.executable, *program], PYTHONPATH=os.pathsep.join(folders), **env)


def test_the_wheel_has_one_file_more_than_python():
    [wheel] = (ROOT / "dist").glob("dxdw-*_wasm32.whl")
    assert "-py3-none-pyemscripten_" in wheel.name
    with zipfile.ZipFile(wheel) as archive:
        library = archive.read("dxdw/libdxdw.so")
        downloaded = archive.getinfo("dxdw/libdxdw.so").compress_size
    assert library.startswith(b"\0asm")
    assert (
        downloaded < 330_000
    )  # with the kernels of four dtypes: a reader of the page waits for it


def test_the_version_says_that_the_kernels_are_there():
    assert pyodide("-m", "dxdw", "--version").splitlines() == [
        f"dxdw {dxdw.__version__}",
        "native kernels: base, threads: 1",
        "machine: caches of 32 KiB, 1024 KiB and 32 MiB",  # where nothing tells them
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
