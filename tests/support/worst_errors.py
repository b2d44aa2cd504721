"""The largest error of every engine over its own bound, by dtype, pass and family of data.

`make numerics` runs the long form of it, prints it, and writes docs/worst_errors.json, which the
documentation draws and tests/engines/test_worst_errors.py holds to 1.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import oracles
from calls import KINDS, convolve, cost_no_object
from families import FAMILIES, Range, draw
from oracles import Case, simple

import dxdw
from dxdw.call import geometries
from dxdw.call.options import Options
from dxdw.call.plan import engines
from dxdw.core.arrays import summed_in
from dxdw.core.problem import Problem
from dxdw.engines import native_library
from dxdw.selftest.limits import limits

RECORD = Path(__file__).parents[2] / "docs/worst_errors.json"
REAL = ("float32", "float64", "bfloat16", "float16")
ALL = (*REAL, "complex64", "complex128")

_SUMMED = (
    simple((2, 3, 13, 12), (5, 3, 3, 4), pad=1),
    simple((1, 18, 12, 11), (20, 9, 3, 3), pad=1, stride=2, groups=2),
    simple((1, 5, 14, 13), (17, 5, 3, 2), pad=2, dilation=(2, 3)),
    simple((1, 40, 9, 10), (33, 40, 1, 1)),
)
# The problems of each engine, the first of them in the short form.
CASES: dict[str, tuple[Case, ...]] = {
    "winograd": (
        simple((1, 16, 14, 13), (16, 16, 3, 3), pad=1),
        simple((1, 16, 16, 13), (17, 16, 5, 5), pad=2),
        simple((2, 32, 13, 14), (32, 16, 3, 3), pad=1, groups=2),
        simple((1, 24, 21, 19), (16, 24, 3, 3), pad=2, dilation=(2, 2)),
    ),
    "depthwise": (
        simple((2, 9, 12, 17), (9, 1, 3, 3), pad=1, groups=9),
        simple((1, 6, 15, 16), (12, 1, 5, 5), pad=2, stride=2, groups=6),
    ),
    "direct": _SUMMED,
    "bfloat16": (simple((4, 64, 9, 11), (64, 64, 4, 4), pad=1),),
    "bfloat16x2": (simple((4, 64, 9, 11), (64, 64, 4, 4), pad=1),),
    "bfloat16x3": (simple((4, 64, 13, 16), (64, 64, 4, 4), pad=1),),
    "fft": (
        simple((1, 2, 18, 17), (3, 2, 9, 8), pad=4),
        simple((2, 4, 15, 16), (4, 2, 7, 7), pad=3, groups=2),
    ),
    "small": (simple((2, 3, 7, 8), (4, 3, 3, 3), pad=1), simple((1, 2, 9, 9), (3, 2, 4, 2))),
    "array": _SUMMED[:3],
    "reference": (simple((1, 2, 5, 6), (3, 2, 3, 3), pad=1),),
}


class Worst(NamedTuple):
    """The largest error over its bound."""

    engine: str
    dtype: str
    kind: str
    family: str
    ratio: float


def problem_of(kind: str, case: Case, dtype: Any) -> Problem:
    options = Options(case.padding, case.stride, case.dilation, case.groups)
    geometry, _ = geometries.convolution(case.ndim, case.x_shape, case.W_shape, options)
    wide = summed_in(dtype)
    return Problem(kind, geometry, wide, stored=None if wide == dtype else dtype.name)


def worst_errors(cases: int, seeds: Sequence[int]) -> Iterator[Worst]:
    """Of so many problems of each engine."""
    with cost_no_object(), np.errstate(all="ignore"):
        for engine in (name for name in CASES if name in engines()):
            for dtype in ALL:
                for kind in KINDS:
                    own = [
                        case
                        for case in CASES[engine][:cases]
                        if not engines()[engine].declines(problem_of(kind, case, np.dtype(dtype)))
                    ]
                    for family in FAMILIES if own else ():
                        of = [(c, family, s) for c in own for s in seeds]
                        worst = max(ratio(engine, kind, dtype, *each) for each in of)
                        yield Worst(engine, dtype, kind, family, worst)


def ratio(engine: str, kind: str, dtype: str, case: Case, family: str, seed: int) -> float:
    """Infinite where a number stands for none, or the other way round."""
    one, other = oracles.OPERANDS[kind]
    first, second = draw(family, seed, (case.shape(one), case.shape(other)), dtype)
    (unread,) = {"x", "W", "grad_out"} - {one, other}
    a = {one: first, other: second, unread: np.zeros(case.shape(unread), dtype)}
    try:
        result = convolve(kind, a, case, engine=engine)
    except dxdw.EngineDeclined:  # of these values
        return 0.0
    exact, magnitudes = oracles.exact(kind, first, second, case)
    limit = _limit(engine, problem_of(kind, case, result.dtype), first, second, exact, magnitudes)
    return _over(result, exact, limit)


def _limit(engine: str, problem: Problem, *arrays: Any) -> Any:
    """And what the oracle itself is off by; where a tile holds no number, that of sums."""
    limit = limits(engine, problem, *arrays)
    elementwise = limits("direct", problem, *arrays)
    own = oracles.gamma(problem.terms, float(np.finfo(np.longdouble).eps)) * arrays[3]
    return np.where(np.isfinite(limit), limit, elementwise) + 3 * own


def _over(result: Any, exact: Any, limit: Any) -> float:
    finite = np.isfinite(exact) & (np.abs(exact) + limit < Range.of(result.dtype).most)
    error = np.abs(oracles.extended(result) - exact)[finite]
    of_bound = np.where(error == 0, 0, error / limit[finite])
    if not np.isfinite(of_bound).all() or not _same_kind(result, exact, np.isfinite(exact)):
        return float("inf")
    return float(of_bound.max(initial=0))


def _same_kind(result: Any, exact: Any, finite: Any) -> bool:
    """Where the definition has a NaN or an infinity there is the same one (complex: no number)."""
    ours, theirs = result[~finite], exact[~finite]
    if ours.dtype.kind == "c":
        return not np.isfinite(ours).any()
    same = (ours == theirs) | (np.isnan(ours) & np.isnan(theirs))
    return bool(same.all())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    found = list(worst_errors(99, range(parser.parse_args().seeds)))
    rows: dict[tuple[str, str, str], dict[str, float]] = {}
    for worst in sorted(found):
        rows.setdefault(worst[:3], {})[worst.family] = worst.ratio
    for (engine, dtype, kind), of in rows.items():
        family = max(of, key=of.__getitem__)
        print(f"{engine:10} {dtype:10} {kind:8} {of[family]:.3f}  {family}")
    record = {
        "version": dxdw.__version__,
        "isa": native_library.isa(),
        "families": list(FAMILIES),
        "rows": [[*row, [float(f"{of[f]:.3g}") for f in FAMILIES]] for row, of in rows.items()],
    }
    RECORD.write_text(json.dumps(record, separators=(",", ":")).replace("],[", "],\n[") + "\n")
    print(f"the worst: {max(w.ratio for w in found):.3f}")


if __name__ == "__main__":
    main()
