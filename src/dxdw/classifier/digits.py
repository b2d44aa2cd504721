"""1,797 real handwritten digits of 8×8 pixels, which travel inside the package.

Optical Recognition of Handwritten Digits: E. Alpaydin and C. Kaynak, UCI Machine Learning
Repository, 1998, https://doi.org/10.24432/C50P49, licensed under CC BY 4.0. The table is the one
that scikit-learn ships; `data/DIGITS.md`, beside it, has the attribution and how they were made.
"""

import bz2
from functools import lru_cache
from importlib.resources import files
from typing import NamedTuple

import numpy as np

from ..core.arrays import Array

SIZE = 8  # pixels along each side
LEVELS = 16  # a pixel's ink is 0…16 sixteenths
CLASSES = 10
HELD_OUT = 360
_SPLIT_SEED = 1998


class Digits(NamedTuple):
    """Images (N, 1, 8, 8) as float32, 0 for paper and 1 for ink, and their labels (N,), 0…9."""

    images: Array
    labels: Array


def load_digits() -> Digits:
    """All 1,797 images and labels, in the order of the data set: new arrays at each call.

    >>> images, labels = load_digits()
    >>> images.shape, images.dtype, labels[:10]
    ((1797, 1, 8, 8), dtype('float32'), array([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]))
    """
    table = _table()
    images = table[:, :-1].reshape(-1, 1, SIZE, SIZE).astype(np.float32) / LEVELS
    return Digits(images, table[:, -1].astype(np.int64))


def split_digits() -> tuple[Digits, Digits]:
    """The digits in two parts, always the same: 1,437 to train with, and 360 held out.

    The order is shuffled first, so that both parts have digits of all 13 writers: what is measured
    on the held-out part is how well new digits of known writers are read.

    >>> train, held_out = split_digits()
    >>> len(train.labels), len(held_out.labels)
    (1437, 360)
    """
    images, labels = load_digits()
    # Raw bits, sorted: NumPy keeps those for good, while Generator.permutation may change.
    order = np.argsort(np.random.PCG64(_SPLIT_SEED).random_raw(len(labels)), kind="stable")
    train, held_out = order[HELD_OUT:], order[:HELD_OUT]
    return Digits(images[train], labels[train]), Digits(images[held_out], labels[held_out])


@lru_cache(maxsize=1)
def _table() -> Array:
    packed = files("dxdw").joinpath("data/digits.bz2").read_bytes()
    return np.frombuffer(bz2.decompress(packed), np.uint8).reshape(-1, SIZE * SIZE + 1)
