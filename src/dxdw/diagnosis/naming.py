"""From what a ladder saw to the names of the mistakes: only where all the evidence is for them."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from ..engines.libraries import Array
from .ladder import Case, Ladder, is_cast
from .matching import Matcher, Named, Seen, order_of
from .problem import PLAIN, Problem, roomy
from .terms import Terms


class Verdict(NamedTuple):
    """The identifiers in the order of the catalogue, and what was matched, in words."""

    causes: tuple[str, ...] = ()
    words: tuple[str, ...] = ()


def verdict(ladder: Ladder) -> Verdict:
    """The mistakes; none where something is wrong that none of them explains."""
    found: dict[str, None] = {}
    words: list[str] = []
    if not ladder.cases:
        return Verdict()
    if all(not case.answer.usable for case in ladder.cases):
        return _crashed(ladder)
    for cause, said in _seen_directly(ladder):
        found[cause] = None
        words.append(said)
    values = _values(ladder, float(np.finfo(np.float32).eps) if "precision-lost" in found else None)
    if values is None:
        # What was seen directly is so, whatever else there is.
        return Verdict(tuple(sorted(found, key=order_of)), tuple(words))
    found.update(dict.fromkeys(values.causes))
    return Verdict(tuple(sorted(found, key=order_of)), (*words, *values.words))


def _seen_directly(ladder: Ladder) -> Iterator[tuple[str, str]]:
    """What needs no comparison of values with a mistake's own."""
    if ladder.swapped:
        yield "tuple-swapped", "the shapes of the two results stand exchanged"
    if ladder.checks["arguments"].right is False:
        yield "input-mutated", ladder.checks["arguments"].detail
    if ladder.adds_up:
        yield "state-kept", "the second call gives exactly twice the first"
    elif ladder.checks["fresh"].right is False:
        yield "state-kept", ladder.checks["fresh"].detail
    if said := _truncation(ladder):
        yield "integer-truncated", said
    if said := _precision(ladder):
        yield "precision-lost", said


# --- values ---------------------------------------------------------------------------------------


def _values(ladder: Ladder, eps: float | None) -> Named | Verdict | None:
    """What explains the results on the probes; an empty verdict where they are right."""
    shapes, seen = _reshaped(ladder)
    seen = [s._replace(eps=eps or s.eps) for s in seen]
    bad = {n for s in seen for n in s.found if not _right(s, n)}
    wrong = [name for name in ladder.contract.returns if name in bad]
    unread = [k for k, s in enumerate(seen) if len(s.found) < len(ladder.contract.returns)]
    if not wrong and not unread:
        return Verdict(shapes.causes, shapes.words)
    matcher = Matcher(seen, wrong)
    whole = _on_part(ladder, matcher, range(len(seen)))
    if whole is None:
        square = next(filter(None, (_on_part(ladder, matcher, p) for p in _squares(seen))), None)
        # Two mistakes that crash where the function does, or one and something taken to be square?
        foreseen = matcher.name_foreseeing() if wrong else None
        whole = square
        if foreseen and (square is None or len(foreseen.causes) < len(square.causes)):
            whole = Verdict(foreseen.causes, foreseen.words)
    if whole is None and unread:
        whole = _with_room(ladder)
    if whole is None:
        return Verdict(shapes.causes, shapes.words) if shapes.causes else None
    return Verdict((*shapes.causes, *whole.causes), (*shapes.words, *whole.words))


def _on_part(ladder: Ladder, matcher: Matcher, part: Sequence[int]) -> Verdict | None:
    """What explains the results on some of the probes, where the others have to fail."""
    seen, wrong = matcher.seen, matcher.wrong
    chosen = [seen[k] for k in part]
    rest = [k for k in range(len(seen)) if k not in part]
    if rest and not _outside_fails(seen, rest):
        return None
    inside = [n for n in wrong if any(n in s.found and not _right(s, n) for s in chosen)]
    causes: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    if inside:
        named = _named(ladder, Matcher(chosen, inside) if rest else matcher, pairs=not rest)
        if named is None:
            return None
        causes, words = named.causes, named.words
    elif any(len(s.found) < len(ladder.contract.returns) for s in chosen):
        return None  # right, but for some crash
    if rest:
        causes = (*causes, "square-assumed")
        words = (*words, "right, but for other mistakes, only where sizes are equal")
    return Verdict(causes, words)


