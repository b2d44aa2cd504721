"""A program that interrupts calls where it hurts, and looks whether anything is torn.

`python tests/support/interrupts.py moments 1000` sends one or two SIGINT at so many random moments,
`steps` at every step of Python in a long call, `boundaries` at every boundary inside the compiled
kernels (of a library built with DXDW_TESTING), `handlers` has a signal's handler call, fork and
raise amid a long call, and `threads` interrupts the main thread while others compute. It fails
where a result has other bits than before, memory of others has been written, a block of memory or a
job is left.
"""

import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any

import numpy as np
from interruptible import answer

import dxdw
from dxdw import conv2d, conv2d_backward
from dxdw.call import known, plan
from dxdw.engines import native, native_library, tuning

Bits = tuple[bytes, ...]

SANITIZED = "san.so" in os.environ.get("LD_PRELOAD", "")
LIBRARY: Any = native_library.load()
rng = np.random.default_rng(0)


def drawn(*shape: int) -> Any:
    return rng.standard_normal(shape)


X, W = drawn(2, 32, 80, 80), drawn(32, 32, 5, 5)
G = drawn(2, 32, 76, 76)
LARGE, ITS_G, DEPTHWISE = drawn(4, 32, 200, 200), drawn(4, 32, 200, 200), drawn(32, 1, 3, 3)
PHOTOGRAPHS, BLUR = drawn(4, 4, 256, 256), drawn(4, 4, 31, 31)
WIDE = drawn(32, 32, 41, 41)
# Of products in blocks of bfloat16, where the processor has tiles for them.
OF_BLOCKS = (
    np.resize(WIDE, (16, 128, 56, 56)).astype("f"),
    np.resize(WIDE, (256, 128, 3, 3)).astype("f"),
)
# 0.1 to 500 ms on one core: short ways, long ways, both gradients, each engine.
CALLS: list[Callable[..., Any]] = [
    lambda: conv2d(X[0, :4, :30, :30], W[:4, :4]),
    lambda: conv2d(X, W, engine="direct"),
    lambda: conv2d(X, W, engine="direct", threads=1),
    lambda: conv2d(X, W[:, :, :3, :3], 1, engine="winograd"),
    lambda: conv2d_backward(G, X, W),
    lambda: conv2d_backward(G, X, W, precision="highest", threads=2),
    lambda: conv2d_backward(ITS_G, LARGE, DEPTHWISE, 1, groups=32),
    lambda: conv2d(X[:1], W, engine="array", threads=1),
    lambda: conv2d(PHOTOGRAPHS, BLUR, engine="fft"),
    lambda threads=2: conv2d(X[:1], WIDE, engine="direct", padding=20, threads=threads),
]
FFT = 8
# Of a millisecond, to be interrupted at each of hundreds of places.
SHORT: list[Callable[[], Any]] = [
    lambda: conv2d(X[0, :8, :40, :40], W[:8, :8], engine="direct", threads=1),
    lambda: conv2d(X[:1, :, :40, :40], W[:, :, :3, :3], engine="winograd", threads=2),
    lambda: conv2d_backward(G[:, :8, :36, :36], X[:, :8, :40, :40], W[:8, :8], threads=2),
    lambda: conv2d_backward(G[:, :, :40, :40], X[:, :, :40, :40], DEPTHWISE, 1, groups=32),
    lambda: conv2d(X[:1, :, :20, :20], W, engine="array", threads=1),
]


def bits(result: Any) -> Bits:
    return tuple(r.tobytes() for r in (result if isinstance(result, tuple) else (result,)))


def nothing_is_left() -> None:
    """No memory of the kernels' is out but what is kept, and no thread of theirs computes."""
    if hasattr(LIBRARY, "dxdw_live_blocks"):
        assert LIBRARY.dxdw_live_blocks() == 0, LIBRARY.dxdw_live_blocks()
    before = time.process_time()
    time.sleep(0.02)
    assert time.process_time() - before < 0.015, "something still computes"


