"""The digits are those of the data set, and their split never moves."""

import doctest
import zlib
from importlib.resources import files

import numpy as np

from dxdw.classifier import digits
from dxdw.classifier.digits import CLASSES, HELD_OUT, load_digits, split_digits


def test_shapes_types_and_range():
    images, labels = load_digits()
    assert (images.shape, images.dtype) == ((1797, 1, 8, 8), np.float32)
    assert (labels.shape, labels.dtype) == ((1797,), np.int64)
    assert images.min() == 0
    assert images.max() == 1
    np.testing.assert_array_equal(images * 16, np.rint(images * 16))


def test_counts_are_those_that_the_data_set_states():
    counts = np.bincount(load_digits().labels, minlength=CLASSES)
    assert counts.tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


def test_every_pixel_and_label_is_as_scikit_learn_ships_it():
    images, labels = load_digits()
    assert zlib.crc32(np.uint8(16 * images).tobytes() + np.uint8(labels).tobytes()) == 0xB89DAEA8


def test_first_image_is_a_zero():
    image = load_digits().images[0, 0]
    assert (16 * image[0]).tolist() == [0, 0, 5, 13, 9, 1, 0, 0]


def test_each_call_gives_new_arrays():
    images, labels = load_digits()
    images[...], labels[...] = -1, -1
    assert load_digits().images.min() == 0
    assert load_digits().labels.min() == 0


def test_split_has_every_digit_once():
    train, held_out = split_digits()
    assert len(held_out.labels) == HELD_OUT
    both = np.concatenate((train.images, held_out.images)).reshape(-1, 64)
    labelled = np.column_stack((both, np.concatenate((train.labels, held_out.labels))))
    images, labels = load_digits()
    expected = np.column_stack((images.reshape(-1, 64), labels))
    np.testing.assert_array_equal(
        labelled[np.lexsort(labelled.T)], expected[np.lexsort(expected.T)]
    )


def test_split_is_the_one_that_figures_were_measured_on():
    _, held_out = split_digits()
    assert held_out.labels[:12].tolist() == [3, 0, 5, 8, 2, 5, 8, 9, 3, 7, 5, 5]
    assert zlib.crc32(np.uint8(16 * held_out.images).tobytes()) == 0x79910576


def test_attribution_travels_along():
    text = files("dxdw").joinpath("data/DIGITS.md").read_text("utf-8")
    for part in ("E. Alpaydin", "C. Kaynak", "CC BY 4.0", "10.24432/C50P49"):
        assert part in text


def test_examples_in_the_docstrings():
    failed, attempted = doctest.testmod(digits)
    assert attempted
    assert not failed
