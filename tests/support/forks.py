"""A program that forks amid a call, at every place of it, and looks whether both processes go on.

`python tests/support/forks.py steps 1` forks at every step of Python in a call (`steps 29` at every
29th): in its own thread, where the child ends the call that it finds itself in, and in another one,
whose child has lost the thread that computes. `boundaries` forks in another thread when the
compiled kernels come to each of their boundaries (of a library built with DXDW_TESTING). A child
that has other bits, or waits for what only its parent has, ends with an exit status other than 0.
"""

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

from interrupts import LIBRARY, SHORT, Bits, bits, nothing_is_left, watched

from dxdw.engines.blas_threads import threadpool_controller

# A child that waits for ever is ended by SIGALRM after so many seconds.
PATIENCE = 60


def blas_threads() -> list[int]:
    controller = threadpool_controller()
    return [library["num_threads"] for library in controller.info()] if controller else []


UNLIMITED = blas_threads()


def child_ends(right: Callable[[], bool]) -> None:
    """In a child: computes once more, and is gone with what it found as its exit status."""
    signal.alarm(PATIENCE)
    status = 4  # for what is raised
    try:
        status = 0 if right() and blas_threads() == UNLIMITED else 3
    finally:
        os._exit(status)


def all_is_well_in(child: int, place: int) -> None:
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status == 0, f"exit status {status} of a child that was forked at place {place}"


def at_step(place: int, act: Callable[[], object]) -> Callable[[], bool]:
    """Has this thread do something at a step of the package's own; tells whether it came to it."""
    left = place

    def tracer(frame: FrameType, *_: object) -> None:
        nonlocal left
        if "dxdw" in frame.f_code.co_filename and left > 0:
            left -= 1
            if left == 0:
                act()

    def over() -> bool:
        sys.setprofile(None)
        return left == 0

    sys.setprofile(tracer)
    return over


def in_this_thread(call: Callable[[], Any], expected: Bits, place: int) -> bool:
    """Whether there is such a place: both processes end the call, and make another one."""
    children: list[int] = []
    reached = at_step(place, lambda: children.append(os.fork()))
    result = call()
    came = reached()
    if children == [0]:
        child_ends(lambda: bits(result) == expected == bits(call()))
    assert bits(result) == expected, f"other bits beside a fork at step {place}"
    for child in children:
        all_is_well_in(child, place)
    return came


class Forker:
    """A thread that forks when it is told, whose child makes the call that another is amid."""

    def __init__(self, call: Callable[[], Any], expected: Bits) -> None:
        self._call, self._expected = call, expected
        self._now, self._forked = threading.Event(), threading.Event()
        self._child = -1
        self._thread = threading.Thread(target=self._fork)
        self._thread.start()

    def _fork(self) -> None:
        self._now.wait()
        self._child = os.fork()
        if self._child == 0:
            child_ends(lambda: bits(self._call()) == self._expected == bits(self._call()))
        self._forked.set()

    def forks_now(self) -> None:
        """Does not wait long: the fork may need what this thread's call holds, and gives back."""
        self._now.set()
        self._forked.wait(0.02)

    def end(self, place: int) -> None:
        self._now.set()
        self._thread.join()
        all_is_well_in(self._child, place)


def in_another_thread(call: Callable[[], Any], expected: Bits, place: int) -> bool:
    forker = Forker(call, expected)
    reached = at_step(place, forker.forks_now)
    result = call()
    came = reached()
    forker.end(place)
    assert bits(result) == expected, f"other bits beside a fork at step {place}"
    return came


def steps(every: int) -> None:
    for call in watched(SHORT):
        expected = bits(call())
        for forked in (in_this_thread, in_another_thread):
            place = 1
            while forked(call, expected, place):
                place += every
            assert place > 10
            print(f"{place} steps, {forked.__name__}")
        nothing_is_left()


def boundaries() -> None:
    """They send a signal, of which Python tells a thread by a socket, whatever else is running."""
    assert hasattr(LIBRARY, "dxdw_signal_at"), "needs a library built with DXDW_TESTING"
    told, bell = socket.socketpair()
    bell.setblocking(False)
    signal.signal(signal.SIGINT, lambda *_: None)
    signal.set_wakeup_fd(bell.fileno())
    for call in watched(SHORT[:4]):
        expected = bits(call())
        place, came = 0, True
        while came:
            place += 1
            came = at_boundary(call, expected, place, told)
        assert place > 5
        nothing_is_left()
        print(f"{place} boundaries")


def at_boundary(call: Callable[[], Any], expected: Bits, place: int, told: socket.socket) -> bool:
    children: list[int] = []

    def fork() -> None:
        told.recv(1)
        children.append(os.fork())
        if children == [0]:
            child_ends(lambda: bits(call()) == expected == bits(call()))

    forker = threading.Thread(target=fork)
    forker.start()
    LIBRARY.dxdw_signal_at(place, 1)
    result = call()
    came = bool(LIBRARY.dxdw_signal_at(0, 0) <= 0)
    if not came:
        os.kill(os.getpid(), signal.SIGINT)  # the thread waits for one
    forker.join()
    assert bits(result) == expected, f"other bits beside a fork at boundary {place}"
    all_is_well_in(children[0], place)
    return came


if __name__ == "__main__":
    name, *arguments = sys.argv[1:]
    if name == "steps":
        steps(int(*arguments))
    else:
        boundaries()
