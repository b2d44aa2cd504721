"""Which implementation runs a problem: an ordered table, best first, the reference last.

Every implementation is a module of `engines`, or a row of the compiled kernels' own table. It says
in one line why it declines a problem, how much scratch memory it needs, and how large its error
can be.
"""

from functools import lru_cache
from typing import Any, NamedTuple

from ..core.arrays import Array, device_of, is_numpy, lent, namespace
from ..core.documentation import more, refused
from ..core.geometry import ConvGeometry
from ..core.problem import BOTH, Problem
from ..engines import (
    array_api,
    blas_threads,
    fft,
    native,
    native_library,
    reference,
    small,
    vendor,
)
from .arguments import Execution

BY_NAME_ONLY = "reference"
LENDING = ("torch", "jaxlib")  # libraries whose arrays in the computer's memory are NumPy's too


@lru_cache(maxsize=1)
def engines() -> dict[str, Any]:
    """The table. Kernels that save products come before the FFT, which is weighed against sums."""
    kernels = native.kernels()
    return {
        **{name: kernel for name, kernel in kernels.items() if not kernel.sums},
        "fft": fft,
        **{name: kernel for name, kernel in kernels.items() if kernel.sums},
        "small": small,
        "array": array_api,
        BY_NAME_ONLY: reference,
    }


def is_compiled(name: str) -> bool:
    """Whether this is a compiled kernel, with threads of its own."""
    return name in native.kernels()


class EngineDeclined(ValueError):
    """A valid problem that the engine asked for, or every engine, does not take."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.add_note(more("explain"))


class Verdict(NamedTuple):
    """What an engine says of a problem."""

    engine: str
    declined: str | None  # why, or None where it accepts


def run(
    kind: str, first: Array, second: Array, geometry: ConvGeometry, how: Execution, held: int = 0
) -> Array:
    """forward of (x, W), dx of (grad_out, W) or dW of (grad_out, x): a fresh array.

    The caller holds `held` bytes of scratch memory itself.
    """
    library = "numpy" if is_numpy(first) else type(first).__module__.partition(".")[0]
    if library in LENDING and (arrays := lent(first, second)):
        result = run(kind, arrays[0], arrays[1], geometry, how, held)
        return namespace(first).asarray(result, device=device_of(first))
    limits = (how.precision, how.max_workspace, how.threads)
    problem = Problem(kind, geometry, first.dtype, library, *limits, held)
    if not geometry.flops:  # an empty sum everywhere
        zeros = namespace(first).zeros
        return zeros(problem.result_shape, dtype=first.dtype, device=device_of(first))
    if how.engine is None and vendor.takes(problem, first):
        return vendor.run(problem, first, second)
    names = accepting(problem, how.engine)
    result = None
    for name in names:
        own = None if is_compiled(name) else how.threads
        result = blas_threads.limited(own, engines()[name].run, problem, first, second)
        if result is not None:
            break
    if result is None:
        raise EngineDeclined(
            f"engine {how.engine!r} declines this {kind}: it takes finite values only, "
            "whose sums do not overflow"
        )
    return result


def run_both(
    grad_out: Array, x: Array, W: Array, geometry: ConvGeometry, how: Execution
) -> list[Array] | None:
    """dx and dW by one call, each as run gives it; None where they are run apart."""
    if not is_numpy(grad_out) or not geometry.flops or how.max_workspace is not None:
        return None
    problem = Problem(BOTH, geometry, grad_out.dtype, "numpy", how.precision, None, how.threads)
    name = of_both(problem, how.engine)
    return None if name is None else engines()[name].run(problem, grad_out, x, W)


@lru_cache(maxsize=1024)
def of_both(problem: Problem, engine: str | None = None) -> str | None:
    """The kernel that runs each gradient, where it takes both at once."""
    dx, dW = (accepting(problem._replace(kind=kind), engine)[0] for kind in ("dx", "dW"))
    both = dx == dW and is_compiled(dx) and engines()[dx].declines(problem) is None
    return dx if both else None


@lru_cache(maxsize=1024)
def decide(problem: Problem) -> tuple[Verdict, ...]:
    """Every engine's verdict, best first."""
    return tuple(Verdict(name, _declines(name, problem)) for name in engines())


def _declines(name: str, problem: Problem) -> str | None:
    reason: str | None = engines()[name].declines(problem)
    limit = problem.max_workspace
    if reason is None and limit is not None and (least := _least(name, problem)) > limit:
        reason = f"needs at least {least:,} bytes of scratch memory"
    return reason


def _least(name: str, problem: Problem) -> int:
    """Bytes of scratch memory that a call needs at the least with this engine."""
    least: int = engines()[name].least_workspace(problem)
    return problem.held + least


@lru_cache(maxsize=1024)
def accepting(problem: Problem, name: str | None = None) -> tuple[str, ...]:
    """The engines to try in turn; with a name, that one alone."""
    verdicts = decide(problem)
    if name is None:
        accepted = tuple(v.engine for v in verdicts if not v.declined and v.engine != BY_NAME_ONLY)
        if accepted:
            return accepted
        # The array engine takes everything, so what is missing is scratch memory.
        least = min(
            _least(name, problem)
            for name, engine in engines().items()
            if name != BY_NAME_ONLY and engine.declines(problem) is None
        )
        raise EngineDeclined(
            f"max_workspace is {problem.max_workspace:,}: this {problem.kind} needs at least "
            f"{least:,} bytes of scratch memory"
        )
    if name not in engines():
        names = ", ".join(map(repr, engines()))
        why = native_library.why_missing()
        others = f". There are no compiled kernels, which have others: {why}" if why else ""
        raise refused(ValueError, f"engine is {name!r}: it must be one of {names}{others}")
    declined = dict(verdicts)[name]
    if declined:
        raise EngineDeclined(f"engine {name!r} declines this {problem.kind}: {declined}")
    return (name,)


def method(engine: str, problem: Problem) -> str:
    """What an engine does to a problem, in words."""
    module = engines()[engine]
    return str(module.method(problem) if hasattr(module, "method") else module.METHOD)


def threads_in_words(engine: str | None, threads: int | None) -> str:
    """How many threads a call would use, and who decides."""
    if engine is not None and is_compiled(engine):
        most = threads or native_library.threads()
        return f"at most {most}, with the instruction set {native_library.isa()}"
    if engine == "fft":
        return f"{fft.workers(threads)} for transforms"
    if threads is None:
        return "as NumPy's BLAS library is set"
    if blas_threads.threadpool_controller() is None:
        return "as NumPy's BLAS library is set: limiting them needs threadpoolctl"
    return f"at most {threads}"
