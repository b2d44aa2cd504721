"""Times of several ways of doing the same thing, interleaved in one process."""

import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np


class Timing(NamedTuple):
    """Seconds: the median, and the quarter and three-quarter points."""

    median: float
    low: float
    high: float


def interleaved(
    ways: Mapping[str, Callable[[], object]], rounds: int, least_seconds: float
) -> dict[str, Timing]:
    """Times each way `rounds` times at least and until the quickest has had its seconds.

    Each round calls every way once, in turn, so that a slow stretch of the machine meets them all.
    A way that takes over a second is timed three times and then left out of the rounds: its median
    needs no more. All were called once before, so caches and threads are warm.
    """
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    started = time.perf_counter()
    done = 0
    while done < rounds or (done < 25 * rounds and time.perf_counter() - started < least_seconds):
        for name, way in ways.items():
            if len(seconds[name]) >= 3 and min(seconds[name]) > 1.0:
                continue
            start = time.perf_counter()
            way()
            seconds[name].append(time.perf_counter() - start)
        done += 1
    return {name: Timing(*np.percentile(s, [50, 25, 75])) for name, s in seconds.items()}
