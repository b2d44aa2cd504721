"""From what a ladder saw to the names of the mistakes: only where all the evidence is for them."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from .calls import Answer
from .causes import in_order, listed, title_along
from .crashes import sizes_in_crashes
from .fixed_sizes import NAME as FIXED
from .fixed_sizes import fixed_sizes
from .from_zero import NAME as NOT_FROM_ZERO
from .from_zero import beginnings, from_memory, updated
from .ladder import Case, Ladder
from .matching import Matcher, Named, Seen, names_alone, order_of
from .mistakes_of_axes import RESHAPED
from .not_yet import Missing, misshapen, not_yet
from .of_bias import of_bias
from .other_forms import other_form
from .problem import PLAIN, others, redrawn, roomy
from .report import ADVICE
from .rounding import lost_fractions, precision
from .shapes import reshaped
from .squares import AskedAgain, Square, fails, right, squares


@dataclass(frozen=True)
class Verdict:
    """What is wrong: the identifiers, each with the results it is made in, in their order.

    `either` is true where one of the identifiers is enough to explain all that is wrong.
    """

    causes: dict[str, frozenset[str]] = field(default_factory=dict)
    words: tuple[str, ...] = ()  # what was matched
    either: bool = False
    missing: tuple[str, ...] = ()  # what is not there yet, a sentence each
    unnamed: tuple[str, ...] = ()  # results that are wrong in no known way
    titles: dict[str, str] = field(
        default_factory=dict
    )  # of a cause, what is to be said in place of its own
    factors: dict[str, str] = field(default_factory=dict)  # of a result that is scaled, in words


def verdict(ladder: Ladder) -> Verdict:
    """The mistakes; none in results that none of them explains."""
    if not ladder.cases:
        return Verdict()
    if all(not case.answer.usable for case in ladder.cases):
        crashed = _crashed(ladder)
        form = "" if crashed.causes else other_form(ladder.given, ladder.contract)
        return replace(crashed, missing=(form,) if form else ())
    missing = not_yet(ladder)
    found = [*_seen_directly(ladder)]
    if ladder.stale:  # what it gave is no answer to what was asked
        return _together(ladder, missing, found)
    eps = np.finfo(np.float32).eps if any("precision-lost" in v.causes for v in found) else None
    rest = [n for n in ladder.contract.returns if n not in missing.results]
    if "db" in rest:
        found.append(_of_bias(ladder))
    arrays = [name for name in rest if name != "db"]
    if arrays:
        values = _values(ladder, arrays, None if eps is None else float(eps))
        found.append((_of_fixed_sizes(ladder) if values.unnamed else None) or values)
    if not any(v.causes or v.unnamed or v.missing for v in found) and not missing.results:
        found.append(_of_sizes(ladder))
    for lost in lost_fractions(ladder):
        causes, titles = {lost.cause: lost.results}, {lost.cause: lost.title}
        found.append(Verdict(causes, lost.said, titles=titles))
    return _together(ladder, missing, found)


def _together(ladder: Ladder, missing: Missing, found: list[Verdict]) -> Verdict:
    causes: dict[str, frozenset[str]] = {}
    for part in found:
        for name, results in part.causes.items():
            causes[name] = causes.get(name, frozenset()) | results
    # What only arrays of integers show comes last: it is advice.
    ordered = sorted(causes, key=lambda name: (name in ADVICE, order_of(name)))
    wrong = {name for case in ladder.cases for name in case.wrong}
    unnamed = tuple(n for n in dict.fromkeys(n for v in found for n in v.unnamed) if n in wrong)
    if unnamed and all(name in ADVICE for name in ordered):  # advice would hide what matters
        ordered, found = [], [part for part in found if not part.causes]
    either = any(part.either for part in found)
    if either and "shifted" in ordered:  # the least that can be said
        ordered.append(ordered.pop(ordered.index("shifted")))
    return Verdict(
        {name: causes[name] for name in ordered},
        tuple(dict.fromkeys(words for part in found for words in part.words)),
        either,
        (*missing.said, *(said for part in found for said in part.missing)),
        unnamed,
        {name: title for part in found for name, title in part.titles.items()}
        | _geometry_title(ladder, causes.get("geometry-mixed")),
        {name: factor for part in found for name, factor in part.factors.items()},
    )


def _geometry_title(ladder: Ladder, results: frozenset[str] | None) -> dict[str, str]:
    """With the options that there are."""
    g = ladder.contract.geometry
    options = ("stride", "padding", "dilation")
    names = [name for name in options if getattr(g, name) != getattr(PLAIN, name)]
    if not results or not names:
        return {}
    what = " or ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
    return {"geometry-mixed": f"the {what} is misplaced in {listed(in_order(results))}"}


def _of_bias(ladder: Ladder) -> Verdict:
    found = of_bias(ladder)
    causes = dict.fromkeys(found.causes, frozenset({"db"}))
    if found.right or causes:
        factors = {"db": found.factor} if found.factor else {}
        return Verdict(causes, found.words, found.either, factors=factors)
    if all(case.wrong.get("db") == "shape" for case in ladder.cases if case.answer.usable):
        return Verdict(missing=(misshapen(ladder, "db"),))
    return Verdict(unnamed=("db",))


def _seen_directly(ladder: Ladder) -> Iterator[Verdict]:
    """What needs no comparison of values with a mistake's own."""

    def seen(cause: str, said: str) -> Verdict:
        return Verdict({cause: frozenset()}, (said,))

    if ladder.swapped:
        yield seen("tuple-swapped", "the shapes of the two results stand exchanged")
    if ladder.checks["arguments"].right is False:
        yield seen("input-mutated", ladder.checks["arguments"].detail)
    if ladder.adds_up:
        yield seen("state-kept", "the second call gives exactly twice the first")
    elif ladder.checks["fresh"].right is False:
        yield seen("state-kept", ladder.checks["fresh"].detail)
    elif ladder.stale:
        yield seen("state-kept", ladder.checks["repeatable"].detail)
    if said := precision(ladder):
        yield seen("precision-lost", said)