def _squares(seen: list[Seen]) -> Iterator[list[int]]:
    """The probes where some sizes are equal."""
    squares: list[Callable[[Problem], bool]] = [
        lambda p: p.sizes.kH == p.sizes.kW,
        lambda p: p.sizes.outH == p.sizes.outW,
        lambda p: p.x.shape[2] == p.x.shape[3],
        lambda p: p.sizes.C_in == p.sizes.C_out,
        lambda p: p.sizes.kH == p.sizes.kW and p.sizes.outH == p.sizes.outW,
        lambda p: (
            p.sizes.C_in - p.sizes.C_out == p.sizes.kH - p.sizes.kW == p.sizes.outH - p.sizes.outW
        ),
    ]
    for square in squares:
        part = [k for k, s in enumerate(seen) if square(s.problem)]
        if 2 <= len(part) < len(seen):
            yield part


def _outside_fails(seen: Sequence[Seen], rest: list[int]) -> bool:
    return any(
        len(seen[k].found) < 2 or not all(_right(seen[k], n) for n in seen[k].found) for k in rest
    )


def _right(seen: Seen, name: str) -> bool:
    if name not in seen.found:
        return False
    difference = np.abs(seen.found[name] - seen.problem.expected[name]).max()
    return bool(difference <= seen.problem.tolerance(name, seen.eps))


def _named(ladder: Ladder, matcher: Matcher, pairs: bool) -> Named | Verdict | None:
    if "db" in matcher.wrong:
        return _with_db(ladder, matcher, pairs)
    proportional = all(matcher.proportional(result) for result in matcher.wrong)
    constant = all(matcher.scaled(result) for result in matcher.wrong)
    if ladder.checks["linearity"].right is False and proportional and not constant:
        return Verdict(("nonlinear-in-grad",), ("a factor that depends on the values of G",))
    return matcher.name(pairs)


def _with_db(ladder: Ladder, matcher: Matcher, pairs: bool) -> Verdict | None:
    """A sum over G can be scaled, and little else; the others are looked at by themselves."""
    factor = matcher.scaled("db")
    if factor is None:
        return None
    others = [name for name in matcher.wrong if name != "db"]
    named = _named(ladder, Matcher(matcher.seen, others), pairs) if others else Verdict()
    if named is None:
        return None
    causes = dict.fromkeys((*named.causes, "scaled"))
    return Verdict(tuple(causes), (*named.words, f"db is {factor} times what it would be"))


# --- shapes ---------------------------------------------------------------------------------------


class _Shapes(NamedTuple):
    causes: tuple[str, ...] = ()
    words: tuple[str, ...] = ()


def _reshaped(ladder: Ladder) -> tuple[_Shapes, list[Seen]]:
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
    return _Shapes(tuple(causes), tuple(words)), seen


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


def _with_room(ladder: Ladder) -> Verdict | None:
    """A shift, of a function that crashes, or reads less, where it reaches past the end of x."""
    if ladder.contract.geometry != PLAIN:
        return None
    cases = [ladder.ask(roomy(problem)) for problem in ladder.probes]
    wrong = sorted({name for case in cases for name in case.wrong}, reverse=True)
    if not all(case.answer.usable for case in cases):
        return None
    named = Matcher(ladder.seen(cases), wrong).name(pairs=False)
    if named is None or named.causes != ("shifted",):
        return None
    return Verdict(named.causes, (*named.words, "with room in x, past whose end it reaches"))


# What NumPy says where a result does not fit the array that it is written into.
_WRITTEN = ("non-broadcastable output operand", "could not broadcast input array")
_SHAPE = re.compile(r"\(([\d, ]*)\)")


def _crashed(ladder: Ladder) -> Verdict:
    """A crash on every probe: one that room in x does away with, or numbers of axes don't fit."""
    if found := _with_room(ladder):
        return found
    crashes = [case.answer.crash for case in ladder.cases]
    if any(c is None or not c.message.startswith(_WRITTEN) for c in crashes):
        return Verdict()
    for crash in filter(None, crashes):
        shapes = [s.strip(" ,").split(",") for s in _SHAPE.findall(crash.message)]
        if len(shapes) < 2 or len(shapes[0]) == len(shapes[1]):
            return Verdict()
    return Verdict(
        ("wrong-broadcast",), ("NumPy: arrays of different numbers of axes were combined",)
    )


# --- fractions and precision ----------------------------------------------------------------------


