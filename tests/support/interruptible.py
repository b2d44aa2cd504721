"""Problems of every kind, and how long a call of each takes to answer a Ctrl-C.

As a program it interrupts each at random moments, and prints the slowest and how they are spread:
`python tests/support/interruptible.py [--rounds 3] [--busy 2] [--count 200]`.
"""

import argparse
import multiprocessing
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from itertools import islice
from math import prod
from typing import Any, NamedTuple

import numpy as np
import oracles

import dxdw

# What arrays of a random problem may take, and what it may compute: so much that a signal comes
# first.
MOST_BYTES = 300 << 20
MOST_FLOPS = 1e11


class Problem(NamedTuple):
    """A call: of a pass, or of both gradients where the kind is "backward"."""

    kind: str
    case: oracles.Case
    dtype: str
    how: dict[str, Any]

    def __str__(self) -> str:
        case, told = self.case, {k: v for k, v in self.case.options.items() if k != "padding_mode"}
        return f"{self.kind} {case.x_shape} {case.W_shape} {self.dtype} {told | self.how}"

    def prepared(self) -> Callable[[], Any]:
        case = self.case
        rng = np.random.default_rng(0)

        def drawn(shape: tuple[int, ...]) -> Any:  # a few values over and over: drawing takes long
            few = rng.standard_normal(min(prod(shape), 1_000_003))
            return np.resize(few, shape).astype(self.dtype)

        x, W = drawn(case.x_shape), drawn(case.W_shape)
        options = case.options | self.how
        if self.kind == "forward":
            forward = getattr(dxdw, f"conv{case.ndim}d")
            return lambda: forward(x, W, **options)
        grad_out = drawn(case.out_shape)
        backward = getattr(dxdw, f"conv{case.ndim}d_backward")
        needs = ("dx", "dW") if self.kind == "backward" else (self.kind,)
        return lambda: backward(grad_out, x, W, needs=needs, **options)


def problems(count: int, seed: int = 0) -> Iterator[Problem]:
    """Those that once took long to answer, or have long pieces, then random ones."""
    known = list(_known())
    yield from known[:count]
    rng = random.Random(seed)  # noqa: S311  # no secret
    for _ in range(count - len(known)):
        yield _random(rng)


def _known() -> Iterator[Problem]:
    for kind in ("dW", "dx", "forward", "backward"):
        for x_shape, W_shape, options, dtype, how in (
            ((4, 64, 84, 84), (64, 64, 21, 21), {}, "float64", {"engine": "direct"}),
            ((1, 256, 4000), (256, 256, 1001), {}, "float32", {"engine": "direct"}),
            ((1, 1, 4096, 4096), (1, 1, 63, 63), {}, "float64", {"engine": "direct"}),
            ((1, 2, 10_000_000), (2, 2, 65), {}, "float32", {"engine": "direct"}),
            ((1, 64, 6, 20_000), (64, 64, 3, 3), {}, "float32", {"engine": "winograd"}),
            ((2, 1024, 60, 60), (1024, 1024, 3, 3), {}, "float32", {}),
            ((1, 40, 1500, 1500), (40, 1, 3, 3), {"groups": 40}, "float32", {}),
            ((1, 2, 8000, 3000), (2, 2, 3, 3), {"stride": 5}, "float32", {}),
            ((16, 4, 600, 600), (4, 4, 31, 31), {}, "float32", {"engine": "fft"}),
            ((4, 64, 200, 200), (64, 64, 3, 3), {}, "float32", {"engine": "array"}),
            ((2, 1024, 100, 100), (2048, 1024, 1, 1), {}, "float32", {"engine": "array"}),
            ((1, 8, 300, 300), (8, 8, 9, 9), {}, "complex64", {}),
        ):
            problem = Problem(kind, oracles.simple(x_shape, W_shape, **options), dtype, {})
            yield problem._replace(how=how) if _takes(problem, how.get("engine")) else problem


