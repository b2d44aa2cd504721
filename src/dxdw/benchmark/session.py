"""The rows of one problem, measured in a process of its own."""

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from functools import lru_cache
from typing import NamedTuple

from . import machine, ours
from .measure import SETTLE, SLOW, Conditions, Eviction, Timing, interleaved, rounds_of, summarized
from .others import Share, undisturbed
from .peers import PEERS
from .problems import Listed
from .rows import Row, Setting, in_words
from .task import Operands, Task, Way

# A way that takes so many times as long as another is the slower one of the two.
CLEARLY = 2.0


class Plan(NamedTuple):
    """What to measure of each problem."""

    dtypes: tuple[str, ...]
    kinds: tuple[str, ...]
    precisions: tuple[str, ...]  # the first is timed in every setting
    settings: tuple[Setting, ...]  # in the first, every way is timed
    peers: tuple[str, ...]
    rounds: int
    seconds: float
    ceilings: Mapping[int, machine.Ceiling | None] = {}  # by the number of threads


class Checked(NamedTuple):
    """A way that gave the right answer."""

    way: Way
    seconds: float  # that its one call took
    error: float


class WrongAnswer(ArithmeticError):
    """dxdw's own result is off by more than rounding."""


def measure(listed: Listed, plan: Plan) -> list[Row]:
    """Every row of a problem: each way is checked first, then timed.

    Raises:
        WrongAnswer: dxdw's own is. A peer whose answer is wrong is left out, and the row says so.
    """
    operands = Operands(listed.problem)
    tasks = [operands.task(kind, dtype) for dtype in plan.dtypes for kind in plan.kinds]
    return [row for task in tasks for row in _rows(listed, task, plan)]


def _rows(listed: Listed, task: Task, plan: Plan) -> Iterator[Row]:
    left_out: dict[str, str] = {}
    peers = check(task, _prepared(task, plan.peers, left_out), left_out)
    best: set[str] = set()
    for setting in plan.settings:
        main = setting == plan.settings[0]
        own = {
            precision: check(task, {ours.NAME: ours.way(task, precision, setting.threads)})
            for precision in (plan.precisions if main else plan.precisions[:1])
        }
        there = peers if main else {name: peers[name] for name in best}
        timings, also_left_out, share = _timed(own, there, setting, plan, main)
        if main:
            best = _worth_another_setting(timings)
        ceiling = plan.ceilings.get(setting.threads)
        for precision, checked in own.items():
            told = ours.told(task, precision, setting.threads)
            others = {name: t for name, t in timings.items() if name in there}
            yield Row(
                listed.list,
                listed.notation,
                task.dtype,
                task.kind,
                precision,
                setting.threads,
                setting.caches,
                main,
                told.engine,
                told.method,
                task.flops,
                task.tensor_bytes,
                told.workspace,
                checked[ours.NAME].error,
                ceiling.flops[task.dtype] if ceiling else None,
                ceiling.bandwidth if ceiling else None,
                {ours.NAME: timings[_own_name(precision)], **others},
                {**left_out, **also_left_out},
                share.others,
                share.crowded,
            )


def _prepared(task: Task, peers: tuple[str, ...], left_out: dict[str, str]) -> dict[str, Way]:
    ways: dict[str, Way] = {}
    for peer in peers:
        try:
            prepared = PEERS[peer].prepare(task)
        except (RuntimeError, MemoryError) as error:
            left_out[peer] = reason(error)
        else:
            ways |= {f"{peer} {name}": way for name, way in prepared.items()}
    return ways


def check(
    task: Task, ways: Mapping[str, Way], left_out: dict[str, str] | None = None
) -> dict[str, Checked]:
    """The ways that give the expected answer; the others are noted in left_out.

    Raises:
        WrongAnswer: one does not, and there is no left_out to take it.
    """
    right = {}
    for name, way in ways.items():
        start = time.perf_counter()
        try:
            result = way.call()
        except (RuntimeError, MemoryError) as error:
            if left_out is None:
                raise
            left_out[name] = reason(error)
            continue
        seconds = time.perf_counter() - start
        error_found = task.error(way.arrays(result))
        if error_found <= task.tolerance:
            right[name] = Checked(way, seconds, error_found)
            continue
        wrong = f"its answer is off by {error_found:.1e} of the largest element"
        if left_out is None:
            raise WrongAnswer(f"{name}, {task.problem.name} {task.dtype} {task.kind}: {wrong}")
        left_out[name] = wrong
    return right


def reason(error: Exception) -> str:
    """The first line of what a library says of a convolution that it does not do."""
    return str(error).partition("\n")[0] or type(error).__name__


def _timed(
    own: Mapping[str, Mapping[str, Checked]],
    peers: Mapping[str, Checked],
    setting: Setting,
    plan: Plan,
    main: bool,
) -> tuple[dict[str, Timing], dict[str, str], Share]:
    """The times of all, dxdw's under a name for each precision."""
    mine = {_own_name(precision): checked[ours.NAME] for precision, checked in own.items()}
    left_out = {}
    with ExitStack() as limits:
        for peer in {name.partition(" ")[0] for name in peers}:
            if not limits.enter_context(PEERS[peer].limited(setting.threads)):
                left_out[peer] = f"can't be limited to {in_words(setting.threads)}"
        ways = mine | {n: c for n, c in peers.items() if n.partition(" ")[0] not in left_out}
        rounds = {n: rounds_of(c.seconds, plan.rounds) for n, c in ways.items()}
        rounds |= dict.fromkeys(hopeless({n: c.seconds for n, c in ways.items()}), 0)
        if not main:  # what is slow has been timed already
            rounds = {n: r if r == plan.rounds else 1 for n, r in rounds.items()}
        first = {n: summarized([ways[n].seconds]) for n, r in rounds.items() if not r}
        conditions = Conditions(
            _eviction() if setting.caches == "cold" else None,
            SETTLE if setting.threads > 1 and len(ways) > 1 else 0.0,
        )
        calls = {name: checked.way.call for name, checked in ways.items() if rounds[name]}
        timed, share = undisturbed(
            lambda: interleaved(calls, rounds, plan.seconds, conditions), setting.threads
        )
        return {**timed, **first}, left_out, share


def _own_name(precision: str) -> str:
    return f"{ours.NAME} {precision}"


def hopeless(seconds: Mapping[str, float]) -> set[str]:
    """NumPy's ways that are no candidates for its fastest after one call each: that must do.

    PyTorch's first call sets up threads and kernels, and says nothing of the next.
    """
    usual = {name: t for name, t in seconds.items() if name.startswith("numpy ")}
    return {name for name, t in usual.items() if t > CLEARLY * min(usual.values())}


def _worth_another_setting(timings: Mapping[str, Timing]) -> set[str]:
    """Of each peer the fastest way, unless that is slow; both of PyTorch if they are close."""
    names = set()
    for peer in PEERS:
        ways = {n: t.median for n, t in timings.items() if n.startswith(f"{peer} ")}
        if not ways:
            continue
        fastest = min(ways.values())
        if peer == "torch":
            names |= {name for name, t in ways.items() if t <= CLEARLY * fastest}
        elif fastest <= SLOW:
            names.add(min(ways, key=ways.__getitem__))
    return names


@lru_cache(maxsize=1)
def _eviction() -> Eviction:
    return Eviction(machine.last_level_cache(), machine.cpus())
