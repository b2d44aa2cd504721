"""The optimizers against their equations, and the training itself."""

import sys
from importlib.resources import files

import numpy as np
import pytest

from dxdw.classifier import training
from dxdw.classifier.digits import Digits, split_digits
from dxdw.classifier.model_file import load_model
from dxdw.classifier.tinycnn import SHAPES, TinyCNN
from dxdw.classifier.training import OPTIMIZERS, SGD, Adam, accuracy, train
from dxdw.engines.blas_threads import threadpool_controller


@pytest.fixture(scope="module")
def split():
    return split_digits()


@pytest.fixture(scope="module")
def few(split):
    return Digits(split[0].images[:200], split[0].labels[:200])


@pytest.fixture(scope="module")
def trained(split):
    """As `dxdw train --seed 2` does it, from where the network comes that travels along."""
    model = TinyCNN.initial(2)
    return model, train(model, *split, Adam(), epochs=20, seed=2)


# --- optimizers -----------------------------------------------------------------------------------


def test_sgd_steps_are_those_of_the_equation():
    p = {"p": np.array([1.0, 2.0])}
    gradient = {"p": np.array([4.0, -8.0])}
    sgd = SGD(learning_rate=0.25, momentum=0.5)
    sgd.step(p, gradient)  # v = 4, −8
    assert p["p"].tolist() == [0, 4]
    sgd.step(p, gradient)  # v = 6, −12
    assert p["p"].tolist() == [-1.5, 7]
    sgd.step(p, gradient, scale=0.5)  # v = 7, −14
    assert p["p"].tolist() == [-2.375, 8.75]


def test_adam_steps_are_those_of_the_equation():
    rng = np.random.default_rng(0)
    start, gradients = rng.normal(size=5), rng.normal(size=(4, 5))
    p = {"p": start.copy()}
    adam = Adam(learning_rate=0.1)
    expected, m, s = start.copy(), np.zeros(5), np.zeros(5)
    for t, g in enumerate(gradients, 1):
        adam.step(p, {"p": g})
        m = 0.9 * m + 0.1 * g
        s = 0.999 * s + 0.001 * g**2
        expected -= 0.1 * (m / (1 - 0.9**t)) / (np.sqrt(s / (1 - 0.999**t)) + 1e-8)
        np.testing.assert_allclose(p["p"], expected, rtol=1e-12)


@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_optimizers_work_in_place_and_keep_float32(optimizer):
    p = np.ones(3, np.float32)
    gradient = np.full(3, 2, np.float32)
    optimizer().step({"p": p}, {"p": gradient})
    assert p.dtype == np.float32
    assert (p < 1).all()
    np.testing.assert_array_equal(gradient, 2)


@pytest.mark.parametrize("rate", [0, -1, np.nan, np.inf])
@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_optimizers_refuse_a_learning_rate(optimizer, rate):
    with pytest.raises(ValueError, match=r"learning_rate is .*: it must be finite and more than 0"):
        optimizer(rate)


# --- training -------------------------------------------------------------------------------------


def test_held_out_accuracy_is_98_5_percent_or_more(trained, split):
    model, history = trained
    assert accuracy(model, split[1]) >= 0.985
    assert history.accuracies[-1] == accuracy(model, split[1])
    assert np.mean(history.losses[-45:]) < 0.05


def test_the_network_that_comes_along_is_what_training_gives(trained, split):
    shipped = load_model(str(files("dxdw").joinpath("data/tinycnn.npz")))
    assert accuracy(shipped, split[1]) >= 0.99
    # Sums are rounded in another order on other processors, and training amplifies that.
    assert abs(accuracy(shipped, split[1]) - accuracy(trained[0], split[1])) <= 0.01


def test_sgd_trains_too(split):
    model = TinyCNN.initial(1)
    history = train(model, *split, SGD(), epochs=3, seed=1)
    assert history.accuracies[-1] >= 0.95


def test_same_seed_gives_the_same_parameters(few):
    models = [TinyCNN.initial(5), TinyCNN.initial(5), TinyCNN.initial(5)]
    for model, seed in zip(models, (1, 1, 2), strict=True):
        train(model, few, few, Adam(), epochs=2, seed=seed)
    one, same, other = (model.parameters for model in models)
    for name in SHAPES:
        np.testing.assert_array_equal(one[name], same[name])
        assert one[name].dtype == np.float32
    assert (one["conv1.W"] != other["conv1.W"]).any()


def test_history_has_every_batch_and_every_epoch(few):
    seen = []
    history = train(
        TinyCNN.initial(0), few, few, Adam(), epochs=3, seed=0,
        after_batch=lambda history: seen.append((len(history.losses), len(history.accuracies))),
    )  # fmt: skip
    assert seen[:8] == [(1, 0), (2, 0), (3, 0), (4, 0), (5, 0), (6, 0), (7, 1), (8, 1)]
    assert seen[-1] == (len(history.losses), len(history.accuracies)) == (21, 3)


def test_every_digit_is_seen_once_an_epoch(few, monkeypatch):
    monkeypatch.setattr(training, "jitter", lambda images, _: images)
    seen = []

    class Watching(TinyCNN):
        def loss_and_gradients(self, x, labels):
            seen.extend(x.tobytes()[i * 256 :][:256] for i in range(len(x)))
            return super().loss_and_gradients(x, labels)

    train(Watching(TinyCNN.initial(0).parameters), few, few, Adam(), epochs=1, seed=0)
    assert sorted(seen) == sorted(image.tobytes() for image in few.images)
    assert seen != [image.tobytes() for image in few.images]


def test_no_epochs_change_nothing(few):
    model = TinyCNN.initial(0)
    assert train(model, few, few, Adam(), epochs=0, seed=0) == ([], [])
    np.testing.assert_array_equal(
        model.parameters["conv1.W"], TinyCNN.initial(0).parameters["conv1.W"]
    )


@pytest.mark.parametrize("optimizer", [SGD, Adam])
def test_a_loss_that_is_not_finite_stops_the_training(few, optimizer):
    with pytest.raises(FloatingPointError, match=r"the loss became (nan|inf) in epoch 1 of 9: a "):
        train(TinyCNN.initial(0), few, few, optimizer(1e30), epochs=9, seed=0)


def test_blas_threads_are_limited_and_given_back(few):
    pytest.importorskip("threadpoolctl")

    def threads():
        # Those that were there when it was first asked: NumPy's, not one that SciPy brings later.
        return [library["num_threads"] for library in threadpool_controller().info()]

    before, during = threads(), []
    train(
        TinyCNN.initial(0), few, few, Adam(), epochs=1, seed=0,
        after_batch=lambda _: during.append(threads()),
    )  # fmt: skip
    assert during[0] == [1] * len(before)
    assert threads() == before


def test_without_threadpoolctl_training_still_works(few, monkeypatch):
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    assert training.one_blas_thread(max, 2, 3) == 3
    assert train(TinyCNN.initial(0), few, few, Adam(), epochs=1, seed=0).losses
