"""A small network trained on the real digits in slices of time, with a learner's own functions.

The page holds only pictures of it: it starts a training, asks for slices, and has digits read.
The network is the TinyCNN with fewer channels and no padding, so that a learner's loops train it in
minutes, and so that the series' functions are all it needs.
"""

from collections.abc import Iterator, Mapping, Sequence
from math import prod
from time import perf_counter
from typing import Any

import numpy as np

from ..classifier.digits import CLASSES, SIZE, split_digits
from ..classifier.tinycnn import POOL, TinyCNN
from ..classifier.training import BATCH, Adam, History, batch_by_batch, one_blas_thread
from ..core.arrays import Array, unwarned
from ..diagnosis.causes import told
from ..diagnosis.loading import NotLoaded
from . import strokes as pen
from .mistaken_gradients import mistaken, mistakes_of_gradients
from .own_functions import OwnFailed, network_functions

KERNELS = (6, 12)  # of both convolutions, all 3×3
LEARNING_RATE = 0.02  # of Adam: 0.92 of the held-out digits after three epochs, 0.79 with 0.003
_FEATURES = (KERNELS[1], (SIZE - 4) // POOL, (SIZE - 4) // POOL)
SHAPES = {
    "conv1.W": (KERNELS[0], 1, 3, 3),
    "conv1.b": (KERNELS[0],),
    "conv2.W": (KERNELS[1], KERNELS[0], 3, 3),
    "conv2.b": (KERNELS[1],),
    "linear.W": (prod(_FEATURES), CLASSES),
    "linear.b": (CLASSES,),
}


class _Session:
    """A training under way; one at a time, in the worker that runs Python."""

    def __init__(self, model: TinyCNN, epochs: int, seed: int) -> None:
        train, held_out = split_digits()
        self.batches = -(-len(train.labels) // BATCH)  # of an epoch
        self.model = model
        self.history = History([], [])
        self.steps: Iterator[History] = batch_by_batch(
            model, train, held_out, Adam(LEARNING_RATE), epochs=epochs, seed=seed
        )

    def train_for(self, seconds: float) -> bool:
        """Trains for so long, a batch at least; whether that was the end."""
        began = perf_counter()
        for history in self.steps:
            self.history = history
            if perf_counter() - began >= seconds:
                return False
        return True

    def kernels(self) -> Array:
        """Those of the first convolution as they are now."""
        return self.model.parameters["conv1.W"][:, 0].copy()


_sessions: list[_Session] = []  # none, or the one


def mistakes() -> list[dict[str, str]]:
    """The mistakes that can be put into the gradient: `{"name", "title", "words"}`.

    >>> mistakes()[0]["name"]
    'dx-overwritten'
    """
    return [
        {"name": name, "title": told(name, chosen.results).title, "words": chosen.mistake.words}
        for name, chosen in mistakes_of_gradients().items()
    ]


def start(
    codes: Mapping[str, str], mistake: str | None = None, epochs: int = 3, seed: int = 0
) -> dict[str, Any]:
    """Begin a training; one that was under way is forgotten.

    Args:
        codes: the learner's functions by name, each with its source; `own_functions.USED` are those
            that the network uses, and the library's stand in for the others.
        mistake: of `mistakes()` the one to put into the gradient, in place of conv2d_backward.
        epochs: how many times every digit is seen.
        seed: of the first parameters and of the order.

    Returns:
        `{"batches", "parameters", "kernels", "error"}`: how many batches there will be, the number
        of parameters, the kernels of the first convolution (6, 3, 3), and None. Where the code
        can't be run nothing has begun, and `error`, `{"message", "line"}`, is all.

    Raises:
        ValueError: there is no such mistake or function.
    """
    _sessions.clear()
    known = mistakes_of_gradients() if mistake else {}
    if mistake and mistake not in known:
        raise ValueError(f"mistake is {mistake!r}: it must be one of {', '.join(known)}")
    try:
        functions = network_functions(codes)
    except NotLoaded as error:
        return {"error": {"message": error.said, "line": error.line}}
    if mistake:
        functions = functions._replace(conv2d_backward=mistaken(known[mistake]))
    model = TinyCNN.initial(seed, SHAPES)._replace(padding=0, functions=functions)
    session = _Session(model, epochs, seed)
    _sessions.append(session)
    return {
        "batches": epochs * session.batches,
        "parameters": sum(prod(shape) for shape in SHAPES.values()),
        "kernels": session.kernels(),
        "error": None,
    }


def advance(seconds: float = 0.1) -> dict[str, Any]:
    """Train for so long, a batch at least.

    Returns:
        `{"losses", "accuracies", "kernels", "done", "error"}`: the losses of these batches in nats,
        the accuracies (0…1) on the 360 held-out digits after each epoch so far, the kernels as they
        are now, whether this was the end, and why it ended early: None, or `{"message", "line"}`.

    Raises:
        ValueError: no training has been started here.
    """
    session = _session()
    before = len(session.history.losses)
    done, error = False, None
    try:
        done = one_blas_thread(unwarned, session.train_for, seconds)
    except OwnFailed as failed:
        error = {"message": str(failed), "line": failed.line}
    except FloatingPointError as failed:
        error = {"message": str(failed), "line": 0}
    return {
        "losses": session.history.losses[before:],
        "accuracies": session.history.accuracies,
        "kernels": session.kernels(),
        "done": done or error is not None,
        "error": error,
    }


def read_strokes(strokes: Sequence[Sequence[Sequence[float]]]) -> dict[str, Any]:
    """A drawn digit, `{"image", "probabilities"}`: as the network gets it, 8×8, and what it says.

    Raises:
        ValueError: there is no stroke, or no training has been started.
    """
    image = pen.image(strokes)
    return {"image": image, "probabilities": read_image(image)}


def read_image(image: Any) -> list[float]:
    """The probabilities of the ten digits for an image of 8×8, 0 for paper and 1 for ink.

    Raises:
        ValueError: the image is no 8×8, or no training has been started.
    """
    x = np.array(image, np.float32)
    if x.shape != (SIZE, SIZE):
        raise ValueError(f"image has shape {x.shape}: it must be {(SIZE, SIZE)}")
    found: list[float] = unwarned(_session().model.probabilities, x[None, None])[0].tolist()
    return found


def held_out_digit(number: int) -> dict[str, Any]:
    """One of the 360 digits that training never sees: `{"image", "label"}`; numbers go round."""
    _, held_out = split_digits()
    place = number % len(held_out.labels)
    return {"image": held_out.images[place, 0], "label": int(held_out.labels[place])}


def _session() -> _Session:
    if not _sessions:
        raise ValueError("no training has been started in this Python: start one")
    return _sessions[0]
