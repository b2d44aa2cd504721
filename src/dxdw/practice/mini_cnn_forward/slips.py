"""What can be made wrong in a small network, and how it is told."""

from collections.abc import Callable

import numpy as np

from ... import layers, mini_cnn
from ...core.arrays import Array
from ...diagnosis.causes import Cause
from ...diagnosis.exercises import Exercise, Slip, integers
from ..conv2d_naive.slips import convolve
from ..max_pool_2d.slips import pooled, windows_of

_NET = "softmax(max_pool_2d(relu(conv2d_naive(x, W_conv)), 2, 2).ravel() @ W_fc)"

CAUSES = {
    "flatten-order": Cause(
        "the features are flattened in another order", _NET,
        "Channel after channel, and each of them row after row: as ravel does it.",
        "Which feature is multiplied by the second row of W_fc?",
    ),
    "relu-left-out": Cause(
        "the ReLU is left out", _NET,
        "Negative numbers become 0 before the pooling.", "What comes after the convolution?",
    ),
    "relu-on-scores": Cause(
        "the scores go through a ReLU too", _NET,
        "Nothing lies between the matrix product and the softmax: a score may be negative.",
        "What becomes of a negative score in your network?",
    ),
    "sigmoid-for-softmax": Cause(
        "a sigmoid stands where the softmax should", _NET,
        "A sigmoid looks at one score alone. The two probabilities belong together: they add up "
        "to 1.",
        "Do your outputs add up to 1?",
    ),
    "softmax-left-out": Cause(
        "the softmax is left out", _NET,
        "The last step turns scores into probabilities.", "Do your outputs add up to 1?",
    ),
}  # fmt: skip


def _scores(z: Array) -> Array:
    return z


def _unnormalised(z: Array) -> Array:
    return np.asarray(np.exp(z - z.max()))


def _plain(z: Array) -> Array:
    return np.asarray(np.exp(z) / np.exp(z).sum())


def _logarithm(z: Array) -> Array:
    """By the rule for sums of powers, which stays finite where a probability is 0."""
    return np.asarray(z - z.max() - np.log(np.exp(z - z.max()).sum()))


def _mini_cnn_forward() -> Exercise:
    cases = tuple(
        (
            integers(1, 8, 8, seed=n),
            integers(C, 1, 3, 3, seed=n),
            integers(9 * C, 2, seed=n) / 2048,  # so that no probability is 0 or 1
        )
        for n, C in enumerate((1, 2, 3, 5))
    )
    # And scores of which exp is infinite.
    cases += tuple((x, W_conv, 2048 * W_fc) for x, W_conv, W_fc in cases[1:3])

    def network(
        flatten: Callable[[Array], Array] = np.ravel,
        turn: Callable[[Array], Array] = lambda W: W,
        activate: Callable[[Array], Array] = layers.relu,
        pool: Callable[[Array], Array] = lambda a: pooled(a, 2, 2),
        last: Callable[[Array], Array] = layers.softmax,
    ) -> Callable[..., Array]:
        def forward(x: Array, W_conv: Array, W_fc: Array) -> Array:
            features = flatten(pool(activate(convolve(x, turn(W_conv)))))
            return last(np.asarray(features @ W_fc))

        return forward

    slips = (
        Slip("flatten-order", network(lambda a: a.transpose(1, 2, 0).ravel())),
        Slip("flatten-order", network(lambda a: a.transpose(0, 2, 1).ravel())),
        Slip("flatten-order", network(lambda a: a.ravel("F"))),
        Slip("flatten-order", network(lambda a: a.transpose(2, 1, 0)[..., ::-1].ravel())),
        Slip("kernel-flipped", network(turn=lambda W: W[:, :, ::-1, ::-1])),
        Slip("kernel-transposed", network(turn=lambda W: W.swapaxes(2, 3))),
        Slip("relu-left-out", network(activate=lambda a: a)),
        Slip("relu-absolute", network(activate=np.abs)),
        Slip("mean-for-max", network(pool=lambda a: windows_of(a, 2, 2).mean((-2, -1)))),
        Slip("mean-for-max", network(pool=lambda a: windows_of(a, 2, 2).sum((-2, -1)))),
        Slip("mean-for-max", network(pool=lambda a: windows_of(a, 2, 2).min((-2, -1)))),
        Slip("windows-cut-short", network(pool=lambda a: a[:, ::2, ::2])),
        Slip("stride-ignored", network(
            pool=lambda a: windows_of(a, 2, 1)[:, :3, :3].max((-2, -1)))),
        Slip("relu-on-scores", network(last=lambda z: layers.softmax(layers.relu(z)))),
        Slip("sigmoid-for-softmax", network(last=lambda z: 1 / (1 + np.exp(-z)))),
        Slip("softmax-left-out", network(last=_scores)),
        Slip("softmax-not-normalised", network(last=_unnormalised)),
        Slip("softmax-logarithm", network(last=lambda z: np.log(layers.softmax(z)))),
        Slip("softmax-logarithm", network(last=_logarithm)),
        Slip("softmax-overflows", network(last=_plain)),
        Slip("softmax-overflows", network(last=lambda z: _plain(z - z.min()))),
        Slip("softmax-sign", network(last=lambda z: layers.softmax(-z))),
    )  # fmt: skip
    return Exercise(
        "mini_cnn_forward", ("x", "W_conv", "W_fc"), mini_cnn.mini_cnn_forward, cases, slips
    )


EXERCISES = (_mini_cnn_forward(),)
