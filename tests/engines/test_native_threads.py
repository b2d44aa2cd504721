"""The native library's threads: jobs, forks, no memory, and callers on many threads."""

import contextlib
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from ctypes import CFUNCTYPE, c_int64, c_ubyte, c_uint, c_void_p, cast
from pathlib import Path

import numpy as np
import pytest

from dxdw import conv2d, conv2d_backward
from dxdw.core.geometry import Axis, ConvGeometry
from dxdw.core.problem import Problem
from dxdw.engines import native, native_library
from dxdw.engines.native import CANCELLED, DONE, PENDING

SANITIZED = "san.so" in os.environ.get("LD_PRELOAD", "")
# A sanitizer makes a piece of work 10 to 50 times as long.
PATIENCE = 20 if SANITIZED else 1

pytestmark = pytest.mark.skipif(
    native_library.load() is None, reason=native_library.why_missing() or ""
)


@pytest.fixture
def library():
    return native_library.load()


class Call:
    """A forward pass as the C interface takes it: of 16·`size`² MFLOP."""

    def __init__(self, size, threads, seed=0):
        axis = Axis(58, 3, 1, 1, 0, 0, 56)
        geometry = ConvGeometry(2, 12 * size, 12 * size, 1, (axis, axis))
        rng = np.random.default_rng(seed)
        self.x = rng.standard_normal(geometry.x_shape)
        self.W = rng.standard_normal(geometry.W_shape)
        self.result = np.full(geometry.out_shape, np.nan)
        problem = Problem("forward", geometry, np.dtype(np.float64))
        self.prepared = native.handle(problem, native.kernels()["direct"].index)
        x, W, result = (c_ubyte.from_buffer(a) for a in (self.x, self.W, self.result))
        self.arguments = (self.prepared.address, x, W, None, result, None, threads)

    def run(self, library):
        assert library.dxdw_run(*self.arguments) == DONE
        return self.result

    def start(self, library):
        job = library.dxdw_start(*self.arguments)
        assert job is not None
        return job


def end_of(library, job):
    while (status := library.dxdw_wait(job, 50)) == PENDING:
        pass
    assert library.dxdw_wait(job, 0) == status  # as often as it is asked
    library.dxdw_release(job)
    return status


# --- jobs -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_a_job_gives_the_bits_of_a_call(library, threads):
    expected = Call(4, 1).run(library)
    call = Call(4, threads)
    assert end_of(library, call.start(library)) == DONE
    assert call.result.tobytes() == expected.tobytes()


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_the_threads_of_another_library_give_the_same_bits(library, threads):
    """A crew, as OpenMP's GOMP_parallel is one, here of Python's threads."""
    asked = []

    @CFUNCTYPE(None, CFUNCTYPE(None, c_void_p), c_void_p, c_uint, c_uint)
    def crew(part, context, count, flags):
        asked.append((count, flags))
        with ThreadPoolExecutor(count) as pool:
            list(pool.map(part, [context] * count))

    expected = Call(4, 1).run(library)
    call = Call(4, threads)
    assert library.dxdw_run_on(*call.arguments, cast(crew, c_void_p)) == DONE
    assert call.result.tobytes() == expected.tobytes()
    assert bool(asked) == (threads > 1)
    assert all(count <= threads and flags == 0 for count, flags in asked)


def test_waiting_for_a_job_is_over_after_the_time_given(library):
    call = Call(40, 1)
    job = call.start(library)
    before = time.monotonic()
    assert library.dxdw_wait(job, 0) == PENDING
    assert library.dxdw_wait(job, 10) == PENDING
    assert time.monotonic() - before < 1.0 * PATIENCE
    assert end_of(library, job) == DONE


