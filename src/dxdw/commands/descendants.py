"""Ending a process together with everything that it has started."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Self

_SUBREAPER = 36  # prctl's PR_SET_CHILD_SUBREAPER
_MOST_SECONDS = 2.0


def adopt_orphans() -> set[int]:
    """Has whatever loses its parent below this process become its child, where the system can.

    So a daemon in a session of its own, which no process group holds, is found too. Returns the
    children that there are before.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)
    return _children()


class StopsHeld:
    """Holds back what asks this program to end: SIGTERM, and SIGHUP of a terminal that closes.

    By default they end it at once, and leave its children and files behind. Here they end a child,
    and this program as soon as what is inside is done. Handlers that others have set stay theirs.
    """

    def __init__(self) -> None:
        self._held: list[signal.Signals] = []
        self._came: signal.Signals | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        if threading.current_thread() is not threading.main_thread():
            return self  # handlers are the main thread's
        for name in ("SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)  # Windows has no SIGHUP
            if number is not None and signal.getsignal(number) is signal.SIG_DFL:
                signal.signal(number, self._stop)
                self._held.append(number)
        return self

    def end_first(self, process: "subprocess.Popen[bytes]") -> None:
        """Name the child, which leads a group."""
        self._process = process
        if self._came is not None:  # while it was being started
            _kill_group(process)

    def _stop(self, number: int, _: object) -> None:
        self._came = signal.Signals(number)
        if self._process is not None and self._process.returncode is None:
            _kill_group(self._process)

    def __exit__(self, *_: object) -> None:
        for number in self._held:
            signal.signal(number, signal.SIG_DFL)
        if self._came is not None:
            os.kill(os.getpid(), self._came)


def _kill_group(process: "subprocess.Popen[bytes]") -> None:
    if os.name == "posix":
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()


def end_with_all(process: "subprocess.Popen[bytes]", before: set[int]) -> None:
    """Kills a process that leads a group, its group, and all children but those before.

    What waits for a disk or a network file dies when that answers: it is not waited for so long.
    """
    _kill_group(process)
    until = time.monotonic() + _MOST_SECONDS
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_MOST_SECONDS)
    # Each that dies may hand over others.
    while (left := _children() - before - {process.pid}) and time.monotonic() < until:
        for child in left:
            with contextlib.suppress(ProcessLookupError, PermissionError, ChildProcessError):
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, os.WNOHANG)
        time.sleep(0.001)


def _children() -> set[int]:
    """This process's children, where the system lists them."""
    found: set[int] = set()
    for file in Path("/proc/self/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found.update(map(int, file.read_text(encoding="ascii").split()))
    return found
