"""What can be made wrong in a convolution, and how it is told."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ... import convolution
from ...core.arrays import Array
from ...diagnosis.causes import Cause
from ...diagnosis.exercises import Exercise, Slip, integers

_OUT = "out[o, i, j] = (x[:, i : i + kH, j : j + kW] * W[o]).sum()"
_SIZE = "outH = (inH + 2 * p - kH) // s + 1  # p = 0 without padding, s = 1 without a stride"

CAUSES = {
    "kernel-flipped": Cause(
        "the kernel is flipped", _OUT,
        "The kernel is laid on the image as it stands, without turning it.",
        "Which pixel of the window is W[o, c, 0, 0] multiplied by?",
    ),
    "kernel-transposed": Cause(
        "the kernel's rows and columns are exchanged", _OUT,
        "The kernel's first row lies on the window's first row.",
        "Which axis of W runs along the rows of the image?",
    ),
    "index-repeated": Cause(
        "one index is used for two axes", _OUT,
        "Every axis has a loop variable of its own: i and u go down the rows, j and v across.",
        "Take each array, and each of its axes: which loop variable goes along that axis?",
    ),
    "last-position-skipped": Cause(
        "the last row or column of the output is missing", _SIZE,
        "The last window that fits into the image counts too.",
        "How many windows of 2 fit into 3 pixels?",
    ),
    "input-channels-lost": Cause(
        "only the first input channel is used", _OUT,
        "All input channels add to the same output.",
        "What does channel 1 of x add to the output?",
    ),
    "kernel-channel-fixed": Cause(
        "one kernel stands for all", _OUT,
        "Every output channel o has a kernel of its own, W[o].",
        "Which kernel makes output channel o?",
    ),
    "scaled": Cause(
        "the output is divided by the kernel's size", _OUT,
        "A convolution adds its products up; it takes no mean of them.",
        "Is the output of a convolution a mean?",
    ),
    "output-overwritten": Cause(
        "the last channel overwrites the others", _OUT,
        "All input channels add to the same output.",
        "What is in the output before the second channel comes, and what after?",
    ),
    "carried-over": Cause(
        "what one output left is still there for the next", _OUT,
        "Every output begins anew, with nothing of the output before it.",
        "What is in your variable when the second output begins, and where is it set back?",
    ),
    "returned-too-early": Cause(
        "only the first step of a loop counts",
        "for ... in ...:\n    ...\nreturn out  # as far to the left as the first for",
        "A return inside a loop ends the function in the loop's first step.",
        "How far to the right does your return stand, and what runs after it?",
    ),
    "integer-truncated": Cause(
        "the output holds no fractions",
        "out = np.zeros((C_out, outH, outW))  # float64, which holds them",
        "An array of dtype int holds whole numbers only: 2.5 becomes 2, without a word.",
        "What dtype has your output, and what is left of 0.5 in it?",
    ),
    "fractions-rounded": Cause(
        "the output is rounded to whole numbers",
        "np.round(0.4) == 0; np.floor(-0.5) == -1; 1 // 2 == 0",
        "The numbers of the output keep their fractions: 2.5 is neither 2 nor 3.",
        "Which line rounds, or divides by // in place of /, and what does it make of 0.4?",
    ),
}  # fmt: skip


def convolve(x: Array, W: Array, padding: int = 0, stride: int = 1) -> Array:
    """The right one, by array operations: on integers they are as exact as loops, and faster."""
    return convolution.conv2d(x, W, padding, stride, engine="array")


def convolution_slips() -> tuple[Slip, ...]:
    """With whatever options come after x and W."""

    def last(x: Array, W: Array, *more: int) -> Array:
        out = convolve(x, W, *more)
        out[:, -1], out[:, :, -1] = 0, 0
        return out

    def row(x: Array, W: Array, *more: int) -> Array:
        out = convolve(x, W, *more)
        out[:, -1] = 0
        return out

    def column(x: Array, W: Array, *more: int) -> Array:
        out = convolve(x, W, *more)
        out[:, :, -1] = 0
        return out

    def shorter(x: Array, W: Array, *more: int) -> Array:
        return convolve(x, W, *more)[:, :-1, :-1]

    def each(x: Array, W: Array, *more: int) -> Array:
        return convolve(x[:1], W[:, :1], *more)

    def first_kernel(x: Array, W: Array, *more: int) -> Array:
        return np.repeat(convolve(x, W[:1], *more), len(W), 0)

    def mean(x: Array, W: Array, *more: int) -> Array:
        return convolve(x, W, *more) / W[0].size

    return (
        Slip("kernel-flipped", lambda x, W, *more: convolve(x, W[:, :, ::-1, ::-1], *more)),
        Slip(
            "kernel-flipped",
            lambda x, W, *more: convolve(x, W[:, :, ::-1], *more),
            "the kernel's rows stand in reverse order",
        ),
        Slip(
            "kernel-flipped",
            lambda x, W, *more: convolve(x, W[..., ::-1], *more),
            "the kernel's columns stand in reverse order",
        ),
        *_indices_repeated(),
        Slip("kernel-transposed", lambda x, W, *more: convolve(x, W.swapaxes(2, 3), *more)),
        Slip("last-position-skipped", last),
        Slip("last-position-skipped", row),
        Slip("last-position-skipped", column),
        Slip("last-position-skipped", shorter),
        Slip("input-channels-lost", each),
        Slip("kernel-channel-fixed", first_kernel),
        Slip("scaled", mean),
        Slip("output-overwritten", lambda x, W, *more: convolve(x[-1:], W[:, -1:], *more)),
        *slips_of_results(convolve),
    )


def slips_of_results(right: Callable[..., Array]) -> tuple[Slip, ...]:
    """What can be made wrong with numbers that are right, where they are written and kept."""

    def carried(parts: int) -> Callable[..., Array]:
        """A sum that goes on: through all outputs, through those of a channel, of a row."""

        def out(*arguments: Any) -> Array:
            made = right(*arguments)
            rows = made.reshape(*made.shape[:parts], -1)
            return np.asarray(rows.cumsum(-1).reshape(made.shape))

        return out

    def first(parts: int) -> Callable[..., Array]:
        def out(*arguments: Any) -> Array:
            made = right(*arguments)
            kept = np.zeros_like(made)
            begin = (0,) * parts
            kept[begin] = made[begin]
            return kept

        return out

    return (
        *(Slip("carried-over", carried(parts)) for parts in range(3)),
        *(Slip("returned-too-early", first(parts)) for parts in (1, 2, 3)),
        Slip("integer-truncated", lambda *arguments: np.trunc(right(*arguments))),
        *(
            Slip(
                "fractions-rounded",
                lambda *arguments, rounded=rounded: rounded(right(*arguments)),
                f"the output is rounded to whole numbers, as {by} does it",
            )
            for by, rounded in (
                ("np.round", np.rint),
                ("np.floor or //", np.floor),
                ("np.ceil", np.ceil),
            )
        ),
    )


def _indices_repeated() -> Iterator[Slip]:
    """x[c, i+u, j+u] and its like."""
    for row, column, twice in (
        ("iu", "ju", "u"),
        ("iv", "jv", "v"),
        ("iu", "iv", "i"),
        ("ju", "jv", "j"),
    ):

        def out(
            x: Array, W: Array, padding: int = 0, stride: int = 1,
            row: str = row, column: str = column,
        ) -> Array:  # fmt: skip
            sizes = (*convolve(x, W, padding, stride).shape[1:], *W.shape[2:])
            at = dict(zip("ijuv", np.ogrid[tuple(map(slice, sizes))], strict=True))
            at |= {"i": at["i"] * stride, "j": at["j"] * stride}
            rows, columns = (sum(at[axis] for axis in axes) for axes in (row, column))
            framed = np.pad(x, ((0, 0), *2 * ((padding, padding),)))
            read = np.broadcast_to(framed[:, rows, columns], (len(x), *sizes))
            made: Array = np.einsum("cijuv,ocuv->oij", read, W)
            return made

        yield Slip("index-repeated", out, f"{twice} is used for two axes")


PAIRS = tuple(
    (integers(*x), integers(*W, seed=1))
    for x, W in (
        ((1, 2, 3), (1, 1, 1, 2)), ((1, 4, 4), (1, 1, 2, 2)), ((2, 5, 5), (2, 2, 3, 3)),
        ((3, 5, 6), (2, 3, 2, 2)), ((2, 5, 7), (3, 2, 2, 3)), ((2, 7, 4), (3, 2, 3, 2)),
    )
)  # fmt: skip
FRACTIONS = tuple((x / 2, W) for x, W in PAIRS[1:3])  # halves: what an array of integers loses

CASES = (*PAIRS, *FRACTIONS)
EXERCISES = (Exercise("conv2d_naive", ("x", "W"), convolve, CASES, convolution_slips()),)
