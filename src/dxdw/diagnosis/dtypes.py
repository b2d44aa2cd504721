"""The questions about dtypes: arrays of integers, fractions, and how many digits are kept."""

import numpy as np

from .calls import Answer, Crash
from .identities import normal
from .ladder import Case, Ladder
from .problem import Problem


def fractions(ladder: Ladder) -> None:
    """Halves in grad_out, with x and W of integer dtype; and halves in float arrays."""
    asked = []
    usable = [
        c.answer.problem
        for c in ladder.cases
        if c.answer.usable and "shape" not in c.wrong.values()
    ]
    for problem in usable[:2]:
        halves = problem.grad_out / 2
        x, W = (a.astype(np.int64) for a in (problem.x, problem.W))
        asked.append(ladder.ask(Problem(halves, x, W, problem.geometry)))
    asked += [ladder.ask(Problem(p.grad_out / 2, p.x / 2, p.W / 2, p.geometry)) for p in usable[:2]]
    ladder.fractions = asked
    bad = [c for c in asked if c.wrong]
    detail = ""
    if bad and not ladder.checks["exact"].right and not any(c.answer.crash for c in bad):
        return  # wrong here too, whatever the dtype
    if bad and any({"x", "W"} & set(c.answer.changed) for c in ladder.cases):
        return  # what is refused may be what it writes into its arguments
    if bad and all(_declines_integers(c.answer) for c in bad):
        # Its own choice, and said aloud: nobody gets a wrong number.
        ladder.note("integers", None, f"takes no integers: {bad[0].answer.why}")
        return
    detail = _said(bad[0]) if bad else ""
    # Of a function that is right otherwise, halves in arrays of floats must be right too.
    floats_wrong = any(c.wrong for c in asked[2:]) and ladder.checks["exact"].right
    ladder.note("integers", not bad, detail, advice=not floats_wrong)


def _said(case: Case) -> str:
    answer = case.answer
    whole = answer.problem.x.dtype.kind == "i"
    kind = "x and W of dtype int64" if whole else "halves in float64"
    if answer.crash is not None and is_cast(answer.crash):
        return f"for {kind} NumPy refuses to add fractions to integers: {answer.crash.what}"
    return f"for {kind} " + (answer.why or f"{' and '.join(case.wrong)} wrong: fractions are lost")


def precision(ladder: Ladder) -> None:
    """Numbers of more digits than float32 keeps."""
    if ladder.contract.dtype != np.float64:
        # Integers were exact in float32; its rounding is its own.
        ladder.note("precision", True)
        return
    small = ladder.small()
    asked = []
    for seed in (9, 10):  # before the large numbers: some functions add up what they are given
        problem = normal(np.random.default_rng(seed), small, np.float64)
        ladder.reals.append(ladder.ask(problem))
    if ladder.adds_up:
        return  # what earlier calls have left cancels, but for its rounding
    for seed, operand in enumerate((0, 1, 2) * 2):
        arrays = [np.zeros_like(small.grad_out), small.x, small.W]
        arrays[0][(0, *np.unravel_index(seed, small.grad_out.shape[1:]))] = 1
        # 24 bits are what a float32 holds; these have 30, and one product each.
        wide = np.random.default_rng(seed).integers(2**29, 2**30, arrays[operand].shape) | 1
        arrays[operand] = wide * (arrays[0] != 0) if operand == 0 else wide.astype(float)
        asked.append(ladder.ask(Problem(arrays[0], arrays[1], arrays[2], small.geometry)))
    asked += ladder.reals
    ladder.precision = asked
    if not ladder.checks["exact"].right:
        return  # wrong here too, whatever the precision
    bad = [c for c in asked if c.wrong]
    names = " and ".join(bad[0].wrong) if bad else ""
    ladder.note("precision", not bad, f"{names}: right for small integers, and no further")


def is_cast(crash: Crash) -> bool:
    """Whether NumPy refuses to put fractions into integers."""
    return "cast" in crash.message.lower() and "int" in crash.message


def _declines_integers(answer: Answer) -> bool:
    crash = answer.crash
    return answer.problem.x.dtype.kind == "i" and crash is not None and not is_cast(crash)
