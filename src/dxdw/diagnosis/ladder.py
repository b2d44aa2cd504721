"""The ladder: from whether a function can be called to whether it keeps float64's precision.

Each rung is a question with an answer of its own. A rung that nothing further can be learned above
ends the climb; the others go on, so that the properties that fail can all be told.
"""

import operator
from collections.abc import Callable
from typing import Any, NamedTuple, cast

import numpy as np

from ..core.arrays import Array, unwarned
from .calls import Answer, Crash, call, changed_in_words
from .contract import Contract
from .forms import Unfit, adapted
from .matching import Seen
from .problem import Problem, Roomy, edges, probes
from .report import Check

RUNGS = {
    "signature": "takes (grad_out, x, W)",
    "runs": "returns arrays, and raises nothing",
    "shapes": "the results have the shapes of x and W",
    "finite": "no NaN and no infinity",
    "zero": "no gradient where grad_out is zero",
    "impulses": "a single 1 in grad_out, at each of its positions",
    "linearity": "twice the gradient, twice the result: linear in grad_out",
    "exact": "random integers, rectangular and square, exactly",
    "arguments": "leaves its arguments as they are",
    "fresh": "returns new arrays",
    "repeatable": "the same arguments, the same results",
    "adjoint": "sum(grad_out * conv2d(x, W)) = sum(dx * x) = sum(dW * W)",
    "differences": "finite differences of the forward",
    "integers": "arrays of integers, and fractions",
    "precision": "the precision of its arguments",
}


class Case(NamedTuple):
    """An answer beside what is right."""

    answer: Answer
    wrong: dict[str, str]  # of each result that is wrong: "crash", "shape", "value"


