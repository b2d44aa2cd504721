"""Strokes of a pen become images like the data set's."""

import numpy as np
import pytest

from dxdw.classifier.digits import load_digits
from dxdw.practice.strokes import image

SEVEN = [[(0, 0), (60, 0), (20, 100)]]


def test_ink_is_where_the_pen_was():
    found = image([[(0, 0), (0, 100)]])
    assert found.shape == (8, 8)
    assert found.dtype == np.float32
    assert (found[:, 3:5] > 0.8).all()
    assert (found[:, [0, 1, 6, 7]] == 0).all()


def test_place_and_size_of_the_drawing_do_not_matter():
    moved = [[(3 * x + 50, 3 * y - 20) for x, y in stroke] for stroke in SEVEN]
    assert np.allclose(image(SEVEN), image(moved), atol=1e-6)


def test_the_ink_is_about_as_much_as_the_data_set_s():
    images, _ = load_digits()
    low, high = np.quantile(images.mean((1, 2, 3)), [0.01, 0.99])
    assert low <= image(SEVEN).mean() <= high


def test_a_slanted_stroke_is_set_upright():
    slanted = image([[(80, 0), (0, 100)]])
    assert slanted[0].argmax() - slanted[-1].argmax() <= 3


@pytest.mark.parametrize(
    "strokes",
    [
        [[(5, 5)]],
        [[(5, 5), (5, 5)]],
        [[(0, 0), (100, 0)]],
        [[(0, 0), (1e-300, 1e-300)]],
        [[(0, 0), (1e9, 1)], [(3, 3)]],
    ],
)
def test_dots_and_lines_of_no_height_are_images_too(strokes):
    found = image(strokes)
    assert np.isfinite(found).all()
    assert 0 < found.mean() < 1


@pytest.mark.parametrize(
    "strokes", [[], [[]], [[(1, 2, 3)]], [[(1, np.nan)]], [[(1, 2), (np.inf, 0)]]]
)
def test_what_is_no_stroke_is_refused(strokes):
    with pytest.raises(ValueError, match="stroke"):
        image(strokes)
