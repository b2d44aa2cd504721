"""Threads, processes and interrupts: the same results, and nothing that one call leaves behind."""

import contextlib
import gc
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from unittest.mock import patch

import numpy as np
import oracles
import pytest
from calls import KINDS, convolve, same_bits
from oracles import simple

from dxdw import conv2d, conv2d_backward
from dxdw.call.plan import engines
from dxdw.core.arrays import all_finite
from dxdw.engines.blas_threads import threadpool_controller

pytest.importorskip("threadpoolctl")

# One for each engine and way: index tables, matrix products, vector products, transforms.
PROBLEMS = {
    "small": simple((1, 2, 8, 7), (3, 2, 3, 3), pad=1),
    "few channels": simple((4, 3, 64, 60), (8, 3, 3, 3), pad=1),
    "many channels": simple((2, 48, 28, 28), (64, 48, 3, 3), pad=1),
    "one channel": simple((1, 1, 200, 220), (1, 1, 3, 3), pad=1),
    "one channel, one tap": simple((1, 1, 300, 300), (1, 1, 1, 1)),
    "one output channel": simple((2, 64, 60, 60), (1, 64, 3, 3), pad=1),
    "one input channel": simple((2, 1, 60, 60), (64, 1, 3, 3), pad=1),
    "depthwise": simple((2, 32, 40, 40), (32, 1, 3, 3), pad=1, groups=32),
    "strided": simple((4, 16, 61, 60), (24, 16, 3, 3), pad=1, stride=2),
    "large kernel": simple((2, 1, 128, 120), (2, 1, 31, 31), pad=15),
}


def blas_threads():
    """Of the libraries that the package controls: others may be loaded meanwhile."""
    return [pool["num_threads"] for pool in threadpool_controller().info()]


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64"])
@pytest.mark.parametrize("name", PROBLEMS)
def test_as_many_threads_give_the_same_bits_again(name, dtype):
    case = PROBLEMS[name]
    a = oracles.operands(case, 0, dtype=dtype, draw=oracles.reals)
    for kind in KINDS:
        for threads in (1, 2, None):
            first = convolve(kind, a, case, threads=threads)
            again = convolve(kind, a, case, threads=threads)
            assert same_bits(first, again), (kind, threads)


@pytest.mark.parametrize("name", [n for n in PROBLEMS if n != "large kernel"])
def test_any_number_of_threads_gives_the_same_numbers(name):
    """Exact integers. (A BLAS library splits sums by its threads, so reals may round otherwise.)"""
    case = PROBLEMS[name]
    a = oracles.operands(case, 0)
    for kind in KINDS:
        alone = convolve(kind, a, case, threads=1)
        for threads in (2, 3, 8, None):
            assert np.array_equal(convolve(kind, a, case, threads=threads), alone), (kind, threads)


def test_transforms_give_the_same_bits_with_any_number_of_threads():
    case = PROBLEMS["large kernel"]
    a = oracles.operands(case, 0, draw=oracles.reals)
    for kind in KINDS:
        alone = convolve(kind, a, case, threads=1)
        for threads in (2, 3, 8, None):
            assert same_bits(convolve(kind, a, case, threads=threads), alone), (kind, threads)


def test_calls_from_many_threads_give_the_numbers_of_one():
    problems = [
        (kind, case, oracles.operands(case, seed, dtype=np.float32))
        for seed, case in enumerate(PROBLEMS.values())
        for kind in KINDS
    ]
    expected = [convolve(kind, a, case) for kind, case, a in problems]

    def work(offset):
        order = np.random.default_rng(offset).permutation(len(problems))
        for i in order:
            kind, case, a = problems[i]
            threads = (None, 1, 2)[offset % 3]
            assert np.array_equal(convolve(kind, a, case, threads=threads), expected[i]), kind

    before = blas_threads()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert blas_threads() == before


def test_threads_is_in_force_during_the_call_and_over_after_it():
    case = PROBLEMS["many channels"]
    a = oracles.operands(case, 0)
    seen = []

    original = engines()["array"].run

    def run(*args):
        seen.append(blas_threads())
        return original(*args)

    before = blas_threads()
    with patch.object(engines()["array"], "run", run):
        convolve("dx", a, case, threads=1, engine="array")
    assert seen == [[1] * len(before)]
    assert blas_threads() == before


def test_threads_is_over_after_calls_that_overlapped():
    """Calls whose limits begin and end crosswise: A, B, then A's end, then B's."""
    case = PROBLEMS["many channels"]
    a = oracles.operands(case, 0)
    a_runs, b_runs, a_over = threading.Event(), threading.Event(), threading.Event()
    wait = 20

    original = engines()["array"].run

    def run(*args):
        if threading.current_thread().name == "a":
            a_runs.set()
            assert b_runs.wait(wait)
        else:
            b_runs.set()
            assert a_over.wait(wait)
        return original(*args)

    def call(name):
        if name == "b":
            assert a_runs.wait(wait)
        convolve("dx", a, case, threads=1, engine="array")
        if name == "a":
            a_over.set()

    before = blas_threads()
    with patch.object(engines()["array"], "run", run):
        workers = [threading.Thread(target=call, args=(n,), name=n) for n in "ab"]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(3 * wait)
    assert not any(worker.is_alive() for worker in workers)
    assert a_over.is_set()
    assert blas_threads() == before


