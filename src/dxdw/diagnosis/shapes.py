"""Results of a wrong shape, brought to the right one where it is known how they came about."""

from collections.abc import Callable, Sequence
from itertools import permutations
from typing import NamedTuple

import numpy as np

from ..core.arrays import Array
from .ladder import Case, Ladder
from .matching import Seen
from .problem import Problem


class Shapes(NamedTuple):
    """What explains the wrong shapes: identifiers with the results that have them, and words."""

    causes: dict[str, frozenset[str]]
    words: tuple[str, ...]
    lost: tuple[str, ...]  # results whose shape is never right, for no known reason


def reshaped(
    ladder: Ladder, results: Sequence[str], cases: list[Case] | None = None
) -> tuple[Shapes, list[Seen]]:
    """The answers, with results of a wrong shape brought to the right one where that is known.

    Those of the probes, where no other cases are given.
    """
    cases = ladder.cases if cases is None else cases
    seen = ladder.seen(cases)
    for s in seen:
        for name in s.found.keys() - set(results):
            del s.found[name]
    causes: dict[str, frozenset[str]] = {}
    words, lost = [], []
    for name in results:
        usable = {k: c for k, c in enumerate(cases) if c.answer.usable}
        wrong = {k: c for k, c in usable.items() if c.wrong.get(name) == "shape"}
        if not wrong:
            continue
        cause, said, arrays = _brought(ladder, name, wrong) or _exchanged(ladder, name, usable)
        if arrays:
            causes[cause] = causes.get(cause, frozenset()) | {name}
            words.append(f"{name}: {said}")
        elif len(wrong) == len(usable):
            lost.append(name)
        for k, a in arrays.items():
            seen[k].found[name] = a
    return Shapes(causes, tuple(words), tuple(lost)), seen


_Brought = tuple[str, str, dict[int, Array]]  # a cause, words, and the results by their probes


def _brought(ladder: Ladder, name: str, wrong: dict[int, Case]) -> _Brought | None:
    for cause, said, mend in _MENDS:
        arrays: dict[int, Array] = {}
        for k, case in wrong.items():
            if (a := _mended(ladder, case, name, mend)) is None:
                break
            arrays[k] = a
        if len(arrays) == len(wrong):
            return cause, said, arrays
    return None


def _mended(
    ladder: Ladder, case: Case, name: str, mend: Callable[[Array, Array, Problem], Array | None]
) -> Array | None:
    """A result brought to the right shape, in the layout of a Problem."""
    contract, problem = ladder.contract, case.answer.problem
    right = contract.outward(name, problem.expected[name])
    got = ladder.results(case.answer)[name].astype(float)
    if got.ndim == right.ndim:
        return mend(contract.inward(name, got), contract.inward(name, right), problem)
    mended = mend(got, right, problem)
    return None if mended is None else contract.inward(name, mended)


def _exchanged(ladder: Ladder, name: str, usable: dict[int, Case]) -> _Brought:
    """The right numbers, with their axes in another order: in which, and the results in theirs.

    Where two sizes happen to be equal the shape is right, so every answer is looked at.
    """
    of = {"dx": "NCHW", "dW": "OCUV"}.get(name, "")
    contract = ladder.contract
    for order in permutations(range(len(of))):
        found: dict[int, Array] = {}
        for k, case in usable.items():
            got = ladder.results(case.answer)[name]
            if got.ndim != (4 if name == "dW" or contract.batch else 3):
                return "", "", {}
            mended = contract.inward(name, got).transpose(order)
            right = case.answer.problem.expected[name]
            if mended.shape != right.shape or not np.array_equal(mended, right):
                break
            found[k] = mended
        if len(found) == len(usable):
            lies = "".join(of[order.index(axis)] for axis in range(4))
            cause = "patch-transposed" if lies == "OCVU" else "axes-exchanged"
            return cause, f"its axes stand in the order {_named(lies)}", found
    return "", "", {}


_AXES = {"N": "N", "C": "C_in", "H": "inH", "W": "inW", "O": "C_out", "U": "kH", "V": "kW"}


