"""The report, and a prediction, in the terminal: coloured half blocks, or plain characters.

The plain form is for what is no terminal, has few colours, or can't show more than ASCII.
"""

from itertools import zip_longest
from math import log
from typing import TYPE_CHECKING

import numpy as np

from ..core.arrays import Array
from .report import Reading, Report

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    Block = list[Text]  # lines of one width

_WHITE, _BLUE, _RED = np.array([[247, 247, 247], [33, 102, 172], [178, 24, 43]])
_SHADES = " .:-=+*#%@"
_SIGNS = ("--", "- ", " .", "+ ", "++")
_HEIGHT, _WIDTH = 6, 64  # of the curve, in characters
_EIGHTHS = " ▁▂▃▄▅▆▇█"
_BAR = 40  # characters for a probability of 1


def print_report(report: Report, console: "Console") -> None:
    """The score, the kernels, the losses, and the digits that are read wrong with their dx."""
    plain = is_plain(console)
    _heading(console, "TinyCNN on handwritten digits")
    _line(console, report.score, "bold green")
    _line(console, report.recipe)
    _line(console, report.check_line)

    most = np.abs(report.kernels).max() or 1.0
    _heading(console, "Learned kernels of the first layer")
    _legend(console, most, "weight", plain)
    _in_rows(console, [_signed(kernel / most, plain) for kernel in report.kernels], most_in_row=8)

    if report.history.losses:
        scale = "" if plain else " on a logarithmic scale"
        _heading(console, f"Mean loss of each epoch, in nats{scale}")
        _curve(console, report, plain)

    most = max(np.abs(reading.dx).max() for reading in report.shown) or 1.0
    _heading(console, report.shown_title)
    _line(console, "dx, to the right, is the gradient of the loss with respect to the pixels")
    _legend(console, most, "nats per unit of ink", plain)
    _in_rows(console, [_reading(reading, most, plain) for reading in report.shown])


def print_prediction(image: Array, probabilities: Array, console: "Console") -> None:
    """What was seen of a picture, (8, 8), and the probability of each digit."""
    plain = is_plain(console)
    best = int(np.argmax(probabilities))
    _line(console, f"{best}, with a probability of {probabilities[best]:.1%}\n", "bold green")
    bars = [_bar(digit, float(p), digit == best, plain) for digit, p in enumerate(probabilities)]
    seen = [_text("as the network sees it", "dim"), _text(""), *_grey(image, plain)]
    _in_rows(console, [_beside(seen, bars, gap=4)])


def is_plain(console: "Console") -> bool:
    """Whether half blocks, or enough colours for shades, can't be shown."""
    return console.color_system not in ("256", "truecolor") or console.options.ascii_only


# --- pictures -------------------------------------------------------------------------------------


def _grey(image: Array, plain: bool) -> "Block":
    """Ink on paper: dark on white, or by characters of more and more ink."""
    if plain:
        levels = np.rint(np.clip(image, 0, 1) * (len(_SHADES) - 1)).astype(int)
        return [_text("".join(2 * _SHADES[level] for level in row)) for row in levels]
    return _half_blocks(255 * (1 - np.clip(image, 0, 1))[..., None] * np.ones(3))


def _signed(values: Array, plain: bool) -> "Block":
    """Values of −1…1: blue over white to red, or -- over . to ++."""
    if plain:
        levels = np.rint(2 * np.clip(values, -1, 1)).astype(int) + 2
        return [_text("".join(_SIGNS[level] for level in row)) for row in levels]
    ends = np.where(values[..., None] < 0, _BLUE, _RED)
    return _half_blocks(_WHITE + np.minimum(np.abs(values), 1)[..., None] * (ends - _WHITE))


def _half_blocks(rgb: Array) -> "Block":
    """(H, W, 3) of 0…255: two by two half characters, which are square, for a pixel."""
    from rich.color import Color
    from rich.style import Style
    from rich.text import Text

    doubled = np.rint(rgb).astype(int).repeat(2, 0).repeat(2, 1)
    lines = []
    for upper, lower in zip(doubled[::2], doubled[1::2], strict=True):
        line = Text()
        for top, bottom in zip(upper.tolist(), lower.tolist(), strict=True):
            line.append("▀", Style.from_color(Color.from_rgb(*top), Color.from_rgb(*bottom)))
        lines.append(line)
    return lines


