"""What the rows come to: geometric means, the rows behind, and the figures that are aimed at.

A ratio is how many times as fast as the faster layout of PyTorch. "least" means that every row of
a figure has to reach it. Where no other setting is named, rows count in the main one: warm caches
and the most threads, by the default precision.
"""

from collections.abc import Callable, Iterable, Sequence
from math import exp, log
from typing import NamedTuple

from . import groups
from .problems import ConvProblem
from .rows import Row

MEBIBYTE = 1 << 20
BOTH = "dx+dW"


class Figure(NamedTuple):
    """A figure: what it is of, the goal, what was measured, and whether the goal was met."""

    what: str
    goal: str
    measured: str
    met: bool | None  # None where there was nothing to measure it by


def geometric_mean(numbers: Sequence[float]) -> float:
    """exp of the mean logarithm."""
    return exp(sum(map(log, numbers)) / len(numbers))


def main_rows(rows: Iterable[Row]) -> list[Row]:
    """Those of the main setting and the default precision."""
    return [row for row in rows if row.main and row.precision == "high"]


def behind(rows: Iterable[Row]) -> list[Row]:
    """Rows of the default precision, in any setting, on which PyTorch is faster; worst first."""
    slower = [r for r in rows if r.precision == "high" and (ratio := r.ratio()) and ratio < 1]
    return sorted(slower, key=lambda row: row.ratio() or 0.0)


def figures(rows: Sequence[Row]) -> list[Figure]:
    """Every figure, in the order of the list that was set before anything was measured."""
    main = main_rows(rows)
    every = [row for row in rows if row.precision == "high"]
    fp32 = [row for row in main if row.dtype == "float32"]
    each = ("dx", "dW")
    wide, small = (_of(fp32, g) for g in (groups.wide_3x3, groups.small_3x3))
    few = _of(main, groups.few_channels)
    depthwise = _of(main, groups.depthwise)
    example = [r for r in main if r.problem.name == groups.EXAMPLE_1 and r.kind == BOTH]
    return [
        _ratios("every row, in every setting", every, least=1.0),
        _ratios(
            "3×3, 16 channels and more, 28² and larger, float32: dx+dW", _kind(wide, BOTH), 2.5
        ),
        _ratios("the same: dx and dW, each", _kind(wide, *each), 2.0),
        _ratios("the same at 7² to 27²: dx, dW, dx+dW", _kind(small, *each, BOTH), 1.6),
        _ratios("fewer than 16 channels in or out", few, least=1.5, mean=3.0),
        _ratios("float64", [row for row in main if row.dtype == "float64"], mean=3.0),
        _ratios("depthwise", depthwise, least=1.5),
        _bandwidth("depthwise, where memory-bound", depthwise, 0.7),
        _ratios("kernels of 11 and more", _of(main, groups.large_kernel), least=5.0),
        _ratios("Example 1, dx+dW in one call from Python", example, least=2.0),
        _ratios("float32", fp32, mean=2.5),
        _ratios(
            'precision="highest"', [r for r in rows if r.precision == "highest"], 0.85, mean=1.0
        ),
        _speedup("2 threads over 1, rows over 100 MFLOP", every, 1.8),
        _workspace("scratch memory beyond the tensors' size", rows, 8 * MEBIBYTE),
    ]


def means(rows: Iterable[Row]) -> dict[str, dict[tuple[str, str], float]]:
    """Geometric means of the main rows' ratios: for each group, by dtype and kind."""
    main = [(row, ratio) for row in main_rows(rows) if (ratio := row.ratio())]
    everything: dict[str, Callable[[ConvProblem], bool]] = {"all": lambda _: True}
    table = {}
    for name, belongs in (everything | groups.GROUPS).items():
        cells: dict[tuple[str, str], list[float]] = {}
        for row, ratio in main:
            if belongs(row.problem):
                cells.setdefault((row.dtype, row.kind), []).append(ratio)
        if cells:
            table[name] = {cell: geometric_mean(ratios) for cell, ratios in cells.items()}
    return table


def _of(rows: Iterable[Row], belongs: Callable[[ConvProblem], bool]) -> list[Row]:
    return [row for row in rows if belongs(row.problem)]


def _kind(rows: Iterable[Row], *kinds: str) -> list[Row]:
    return [row for row in rows if row.kind in kinds]


def _ratios(
    what: str, rows: Iterable[Row], least: float | None = None, mean: float | None = None
) -> Figure:
    """Ratios over PyTorch: the least, the geometric mean, or both must reach a number."""
    goals = [] if mean is None else [f"mean ≥ {mean:g}×"]
    goals += [] if least is None else [f"least ≥ {least:g}×"]
    goal = ", ".join(goals)
    measured = [(ratio, row) for row in rows if (ratio := row.ratio())]
    if not measured:
        return Figure(what, goal, "not measured", None)
    lowest, where = min(measured, key=lambda pair: pair[0])
    average = geometric_mean([ratio for ratio, _ in measured])
    met = (least is None or lowest >= least) and (mean is None or average >= mean)
    short = sum(ratio < least for ratio, _ in measured) if least is not None else 0
    below = f", {short} of {len(measured)} rows below {least:g}" if short else ""
    told = f"mean {average:.2f}×, least {lowest:.2f}× ({where.label}){below}"
    return Figure(what, goal, told, met)


def _bandwidth(what: str, rows: Iterable[Row], least: float) -> Figure:
    goal = f"least ≥ {least:.0%} of the measured bandwidth"
    return _least(
        what, goal, [(b, row) for row in rows if (b := row.of_bandwidth)], least, "{:.0%}"
    )


def _speedup(what: str, rows: Iterable[Row], least: float) -> Figure:
    alone, pairs = {}, []
    warm = [row for row in rows if row.caches == "warm" and row.flops > 100e6]
    for row in warm:
        if row.threads == 1:
            alone[row.notation, row.dtype, row.kind] = row.seconds
    for row in warm:
        one = alone.get((row.notation, row.dtype, row.kind))
        if row.threads == 2 and one is not None:
            pairs.append((one / row.seconds, row))
    return _least(what, f"least ≥ {least:g}×", pairs, least, "{:.2f}×")


def _least(
    what: str, goal: str, pairs: Sequence[tuple[float, Row]], least: float, shown: str
) -> Figure:
    if not pairs:
        return Figure(what, goal, "not measured", None)
    lowest, where = min(pairs, key=lambda pair: pair[0])
    average = geometric_mean([number for number, _ in pairs])
    short = sum(number < least for number, _ in pairs)
    below = f", {short} of {len(pairs)} rows below" if short else ""
    told = f"mean {shown.format(average)}, least {shown.format(lowest)} ({where.label}){below}"
    return Figure(what, goal, told, lowest >= least)


def _workspace(what: str, rows: Iterable[Row], most: int) -> Figure:
    goal = f"at most {most >> 20} MiB"
    beyond = [(row.workspace - row.tensor_bytes, row) for row in rows]
    if not beyond:
        return Figure(what, goal, "not measured", None)
    highest, where = max(beyond, key=lambda pair: pair[0])
    told = f"{highest / MEBIBYTE:.1f} MiB ({where.label})" if highest > 0 else "less everywhere"
    return Figure(what, goal, told, highest <= most)