class Foreign:
    """Arrays of somebody else's where results of an abandoned call would have been."""

    def __init__(self, expected: Bits) -> None:
        self._arrays = [np.full(max(1, len(b) // 8), 7.0) for b in expected]

    def unchanged(self) -> bool:
        return all((a == 7.0).all() for a in self._arrays)


def moments(count: int) -> None:
    expected = [bits(call()) for call in CALLS]
    took = []
    for call in CALLS:
        start = time.perf_counter()
        call()
        took.append(time.perf_counter() - start)
    chance = random.Random(count)  # noqa: S311  # no secret
    slowest = 0.0
    for i in range(count):
        n = i % len(CALLS)
        delay = chance.uniform(0, min(0.3, 1.5 * took[n]))
        if i % 3:
            slowest = max(slowest, answer(CALLS[n], delay))
        else:
            twice(CALLS[n], delay, chance.uniform(0, 0.05))
        foreign = Foreign(expected[n])
        if i % 10 == 0:
            nothing_is_left()
            k = chance.randrange(len(CALLS))
            assert bits(CALLS[k]()) == expected[k], f"call {k} has other bits after interrupt {i}"
        assert foreign.unchanged(), f"interrupt {i} of call {n}: memory of others was written"
    assert [bits(call()) for call in CALLS] == expected
    print(f"{count} interrupts, slowest answer {1000 * slowest:.0f} ms")


def twice(call: Callable[[], Any], first: float, gap: float) -> None:
    """Two SIGINT, the second while the first may still be answered."""
    over = threading.Event()

    def send() -> None:
        for delay in (first, gap):
            time.sleep(delay)
            os.kill(os.getpid(), signal.SIGINT)
        over.set()

    sender = threading.Thread(target=send)

    def until_both_are_sent() -> None:
        if sender.ident is None:
            sender.start()
        while not over.is_set():
            call()
        sender.join()

    try:
        try:
            until_both_are_sent()
        except KeyboardInterrupt:
            until_both_are_sent()
    except KeyboardInterrupt:
        until_both_are_sent()


# --- at every step --------------------------------------------------------------------------------


class Signals:
    """While a call is tried SIGINT raises KeyboardInterrupt; one that comes later is ignored."""

    armed = False

    @classmethod
    def handler(cls, *_: object) -> None:
        if cls.armed:
            raise KeyboardInterrupt

    @classmethod
    def during(cls, call: Callable[[], Any], disarm: Callable[[], object]) -> Any:
        """What the call gives, or None where it was interrupted."""
        cls.armed = True
        try:
            try:
                return call()
            finally:
                cls.armed = False  # nothing is called before, so nothing can come between
        except KeyboardInterrupt:
            return None
        finally:
            disarm()


def at_every(
    call: Callable[[], Any],
    arm: Callable[[int, int], object],
    left: Callable[[], bool],
    disarm: Callable[[], object],
) -> int:
    """Interrupts a call at the first, second, … place, once and twice, until there is none left."""
    signal.signal(signal.SIGINT, Signals.handler)
    expected = bits(call())

    def tried(place: int, signals: int) -> tuple[bool, Any]:
        def armed() -> tuple[bool, Any]:
            arm(place, signals)
            result = call()
            return left(), result

        return Signals.during(armed, disarm) or (False, None)

    place = 1
    while True:
        for signals in (1, 2):
            done, result = tried(place, signals)
            foreign = Foreign(expected)
            assert result is None or bits(result) == expected, f"other bits beside signal {place}"
            if done:
                return place
            assert bits(call()) == expected, f"other bits after signal {place}"
            assert foreign.unchanged(), f"memory of others was written after signal {place}"
        place += 1


def watched(calls: list[Callable[[], Any]]) -> list[Callable[[], Any]]:
    """Calls of a millisecond, made as those that may take seconds are."""
    tuning.LONG_FLOPS = -1
    native._handle.cache_clear()
    plan.prepared.cache_clear()
    known.forget()
    return calls


def steps() -> None:
    """From a tracer, before and after every call of Python and of C."""
    left = [0, 0]

    def tracer(frame: FrameType, *_: object) -> None:
        if left[1] and "dxdw" in frame.f_code.co_filename:
            left[0] -= 1
            if left[0] <= 0:
                left[1] -= 1
                os.kill(os.getpid(), signal.SIGINT)

    def arm(place: int, signals: int) -> None:
        left[:] = place, signals
        sys.setprofile(tracer)

    for call in watched(SHORT):
        places = at_every(call, arm, lambda: left[1] > 0, lambda: sys.setprofile(None))
        nothing_is_left()
        assert places > 10
        print(f"{places} steps")


def boundaries() -> None:
    """Inside the kernels: start, wait, looking at signals, cancelling, giving memory back."""
    assert hasattr(LIBRARY, "dxdw_signal_at"), "needs a library built with DXDW_TESTING"
    disarm = partial(LIBRARY.dxdw_signal_at, 0, 0)
    side = 7 if SANITIZED else 21  # so long that signals are looked at, and the call is cancelled
    wide = WIDE[:, :, :side, :side]
    long = [partial(conv2d, X[:1], wide, engine="direct", threads=n) for n in (1, 2)]
    for call in watched([*SHORT[:4], *long]):
        found = at_every(call, LIBRARY.dxdw_signal_at, lambda: disarm() > 0, disarm)
        nothing_is_left()
        assert found > 5
        print(f"{found} boundaries")


# --- what a handler may do ------------------------------------------------------------------------


def during(call: Callable[[], Any], handler: Callable[..., None]) -> Any:
    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.005, 0.02)
    try:
        return call()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def handlers() -> None:
    """Of a call that the main thread computes itself, and of one that the pool's threads do."""
    for n in (1, 2):
        in_handlers_of(partial(CALLS[9], n), CALLS[1])
    if "san.so" in os.environ.get("LD_PRELOAD", ""):
        return  # so long that a signal comes in time is minutes there
    x, W = OF_BLOCKS
    in_handlers_of(lambda: conv2d(x, W, threads=1), lambda: conv2d(x[:1], W, threads=1))


def in_handlers_of(long: Callable[[], Any], short: Callable[[], Any]) -> None:
    expected, inner = bits(long()), bits(short())
    seen: list[bool] = []

    def calls(*_: object) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        seen.append(bits(short()) == inner)

    assert bits(during(long, calls)) == expected
    assert seen == [True]

    children: list[int] = []

    def forks(*_: object) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)  # a fork may take longer than until the next
        if not children:
            children.append(-1)
            children[0] = os.fork()

    result = during(long, forks)
    if not children[0]:  # the child, which has lost the pool's threads
        os._exit(0 if bits(result) == expected and bits(short()) == inner else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(children[0], 0)[1]) == 0
    assert bits(result) == expected

    def raises(*_: object) -> None:
        raise ValueError("of the handler's own")

    for _ in range(3):
        try:
            during(long, raises)
            raise AssertionError("the handler's error was lost")
        except ValueError:
            continue
    assert bits(long()) == expected
    nothing_is_left()


def threads() -> None:
    """Ctrl-C is the main thread's: calls of others go on, and end right."""
    expected = [bits(call()) for call in CALLS]
    others = [n for n in range(len(CALLS) - 1) if n != FFT]  # SciPy's can't bear a fork meanwhile
    chance = random.Random(0)  # noqa: S311  # no secret
    wrong: list[int] = []
    over = threading.Event()

    def work(offset: int) -> None:
        while not over.is_set():
            wrong.extend(n for n in others[offset::3] if bits(CALLS[n]()) != expected[n])

    workers = [threading.Thread(target=work, args=(i,)) for i in range(3)]
    for worker in workers:
        worker.start()
    try:
        for i in range(10 if SANITIZED else 20):
            answer(CALLS[1 + i % 6], chance.uniform(0, 0.05))
            child = os.fork() if i % 10 == 0 else -1
            if child == 0:
                os._exit(0 if bits(CALLS[1]()) == expected[1] else 1)
            if child > 0:
                assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    finally:
        over.set()
        for worker in workers:
            worker.join()
    assert not wrong, wrong


if __name__ == "__main__":
    name, *arguments = sys.argv[1:]
    assert dxdw.__name__
    # A process that was started in the background ignores it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    {
        "moments": lambda: moments(int(arguments[0])),
        "steps": steps,
        "boundaries": boundaries,
        "handlers": handlers,
        "threads": threads,
    }[name]()
