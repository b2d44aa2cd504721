"""explain: what it says runs is what runs, and its figures are those that hold."""

import re
import subprocess
import sys
from html import escape
from itertools import product

import numpy as np
import oracles
import pytest
from calls import KINDS, convolve, same_bits
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import MODES, simple

from dxdw import explain
from dxdw.call.plan import engines
from dxdw.engines import native, native_library
from dxdw.extras import MissingExtra

PROBLEMS = {
    "small": simple((1, 2, 8, 7), (3, 2, 3, 3), pad=1),
    "grouped": simple((2, 8, 30, 31), (12, 2, 3, 3), pad=1, stride=2, groups=4),
    "many channels": simple((4, 48, 28, 28), (64, 48, 3, 3), pad=1),
    "large kernel": simple((2, 1, 128, 120), (2, 1, 31, 31), pad=15),
    "one axis": simple((2, 3, 40), (4, 3, 5), pad=2),
    "three axes": simple((2, 3, 6, 7, 8), (4, 3, 3, 2, 3), pad=1),
}


def explained(kind, case, **options):
    given_ = case.options | options
    padding, stride = given_.pop("padding"), given_.pop("stride")
    return explain(kind, case.x_shape, case.W_shape, padding, stride, **given_)


@pytest.mark.parametrize("options", [{}, {"precision": "highest"}, {"threads": 1}], ids=str)
@pytest.mark.parametrize(("name", "mode"), list(product(PROBLEMS, MODES)))
def test_the_engine_named_is_the_one_that_runs(name, mode, options, ran):
    case = PROBLEMS[name]._replace(mode=mode)
    a = oracles.operands(case, 0, dtype=np.float32, draw=oracles.reals)
    for kind in KINDS:
        explanation = explained(kind, case, dtype=np.float32, **options)
        result = convolve(kind, a, case, **options)
        assert ran[-1] == explanation.engine
        assert same_bits(result, convolve(kind, a, case, engine=explanation.engine, **options))
        ran.clear()


@settings(max_examples=60)
@given(oracles.cases(), st.sampled_from(KINDS))
def test_every_geometry_is_explained_and_its_flops_counted(case, kind):
    explanation = explained(kind, case)
    products = np.prod(case.out_shape) * case.channels[0] * np.prod(case.taps)
    assert explanation.flops == 2 * products
    assert [v.engine for v in explanation.verdicts] == list(engines())
    # Where all windows lie in the padding, dx has nothing to sum, nor to hold.
    assert explanation.workspace > 0 or kind == "dx"
    assert str(explanation)


@pytest.mark.usefixtures("without_kernels")
def test_a_table_that_a_reader_can_follow():
    text = str(explain("dW", (8, 64, 56, 56), (64, 64, 3, 3), 1, dtype="float32"))
    # The first column is as wide as the longest name.
    lines = [re.sub(r"(?<=\w) {2,}", "  ", line) for line in text.splitlines()]
    for name in native.kernels():
        lines.remove(f"  {name}  declines: no compiled kernels: left out by a test")
    assert lines[0] == "dW of x (8, 64, 56, 56) and W (64, 64, 3, 3) in float32"
    lines.remove("  vendor  declines: takes PyTorch's tensors on a device such as a GPU")
    assert re.match(r"  fft  declines: estimated at ", lines[1])
    assert re.match(r"  small  declines: 14,450,688 column elements, more than ", lines[2])
    assert lines[3] == "  array  runs: shifted matrix products over tiles"
    assert lines[4] == "  reference  only when asked for by name"
    assert re.match(r"  1,849,688,064 FLOPs, [\d,]+ bytes of scratch memory", lines[5])
    assert re.match(r"  \|error\| ≤ 1.5e-03 · M elementwise", lines[6])
    assert lines[7] == "  threads: as NumPy's BLAS library is set"


@pytest.mark.usefixtures("without_kernels")
def test_the_bound_is_gamma_K_with_the_sums_own_length():
    """K = 25·12 products in float32: 300·2^-24 = 1.8e-5."""
    assert "1.8e-05" in explain("forward", (12, 40, 40), (3, 12, 5, 5), dtype="f4").error_bound
    assert "3.3e-14" in explain("forward", (12, 40, 40), (3, 12, 5, 5)).error_bound
    assert "9.4e-14" in explain("forward", (12, 40, 40), (3, 12, 5, 5), dtype="c16").error_bound
    # γ = ku / (1 − ku), where ku is a quarter; and of so many terms that it is none.
    for terms, gamma in ((2**22, "3.3e-01"), (2**24, "inf")):
        many = explain("dW", (1, 1, terms), (1, 1, 1), dtype="f4", engine="array")
        assert gamma in many.error_bound
    fft = explain("dx", (1, 200, 200), (1, 1, 31, 31), dtype="f4")
    assert fft.engine == "fft"
    assert "relative to the tile" in fft.error_bound
    sharp = explain("dx", (1, 200, 200), (1, 1, 31, 31), dtype="f4", precision="highest")
    assert "elementwise" in sharp.error_bound


