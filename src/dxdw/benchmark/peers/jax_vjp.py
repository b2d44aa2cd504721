"""JAX: the vector-Jacobian product of `lax.conv_general_dilated`, compiled for its arguments.

XLA drops the forward from a vjp that does not need it. Its pool of CPU threads is as large as the
machine and can't be changed within a process, so it is timed with all of them or not at all.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..machine import cpus
from ..task import Task, Way

LIBRARY = "jax"


def prepare(task: Task) -> dict[str, Way]:
    """The pass, compiled ahead of time."""
    import jax

    jax.config.update("jax_enable_x64", True)  # float64 is float32 otherwise
    jax.config.update("jax_platforms", "cpu")
    p = task.problem

    def conv(x: Any, W: Any) -> Any:
        return jax.lax.conv_general_dilated(
            x,
            W,
            window_strides=p.stride,
            padding=[(size, size) for size in p.padding],
            rhs_dilation=p.dilation,
            feature_group_count=p.groups,
        )

    def run(grad_out: Any, x: Any, W: Any) -> tuple[Any, ...]:
        if task.kind == "forward":
            return (conv(x, W),)
        gradients = jax.vjp(conv, x, W)[1](grad_out)
        return tuple(
            g for name, g in zip(("dx", "dW"), gradients, strict=True) if name in task.needs
        )

    operands = [jax.numpy.asarray(a) for a in (task.grad_out, task.x, task.W)]
    compiled = jax.jit(run).lower(*operands).compile()
    return {"vjp": Way(lambda: jax.block_until_ready(compiled(*operands)), _arrays)}


@contextmanager
def limited(threads: int) -> Iterator[bool]:
    """Nothing can be limited: true where that is no limit."""
    yield threads >= cpus()


def _arrays(results: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(np.asarray(r) for r in results)
