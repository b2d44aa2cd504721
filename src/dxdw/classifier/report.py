"""What a training is reported by: the facts, before they are drawn as a picture or as text."""

from typing import NamedTuple

import numpy as np

from ..core.arrays import Array
from .digits import Digits
from .gradient_check import GradientCheck, check_gradients
from .tinycnn import TinyCNN
from .training import History

SHOWN = 8
CHECKED = 16  # digits whose mean loss the gradient check differentiates


class Reading(NamedTuple):
    """A held-out digit, and how the network reads it."""

    image: Array  # (8, 8), 0 paper … 1 ink
    true: int
    read: int
    probability: float  # that it gives to what it reads
    dx: Array  # (8, 8), of the loss, in nats per unit of ink

    @property
    def wrong(self) -> bool:
        return self.true != self.read

    @property
    def caption(self) -> str:
        return f"a {self.true}, read as {self.read}"


class Report(NamedTuple):
    """Everything that is shown."""

    recipe: str  # one line: how it was trained
    kernels: Array  # (16, 3, 3), of the first layer
    history: History
    held_out: int
    wrong: int
    shown: list[Reading]  # the wrong ones first, then those of the largest loss
    check: GradientCheck

    @property
    def accuracy(self) -> float:
        return 1 - self.wrong / self.held_out

    @property
    def score(self) -> str:
        right = self.held_out - self.wrong
        return f"{right} of {self.held_out} held-out digits right ({self.accuracy:.1%})"

    @property
    def shown_title(self) -> str:
        if not self.wrong:
            return "It gets no digit wrong. The largest losses"
        if self.wrong < len(self.shown):
            return f"The digits it gets wrong: {self.wrong}. Then the largest losses of the others"
        few = f"{len(self.shown)} of " if self.wrong > len(self.shown) else ""
        return f"The digits it gets wrong: {few}{self.wrong}"

    @property
    def check_line(self) -> str:
        check = self.check
        left_out = f", {check.on_kinks} on kinks left out" if check.on_kinks else ""
        return (
            f"gradients against finite differences: worst relative error {check.worst:.1e} "
            f"({check.where}; {check.compared} parameters{left_out})"
        )


def make_report(model: TinyCNN, held_out: Digits, history: History, recipe: str) -> Report:
    """Read the held-out digits, and take the gradients that are shown."""
    probabilities = model.probabilities(held_out.images)
    read = probabilities.argmax(1)
    of_true = probabilities[np.arange(len(read)), held_out.labels]
    is_wrong = read != held_out.labels
    worst_first = np.lexsort((of_true, ~is_wrong))
    chosen = _some(held_out, worst_first[:SHOWN])
    dx = model.image_gradients(*chosen)
    shown = [
        Reading(image[0], int(true), int(read[i]), float(probabilities[i, read[i]]), gradient[0])
        for i, image, true, gradient in zip(worst_first[:SHOWN], *chosen, dx, strict=True)
    ]
    return Report(
        recipe=recipe,
        kernels=model.parameters["conv1.W"][:, 0],
        history=history,
        held_out=len(read),
        wrong=int(is_wrong.sum()),
        shown=shown,
        # Of a large loss, so that there is a gradient to speak of.
        check=check_gradients(model, _some(held_out, worst_first[:CHECKED])),
    )


def _some(digits: Digits, which: Array) -> Digits:
    return Digits(digits.images[which], digits.labels[which])
