"""The answer of `gradcheck` as HTML for notebooks: one element, no scripts, styles inline."""

from html import escape

import numpy as np

from .result import ArgumentCheck, ElementCheck, GradCheck
from .verdicts import NOT_DIFFERENTIABLE, RIGHT, UNDECIDED, WRONG

_SHOWN = 3  # elements of each kind, as in the text
_MOST = 16  # rows and columns of a map
_COLOURS = {RIGHT: "#1a7f37", WRONG: "#b2182b", UNDECIDED: "#9a6700", NOT_DIFFERENTIABLE: "#6639ba"}
_GREY = "#8884"
_CELL = "padding:2px 8px;text-align:right;font-variant-numeric:tabular-nums"


def html(found: GradCheck) -> str:
    """A `<div>`; everything in it is escaped."""
    colour = _COLOURS[RIGHT if found.ok else WRONG]
    title = f'<b style="color:{colour}">{escape(found.title)}</b>'
    parts = [f"<p>{title} ({found.mode} mode, {found.evaluations:,} evaluations)</p>"]
    parts += [f"<p>{escape(complaint)}</p>" for complaint in found.complaints]
    parts += [_argument(argument) for argument in found.arguments]
    parts += [f"<p>{escape(note)}</p>" for note in found.notes]
    style = "font-family:system-ui,sans-serif"
    return f'<div class="dxdw-gradcheck" style="{style}">{"".join(parts)}</div>'


def _argument(argument: ArgumentCheck) -> str:
    title = f"<code>args[{argument.argument}]</code> {argument.shape} {argument.dtype}"
    if argument.complaint:
        return f"<p>{title}: {escape(argument.complaint)}</p>"
    counts = ", ".join(
        f'<span style="color:{colour}">{argument.count(verdict)} {verdict}</span>'
        for verdict, colour in _COLOURS.items()
        if argument.count(verdict)
    )
    parts = [f"<p>{title}: {counts or 'no elements'}</p>"]
    if argument.verdict.ndim and not np.all(argument.verdict == RIGHT):
        parts.append(_map(argument))
    told = [e for v in _COLOURS if v != RIGHT for e in argument.elements([v], _SHOWN)]
    return "".join(parts) + (_table(told) if told else "")


def _map(argument: ArgumentCheck) -> str:
    """Where the verdicts stand: the first plane in which one is not right."""
    verdicts = np.atleast_2d(argument.verdict)
    planes = verdicts.reshape(-1, *verdicts.shape[-2:])
    number = next(k for k, plane in enumerate(planes) if not np.all(plane == RIGHT))
    place = np.unravel_index(number, verdicts.shape[:-2]) if verdicts.ndim > 2 else ()
    rows = []
    for row in planes[number][:_MOST]:
        cells = "".join(
            f'<td title="{v}" style="width:1em;height:1em;padding:0;border:1px solid {_GREY};'
            f'background:{_GREY if v == RIGHT else _COLOURS.get(v, "transparent")}"></td>'
            for v in row[:_MOST]
        )
        rows.append(f"<tr>{cells}</tr>")
    where = f"<p>plane [{', '.join(map(str, place))}]:</p>" if place else ""
    table = f'<table style="border-collapse:collapse">{"".join(rows)}</table>'
    return where + table


def _table(elements: list[ElementCheck]) -> str:
    heads = ("element", "verdict", "expected", "got", "error", "tolerance")
    rows = [f"<tr>{''.join(f'<th style={_CELL!r}>{head}</th>' for head in heads)}</tr>"]
    for e in elements:
        cells = (
            f"<code>[{', '.join(map(str, e.index))}]</code>",
            f'<span style="color:{_COLOURS[e.verdict]}">{e.verdict}</span>',
            f"{e.expected:.9g}", f"{e.got:.9g}", f"{e.error:.3g}", f"{e.tolerance:.2g}",
        )  # fmt: skip
        row = "".join(f"<td style={_CELL!r}>{cell}</td>" for cell in cells)
        rows.append(f'<tr title="tolerance: {escape(e.why, quote=True)}">{row}</tr>')
    return f"<table>{''.join(rows)}</table>"
