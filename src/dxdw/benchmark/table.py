"""The rows, their means and the figures as text, no wider than 140 columns."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from . import figures
from .ours import NAME
from .peers import TITLES
from .rows import Row, Setting, in_words
from .task import DTYPES, KINDS

_SHORT = {"float32": "fp32", "float64": "fp64"}

LEGEND = """\
Every answer was checked; a process for each problem; medians of interleaved rounds, with ± half the
distance of the quarter points. GFLOP/s: of the definition's operations. peak: their part of the
measured FMA peak, over 100 % where an algorithm saves products. memory: the part of the measured
bandwidth, where memory-bound. ×: how many times as fast dxdw is as the peer's fastest way (PyTorch
in NCHW or NHWC); the next columns say the same, over the first peer, in other settings. MB: scratch
memory. error: over the largest element; a * after it: other programs took CPUs from this row or its
other settings, whose times are too long."""


class Pass(NamedTuple):
    """All rows of one pass in one dtype: the main one, and those of other settings."""

    main: Row
    others: dict[tuple[Setting, str], Row]  # by setting and precision


class Column(NamedTuple):
    """A column: its heading, its width (negative: to the left), and what stands in it."""

    title: str
    width: int
    cell: Callable[[Pass], str]

    def set(self, text: str) -> str:
        return text.ljust(-self.width) if self.width < 0 else text.rjust(self.width)


def columns(
    peers: Sequence[str], settings: Sequence[Setting], precisions: Sequence[str]
) -> list[Column]:
    """The columns of a run."""
    # The other settings are compared by the first peer alone.
    first = peers[0] if peers else ""
    found = [
        Column("problem", -21, lambda p: p.main.problem.name),
        Column("N", 2, lambda p: f"{p.main.batch}"),
        Column("", -5, lambda p: f" {_SHORT[p.main.dtype]}"),
        Column(" pass", -9, lambda p: f" {p.main.kind}"),
        Column("engine", -9, lambda p: p.main.engine[:8]),
        Column("ms", 8, lambda p: _milliseconds(p.main.seconds)),
        Column("±", 5, lambda p: _spread(p.main)),
        Column("GFLOP/s", 8, lambda p: f"{p.main.gflops:.1f}"),
        Column("peak", 6, lambda p: _percent(p.main.of_peak)),
        Column("memory", 7, lambda p: _percent(p.main.of_bandwidth)),
    ]
    found += [
        Column(f"×{TITLES[peer]}", max(7, len(TITLES[peer]) + 2), _ratio_cell(peer))
        for peer in peers
    ]
    found += [
        Column(title, max(7, len(title) + 1), _other_cell(first, setting, precisions[0]))
        for setting in settings[1:]
        for title in [_title(setting, settings[0])]
    ]
    found += [
        Column(precision, 8, _other_cell(first, settings[0], precision))
        for precision in precisions[1:]
    ]
    found += [
        Column("MB", 6, lambda p: f"{p.main.workspace / 1e6:.1f}"),
        Column("error", 7, lambda p: f"{p.main.error:.0e}{'*' if _crowded(p) else ' '}"),
    ]
    return found


def heading(table: Sequence[Column]) -> str:
    """The titles, with a line beneath."""
    titles = "".join(column.set(column.title) for column in table)
    return f"{titles}\n{'-' * len(titles)}"


def lines(table: Sequence[Column], rows: Iterable[Row]) -> list[str]:
    """A line for each pass in each dtype, and one for whatever had to be left out of it."""
    passes: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        passes.setdefault((row.notation, row.dtype, row.kind), []).append(row)
    text = []
    for together in passes.values():
        main = together[0]
        others = {(Setting(r.threads, r.caches), r.precision): r for r in together}
        one = Pass(main, others)
        text.append("".join(column.set(column.cell(one)) for column in table))
        text += [f"    without {name}: {why}" for name, why in main.left_out.items()]
    return text


def summary(rows: Sequence[Row]) -> str:
    """The means of the groups, the rows behind and the figures."""
    text = [*_means(rows), "", *_behind(rows), "", *_figures(rows)]
    crowded = sum(row.crowded for row in rows)
    if crowded:
        text += ["", f"{crowded} of {len(rows)} rows (*) missed CPUs that other programs had"]
    return "\n".join(text)


def _means(rows: Sequence[Row]) -> list[str]:
    table = figures.means(rows)
    if not table:
        return ["No ratios over PyTorch: it was not timed."]
    cells = [
        (dtype, kind)
        for dtype in DTYPES
        for kind in KINDS
        if any((dtype, kind) in means for means in table.values())
    ]
    width = max(map(len, table))
    title = "geometric mean of ×PyTorch"
    text = [f"{title:<{width}}" + "".join(f"{_SHORT[d] + ' ' + k:>13}" for d, k in cells)]
    for name, means in table.items():
        text.append(f"{name:<{width}}" + "".join(f"{_ratio(means.get(c)):>13}" for c in cells))
    return text


def _behind(rows: Sequence[Row]) -> list[str]:
    compared = [row for row in rows if row.precision == "high" and row.ratio() is not None]
    slower = figures.behind(rows)
    text = [f"rows behind PyTorch: {len(slower)} of {len(compared)}"] if compared else []
    return text + [f"  {_ratio(row.ratio())}  {row.label}" for row in slower]


def _figures(rows: Sequence[Row]) -> list[str]:
    text = []
    for figure in figures.figures(rows):
        mark = {True: "met", False: "NOT MET", None: "–"}[figure.met]
        text += [f"{mark:<8}{figure.what}: {figure.goal}", f"        {figure.measured}"]
    return text


def _crowded(p: Pass) -> bool:
    return any(row.crowded for row in p.others.values())


def _ratio_cell(peer: str) -> Callable[[Pass], str]:
    return lambda p: _ratio(p.main.ratio(peer))


def _other_cell(peer: str, setting: Setting, precision: str) -> Callable[[Pass], str]:
    """The ratio over a peer in another setting, or the time where that was not measured."""

    def cell(p: Pass) -> str:
        row = p.others.get((setting, precision))
        if row is None:
            return "–"
        ratio = row.ratio(peer)
        return f"{_milliseconds(row.seconds)} ms" if ratio is None else _ratio(ratio)

    return cell


def _title(setting: Setting, main: Setting) -> str:
    threads = in_words(setting.threads)
    if setting.caches == main.caches:
        return threads
    return setting.caches if setting.threads == main.threads else f"{setting.caches}, {threads}"


def _milliseconds(seconds: float) -> str:
    ms = seconds * 1e3
    return f"{ms:.4f}" if ms < 1 else f"{ms:#.4g}"


def _spread(row: Row) -> str:
    half = 50 * row.timings[NAME].spread
    return f"{half:.0f}%" if half < 99.5 else ">99%"


def _percent(part: float | None) -> str:
    return "–" if part is None else f"{part:.0%}"


def _ratio(ratio: float | None) -> str:
    return "–" if ratio is None else f"{ratio:.2f}"
