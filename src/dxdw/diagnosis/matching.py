"""Which known mistakes give exactly the answers that a function gave.

Every mistake is made in turn, alone and then in pairs, and its result is compared on all probes
with what the function returned: bit for bit but for the rounding of the function's own method. An
explanation must hold on two probes or more that tell it from the right answer, and on none may it
fail.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import NamedTuple

import numpy as np

from ..core.arrays import Array
from .mistake import Mistake
from .mistakes import mistakes
from .problem import Problem
from .terms import Impossible, Terms

EPS = float(np.finfo(np.float64).eps)


class Seen(NamedTuple):
    """What a function returned for a probe: nothing for a result of a wrong shape, or a crash."""

    problem: Problem
    found: dict[str, Array]
    eps: float = EPS


@dataclass(frozen=True)
class Explanation:
    """Mistakes that together give one result, perhaps up to a factor."""

    mistakes: tuple[Mistake, ...]
    factor: str | None = None  # in words, where it is not 1
    impossible: frozenset[int] = frozenset()  # probes on which these mistakes crash

    @property
    def cost(self) -> int:
        """How many mistakes it takes."""
        return len(self.mistakes) + (self.factor is not None)


class Named(NamedTuple):
    """Mistakes: their identifiers, each with the results it is made in, and what was matched.

    `either` is true where every one of the identifiers explains everything by itself, and only one
    of them need be so.
    """

    causes: dict[str, frozenset[str]]
    words: tuple[str, ...]
    either: bool = False
    along: dict[str, str] = {}  # noqa: RUF012 - never changed: of a name the one axis or index
    factors: dict[str, str] = {}  # noqa: RUF012 - nor this: of a result that is scaled


_MOST_TIED = 2  # names for the same answers: with more of them there is no telling


class Matcher:
    """Explains the results of some probes."""

    def __init__(
        self,
        seen: Sequence[Seen],
        wrong: Sequence[str],
        among: Collection[str] | None = None,
        without: Collection[str] = (),
    ) -> None:
        self.among = among  # the names to choose from; None: all
        self.without = without  # and those that are none to choose
        # The smallest first: most mistakes are ruled out by the first problem they are tried on.
        self.order = sorted(range(len(seen)), key=lambda k: _work(seen[k].problem))
        self.seen = seen
        self.wrong = tuple(wrong)
        self.touched: dict[Mistake, frozenset[str]] = {}
        self.paired: dict[str, list[Explanation]] = {}

    def name(self, pairs: bool = True) -> Named | None:
        """The fewest mistakes that explain every wrong result and every crash, or None."""
        results = [name for name in self.wrong if name in ("dx", "dW")]
        if not results or len(results) != len(self.wrong):
            return None
        singles = [self._singles(result) for result in results]
        # A mistake and a factor may also be two mistakes: that is for later.
        plain = [[e for e in found if not e.mistakes or e.factor is None] for found in singles]
        if named := self._joint(results, plain):
            return named
        if not pairs:
            return self._joint(results, singles)
        return self._joint(results, [
            known or [*found, *self._pairs(result)]
            for result, known, found in zip(results, plain, singles, strict=True)
        ])  # fmt: skip

    def name_foreseeing(self) -> Named | None:
        """As `name`, with two mistakes also where one gives the values, but not the crashes."""
        results = [name for name in self.wrong if name in ("dx", "dW")]
        if not results or len(results) != len(self.wrong) or not self._unread():
            return None
        each = [[*self._singles(result), *self._pairs(result)] for result in results]
        return self._joint(results, each)

    def scaled(self, result: str) -> str | None:
        """The factor between what was found and what is right, if that is all that is wrong."""
        seen = self._with(result)
        factors = []
        for s in seen:
            factor = _factor(s.found[result], s.problem.expected[result], self._close(s, result))
            if factor is None:
                return None
            factors.append(factor)
        return natural([s.problem for s in seen], factors, seen[0].eps)

    def _unread(self) -> set[int]:
        """The probes without some result: a crash, or a wrong shape."""
        most = max(len(s.found) for s in self.seen)
        return {k for k, s in enumerate(self.seen) if len(s.found) < most}

    def proportional(self, result: str) -> bool:
        """Whether each answer is some multiple of the right one."""
        return all(
            _factor(s.found[result], s.problem.expected[result], self._close(s, result)) is not None
            for s in self._with(result)
        )

    # --- one result -------------------------------------------------------------------------------

    def _with(self, result: str) -> list[Seen]:
        return [s for s in self.seen if result in s.found]

    def _singles(self, result: str) -> list[Explanation]:
        telling = [s for s in self._with(result) if not self._right(s, result)]
        if len(telling) < 2 or self._zero(result):
            return []
        scale = self.scaled(result)
        if scale is not None:
            return [Explanation((), scale)]
        known = [m for m in mistakes() if self._may_be(getattr(m, result))]
        return [e for m in known if (e := self._explains((m,), result))]

    def _may_be(self, name: str | None) -> bool:
        if name is None or name in self.without:
            return False
        return self.among is None or name in self.among

    def _pairs(self, result: str) -> list[Explanation]:
        if self._zero(result):
            return []
        if result not in self.paired:
            usual = [m for m in mistakes() if getattr(m, result) is not None and not m.rare]
            every = (self._explains(pair, result) for pair in combinations(usual, 2))
            self.paired[result] = [e for e in every if e]
        return self.paired[result]

    def _zero(self, result: str) -> bool:
        """Whether nothing is there to compare: zeros are what many a mistake leaves of anything."""
        return all(
            np.abs(s.found[result]).max(initial=0.0) <= self._close(s, result)
            for s in self._with(result)
        )

    def _right(self, seen: Seen, result: str) -> bool:
        difference = np.abs(seen.found[result] - seen.problem.expected[result]).max()
        return bool(difference <= seen.problem.tolerance(result, seen.eps))

    def _explains(self, made: tuple[Mistake, ...], result: str) -> Explanation | None:
        """The mistakes as an explanation, if every probe agrees."""
        # Changes of the same thing need not commute: either order may be the function's.
        same = len(made) > 1 and self._touched(made[0], result) & self._touched(made[1], result)
        for order in (made, made[::-1]) if same else (made,):
            impossible, crashed = set(), False
            factors: dict[int, float] = {}
            for number in self.order:
                seen = self.seen[number]
                terms = Terms(seen.problem, result)
                try:
                    for mistake in order:
                        mistake.change(terms)
                    total = terms.total()
                except Impossible:
                    impossible.add(number)
                    if result in seen.found:
                        crashed = True
                        break
                    continue
                if result not in seen.found:
                    continue
                factor = _factor(seen.found[result], total, self._close(seen, result))
                if factor is None:
                    crashed = True
                    break
                factors[number] = factor
            if not crashed and len(factors) >= 2:
                scaled = any(f != 1 for f in factors.values())
                problems = [self.seen[number].problem for number in factors]
                how = natural(problems, [*factors.values()], seen.eps) if scaled else None
                if scaled and how is None:
                    continue
                return Explanation(order, how, frozenset(impossible))
        return None

    def _touched(self, mistake: Mistake, result: str) -> frozenset[str]:
        if mistake not in self.touched:
            terms = Terms(self.seen[0].problem, result)
            mistake.change(terms)
            self.touched[mistake] = terms.touched()
        return self.touched[mistake]

    @staticmethod
    def _close(seen: Seen, result: str) -> float:
        return seen.problem.tolerance(result, seen.eps)

    # --- both results together --------------------------------------------------------------------

    def _joint(self, results: list[str], each: list[list[Explanation]]) -> Named | None:
        """The fewest mistakes that foresee every crash.

        Where several sets are as small, what they have in common; two single names that have
        nothing in common are told both.
        """
        options: dict[tuple[int, int, int], list[tuple[_Explanations, _Where]]] = {}
        unread = self._unread()
        for combination in product(*(found[:40] for found in each)):
            if not unread <= frozenset.union(*(e.impossible for e in combination)):
                continue
            where = _where(results, combination)
            changes = {m for e in combination for m in e.mistakes}
            count = len(changes) + any(e.factor is not None for e in combination)
            cost = len(where), count, sum(e.cost for e in combination)
            options.setdefault(cost, []).append((combination, where))
        if not options:
            return None
        best = options[min(options)]
        common = frozenset.intersection(*(frozenset(where) for _, where in best))
        if common:
            chosen, where = next(((c, w) for c, w in best if w.keys() == common), best[0])
            return Named(
                {n: where[n] for n in sorted(common, key=order_of)},
                _said(results, chosen),
                along=_along(results, [chosen]),
                factors=_factors(results, chosen),
            )
        tied = {next(iter(where)): (c, where) for c, where in reversed(best) if len(where) == 1}
        if len(tied) > _MOST_TIED or any(len(where) > 1 for _, where in best):
            return None
        causes: _Where = {}
        words: list[str] = []
        factors: dict[str, str] = {}
        # That everything is shifted is the least that can be said.
        for name in sorted(tied, key=lambda name: (name == "shifted", order_of(name))):
            combination, where = tied[name]
            causes[name] = where[name]
            words += _said(results, combination)
            factors |= _factors(results, combination)
        along = _along(results, [combination for combination, _ in tied.values()])
        return Named(causes, tuple(dict.fromkeys(words)), True, along, factors)


_Explanations = tuple[Explanation, ...]
_Where = dict[str, frozenset[str]]


def _said(results: Sequence[str], combination: _Explanations) -> tuple[str, ...]:
    words: list[str] = []
    for result, e in zip(results, combination, strict=True):
        words += [f"{result}: {_written_into(result, m.words)}" for m in e.mistakes]
        if e.factor is not None:
            words.append(f"{result} is {e.factor} times what it would be")
    return tuple(dict.fromkeys(words))


def _factors(results: Sequence[str], combination: _Explanations) -> dict[str, str]:
    pairs = zip(results, combination, strict=True)
    return {result: e.factor for result, e in pairs if e.factor is not None}


def _written_into(result: str, words: str) -> str:
    """With the result's own name in place of that of the array it is the gradient of."""
    return words.replace("x[", "dx[") if result == "dx" else words.replace("W[", "dW[")


