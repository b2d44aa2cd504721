"""How times are taken: in turn, equally warm or equally cold, and only of right answers."""

import itertools
import time

import numpy as np
import pytest

from dxdw.benchmark import measure, others, ours, session
from dxdw.benchmark.measure import Conditions, Eviction, interleaved, rounds_of, summarized
from dxdw.benchmark.peers import PEERS
from dxdw.benchmark.problems import Listed
from dxdw.benchmark.rows import Setting
from dxdw.benchmark.session import Plan, WrongAnswer
from dxdw.benchmark.task import Way

EXAMPLE_1 = Listed("tiny", 'mb1ic1ih4oc1oh3kh2ph0n"tiny:example1"', quick=True)
MAIN = Setting(1, "warm")


def plan(*settings, peers=("numpy",), precisions=("high",)):
    return Plan(("float32",), ("dx",), precisions, settings or (MAIN,), peers, 3, 0.0)


def test_every_call_is_cold_or_none():
    events = []
    ways = {name: lambda name=name: events.append(name) for name in ("a", "b", "c")}
    conditions = Conditions(evict=lambda: events.append("evict"))
    timings = interleaved(ways, dict.fromkeys(ways, 4), 0.0, conditions)
    assert events[::2] == ["evict"] * 12
    assert events[1::2] == ["a", "b", "c", "c", "b", "a"] * 2
    assert {t.rounds for t in timings.values()} == {4}


def test_every_turn_is_warm_and_of_the_same_length():
    events = []

    def way(name):
        events.append(name)
        time.sleep(0.6e-3)

    ways = {name: lambda name=name: way(name) for name in "ab"}
    interleaved(ways, {"a": 2, "b": 2}, 0.0, Conditions())
    # A call that is not timed, and one that is: two of them would take longer than a block.
    assert "".join(events) == "aabbbbaa"


def test_a_slow_way_sits_out_the_later_rounds():
    ways = {"quick": lambda: None, "slow": lambda: None}
    timings = interleaved(ways, {"quick": 5, "slow": 2}, 0.0, Conditions())
    assert (timings["quick"].rounds, timings["slow"].rounds) == (5, 2)


def test_rounds_go_on_until_their_time_has_passed():
    timings = interleaved({"a": lambda: time.sleep(2e-3)}, {"a": 2}, 0.05, Conditions())
    assert 3 <= timings["a"].rounds <= 50


@pytest.mark.parametrize(("seconds", "rounds"), [(0.5, 7), (2.0, 3), (6.0, 0)])
def test_how_many_rounds_a_slow_way_is_worth(seconds, rounds):
    assert rounds_of(seconds, 7) == rounds


def test_the_median_and_the_quarter_points():
    timing = summarized([5.0, 1.0, 2.0, 4.0, 3.0])
    assert timing == (3.0, 2.0, 4.0, 5)
    assert timing.spread == pytest.approx(2 / 3)


def test_eviction_reads_more_than_the_caches_hold(monkeypatch):
    read = []
    eviction = Eviction(16 << 20, 2)
    monkeypatch.setattr(np, "max", lambda a: read.append(a.nbytes))
    monkeypatch.setattr(measure, "np", np)
    eviction()
    assert read == [16 << 20] * 2


@pytest.fixture
def numpy_gives(monkeypatch):
    """Makes the peer NumPy one way only, of this result or exception."""

    def gives(result):
        def call():
            if isinstance(result, Exception):
                raise result
            return result

        monkeypatch.setattr(PEERS["numpy"], "prepare", lambda _: {"way": Way(call, tuple)})

    return gives


def test_a_wrong_answer_of_a_peer_is_not_timed(numpy_gives):
    numpy_gives([np.ones((1, 1, 4, 4), np.float32)])
    [row] = session.measure(EXAMPLE_1, plan())
    assert set(row.timings) == {"dxdw"}
    assert row.left_out["numpy way"].startswith("its answer is off by ")
    assert row.ratio("numpy") is None


def test_a_peer_that_does_not_do_it_is_told(numpy_gives):
    numpy_gives(RuntimeError("not here\nand a trace"))
    [row] = session.measure(EXAMPLE_1, plan())
    assert row.left_out == {"numpy way": "not here"}


