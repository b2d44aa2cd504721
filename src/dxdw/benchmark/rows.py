"""A row of the benchmark: one pass of one problem, timed in one setting."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from .measure import Timing
from .ours import NAME
from .problems import ConvProblem, parse


class Setting(NamedTuple):
    """How many threads, and what is in the caches."""

    threads: int
    caches: str  # "warm" or "cold"


class Row(NamedTuple):
    """What was measured; the numbers that follow from it are properties."""

    list: str
    notation: str  # of the problem, as `problems.parse` reads it
    dtype: str
    kind: str
    precision: str
    threads: int
    caches: str
    main: bool  # in the setting where every way is timed: warm caches, the most threads
    engine: str
    method: str
    flops: int  # of the definition
    tensor_bytes: int  # operands and results
    workspace: int  # bytes, as `explain` tells them
    error: float  # the largest difference from the expected result, over its largest element
    peak: float | None  # FLOP/s that these threads can do at most in this dtype
    bandwidth: float | None  # bytes/s
    timings: dict[str, Timing]  # of dxdw, and of each way of the peers by its name
    left_out: dict[str, str]  # a peer or a way of it that has no time here, and why
    others: float | None  # how many CPUs other programs used meanwhile
    crowded: bool  # too many: times of this row are not to be believed

    @property
    def problem(self) -> ConvProblem:
        return parse(self.notation)

    @property
    def batch(self) -> int:
        return self.problem.x_shape[0]

    @property
    def label(self) -> str:
        """The row in words, without its problem's list."""
        words = [self.problem.name, f"N={self.batch}", self.dtype, self.kind]
        if not self.main:
            words += [in_words(self.threads), self.caches]
        if self.precision != "high":
            words.append(self.precision)
        return " ".join(words)

    @property
    def seconds(self) -> float:
        return self.timings[NAME].median

    @property
    def gflops(self) -> float:
        return self.flops / self.seconds / 1e9

    @property
    def of_peak(self) -> float | None:
        """The part of the measured peak: above 1 where an algorithm saves multiplications."""
        return self.flops / self.seconds / self.peak if self.peak else None

    @property
    def memory_bound(self) -> bool | None:
        """Whether moving the tensors once takes longer than the arithmetic at its peak."""
        if not self.peak or not self.bandwidth:
            return None
        return self.tensor_bytes / self.bandwidth > self.flops / self.peak

    @property
    def of_bandwidth(self) -> float | None:
        """The part of the measured bandwidth, where memory-bound.

        Above 1 where warm caches hold the tensors: the bandwidth is that of the memory.
        """
        if not self.memory_bound or not self.bandwidth:
            return None
        return self.tensor_bytes / self.seconds / self.bandwidth

    def fastest(self, peer: str) -> str | None:
        """The name of a peer's fastest way."""
        ways = [name for name in self.timings if name.partition(" ")[0] == peer]
        return min(ways, key=lambda name: self.timings[name].median, default=None)

    def ratio(self, peer: str = "torch") -> float | None:
        """How many times as fast as the peer's fastest way; None where it was not timed."""
        name = self.fastest(peer)
        return None if name is None else self.timings[name].median / self.seconds

    def as_json(self) -> dict[str, Any]:
        """The fields, and the numbers that a reader would have to work out from them."""
        timings = {name: timing._asdict() for name, timing in self.timings.items()}
        return {
            **self._asdict(),
            "timings": timings,
            "name": self.problem.name,
            "batch": self.batch,
            "gflops": self.gflops,
            "of_peak": self.of_peak,
            "memory_bound": self.memory_bound,
            "of_bandwidth": self.of_bandwidth,
            "ratios": {peer: self.ratio(peer) for peer in sorted(_peers(timings))},
        }

    @classmethod
    def from_json(cls, written: Mapping[str, Any]) -> "Row":
        fields = {name: written[name] for name in cls._fields}
        timings = {name: Timing(**timing) for name, timing in written["timings"].items()}
        return cls(**{**fields, "timings": timings})


def in_words(threads: int) -> str:
    """A number of threads."""
    return "1 thread" if threads == 1 else f"{threads} threads"


def _peers(timings: Mapping[str, Any]) -> set[str]:
    return {name.partition(" ")[0] for name in timings if name != NAME}