@pytest.mark.parametrize("threads", [1, 2])
def test_a_cancelled_job_ends_soon(library, threads):
    """Within a second; in the best of three tries, for others may compute here."""
    for _ in range(3):
        call = Call(80, threads)
        job = call.start(library)
        time.sleep(0.02)
        before = time.monotonic()
        library.dxdw_cancel(job)
        assert end_of(library, job) == CANCELLED
        took = time.monotonic() - before
        if took < 1.0 * PATIENCE:
            break
    assert took < 1.0 * PATIENCE


@pytest.mark.parametrize("threads", [1, 2])
def test_a_job_that_is_given_back_early_ends_first(library, threads):
    """Nothing writes into its result any more, and its memory is nobody's."""
    call = Call(80, threads)
    library.dxdw_release(call.start(library))
    as_it_was = call.result.tobytes()
    time.sleep(0.05)
    assert call.result.tobytes() == as_it_was
    library.dxdw_release(None)


def test_jobs_and_calls_from_many_threads(library):
    expected = [Call(2, 1, seed).run(library).tobytes() for seed in range(8)]

    def work(seed):
        for repeat in range(6):
            call = Call(2, 1 + seed % 3, seed)
            if repeat % 3 == 0:
                call.run(library)
            else:
                job = call.start(library)
                if repeat % 3 == 1:
                    library.dxdw_cancel(job)
                if end_of(library, job) == CANCELLED:
                    continue
            assert call.result.tobytes() == expected[seed]

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))


def test_a_caller_on_another_thread_is_not_kept_waiting(library):
    """A short call runs beside a long job, and ends before it."""
    long, short = Call(40, 2), Call(1, 2)
    job = long.start(library)
    thread = threading.Thread(target=short.run, args=(library,))
    thread.start()
    thread.join()
    assert library.dxdw_wait(job, 0) == PENDING
    assert end_of(library, job) == DONE


# --- any number of threads, and callers on many ---------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("engine", ["direct", "winograd"])
def test_callers_on_many_threads_get_the_bits_of_one_thread(engine, dtype):
    rng = np.random.default_rng(1)
    x = rng.standard_normal((2, 24, 30, 33)).astype(dtype)
    W = rng.standard_normal((20, 24, 3, 3)).astype(dtype)
    grad_out = rng.standard_normal((2, 20, 28, 31)).astype(dtype)

    def bits(threads):
        options = {"engine": engine, "threads": threads}
        results = conv2d(x, W, **options), *conv2d_backward(grad_out, x, W, **options)
        return [r.tobytes() for r in results]

    expected = bits(1)

    def work(seed):
        for repeat in range(5):
            assert bits(1 + (seed + repeat) % 9) == expected

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))


def test_ten_thousand_calls_take_no_more_memory_and_threads():
    tasks = Path("/proc/self/task")
    if not tasks.exists():
        pytest.skip("needs /proc, where a process's memory and threads are listed")
    rng = np.random.default_rng(2)
    operands = [
        (rng.standard_normal((1, 16, size, size)), rng.standard_normal((16, 16, 3, 3)))
        for size in (12, 17, 23, 28)
    ]

    def calls(count):
        for i in range(count):
            conv2d(*operands[i % 4], engine="direct", threads=2)

    def resident():
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    calls(500)
    before = resident(), len(list(tasks.iterdir()))
    calls(1_000 if SANITIZED else 10_000)
    assert resident() < before[0] + (64 << 20 if SANITIZED else 1 << 20)
    assert len(list(tasks.iterdir())) == before[1]


# --- forks ----------------------------------------------------------------------------------------

