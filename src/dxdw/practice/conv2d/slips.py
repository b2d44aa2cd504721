"""What can be made wrong in a convolution with padding and stride, and how it is told."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ...core.arrays import Array
from ...diagnosis.causes import Cause
from ...diagnosis.exercises import Exercise, Slip
from ..conv2d_naive.slips import FRACTIONS, PAIRS, convolution_slips, convolve

_PAD = "x = np.pad(x, ((0, 0), (p, p), (p, p)))"
_STRIDE = "patch = x[:, i * s : i * s + kH, j * s : j * s + kW]"

CAUSES = {
    "padding-ignored": Cause(
        "the padding is left out", _PAD,
        "The frame of zeros makes room for more windows, so the output grows.",
        "How large is the output for a padding of 1?",
    ),
    "padding-one-sided": Cause(
        "the padding does not count on every side", _PAD,
        "There are p rows of zeros above and p below, p columns to the left and p to the right.",
        "By how many rows does the image grow for a padding of 1, and where do they lie?",
    ),
    "padding-not-zero": Cause(
        "the padding is not zero", _PAD,
        "A pixel outside the image counts as 0.",
        "What should a pixel beyond the edge add to the sum?",
    ),
    "padding-of-channels": Cause(
        "the channels are padded too", _PAD,
        "The frame lies around each plane; no channel is added.",
        "Which axes of x lie in the plane of the image?",
    ),
    "stride-ignored": Cause(
        "the stride is left out", _STRIDE,
        "The windows lie s pixels apart, not one.",
        "Where does the second window begin for a stride of 2?",
    ),
    "stride-of-one-axis": Cause(
        "the stride is used along one axis only", _STRIDE,
        "The windows lie s pixels apart, both down and across.",
        "Does your window move by the stride both down and to the right?",
    ),
    "options-exchanged": Cause(
        "two of the options are exchanged",
        "conv2d(x, W, padding, stride)\nmax_pool_2d(x, kernel_size, stride)",
        "They come in the order in which the statement has them.",
        "Which of the two comes first in the statement, and which in your code?",
    ),
}  # fmt: skip


def _conv2d() -> Exercise:
    geometry = ((0, 1), (1, 1), (0, 2), (1, 2), (2, 1), (2, 3))
    cases = tuple((x, W, p, s) for p, s in geometry for x, W in PAIRS[1:])
    cases += tuple((x, W, 1, 2) for x, W in FRACTIONS)

    def padded(pad: Callable[[Array, int], Array]) -> Callable[..., Array]:
        return lambda x, W, p, s: convolve(pad(x, p), W, 0, s)

    def shape(before: int, after: int) -> Callable[[Array, int], Array]:
        both = [before, after]
        return lambda x, p: np.pad(x, [(0, 0), *2 * [tuple(p * b for b in both)]])

    slips = (
        Slip("padding-ignored", lambda x, W, _, s: convolve(x, W, 0, s)),
        Slip(
            "padding-ignored",
            lambda x, W, p, s: _pad(convolve(x, W, 0, s), p),
            "the output is padded, and not the image",
        ),
        *(
            Slip("padding-one-sided", padded(shape(*sides)))
            for sides in ((1, 0), (0, 1), (2, 0), (0, 2))
        ),
        Slip("padding-one-sided", padded(lambda x, p: np.pad(x, [(0, 0), (p, p), (0, 0)]))),
        Slip("padding-one-sided", padded(lambda x, p: np.pad(x, [(0, 0), (0, 0), (p, p)]))),
        Slip("padding-not-zero", padded(lambda x, p: _pad(x, p, mode="edge"))),
        Slip("padding-not-zero", padded(lambda x, p: _pad(x, p, constant_values=1))),
        Slip("padding-not-zero", padded(lambda x, p: _pad(x, p, mode="reflect"))),
        Slip("padding-of-channels", lambda x, W, p, s: convolve(np.pad(x, p)[: len(x)], W, 0, s)),
        Slip("stride-ignored", lambda x, W, p, _: convolve(x, W, p, 1)),
        Slip("stride-ignored", _unstrided),
        Slip("stride-ignored", _outputs_apart, "the outputs are s apart, and not the windows"),
        Slip("last-position-skipped", _divided_too_late),
        Slip("stride-of-one-axis", lambda x, W, p, s: convolve(x, W, p, 1)[:, ::s]),
        Slip("stride-of-one-axis", lambda x, W, p, s: convolve(x, W, p, 1)[:, :, ::s]),
        Slip("stride-of-one-axis", _rows_unstrided),
        Slip("stride-of-one-axis", _columns_unstrided),
        Slip("options-exchanged", lambda x, W, p, s: convolve(x, W, s, max(p, 1))),
    )  # fmt: skip
    slips = (*slips, *convolution_slips())
    options = ("padding", "stride")
    return Exercise("conv2d", ("x", "W"), convolve, cases, slips, options=options, defaults=(0, 1))


def _pad(x: Array, p: int, **options: Any) -> Array:
    padded: Array = np.pad(x, [(0, 0), (p, p), (p, p)], **options)
    return padded


def _unstrided(x: Array, W: Array, p: int, s: int) -> Array:
    """The right number of windows, one pixel apart."""
    _, rows, columns = convolve(x, W, p, s).shape
    return convolve(x, W, p, 1)[:, :rows, :columns]


def _outputs_apart(x: Array, W: Array, p: int, s: int) -> Array:
    """range(0, outH, s), for the place of the output and that of the window."""
    out = np.zeros_like(convolve(x, W, p, s))
    _, rows, columns = out.shape
    out[:, ::s, ::s] = convolve(x, W, p, 1)[:, :rows:s, :columns:s]
    return out


def _divided_too_late(x: Array, W: Array, p: int, s: int) -> Array:
    """(inH + 2 * p - kH + 1) // s windows, where the 1 belongs behind the division."""
    rows, columns = (n // s for n in convolve(x, W, p, 1).shape[1:])
    return convolve(x, W, p, s)[:, :rows, :columns]


def _rows_unstrided(x: Array, W: Array, p: int, s: int) -> Array:
    rows = convolve(x, W, p, s).shape[1]
    return convolve(x, W, p, 1)[:, :rows, ::s]


def _columns_unstrided(x: Array, W: Array, p: int, s: int) -> Array:
    columns = convolve(x, W, p, s).shape[2]
    return convolve(x, W, p, 1)[:, ::s, :columns]


EXERCISES = (_conv2d(),)
