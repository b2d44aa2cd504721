"""The three passes on arrays in memory, for bridges whose arrays are not NumPy's own."""

from functools import lru_cache
from typing import Any

import numpy as np

from ..call import arguments, passes, plan
from ..call.arguments import PLAIN, Execution
from ..core.problem import Problem
from ..engines import native
from .bilinear import ROLES, Case


def run(kind: str, first: Any, second: Any, case: Case, how: Execution = PLAIN) -> Any:
    """A pass of NumPy arrays by whichever engine takes it, in the case's shape, without conjugates.

    Raises:
        MemoryError: with the number of bytes.
    """
    dtypes = arguments.common_dtypes(first=first, second=second)
    call = passes.Call(case.ndim, case.geometry, True, *dtypes, how)
    bring = {"x": call.x, "W": call.W, "out": call.out}
    one, two, _ = ROLES[kind]
    try:
        first, second = bring[one](first), bring[two](second)
        if kind != "forward":  # dx and dW are adjoints, and take the conjugate of this one
            second = passes.conjugate(second)
        result = getattr(passes, kind)(first, second, case.geometry, how)
        return call.deliver(result, case.shape(kind), None, accumulate=False)
    except MemoryError as error:
        raise call.too_large(error) from error


@lru_cache(maxsize=1024)
def kernel(
    kind: str, case: Case, dtype: np.dtype[Any], threads: int | None
) -> native.Prepared | None:
    """The compiled kernel that takes a pass of dense arrays; None where another engine does."""
    if case.geometry.explicit_padding or dtype.char not in "fd":
        return None
    problem = Problem(kind, case.geometry, dtype, threads=threads)
    row = native.kernels().get(plan.accepting(problem)[0])
    return native.prepared(problem, row.index) if row else None
