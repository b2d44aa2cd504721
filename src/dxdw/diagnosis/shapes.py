"""Results of a wrong shape, brought to the right one where it is known how they came about."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ..engines.libraries import Array
from .ladder import Case, Ladder
from .matching import Seen
from .problem import Problem


class Shapes(NamedTuple):
    """What explains the wrong shapes: identifiers, and words."""

    causes: tuple[str, ...] = ()
    words: tuple[str, ...] = ()


def reshaped(ladder: Ladder) -> tuple[Shapes, list[Seen]]:
    """The answers, with results of a wrong shape brought to the right one where that is known."""
    seen = ladder.seen(ladder.cases)
    causes, words = [], []
    for name in ladder.contract.returns:
        wrong = [k for k, c in enumerate(ladder.cases) if c.wrong.get(name) == "shape"]
        if not wrong:
            continue
        for cause, said, mend in _MENDS:
            mended = {k: _mended(ladder, ladder.cases[k], name, mend) for k in wrong}
            arrays = {k: a for k, a in mended.items() if a is not None}
            if len(arrays) == len(wrong):
                causes.append(cause)
                words.append(f"{name}: {said}")
                for k, a in arrays.items():
                    seen[k].found[name] = a
                break
    return Shapes(tuple(causes), tuple(words)), seen


def _mended(
    ladder: Ladder, case: Case, name: str, mend: Callable[[Array, Array, Problem], Array | None]
) -> Array | None:
    problem = case.answer.problem
    right = ladder.contract.outward(name, problem.expected[name])
    mended = mend(ladder.results(case.answer)[name].astype(float), right, problem)
    return None if mended is None else ladder.contract.inward(name, mended)


def _over_batch(a: Array, right: Array, problem: Problem) -> Array | None:
    N = problem.sizes.N
    return a.sum(0) if N > 1 and a.shape == (N, *right.shape) else None


def _uncropped(a: Array, right: Array, problem: Problem) -> Array | None:
    """dx with the padding still on."""
    p, q = problem.geometry.padding
    if a.ndim != right.ndim or not (p or q):
        return None
    if tuple(np.subtract(a.shape, right.shape)[-2:]) != (2 * p, 2 * q):
        return None
    mended = a[..., p : a.shape[-2] - p, q : a.shape[-1] - q]
    return mended if mended.shape == right.shape else None


def _extra_axis(a: Array, right: Array, _: Problem) -> Array | None:
    """An axis too many, and the sum over it has the right shape."""
    if a.ndim != right.ndim + 1:
        return None
    for axis in range(a.ndim):
        if a.shape[:axis] + a.shape[axis + 1 :] == right.shape:
            mended: Array = a.sum(axis)
            return mended
    return None


def _lost_axis(a: Array, right: Array, _: Problem) -> Array | None:
    """An axis too few, or of length 1, in place of the channels that were added up."""
    for axis in range(right.ndim):
        total = right.sum(axis)
        kept = right.sum(axis, keepdims=True).shape
        if a.shape in (total.shape, kept) and np.allclose(a.reshape(total.shape), total):
            return right
    return None


def _cut_off(a: Array, right: Array, problem: Problem) -> Array | None:
    """dx that ends where the last window does, short of what a stride leaves over."""
    if a.ndim != right.ndim or a.shape[:-2] != right.shape[:-2]:
        return None
    g, sizes = problem.geometry, problem.sizes
    ends = [
        (out - 1) * s + (k - 1) * d + 1 - p
        for out, k, s, p, d in zip(
            (sizes.outH, sizes.outW),
            (sizes.kH, sizes.kW),
            g.stride,
            g.padding,
            g.dilation,
            strict=True,
        )
    ]
    if not all(
        n in (end, end - p) for n, end, p in zip(a.shape[-2:], ends, g.padding, strict=True)
    ):
        return None
    lost = np.subtract(right.shape, a.shape)
    return np.pad(a, [(0, n) for n in lost]) if (lost >= 0).all() else None


_MENDS = (
    ("batch-sum-missing", "one gradient for each image of the batch", _over_batch),
    ("geometry-mixed", "the padding is not cropped", _uncropped),
    ("geometry-mixed", "what the stride leaves over is cut off", _cut_off),
    ("wrong-broadcast", "it has an axis too many", _extra_axis),
    ("wrong-broadcast", "an axis is missing: its sum was taken", _lost_axis),
)