# --- values ---------------------------------------------------------------------------------------


def _values(ladder: Ladder, results: Sequence[str], eps: float | None) -> Verdict:
    """What explains dx and dW on the probes; an empty verdict where they are right."""
    shapes, seen = reshaped(ladder, results)
    results = [name for name in results if name not in shapes.lost]
    seen = [
        s._replace(eps=eps or s.eps, found={n: a for n, a in s.found.items() if n in results})
        for s in seen
    ]
    bad = {n for s in seen for n in s.found if not right(s, n)}
    wrong = [name for name in results if name in bad]
    empty = _empty(ladder, shapes.lost)
    names = [n for n in shapes.lost if n not in empty.get("empty-slice", ())]
    lost = tuple(misshapen(ladder, name) for name in names)
    if lost and (form := other_form(ladder.given, ladder.contract)):
        lost = (form, *lost)
    begun = Verdict(shapes.causes | empty, shapes.words, missing=lost)
    if not wrong and not any(len(s.found) < len(results) for s in seen):
        return begun
    whole = _explained(ladder, Matcher(seen, wrong), results)
    if whole is None:
        whole = _not_from_zero(ladder, seen, results)
    if whole is None:
        whole = _one_by_one(seen, results, wrong)
    return replace(
        begun,
        causes=begun.causes | whole.causes, words=(*begun.words, *whole.words),
        either=whole.either, unnamed=whole.unnamed, titles=whole.titles, factors=whole.factors,
    )  # fmt: skip


def _empty(ladder: Ladder, lost: Sequence[str]) -> dict[str, frozenset[str]]:
    """Results without an element, as a slice that ends at -0 leaves them."""
    usable = [case.answer for case in ladder.cases if case.answer.usable]
    names = {n for n in lost if n != "db" and all(_cut(ladder, n, a) for a in usable)}
    return {"empty-slice": frozenset(names)} if names else {}


def _cut(ladder: Ladder, name: str, answer: Answer) -> bool:
    """Whether rows or columns are gone, all of them, and everything else is there."""
    got = ladder.results(answer)[name]
    right = ladder.contract.outward(name, answer.problem.expected[name])
    if got.ndim != right.ndim:
        return False
    shape, wanted = (ladder.contract.inward(name, a).shape for a in (got, right))
    sizes = zip(shape[2:], wanted[2:], strict=True)
    return shape[:2] == wanted[:2] and 0 in shape[2:] and all(n in (0, m) for n, m in sizes)


def _explained(
    ladder: Ladder, matcher: Matcher, results: Sequence[str], begun: bool = False
) -> Verdict | None:
    """What explains everything, on all probes or on those of equal sizes; None: nothing does."""
    seen, wrong = matcher.seen, matcher.wrong
    whole = _on_all(ladder, matcher, results)
    if whole is None:
        square = _square(ladder, matcher, AskedAgain(ladder, results, seen[0].eps, begun))
        # Two mistakes that crash where the function does, or one and something taken to be square?
        foreseen = matcher.name_foreseeing() if wrong else None
        whole = square
        if foreseen and (square is None or len(foreseen.causes) < len(square.causes)):
            whole = _verdict(foreseen)
    if whole is None and any(len(s.found) < len(results) for s in seen):
        whole = _with_room(ladder)
    return whole


