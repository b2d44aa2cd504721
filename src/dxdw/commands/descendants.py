"""Ending a process together with everything that it has started."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

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


def end_with_all(process: "subprocess.Popen[bytes]", before: set[int]) -> None:
    """Kills a process that leads a group, its group, and all children but those before."""
    if os.name == "posix":
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()
    # Each that dies may hand over others.
    until = time.monotonic() + _MOST_SECONDS
    while (left := _children() - before) and time.monotonic() < until:
        for child in left:
            with contextlib.suppress(ProcessLookupError, PermissionError, ChildProcessError):
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)


def _children() -> set[int]:
    """This process's children, where the system lists them."""
    found: set[int] = set()
    for file in Path("/proc/self/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found.update(map(int, file.read_text(encoding="ascii").split()))
    return found
