"""A learner's functions in the form in which a network calls the library's."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from ..classifier.tinycnn import Functions
from ..core.arrays import Array
from ..diagnosis.calls import invoke
from ..diagnosis.problem import OPERANDS
from .findings import Solution
from .learners_code import functions

USED = ("conv2d_naive", "conv2d_backward", "relu", "max_pool_2d", "softmax")


class OwnFailed(Exception):
    """A function of the learner's raised, or returned what can't be computed with."""

    def __init__(self, function: str, what: str, line: int = 0) -> None:
        super().__init__(f"{function}: {what}")
        self.line = line


def network_functions(codes: Mapping[str, str]) -> Functions:
    """The functions of a network without padding: the learner's where there is code for them.

    Args:
        codes: of `USED` those that are the learner's, each with the source text that defines it.

    Raises:
        NotLoaded: code that can't be run, or has no such function.
        ValueError: another name.
    """
    for name in codes:
        if name not in USED:
            raise ValueError(f"codes has {name!r}: it must be one of {', '.join(USED)}")
    own = {name: functions(code, [name])[name] for name, code in codes.items()}
    made: dict[str, Callable[..., Any]] = {}
    if "conv2d_naive" in own:
        made["conv2d"] = partial(_forward, own["conv2d_naive"])
    if "conv2d_backward" in own:
        made["conv2d_backward"] = partial(_backward, own["conv2d_backward"])
    if "relu" in own:
        made["relu"] = partial(_elementwise, own["relu"], "relu")
    if "softmax" in own:
        made["softmax"] = partial(_elementwise, own["softmax"], "softmax")
    if "max_pool_2d" in own:
        made["max_pool_2d"] = partial(_pooled, own["max_pool_2d"])
    return Functions(**made)


# --- the series' functions take one image, the library's a batch ----------------------------------


def _forward(fn: Solution, x: Array, W: Array, padding: int, bias: Array) -> Array:
    refuse_padding(padding)
    (C_out, _, kH, kW), (_, _, H, width) = W.shape, x.shape
    shape = (C_out, H - kH + 1, width - kW + 1)
    out = [_call(fn, "conv2d_naive", ("x", "W"), (image, W), (shape,))[0] for image in x]
    return np.stack(out).astype(x.dtype) + bias[:, None, None]


def _backward(
    fn: Solution, grad_out: Array, x: Array, W: Array, padding: int, needs: tuple[str, ...]
) -> tuple[Array, ...]:
    refuse_padding(padding)
    shapes = (x.shape[1:], W.shape)
    pairs = [
        _call(fn, "conv2d_backward", OPERANDS, (g, image, W), shapes)
        for g, image in zip(grad_out, x, strict=True)
    ]
    found = {
        "dx": np.stack([dx for dx, _ in pairs]),
        "dW": np.sum([dW for _, dW in pairs], 0),
        "db": grad_out.sum((0, 2, 3)),
    }
    return tuple(found[need].astype(x.dtype) for need in needs)


def _elementwise(fn: Solution, name: str, x: Array) -> Array:
    return _call(fn, name, ("x",), (x,), (x.shape,))[0].astype(x.dtype)


def _pooled(fn: Solution, x: Array, kernel_size: int, stride: int) -> Array:
    C, H, W = x.shape[1:]
    shape = (C, (H - kernel_size) // stride + 1, (W - kernel_size) // stride + 1)

    def pool(image: Array) -> Any:
        return fn(image, kernel_size, stride)

    out = [_call(pool, "max_pool_2d", ("x",), (image,), (shape,))[0] for image in x]
    return np.stack(out).astype(x.dtype)


def _call(
    fn: Solution,
    name: str,
    arguments: tuple[str, ...],
    given: tuple[Array, ...],
    shapes: tuple[tuple[int, ...], ...],
) -> tuple[Array, ...]:
    answer = invoke(fn, arguments, [a.copy() for a in given], len(shapes), None)
    if not answer.usable:
        raise OwnFailed(name, answer.why, answer.line)
    for got, wanted in zip(answer.results, shapes, strict=True):
        if got.shape != wanted:
            raise OwnFailed(name, f"it returned an array of shape {got.shape}, not {wanted}")
    return answer.results


def refuse_padding(padding: int) -> None:
    """ValueError for any."""
    if padding:
        raise ValueError(f"padding is {padding}: the series' functions know none")
