"""Wheels, built and installed as a user would: with a compiler, and without one."""

import os
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.install

ROOT = Path(__file__).parents[2]
LIBRARY = {"win32": "libdxdw.dll", "darwin": "libdxdw.dylib"}.get(sys.platform, "libdxdw.so")
COMPILERS = ("c++", "g++", "clang++")
OURS = ("CXX", "DXDW_ISA", "DXDW_LIBRARY", "DXDW_NATIVE", "DXDW_NUM_THREADS", "PYTHONPATH")


def run(*command, check=True, cwd=None, **env):
    kept = {name: value for name, value in os.environ.items() if name not in OURS}
    return subprocess.run(
        list(map(str, command)),
        env={**kept, **env},
        check=check,
        cwd=cwd,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def pip(*arguments, python=sys.executable, **options):
    return run(python, "-m", "pip", "--disable-pip-version-check", *arguments, **options)


def build(folder, source=ROOT, **env):
    pip("wheel", "--no-deps", "--wheel-dir", folder, source, **env)
    [wheel] = folder.glob("*.whl")
    return wheel


def names(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    if not any(map(shutil.which, COMPILERS)) and "DXDW_NATIVE" not in os.environ:
        pytest.skip("needs a C++ compiler")
    return build(tmp_path_factory.mktemp("wheel"), DXDW_NATIVE="require")


def test_a_wheel_with_kernels_serves_all_versions_of_python(wheel):
    assert wheel.name.startswith("dxdw-")
    assert "-py3-none-" in wheel.name
    assert not wheel.name.endswith("-any.whl")
    inside = names(wheel)
    assert f"dxdw/{LIBRARY}" in inside
    assert "dxdw/native_missing.txt" not in inside
    assert not any(name.startswith("native/") for name in inside)
    assert wheel.stat().st_size < 1_500_000


def test_it_has_every_file_of_the_package(wheel):
    listed = run("git", "-C", ROOT, "ls-files", "src/dxdw", check=False)
    if listed.returncode:
        pytest.skip("needs git, and a checkout")
    of_developers = {
        f"dxdw/benchmark/{name}.py" for name in ("dask_workers", "networks", "training_steps")
    }
    package = {name.removeprefix("src/") for name in listed.stdout.split()}
    assert package - names(wheel) == of_developers


def test_it_runs_in_a_fresh_environment(wheel, tmp_path):
    venv.create(tmp_path / "env", with_pip=True)
    python = tmp_path / "env" / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    pip("install", wheel, python=python)
    assert "\nnative kernels: " in (told := run(python, "-m", "dxdw", "--version").stdout)
    assert "none" not in told
    pip("install", "--force-reinstall", "--no-deps", wheel, python=python)  # over itself
    program = (
        "import dxdw; from dxdw.engines import native_library as n; "
        "print(dxdw.conv2d([[[1.0, 2.0]]], [[[[3.0]]]]).sum(), n.isa(), n.__file__)"
    )
    total, isa, place = run(python, "-c", program).stdout.split(maxsplit=2)
    assert float(total) == 9
    assert isa in {"amx", "avx512", "avx2", "base"}
    assert place.startswith(str(tmp_path))


def without(kind, folder):
    """An environment that has no C++ compiler, in one of the ways to have none."""
    if kind == "CXX names nothing":
        return {"CXX": str(folder / "no-such-compiler")}
    if kind == "the compiler fails":
        compiler = folder / "failing-compiler"
        compiler.write_text("#!/bin/sh\necho 'x.cpp:1: error: out of ink'\nexit 1\n")
        compiler.chmod(0o755)
        return {"CXX": str(compiler)}
    return {"PATH": str(folder)}  # which has nothing at all


@pytest.mark.skipif(sys.platform == "win32", reason="CMake finds Visual Studio by itself")
@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("CXX names nothing", "no C++ compiler was found when dxdw was built: CXX is "),
        ("the compiler fails", "compiling the native kernels failed when dxdw was built: x.cpp:1"),
        ("nothing on the path", "no C++ compiler was found when dxdw was built, neither c++ nor "),
    ],
)
def test_without_a_compiler_it_is_pure_python_and_says_so(tmp_path, kind, why):
    wheel = build(tmp_path, **without(kind, tmp_path))
    assert wheel.name.endswith("-py3-none-any.whl")
    assert not any("libdxdw" in name for name in names(wheel))
    pip("install", "--no-deps", "--target", tmp_path / "there", wheel)
    told = run(sys.executable, "-m", "dxdw", "--version", PYTHONPATH=str(tmp_path / "there"))
    assert told.stdout.splitlines()[1].startswith(f"native kernels: none: {why}")


def test_required_kernels_that_cannot_be_built_are_an_error(tmp_path):
    env = {"CXX": str(tmp_path / "no-such-compiler"), "DXDW_NATIVE": "require"}
    if sys.platform == "win32":
        env["CMAKE_GENERATOR"] = "no such generator"
    done = pip("wheel", "--no-deps", "--wheel-dir", tmp_path, ROOT, check=False, **env)
    assert done.returncode
    assert "when dxdw was built" in done.stdout


def test_a_source_distribution_has_the_kernels_source(tmp_path):
    venv.create(tmp_path / "env", with_pip=True)
    scripts = tmp_path / "env" / ("Scripts" if sys.platform == "win32" else "bin")
    pip("install", "hatchling", python=scripts / "python")
    run(scripts / "python", "-m", "hatchling", "build", "-t", "sdist", "-d", tmp_path, cwd=ROOT)
    [sdist] = tmp_path.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}
    native = ROOT / "native"
    sources = [*native.glob("*/*.cpp"), *native.glob("*/*.h"), native / "CMakeLists.txt"]
    assert len(sources) > 50
    assert {str(file.relative_to(ROOT)) for file in sources} <= inside
    assert not any("libdxdw" in name for name in inside)
    # It makes a wheel too, here the quicker one.
    assert build(tmp_path, sdist, DXDW_NATIVE="skip").name.endswith("-py3-none-any.whl")