def test_a_wrong_answer_of_dxdw_stops_all(monkeypatch):
    wrong = Way(lambda: [np.zeros((1, 1, 4, 4), np.float32)], tuple)
    monkeypatch.setattr(ours, "way", lambda *_: wrong)
    with pytest.raises(WrongAnswer, match=r"dxdw, tiny:example1 float32 dx: its answer is off by"):
        session.measure(EXAMPLE_1, plan())


def test_a_row_for_every_setting_and_precision():
    cold = Setting(1, "cold")
    rows = session.measure(EXAMPLE_1, plan(MAIN, cold, precisions=("high", "highest")))
    assert [(r.precision, r.caches, r.main) for r in rows] == [
        ("high", "warm", True),
        ("highest", "warm", True),
        ("high", "cold", False),
    ]
    high, highest, in_cold = rows
    others = set(high.timings) - {"dxdw"}
    assert others == {"numpy im2col", "numpy windows+tensordot", "numpy windows+einsum"}
    assert {n: highest.timings[n] for n in others} == {n: high.timings[n] for n in others}
    # Of NumPy's ways only the fastest is timed again.
    assert set(in_cold.timings) == {"dxdw", high.fastest("numpy")}
    assert all(row.timings["dxdw"].rounds >= 3 and row.error < 1e-6 for row in rows)
    assert high.flops == 72
    assert high.tensor_bytes == 4 * (16 + 4 + 9)


def test_a_peer_that_cant_be_limited_is_left_out(monkeypatch):
    from contextlib import nullcontext

    monkeypatch.setattr(PEERS["numpy"], "limited", lambda threads: nullcontext(threads > 1))
    two, one = session.measure(EXAMPLE_1, plan(Setting(2, "warm"), MAIN))
    assert two.ratio("numpy") is not None
    assert set(one.timings) == {"dxdw"}
    assert one.left_out == {"numpy": "can't be limited to 1 thread"}


def test_what_is_called_is_what_a_user_calls(monkeypatch):
    monkeypatch.setattr(ours, "cpus", lambda: 2)
    task = session.Operands(EXAMPLE_1.problem).task("dx+dW", "float64")
    assert ours.way(task, "high", 2).call.keywords == {}
    assert ours.way(task, "highest", 1).call.keywords == {"precision": "highest", "threads": 1}
    told = ours.told(task, "high", 2)
    assert told.engine
    assert told.workspace >= 0


@pytest.fixture
def others_use(monkeypatch):
    """Makes other programs use so many of two CPUs, in one attempt after the other."""

    def use(*cpus):
        clock = itertools.accumulate([0.0, *(c for each in cpus for c in (each * 10.0, 0.0))])
        walls = itertools.accumulate([0.0, *(w for _ in cpus for w in (10.0, 0.0))])
        monkeypatch.setattr(others, "busy_seconds", lambda: next(clock))
        monkeypatch.setattr(others.time, "perf_counter", lambda: next(walls))
        monkeypatch.setattr(others.time, "process_time", lambda: 0.0)
        monkeypatch.setattr(others.os, "cpu_count", lambda: 2)
        monkeypatch.setattr(others, "PAUSE", 0.0)

    return use


@pytest.mark.parametrize(
    ("threads", "used", "attempts", "crowded"),
    [
        (2, [0.1], 1, False),
        (2, [0.5, 0.1], 2, False),
        (2, [0.5, 0.5], 2, True),
        (1, [0.9], 1, False),
        (1, [1.5, 1.5], 2, True),
    ],
)
def test_what_is_crowded_is_timed_once_more(others_use, threads, used, attempts, crowded):
    calls = []
    others_use(*used)
    _, share = others.undisturbed(lambda: calls.append(1), threads)
    assert len(calls) == attempts
    assert share == (pytest.approx(used[-1]), crowded)


def test_where_the_system_tells_nothing_nothing_is_crowded(monkeypatch):
    monkeypatch.setattr(others, "busy_seconds", lambda: None)
    assert others.watched(lambda: 5, 2) == (5, (None, False))
