"""The table of `dxdw bench`: every row checked first, then timed."""

import json
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..convolution import conv2d, conv2d_backward
from ..explanation import explain
from ..geometry import ConvGeometry
from . import problems, usual_ways
from .measure import Timing, interleaved

KINDS = ("forward", "dx", "dW")


class Row(NamedTuple):
    """One pass of one problem in one dtype."""

    problem: str
    batch: int
    kind: str
    dtype: str
    engine: str
    gflops: float
    timings: dict[str, Timing]

    @property
    def best_other(self) -> str:
        others = {name: t for name, t in self.timings.items() if name != "dxdw"}
        return min(others, key=lambda name: others[name].median)

    @property
    def ratio(self) -> float:
        """How many times as fast as the fastest usual way."""
        return self.timings[self.best_other].median / self.timings["dxdw"].median


def bench(
    lists: Sequence[str], dtypes: Sequence[str], rounds: int, seconds: float, json_file: Path | None
) -> None:
    """Prints a line for each row as it is measured, then the means and what fell behind."""
    print(HEADING)
    rows = []
    # What was allocated and freed before decides whether an array's pages are fresh, and that alone
    # is worth up to five times on a small problem: each problem has a process to itself.
    with ProcessPoolExecutor(1, get_context("spawn"), max_tasks_per_child=1) as process:
        for name in lists:
            for problem in problems.load(name):
                for dtype in dtypes:
                    for row in process.submit(measure, problem, dtype, rounds, seconds).result():
                        print(line(row), flush=True)
                        rows.append(row)
    print(summary(rows))
    if json_file is not None:
        report = {"numpy": np.__version__, "python": sys.version.split()[0]}
        table = [{**row._asdict(), "ratio": row.ratio} for row in rows]
        json_file.write_text(json.dumps({**report, "rows": table}, indent=1) + "\n", "utf-8")


def measure(problem: problems.ConvProblem, dtype: str, rounds: int, seconds: float) -> list[Row]:
    """The rows of one problem: forward, dx and dW against the usual ways."""
    rng = np.random.default_rng(0)
    geometry = problem.geometry
    x = rng.standard_normal(geometry.x_shape).astype(dtype)
    W = rng.standard_normal(geometry.W_shape).astype(dtype)
    grad_out = rng.standard_normal(geometry.out_shape).astype(dtype)
    options: dict[str, Any] = {
        "padding": problem.padding,
        "stride": problem.stride,
        "dilation": problem.dilation,
        "groups": problem.groups,
    }
    rows = []
    for kind in KINDS:

        def ours(kind: str = kind) -> Any:
            if kind == "forward":
                return conv2d(x, W, **options)
            return conv2d_backward(grad_out, x, W, **options, needs=(kind,))[0]

        ways = {"dxdw": ours, **usual_ways.ways(kind, problem, x, W, grad_out)}
        check(ways, geometry, kind, dtype)
        timings = interleaved(ways, rounds, seconds)
        engine = explain(kind, x.shape, W.shape, **options, dtype=dtype).engine
        gflops = geometry.flops / timings["dxdw"].median / 1e9
        rows.append(Row(problem.name, geometry.batch, kind, dtype, str(engine), gflops, timings))
    return rows


def check(ways: dict[str, Any], geometry: ConvGeometry, kind: str, dtype: str) -> None:
    """Every way gives the same answer, or nothing is timed."""
    results = {name: way() for name, way in ways.items()}
    ours = results["dxdw"]
    scale = float(np.abs(ours).max())
    # Random data: the error grows with the root of the number of terms. 30 is generous for any
    # order of summation and far below what a wrong term would do.
    tolerance = 30 * float(np.finfo(dtype).eps) * geometry.terms[kind] ** 0.5
    for name, result in results.items():
        error = float(np.abs(result - ours).max()) / scale
        if result.shape != ours.shape or error > tolerance:
            raise ArithmeticError(f"{name} differs from dxdw by {error:.1e} of the largest element")


HEADING = (
    "Medians of interleaved rounds, warm caches, a process for each problem; GFLOP/s of the\n"
    "definition's operations.\n"
    f"{'problem':<24}{'N':>3} {'dtype':<8}{'pass':<8}{'engine':<7}{'ms':>9}{'GFLOP/s':>9}"
    f"{'times as fast as the best usual way':>38}"
)


def line(row: Row) -> str:
    """A row as text."""
    ours = row.timings["dxdw"]
    others = sorted(
        (t.median / ours.median, name) for name, t in row.timings.items() if name != "dxdw"
    )
    ratios = ", ".join(f"{ratio:.2f} {name}" for ratio, name in others)
    return (
        f"{row.problem:<24}{row.batch:>3} {row.dtype:<8}{row.kind:<8}{row.engine:<7}"
        f"{ours.median * 1e3:>9.3f}{row.gflops:>9.2f}   {ratios}"
    )


def summary(rows: Sequence[Row]) -> str:
    """The geometric means, and the rows on which a usual way was faster."""
    lines = []
    for kind in KINDS:
        ratios = [row.ratio for row in rows if row.kind == kind]
        if ratios:
            mean = float(np.exp(np.mean(np.log(ratios))))
            lines.append(f"{kind}: {mean:.2f} times the best usual way, geometric mean")
    behind = [row for row in rows if row.ratio < 1]
    lines.append(f"rows behind: {len(behind)} of {len(rows)}")
    lines += [f"  {r.problem} N={r.batch} {r.dtype} {r.kind}: {r.ratio:.2f}" for r in behind]
    return "\n".join(lines)
