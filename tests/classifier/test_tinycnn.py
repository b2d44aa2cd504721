"""The network's gradients: right where they are, and caught where they are wrong."""

from math import prod

import numpy as np
import pytest

from dxdw.classifier.digits import Digits, split_digits
from dxdw.classifier.gradient_check import check_gradients
from dxdw.classifier.tinycnn import SHAPES, TinyCNN
from dxdw.layers import softmax_cross_entropy


@pytest.fixture(scope="module")
def digits():
    _, held_out = split_digits()
    return Digits(held_out.images[:6], held_out.labels[:6])


@pytest.fixture(scope="module")
def model():
    """Biases that are not zero, so that paper does not sit on the kinks of relu."""
    model = TinyCNN.initial(3)
    rng = np.random.default_rng(3)
    for name, shape in SHAPES.items():
        if name.endswith(".b"):
            model.parameters[name] += rng.normal(scale=0.1, size=shape).astype(np.float32)
    return model


def test_parameters_have_their_shapes_in_float32():
    parameters = TinyCNN.initial(0).parameters
    assert {k: v.shape for k, v in parameters.items()} == SHAPES
    assert {v.dtype for v in parameters.values()} == {np.dtype(np.float32)}
    assert sum(prod(shape) for shape in SHAPES.values()) == 9930


def test_same_seed_gives_the_same_parameters():
    one, same, other = (TinyCNN.initial(seed).parameters for seed in (1, 1, 2))
    for name in SHAPES:
        np.testing.assert_array_equal(one[name], same[name])
    assert (one["conv1.W"] != other["conv1.W"]).any()


def test_everything_stays_float32(model, digits):
    assert {a.dtype for a in model.forward(digits.images)} == {np.dtype(np.float32)}
    _, gradients = model.loss_and_gradients(*digits)
    assert {g.dtype for g in gradients.values()} == {np.dtype(np.float32)}
    assert {k: g.shape for k, g in gradients.items()} == SHAPES
    assert model.image_gradients(*digits).dtype == np.float32


def test_probabilities_sum_to_one(model, digits):
    probabilities = model.probabilities(digits.images)
    assert probabilities.shape == (6, 10)
    np.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-6)


def test_batch_gives_the_mean_of_single_images(model, digits):
    model = model.astype(np.float64)
    loss, gradients = model.loss_and_gradients(*digits)
    singles = [
        model.loss_and_gradients(digits.images[i : i + 1], digits.labels[i : i + 1])
        for i in range(len(digits.labels))
    ]
    assert loss == pytest.approx(np.mean([single for single, _ in singles]), rel=1e-12)
    for name, gradient in gradients.items():
        mean = np.mean([single[name] for _, single in singles], axis=0)
        np.testing.assert_allclose(gradient, mean, rtol=1e-10, atol=1e-14)


def test_no_digits_are_no_error(model):
    assert model.probabilities(np.zeros((0, 1, 8, 8), np.float32)).shape == (0, 10)


def test_image_gradients_equal_differences(model, digits):
    model = model.astype(np.float64)
    images = digits.images.astype(np.float64)
    dx = model.image_gradients(images, digits.labels)
    assert dx.shape == images.shape
    step = 1e-6
    rng = np.random.default_rng(0)
    for _ in range(40):
        n, h, w = rng.integers((len(images), 8, 8))
        losses = []
        for sign in (1, -1):
            moved = images[n : n + 1].copy()
            moved[0, 0, h, w] += sign * step
            logits = model.forward(moved).logits
            losses.append(softmax_cross_entropy(logits, digits.labels[n : n + 1])[0])
        slope = (losses[0] - losses[1]) / (2 * step)
        assert dx[n, 0, h, w] == pytest.approx(slope, abs=1e-7)


# --- the check ------------------------------------------------------------------------------------


def test_check_passes_right_gradients_and_looks_into_every_array(model, digits):
    check = check_gradients(model, digits, per_array=7)
    assert check.worst < 1e-7
    assert check.compared + check.on_kinks == 7 * len(SHAPES)
    assert check.on_kinks <= 2


@pytest.mark.parametrize("wrong", SHAPES)
def test_check_catches_one_percent_too_much(model, digits, wrong):
    class Wrong(TinyCNN):
        def loss_and_gradients(self, x, labels):
            loss, gradients = super().loss_and_gradients(x, labels)
            gradients[wrong] = 1.01 * gradients[wrong]
            return loss, gradients

    check = check_gradients(Wrong(model.parameters), digits)
    assert check.worst > 1e-4
    assert check.where == wrong


def test_check_counts_kinks_and_does_not_compare_across_them(digits):
    # With biases of zero, paper is exactly at the kink of every unit of conv1.
    check = check_gradients(TinyCNN.initial(0), digits)
    assert check.on_kinks >= 10
    assert check.worst < 1e-7


def test_check_leaves_the_model_as_it_was(model, digits):
    before = {k: v.copy() for k, v in model.parameters.items()}
    check_gradients(model, digits, per_array=2)
    for name, p in model.parameters.items():
        np.testing.assert_array_equal(p, before[name])


def test_check_of_gradients_that_are_no_numbers_does_not_pass(model, digits):
    broken = model.astype(np.float32)
    broken.parameters["conv2.W"][0, 0, 0, 0] = np.nan
    with np.errstate(invalid="ignore"):
        assert not check_gradients(broken, digits, per_array=1).worst < 1e-7
