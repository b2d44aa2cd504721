"""The report as text, in colours where they can be shown."""

from collections.abc import Callable

import numpy as np

from ..engines.libraries import Array
from .report import Evidence, Report

Paint = Callable[[str, str], str]  # a style and words: these in its colour

_CODES = {"good": "32", "bad": "31", "strong": "1", "dim": "2", "hint": "36"}
_MOST = 8  # rows and columns of a grid
_WIDEST_GRIDS = 3


def text(report: Report, colour: bool = False) -> str:
    """Lines of at most about 100 characters."""

    def paint(style: str, words: str) -> str:
        return f"\x1b[{_CODES[style]}m{words}\x1b[0m" if colour else words

    if report.ok:
        lines = [paint("good", f"{report.function}: right"), ""]
        return "\n".join([*lines, *_checks(report, paint)])
    lines = [f"{paint('bad', f'{report.function}: wrong')}  {report.summary}"]
    for name, cause in zip(report.causes, report.explanations, strict=True):
        lines += ["", paint("strong", name), f"  {cause.title}", f"  {cause.mathematics}"]
    if report.matched:
        lines += ["", paint("dim", "matched"), *(f"  {words}" for words in report.matched)]
    lines += _where(report, paint)
    if report.evidence is not None:
        lines += _evidence(report.evidence, paint)
    if report.causes:
        lines += ["", paint("hint", f"Hint: {report.explanations[0].hint}")]
    return "\n".join([*lines, "", *_checks(report, paint)])


def _where(report: Report, paint: Paint) -> list[str]:
    lines = []
    if report.crash is not None and report.crash.line:
        crash = report.crash
        at = ", ".join(f"{name} = {value}" for name, value in crash.at.items())
        lines += ["", paint("dim", "where"), f"  {crash.file}:{crash.line}  {crash.source}"]
        lines += [f"  {crash.what}" + (f"  ({at})" if at else "")]
    elif report.crash is not None:
        lines += ["", paint("dim", "where"), f"  {report.crash.what}"]
    if (first := report.first_wrong) is not None:
        place = ",".join(map(str, first.index))
        lines += ["", paint("dim", "first wrong")]
        lines += [
            f"  {first.result}[{place}] is {first.got:.10g}, and should be {first.expected:.10g}"
        ]
        if first.contributions:
            lines += ["  the sum of", *(f"    {part}" for part in first.contributions)]
    return lines


def _evidence(evidence: Evidence, paint: Paint) -> list[str]:
    lines = ["", paint("dim", "the smallest case found")]
    blocks = [(name, a) for name, a in evidence.arguments.items()]
    lines += _side_by_side([_grid(f"{name} {a.shape}", a) for name, a in blocks])
    if not evidence.result:
        return lines
    name, got, expected = evidence.result, evidence.got, evidence.expected
    lines += [""]
    if got.shape != expected.shape:
        return [*lines, f"  {name} has shape {got.shape}, and should have {expected.shape}"]
    with np.errstate(invalid="ignore"):
        difference = got.astype(float) - expected
    for place in _slices(difference)[:_WIDEST_GRIDS]:
        which = f"[{','.join(map(str, place))}]" if place else ""
        grids = [(f"got {name}{which}", got), ("expected", expected), ("difference", difference)]
        lines += _side_by_side([_grid(title, a[place]) for title, a in grids])
    return lines


def _slices(difference: Array) -> list[tuple[int, ...]]:
    """The planes that differ."""
    if difference.ndim <= 2:
        return [()]
    return [p for p in np.ndindex(difference.shape[:-2]) if not np.all(difference[p] == 0)]


def _grid(title: str, a: Array) -> list[str]:
    planes = a.reshape(-1, *a.shape[-2:]) if a.ndim > 2 else np.atleast_2d(a)[None]
    lines = [title]
    for number, plane in enumerate(planes[:_WIDEST_GRIDS]):
        lines += [""] if number else []
        cells = [[f"{v:.10g}" for v in row[:_MOST]] for row in plane[:_MOST]]
        width = max((len(cell) for row in cells for cell in row), default=0)
        lines += ["  ".join(cell.rjust(width) for cell in row) for row in cells]
        lines += ["…"] if max(plane.shape) > _MOST else []
    return lines + (["…"] if len(planes) > _WIDEST_GRIDS else [])


def _side_by_side(blocks: list[list[str]]) -> list[str]:
    height = max(map(len, blocks))
    columns = []
    for block in blocks:
        width = max(map(len, block))
        columns.append(
            [line.ljust(width) for line in block] + [" " * width] * (height - len(block))
        )
    return ["  " + "    ".join(row).rstrip() for row in zip(*columns, strict=True)]


def _checks(report: Report, paint: Paint) -> list[str]:
    lines = []
    for check in report.checks:
        state, style = {True: ("ok  ", "good"), False: ("FAIL", "bad"), None: ("–   ", "dim")}[
            check.right
        ]
        lines += [f"{paint(style, state)} {check.name:12} {check.question}"]
        lines += [f"       {check.detail}"] if check.detail else []
    return lines
