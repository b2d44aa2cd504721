"""The native library: found, told why not, and never left out in silence."""

import ctypes.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from dxdw.engines import native_library
from dxdw.engines.native_library import isa, load, threads, why_missing

HEADER = Path(__file__).parents[2] / "native" / "api" / "dxdw.h"


def forget() -> None:
    native_library._loaded.cache_clear()
    threads.cache_clear()


@pytest.fixture(autouse=True)
def as_if_new(monkeypatch):
    for name in ("DXDW_ISA", "DXDW_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    forget()
    yield
    forget()


needs_library = pytest.mark.skipif(load() is None, reason=f"no native kernels: {why_missing()}")
forget()


def version(**env):
    """What `dxdw --version` prints in an environment of its own."""
    command = [sys.executable, "-m", "dxdw", "--version"]
    env = {**os.environ, **env}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    assert not done.stderr
    return done.stdout.splitlines()[1]


@pytest.mark.skipif(os.environ.get("DXDW_NATIVE") != "require", reason="kernels need not be there")
def test_the_kernels_are_there_where_they_must_be():
    assert load() is not None, why_missing()


@needs_library
def test_a_library_that_is_there():
    assert why_missing() is None
    assert load() is load()
    assert isa() in {"amx", "avx512", "avx2", "base"}
    assert threads() == load().dxdw_cpus() >= 1
    assert version() == f"native kernels: {isa()}, threads: {threads()}"


def test_every_function_of_the_header_is_declared():
    if not HEADER.exists():
        pytest.skip("needs the source of the kernels")
    header, for_tests, _ = re.split(
        r"#ifdef DXDW_TESTING|#ifdef __cplusplus\n}", HEADER.read_text(encoding="utf-8")
    )
    for part, declared in (
        (header, native_library.SIGNATURES | native_library.WATCHED),
        (for_tests, native_library.FOR_TESTS),
    ):
        assert set(re.findall(r"^DXDW_API [^(;]*?(\w+)\(", part, re.MULTILINE)) == set(declared)


def test_left_out_by_the_environment(monkeypatch):
    monkeypatch.setenv("DXDW_ISA", "none")
    assert load() is None
    assert why_missing() == "DXDW_ISA=none leaves the native kernels out"
    assert isa() == "none"
    assert threads() >= 1
    assert version() == f"native kernels: none: {why_missing()}"


def test_not_built_at_installation(monkeypatch, tmp_path):
    monkeypatch.delenv("DXDW_LIBRARY", raising=False)
    monkeypatch.setattr(native_library, "package", lambda: tmp_path)
    assert load() is None
    assert why_missing() == "the native kernels were not built when dxdw was installed"
    forget()
    (tmp_path / "native_missing.txt").write_text("no compiler\n")
    assert why_missing() == "no compiler"


def test_a_file_that_is_no_library(monkeypatch, tmp_path):
    file = tmp_path / "libdxdw.so"
    monkeypatch.setenv("DXDW_LIBRARY", str(file))
    message = f"DXDW_LIBRARY names a file that is not there: {str(file)!r}"
    with pytest.warns(RuntimeWarning, match=re.escape(message)):
        assert load() is None
    assert why_missing() == message
    file.write_text("no library")
    forget()
    message = "libdxdw.so, which DXDW_LIBRARY names, could not be loaded: "
    with pytest.warns(RuntimeWarning, match=message):
        assert load() is None
    assert why_missing().startswith(message)


def test_a_name_that_no_file_can_have(monkeypatch):
    monkeypatch.setenv("DXDW_LIBRARY", name := "/" + "a" * 300)
    with pytest.warns(RuntimeWarning, match="DXDW_LIBRARY names a file that is not there"):
        assert load() is None
    assert why_missing() == f"DXDW_LIBRARY names a file that is not there: {name!r}"


@pytest.mark.skipif(not ctypes.util.find_library("m"), reason="needs some other library")
def test_a_library_without_our_functions(monkeypatch, tmp_path):
    # As one left behind by an older version would be.
    (tmp_path / ctypes.util.find_library("m")).touch()
    monkeypatch.setattr(Path, "exists", lambda _: True)
    monkeypatch.setenv("DXDW_LIBRARY", ctypes.util.find_library("m"))
    with pytest.warns(RuntimeWarning, match="dxdw_plan_version"):
        assert load() is None
    assert "dxdw_plan_version" in why_missing()


# --- an instruction set by name -------------------------------------------------------------------


@needs_library
def test_an_instruction_set_that_is_forced():
    assert version(DXDW_ISA="base").startswith("native kernels: base, threads: ")


@needs_library
def test_an_instruction_set_that_is_not_there_is_told():
    program = "from dxdw.engines import native_library as n; n.load(); print(n.isa())"
    env = {**os.environ, "DXDW_ISA": "mmx"}
    command = [sys.executable, "-W", "always", "-c", program]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    assert "RuntimeWarning" in done.stderr
    assert "mmx" in done.stderr
    assert done.stdout.strip() in {"amx", "avx512", "avx2", "base"}
    assert "mmx" in version(DXDW_ISA="mmx")
    # Of bytes that are no text, too.
    assert r"DXDW_ISA is '\xff'" in version(DXDW_ISA=os.fsdecode(b"\xff"))


# --- threads --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "number"),
    [("1", 1), ("3", 3), (" 12 ", 12), ("256", 256), ("10000000", 256), ("9" * 5000, 256)],
)
def test_as_many_threads_as_told(monkeypatch, told, number):
    monkeypatch.setenv("DXDW_NUM_THREADS", told)
    assert threads() == number


@needs_library
@pytest.mark.parametrize("told", ["", " "])
def test_an_empty_number_of_threads_is_no_word(monkeypatch, told):
    monkeypatch.setenv("DXDW_NUM_THREADS", told)
    assert threads() == load().dxdw_cpus()


@pytest.mark.parametrize("told", ["0", "00", "-1", "2.0", "two", "1e2", "1_0", "٣"])
def test_a_number_of_threads_that_is_none(monkeypatch, told):
    monkeypatch.setenv("DXDW_NUM_THREADS", told)
    message = f"DXDW_NUM_THREADS is {told!r}: it must be an integer, at least 1"
    with pytest.raises(ValueError, match=re.escape(message)):
        threads()


@needs_library
def test_a_number_of_threads_that_is_none_is_told_with_the_version():
    assert "DXDW_NUM_THREADS is 'two'" in version(DXDW_NUM_THREADS="two")
