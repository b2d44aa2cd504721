"""What can be made wrong in max pooling, and how it is told."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ... import layers
from ...core.arrays import Array
from ...diagnosis.causes import Cause
from ...diagnosis.exercises import Exercise, Slip, integers
from ..conv2d_naive.slips import slips_of_results

_POOL = "out[c, i, j] = x[c, i * s : i * s + k, j * s : j * s + k].max()"

CAUSES = {
    "mean-for-max": Cause(
        "another number than the largest is taken", _POOL,
        "Of every window the largest number is kept.",
        "Which number of a window is wanted?",
    ),
    "maximum-from-zero": Cause(
        "the search for the largest number begins too high", _POOL,
        "The largest number of a window may be negative, however far below 0.",
        "What does your search begin with, and may all numbers of a window lie below that?",
    ),
    "windows-cut-short": Cause(
        "not all of a window is looked at", _POOL,
        "A window has k rows and k columns, and all of its numbers count.",
        "Which is the last pixel of a window of k×k?",
    ),
    "windows-past-the-edge": Cause(
        "windows that do not fit are counted", "outH = (H - k) // s + 1",
        "Only windows that lie wholly inside the image count.",
        "Does the last window lie inside x?",
    ),
    "channels-mixed": Cause(
        "the channels are not kept apart", _POOL,
        "Each channel is pooled by itself.",
        "How many channels has the output?",
    ),
}  # fmt: skip


# Where a search begins that should begin at minus infinity, or in the window.
_BEGINS = "the search for the largest number begins at {}"
_STARTS = (0, -1, -10, -99, -100, -255, -256, -999, -1000, -9999, *(-(10**n) for n in range(4, 13)))


def windows_of(x: Array, k: int, s: int) -> Array:
    """(C, out_H, out_W, k, k)."""
    return sliding_window_view(x, (k, k), axis=(1, 2))[:, ::s, ::s]


def _flat(windows: Array) -> Array:
    return windows.reshape(*windows.shape[:-2], -1)


def _largest_so_far(out: Array, parts: int) -> Array:
    """Of all outputs, of those of a channel, of a row."""
    rows = out.reshape(*out.shape[:parts], -1)
    return np.asarray(np.maximum.accumulate(rows, -1).reshape(out.shape))


def pooled(x: Array, k: int, s: int) -> Array:
    """The right one."""
    return layers.max_pool_2d(x, k, s)


def _max_pool_2d() -> Exercise:
    shapes = ((1, 3, 3), (1, 4, 5), (2, 6, 6), (3, 5, 7), (2, 7, 5))
    cases = tuple(
        (integers(*shape, seed=k), k, s)
        for shape in shapes
        for k, s in ((2, 2), (2, 1), (3, 2), (1, 2), (3, 3), (2, 3))
        if k <= min(shape[1:])
    )
    cases += tuple((-np.abs(x), k, s) for x, k, s in cases[:6])
    low = cases[:2]
    cases += tuple((x / 8, k, s) for x, k, s in cases[:8])
    # Below whatever number a search may begin at, and still what an array of int64 can hold.
    cases += tuple((-(2.0**20) - abs(x), k, s) for x, k, s in low)
    cases += tuple((-(2.0**62) - 2.0**40 * abs(x), k, s) for x, k, s in low)
    options = ("kernel_size", "stride")
    return Exercise("max_pool_2d", ("x",), pooled, cases, _pooling_slips(), options=options)


def _slips_of_numbers() -> tuple[Slip, ...]:
    """Of the number that is taken from a window."""
    return (
        Slip("mean-for-max", lambda x, k, s: windows_of(x, k, s).mean((-2, -1))),
        Slip("mean-for-max", lambda x, k, s: windows_of(x, k, s).sum((-2, -1))),
        Slip("mean-for-max", lambda x, k, s: windows_of(x, k, s).min((-2, -1))),
        Slip(
            "mean-for-max",
            lambda x, k, s: _flat(windows_of(x, k, s)).argmax(-1),
            "the place of the largest number is taken, and not the number",
        ),
        Slip("maximum-from-zero", lambda x, k, s: np.trunc(np.maximum(pooled(x, k, s), 0)),
             _BEGINS.format(0)),
        Slip("maximum-from-zero", lambda x, k, s: np.abs(windows_of(x, k, s)).max((-2, -1)),
             _BEGINS.format(0)),
        *(
            Slip(
                "maximum-from-zero",
                lambda x, k, s, start=start: np.maximum(pooled(x, k, s), start),
                _BEGINS.format(start),
            )
            for start in _STARTS
        ),
    )  # fmt: skip


def _pooling_slips() -> tuple[Slip, ...]:
    def rounded_up(x: Array, k: int, s: int) -> Array:
        rows, columns = (-(-(n - k) // s) * s + k - n for n in x.shape[1:])
        more = np.pad(x, [(0, 0), (0, rows), (0, columns)], constant_values=-np.inf)
        return pooled(more, k, s)

    def started_in_x(x: Array, k: int, s: int) -> Array:
        """An empty window, past the end, has no maximum: ValueError."""
        _, H, W = x.shape
        rows, columns = (-(-(n - k) // s) + 1 for n in (H, W))
        windows = [
            x[:, i * s : i * s + k, j * s : j * s + k].max((1, 2))
            for i in range(rows)
            for j in range(columns)
        ]
        return np.stack(windows, 1).reshape(-1, rows, columns)

    def up_to_the_last(x: Array, k: int, s: int) -> Array:
        """range(0, H − k, s), which leaves out a window that ends where the image does."""
        rows, columns = (-(-(n - k) // s) for n in x.shape[1:])
        return pooled(x, k, s)[:, :rows, :columns]

    def partial(x: Array, k: int, s: int) -> Array:
        more = np.pad(x, [(0, 0), (0, k - 1), (0, k - 1)], constant_values=-np.inf)
        return pooled(more, k, s)

    def pixel_apart(x: Array, k: int, s: int) -> Array:
        rows, columns = pooled(x, k, s).shape[1:]
        return pooled(x, k, 1)[:, :rows, :columns]

    return (
        *_slips_of_numbers(),
        Slip("stride-ignored", lambda x, k, _: pooled(x, k, 1)),
        Slip("stride-ignored", lambda x, k, _: pooled(x, k, k)),
        Slip("stride-ignored", pixel_apart),
        Slip("options-exchanged", lambda x, k, s: pooled(x, s, k)),
        Slip("windows-cut-short", lambda x, k, s: windows_of(x, k, s)[..., :-1, :-1].max((-2, -1))),
        Slip("windows-cut-short", lambda x, k, s: windows_of(x, k, s)[..., 0, 0]),
        Slip("windows-cut-short", lambda x, k, s: windows_of(x, k, s)[..., 0].max(-1)),
        Slip("windows-cut-short", lambda x, k, s: windows_of(x, k, s)[..., 0, :].max(-1)),
        Slip("windows-past-the-edge", rounded_up),
        Slip("windows-past-the-edge", partial),
        Slip("windows-past-the-edge", started_in_x),
        Slip("last-position-skipped", lambda x, k, s: pooled(x, k, s)[:, :-1, :-1]),
        Slip("last-position-skipped", up_to_the_last),
        Slip("channels-mixed", lambda x, k, s: np.broadcast_to(
            pooled(x, k, s).max(0), pooled(x, k, s).shape)),
        Slip("channels-mixed", lambda x, k, s: pooled(x, k, s).max(0)),
        Slip("channels-mixed", lambda x, k, s: np.repeat(pooled(x[:1], k, s), len(x), 0)),
        *slips_of_results(pooled),
        *(Slip("carried-over", lambda x, k, s, n=n: _largest_so_far(pooled(x, k, s), n))
          for n in range(3)),
    )  # fmt: skip


EXERCISES = (_max_pool_2d(),)
