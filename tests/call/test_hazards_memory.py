"""Memory: a limit on scratch is kept, too little is said in bytes, a failed call loses nothing."""

import gc
import subprocess
import sys
import tracemalloc
from threading import Thread
from unittest.mock import patch

import numpy as np
import oracles
import pytest
from calls import KINDS, convolve, least_workspace
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import MODES, simple

from dxdw import conv2d, conv2d_backward, conv_transpose2d_backward
from dxdw.engines import native, tuning

# Objects of Python's own that a call makes besides arrays: geometry, plans, slices.
SMALL_CHANGE = 64 << 10


def peak_of(call):
    """The bytes a call held at its peak beside its result, in a thread that kept no scratch."""
    measured = []

    def measure():
        tracemalloc.start()
        try:
            result = call()
            measured.append(tracemalloc.get_traced_memory()[1] - result.nbytes)
        finally:
            tracemalloc.stop()

    call()  # imports, and plans that are kept
    thread = Thread(target=measure)
    thread.start()
    thread.join()
    return measured[0]


SHAPES = {
    "few channels": simple((3, 3, 60, 50), (8, 3, 3, 3), pad=2),
    "many channels": simple((2, 40, 18, 18), (48, 40, 3, 3), pad=1),
    "scattered": simple((2, 64, 18, 18), (2, 64, 3, 3), pad=1),
    "scattered dx": simple((2, 2, 18, 18), (64, 2, 3, 3), pad=1),
    "strided": simple((2, 16, 41, 40), (24, 16, 3, 3), pad=1, stride=2),
    "grouped": simple((2, 16, 20, 20), (16, 4, 3, 3), pad=1, groups=4),
    "depthwise": simple((2, 16, 20, 20), (16, 1, 5, 5), pad=2, groups=16),
    "one tap": simple((2, 32, 20, 20), (24, 32, 1, 1)),
    "large kernel": simple((1, 2, 60, 50), (2, 2, 21, 21), pad=10),
    "one dimension": simple((2, 4, 5000), (6, 4, 9), pad=4),
    "three dimensions": simple((1, 4, 8, 9, 10), (6, 4, 3, 3, 3), pad=1),
    "more W than x": simple((1, 64, 5, 5), (64, 64, 3, 3), pad=1),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", SHAPES)
def test_scratch_stays_within_max_workspace(name, mode):
    """Measured, a little above the least that is taken and at four times as much."""
    case = SHAPES[name]._replace(mode=mode)
    a = oracles.operands(case, 0, dtype=np.float32)
    for kind in KINDS:
        plain = convolve(kind, a, case, precision="highest")
        least = least_workspace(kind, a, case)
        for limit in (least + SMALL_CHANGE, 4 * least + SMALL_CHANGE):
            results = []

            def call(kind=kind, limit=limit, results=results):
                results[:] = [convolve(kind, a, case, max_workspace=limit)]
                return results[0]

            used = peak_of(call)
            assert used <= limit + SMALL_CHANGE, f"{kind}: {used:,} bytes, limit {limit:,}"
            assert np.allclose(results[0], plain, rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize("name", SHAPES)
def test_scratch_without_a_limit_is_bounded_and_not_an_im2col(name):
    case = SHAPES[name]
    a = oracles.operands(case, 0, dtype=np.float32)
    for kind in KINDS:
        used = peak_of(lambda kind=kind: convolve(kind, a, case, engine="array"))
        fixed = 16 * a["W"].nbytes  # W in the order of its products, or partial sums of dW
        assert used <= tuning.TILE_BYTES + fixed + SMALL_CHANGE, f"{kind}: {used:,} bytes"


@settings(max_examples=60)
@given(oracles.cases(), oracles.seeds, st.integers(1, 10))
def test_the_least_workspace_works_and_a_byte_less_is_refused(case, seed, more):
    a = oracles.operands(case, seed)
    for kind in KINDS:
        least = least_workspace(kind, a, case)
        first, second = (a[operand] for operand in oracles.OPERANDS[kind])
        result = convolve(kind, a, case, max_workspace=least * more)
        assert np.array_equal(result, oracles.run(kind, first, second, case))
        if least > 1:
            with pytest.raises(ValueError, match=rf"{least:,} bytes"):
                convolve(kind, a, case, max_workspace=least - 1)


def test_too_little_workspace_names_the_least_and_computes_nothing():
    case = SHAPES["many channels"]
    a = oracles.operands(case, 0)
    out = np.full(case.out_shape, np.nan)
    with pytest.raises(ValueError, match=r"max_workspace is 1,?000: .*at least [\d,]+ bytes"):
        conv2d(a["x"], a["W"], **case.options, out=out, max_workspace=1000)
    assert np.isnan(out).all()


@pytest.mark.skipif(not native.kernels(), reason="needs kernels that have plans")
def test_large_plans_are_kept_of_a_few_problems_alone():
    def plans():
        gc.collect()
        return sum(type(one) is native.Handle for one in gc.get_objects())

    W = np.ones((1, 1, 257, 256), np.float32)  # of 65,792 taps: megabytes each
    before = plans()
    for rows in range(257, 270):
        out = conv2d(np.ones((1, 1, rows, 256), np.float32), W, precision="highest")
        assert out.shape == (1, 1, rows - 256, 1)
    assert plans() <= before + 4


def test_bits_do_not_depend_on_results_kept_from_other_calls():
    """Scratch memory that an earlier, larger call left."""
    case, larger = SHAPES["few channels"], SHAPES["many channels"]
    a = oracles.operands(case, 0, draw=oracles.reals)
    before = [convolve(kind, a, case) for kind in KINDS]
    b = oracles.operands(larger, 0, draw=oracles.reals)
    for kind in KINDS:
        convolve(kind, b, larger)
    for kind, result in zip(KINDS, before, strict=True):
        assert np.array_equal(convolve(kind, a, case), result)


# --- not enough -----------------------------------------------------------------------------------

LIMITED = """
import resource, sys
import numpy as np
from dxdw import conv2d, conv2d_backward

x, W = np.ones((1, 700, 700)), np.ones((1, 1, 3, 3))
conv2d(x, W), conv2d_backward(np.ones((1, 698, 698)), x, W)
held = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (held + (256 << 20), resource.RLIM_INFINITY))
wide = np.ones((64, 1, 3, 3))
out = np.full((64, 698, 698), 7.0)          # 249 MB, so that no second one fits
try:
    conv2d(x, wide, out=out)
except MemoryError as error:
    print(error)
else:
    sys.exit("no MemoryError")
assert out.min() == out.max() == 7, "out was written"
try:
    conv2d_backward(out, x, wide, needs=("db", "dW", "dx"), out=(None, None, out[:1, :1]))
except ValueError as error:                 # a wrong out is named before memory is asked for
    assert "out for 'dx'" in str(error) or "out for dx" in str(error), error
del out
assert conv2d(x, wide[:4]).sum() == 4 * 9 * 698 * 698   # a retry that fits works
print("retried")
"""


@pytest.mark.skipif(
    sys.platform != "linux", reason="limits the address space through Linux's /proc"
)
def test_not_enough_memory_says_bytes_writes_nothing_and_a_retry_works():
    done = subprocess.run(
        [sys.executable, "-c", LIMITED], capture_output=True, check=False, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert "not enough memory: x (1, 700, 700), W (64, 1, 3, 3)" in done.stdout
    assert "bytes as float64" in done.stdout
    assert done.stdout.endswith("retried\n")


def test_an_operand_that_cannot_be_copied_is_a_memory_error_in_bytes():
    """Eight bytes that say they are eight terabytes."""
    x = np.broadcast_to(np.float64(1), (1, 2**20, 2**20))
    with pytest.raises(
        MemoryError, match=r"W \(1, 1, 1, 1\) .* take 17,592,[\d,]+ bytes as float64"
    ):
        conv2d(x, np.ones((1, 1, 1, 1)))
    assert conv2d(np.ones((1, 2, 2)), np.ones((1, 1, 1, 1))).sum() == 4


@pytest.mark.parametrize("engine", ["small", "array", "fft", "reference"])
@pytest.mark.parametrize(
    "error", [MemoryError("no"), KeyboardInterrupt()], ids=["memory", "ctrl-c"]
)
def test_an_error_on_the_way_leaves_out_and_the_operands_untouched(engine, error):
    """The first result is there, the second fails: neither is delivered."""
    case = simple((1, 2, 9, 8), (3, 2, 3, 3))
    a = oracles.operands(case, 0)
    copies = {name: v.copy() for name, v in a.items()}
    out = np.full(case.x_shape, np.nan), np.full(case.W_shape, np.nan)
    from dxdw.call.plan import engines

    original, calls = engines()[engine].run, []

    def failing(problem, first, second):
        calls.append(problem.kind)
        if len(calls) == 2:
            raise error
        return original(problem, first, second)

    from calls import cost_no_object

    arguments = a["grad_out"], a["x"], a["W"]
    with cost_no_object(), patch.object(engines()[engine], "run", failing):
        with pytest.raises(type(error)):
            conv2d_backward(*arguments, out=out, engine=engine)
        assert calls == ["dx", "dW"]
        assert all(np.isnan(o).all() for o in out)
        assert all(np.array_equal(a[name], copies[name]) for name in a)
        conv2d_backward(*arguments, out=out, engine=engine)  # and the next call works
    assert np.allclose(out[0], oracles.dx(a["grad_out"], a["W"], case))
    assert np.allclose(out[1], oracles.dW(a["grad_out"], a["x"], case))


@pytest.mark.parametrize("backward", [conv2d_backward, conv_transpose2d_backward])
def test_a_sum_that_fails_leaves_every_out_untouched(backward):
    x, W = np.ones((1, 6, 6), np.float16), np.ones((1, 1, 1, 1), np.float16)
    grad_out = np.full((1, 6, 6), 2000, np.float16)  # their sum, dW, is more than float16 holds
    out = np.full_like(x, 7), np.full_like(W, 7)
    with np.errstate(over="raise"), pytest.raises(FloatingPointError):
        backward(grad_out, x, W, out=out, accumulate=True)
    assert all((a == 7).all() for a in out)
