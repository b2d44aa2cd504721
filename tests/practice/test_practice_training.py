"""Training in slices, with a learner's own functions and with known mistakes in the gradient."""

import json

import numpy as np
import pytest

from dxdw.classifier.digits import split_digits
from dxdw.classifier.tinycnn import TinyCNN
from dxdw.classifier.training import Adam, batch_by_batch, train
from dxdw.convolution import conv2d, conv2d_backward
from dxdw.diagnosis.report import plain
from dxdw.layers import max_pool_2d, relu, softmax
from dxdw.practice import SERIES, training
from dxdw.practice.mistaken_gradients import mistaken, mistakes_of_gradients
from dxdw.practice.own_functions import OwnFailed, network_functions

CODES = {
    "conv2d_naive": SERIES["01"].solution,
    "max_pool_2d": SERIES["03"].solution,
    "relu": SERIES["04"].solution,
    "softmax": SERIES["04"].solution,
    "conv2d_backward": SERIES["05"].solution,
}


@pytest.fixture
def arrays():
    rng = np.random.default_rng(3)
    # Of square images, as the network's are: grad_out transposed is no mistake of any others.
    x, W = rng.integers(-5, 6, (2, 3, 6, 6)), rng.integers(-5, 6, (4, 3, 3, 3))
    grad_out, bias = rng.integers(-5, 6, (2, 4, 4, 4)), rng.integers(-5, 6, 4)
    return [a.astype(np.float32) for a in (grad_out, x, W, bias)]


@pytest.fixture(autouse=True)
def forgotten():
    yield
    training._sessions.clear()


def test_the_series_solutions_compute_what_the_library_does(arrays):
    grad_out, x, W, bias = arrays
    own = network_functions(CODES)
    needs = ("dx", "dW", "db")
    assert np.array_equal(own.conv2d(x, W, padding=0, bias=bias), conv2d(x, W, bias=bias))
    pairs = zip(
        own.conv2d_backward(grad_out, x, W, padding=0, needs=needs),
        conv2d_backward(grad_out, x, W, needs=needs),
        strict=True,
    )
    for got, wanted in pairs:
        assert got.dtype == np.float32
        assert np.array_equal(got, wanted)
    assert np.array_equal(own.relu(x), relu(x))
    assert np.array_equal(own.max_pool_2d(x, 2, 2), max_pool_2d(x, 2, 2))
    assert np.allclose(own.softmax(bias[None]), softmax(bias[None]), atol=1e-6)


def test_only_what_was_asked_for_is_returned_in_its_order(arrays):
    grad_out, x, W, _ = arrays
    dW, dx = network_functions(CODES).conv2d_backward(grad_out, x, W, padding=0, needs=("dW", "dx"))
    assert (dx.shape, dW.shape) == (x.shape, W.shape)


@pytest.mark.parametrize(
    ("code", "what"),
    [
        ("def conv2d_backward(grad_out, x, W):\n    return x[0], W", "shape"),
        ("def conv2d_backward(grad_out, x, W):\n    return None", "None"),
        ("def conv2d_backward(grad_out, x, W):\n    return 1 / 0", "ZeroDivisionError"),
    ],
)
def test_a_function_that_fails_says_whose_it_is(code, what, arrays):
    own = network_functions({"conv2d_backward": code})
    with pytest.raises(OwnFailed, match=f"conv2d_backward: .*{what}"):
        own.conv2d_backward(*arrays[:3], padding=0, needs=("dW",))


def test_a_learner_can_change_nothing_but_the_result(arrays):
    grad_out, x, W, _ = arrays
    copies = [a.copy() for a in (grad_out, x, W)]
    code = SERIES["05"].solution.replace("    return dx, dW", "    x[:] = 0\n    return dx, dW")
    network_functions({"conv2d_backward": code}).conv2d_backward(
        grad_out, x, W, padding=0, needs=("dx", "dW")
    )
    assert all(np.array_equal(a, b) for a, b in zip((grad_out, x, W), copies, strict=True))


def test_another_function_and_padding_are_refused(arrays):
    with pytest.raises(ValueError, match="codes has 'conv2d'"):
        network_functions({"conv2d": ""})
    with pytest.raises(ValueError, match="padding is 1"):
        network_functions(CODES).conv2d(*arrays[1:3], padding=1, bias=arrays[3])


# --- mistakes -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", mistakes_of_gradients())
def test_a_mistake_changes_the_results_that_have_its_name_and_no_other(name, arrays):
    grad_out, x, W, _ = arrays
    chosen = mistakes_of_gradients()[name]
    needs = ("dx", "dW", "db")
    right = dict(zip(needs, conv2d_backward(grad_out, x, W, needs=needs), strict=True))
    wrong = dict(zip(needs, mistaken(chosen)(grad_out, x, W, padding=0, needs=needs), strict=True))
    differing = {need for need in needs if not np.array_equal(right[need], wrong[need])}
    assert differing
    assert differing <= set(chosen.results)