@pytest.mark.usefixtures("without_kernels")
def test_an_error_ends_the_limit_too():
    before = blas_threads()
    broken = patch.object(engines()["small"], "run", side_effect=RuntimeError("broken"))
    with broken, pytest.raises(RuntimeError, match="broken"):
        conv2d(np.ones((1, 3, 3)), np.ones((1, 1, 2, 2)), threads=1)
    assert blas_threads() == before


@pytest.mark.usefixtures("without_kernels")
def test_a_call_within_a_call_of_the_same_thread():
    """As a signal handler or a finalizer makes one: kept scratch memory is taken once only."""
    case, other = PROBLEMS["few channels"], PROBLEMS["many channels"]
    a, b = oracles.operands(case, 0), oracles.operands(other, 1)
    expected = convolve("forward", a, case), convolve("forward", b, other)
    inner = []
    matmul = np.matmul

    def interrupted(*args, **options):
        if not inner:
            inner.append(None)
            inner[0] = convolve("forward", b, other)
        return matmul(*args, **options)

    with patch.object(np, "matmul", interrupted):
        outer = convolve("forward", a, case)
    assert same_bits(outer, expected[0])
    assert same_bits(inner[0], expected[1])


# --- processes ------------------------------------------------------------------------------------

FORK = """
import os, sys, threading
import numpy as np
from dxdw import conv2d_backward

rng = np.random.default_rng(0)
x, W = rng.standard_normal((4, 16, 40, 40)), rng.standard_normal((32, 16, 3, 3))
grad_out = rng.standard_normal((4, 32, 38, 38))
expected = [r.tobytes() for r in conv2d_backward(grad_out, x, W)]

def child_agrees():
    child = os.fork()
    if not child:
        try:
            results = [r.tobytes() for r in conv2d_backward(grad_out, x, W)]
            os._exit(0 if results == expected else 3)
        finally:
            os._exit(4)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

assert child_agrees() == 0
codes = []
worker = threading.Thread(target=lambda: codes.append(child_agrees()))
worker.start()
worker.join()
assert codes == [0], codes
assert [r.tobytes() for r in conv2d_backward(grad_out, x, W)] == expected
"""

SPAWN = """
import multiprocessing
import numpy as np
from dxdw import conv2d

x, W = np.arange(50.0).reshape(2, 5, 5), np.ones((3, 2, 2, 2))

if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        results = pool.starmap(conv2d, [(x, W), (x + 1, W)])
    assert np.array_equal(results[0], conv2d(x, W))
    assert np.array_equal(results[1], conv2d(x + 1, W))
"""


