"""The kernels in Pyodide beside the definition's loops; pytest runs this there, with dxdw's wheel.

The package's own tests of them compare with extended precision, which Pyodide computes in software,
and would take an hour. Here integers are compared exactly, and Winograd within its bound.
"""

import numpy as np
import oracles
import pytest
from calls import KINDS, convolve
from oracles import simple
from test_native_kernels import UNIT_ROUNDOFF, winograd_bound

from dxdw import conv2d, conv2d_backward, explain
from dxdw.engines import native_library

CASES = {
    "plain": simple((2, 3, 9, 11), (4, 3, 3, 2)),
    "padded": simple((2, 3, 9, 11), (4, 3, 3, 5), pad=2),
    "one side padded": simple((1, 2, 9, 8), (5, 2, 3, 3))._replace(padding=((2, 0), (0, 3))),
    "strided": simple((2, 5, 13, 12), (9, 5, 3, 3), pad=1, stride=2),
    "strided past the kernel": simple((1, 2, 13, 12), (3, 2, 2, 2), stride=3),
    "dilated": simple((1, 5, 15, 14), (6, 5, 3, 3), pad=2, dilation=(2, 3)),
    "grouped": simple((2, 6, 9, 10), (8, 3, 3, 3), pad=1, groups=2),
    "depthwise": simple((2, 7, 12, 13), (7, 1, 3, 3), pad=1, groups=7),
    "depthwise, strided": simple((2, 7, 12, 13), (7, 1, 5, 5), pad=2, stride=2, groups=7),
    "depthwise, two of one": simple((1, 5, 12, 13), (10, 1, 3, 3), pad=1, groups=5),
    "one tap": simple((2, 17, 6, 7), (18, 17, 1, 1)),
    "many channels": simple((1, 33, 7, 6), (35, 33, 3, 3), pad=1),
    "one axis": simple((2, 5, 40), (6, 5, 7), pad=3, stride=2),
    "three axes": simple((1, 3, 5, 6, 7), (4, 3, 2, 3, 3), pad=1),
}  # fmt: skip
WINOGRADS = {
    "3x3": simple((1, 16, 14, 13), (17, 16, 3, 3), pad=1),
    "5x5": simple((1, 16, 14, 13), (17, 16, 5, 5), pad=2),
    "dilated": simple((1, 16, 15, 14), (17, 16, 3, 3), pad=2, dilation=(2, 2)),
    "grouped": simple((1, 32, 13, 12), (34, 16, 3, 3), pad=1, groups=2),
}


@pytest.mark.parametrize("dtype", UNIT_ROUNDOFF)
@pytest.mark.parametrize("name", CASES)
def test_integers_are_summed_exactly(name, dtype):
    case = CASES[name]
    a = oracles.operands(case, 0, dtype=dtype)
    for kind in KINDS:
        result = convolve(kind, a, case, engine="direct")
        assert result.dtype == dtype
        assert np.array_equal(result, convolve(kind, a, case, engine="reference")), kind


@pytest.mark.parametrize("dtype", UNIT_ROUNDOFF)
@pytest.mark.parametrize("name", WINOGRADS)
def test_winograd_is_within_its_bound(name, dtype):
    case = WINOGRADS[name]
    a = oracles.operands(case, 1, dtype=dtype, draw=oracles.reals)
    for kind in KINDS:
        result = convolve(kind, a, case, engine="winograd")
        wide = {name: v.astype(float) for name, v in a.items()}
        exact = convolve(kind, wide, case, engine="reference")
        # The loops round too, in float64.
        assert np.abs(result - exact).max() <= 2 * winograd_bound(kind, a, case), kind


@pytest.mark.parametrize(
    "layout", ["transposed", "reversed", "every other", "Fortran", "read-only"]
)
def test_operands_of_any_layout_give_the_same_bits(layout):
    case = CASES["padded"]
    a = oracles.operands(case, 2, dtype=np.float32, draw=oracles.reals)
    view = {
        "transposed": lambda v: np.ascontiguousarray(v.T).T,
        "reversed": lambda v: np.ascontiguousarray(v[..., ::-1])[..., ::-1],
        "every other": lambda v: np.repeat(v, 2, axis=-1)[..., ::2],
        "Fortran": np.asfortranarray,
        "read-only": lambda v: np.frombuffer(v.tobytes(), v.dtype).reshape(v.shape),
    }[layout]
    laid = {name: view(v) for name, v in a.items()}
    for kind in KINDS:
        expected = convolve(kind, a, case)
        assert convolve(kind, laid, case).tobytes() == expected.tobytes(), kind


def test_explain_says_that_compiled_kernels_run():
    for groups, W_shape, engine in (
        (1, (16, 16, 3, 3), "winograd"),
        (16, (16, 1, 3, 3), "depthwise"),
    ):
        said = explain("dx", (4, 16, 32, 32), W_shape, groups=groups, dtype="float32")
        assert said.engine == engine
        assert "compiled kernels" in said.method
        assert "threads: at most 1, with the instruction set base" in str(said)


def test_long_calls_return_what_they_should():
    """Beyond 200 MFLOP a call would leave the work to other threads, so as to look at signals."""
    x, W = np.ones((4, 32, 64, 64), np.float32), np.ones((32, 32, 7, 7), np.float32)
    assert explain("forward", x.shape, W.shape, dtype="float32").flops > 2e8
    assert (conv2d(x, W, engine="direct") == 32 * 49).all()
    _, dW = conv2d_backward(np.ones((4, 32, 58, 58), np.float32), x, W, engine="direct")
    assert (dW == 4 * 58 * 58).all()


def test_what_a_page_cannot_address_is_refused():
    x, W = np.ones((1, 8, 8)), np.ones((1, 1, 3, 3))
    with pytest.raises(ValueError, match="elements: more than can be addressed"):
        conv2d(x, W, padding=1 << 14)
    assert (conv2d(x, W) == 9).all()


def test_the_machine_is_measured_by_the_clock_of_the_page():
    library = native_library.load()
    assert library.dxdw_cpus() == 1
    for dtype in (0, 1):
        assert 1e7 < library.dxdw_peak(dtype, 1) < 1e12
    assert 1e7 < library.dxdw_bandwidth(1) < 1e12
