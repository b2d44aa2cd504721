"""The other problems of the practice series, each with its cases and its classic mistakes.

A mistake is a function that makes it. It is named where it gives the very answers of the learner's
on all cases, two or more of which tell it from the right one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from .. import convolution, layers, mini_cnn
from ..engines.libraries import Array


class Slip(NamedTuple):
    """A mistake: its identifier, and a function that makes it."""

    cause: str
    function: Callable[..., Array]


@dataclass(frozen=True)
class Exercise:
    """A function of arrays with one result."""

    name: str
    arrays: tuple[str, ...]  # the names of its arguments that are arrays
    right: Callable[..., Array]
    cases: tuple[tuple[Any, ...], ...]  # the arguments, the smallest first
    slips: tuple[Slip, ...]
    eps: float = 1e-9  # of the largest number; integers differ by more
    options: tuple[str, ...] = ()  # the names of its further arguments


@lru_cache(maxsize=1)
def exercises() -> dict[str, Exercise]:
    """By the names of their functions."""
    every = (_conv2d_naive(), _conv2d(), _max_pool_2d(), _relu(), _softmax(), _mini_cnn_forward())
    return {exercise.name: exercise for exercise in every}


def _integers(*shape: int, seed: int = 0) -> Array:
    rng = np.random.default_rng((seed, *shape))
    return rng.integers(1, 10, shape) * rng.choice([-1.0, 1.0], shape)


# --- 01, 02 ---------------------------------------------------------------------------------------


def _conv(x: Array, W: Array, padding: int = 0, stride: int = 1) -> Array:
    return convolution.conv2d(x, W, padding, stride, engine="reference")


def _conv_slips() -> tuple[Slip, ...]:
    def last(x: Array, W: Array, *more: int) -> Array:
        out = _conv(x, W, *more)
        out[:, -1], out[:, :, -1] = 0, 0
        return out

    def row(x: Array, W: Array, *more: int) -> Array:
        out = _conv(x, W, *more)
        out[:, -1] = 0
        return out

    def column(x: Array, W: Array, *more: int) -> Array:
        out = _conv(x, W, *more)
        out[:, :, -1] = 0
        return out

    def shorter(x: Array, W: Array, *more: int) -> Array:
        return _conv(x, W, *more)[:, :-1, :-1]

    def each(x: Array, W: Array, *more: int) -> Array:
        return _conv(x[:1], W[:, :1], *more)

    def first_kernel(x: Array, W: Array, *more: int) -> Array:
        return np.repeat(_conv(x, W[:1], *more), len(W), 0)

    def mean(x: Array, W: Array, *more: int) -> Array:
        return _conv(x, W, *more) / W[0].size

    return (
        Slip("kernel-flipped", lambda x, W, *more: _conv(x, W[:, :, ::-1, ::-1], *more)),
        Slip("kernel-flipped", lambda x, W, *more: _conv(x, W[:, :, ::-1], *more)),
        Slip("kernel-flipped", lambda x, W, *more: _conv(x, W[..., ::-1], *more)),
        Slip("kernel-transposed", lambda x, W, *more: _conv(x, W.swapaxes(2, 3), *more)),
        Slip("last-position-skipped", last),
        Slip("last-position-skipped", row),
        Slip("last-position-skipped", column),
        Slip("last-position-skipped", shorter),
        Slip("input-channels-lost", each),
        Slip("kernel-channel-fixed", first_kernel),
        Slip("scaled", mean),
        Slip("output-overwritten", lambda x, W, *more: _conv(x[-1:], W[:, -1:], *more)),
    )


_PAIRS = tuple(
    (_integers(*x), _integers(*W, seed=1))
    for x, W in (
        ((1, 2, 3), (1, 1, 1, 2)), ((1, 4, 4), (1, 1, 2, 2)), ((2, 5, 5), (2, 2, 3, 3)),
        ((3, 5, 6), (2, 3, 2, 2)), ((2, 5, 7), (3, 2, 2, 3)), ((2, 7, 4), (3, 2, 3, 2)),
    )
)  # fmt: skip


def _conv2d_naive() -> Exercise:
    return Exercise("conv2d_naive", ("x", "W"), _conv, _PAIRS, _conv_slips())


def _conv2d() -> Exercise:
    geometry = ((0, 1), (1, 1), (0, 2), (1, 2), (2, 1), (2, 3))
    cases = tuple((x, W, p, s) for p, s in geometry for x, W in _PAIRS[1:])

    def padded(pad: Callable[[Array, int], Array]) -> Callable[..., Array]:
        return lambda x, W, p, s: _conv(pad(x, p), W, 0, s)

    def shape(before: int, after: int) -> Callable[[Array, int], Array]:
        both = [before, after]
        return lambda x, p: np.pad(x, [(0, 0), *2 * [tuple(p * b for b in both)]])

    slips = (
        Slip("padding-ignored", lambda x, W, _, s: _conv(x, W, 0, s)),
        *(
            Slip("padding-one-sided", padded(shape(*sides)))
            for sides in ((1, 0), (0, 1), (2, 0), (0, 2))
        ),
        Slip("padding-one-sided", padded(lambda x, p: np.pad(x, [(0, 0), (p, p), (0, 0)]))),
        Slip("padding-one-sided", padded(lambda x, p: np.pad(x, [(0, 0), (0, 0), (p, p)]))),
        Slip("padding-not-zero", padded(lambda x, p: _pad(x, p, mode="edge"))),
        Slip("padding-not-zero", padded(lambda x, p: _pad(x, p, constant_values=1))),
        Slip("padding-not-zero", padded(lambda x, p: _pad(x, p, mode="reflect"))),
        Slip("padding-of-channels", lambda x, W, p, s: _conv(np.pad(x, p)[: len(x)], W, 0, s)),
        Slip("stride-ignored", lambda x, W, p, _: _conv(x, W, p, 1)),
        Slip("stride-ignored", _unstrided),
        Slip("stride-of-one-axis", lambda x, W, p, s: _conv(x, W, p, 1)[:, ::s]),
        Slip("stride-of-one-axis", lambda x, W, p, s: _conv(x, W, p, 1)[:, :, ::s]),
        Slip("stride-of-one-axis", _rows_unstrided),
        Slip("stride-of-one-axis", _columns_unstrided),
        Slip("options-exchanged", lambda x, W, p, s: _conv(x, W, s, max(p, 1))),
    )  # fmt: skip
    slips = (*slips, *_conv_slips())
    return Exercise("conv2d", ("x", "W"), _conv, cases, slips, options=("padding", "stride"))


def _pad(x: Array, p: int, **options: Any) -> Array:
    padded: Array = np.pad(x, [(0, 0), (p, p), (p, p)], **options)
    return padded


def _unstrided(x: Array, W: Array, p: int, s: int) -> Array:
    """The right number of windows, one pixel apart."""
    _, rows, columns = _conv(x, W, p, s).shape
    return _conv(x, W, p, 1)[:, :rows, :columns]


def _rows_unstrided(x: Array, W: Array, p: int, s: int) -> Array:
    rows = _conv(x, W, p, s).shape[1]
    return _conv(x, W, p, 1)[:, :rows, ::s]


def _columns_unstrided(x: Array, W: Array, p: int, s: int) -> Array:
    columns = _conv(x, W, p, s).shape[2]
    return _conv(x, W, p, 1)[:, ::s, :columns]


# --- 03 -------------------------------------------------------------------------------------------


def _windows(x: Array, k: int, s: int) -> Array:
    return sliding_window_view(x, (k, k), axis=(1, 2))[:, ::s, ::s]


def _pool(x: Array, k: int, s: int) -> Array:
    return layers.max_pool_2d(x, k, s)


def _max_pool_2d() -> Exercise:
    shapes = ((1, 3, 3), (1, 4, 5), (2, 6, 6), (3, 5, 7), (2, 7, 5))
    cases = tuple(
        (_integers(*shape, seed=k), k, s)
        for shape in shapes
        for k, s in ((2, 2), (2, 1), (3, 2), (1, 2), (3, 3), (2, 3))
        if k <= min(shape[1:])
    )
    cases += tuple((-np.abs(x), k, s) for x, k, s in cases[:6])
    options = ("kernel_size", "stride")
    return Exercise("max_pool_2d", ("x",), _pool, cases, _pooling_slips(), options=options)


def _pooling_slips() -> tuple[Slip, ...]:
    def rounded_up(x: Array, k: int, s: int) -> Array:
        rows, columns = (-(-(n - k) // s) * s + k - n for n in x.shape[1:])
        more = np.pad(x, [(0, 0), (0, rows), (0, columns)], constant_values=-np.inf)
        return _pool(more, k, s)

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
        return _pool(x, k, s)[:, :rows, :columns]

    def partial(x: Array, k: int, s: int) -> Array:
        more = np.pad(x, [(0, 0), (0, k - 1), (0, k - 1)], constant_values=-np.inf)
        return _pool(more, k, s)

    def pixel_apart(x: Array, k: int, s: int) -> Array:
        rows, columns = _pool(x, k, s).shape[1:]
        return _pool(x, k, 1)[:, :rows, :columns]

    return (
        Slip("mean-for-max", lambda x, k, s: _windows(x, k, s).mean((-2, -1))),
        Slip("mean-for-max", lambda x, k, s: _windows(x, k, s).sum((-2, -1))),
        Slip("mean-for-max", lambda x, k, s: _windows(x, k, s).min((-2, -1))),
        Slip("maximum-from-zero", lambda x, k, s: np.maximum(_pool(x, k, s), 0)),
        Slip("maximum-from-zero", lambda x, k, s: np.abs(_windows(x, k, s)).max((-2, -1))),
        Slip("stride-ignored", lambda x, k, _: _pool(x, k, 1)),
        Slip("stride-ignored", lambda x, k, _: _pool(x, k, k)),
        Slip("stride-ignored", pixel_apart),
        Slip("options-exchanged", lambda x, k, s: _pool(x, s, k)),
        Slip("windows-cut-short", lambda x, k, s: _windows(x, k, s)[..., :-1, :-1].max((-2, -1))),
        Slip("windows-cut-short", lambda x, k, s: _windows(x, k, s)[..., 0, 0]),
        Slip("windows-past-the-edge", rounded_up),
        Slip("windows-past-the-edge", partial),
        Slip("windows-past-the-edge", started_in_x),
        Slip("last-position-skipped", lambda x, k, s: _pool(x, k, s)[:, :-1, :-1]),
        Slip("last-position-skipped", up_to_the_last),
        Slip("channels-mixed", lambda x, k, s: np.broadcast_to(
            _pool(x, k, s).max(0), _pool(x, k, s).shape)),
        Slip("channels-mixed", lambda x, k, s: _pool(x, k, s).max(0)),
        Slip("channels-mixed", lambda x, k, s: np.repeat(_pool(x[:1], k, s), len(x), 0)),
    )  # fmt: skip


# --- 04 -------------------------------------------------------------------------------------------


def _relu() -> Exercise:
    cases = tuple((_integers(*shape),) for shape in ((3,), (2, 3), (2, 3, 4), (2, 2, 3, 3)))
    cases += tuple((x / 8,) for (x,) in cases)
    slips = (
        Slip("relu-absolute", np.abs),
        Slip("relu-reversed", lambda x: np.minimum(x, 0)),
        Slip("relu-reversed", lambda x: np.maximum(-x, 0)),
        Slip("relu-step", lambda x: (x > 0).astype(float)),
        Slip("relu-leaky", lambda x: np.where(x > 0, x, 0.01 * x)),
        Slip("relu-leaky", lambda x: np.where(x > 0, x, 0.1 * x)),
        Slip("relu-saturates", lambda x: np.clip(x, 0, 1)),
        Slip("relu-saturates", lambda x: np.clip(x, 0, 6)),
    )
    return Exercise("relu", ("x",), layers.relu, cases, slips)


def _softmax() -> Exercise:
    vectors = ([1.0, 2.0], [0.5, -1.0, 3.0], [-2.0, 0.25, 1.0, 1.0])
    large = (
        [1000.0, 1000.0], [1000.0, 1001.0, 999.0], [-1000.0, -1001.0], [5e4, -5e4, 0.0],
        [0.0, 3000.0], [-3000.0, 0.0, 1.0, 2000.0],  # far from their mean, and from their first
    )  # fmt: skip
    rows = _integers(2, 3), _integers(3, 4)
    cases = tuple((np.array(z),) for z in (*vectors, *large)) + tuple((z,) for z in rows)

    def plain(z: Array) -> Array:
        powers = np.exp(z)
        return np.asarray(powers / powers.sum(-1, keepdims=True))

    def of_all(z: Array) -> Array:
        powers = np.exp(z - z.max())
        return np.asarray(powers / powers.sum())

    def shifted(z: Array) -> Array:
        powers = np.exp(z - z.min())
        return np.asarray(powers / powers.sum(-1, keepdims=True))

    slips = (
        Slip("softmax-overflows", plain),
        Slip("softmax-overflows", shifted),
        Slip("softmax-overflows", lambda z: plain(z - z.mean(-1, keepdims=True))),
        Slip("softmax-overflows", lambda z: plain(z - z[..., :1])),
        Slip("softmax-axis", of_all),
        Slip("softmax-axis", lambda z: layers.softmax(z, axis=0)),
        Slip("softmax-not-normalised", lambda z: np.exp(z - z.max(-1, keepdims=True))),
        Slip("softmax-not-normalised", np.exp),
        Slip("softmax-without-exp", lambda z: z / z.sum(-1, keepdims=True)),
        Slip("softmax-logarithm", lambda z: np.log(layers.softmax(z))),
        Slip("softmax-sign", lambda z: layers.softmax(-z)),
    )
    return Exercise("softmax", ("z",), layers.softmax, cases, slips)


# --- 06 -------------------------------------------------------------------------------------------


def _mini_cnn_forward() -> Exercise:
    cases = tuple(
        (
            _integers(1, 8, 8, seed=n),
            _integers(C, 1, 3, 3, seed=n),
            _integers(9 * C, 2, seed=n) / 2048,  # so that no probability is 0 or 1
        )
        for n, C in enumerate((1, 2, 3, 5))
    )

    def network(
        flatten: Callable[[Array], Array] = np.ravel,
        turn: Callable[[Array], Array] = lambda W: W,
        activate: Callable[[Array], Array] = layers.relu,
        pool: Callable[[Array], Array] = lambda a: _pool(a, 2, 2),
        last: Callable[[Array], Array] = layers.softmax,
    ) -> Callable[..., Array]:
        def forward(x: Array, W_conv: Array, W_fc: Array) -> Array:
            features = flatten(pool(activate(_conv(x, turn(W_conv)))))
            return last(np.asarray(features @ W_fc))

        return forward

    def scores(z: Array) -> Array:
        return z

    def unnormalised(z: Array) -> Array:
        return np.asarray(np.exp(z - z.max()))

    slips = (
        Slip("flatten-order", network(lambda a: a.transpose(1, 2, 0).ravel())),
        Slip("flatten-order", network(lambda a: a.transpose(0, 2, 1).ravel())),
        Slip("flatten-order", network(lambda a: a.ravel("F"))),
        Slip("flatten-order", network(lambda a: a.transpose(2, 1, 0)[..., ::-1].ravel())),
        Slip("kernel-flipped", network(turn=lambda W: W[:, :, ::-1, ::-1])),
        Slip("kernel-transposed", network(turn=lambda W: W.swapaxes(2, 3))),
        Slip("relu-left-out", network(activate=lambda a: a)),
        Slip("relu-absolute", network(activate=np.abs)),
        Slip("mean-for-max", network(pool=lambda a: _windows(a, 2, 2).mean((-2, -1)))),
        Slip("windows-cut-short", network(pool=lambda a: a[:, ::2, ::2])),
        Slip("stride-ignored", network(pool=lambda a: _windows(a, 2, 1)[:, :3, :3].max((-2, -1)))),
        Slip("softmax-left-out", network(last=scores)),
        Slip("softmax-not-normalised", network(last=unnormalised)),
        Slip("softmax-logarithm", network(last=lambda z: np.log(layers.softmax(z)))),
        Slip("softmax-sign", network(last=lambda z: layers.softmax(-z))),
    )  # fmt: skip
    return Exercise(
        "mini_cnn_forward", ("x", "W_conv", "W_fc"), mini_cnn.mini_cnn_forward, cases, slips
    )