def succeeds(code, *arguments):
    """In a process of its own, so that a deadlock is an end after a time."""
    done = subprocess.run(
        [sys.executable, *arguments, code], capture_output=True, check=False, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_fork_after_use_and_from_a_thread():
    # Python warns of a fork beside threads, which is what is tried here.
    succeeds(FORK, "-W", "ignore::DeprecationWarning", "-c")


def test_spawned_processes(tmp_path):
    script = tmp_path / "spawning.py"
    script.write_text(SPAWN)
    succeeds(str(script))


# --- Ctrl-C ---------------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs interval timers")
def test_ctrl_c_at_any_moment_leaves_numpys_error_state():
    """With `np.errstate`, one in ten of these left the caller's warnings silenced."""
    before, a = np.geterr(), np.ones(4)

    def interrupted(delay):
        signal.setitimer(signal.ITIMER_REAL, delay)
        while True:
            all_finite(a)

    previous = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        for delay in np.random.default_rng(0).uniform(1e-5, 1e-3, 300):
            with pytest.raises(KeyboardInterrupt):
                interrupted(delay)
            assert np.geterr() == before
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs interval timers")
@pytest.mark.parametrize("handlers", [1, 2])
# Where an array of NumPy's is taken apart at that moment, the interrupt is mentioned and no more.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_ctrl_c_at_any_moment_leaves_the_threads_of_blas(handlers):
    """Also a second one, microseconds after the first."""
    pytest.importorskip("threadpoolctl")
    x, W = np.ones((1, 4, 8, 8)), np.ones((4, 4, 3, 3))
    conv2d(x, W, engine="array", threads=1)
    before = blas_threads()

    left = []

    def interrupt(_, frame):
        """Within the calls alone: it may come late, when others compute here; and within itself."""
        while frame and frame.f_code not in (calls.__code__, interrupt.__code__):
            frame = frame.f_back
        if frame and frame.f_code is calls.__code__ and left:
            left.pop()
            raise KeyboardInterrupt

    def calls():
        while left:
            conv2d(x, W, engine="array", threads=1)

    previous = signal.signal(signal.SIGALRM, interrupt)
    gc.disable()  # callbacks of others at its end would take the interrupt, and only mention it
    try:
        for delay in np.random.default_rng(0).uniform(2e-5, 1.5e-3, 300):
            left[:] = range(handlers)
            signal.setitimer(signal.ITIMER_REAL, delay, 5e-5)
            while left:
                with contextlib.suppress(KeyboardInterrupt):
                    calls()
            signal.setitimer(signal.ITIMER_REAL, 0)
            assert blas_threads() == before
    finally:
        gc.enable()
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


def test_more_threads_than_there_can_be_are_those_that_there_can_be():
    """At once: nothing counts down from what was asked for."""
    case = simple((1, 16, 64, 64), (16, 16, 3, 3))
    x, W = oracles.operands(case, 0)["x"], oracles.operands(case, 0)["W"]
    options = {"precision": "highest"}
    expected = conv2d(x, W, **options)
    started = time.perf_counter()
    for threads in (257, 10**6, 2**31, 2**32, 10**30):
        for engine in (None, "array"):
            result = conv2d(x, W, threads=threads, engine=engine, **options)
            assert np.array_equal(result, expected)
    assert time.perf_counter() - started < 10


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs interval timers")
@pytest.mark.parametrize("name", ["array", "fft"])
def test_ctrl_c_comes_through_soon_and_leaves_everything_intact(name):
    """Within 250 ms; the machine may be busy with others, so the best of some tries counts."""
    case = {
        "array": simple((64, 64, 56, 56), (64, 64, 3, 3), pad=1),
        "fft": simple((32, 4, 256, 256), (4, 4, 31, 31), pad=15),
    }[name]
    rng = np.random.default_rng(0)
    x = rng.standard_normal(case.x_shape, np.float32)
    W = rng.standard_normal(case.W_shape, np.float32)
    grad_out = rng.standard_normal(case.out_shape, np.float32)
    out = np.full_like(x, np.nan), np.full_like(W, np.nan)
    delays = []
    for _ in range(12):
        previous = signal.signal(signal.SIGALRM, signal.default_int_handler)
        started = time.perf_counter()
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        try:
            with pytest.raises(KeyboardInterrupt):
                conv2d_backward(grad_out, x, W, **case.options, out=out, engine=name)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, previous)
        # The handler runs between two of NumPy's calls: how late that is counts, from the signal.
        delays.append(time.perf_counter() - started - 0.1)
        if delays[-1] < 0.25:
            break
    assert min(delays) < 0.25, delays
    assert all(np.isnan(o).all() for o in out)
    assert np.array_equal(conv2d(x[0, :1, :4, :4], W[:1, :1, :2, :2]).shape, (1, 3, 3))


FORKED_AT_FIRST_USE = """
import os, signal, sys, threading, time
import numpy as np, dxdw
x, W = np.ones((1, 3, 3)), np.ones((1, 1, 2, 2))
first = threading.Thread(target=lambda: dxdw.conv2d(x, W))
first.start()
time.sleep(float(sys.argv[1]))
child = os.fork()
if child == 0:
    signal.alarm(30)
    dxdw.conv2d(x, W)
    os._exit(0)
first.join()
sys.exit(os.waitpid(child, 0)[1] != 0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.parametrize("delay", [0, 0.002, 0.005, 0.01, 0.02, 0.05])
def test_a_fork_while_another_thread_uses_the_package_for_the_first_time(delay):
    command = [sys.executable, "-W", "ignore", "-c", FORKED_AT_FIRST_USE, str(delay)]
    subprocess.run(command, check=True, timeout=60)


FORKED_WHILE_TRANSFORMING = """
import os, sys, threading
import numpy as np, dxdw
x, W = np.ones((1, 1, 400, 400), np.float32), np.ones((1, 1, 63, 63), np.float32)
wrong = []
def computed():
    return np.allclose(dxdw.conv2d(x, W, engine="fft"), 63 * 63)
def transform():
    for _ in range(60):
        try:
            if not computed():
                wrong.append("other numbers")
        except Exception as error:
            wrong.append(repr(error))
threads = [threading.Thread(target=transform) for _ in range(2)]
for thread in threads:
    thread.start()
while any(thread.is_alive() for thread in threads):
    child = os.fork()
    if child == 0:
        os._exit(not computed())
    if os.waitpid(child, 0)[1]:
        wrong.append("in a child")
sys.exit(str(wrong[:3]) if wrong else 0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_forks_while_other_threads_transform():
    command = [sys.executable, "-W", "ignore", "-c", FORKED_WHILE_TRANSFORMING]
    subprocess.run(command, check=True, timeout=120)
