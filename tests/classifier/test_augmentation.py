"""Images that are moved: by whole pixels exactly, by halves to the mean."""

import numpy as np
import pytest

from dxdw.classifier.augmentation import ASIDE, SLANT, UP_OR_DOWN, jitter, move
from dxdw.classifier.digits import split_digits

IMAGE = np.arange(1, 17, dtype=np.float32).reshape(1, 1, 4, 4)


@pytest.mark.parametrize("axis", [2, 3])
@pytest.mark.parametrize("by", [1, -1])
def test_a_whole_pixel_moves_every_value_and_loses_the_last(by, axis):
    expected = np.roll(IMAGE, by, axis)
    edge = [slice(None)] * 4
    edge[axis] = 0 if by == 1 else -1
    expected[tuple(edge)] = 0
    np.testing.assert_array_equal(move(IMAGE, np.array(by), axis), expected, strict=True)


def test_half_a_pixel_is_the_mean_of_neighbours():
    moved = move(IMAGE, np.array(0.5), axis=3)
    np.testing.assert_array_equal(moved[0, 0, 0], [0.5, 1.5, 2.5, 3.5])
    np.testing.assert_array_equal(move(IMAGE, np.array(0), axis=3), IMAGE)


def test_each_image_and_each_row_has_its_own():
    two = np.concatenate((IMAGE, IMAGE))
    by = np.zeros((2, 1, 4, 1))
    by[1, 0, 2] = 1
    moved = move(two, by, axis=3)
    np.testing.assert_array_equal(moved[0], two[0])
    np.testing.assert_array_equal(moved[1, 0, 2], [0, 9, 10, 11])
    np.testing.assert_array_equal(moved[1, 0, [0, 1, 3]], two[1, 0, [0, 1, 3]])


def test_jitter_keeps_shape_dtype_range_and_its_input():
    images = split_digits()[1].images
    before = images.copy()
    moved = jitter(images, np.random.default_rng(0))
    assert (moved.shape, moved.dtype) == (images.shape, np.float32)
    assert moved.min() >= 0
    assert moved.max() <= 1
    np.testing.assert_array_equal(images, before)
    assert (moved != images).any(axis=(1, 2, 3)).all()


def test_jitter_moves_ink_by_no_more_than_it_says():
    dot = np.zeros((500, 1, 8, 8))
    dot[:, :, 0, 4] = 1  # where the slant is largest
    moved = jitter(dot, np.random.default_rng(0))[:, 0]
    column = (moved.sum(1) * np.arange(8)).sum(1) / moved.sum((1, 2)) - 4
    row = moved.sum(2)[:, 1]
    assert 0.8 < np.abs(column).max() <= ASIDE + SLANT
    assert 0.2 < row.max() <= UP_OR_DOWN


def test_same_seed_gives_the_same():
    one, same, other = (jitter(IMAGE, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()