def _verdict(named: Named) -> Verdict:
    titles = {n: title_along(n, along, named.causes[n]) for n, along in named.along.items()
              if n in named.causes}  # fmt: skip
    return Verdict(named.causes, named.words, named.either, titles=titles, factors=named.factors)


def _not_from_zero(ladder: Ladder, seen: list[Seen], results: Sequence[str]) -> Verdict | None:
    """Where the results begin with other numbers than 0: that, and what else is wrong with them."""
    if unset := from_memory(ladder, results):
        rest = [n for n in results if n not in unset]
        others = [s._replace(found={n: s.found[n] for n in rest if n in s.found}) for s in seen]
        words = [f"{n}: np.empty leaves in an array what was in memory" for n in unset]
        begun = Verdict({NOT_FROM_ZERO: frozenset(unset)}, tuple(words))
        return _with_the_rest(ladder, begun, others, rest)
    found = beginnings(ladder, seen)
    if found is None:
        return None
    begun = Verdict({NOT_FROM_ZERO: frozenset(found.results)}, found.words)
    wrong = [n for n in results if any(not right(s, n) for s in found.seen if n in s.found)]
    if updated(found, wrong):
        return replace(begun, titles={NOT_FROM_ZERO: "a new W is returned in place of dW"})
    return _with_the_rest(ladder, begun, found.seen, results)


def _with_the_rest(
    ladder: Ladder, begun: Verdict, seen: list[Seen], results: Sequence[str]
) -> Verdict | None:
    wrong = [n for n in results if any(not right(s, n) for s in seen if n in s.found)]
    if not wrong:
        return begun
    rest = _explained(ladder, Matcher(seen, wrong), results, begun=True)
    if rest is None or rest.either:
        return None
    return replace(rest, causes=begun.causes | rest.causes, words=(*begun.words, *rest.words))


def _one_by_one(seen: list[Seen], results: Sequence[str], wrong: Sequence[str]) -> Verdict:
    """Where nothing explains dx and dW together: one of them, by a mistake of its own."""
    causes: dict[str, frozenset[str]] = {}
    words: list[str] = []
    titles: dict[str, str] = {}
    factors: dict[str, str] = {}
    unnamed = []
    complete = all(len(s.found) == len(results) for s in seen)
    for name in wrong:
        alone = [Seen(s.problem, {name: s.found[name]}, s.eps) for s in seen if name in s.found]
        named = Matcher(alone, [name]).name(pairs=False) if complete and len(wrong) > 1 else None
        if named is None or named.either:
            unnamed.append(name)
        else:
            causes |= named.causes
            words += named.words
            titles |= _verdict(named).titles
            factors |= named.factors
    unknown = tuple(unnamed)
    return Verdict(causes, tuple(words), unnamed=unknown, titles=titles, factors=factors)


def _of_sizes(ladder: Ladder) -> Verdict:
    """Of a function that is right, but where some size is 1, or larger than some number."""
    if not ladder.beyond or ladder.changing or ladder.checks["exact"].right is not False:
        return Verdict()
    if fixed := _of_fixed_sizes(ladder):
        return fixed
    alone = _alone(ladder)
    if not alone or not _whatever_the_numbers(ladder, [*alone.values()]):
        return Verdict()
    empty = {n for c in alone.values() if c.answer.usable
             for n in c.wrong if n != "db" and _cut(ladder, n, c.answer)}  # fmt: skip
    said = f"right, but where {' or '.join(alone)} is 1"
    if empty:
        return Verdict({"empty-slice": frozenset(empty)}, (said,))
    return Verdict({"size-of-one": frozenset()}, (said,))


def _of_fixed_sizes(ladder: Ladder) -> Verdict | None:
    """Of one that is right up to some size."""
    arrays = [name for name in ladder.contract.returns if name != "db"]
    fixed = None if ladder.changing else fixed_sizes(ladder.seen(ladder.tried), arrays)
    return Verdict({FIXED: fixed.results}, fixed.words) if fixed else None


def _alone(ladder: Ladder) -> dict[str, Case]:
    """The sizes that are 1 by themselves where it is wrong; none where it is so elsewhere too."""
    alone: dict[str, Case] = {}
    for case in (case for case in ladder.tried if case.wrong):
        ones = _of_one(case)
        if not ones:
            return {}
        if len(ones) == 1:
            alone[ones[0]] = case
    # Wherever one of these sizes is 1, for two cases that fail by chance have sizes too.
    right_too = (case for case in ladder.tried if not case.wrong)
    return {} if any(set(_of_one(case)) & set(alone) for case in right_too) else alone


