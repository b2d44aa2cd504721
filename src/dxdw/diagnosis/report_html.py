"""The report as HTML for notebooks and pages: one element, no scripts, its own styles inline."""

from html import escape

import numpy as np

from ..core.arrays import Array
from .causes import Cause
from .report import Evidence, Report

_MOST = 12  # rows and columns of a heat map
_PLANES = 6
_CELL = "padding:2px 6px;text-align:right;border:1px solid #8884;font-variant-numeric:tabular-nums"
_ROW = "display:flex;gap:1.5em;flex-wrap:wrap"
_BLUE, _RED = (33, 102, 172), (178, 24, 43)


def html(report: Report) -> str:
    """A `<div>`; everything of the learner's in it is escaped."""
    right = report.ok
    colour, word = ("#1a7f37", "right") if right else ("#b2182b", "wrong")
    verdict = f'<span style="color:{colour}">{word}</span>'
    parts = [f"<h3><code>{escape(report.function)}</code>: {verdict}</h3>"]
    if report.solved is not None:
        own = "yes" if report.solved else "no"
        extra = "" if report.missing else f" Extra checks: {report.passed}."
        parts.append(f"<p>Solved: {own} (the problem's own tests).{extra}</p>")
    if not right or report.advice:
        parts.append(f"<p>{escape(report.summary)}</p>")
        several = len(report.causes) + len(report.missing) > 1
        parts += [
            _cause(name, cause, report.is_advice(name), several)
            for name, cause in zip(report.causes, report.explanations, strict=True)
        ]
        if report.either:
            parts.append("<p>One of these is enough: both give the very same answers here.</p>")
        if report.matched:
            parts.append(f"<p>Seen in its answers: {escape('; '.join(report.matched))}.</p>")
        parts += [_where(report)]
        if report.evidence is not None:
            parts.append(_evidence(report.evidence))
        if report.causes and not right:
            parts.append(f"<p><b>Hint.</b> {escape(report.explanations[0].hint)}</p>")
    parts.append(_checks(report))
    return (
        f'<div class="dxdw-report" style="font-family:system-ui,sans-serif">{"".join(parts)}</div>'
    )


def _cause(name: str, cause: Cause, advice: bool, several: bool) -> str:
    label = (
        f"<i>Advice</i> <code>{escape(name)}</code>" if advice else f"<code>{escape(name)}</code>"
    )
    title = f"{escape(cause.title)}.<br>" if several or advice else ""
    words = title + escape(cause.reason)
    code = f'<pre style="margin:.3em 0 1em 2em">{escape(cause.mathematics)}</pre>'
    return f'<p style="margin-bottom:0">{label}: {words}</p>{code}'


def _where(report: Report) -> str:
    parts = []
    if (crash := report.crash) is not None:
        at = ", ".join(f"{name} = {value}" for name, value in crash.at.items())
        place = f"{escape(crash.file)}, line {crash.line}: <code>{escape(crash.source)}</code><br>"
        elsewhere = report.evidence is not None and report.evidence.result
        before = "On other arrays it stops with an error.<br>" if elsewhere else ""
        where = before + (place if crash.line else "")
        parts.append(f"<p>{where}{escape(crash.what)} {escape(at)}</p>")
    if (first := report.first_wrong) is not None:
        place = ",".join(map(str, first.index))
        of = ("", ", which is", ", the sum of")[min(len(first.contributions), 2)]
        parts.append(
            f"<p>First wrong: <code>{first.result}[{place}]</code> is {first.got:.10g}, and should "
            f"be {first.expected:.10g}{of}</p>"
        )
        if first.contributions:
            rows = "<br>".join(map(escape, first.contributions))
            parts.append(f'<p style="margin-left:2em"><code>{rows}</code></p>')
    return "".join(parts)


def _evidence(evidence: Evidence) -> str:
    row = "".join(_maps(name, a) for name, a in evidence.arguments.items())
    parts = [f'<p>The smallest case found:</p><div style="{_ROW}">{row}</div>']
    name, got, expected = evidence.result, evidence.got, evidence.expected
    if name and got.shape == expected.shape:
        difference = ("difference", evidence.difference)
        maps = ((f"got {name}", got), ("expected", expected), difference)
        row = "".join(_maps(title, a) for title, a in maps)
        parts.append(f'<div style="{_ROW};margin-top:1em">{row}</div>')
    elif name:
        parts.append(f"<p>{name} has shape {got.shape}, and should have {expected.shape}.</p>")
    return "".join(parts)


def _maps(title: str, a: Array) -> str:
    """Heat maps of the planes of an array: blue below zero, red above."""
    planes = a.reshape(-1, *a.shape[-2:]) if a.ndim > 2 else np.atleast_2d(a)[None]
    finite = np.abs(a[np.isfinite(a)])
    most = float(finite.max(initial=0.0)) or 1.0
    tables = "".join(_map(plane, most) for plane in planes[:_PLANES])
    more = "<p>…</p>" if len(planes) > _PLANES else ""
    shape = f" {a.shape}" if a.ndim else ""
    return f"<div><div>{escape(title)}{shape}</div>{tables}{more}</div>"


def _map(plane: Array, most: float) -> str:
    rows = []
    for row in plane[:_MOST]:
        cells = "".join(
            f'<td style="{_CELL};background:{_shade(float(v), most)}">{v:.6g}</td>'
            for v in row[:_MOST]
        )
        rows.append(f"<tr>{cells}{'<td>…</td>' if len(row) > _MOST else ''}</tr>")
    rows += ["<tr><td>…</td></tr>"] if len(plane) > _MOST else []
    return f'<table style="border-collapse:collapse;margin:.3em 0">{"".join(rows)}</table>'


def _shade(value: float, most: float) -> str:
    """Transparent for 0, so that it fits a light and a dark page."""
    if not np.isfinite(value):
        return "#ffd33d"
    r, g, b = _BLUE if value < 0 else _RED
    return f"rgba({r},{g},{b},{0.6 * abs(value) / most:.3f})"


def _checks(report: Report) -> str:
    marks = {"right": ("✓", "#1a7f37"), "wrong": ("✗", "#b2182b"), "advice": ("!", "#9a6700"),
             "not run": ("–", "#888")}  # fmt: skip
    rows = []
    for check in report.checks:
        mark, colour = marks[check.state]
        detail = f"<br>{escape(check.detail)}" if check.detail else ""
        words = f"<b>{check.name}</b> {escape(check.question)}{detail}"
        rows.append(
            f'<tr><td style="color:{colour}">{mark}</td>'
            f'<td style="text-align:left">{words}</td></tr>'
        )
    # What is not recognised has its checks to go by.
    opened = "" if report.causes or report.ok else " open"
    table = f"<table>{''.join(rows)}</table>"
    return f"<details{opened}><summary>Checks</summary>{table}</details>"
