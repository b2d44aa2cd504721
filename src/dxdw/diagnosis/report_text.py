"""The report as text, in colours where they can be shown."""

from collections.abc import Callable, Iterable
from textwrap import fill, wrap

import numpy as np

from ..core.arrays import Array
from .report import Evidence, Report

Paint = Callable[[str, str], str]  # a style and words: these in its colour

_CODES = {"good": "32", "bad": "31", "strong": "1", "dim": "2", "hint": "36"}
_MOST = 8  # rows and columns of a grid
_WIDEST_GRIDS = 3
_WIDTH = 98


def text(report: Report, colour: bool = False) -> str:
    """Lines of at most about 100 characters."""

    def paint(style: str, words: str) -> str:
        return f"\x1b[{_CODES[style]}m{words}\x1b[0m" if colour else words

    return "\n".join([*_verdict(report, paint), "", *_checks(report, paint)])


def _verdict(report: Report, paint: Paint) -> list[str]:
    if report.ok:
        lines = [paint("good", f"{report.function}: right")]
    else:
        lines = [f"{paint('bad', f'{report.function}: wrong')}  {report.summary}"]
    if report.solved is not None:
        own = "yes" if report.solved else "no"
        # (Of what is not there yet their number says nothing.)
        extra = "" if report.missing else f"   extra checks: {report.passed}"
        lines += [f"solved: {own} (the problem's own tests){extra}"]
    if report.ok and not report.advice:
        return lines
    lines += _named(report, paint)
    if report.matched:
        lines += ["", paint("dim", "seen in its answers"), *_wrapped(report.matched)]
    elsewhere = report.evidence is not None and bool(report.evidence.result)
    if not elsewhere:
        lines += _crash(report, "where", paint)
    if report.evidence is not None:
        lines += _evidence(report.evidence, paint)
    lines += _first_wrong(report, paint)
    if elsewhere:
        lines += _crash(report, "on other arrays it stops with an error", paint)
    if not report.ok and report.causes:
        hint = fill(f"Hint: {report.explanations[0].hint}", _WIDTH)
        lines += ["", *(paint("hint", line) for line in hint.split("\n"))]
    return lines


def _named(report: Report, paint: Paint) -> list[str]:
    """The mistakes, and after them what is no more than advice."""
    lines = []
    several = len(report.causes) + len(report.missing) > 1
    for name, cause in zip(report.causes, report.explanations, strict=True):
        advice = report.is_advice(name)
        lines += ["", paint("strong", f"advice: {name}" if advice else name)]
        lines += _wrapped([cause.title] if several or advice else [])
        lines += _wrapped([cause.reason])
        lines += [f"    {line}" for line in cause.mathematics.split("\n")]
    if report.either:
        lines += ["", "  One of these is enough: both give the very same answers here."]
    return lines


def _wrapped(sentences: Iterable[str]) -> list[str]:
    lines = []
    for sentence in sentences:
        lines += wrap(sentence, _WIDTH, initial_indent="  ", subsequent_indent="  ")
    return lines


def _crash(report: Report, title: str, paint: Paint) -> list[str]:
    crash = report.crash
    if crash is None:
        return []
    lines = ["", paint("dim", title)]
    at = ", ".join(f"{name} = {value}" for name, value in crash.at.items())
    if crash.line:
        lines += [f"  {crash.file}:{crash.line}  {crash.source}"]
    return [*lines, *_wrapped([crash.what]), *([f"  {at}"] if at and crash.line else [])]


def _first_wrong(report: Report, paint: Paint) -> list[str]:
    first = report.first_wrong
    if first is None:
        return []
    place = ",".join(map(str, first.index))
    lines = ["", paint("dim", "first wrong")]
    lines += [f"  {first.result}[{place}] is {first.got:.10g}, and should be {first.expected:.10g}"]
    if first.contributions:
        several = len(first.contributions) > 1
        lines += ["  the sum of" if several else "  which is"]
        lines += [f"    {part}" for part in first.contributions]
    return lines


def _evidence(evidence: Evidence, paint: Paint) -> list[str]:
    lines = ["", paint("dim", "the smallest case found")]
    given = evidence.arguments.items()
    lines += _side_by_side([_grid(f"{name} {a.shape}" if a.ndim else name, a) for name, a in given])
    if not evidence.result:
        return lines
    name, got, expected = evidence.result, evidence.got, evidence.expected
    lines += [""]
    if got.shape != expected.shape:
        return [*lines, f"  {name} has shape {got.shape}, and should have {expected.shape}"]
    difference = evidence.difference
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
    shown = {"right": ("ok    ", "good"), "wrong": ("FAIL  ", "bad"), "advice": ("advice", "hint"),
             "not run": ("–     ", "dim")}  # fmt: skip
    for check in report.checks:
        state, style = shown[check.state]
        lines += [f"{paint(style, state)} {check.name:12} {check.question}"]
        if check.detail:
            lines += wrap(check.detail, _WIDTH, initial_indent=" " * 9, subsequent_indent=" " * 9)
    return lines
