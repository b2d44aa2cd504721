"""How good the choice of an engine is: every one that takes a problem is timed.

    regret = seconds of the chosen engine / seconds of the fastest

It does not depend on how fast a machine is, nor on what else runs there, which meets all alike.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ..call import plan, tuned
from ..core.geometry import ConvGeometry
from ..core.problem import KINDS, Execution, Problem
from ..engines import fft
from .figures import geometric_mean
from .measure import SETTLE, Conditions, Timing, interleaved, once, rounds_of

# An engine whose first calls take so many times as long as the fastest one's is none to choose.
HOPELESS = 4.0
# By so much the fastest has to be ahead to be told from a tie.
TIE = 1.03


class Choice(NamedTuple):
    """A problem, the engine that is chosen for it, and what each takes."""

    name: str
    problem: Problem
    chosen: str
    timings: dict[str, Timing]

    @property
    def fastest(self) -> str:
        return min(self.timings, key=lambda engine: self.timings[engine].median)

    @property
    def regret(self) -> float:
        return self.timings[self.chosen].median / self.timings[self.fastest].median

    @property
    def seconds(self) -> dict[str, float]:
        return {engine: timing.median for engine, timing in self.timings.items()}

    @property
    def tuned(self) -> tuned.Tuned:
        """What is worth remembering: the chosen one where it is as good as the fastest."""
        engine = self.fastest if self.regret > TIE else self.chosen
        return tuned.Tuned(engine, self.seconds)

    def __str__(self) -> str:
        problem = self.problem
        return (
            f"{self.name:32.32} {problem.kind:7} {problem.dtype!s:7} {problem.how.threads:2}  "
            f"{self.chosen:10} {self.regret:5.2f}  {tuned.in_words(self.seconds)}"
        )


HEADING = f"{'problem':32} {'kind':7} {'dtype':7} threads  chosen  regret  each engine's time"


def printed(
    problems: Iterable[tuple[str, ConvGeometry]],
    dtypes: Sequence[str],
    threads: Sequence[int],
    rounds: int,
    seconds: float,
) -> Iterator[Choice]:
    """The choices of all problems, each printed as soon as it is there.

    Raises:
        ArithmeticError: two engines differ by more than rounding.
    """
    print(HEADING)
    for name, geometry in problems:
        for choice in choices(name, geometry, dtypes, threads, rounds, seconds):
            print(choice, flush=True)
            yield choice


def choices(
    name: str,
    geometry: ConvGeometry,
    dtypes: Sequence[str],
    threads: Sequence[int],
    rounds: int,
    seconds: float,
) -> Iterator[Choice]:
    """Of the three passes of a convolution, in each dtype and on so many threads.

    Raises:
        ArithmeticError: two engines differ by more than rounding.
    """
    rng = np.random.default_rng(0)
    shapes = (geometry.x_shape, geometry.W_shape, geometry.out_shape)
    drawn = [rng.standard_normal(shape, np.float32) for shape in shapes]
    for dtype in dtypes:
        x, W, grad_out = (a.astype(dtype) for a in drawn)
        operands = {"forward": (x, W), "dx": (grad_out, W), "dW": (grad_out, x)}
        for kind in KINDS:
            for count in threads:
                how = Execution(threads=count)
                problem = Problem(kind, geometry, np.dtype(dtype), how=how)
                yield _measured(name, problem, operands[kind], rounds, seconds)


def _measured(
    name: str, problem: Problem, operands: tuple[Any, ...], rounds: int, seconds: float
) -> Choice:
    chosen = plan.accepting(problem)[0]
    ways: dict[str, Callable[[], list[Any]]] = {
        engine: partial(_run, plan.Prepared(problem, (engine,)), operands)
        for engine in _candidates(problem)
    }
    _check(problem, {engine: way()[0] for engine, way in ways.items()}, chosen)
    first = {engine: once(way) for engine, way in ways.items()}
    least = min(first.values())
    left = {e: way for e, way in ways.items() if first[e] <= HOPELESS * least or e == chosen}
    each = {engine: max(1, rounds_of(first[engine], rounds)) for engine in left}
    timings = interleaved(left, each, seconds, Conditions(settle=SETTLE))
    return Choice(name, problem, chosen, timings)


def _run(prepared: plan.Prepared, operands: tuple[Any, ...]) -> list[Any]:
    return prepared(*operands)


def _candidates(problem: Problem) -> list[str]:
    """The engines that can, whether they say that it pays or not."""
    accepted = [engine for engine in plan.accepting(problem) if engine != "vendor"]
    if "fft" not in accepted and fft.impossible(problem) is None:
        accepted.append("fft")
    compiled = any(map(plan.is_compiled, accepted))
    # NumPy's general engines are for where there is no compiled one, and take minutes beside it.
    return [e for e in accepted if not (compiled and e in ("array", "small"))]


def _check(problem: Problem, results: dict[str, Any], chosen: str) -> None:
    wanted = results[chosen]
    scale = float(np.abs(wanted).max())
    # (As `task.Task.tolerance`, for both.)
    allowed = 60 * problem.unit_roundoff * 2 * problem.terms**0.5 * scale
    for engine, result in results.items():
        off = float(np.abs(result - wanted).max())
        if not off <= allowed:
            raise ArithmeticError(
                f"{problem.kind} by {engine} and by {chosen} differ by {off / scale:.1e} of the "
                f"largest element; rounding makes {allowed / scale:.1e}"
            )


def summary(found: Sequence[Choice]) -> str:
    """The mean regret, the largest, and how many choices were the best."""
    if not found:
        return "nothing was measured"
    regrets = [choice.regret for choice in found]
    mean = geometric_mean(regrets)
    right = sum(regret <= TIE for regret in regrets)
    worst = max(found, key=lambda choice: choice.regret)
    return (
        f"{len(found)} choices, {right} of them within {TIE - 1:.0%} of the best; regret: mean "
        f"{mean:.3f}, most {worst.regret:.2f} ({worst.name} {worst.problem.kind} "
        f"{worst.problem.dtype})"
    )