def test_narrow_and_integer_dtypes_are_explained_as_what_they_are_summed_in():
    for dtype, summed in (("i4", "float64"), ("f2", "float32"), ("c8", "complex64")):
        assert explain("dx", (1, 4, 4), (1, 1, 2, 2), dtype=dtype).problem.endswith(summed)


def test_where_nothing_runs_it_says_why_of_each():
    explanation = explain("dx", (8, 64, 56, 56), (64, 64, 3, 3), 1, max_workspace=1000)
    assert explanation.engine is None
    assert explanation.workspace == 0
    reasons = {v.engine: v.declined for v in explanation.verdicts}
    assert all(reasons.values())
    assert re.fullmatch(r"needs at least [\d,]+ bytes of scratch memory", reasons["array"])
    assert "FLOPs" not in str(explanation)


@pytest.mark.usefixtures("without_kernels")
@pytest.mark.parametrize("mode", MODES)
def test_workspace_is_within_max_workspace_and_counts_padding(mode):
    case = PROBLEMS["many channels"]._replace(mode=mode)
    padded = 4 * 48 * 30 * 30 * 4  # bytes
    for kind in KINDS:
        roomy = explained(kind, case, dtype="float32")
        assert roomy.workspace > (padded if mode != "zeros" else 0)
        limit = 3_500_000
        tight = explained(kind, case, dtype="float32", max_workspace=limit)
        assert tight.engine == "array"
        assert tight.workspace <= limit


def test_sizes_at_their_ends_are_explained():
    assert explain("dx", (1, 0, 4), (1, 1, 3, 3), 2).flops == 2 * 2 * 6 * 9
    assert explain("dW", (0, 1, 4, 4), (1, 1, 3, 3)).flops == 0
    assert explain("forward", (0, 4, 4), (2, 0, 3, 3)).flops == 0


def test_bfloat16_by_name_is_known_wherever_its_library_is_installed():
    pytest.importorskip("ml_dtypes")
    # In a process that has not loaded it yet.
    command = ["explain", "dx", "1,1,8,8", "1,1,3,3", "--dtype", "bfloat16"]
    done = subprocess.run(
        [sys.executable, "-m", "dxdw", *command], capture_output=True, text=True, check=True
    )
    assert "W (1, 1, 3, 3) in bfloat16, summed in float32\n" in done.stdout


def test_bfloat16_by_name_without_its_library_says_what_installs_it(monkeypatch):
    monkeypatch.setattr("dxdw.extras.find_spec", lambda _: None)
    with pytest.raises(MissingExtra, match=r"dtype='bfloat16' needs ml_dtypes, .*dxdw\[bfloat16\]"):
        explain("dx", (1, 8, 8), (1, 1, 3, 3), dtype="bfloat16")


def test_a_short_form_and_a_table():
    found = explain("dx", (1, 1, 8, 8), (1, 1, 3, 3))
    assert repr(found).startswith(
        "<Explanation: dx of x (1, 1, 8, 8) and W (1, 1, 3, 3) in float64 by"
    )
    html = found._repr_html_()
    assert html.startswith('<div class="dxdw-explanation"')
    assert html.count("<tr>") == len(found.verdicts)
    for verdict in found.verdicts:
        assert f"<code>{verdict.engine}</code>" in html
        assert escape(verdict.declined or "") in html
    assert escape(found.error_bound) in html


SHAPES = {"x_shape": (1, 4, 4), "W_shape": (2, 1, 3, 3)}


@pytest.mark.parametrize("argument", SHAPES)
def test_what_is_no_shape(argument):
    array = argument.removesuffix("_shape")
    for wrong in (np.ones(SHAPES[argument]), 4, None, "144", {1, 4}, iter(SHAPES[argument])):
        kind = "numpy.ndarray" if isinstance(wrong, np.ndarray) else type(wrong).__name__
        rule = f"it must be a tuple of integers, as {array}.shape is"
        with pytest.raises(TypeError, match=re.escape(f"{argument} is a {kind}: {rule}")):
            explain("dW", **SHAPES | {argument: wrong})
    for entry, error in ((-1, ValueError), (4.0, TypeError), (True, TypeError), ("4", TypeError)):
        wrong = (*SHAPES[argument][:-1], entry)
        named = re.escape(f"{argument}[{len(wrong) - 1}] is {entry!r}")
        with pytest.raises(error, match=named):
            explain("dW", **SHAPES | {argument: wrong})


def test_sequences_that_are_a_shape_each():
    usual = explain("dW", **SHAPES)
    for made in (list, np.array):
        assert explain("dW", **{name: made(shape) for name, shape in SHAPES.items()}) == usual
    assert explain("dW", (0, 1, 4, 4), SHAPES["W_shape"]).flops == 0


@pytest.mark.skipif(native_library.load() is None, reason="needs the compiled kernels")
def test_threads_that_have_no_scratch_memory_are_told():
    problem = ("forward", (4, 64, 30, 30), (64, 64, 3, 3), 1)
    free = explain(*problem, threads=2, engine="winograd")
    assert re.match(r"at most 2, with", free.threads)
    short = explain(*problem, threads=2, engine="winograd", max_workspace=free.workspace - 1)
    assert re.match(r"at most 1 of 2, for want of scratch memory, with", short.threads)
    assert short.workspace < free.workspace