def _random(rng: random.Random) -> Problem:
    ndim = rng.choice([1, 2, 2, 2, 3])
    k = rng.choice([1, 1, 3, 3, 3, 5, 7, 11] if ndim < 3 else [1, 3, 3, 5])
    groups, stride = rng.choice([1, 1, 1, 2, 8, 32]), rng.choice([1, 1, 1, 2, 3])
    dilation = rng.choice([1, 1, 1, 2, 4])
    channels = rng.choice([1, 1, 2, 4, 16, 64, 100]), rng.choice([1, 1, 2, 4, 16, 64, 100])
    least = (k - 1) * dilation + 1
    size = {1: 400_000, 2: 700, 3: 90}[ndim]
    while True:
        positions = ((size - least) // stride + 1) ** ndim
        elements = groups * (channels[0] * size**ndim + channels[1] * positions)
        flops = 2 * positions * groups * channels[0] * channels[1] * k**ndim
        if 8 * elements < MOST_BYTES and flops < MOST_FLOPS:
            break
        size = size * 3 // 4
    batch = max(1, min(64, int(MOST_FLOPS / flops), MOST_BYTES // (8 * elements)))
    case = oracles.Case(
        (size,) * ndim, (k,) * ndim, (stride,) * ndim, (dilation,) * ndim,
        ((rng.choice([0, 0, k // 2]),) * 2,) * ndim,
        batch=batch, groups=groups, channels=channels,
    )  # fmt: skip
    how = {"precision": rng.choice(["high", "highest"]), "threads": rng.choice([1, 2, None])}
    problem = Problem(
        rng.choice(["forward", "dx", "dW", "backward"]), case,
        rng.choice(["float32", "float64"]), how,
    )  # fmt: skip
    engine = rng.choice([None, None, "direct", "direct", "winograd", "array"])
    return problem._replace(how=how | {"engine": engine}) if _takes(problem, engine) else problem


def _takes(problem: Problem, engine: str | None) -> bool:
    kinds: Any = ("dx", "dW") if problem.kind == "backward" else (problem.kind,)
    case, options = problem.case, problem.case.options | problem.how | {"engine": engine}
    plans = [
        dxdw.explain(kind, case.x_shape, case.W_shape, dtype=problem.dtype, **options)
        for kind in kinds
    ]
    return all(plan.engine is not None for plan in plans)


def answer(call: Callable[[], Any], delay: float) -> float:
    """Seconds from a SIGINT, sent so long after calls have begun, to its KeyboardInterrupt."""
    sent = [0.0]

    def send() -> None:
        time.sleep(delay)
        sent[0] = time.monotonic()
        os.kill(os.getpid(), signal.SIGINT)

    sender = threading.Thread(target=send)
    # A process that was started in the background ignores SIGINT.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        sender.start()
        while not sent[0] or time.monotonic() < sent[0] + 60:
            call()
    except KeyboardInterrupt:
        return time.monotonic() - sent[0]
    finally:
        sender.join()
        signal.signal(signal.SIGINT, before)
    raise AssertionError("a SIGINT was lost")


def answers(count: int, rounds: int, every: int = 1) -> list[tuple[float, str]]:
    """The slowest answer of every so-manieth problem, of so many at random moments."""
    rng = random.Random(count)  # noqa: S311  # no secret
    found = []
    for problem in islice(problems(count), 0, None, every):
        call = problem.prepared()
        took = max(answer(call, rng.uniform(0.001, 0.25)) for _ in range(rounds))
        found.append((took, str(problem)))
    return found


def _spin() -> None:
    while True:
        pass


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--busy", type=int, default=0, help="other programs that compute")
    parser.add_argument("--count", type=int, default=200)
    args = parser.parse_args()
    others = [multiprocessing.Process(target=_spin, daemon=True) for _ in range(args.busy)]
    for other in others:
        other.start()
    found = sorted(answers(args.count, args.rounds), reverse=True)
    for other in others:
        other.kill()
    for took, words in found[:25]:
        print(f"{1000 * took:7.0f} ms  {words}")
    every = sorted(took for took, _ in found)
    p99 = every[min(len(every) - 1, len(every) * 99 // 100)]
    print(f"{len(every)} problems: p99 {1000 * p99:.0f} ms, most {1000 * every[-1]:.0f} ms")


if __name__ == "__main__":
    main()
