"""NumPy, as its users write a convolution: see `usual_ways`."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ...engines.blas_threads import threadpool_controller
from .. import usual_ways
from ..machine import cpus
from ..task import Task, Way

LIBRARY = "numpy"


def prepare(task: Task) -> dict[str, Way]:
    """All usual ways of the pass; both gradients are one after the other."""
    passes = [task.kind] if task.kind == "forward" else task.needs
    each = [usual_ways.ways(kind, task.problem, task.x, task.W, task.grad_out) for kind in passes]
    return {name: Way(_all([ways[name] for ways in each]), tuple) for name in each[0]}


@contextmanager
def limited(threads: int) -> Iterator[bool]:
    """Limit NumPy's BLAS library, where threadpoolctl is there to do it."""
    controller = threadpool_controller()
    if controller is None:
        yield threads >= cpus()
    else:
        with controller.limit(limits=threads):
            yield True


def _all(calls: list[usual_ways.Way]) -> Any:
    return lambda: [call() for call in calls]
