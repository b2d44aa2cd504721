"""From what a ladder saw to the names of the mistakes: only where all the evidence is for them."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from .ladder import Ladder
from .matching import Matcher, Named, Seen, order_of
from .problem import PLAIN, Problem, roomy
from .rounding import precision, truncation
from .shapes import reshaped


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
        rest = ("what else is wrong is of no known mistake",) if found else ()
        return Verdict(tuple(sorted(found, key=order_of)), (*words, *rest))
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
    if said := truncation(ladder):
        yield "integer-truncated", said
    if said := precision(ladder):
        yield "precision-lost", said


# --- values ---------------------------------------------------------------------------------------


def _values(ladder: Ladder, eps: float | None) -> Named | Verdict | None:
    """What explains the results on the probes; an empty verdict where they are right."""
    shapes, seen = reshaped(ladder)
    seen = [s._replace(eps=eps or s.eps) for s in seen]
    bad = {n for s in seen for n in s.found if not _right(s, n)}
    wrong = [name for name in ladder.contract.returns if name in bad]
    unread = [k for k, s in enumerate(seen) if len(s.found) < len(ladder.contract.returns)]
    if not wrong and not unread:
        return Verdict(shapes.causes, shapes.words)
    if any(_always_zero(seen, name) for name in wrong):
        return None  # so it would be whatever kept the loop from adding: nothing tells which
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


def _always_zero(seen: Sequence[Seen], name: str) -> bool:
    return not any(s.found[name].any() for s in seen if name in s.found)


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


# --- crashes ------------------------------------------------------------------------------------


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