def _work(problem: Problem) -> int:
    return int(problem.grad_out.size * problem.W[0].size)


def _where(results: Sequence[str], combination: _Explanations) -> _Where:
    """The names of the mistakes, each with the results it is made in."""
    made: dict[Mistake, set[str]] = {}
    where: dict[str, frozenset[str]] = {}
    for result, e in zip(results, combination, strict=True):
        for m in e.mistakes:
            made.setdefault(m, set()).add(result)
        if e.factor is not None:
            where["scaled"] = where.get("scaled", frozenset()) | {result}
    for m, of in made.items():
        for name in m.names(frozenset(of)):
            where[name] = where.get(name, frozenset()) | of
    return where


def _along(results: Sequence[str], combinations: Sequence[_Explanations]) -> dict[str, str]:
    """Of each name the axis or index that it is made with, where it is always the same one."""
    found: dict[str, set[str]] = {}
    for combination in combinations:
        for result, e in zip(results, combination, strict=True):
            for m in e.mistakes:
                for name in m.names(frozenset({result})):
                    found.setdefault(name, set()).add(m.along)
    return {name: said for name, axes in found.items() if len(axes) == 1 and (said := axes.pop())}


def names_alone(causes: Collection[str]) -> set[str]:
    """These, and what the same mistakes are called where they are made in one result alone."""
    made = [m for m in mistakes() if not set(m.both).isdisjoint(causes)]
    return {*causes, *(name for m in made for name in (m.dx, m.dW) if name is not None)}


