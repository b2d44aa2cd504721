"""`dxdw selftest`: what it compares with, and that a bit that differs is told."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from dxdw.cli import main
from dxdw.engines import native, native_library
from dxdw.selftest import report, trials
from dxdw.selftest.problems import PROBLEMS, operands

kernels = pytest.mark.skipif(
    native_library.load() is None, reason=f"no kernels: {native_library.why_missing()}"
)
FEW = {name: PROBLEMS[name] for name in ("one axis", "depthwise narrow", "small and deep")}


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(trials, "PROBLEMS", FEW)


@pytest.fixture(scope="module")
def own():
    """The digests of these kernels, of few problems."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trials, "PROBLEMS", FEW)
        return {t.name: t.digest for t in trials.trials()}


def told(capsys, *options):
    status = main(["selftest", *options])
    return status, capsys.readouterr().out


def test_the_numbers_are_the_same_everywhere():
    """By hand: splitmix64 of 1 + 2⁴⁰, its highest 21 bits, less 2²⁰."""
    x = operands(PROBLEMS["one axis"], "float64")["x"]
    z = (1 + (1 << 40)) * 0x9E3779B97F4A7C15 % 2**64
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 % 2**64
    z = (z ^ z >> 27) * 0x94D049BB133111EB % 2**64
    z ^= z >> 31
    assert x.flat[0] == ((z >> 43) - 2**20) / 2**20
    assert abs(x.mean()) < 0.02
    assert x.min() < -0.99 < 0.99 < x.max() < 1


def test_float64_has_the_sums_exactly():
    """Which the errors are measured against: of multiples of 2⁻⁴⁰, fewer than 2¹³."""
    assert max(max(p.geometry.terms.values()) for p in PROBLEMS.values()) < 2**13


@kernels
def test_every_kernel_and_dtype_is_published_for_every_instruction_set():
    published = report.published()
    for isa in ("base", "avx2", "avx512", "amx", "neon"):
        for compiler, digests in published[isa].items():
            assert {name.partition(":")[0] for name in digests} >= {"winograd", "depthwise",
                                                                    "direct"}, compiler  # fmt: skip
            for dtype in ("float32", "float64", "float16", "bfloat16"):
                of_dtype = {n for n in digests if n.endswith(f", {dtype}")}
                assert {n.split(": ")[1].split(",")[0] for n in of_dtype} == {*PROBLEMS}
    assert published["base"]["GCC 12"] == published["base"]["Clang 14"]  # nothing is contracted
    for compiler, digests in published["amx"].items():  # which has the vectors of AVX-512
        own = {n for n, d in digests.items() if published["avx512"][compiler].get(n) != d}
        assert {n.partition(":")[0] for n in own} == {
            "bfloat16x2",
            "bfloat16x3",
            "bfloat16",
            "winograd",  # which leaves passes of bfloat16 to the tiles
        }
        assert all(n.endswith(", bfloat16") for n in own if n.startswith("winograd"))


@kernels
@pytest.mark.usefixtures("few")
def test_a_kernel_that_is_as_published(capsys, own):
    status, text = told(capsys)
    assert "libraries:\n  numpy: " in text
    for line in text.partition("selftest:\n")[2].splitlines()[:-1]:
        assert "passes of" in line or line.startswith("  differs")
    wanted = report.published().get(report.instruction_set(), {})
    if any(all(digests.get(n) == d for n, d in own.items()) for digests in wanted.values()):
        assert status == 0
        assert f"all is as published for {report.instruction_set()}, as built by " in text
    else:  # another compiler: then that is what it says
        assert status == 1
        assert "another compiler may have built them" in text


@kernels
@pytest.mark.usefixtures("few")
def test_kernels_are_as_they_were_a_moment_ago(monkeypatch, own):
    monkeypatch.setattr(
        report, "published", lambda: {report.instruction_set(): {"this build": own}}
    )
    assert main(["selftest"]) == 0


@kernels
@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("how", ["a last bit", "an element", "no number"])
def test_a_kernel_that_differs_is_told(capsys, monkeypatch, own, how):
    honest = native.Kernel.run

    def run(self, problem, *operands):
        result = honest(self, problem, *operands)
        if self.name == "depthwise" and problem.kind == "dx" and problem.stored is None:
            value = result.flat[3]
            others = {"a last bit": np.nextafter(value, np.inf), "an element": value + 1}
            result.flat[3] = others.get(how, np.nan)
        return result

    isa = report.instruction_set()
    monkeypatch.setattr(report, "published", lambda: {isa: {"this build": own}})
    monkeypatch.setattr(native.Kernel, "run", run)
    status, text = told(capsys, "--json")
    found = json.loads(text)
    assert status == 1
    assert not found["ok"]
    assert found["configuration"]["kernels"]["instruction set"] == native_library.isa()
    differ = [r for r in found["results"] if r["verdict"] != report.SAME]
    assert {(r["kernel"], r["problem"]) for r in differ} == {("depthwise", "depthwise narrow")}
    assert {r["dtype"] for r in differ} == {"float32", "float64"}
    if how == "no number":  # which JSON has none for
        assert {r["error"] for r in differ} == {None}
        assert "Infinity" not in text
    expected = report.OTHER if how == "a last bit" else report.WRONG
    assert {r["verdict"] for r in differ} == {expected}
    _, text = told(capsys)
    assert text.count("  differs: depthwise: depthwise narrow, ") == 2
    assert ("another compiler" in text) == (how == "a last bit")


@kernels
@pytest.mark.usefixtures("few")
def test_other_bits_with_another_number_of_threads_are_told(monkeypatch):
    honest = trials._run

    def run(kind, first, second, geometry, how):
        result = honest(kind, first, second, geometry, how)
        if how.threads == 1:
            result.flat[0] = np.nextafter(result.flat[0], np.array(9, result.dtype))
        return result

    monkeypatch.setattr(trials, "_run", run)
    assert {f.verdict for f in report.examine().findings} == {report.THREADS}


def test_without_kernels_there_are_no_bits_to_compare():
    env = {**os.environ, "DXDW_ISA": "none"}
    command = [sys.executable, "-m", "dxdw", "selftest"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "no compiled kernels, so there are no bits to compare" in done.stdout
    assert "missing: DXDW_ISA=none" in done.stdout
