"""Digits moved and slanted by parts of a pixel, so that the network learns not to mind."""

import numpy as np

from ..core.arrays import Array

ASIDE, UP_OR_DOWN, SLANT = 0.5, 0.25, 0.5  # pixels at most; SLANT in the first and the last row


def jitter(images: Array, rng: np.random.Generator) -> Array:
    """Each of the images (N, C, H, W), moved and slanted by amounts of its own: a new array.

    Between pixels the ink is interpolated along lines. What leaves the image is lost.
    """
    each = (len(images), 1, 1, 1)
    height = images.shape[2]
    rows = np.linspace(-1, 1, height).reshape(1, 1, height, 1)
    aside = rng.uniform(-ASIDE, ASIDE, each) + rng.uniform(-SLANT, SLANT, each) * rows
    moved = move(images, aside, axis=3)
    return move(moved, rng.uniform(-UP_OR_DOWN, UP_OR_DOWN, each), axis=2)


def move(images: Array, by: Array, axis: int) -> Array:
    """Images moved along an axis by −1…1 pixels, an array that broadcasts against them."""
    room = [(0, 0)] * images.ndim
    room[axis] = (1, 1)
    padded = np.pad(images, room)
    size = images.shape[axis]
    before, after = (padded.take(range(at, at + size), axis) for at in (0, 2))
    moved = (1 - np.abs(by)) * images + np.maximum(by, 0) * before + np.maximum(-by, 0) * after
    return moved.astype(images.dtype)