def order_of(cause: str) -> tuple[int, str]:
    """The place in the catalogue."""
    from .causes import CAUSES

    return list(CAUSES).index(cause), cause


def _factor(found: Array, total: Array, close: float) -> float | None:
    """f with found = f · total; 1 where they are equal; None where there is none."""
    if np.abs(found - total).max(initial=0.0) <= close:
        return 1.0
    norm = float(np.vdot(total, total))
    if not norm:
        return None
    factor = float(np.vdot(total, found)) / norm
    if factor == 0 or found.size < 2:
        return None
    largest = max(1.0, abs(factor))
    return factor if np.abs(found - factor * total).max() <= close * largest else None


def natural(problems: Sequence[Problem], factors: Sequence[float], eps: float) -> str | None:
    """What number the factors are on all problems: in words, or None."""
    near = 100 * eps if eps > EPS else 1e-9
    for words in _numbers(problems[0]):
        values = [_numbers(p)[words] for p in problems]
        for said, of in ((words, values), (f"1/({words})", [1 / v for v in values])):
            if np.allclose(factors, of, rtol=near, atol=0):
                return said.replace("(", "").replace(")", "") if "·" not in said else said
            if np.allclose(factors, np.negative(of), rtol=near, atol=0):
                return "−1" if words == "1" else f"−{said}"
    if np.allclose(factors, factors[0], rtol=near, atol=0):
        # With as many digits as tell it, for 1.000001 is not 1.
        shown = (f"{factors[0]:.{digits}g}" for digits in range(6, 17))
        return next((s for s in shown if np.allclose(factors, float(s), rtol=near, atol=0)), None)
    return None


def _numbers(problem: Problem) -> dict[str, float]:
    C_in, C_out, kH, kW, outH, outW, N = problem.sizes
    H, W = problem.x.shape[2:]
    own = {
        "1": 1, "2": 2, "N": N, "outH·outW": outH * outW, "C_out": C_out, "C_in": C_in,
        "kH·kW": kH * kW,
        "inH·inW": H * W, "outH": outH, "outW": outW, "kH": kH, "kW": kW, "inH": H, "inW": W,
        "C_out·outH·outW": C_out * outH * outW, "N·outH·outW": N * outH * outW,
        "C_in·kH·kW": C_in * kH * kW, "C_in·inH·inW": C_in * H * W, "C_out·C_in": C_out * C_in,
        "C_out·kH·kW": C_out * kH * kW, "C_out·C_in·kH·kW": C_out * C_in * kH * kW,
        "N·C_out·outH·outW": N * C_out * outH * outW,
    }  # fmt: skip
    return {words: float(value) for words, value in own.items()}
