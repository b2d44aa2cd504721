"""dxdw as its users call it, and what it says of a call beforehand."""

from functools import partial
from typing import Any, NamedTuple

from ..convolution import conv2d, conv2d_backward
from ..explanation import Explanation, explain
from .machine import cpus
from .task import Task, Way

NAME = "dxdw"


class Told(NamedTuple):
    """What `explain` tells of the passes of a task."""

    engine: str
    method: str
    workspace: int  # bytes, at the peak: one pass comes after the other


def way(task: Task, precision: str, threads: int) -> Way:
    """The call, without arguments that are the default."""
    options: dict[str, Any] = {**task.problem.options, **_execution(precision, threads)}
    if task.kind == "forward":
        return Way(partial(conv2d, task.x, task.W, **options), lambda out: (out,))
    if len(task.needs) == 1:
        options["needs"] = task.needs
    return Way(partial(conv2d_backward, task.grad_out, task.x, task.W, **options), tuple)


def told(task: Task, precision: str, threads: int) -> Told:
    """The engine that would run (both, where dx has another than dW) and the memory it takes."""
    p = task.problem
    kinds: Any = ("forward",) if task.kind == "forward" else task.needs
    options: dict[str, Any] = {**p.options, **_execution(precision, threads), "dtype": task.dtype}
    each: list[Explanation] = [explain(k, p.x_shape, p.W_shape, **options) for k in kinds]
    return Told(
        "/".join(dict.fromkeys(str(e.engine) for e in each)),
        " / ".join(dict.fromkeys(e.method for e in each)),
        max(e.workspace for e in each),
    )


def _execution(precision: str, threads: int) -> dict[str, Any]:
    chosen: dict[str, Any] = {}
    if precision != "high":
        chosen["precision"] = precision
    if threads != cpus():  # the default
        chosen["threads"] = threads
    return chosen