FORKS = """
import os, signal, sys, threading
import numpy as np
from dxdw import conv2d, conv2d_backward

rng = np.random.default_rng(0)
x, W = rng.standard_normal((2, 16, 30, 30)), rng.standard_normal((24, 16, 3, 3))
grad_out = rng.standard_normal((2, 24, 28, 28))

def results():
    calls = conv2d(x, W, engine="direct", threads=3), *conv2d_backward(grad_out, x, W, threads=2)
    return [r.tobytes() for r in calls]

expected = results()
over = threading.Event()

def work():
    while not over.is_set():
        assert results() == expected

def forks(count, depth=0):
    for _ in range(count):
        child = os.fork()
        if not child:
            signal.alarm(60)
            try:
                agree = results() == expected
                if depth:
                    forks(1)
                os._exit(0 if agree else 3)
            finally:
                os._exit(4)
        codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        assert codes[-1] == 0, codes[-1]

codes = []
workers = [threading.Thread(target=work) for _ in range(2)]
for worker in workers:
    worker.start()
try:
    count = int(sys.argv[1])
    forks(count // 2)
    forks(4, depth=1)
    forker = threading.Thread(target=forks, args=(count // 2,))
    forker.start()
    forker.join()
finally:
    over.set()
    for worker in workers:
        worker.join()
assert len(codes) == count + 4
"""

AFFINITY = """
import os
from dxdw.engines import native_library

library = native_library.load()
allowed = os.sched_getaffinity(0)
assert 1 <= library.dxdw_cpus() <= len(allowed)
os.sched_setaffinity(0, [min(allowed)])
assert library.dxdw_cpus() == 1
"""


def succeeds(code, *arguments):
    """In a process of its own, which a deadlock ends after a time."""
    # Python warns of a fork beside threads, and TSan ends the child: that is what is tried here.
    environment = os.environ | {
        "TSAN_OPTIONS": os.environ.get("TSAN_OPTIONS", "") + " die_after_fork=0",
        "PYTHONWARNINGS": "ignore::DeprecationWarning",
    }
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        check=False,
        text=True,
        timeout=240,
        env=environment,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_200_forks_amid_calls_on_other_threads():
    if not SANITIZED:
        return succeeds(FORKS, 200)
    # A sanitizer's own allocator may be locked by another thread when the process forks; its child
    # then waits for ever (one run of 30, and none without a sanitizer).
    for last in (False, False, True):
        try:
            return succeeds(FORKS, 20)
        except AssertionError as error:
            if last or "-14" not in str(error):
                raise
    return None


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs os.sched_setaffinity")
def test_the_threads_there_is_room_for_are_those_of_the_affinity():
    succeeds(AFFINITY)


# --- no memory ------------------------------------------------------------------------------------


@pytest.fixture
def fail_allocation(library):
    function = getattr(library, "dxdw_fail_allocation", None)
    if function is None:
        pytest.skip("needs a library built with -DDXDW_TESTING, in DXDW_LIBRARY")
    function.argtypes, function.restype = [c_int64], None
    yield function
    function(0)


@pytest.mark.parametrize("engine", ["direct", "winograd"])
def test_any_allocation_may_fail(library, fail_allocation, engine):
    """A call raises MemoryError or is right (a thread less is no error, and a call like an earlier
    one is begun anew), and the next is right."""
    rng = np.random.default_rng(3)
    x, W = rng.standard_normal((2, 16, 20, 22)), rng.standard_normal((16, 16, 3, 3))
    grad_out = rng.standard_normal((2, 16, 18, 20))

    def bits():
        options = {"engine": engine, "threads": 2}
        results = conv2d(x, W, **options), *conv2d_backward(grad_out, x, W, **options)
        return [r.tobytes() for r in results]

    expected = bits()
    reached = 0
    all_nth = range(1, 301, 10 if SANITIZED else 1)
    for nth in all_nth:
        fail_allocation(nth)
        for _ in range(nth // 3 + 1):
            with contextlib.suppress(MemoryError):
                assert bits() == expected
            if not library.dxdw_allocation_left():
                reached += 1
                break
        fail_allocation(0)
    assert bits() == expected
    assert reached > 0.8 * len(all_nth)


def test_a_job_is_none_where_there_is_no_memory_for_it(library, fail_allocation):
    call = Call(2, 2)
    fail_allocation(1)
    assert library.dxdw_start(*call.arguments) is None
    assert end_of(library, call.start(library)) == DONE