def _named(axes: str) -> str:
    return ", ".join(_AXES[axis] for axis in axes)


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


def _ends(problem: Problem, right: Array) -> list[tuple[int, int, int]]:
    """Of rows and columns: how many x has, how far the last window goes, and the padding."""
    g, sizes = problem.geometry, problem.sizes
    return [
        (n, (out - 1) * s + (k - 1) * d + 1 - p, p)
        for n, out, k, s, p, d in zip(
            right.shape[-2:], (sizes.outH, sizes.outW), (sizes.kH, sizes.kW), g.stride, g.padding,
            g.dilation, strict=True,
        )
    ]  # fmt: skip


def _cut_off(a: Array, right: Array, problem: Problem) -> Array | None:
    """dx that ends where the last window does, short of what a stride leaves over."""
    if a.shape[:-2] != right.shape[:-2]:
        return None
    for n, (full, end, p) in zip(a.shape[-2:], _ends(problem, right), strict=True):
        if n not in (full, end, end - p):
            return None
    lost = np.subtract(right.shape, a.shape)
    return np.pad(a, [(0, n) for n in lost]) if (lost >= 0).all() else None


def _longer_kernel(a: Array, right: Array, problem: Problem) -> Array | None:
    """dW with rows and columns for what a stride leaves over."""
    more = [max(0, full + p - end) for full, end, p in _ends(problem, problem.expected["dx"])]
    if not any(more) or a.shape != (*right.shape[:-2], *np.add(right.shape[-2:], more)):
        return None
    mended: Array = a[..., : right.shape[-2], : right.shape[-1]]
    return mended


def _unpadded_kernel(a: Array, right: Array, problem: Problem) -> Array | None:
    """dW of x without its padding: the middle of what it should be."""
    p, q = problem.geometry.padding
    if not (p or q) or a.shape != (
        *right.shape[:-2],
        *np.subtract(right.shape[-2:], (2 * p, 2 * q)),
    ):
        return None
    mended = right.copy()
    middle = np.s_[..., p : right.shape[-2] - p, q : right.shape[-1] - q]
    return mended if np.array_equal(right[middle], a) else None


def _cropped_once(a: Array, right: Array, problem: Problem) -> Array | None:
    """dx with the padding still on at one side: at the end, or else in front."""
    p, q = problem.geometry.padding
    if not (p or q) or a.shape != (*right.shape[:-2], *np.add(right.shape[-2:], (p, q))):
        return None
    H, W = right.shape[-2:]
    at_end, in_front = a[..., :H, :W], a[..., p:, q:]
    return in_front if np.array_equal(in_front, right) else at_end


def _part(a: Array, right: Array, _: Problem) -> Array | None:
    """dx of a "full" convolution that was taken as "same" or "valid", or padded at one side."""
    if a.shape[:-2] != right.shape[:-2] or min(a.shape[-2:], default=0) == 0:
        return None
    over = np.subtract(right.shape[-2:], a.shape[-2:])
    if (over < 0).any() or not over.any():
        return None
    starts = {(0, 0), tuple(over), tuple(over // 2), tuple((over + 1) // 2)}
    h, w = a.shape[-2:]
    for i, j in starts:
        if np.array_equal(right[..., i : i + h, j : j + w], a):
            return right
    return None


_MENDS = (
    ("batch-sum-missing", "one gradient for each image of the batch", _over_batch),
    ("geometry-mixed", "the padding is not cropped", _uncropped),
    ("geometry-mixed", "the padding is cropped at one side only", _cropped_once),
    ("geometry-mixed", "what the stride leaves over is cut off", _cut_off),
    ("geometry-mixed", "what the stride leaves over is not cut off from x", _longer_kernel),
    ("geometry-mixed", "x is taken without its padding", _unpadded_kernel),
    ("wrong-broadcast", "it has an axis too many", _extra_axis),
    ("wrong-broadcast", "an axis is missing: its sum was taken", _lost_axis),
    ("edges-missing", "the right numbers, without some rows or columns at the edges", _part),
)