def test_overwriting_is_what_a_learner_s_overwriting_is(arrays):
    grad_out, x, W, _ = arrays
    (code,) = (a.code for a in SERIES["05"].wrong_answers if a.cause == "dx-overwritten")
    own = network_functions({"conv2d_backward": code})
    made = mistaken(mistakes_of_gradients()["dx-overwritten"])
    options = {"padding": 0, "needs": ("dx", "dW")}
    pairs = zip(
        own.conv2d_backward(grad_out, x, W, **options), made(grad_out, x, W, **options), strict=True
    )
    assert all(np.array_equal(a, b) for a, b in pairs)


# --- training -------------------------------------------------------------------------------------


def slices(seconds=10.0, most=1000):
    found = []
    while len(found) < most:
        found.append(training.advance(seconds))
        json.dumps(plain(found[-1]), allow_nan=False)
        if found[-1]["done"]:
            break
    return found


def test_it_learns_the_digits():
    started = training.start({}, epochs=3)
    found = slices()
    losses = [loss for part in found for loss in part["losses"]]
    assert len(losses) == started["batches"] == 135
    assert found[-1]["accuracies"][-1] > 0.85
    assert np.mean(losses[-20:]) < 0.5 < np.mean(losses[:5])
    assert not np.array_equal(started["kernels"], found[-1]["kernels"])


def test_a_learner_s_functions_learn_the_very_same():
    def losses(codes):
        training.start(codes, epochs=1)
        return [loss for part in slices(0.0, most=3) for loss in part["losses"]]

    own, library = losses(CODES), losses({})
    assert len(own) == 3
    assert own == pytest.approx(library, rel=1e-4)


def test_a_slice_is_a_batch_where_there_is_no_time():
    training.start({})
    assert [len(part["losses"]) for part in slices(0.0, most=3)] == [1, 1, 1]


def test_the_slices_are_the_training_that_the_command_does():
    digits, held_out = split_digits()
    whole, sliced = (TinyCNN.initial(1) for _ in range(2))
    few = type(digits)(digits.images[:64], digits.labels[:64])
    train(whole, few, held_out, Adam(), epochs=1, seed=5)
    for _ in batch_by_batch(sliced, few, held_out, Adam(), epochs=1, seed=5):
        pass
    for name, values in whole.parameters.items():
        assert np.array_equal(values, sliced.parameters[name])


def test_with_a_mistake_in_the_gradient_it_learns_less():
    def accuracy(mistake):
        training.start({}, mistake, epochs=2)
        return slices()[-1]["accuracies"][-1]

    assert accuracy("dw-overwritten") < accuracy(None) - 0.05


def test_an_error_of_a_learner_s_ends_the_training_and_says_where():
    code = SERIES["05"].solution.replace("    return dx, dW", "    return undefined")
    training.start({"conv2d_backward": code})
    (last,) = slices()
    assert last["done"]
    assert last["error"]["message"].startswith("conv2d_backward: NameError")
    assert last["error"]["line"] == code[: code.index("return undefined")].count("\n") + 1


def test_a_loss_that_is_no_number_ends_the_training():
    training.start({"conv2d_naive": SERIES["01"].solution.replace("return out", "return out / 0")})
    (last,) = slices()
    assert last["done"]
    assert "loss became" in last["error"]["message"]


def test_code_that_can_t_be_run_begins_nothing():
    started = training.start({"relu": "def relu(:"})
    assert "SyntaxError" in started["error"]["message"]
    with pytest.raises(ValueError, match="start one"):
        training.advance()


def test_an_unknown_mistake_is_refused():
    with pytest.raises(
        ValueError, match="mistake is 'none such': it must be one of dx-overwritten"
    ):
        training.start({}, "none such")


def test_digits_are_read():
    training.start({}, epochs=3)
    slices()
    read = [np.argmax(training.read_image(training.held_out_digit(n)["image"])) for n in range(60)]
    labels = [training.held_out_digit(n)["label"] for n in range(60)]
    assert np.mean(np.equal(read, labels)) > 0.8
    found = training.read_strokes([[(0, 0), (0, 100)]])
    assert found["image"].shape == (8, 8)
    assert sum(found["probabilities"]) == pytest.approx(1, abs=1e-5)


def test_an_image_of_another_shape_is_refused():
    training.start({})
    with pytest.raises(ValueError, match=r"image has shape \(2,\)"):
        training.read_image([0, 1])
