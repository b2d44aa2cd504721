"""How long a learner's conv2d_backward takes, beside the reference's loops and the fast engine."""

from collections.abc import Callable
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np

from ..convolution import conv2d_backward
from ..core.arrays import Array, unwarned
from ..diagnosis.calls import crash_of, invoke
from ..diagnosis.guarding import from_outside
from ..diagnosis.loading import NotLoaded
from ..diagnosis.problem import OPERANDS, PLAIN, Sizes, integers
from ..explanation import explain
from ..reference import conv2d_backward_naive
from .learners_code import functions

FUNCTION = "conv2d_backward"
ROUNDS = 15
LEAST_ROUNDS = 3
SECONDS = 1.5  # for all rounds; a slow function takes its three runs however long
BATCH_SECONDS = 0.01  # a browser's clock may have steps of 0.1 ms


def medians(code: str, C_in: int, C_out: int, H: int, W: int, k: int) -> dict[str, Any]:
    """The median time of a call on x (C_in, H, W) and W (C_out, C_in, k, k), in float64.

    The ways take turns, so that what slows the machine down slows all of them.

    Args:
        code: Python source that defines conv2d_backward.
        C_in, C_out, H, W, k: the sizes.

    Returns:
        `{"yours", "reference", "fast", "engine", "error"}`: three times in seconds, the name of the
        fast engine, and why there is none of yours: it can't be run, it raises, or it is wrong, and
        the speed of a wrong answer is of no interest.

    >>> found = medians("", 1, 1, 3, 3, 2)
    >>> found["yours"], found["error"]["message"][:35]
    (None, 'practice.py: there is no conv2d_bac')
    >>> found["fast"] > 0
    True
    """
    problem = integers(Sizes(C_in, C_out, k, k, H - k + 1, W - k + 1), PLAIN, seed=2)
    arrays = [problem.grad_out[0], problem.x[0], problem.W]
    ways: dict[str, Callable[..., Any]] = {
        "reference": conv2d_backward_naive,
        "fast": conv2d_backward,
    }
    error = None
    try:
        fn = functions(code, [FUNCTION])[FUNCTION]
    except NotLoaded as not_loaded:
        error = {"message": str(not_loaded), "line": not_loaded.line}
    else:
        error = _wrong(fn, arrays)
        if error is None:
            ways["yours"] = fn
    try:
        times = unwarned(_times, ways, arrays)
    except BaseException as raised:  # by the learner's function, in a later call than the first
        if from_outside(raised) or ways.pop("yours", None) is None:
            raise
        crash = crash_of(raised)
        error = {"message": crash.what, "line": crash.line}
        times = _times(ways, arrays)
    engines = {explain(kind, arrays[1].shape, arrays[2].shape).engine for kind in ("dx", "dW")}
    return {**{name: times.get(name) for name in ("yours", "reference", "fast")},
            "engine": " and ".join(sorted(map(str, engines))), "error": error}  # fmt: skip


def _wrong(fn: Callable[..., Any], arrays: list[Array]) -> dict[str, Any] | None:
    answer = invoke(fn, OPERANDS, [a.copy() for a in arrays], 2, None)
    if not answer.usable:
        return {"message": answer.why, "line": answer.line}
    right = conv2d_backward_naive(*arrays)
    for name, got, wanted in zip(("dx", "dW"), answer.results, right, strict=True):
        if got.shape != wanted.shape or not np.allclose(got, wanted, rtol=1e-5, atol=1e-5):
            return {"message": f"{name} is wrong, so its speed is of no interest", "line": 0}
    return None


def _times(ways: dict[str, Callable[..., Any]], arrays: list[Array]) -> dict[str, float]:
    # Each has arrays of its own: what one changes in place is not what another is timed on.
    own = {name: [a.copy() for a in arrays] for name in ways}
    counts = {}
    for name, fn in ways.items():
        seconds = _seconds(fn, own[name], 1)
        counts[name] = max(1, int(BATCH_SECONDS / max(seconds, 1e-6)))
    found: dict[str, list[float]] = {name: [] for name in ways}
    began = perf_counter()
    for done in range(ROUNDS):
        if done >= LEAST_ROUNDS and perf_counter() - began > SECONDS:
            break
        for name, fn in ways.items():
            found[name].append(_seconds(fn, own[name], counts[name]))
    return {name: median(times) for name, times in found.items()}


def _seconds(fn: Callable[..., Any], arrays: list[Array], count: int) -> float:
    began = perf_counter()
    for _ in range(count):
        fn(*arrays)
    return (perf_counter() - began) / count
