"""Which implementation runs a problem: an ordered table, best first, the reference last.

Every implementation is a module of `engines`, or a row of the compiled kernels' own table. It says
in one line why it declines a problem, how much scratch memory it needs, and how large its error
can be.
"""

from functools import lru_cache
from typing import Any, NamedTuple

from ..core.arrays import Array, cast, device_of, is_numpy, lent, namespace, summed_in
from ..core.documentation import more, refused
from ..core.forks import whole
from ..core.geometry import ConvGeometry
from ..core.problem import BOTH, Execution, Problem
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

BY_NAME_ONLY = "reference"
APART = "apart"  # both gradients, by the engine of each
LENDING = ("torch", "jaxlib")  # libraries whose arrays in the computer's memory are NumPy's too


@lru_cache(maxsize=1)
def engines() -> dict[str, Any]:
    """The table. Kernels that save products come before the FFT, which is weighed against sums."""
    kernels = native.kernels()
    return {
        "vendor": vendor,
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
    """A valid problem that the engine asked for, or every engine, does not take.

    Parameters
    ----------
    message : str
        The problem, and the reason of each engine.

    See Also
    --------
    dxdw.explain

    Examples
    --------
    >>> import dxdw
    >>> try:
    ...     dxdw.conv2d([[[1, 2, 3]]], [[[[1, 1]]]], engine="winograd")
    ... except dxdw.EngineDeclined as error:
    ...     print(type(error).__name__)
    EngineDeclined
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.add_note(more("explain"))


class Verdict(NamedTuple):
    """What an engine says of a problem."""

    engine: str
    declined: str | None  # why, or None where it accepts


class Prepared(NamedTuple):
    """A problem and the engines that run it: nothing but the operands is missing."""

    problem: Problem
    names: tuple[str, ...]  # to try in turn: some look at the values and decline

    def __call__(self, *operands: Array) -> list[Array]:
        """The results, new: one, or those of both gradients."""
        problem, how = self.problem, self.problem.how
        for name in self.names:
            if name == APART or is_compiled(name):
                result = (_apart if name == APART else engines()[name].run)(problem, *operands)
            else:
                result = _by_numpy(engines()[name], problem, *operands)
            if result is not None:
                return result if problem.kind == BOTH else [result]
        raise EngineDeclined(
            f"engine {how.engine!r} declines this {self.problem.kind}: it takes finite values "
            "only, whose sums do not overflow"
        )


def run(
    kind: str,
    operands: tuple[Array, ...],
    geometry: ConvGeometry,
    how: Execution,
    held: int = 0,
    wide_dW: bool = False,
) -> list[Array]:
    """forward of (x, W), dx of (grad_out, W), dW of (grad_out, x) or both of the three: fresh.

    The caller holds `held` bytes of scratch memory itself. NumPy's 16-bit floats are summed in
    float32; wide_dW: dW is not rounded to them.
    """
    first = operands[0]
    library, device = "numpy", "cpu"
    if not is_numpy(first):
        library = type(first).__module__.partition(".")[0]
        if library in LENDING and (arrays := lent(*operands)):
            back, where = namespace(first).asarray, device_of(first)
            results = run(kind, tuple(arrays), geometry, how, held)
            return [back(result, device=where) for result in results]
        device = str(getattr(device_of(first), "type", device))
    dtype = summed_in(first.dtype) if library == "numpy" else first.dtype
    stored = first.dtype.name if dtype != first.dtype else None
    problem = Problem(
        kind, geometry, dtype, library, how, held, device, stored=stored, wide_dW=wide_dW
    )
    if not geometry.flops:  # an empty sum everywhere
        zeros, where = namespace(first).zeros, device_of(first)
        return [
            zeros(shape, dtype=first.dtype if problem.is_stored(one) else dtype, device=where)
            for one, shape in zip(problem.kinds, problem.result_shapes, strict=True)
        ]
    return prepared(problem)(*operands)


@lru_cache(maxsize=1024)
def prepared(problem: Problem) -> Prepared:
    """The problem with the engines that run it, best first.

    Raises:
        EngineDeclined: none does, or not the one that is asked for.
    """
    if problem.kind == BOTH:
        if problem.how.max_workspace is None and (name := _of_both(problem)):
            return Prepared(problem, (name, APART))
        return Prepared(problem, (APART,))
    return Prepared(problem, accepting(problem))


def _of_both(problem: Problem) -> str | None:
    """The engine that runs each gradient, where it takes both at once."""
    dx, dW = (accepting(problem._replace(kind=kind))[0] for kind in ("dx", "dW"))
    engine = engines()[dx]
    at_once = dx == dW and getattr(engine, "AT_ONCE", False) and not engine.declines(problem)
    return dx if at_once else None


def _by_numpy(engine: Any, problem: Problem, *operands: Array) -> Any:
    """By an engine in Python, which computes in the problem's dtype alone."""
    stored = operands[0].dtype
    wide = [cast(a, problem.dtype) for a in operands]
    result = blas_threads.limited(problem.how.threads, engine.run, problem, *wide)
    return (
        result.astype(stored) if result is not None and problem.is_stored(problem.kind) else result
    )


def _apart(problem: Problem, grad_out: Array, x: Array, W: Array) -> list[Array]:
    """Both gradients, one after the other."""
    return [
        *prepared(problem._replace(kind="dx"))(grad_out, W),
        *prepared(problem._replace(kind="dW"))(grad_out, x),
    ]


def decide(problem: Problem) -> tuple[Verdict, ...]:
    """Every engine's verdict, best first."""
    return tuple(Verdict(name, _declines(name, problem)) for name in engines())


def _declines(name: str, problem: Problem, *, weigh: bool = True) -> str | None:
    """Why an engine does not take a problem; weigh: also where it thinks that it doesn't pay."""
    engine = engines()[name]
    can_tell = not weigh and hasattr(engine, "impossible")
    reason: str | None = (engine.impossible if can_tell else engine.declines)(problem)
    limit = problem.how.max_workspace
    if reason is None and limit is not None and (least := _least(name, problem)) > limit:
        reason = f"needs at least {least:,} bytes of scratch memory"
    return reason


def _least(name: str, problem: Problem) -> int:
    """Bytes of scratch memory that a call needs at the least with this engine."""
    least: int = engines()[name].least_workspace(problem)
    return problem.held + least


def accepting(problem: Problem) -> tuple[str, ...]:
    """The engines to try in turn; where one is asked for by name, that one alone."""
    name = problem.how.engine
    if name is not None:
        return (_asked_for(name, problem),)
    accepted = tuple(v.engine for v in decide(problem) if not v.declined)
    accepted = tuple(engine for engine in accepted if engine != BY_NAME_ONLY)
    if accepted:
        with whole():  # with pathlib and json, a quarter of `import dxdw`, for the first call alone
            from . import tuned
        found = tuned.of(problem)
        if (
            found
            and found.engine in engines()
            and not _declines(found.engine, problem, weigh=False)
        ):
            others = (engine for engine in accepted if engine != found.engine)
            accepted = (found.engine, *others)
        return accepted
    # The array engine takes everything, so what is missing is scratch memory.
    least = min(
        _least(name, problem)
        for name, engine in engines().items()
        if name != BY_NAME_ONLY and engine.declines(problem) is None
    )
    raise EngineDeclined(
        f"max_workspace is {problem.how.max_workspace:,}: this {problem.kind} needs at least "
        f"{least:,} bytes of scratch memory"
    )


def check_name(name: str) -> None:
    """Refuses what is no engine's, also for a call that has nothing to sum."""
    if name not in engines():
        names = ", ".join(map(repr, engines()))
        why = native_library.why_missing()
        others = f". There are no compiled kernels, which have others: {why}" if why else ""
        raise refused(ValueError, f"engine is {name!r}: it must be one of {names}{others}")


def _asked_for(name: str, problem: Problem) -> str:
    """The name, of an engine that takes the problem."""
    if declined := _declines(name, problem):
        raise EngineDeclined(f"engine {name!r} declines this {problem.kind}: {declined}")
    return name


def method(engine: str, problem: Problem) -> str:
    """What an engine does to a problem, in words."""
    module = engines()[engine]
    return str(module.method(problem) if hasattr(module, "method") else module.METHOD)


def threads_in_words(engine: str | None, problem: Problem) -> str:
    """How many threads a call would use, and who decides."""
    threads = problem.how.threads
    if engine is not None and is_compiled(engine):
        most = native.handle(problem, native.kernels()[engine].index).threads
        wanted = threads or native_library.threads()
        short = "" if most == wanted else f" of {wanted}, for want of scratch memory"
        return f"at most {most}{short}, with the instruction set {native_library.isa()}"
    if engine == "fft":
        return f"{fft.workers(threads)} for transforms"
    if threads is None:
        return "as NumPy's BLAS library is set"
    if blas_threads.threadpool_controller() is None:
        return "as NumPy's BLAS library is set: limiting them needs threadpoolctl"
    return f"at most {threads}"
