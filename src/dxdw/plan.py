"""Which implementation runs a problem: an ordered table, best first, the reference last.

Every implementation is a module of `engines` that says in one line why it declines a problem, how
much scratch memory it needs and how large its error can be.
"""

from functools import lru_cache
from typing import Any, NamedTuple

from .arguments import Execution
from .documentation import more, refused
from .engines import (
    array_api,
    blas_threads,
    direct,
    fft,
    native,
    native_library,
    reference,
    small,
    vendor,
    winograd,
)
from .engines.libraries import Array, device_of, is_numpy, lent, namespace
from .engines.problem import Problem
from .geometry import ConvGeometry

ENGINES: dict[str, Any] = {
    "winograd": winograd,
    "fft": fft,
    "direct": direct,
    "small": small,
    "array": array_api,
    "reference": reference,
}
BY_NAME_ONLY = "reference"
COMPILED = ("winograd", "direct")  # with threads of their own
LENDING = ("torch", "jaxlib")  # libraries whose arrays in the computer's memory are NumPy's too


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
        own = None if name in COMPILED else how.threads
        result = blas_threads.limited(own, ENGINES[name].run, problem, first, second)
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
    """dx and dW in one pass over grad_out, each as run gives it; None where they are run apart."""
    if not is_numpy(grad_out) or not geometry.flops or how.max_workspace is not None:
        return None
    limits = (how.precision, None, how.threads)
    dx, dW = (Problem(kind, geometry, grad_out.dtype, "numpy", *limits) for kind in ("dx", "dW"))
    return native.run_both(dx, dW, grad_out, x, W) if _in_one_pass(dx, dW, how.engine) else None


@lru_cache(maxsize=1024)
def _in_one_pass(dx: Problem, dW: Problem, engine: str | None) -> bool:
    """Whether the kernels that would run both have a common one."""
    return all(
        accepting(problem, engine)[0] == "direct"
        and native.kernel(problem, "direct") == "depthwise"
        for problem in (dx, dW)
    ) and native.both_fit(dx, dW)


@lru_cache(maxsize=1024)
def decide(problem: Problem) -> tuple[Verdict, ...]:
    """Every engine's verdict, best first."""
    return tuple(Verdict(name, _declines(name, problem)) for name in ENGINES)


def _declines(name: str, problem: Problem) -> str | None:
    reason: str | None = ENGINES[name].declines(problem)
    limit = problem.max_workspace
    if reason is None and limit is not None and (least := _least(name, problem)) > limit:
        reason = f"needs at least {least:,} bytes of scratch memory"
    return reason


def _least(name: str, problem: Problem) -> int:
    """Bytes of scratch memory that a call needs at the least with this engine."""
    least: int = ENGINES[name].least_workspace(problem)
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
            for name, engine in ENGINES.items()
            if name != BY_NAME_ONLY and engine.declines(problem) is None
        )
        raise EngineDeclined(
            f"max_workspace is {problem.max_workspace:,}: this {problem.kind} needs at least "
            f"{least:,} bytes of scratch memory"
        )
    if name not in ENGINES:
        names = ", ".join(map(repr, ENGINES))
        raise refused(ValueError, f"engine is {name!r}: it must be one of {names}")
    declined = dict(verdicts)[name]
    if declined:
        raise EngineDeclined(f"engine {name!r} declines this {problem.kind}: {declined}")
    return (name,)


def method(engine: str, problem: Problem) -> str:
    """What an engine does to a problem, in words."""
    module = ENGINES[engine]
    return str(module.method(problem) if hasattr(module, "method") else module.METHOD)


def threads_in_words(engine: str | None, threads: int | None) -> str:
    """How many threads a call would use, and who decides."""
    if engine in COMPILED:
        most = threads or native_library.threads()
        return f"at most {most}, with the instruction set {native_library.isa()}"
    if engine == "fft":
        return f"{fft.workers(threads)} for transforms"
    if threads is None:
        return "as NumPy's BLAS library is set"
    if blas_threads.threadpool_controller() is None:
        return "as NumPy's BLAS library is set: limiting them needs threadpoolctl"
    return f"at most {threads}"