def _reading(reading: Reading, most: float, plain: bool) -> "Block":
    caption = f"{reading.caption} with {reading.probability:.0%}"
    pictures = _beside(_grey(reading.image, plain), _signed(reading.dx / most, plain), gap=1)
    return [_text(caption, "bold yellow" if reading.wrong else ""), *pictures]


def _bar(digit: int, probability: float, best: bool, plain: bool) -> "Text":
    bar = ("#" if plain else "█") * round(_BAR * probability)
    return _text(f"{digit} {probability:6.1%} {bar}", "bold green" if best else "")


def _curve(console: "Console", report: Report, plain: bool) -> None:
    epochs = len(report.history.accuracies)
    means = np.reshape(report.history.losses, (epochs, -1)).mean(1)
    if plain:
        _table(console, means, report.history.accuracies)
        return
    columns = min(epochs, _WIDTH)
    bins = np.array([part.mean() for part in np.array_split(means, columns)])
    high, low = bins.max(), bins.min() * 0.8
    heights = 8 * _HEIGHT * np.log(bins / low) / log(high / low) if high > low > 0 else 0 * bins
    width = _WIDTH // columns
    for row in reversed(range(_HEIGHT)):
        label = {_HEIGHT - 1: f"{high:8.2g} ", 0: f"{bins.min():8.2g} "}.get(row, " " * 9)
        filled = np.clip(np.rint(heights - 8 * row), 0, 8).astype(int)
        bars = "".join(_EIGHTHS[f] * max(1, width - 1) + " " * (width > 1) for f in filled)
        console.print(_text(label, "dim").append(bars, "cyan"), no_wrap=True)
    ends = f"1{epochs:{max(2, columns * width - 2)}}"
    _line(console, f"   epoch {ends}", "dim")
    first, last = report.history.accuracies[0], report.history.accuracies[-1]
    _line(console, f"held-out accuracy: {first:.1%} after the first epoch, {last:.1%} at the end")


def _table(console: "Console", means: Array, accuracies: list[float]) -> None:
    _line(console, "epoch  loss/nats  held-out accuracy")
    for epoch in sorted({round(e) for e in np.linspace(0, len(means) - 1, 20)}):
        _line(console, f"{epoch + 1:5d}  {means[epoch]:9.4f}  {accuracies[epoch]:6.1%}")


# --- lines ----------------------------------------------------------------------------------------


def _text(characters: str, style: str = "") -> "Text":
    from rich.text import Text

    return Text().append(characters, style)  # a span: the style of these, not of what is appended


def _line(console: "Console", words: str, style: str = "") -> None:
    console.print(words, style=style, highlight=False, markup=False, soft_wrap=True)


def _heading(console: "Console", words: str) -> None:
    console.print()
    _line(console, words, "bold")


def _legend(console: "Console", most: float, unit: str, plain: bool) -> None:
    """The scale that _signed draws by."""
    line = _text(f"{-most:.2g} ", "dim")
    for value in (-1, -0.5, 0, 0.5, 1):
        line.append_text(_signed(np.array([[value]]), plain)[0])
    console.print(line.append(f" {most:+.2g} {unit}", "dim"))


def _beside(left: "Block", right: "Block", gap: int) -> "Block":
    width = max(map(len, left))
    lines = []
    for a, b in zip_longest(left, right):
        line = a.copy() if a is not None else _text("")
        line.pad_right(width + gap - len(line))
        lines.append(line.append_text(b) if b is not None else line)
    return lines


def _in_rows(console: "Console", blocks: list["Block"], most_in_row: int = 99) -> None:
    """Blocks of one size next to each other, as many as fit."""
    gap = 3
    width = max(len(line) for line in blocks[0])
    in_row = max(1, min(most_in_row, (console.width + gap) // (width + gap)))
    for first in range(0, len(blocks), in_row):
        row = blocks[first]
        for block in blocks[first + 1 : first + in_row]:
            row = _beside(row, block, gap)
        if first:
            console.print()
        for line in row:
            console.print(line, no_wrap=True)
