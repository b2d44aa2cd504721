"""The report as a picture."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.files import replacing
from .report import Report

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import SubFigure

# Red is positive, blue negative, and white zero: told apart with every common colour blindness.
_SIGNED = "RdBu_r"
_BLUE, _ORANGE = "#0072b2", "#d55e00"


def write_png(report: Report, path: Path) -> None:
    """Draw the report, and replace the file at path by it."""
    # Not pyplot: no global state, no display, and nothing of the user's own settings.
    from matplotlib import rc_context, rcdefaults
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with rc_context():
        rcdefaults()
        figure = Figure(figsize=(12, 8.6), layout="constrained")
        FigureCanvasAgg(figure)
        figure.suptitle(
            f"TinyCNN on handwritten digits: {report.score}\n\n", fontsize=15, fontweight="bold"
        )
        facts = f"{report.recipe}\n{report.check_line}"
        figure.text(0.5, 0.962, facts, ha="center", va="top", fontsize=9)
        halves: Any = figure.subfigures(2, 1, height_ratios=(1.15, 1), hspace=0.04)
        quarters: Any = halves[0].subfigures(1, 2, width_ratios=(0.8, 1), wspace=0.04)
        _kernels(quarters[0], report)
        _curves(quarters[1], report)
        _digits(halves[1], report)
        with replacing(path) as file:
            figure.savefig(file, format="png", dpi=120)


def _kernels(figure: "SubFigure", report: Report) -> None:
    from matplotlib.patches import Rectangle

    figure.suptitle("Learned kernels of the first layer (conv1.W)", fontsize=12)
    most = np.abs(report.kernels).max() or 1
    ax = figure.subplots()  # one for all: laying out sixteen takes a second
    for number, kernel in enumerate(report.kernels):
        left, top = 4.2 * (number % 4), 4.0 * (number // 4)
        place = (left, left + 3, top + 3, top)
        drawn = ax.imshow(kernel, cmap=_SIGNED, vmin=-most, vmax=most, extent=place)
        ax.add_patch(Rectangle((left, top), 3, 3, fill=False, linewidth=0.8))
        ax.text(left + 1.5, top + 3.15, f"{number}", ha="center", va="top", fontsize=8)
    ax.set(xlim=(-0.1, 15.7), ylim=(15.8, -0.1))
    ax.set_axis_off()
    figure.colorbar(drawn, ax=ax, label="weight", shrink=0.9, aspect=30)


def _curves(figure: "SubFigure", report: Report) -> None:
    figure.suptitle("Training", fontsize=12)
    losses, accuracies = report.history
    if not losses:
        figure.text(0.5, 0.5, "not trained in this run", ha="center", va="center", color="0.4")
        return
    loss, accuracy = figure.subplots(2, 1, sharex=True, height_ratios=(1.6, 1))
    epochs = len(accuracies)
    batches = len(losses) // epochs
    means = np.reshape(losses, (epochs, batches)).mean(1)
    ends = np.arange(1, epochs + 1)
    at = (np.arange(len(losses)) + 1) / batches
    loss.plot(at, losses, color=_BLUE, alpha=0.3, linewidth=0.8, label="each batch")
    loss.plot(ends - 0.5, means, color=_BLUE, marker="o", markersize=4, label="mean of the epoch")
    loss.set(yscale="log", ylabel="cross-entropy loss / nats")
    loss.legend(frameon=False, fontsize=9)
    accuracy.plot(ends, np.multiply(100, accuracies), color=_ORANGE, marker="o", markersize=4)
    accuracy.set(xlabel="epoch", ylabel="held-out\naccuracy / %", xlim=(0, epochs + 0.2))
    accuracy.xaxis.get_major_locator().set_params(integer=True)
    for ax in (loss, accuracy):
        ax.grid(alpha=0.3)
        ax.spines[["top", "right"]].set_visible(False)


def _digits(figure: "SubFigure", report: Report) -> None:
    figure.suptitle(
        f"{report.shown_title}\n"
        "dx is the gradient of a digit's loss with respect to its pixels: "
        "more ink where it is blue, or less where it is red, would help\n",
        fontsize=11,
    )
    most = max(np.abs(reading.dx).max() for reading in report.shown) or 1
    axes = figure.subplots(2, len(report.shown))
    for (image, gradient), reading in zip(axes.T, report.shown, strict=True):
        image.imshow(reading.image, cmap="gray_r", vmin=0, vmax=1)
        color = _ORANGE if reading.wrong else "black"
        image.set_title(f"{reading.caption}\nwith {reading.probability:.0%}", size=10, color=color)
        drawn = gradient.imshow(reading.dx, cmap=_SIGNED, vmin=-most, vmax=most)
        _bare(image)
        _bare(gradient)
    axes[0, 0].set_ylabel("image", fontsize=10)
    axes[1, 0].set_ylabel("dx", fontsize=10)
    figure.colorbar(drawn, ax=axes, aspect=24, pad=0.01, label="dx / nats per unit of ink")


def _bare(ax: "Axes") -> None:
    ax.set(xticks=[], yticks=[])
