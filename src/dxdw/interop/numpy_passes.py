"""The three passes on arrays in memory, for bridges whose arrays are not NumPy's own."""

from functools import lru_cache
from typing import Any

import numpy as np

from ..call import operands, passes, plan
from ..call.call import Call
from ..core.problem import PLAIN, Execution, Problem
from ..engines import native
from .bilinear import ROLES, Case


def run(kind: str, first: Any, second: Any, case: Case, how: Execution = PLAIN) -> Any:
    """A pass of NumPy arrays by whichever engine takes it, in the case's shape, without conjugates.

    Raises:
        MemoryError: with the number of bytes.
    """
    dtypes = operands.common_dtypes(first=first, second=second)
    call = Call(case.ndim, case.geometry, True, *dtypes, how).as_stored()
    bring = {"x": call.x, "W": call.W, "out": call.out}
    one, two, _ = ROLES[kind]
    with call.in_memory():
        first, second = bring[one](first), bring[two](second)
        if kind != "forward":  # dx and dW are adjoints, and take the conjugate of this one
            second = passes.conjugate(second)
        result = getattr(passes, kind)(first, second, case.geometry, how)
        return call.deliver(result, case.shape(kind))


@lru_cache(maxsize=1024)
def kernel(
    kind: str,
    case: Case,
    dtype: np.dtype[Any],
    threads: int | None,
    stored: str | None = None,
    channels_last: tuple[bool, bool] = (False, False),
) -> native.Handle | None:
    """The compiled kernel that takes a pass of dense arrays; None where another engine does.

    channels_last: whether x's and the output's lie so. None, too, where another kernel would take
    these than takes planes, which gives other bits: arrays are then to be copied.
    """
    if case.geometry.explicit_padding or dtype.char not in "fd":
        return None
    how = Execution(threads=threads)
    problem = Problem(kind, case.geometry, dtype, how=how, stored=stored)
    name = plan.prepared(problem).names[0]
    if any(channels_last):
        problem = problem._replace(channels_last=channels_last)
        if plan.prepared(problem).names[0] != name:
            return None
    row = native.kernels().get(name)
    return native.handle(problem, row.index) if row else None