def _whatever_the_numbers(ladder: Ladder, wrong: Sequence[Case]) -> bool:
    """Whether these sizes are wrong with other numbers too, and those of the probes right."""
    contract = ladder.contract
    problems = [redrawn(case.answer.problem, 99) for case in wrong]
    return all(ladder.ask(problem).wrong for problem in problems) and not any(
        ladder.ask(problem).wrong for problem in others(contract.geometry, contract.batch)
    )


def _of_one(case: Case) -> list[str]:
    """The sizes that are 1."""
    sizes = case.answer.problem.sizes
    return [name for name, n in sizes._asdict().items() if n == 1 and name != "N"]


def _on_all(ladder: Ladder, matcher: Matcher, results: Sequence[str]) -> Verdict | None:
    """What explains the results on every probe."""
    if matcher.wrong:
        return _named(ladder, matcher, pairs=True)
    there = all(len(s.found) == len(results) for s in matcher.seen)
    return Verdict() if there else None  # right, but for some crash


def _square(ladder: Ladder, matcher: Matcher, asked: AskedAgain) -> Verdict | None:
    """What explains the results where sizes are equal, and elsewhere nothing but that they are not.

    Where answers change between calls, which of them are wrong tells nothing of sizes.
    """
    parts = () if ladder.changing else squares(matcher.seen)
    return next(filter(None, (_on_part(ladder, matcher, *p, asked) for p in parts)), None)


def _on_part(
    ladder: Ladder, matcher: Matcher, square: Square, part: Sequence[int], asked: AskedAgain
) -> Verdict | None:
    chosen = [matcher.seen[k] for k in part]
    rest = [s for k, s in enumerate(matcher.seen) if k not in part]
    inside = [n for n in matcher.wrong if any(n in s.found and not right(s, n) for s in chosen)]
    crashed = not inside and any(fails(s, asked.results) for s in chosen)
    if crashed or not any(fails(s, asked.results) for s in rest):
        return None
    found = _named_where_equal(ladder, chosen, inside)
    if found is None or found.either:
        return None

    known = names_alone(found.causes)

    def explained(seen: list[Seen]) -> bool:
        """Whether these mistakes are all that is wrong with some answers."""
        others = [n for n in asked.results if n not in inside]
        if any(not right(s, n) for s in seen for n in others if n in s.found or not inside):
            return False  # (of what is not there a Matcher tells whether it is foreseen)
        again = _named_where_equal(ladder, [*chosen, *seen], inside, known)
        return again is not None and again.causes == found.causes

    def wrong(seen: Seen) -> bool | None:
        """Whether there is more than these mistakes; a crash that they foresee tells nothing."""
        if explained([seen]):
            return None if inside and len(seen.found) < len(asked.results) else False
        return True

    # Where something else is wrong, the ladder's other questions may have met one more mistake.
    equal = asked.equal(square) if inside else asked.all_equal(square)
    if not explained(equal) or not asked.by_sizes(square, rest, wrong):
        return None
    said = f"{'but for that ' if inside else ''}right only where sizes are equal"
    causes = {**found.causes, "square-assumed": frozenset[str]()}
    return replace(found, causes=causes, words=(*found.words, said))


def _named_where_equal(
    ladder: Ladder, seen: list[Seen], wrong: Sequence[str], among: Collection[str] | None = None
) -> Verdict | None:
    if not wrong:
        return Verdict()
    # Where sizes are equal, many a way of exchanging axes is one of reshaping them.
    return _named(ladder, Matcher(seen, wrong, among, without=(RESHAPED,)), pairs=False)


def _named(ladder: Ladder, matcher: Matcher, pairs: bool) -> Verdict | None:
    proportional = all(matcher.proportional(result) for result in matcher.wrong)
    constant = all(matcher.scaled(result) for result in matcher.wrong)
    if ladder.checks["linearity"].right is False and proportional and not constant:
        name, said = "nonlinear-in-grad", "a factor that depends on the values of grad_out"
        return Verdict({name: frozenset(matcher.wrong)}, (said,))
    named = matcher.name(pairs)
    return None if named is None else _verdict(named)


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
    if named is None or tuple(named.causes) != ("shifted",):
        return None
    return Verdict(named.causes, (*named.words, "with room in x, past whose end it reaches"))


def _crashed(ladder: Ladder) -> Verdict:
    """A crash on every probe: one that room in x does away with, or arrays that do not fit."""
    if found := _with_room(ladder):
        return found
    said = sizes_in_crashes(ladder)
    return Verdict({"wrong-broadcast": frozenset()}, (said,)) if said else Verdict()
