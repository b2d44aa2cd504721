"""Times of several ways of doing the same thing, interleaved in one process."""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

# A short call is repeated within a round for so long, in seconds, at most so often.
BLOCK, MOST_REPEATS = 1e-3, 100
# Threads that wait for work by spinning (OpenMP's, a BLAS library's) take a CPU from whoever is
# timed next: a product of two 600×600 matrices made PyTorch's next calls up to seven times as
# slow. PyTorch's give up after 8 to 15 ms, so does OpenBLAS's where `SETTLING` tells it.
SETTLE = 0.015
# OpenBLAS waits for 2**20 cycles, not 2**26: with much less a small product takes twice as long.
SETTLING = {"OPENBLAS_THREAD_TIMEOUT": "20"}
# No CPU has a cache to itself that is larger, in bytes.
LARGEST_OWN_CACHE = 4 << 20
# Ways that take so long, in seconds, need no round more than these to be told apart.
SLOW, VERY_SLOW = 0.5, 5.0


class Timing(NamedTuple):
    """Seconds: the median, and the quarter and three-quarter points, of so many rounds."""

    median: float
    low: float
    high: float
    rounds: int

    @property
    def spread(self) -> float:
        """The distance of the quarter points, in parts of the median."""
        return (self.high - self.low) / self.median


class Conditions(NamedTuple):
    """What a call finds when it is timed."""

    evict: Callable[[], object] | None = None  # cold caches, emptied before every call
    settle: float = 0.0  # seconds between two ways' turns


def rounds_of(seconds: float, rounds: int) -> int:
    """How many rounds a way is worth whose first call took so long; 0 where that must do."""
    if seconds > VERY_SLOW:
        return 0
    return min(rounds, 3) if seconds > SLOW else rounds


def interleaved(
    ways: Mapping[str, Callable[[], object]],
    rounds: Mapping[str, int],
    least_seconds: float,
    conditions: Conditions,
) -> dict[str, Timing]:
    """Times each way for its rounds at least, and until least_seconds have passed.

    Each round calls every way in turn, to and fro, so that a slow stretch of the machine meets them
    all and none is always the one after another. With warm caches each turn begins with an untimed
    call, and repeats a short one; with cold ones each call is timed alone, after `evict`.
    """
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    most = max((rounds[name] for name in ways), default=0)
    started = time.perf_counter()
    done = 0
    while done < most or (0 < done < 25 * most and time.perf_counter() - started < least_seconds):
        for name in list(ways)[:: 1 if done % 2 == 0 else -1]:
            if rounds[name] == most or done < rounds[name]:
                seconds[name].append(_turn(ways[name], conditions))
        done += 1
    return {name: summarized(each) for name, each in seconds.items()}


def summarized(seconds: Sequence[float]) -> Timing:
    """The timing of some rounds."""
    median, low, high = (float(q) for q in np.percentile(seconds, [50, 25, 75]))
    return Timing(median, low, high, len(seconds))


def _turn(way: Callable[[], object], conditions: Conditions) -> float:
    # Busy, as a program that computes is: a core that slept has AMX at a third of its rate, for
    # longer than a call takes (Emerald Rapids).
    settled = time.perf_counter() + conditions.settle
    while time.perf_counter() < settled:
        pass
    if conditions.evict is not None:
        conditions.evict()
        return once(way)
    first = once(way)
    # What a call finds in the caches is no part of so long a time.
    if first > SLOW / 5:
        return first
    repeats = max(1, min(MOST_REPEATS, int(BLOCK / first)))
    start = time.perf_counter()
    for _ in range(repeats):
        way()
    return (time.perf_counter() - start) / repeats


def once(way: Callable[[], object]) -> float:
    """Seconds of one call."""
    start = time.perf_counter()
    way()
    return time.perf_counter() - start


class Eviction:
    """Empties the caches: the CPUs read memory of their own, twice the last cache among them.

    Read, not written: what is written would still be on its way to memory in the time of the call.
    """

    def __init__(self, last_level_cache: int, cpus: int):
        # Ones: pages of zeros that were never written are all the same page.
        self._parts = np.ones((cpus, max(2 * last_level_cache // cpus, LARGEST_OWN_CACHE) // 8))
        self._pool = ThreadPoolExecutor(cpus)

    def __call__(self) -> None:
        for _ in self._pool.map(np.max, self._parts):
            pass
