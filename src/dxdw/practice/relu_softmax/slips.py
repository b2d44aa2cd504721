"""What can be made wrong in ReLU and softmax, and how it is told."""

import numpy as np

from ... import layers
from ...core.arrays import Array
from ...diagnosis.causes import Cause
from ...diagnosis.exercises import Exercise, Slip, integers

_RELU = "out = np.maximum(x, 0)"
_SOFTMAX = "out = exp(z - max(z)) / sum(exp(z - max(z)))  # along the last axis"

CAUSES = {
    "relu-absolute": Cause(
        "negative numbers change their sign", _RELU,
        "Negative numbers become 0, and the others stay.", "What should become of −2?",
    ),
    "relu-reversed": Cause(
        "the wrong half is kept", _RELU,
        "Negative numbers become 0, and the others stay.", "What should become of 2?",
    ),
    "relu-step": Cause(
        "the derivative is returned", _RELU,
        "Where x is positive the result is x itself; 1 is the slope there.",
        "What should become of 2?",
    ),
    "relu-leaky": Cause(
        "negative numbers are kept in part", _RELU,
        "Nothing is left of a negative number.", "What should become of −2?",
    ),
    "relu-saturates": Cause(
        "large numbers are cut off", _RELU,
        "A number above 0 stays what it is, however large.", "What should become of 9?",
    ),
    "softmax-overflows": Cause(
        "exp overflows for large numbers", _SOFTMAX,
        "In float64 exp(710) is infinite. The same number taken from every score changes no "
        "probability, so the exponents can be kept at 0 and below.",
        "What is exp(1000) in float64?",
    ),
    "softmax-shared-shift": Cause(
        "one largest number stands for all rows", _SOFTMAX,
        "Each row needs its own. In a row that lies far below the largest of all, exp makes 0 of "
        "every score, and 0 divided by 0 is no number.",
        "What is exp(-1000) in float64, and what does a row of such numbers add up to?",
    ),
    "softmax-axis": Cause(
        "the sum is taken along another axis", _SOFTMAX,
        "Every row of the last axis becomes probabilities of its own.",
        "Which numbers of a matrix should add up to 1?",
    ),
    "softmax-not-normalised": Cause(
        "the numbers do not add up to 1", _SOFTMAX,
        "Probabilities add up to 1: each power is divided by the sum of all.",
        "What should the sum of the output be?",
    ),
    "softmax-without-exp": Cause(
        "exp is left out", _SOFTMAX,
        "Scores may be negative, probabilities may not: exp makes them positive.",
        "Can a probability be negative?",
    ),
    "softmax-logarithm": Cause(
        "the logarithm is returned", _SOFTMAX,
        "The probabilities themselves are wanted, numbers between 0 and 1.",
        "Can a probability be negative?",
    ),
    "softmax-sign": Cause(
        "the largest number gets the least", _SOFTMAX,
        "The larger the score, the larger the probability.",
        "Which class should be the likeliest?",
    ),
}  # fmt: skip


def _relu() -> Exercise:
    cases = tuple(
        (integers(*shape),) for shape in ((3,), (2, 3), (2, 3, 4), (2, 2, 3, 3), (1, 3, 1))
    )
    cases += tuple((x * scale,) for scale in (1 / 8, 1 / 1024, 1024) for (x,) in cases)
    slips = (
        Slip("relu-absolute", np.abs),
        Slip("relu-reversed", lambda x: np.minimum(x, 0)),
        Slip("relu-reversed", lambda x: np.maximum(-x, 0)),
        Slip("relu-step", lambda x: (x > 0).astype(float)),
        Slip("relu-leaky", lambda x: np.where(x > 0, x, 0.01 * x)),
        Slip("relu-leaky", lambda x: np.where(x > 0, x, 0.1 * x)),
        *(Slip("relu-saturates", lambda x, most=most: np.clip(x, 0, most))
          for most in (1, 6, 10, 100, 127, 255, 1000)),
    )  # fmt: skip
    return Exercise("relu", ("x",), layers.relu, cases, slips)


def _softmax() -> Exercise:
    vectors = ([1.0, 2.0], [0.5, -1.0, 3.0], [-2.0, 0.25, 1.0, 1.0])
    large = (
        [1000.0, 1000.0], [1000.0, 1001.0, 999.0], [-1000.0, -1001.0], [5e4, -5e4, 0.0],
        [0.0, 3000.0], [-3000.0, 0.0, 1.0, 2000.0],  # far from their mean, and from their first
    )  # fmt: skip
    rows = integers(2, 3), integers(3, 4)
    # Rows further apart than exp reaches, each within its reach.
    apart = [[400.0, 401.0], [-400.0, -401.0]], [[350.0, 348.0, 351.0], [-450.0, -453.0, -450.0]]
    cases = tuple((np.array(z),) for z in (*vectors, *large)) + tuple((z,) for z in rows)
    cases += tuple((np.array(z),) for z in apart)
    cases += tuple((integers(*shape),) for shape in ((2, 3, 4), (3, 2, 2, 3), (1, 3)))

    def plain(z: Array) -> Array:
        powers = np.exp(z)
        return np.asarray(powers / powers.sum(-1, keepdims=True))

    def of_all(z: Array) -> Array:
        powers = np.exp(z - z.max())
        return np.asarray(powers / powers.sum())

    def shifted(z: Array) -> Array:
        powers = np.exp(z - z.min())
        return np.asarray(powers / powers.sum(-1, keepdims=True))

    def first_axis(z: Array) -> Array:
        """Python's own sum, which adds up the rows."""
        powers = np.exp(z - z.max(-1, keepdims=True))
        return np.asarray(powers / sum(powers))

    slips = (
        Slip("softmax-overflows", plain),
        Slip("softmax-overflows", shifted),
        Slip("softmax-overflows", lambda z: plain(z - z.mean(-1, keepdims=True))),
        Slip("softmax-overflows", lambda z: plain(z - z[..., :1])),
        Slip("softmax-axis", of_all),
        Slip("softmax-axis", lambda z: layers.softmax(z, axis=0)),
        Slip("softmax-axis", first_axis),
        Slip(
            "softmax-axis",
            lambda z: layers.softmax(z, axis=min(1, z.ndim - 1)),
            "the sum is taken along the second axis, which is the last one only of two",
        ),
        Slip(
            "softmax-axis",
            lambda z: plain(z - z.max(0)),
            "the largest is looked for along another axis",
        ),
        Slip("softmax-shared-shift", lambda z: plain(z - z.max())),
        Slip("softmax-not-normalised", lambda z: np.exp(z - z.max(-1, keepdims=True))),
        Slip("softmax-not-normalised", np.exp),
        Slip("softmax-without-exp", lambda z: z / z.sum(-1, keepdims=True)),
        Slip("softmax-logarithm", lambda z: np.log(layers.softmax(z))),
        Slip("softmax-sign", lambda z: layers.softmax(-z)),
    )
    return Exercise("softmax", ("z",), layers.softmax, cases, slips)


EXERCISES = (_relu(), _softmax())
