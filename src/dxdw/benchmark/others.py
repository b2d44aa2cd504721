"""Whether other programs had the CPUs that a row needed while it was timed.

Threads that meet at a barrier wait for the slowest of them. With one of two CPUs taken, PyTorch's
dW of a ResNet-50 layer took 24 ms, not 1.8 ms: a ratio over such a time says nothing of dxdw.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeVar

T = TypeVar("T")

# Of a CPU, that may be missing: clocks tick every 10 ms, and something always runs.
TOLERATED = 0.2
# In seconds, before what was crowded is timed again.
PAUSE = 1.0


class Share(NamedTuple):
    """How many CPUs other programs used, and whether the row's own threads missed them."""

    others: float | None  # None where the system does not tell
    crowded: bool


def undisturbed(timed: Callable[[], T], threads: int) -> tuple[T, Share]:
    """What `timed` returns: at once, or if that was crowded, a second time."""
    found, share = watched(timed, threads)
    if share.crowded:
        time.sleep(PAUSE)
        found, share = watched(timed, threads)
    return found, share


def watched(timed: Callable[[], T], threads: int) -> tuple[T, Share]:
    """What `timed` returns, and the share that other programs had meanwhile."""
    before, own, start = busy_seconds(), time.process_time(), time.perf_counter()
    found = timed()
    wall = time.perf_counter() - start
    own, after = time.process_time() - own, busy_seconds()
    if before is None or after is None or not wall:
        return found, Share(None, crowded=False)
    others = max(0.0, (after - before - own) / wall)
    missing = others + threads - (os.cpu_count() or 1)
    return found, Share(others, missing > TOLERATED)


def busy_seconds() -> float | None:
    """Seconds that all CPUs together have worked since the start, as Linux tells them."""
    try:
        first = Path("/proc/stat").read_text("ascii").partition("\n")[0].split()
        user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, first[1:9])
    except (OSError, ValueError):
        return None
    return (user + nice + system + irq + softirq + steal) / float(os.sysconf("SC_CLK_TCK"))