class Ladder:
    """Asks every question of one function, and keeps what the answers were."""

    def __init__(
        self,
        fn: Callable[..., Any],
        contract: Contract,
        noted: Callable[[Check], None] | None = None,
    ) -> None:
        self.given = fn
        self.fn = fn  # as one of (grad_out, x, W)
        self.contract = contract
        self.noted = noted
        self.eps = float(np.finfo(contract.dtype).eps)
        self.checks: dict[str, Check] = {
            name: Check(name, None, "", said) for name, said in RUNGS.items()
        }
        self.swapped = False
        self.written: Crash | None = None  # where an argument is written into
        self.adds_up = False  # every call gives the sum of all calls so far
        self.cases: list[Case] = []
        self.precision: list[Case] = []
        self.fractions: list[Case] = []
        self.reals: list[Case] = []  # of the two last problems of `precision`
        self.tried: list[Case] = []  # all that `exact` and `impulses` have asked
        self.beyond: list[Case] = []  # of the edges, those that are wrong
        self.stale = False  # it gives what it gave for other arguments of these shapes
        self.changing = False  # in another call it gives another answer
        self.ever_wrong: set[str] = set()  # the results that were wrong for any array of floats
        geometry, batch = contract.geometry, contract.batch
        self.probes = probes(geometry, batch)
        self.edges = edges(geometry, batch)

    def climb(self) -> bool:
        """Ask what small integers can tell; False where nothing more can be learned after that."""
        if not self._signature():
            return False
        self._collect()
        crashed = [c for c in self.cases if not c.answer.usable]
        if len(crashed) == len(self.cases):
            return False
        self._state()
        if self._shapes_everywhere_wrong():
            self._repeatable()
            return False
        self._zero()
        self._impulses()
        self._linearity()
        self._exact()
        self._repeatable()
        return True

    # --- calls ------------------------------------------------------------------------------------

    def ask(self, problem: Problem) -> Case:
        """Call the function, and compare."""
        answer = self._clean(problem)
        if answer.usable:
            case = Case(answer, self._wrong(answer))
        else:
            case = Case(answer, dict.fromkeys(self.contract.returns, "crash"))
        # Fractions in arrays of integers are advice, and room past the last window no proper call.
        if problem.x.dtype.kind == "f" and not isinstance(problem, Roomy):
            self.ever_wrong.update(case.wrong)
        return case

    def twice(self, problem: Problem) -> Case:
        """The answer of a second call with the same arguments, as it is."""
        call(self.fn, self.contract, problem)
        answer = call(self.fn, self.contract, problem)
        return Case(answer, self._wrong(answer) if answer.usable else {})

    def results(self, answer: Answer) -> dict[str, Array]:
        """By name, as the function returned them."""
        order = self.contract.returns
        if self.swapped:
            order = tuple({"dx": "dW", "dW": "dx"}.get(name, name) for name in order)
        return dict(zip(order, answer.results, strict=True))

    def _clean(self, problem: Problem) -> Answer:
        """An answer; of a function that adds up its calls, what the last one added."""
        first = call(self.fn, self.contract, problem)
        if not self.adds_up or not first.usable:
            return first
        second = call(self.fn, self.contract, problem)
        if not second.usable or [a.shape for a in first.results] != [
            a.shape for a in second.results
        ]:
            return second
        # Only what is handed on through all calls has grown.
        parts = [
            unwarned(operator.sub, b, a) if grows else b
            for a, b, grows in zip(first.results, second.results, self.growing, strict=True)
        ]
        return Answer(
            problem, None, None, tuple(parts), second.originals, second.arguments, second.changed
        )

    def _wrong(self, answer: Answer) -> dict[str, str]:
        wrong = {}
        for name, got in self.results(answer).items():
            expected = answer.problem.expected[name]
            if not self.contract.fits(name, got, expected):
                wrong[name] = "shape"
            elif not self.close(name, answer.problem, got):
                wrong[name] = "value"
        return wrong

    def close(self, name: str, problem: Problem, got: Array, eps: float | None = None) -> bool:
        """Whether an answer, in the function's layout, is right but for rounding."""
        found = self.contract.inward(name, got)
        with np.errstate(invalid="ignore"):
            difference = np.abs(found - problem.expected[name]).max(initial=0.0)
        return bool(difference <= problem.tolerance(name, eps or self.eps))

    def seen(self, cases: list[Case]) -> list[Seen]:
        """The answers, for a Matcher: without what is of a wrong shape or not finite."""
        found = []
        for case in cases:
            usable = {}
            for name, got in self.results(case.answer).items() if case.answer.usable else ():
                if case.wrong.get(name) != "shape" and np.isfinite(got).all():
                    usable[name] = self.contract.inward(name, got).astype(np.float64)
            found.append(Seen(case.answer.problem, usable, self.eps))
        return found

    def note(
        self, name: str, right: bool | None, detail: str = "", *, advice: bool = False
    ) -> bool:
        """Keep the answer to a question, and tell it."""
        said = detail if right is not True else ""
        self.checks[name] = Check(name, right, said, RUNGS[name], advice and right is False)
        if self.noted is not None and right is not None:
            self.noted(self.checks[name])
        return bool(right)

    # --- rungs ------------------------------------------------------------------------------------

    def _signature(self) -> bool:
        try:
            self.fn = adapted(self.fn, self.contract)
        except Unfit as unfit:
            return self.note("signature", False, str(unfit))
        return self.note("signature", True)

    def _collect(self) -> None:
        """Every probe once, before anything else, and the first that gives arrays twice."""
        for problem in self.probes:
            first = call(self.fn, self.contract, problem)
            if first.usable:
                break
        again = call(self.fn, self.contract, first.problem)
        self.first, self.again = first, again
        self.growing = self._grows(first, again)
        self.adds_up = any(self.growing)
        self._find_order(first)
        self.cases = [self.ask(problem) for problem in self.probes]
        for case in self.cases:
            if self._find_order(case.answer):
                self.cases = [Case(c.answer, self._wrong(c.answer)) if c.answer.usable else c
                              for c in self.cases]  # fmt: skip
                break
        crashes = [c.answer for c in self.cases if not c.answer.usable]
        detail = ""
        if crashes:
            found = crashes[0]
            detail = f"{found.why} ({sizes_in_words(found.problem)})"
            if len(crashes) < len(self.cases):
                detail += f"; {crashes_counted(self)}"
        self.note("runs", not crashes, detail)

    def _grows(self, first: Answer, again: Answer) -> list[bool]:
        if not (first.usable and again.usable):
            return [False] * len(self.contract.returns)
        grows = []
        for a, b in zip(first.results, again.results, strict=True):
            same = a.shape == b.shape
            finite = same and np.isfinite(a).all()  # infinities are twice what they are
            grows.append(bool(finite and np.any(a) and np.array_equal(b, 2 * a)))
        return grows

    def _find_order(self, answer: Answer) -> bool:
        """Whether the results stand exchanged: their shapes tell."""
        names = [n for n in self.contract.returns if n != "db"]
        if self.swapped or not answer.usable:
            return False
        shapes = {n: self.contract.outward(n, answer.problem.expected[n]).shape for n in names}
        found = dict(zip(self.contract.returns, (a.shape for a in answer.results), strict=True))
        self.swapped = shapes["dx"] == found["dW"] and shapes["dW"] == found["dx"] \
            and shapes["dx"] != shapes["dW"]  # fmt: skip
        return self.swapped

    def _state(self) -> None:
        first, again = self.first, self.again
        changed = next((c.answer for c in self.cases if c.answer.changed), None)
        if changed is not None:
            self.written = call(self.fn, self.contract, changed.problem, frozen=True).crash
        self.note(
            "arguments", changed is None, changed_in_words(changed.changed if changed else ())
        )
        if not (first.usable and again.usable):
            return
        detail = "its arrays share memory with those of another call, or with an argument"
        self.note("fresh", not self._shared(), detail)

    def _repeatable(self) -> None:
        """The first call and the next; and where anything is wrong, every call once more.

        Only after all others, so that what is kept between calls has had its time.
        """
        first, again = self.first, self.again
        if not (first.usable and again.usable):
            return
        if not _same(first, again):
            twice = "twice the first" if self.adds_up else "another result"
            said = f"the second call with the same arguments gives {twice}"
            self.note("repeatable", False, said)
            self.changing = not self.adds_up
            return
        said = ""
        if any(check.right is False for check in self.checks.values()) and not self.adds_up:
            said = self._of_earlier_calls() or self._changes()
        self.note("repeatable", not said, said)

    def _of_earlier_calls(self) -> str:
        """Whether other arguments of the same shapes are given the first call's right answer."""
        old = self.first.problem
        rng = np.random.default_rng(11)
        G, x, W = (rng.integers(1, 10, a.shape) * 1.0 for a in (old.grad_out, old.x, old.W))
        new = Problem(G, x, W, old.geometry)
        answer = call(self.fn, self.contract, new)
        if not answer.usable:
            return ""
        names = [name for name, got in self.results(answer).items()
                 if self.contract.fits(name, got, old.expected[name])
                 and self.close(name, old, got) and not self.close(name, new, got)]  # fmt: skip
        self.stale = bool(names)
        what = " and ".join(names)
        return f"other arguments of the same shapes are given {what} of the first" if names else ""

    def _changes(self) -> str:
        for case in reversed(self.tried):
            first = case.answer
            again = call(self.fn, self.contract, first.problem)
            if first.usable != again.usable or (first.usable and not _same(first, again)):
                self.changing = True
                return (
                    f"asked once more, after other calls, it gives another result "
                    f"({sizes_in_words(first.problem)}): something is kept, or drawn by chance"
                )
        return ""

    def _shared(self) -> bool:
        one, two = self.first, self.again
        pairs = [(a, b) for a in one.originals for b in (*two.originals, *one.arguments)]
        return any(
            np.may_share_memory(a, b) and np.shares_memory(a, b)
            for a, b in pairs
            if isinstance(a, np.ndarray) and isinstance(b, np.ndarray) and a.size and b.size
        )

    def _shapes_everywhere_wrong(self) -> bool:
        usable = [c for c in self.cases if c.answer.usable]
        bad = [c for c in usable if "shape" in c.wrong.values()]
        if self.swapped:
            self.note("shapes", False, "the first result has the shape of W, the second that of x")
            return False
        if not bad:
            self.note("shapes", True)
            self._finite(usable)
            return False
        case = bad[0]
        name = next(n for n, why in case.wrong.items() if why == "shape")
        wanted = self.contract.outward(name, case.answer.problem.expected[name]).shape
        got = self.results(case.answer)[name].shape
        detail = f"{name} has shape {got}, and not {wanted}: {sizes_in_words(case.answer.problem)}"
        detail = f"{name} is None" if name in case.answer.absent else detail
        self.note("shapes", False, detail)
        return len(bad) == len(usable) and all(
            set(c.wrong.values()) == {"shape"} and len(c.wrong) == len(self.contract.returns)
            for c in bad
        )

    def _finite(self, usable: list[Case]) -> None:
        bad = [
            name
            for c in usable
            for name, a in self.results(c.answer).items()
            if not np.isfinite(a).all()
        ]
        self.note("finite", not bad, f"{bad[0] if bad else ''} is not finite")

    def small(self) -> Problem:
        """The first probe that the function can be asked about."""
        for case in self.cases:
            if case.answer.usable and "shape" not in case.wrong.values():
                return cast(Problem, case.answer.problem)
        found = next(c.answer.problem for c in self.cases if c.answer.usable)
        return cast(Problem, found)

    def _zero(self) -> None:
        problem = self.small()
        case = self.ask(problem.with_grad_out(np.zeros_like(problem.grad_out)))
        wrong = " and ".join(case.wrong)
        self.note("zero", not case.wrong, f"{wrong} is not zero")

    def _impulses(self) -> None:
        problem = self.small()
        bad = []
        for place, impulse in problem.impulses:
            case = self.ask(impulse)
            self.tried.append(case)
            if case.wrong:
                bad.append((place, case.wrong))
        if not bad:
            self.note("impulses", True)
            return
        place, wrong = bad[0]
        position = ",".join(map(str, place if self.contract.batch else place[1:]))
        self.note("impulses", False, f"{' and '.join(wrong)} wrong for a 1 at [{position}]; at "
                   f"{len(bad)} of {len(problem.impulses)} positions")  # fmt: skip

    def _linearity(self) -> None:
        problem = self.small()
        G = problem.grad_out
        H = np.roll(G, 1, -1) - 2
        answers = [self.ask(problem.with_grad_out(g)).answer for g in (G, -G, 2 * G, H, G + H)]
        if not all(a.usable for a in answers):
            return
        f, minus, twice, other, total = (self.results(a) for a in answers)
        broken = []
        for name in self.contract.returns:
            tolerance = 8 * problem.tolerance(name, self.eps)
            for said, left, right in (
                ("{} does not follow the sign of grad_out", minus[name], -f[name]),
                ("{} does not double with grad_out", twice[name], 2 * f[name]),
                (
                    "{} of two gradients together is not the sum of both",
                    total[name],
                    f[name] + other[name],
                ),
            ):
                if left.shape == right.shape and np.abs(left - right).max(initial=0) > tolerance:
                    broken.append(said.format(name))
        self.note("linearity", not broken, ", ".join(broken))

    def _exact(self) -> None:
        asked = [*self.cases, *(self.ask(p) for p in self.edges)]
        self.tried = [*asked, *self.tried]
        bad = [c for c in asked if c.wrong]
        if not bad:
            self.note("exact", True)
            return
        which = [f"{n} in {sum(n in c.wrong for c in asked)}" for n in self.contract.returns
                 if any(n in c.wrong for c in asked)]  # fmt: skip
        self.note("exact", False, f"wrong: {', '.join(which)} of {len(asked)} cases; "
                   f"the first has {sizes_in_words(bad[0].answer.problem)}")  # fmt: skip
        self.beyond = [c for c in asked[len(self.cases) :] if c.wrong]


def _same(one: Answer, other: Answer) -> bool:
    """Whether two answers that are usable are the same, bit for bit."""
    return all(
        a.shape == b.shape and np.array_equal(a, b, equal_nan=True)
        for a, b in zip(one.results, other.results, strict=True)
    )


def crashes_counted(ladder: Ladder) -> str:
    """In how many of the first cases there are no results to look at."""
    count, every = sum(not c.answer.usable for c in ladder.cases), len(ladder.cases)
    return f"in {'every case' if count == every else f'{count} of {every} cases'}"


def sizes_in_words(problem: Problem) -> str:
    """Channels, kernel and output of a problem."""
    g = problem.sizes
    batch = f"N={g.N}, " if g.N > 1 else ""
    return f"{batch}C_in={g.C_in}, C_out={g.C_out}, kernel {g.kH}×{g.kW}, output {g.outH}×{g.outW}"
