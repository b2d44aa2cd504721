"""The ratios over PyTorch as a picture: a line for each problem, a dot for each pass and dtype."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..core.files import replacing
from .figures import geometric_mean, main_rows
from .report import Run
from .rows import Row, in_words
from .task import KINDS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Told apart with every common colour blindness; the marker tells the pass.
COLOURS = {"float32": "#0072b2", "float64": "#d55e00"}
MARKERS = dict(zip(KINDS, "o<>D", strict=True))
TICKS = (0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)
LOWEST, HIGHEST = 0.1, 200.0  # ratios beyond stand at the edge
LINE, MARGIN = 0.19, 1.6  # inches


def write_png(run: Run, file: Path) -> None:
    """Draw the main rows of a run, and replace the file by the picture."""
    # Not pyplot: no global state, no display, and nothing of the user's own settings.
    from matplotlib import rc_context, rcdefaults
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    halves = columns(grouped(main_rows(run.rows)))
    lines = max((sum(len(rows) + 1 for rows in half.values()) for half in halves), default=1)
    with rc_context():
        rcdefaults()
        figure = Figure(figsize=(13, MARGIN + LINE * max(lines, 8)), layout="constrained")
        FigureCanvasAgg(figure)
        figure.suptitle(_title(run), fontsize=13)
        axes = figure.subplots(1, max(len(halves), 1), sharex=True, squeeze=False)[0]
        for ax, half in zip(axes, halves, strict=False):
            _draw(ax, half)
        if halves:
            axes[0].set_xlim(_limits(run.rows))
            _legend(axes[0], run)
        else:
            axes[0].text(0.5, 0.5, "not timed beside PyTorch", ha="center", va="center")
            axes[0].set_axis_off()
        with replacing(file) as into:
            figure.savefig(into, format="png", dpi=110)


# By list and problem: its rows that have a ratio.
Lists = dict[str, dict[str, list[Row]]]


def grouped(rows: Sequence[Row]) -> Lists:
    """The rows that were timed beside PyTorch, by list and problem, in their order."""
    lists: Lists = {}
    for row in rows:
        if row.ratio() is not None:
            name = f"{row.problem.name}  N={row.batch}"
            lists.setdefault(row.list, {}).setdefault(name, []).append(row)
    return lists


def columns(lists: Lists) -> list[Lists]:
    """The lists side by side in two columns of about the same height, or in one if they are few."""
    total = sum(len(problems) + 1 for problems in lists.values())
    if total <= 16:
        return [lists] if lists else []
    left: Lists = {}
    right: Lists = {}
    height = 0
    for name, problems in lists.items():
        (left if height + len(problems) / 2 < total / 2 else right)[name] = problems
        height += len(problems) + 1
    return [left, right]


def _draw(ax: "Axes", lists: Lists) -> None:
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    names: list[str] = []
    places: list[float] = []
    y = 0.0
    for name, problems in lists.items():
        ax.axhline(y - 0.5, color="0.75", linewidth=0.6)
        ax.text(0.995, y, name.replace("_", " "), transform=ax.get_yaxis_transform(),
                ha="right", va="center", fontsize=9, fontweight="bold")  # fmt: skip
        for problem, rows in problems.items():
            y += 1
            _dots(ax, y, rows)
            names.append(problem)
            places.append(y)
        y += 1
    ax.axvspan(LOWEST / 2, 1, color="0.93", zorder=0, linewidth=0)
    ax.axvline(1, color="0.2", linewidth=1)
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(FixedLocator(TICKS))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda ratio, _: f"{ratio:g}×"))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.tick_params(axis="x", top=True, labeltop=True, labelsize=9)
    ax.tick_params(axis="y", length=0)
    ax.set_yticks(places, names, fontsize=8)
    ax.set_ylim(y - 0.4, -0.6)
    ax.grid(axis="x", color="0.85", linewidth=0.6)
    ax.set_axisbelow(True)
    ax.set_xlabel("times as fast as the faster of PyTorch's NCHW and NHWC")
    for side in ("left", "right"):
        ax.spines[side].set_visible(False)


def _limits(rows: Sequence[Row]) -> tuple[float, float]:
    """Half to twice at least, so that 1 never stands at an edge."""
    ratios = [ratio for row in main_rows(rows) if (ratio := row.ratio())]
    return max(LOWEST, min(0.55, *ratios) * 0.85), min(HIGHEST, max(2.0, *ratios) * 1.15)


def _dots(ax: "Axes", y: float, rows: Sequence[Row]) -> None:
    for place, dtype in zip((y - 0.17, y + 0.17), COLOURS, strict=True):
        here = [row for row in rows if row.dtype == dtype]
        ratios = [min(max(row.ratio() or 1.0, LOWEST), HIGHEST) for row in here]
        colour = COLOURS[dtype]
        if ratios:
            ax.plot([min(ratios), max(ratios)], [place] * 2, color=colour, alpha=0.35, linewidth=1)
        for row, ratio in zip(here, ratios, strict=True):
            ax.plot(ratio, place, MARKERS[row.kind], color=colour, markersize=4.2, alpha=0.85,
                    markeredgewidth=0)  # fmt: skip


def _legend(ax: "Axes", run: Run) -> None:
    from matplotlib.lines import Line2D

    rows = main_rows(run.rows)
    handles = [
        Line2D([], [], color=colour, linewidth=4, label=dtype)
        for dtype, colour in COLOURS.items()
        if any(row.dtype == dtype for row in rows)
    ]
    handles += [
        Line2D([], [], color="0.3", marker=MARKERS[kind], linestyle="", markersize=6, label=kind)
        for kind in KINDS
        if any(row.kind == kind for row in rows)
    ]
    ax.figure.legend(
        handles=handles, loc="outside lower center", ncols=len(handles), frameon=False, fontsize=10
    )


def _title(run: Run) -> str:
    machine, setting = run.machine, run.settings[0]
    means = []
    for dtype in COLOURS:
        ratios = [r for row in main_rows(run.rows) if row.dtype == dtype and (r := row.ratio())]
        if ratios:
            means.append(f"{geometric_mean(ratios):.2f}× in {dtype}")
    compared = f"dxdw beside PyTorch {run.peers.get('PyTorch', '(not timed)')}"
    where = (
        f"{machine['cpu']}, {machine['isa']}, {in_words(setting.threads)}, {setting.caches} caches"
    )
    return f"{compared}: {', '.join(means) or 'no ratios'} (geometric mean)\n{where}"