def _truncation(ladder: Ladder) -> str | None:
    cases = ladder.fractions
    bad = [c for c in cases if c.wrong]
    for case in bad:
        crash = case.answer.crash
        # Where an argument is written into, that line may be what is refused.
        changed = any({"x", "W"} & set(c.answer.changed) for c in ladder.cases)
        if crash is not None and not changed and is_cast(crash):
            return f"NumPy refuses to add fractions to integers: {crash.message}"
        for name, a in ladder.results(case.answer).items() if case.answer.usable else ():
            if a.dtype.kind in "iu" and _has_fractions(ladder, case.answer.problem, name):
                return f"{name} is returned in {a.dtype}, which holds no fractions"
    if ladder.checks["exact"].right is not True or len(bad) < 2:
        return None
    for kind in "if":  # arrays of integers, and of floats
        some = [c for c in bad if c.answer.problem.x.dtype.kind == kind]
        wrong = {name for c in some for name in c.wrong}
        if len(some) >= 2 and all(_explained(ladder, some, name) for name in wrong):
            return "fractions are cut off, exactly as integers do it"
    return None


def _has_fractions(ladder: Ladder, problem: Problem, name: str) -> bool:
    """Whether the function's result has fractions for the same numbers in float arrays."""
    x, W = problem.x.astype(float), problem.W.astype(float)
    answer = ladder.ask(Problem(problem.grad_out, x, W, problem.geometry)).answer
    return answer.usable and bool(np.any(ladder.results(answer)[name] % 1))


def _explained(ladder: Ladder, cases: list[Case], name: str) -> bool:
    seen = ladder.seen(cases)
    if any(name not in s.found for s in seen):
        return False
    for mistake in _truncations():
        totals = []
        for s in seen:
            terms = Terms(s.problem, name)
            mistake(terms)
            totals.append(terms.total())
        if all(np.array_equal(s.found[name], t) for s, t in zip(seen, totals, strict=True)):
            return True
    return False


def _truncations() -> Iterator[Callable[[Terms], None]]:
    def cut(operand: str) -> Callable[[Terms], None]:
        return lambda t: setattr(t, operand, np.trunc(getattr(t, operand)))

    def rounded(how: Callable[[Array], Array]) -> Callable[[Terms], None]:
        return lambda t: t.after.append(how)

    yield from (rounded(np.trunc), rounded(np.floor), rounded(np.rint))
    for loops in ("oij", "ijo", "ij", "uv", "u", "o", "i", "oijcuv", "ocijuv", "ocuvij", "cijouv",
                  "coijuv", "oijuv", "ouv", "cuvo", "ouvij", "n", "noij", "noijcuv"):  # fmt: skip
        yield lambda t, loops=loops: setattr(t, "truncates", loops)  # type: ignore[misc]
    yield from (cut("G"), cut("x"), cut("W"))


def _precision(ladder: Ladder) -> str | None:
    if ladder.contract.dtype != np.float64:
        return None
    if ladder.loses_precision():
        return "of numbers of 30 bits, what float32 keeps of them"
    for name in ladder.contract.returns if ladder.reals else ():
        if all(_of_float32(ladder, case, name) for case in ladder.reals):
            return f"every number of {name} is one of float32's, for arguments in float64"
    if ladder.reals and _of_rounded_arguments(ladder):
        return "the results are those of arguments rounded to float32"
    return None


def _of_float32(ladder: Ladder, case: Case, name: str) -> bool:
    if not case.answer.usable:
        return False
    a = ladder.results(case.answer)[name]
    with np.errstate(over="ignore", invalid="ignore"):
        same = a.astype(np.float32) == a
    return bool(same.all() and np.count_nonzero(a % 1) >= max(4, a.size // 8))


def _of_rounded_arguments(ladder: Ladder) -> bool:
    for which in range(1, 8):
        agree = 0
        for case in ladder.reals:
            p = case.answer.problem
            if not case.wrong or "value" not in case.wrong.values() or not case.answer.usable:
                break
            G, x, W = (
                a.astype(np.float32).astype(float) if which >> k & 1 else a
                for k, a in enumerate((p.grad_out, p.x, p.W))
            )
            rounded = Problem(G, x, W, p.geometry)
            found = ladder.results(case.answer)
            agree += all(
                case.wrong.get(n) == "shape" or ladder.close(n, rounded, a)
                for n, a in found.items()
            )
        if agree == len(ladder.reals):
            return True
    return False
