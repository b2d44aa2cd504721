"""Training the TinyCNN: two optimizers and the loop."""

from collections.abc import Callable, Iterator
from math import cos, isfinite, pi
from typing import Any, NamedTuple, TypeVar

import numpy as np

from ..core.arrays import Array, unwarned
from ..engines.blas_threads import limited
from .augmentation import jitter
from .digits import Digits
from .tinycnn import TinyCNN

BATCH = 32

Result = TypeVar("Result")


class SGD:
    """Stochastic gradient descent with momentum.

        v ← momentum·v + gradient        parameter ← parameter − learning_rate·v

    Source: Sutskever et al., "On the importance of initialization and momentum in deep learning",
    2013.
    """

    def __init__(self, learning_rate: float = 0.05, momentum: float = 0.9) -> None:
        self.learning_rate: float = _positive(learning_rate)
        self.momentum: float = momentum
        self._velocity: dict[str, Array] = {}

    def step(
        self, parameters: dict[str, Array], gradients: dict[str, Array], scale: float = 1.0
    ) -> None:
        """Change the parameters in place, with scale times the learning rate."""
        for name, gradient in gradients.items():
            v = self._velocity.setdefault(name, np.zeros_like(gradient))
            v *= self.momentum
            v += gradient
            parameters[name] -= scale * self.learning_rate * v


class Adam:
    """Adaptive moments: each parameter's step is measured by its own past gradients.

        m ← β₁·m + (1 − β₁)·gradient        s ← β₂·s + (1 − β₂)·gradient²
        parameter ← parameter − learning_rate · m/(1 − β₁ᵗ) / (√(s/(1 − β₂ᵗ)) + ε)

    Source: Kingma & Ba, "Adam: a method for stochastic optimization", 2015.
    """

    def __init__(self, learning_rate: float = 0.003) -> None:
        self.learning_rate: float = _positive(learning_rate)
        self.beta1: float = 0.9
        self.beta2: float = 0.999
        self.epsilon: float = 1e-8
        self._moments: dict[str, tuple[Array, Array]] = {}
        self._steps: int = 0

    def step(
        self, parameters: dict[str, Array], gradients: dict[str, Array], scale: float = 1.0
    ) -> None:
        """Change the parameters in place, with scale times the learning rate."""
        self._steps += 1
        unbias1 = 1 - self.beta1**self._steps
        unbias2 = 1 - self.beta2**self._steps
        for name, g in gradients.items():
            m, s = self._moments.setdefault(name, (np.zeros_like(g), np.zeros_like(g)))
            m += (1 - self.beta1) * (g - m)
            s += (1 - self.beta2) * (g * g - s)
            rate = scale * self.learning_rate / unbias1
            parameters[name] -= rate * m / (np.sqrt(s / unbias2) + self.epsilon)


OPTIMIZERS: dict[str, Callable[..., SGD | Adam]] = {"adam": Adam, "sgd": SGD}


LossAndGradients = Callable[[TinyCNN, Array, Array], tuple[float, dict[str, Array]]]


def by_the_model(model: TinyCNN, images: Array, labels: Array) -> tuple[float, dict[str, Array]]:
    """The model's own loss and gradients of a batch, here and now."""
    return model.loss_and_gradients(images, labels)


class History(NamedTuple):
    """How a training went."""

    losses: list[float]  # nats, mean over each batch
    accuracies: list[float]  # 0…1, on the held-out digits, after each epoch


def train(
    model: TinyCNN,
    digits: Digits,
    held_out: Digits,
    optimizer: SGD | Adam,
    *,
    epochs: int,
    seed: int,
    after_batch: Callable[[History], None] | None = None,
    loss_and_gradients: LossAndGradients = by_the_model,
) -> History:
    """Train the model in place, in batches of 32 shuffled and jittered anew for each epoch.

    The learning rate falls to zero along half a cosine. The same seed and the same libraries on the
    same processor give the same parameters.

    Args:
        model: its parameters are changed.
        digits: to train with.
        held_out: to measure the accuracy on; nothing else is done with them.
        optimizer: `SGD` or `Adam`.
        epochs: how many times every digit is seen.
        seed: of the shuffling and the jitter.
        after_batch: is called with the history so far.
        loss_and_gradients: computes a batch, given the model, its images and their labels.

    Raises:
        FloatingPointError: the loss is no longer finite; the parameters are then of no use.

    Source of the schedule: Loshchilov & Hutter, "SGDR: stochastic gradient descent with warm
    restarts", 2017.
    """

    def every_batch() -> History:
        history = History([], [])
        for history in batch_by_batch(
            model,
            digits,
            held_out,
            optimizer,
            epochs=epochs,
            seed=seed,
            loss_and_gradients=loss_and_gradients,
        ):
            if after_batch:
                after_batch(history)
        return history

    trained: History = one_blas_thread(unwarned, every_batch)
    return trained


def batch_by_batch(
    model: TinyCNN,
    digits: Digits,
    held_out: Digits,
    optimizer: SGD | Adam,
    *,
    epochs: int,
    seed: int,
    loss_and_gradients: LossAndGradients = by_the_model,
) -> Iterator[History]:
    """The same training, a batch for each step of the iterator, which gives the history so far.

    So a page can train in slices of time. Raises as `train` does.
    """
    rng = np.random.default_rng(seed)
    history = History([], [])
    batches = -(-len(digits.labels) // BATCH)
    for epoch in range(epochs):
        order = rng.permutation(len(digits.labels))
        for batch in range(batches):
            chosen = order[batch * BATCH :][:BATCH]
            images = jitter(digits.images[chosen], rng)
            loss, gradients = loss_and_gradients(model, images, digits.labels[chosen])
            if not isfinite(loss):
                raise FloatingPointError(
                    f"the loss became {loss} in epoch {epoch + 1} of {epochs}: a learning rate "
                    f"of {optimizer.learning_rate:g} is too large"
                )
            done = (epoch + batch / batches) / epochs
            optimizer.step(model.parameters, gradients, scale=(1 + cos(pi * done)) / 2)
            history.losses.append(loss)
            if batch == batches - 1:
                history.accuracies.append(accuracy(model, held_out))
            yield history


def accuracy(model: TinyCNN, digits: Digits) -> float:
    """The share of digits that get the largest score at their true class."""
    return float(np.mean(model.forward(digits.images).logits.argmax(1) == digits.labels))


def one_blas_thread(call: Callable[..., Result], *args: Any) -> Result:
    """`call(*args)` with one thread for NumPy's matrix products, where threadpoolctl can set that.

    A batch is too small to share. On two idle processors one thread is as fast as two; where they
    have other work too, threads wait for each other: an epoch took 1.6 to 3.3 s, and 0.6 to 1.3 s
    with one.
    """
    return limited(1, call, *args)


def _positive(learning_rate: float) -> float:
    if not (isfinite(learning_rate) and learning_rate > 0):
        raise ValueError(f"learning_rate is {learning_rate}: it must be finite and more than 0")
    return learning_rate
