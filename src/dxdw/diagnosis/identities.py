"""The questions that need no right answer: the adjoint identities, and finite differences."""

from typing import Any

import numpy as np

from ..convolution import conv2d
from .ladder import Ladder
from .problem import Problem, places


def normal(rng: np.random.Generator, like: Problem, dtype: Any) -> Problem:
    """Normal numbers in the shapes of a problem."""
    G, x, W = (rng.standard_normal(a.shape).astype(dtype) for a in (like.grad_out, like.x, like.W))
    return Problem(G, x, W, like.geometry)


def adjoint(ladder: Ladder) -> None:
    """⟨G, conv(x,W)⟩ = ⟨dx, x⟩ = ⟨dW, W⟩, on real numbers."""
    rng = np.random.default_rng(1)
    small = ladder.small()
    problem = normal(rng, small, ladder.contract.dtype)
    case = ladder.ask(problem)
    if not case.answer.usable or "shape" in case.wrong.values():
        return
    g = problem.geometry
    wide = [a.astype(np.float64) for a in (problem.grad_out, problem.x, problem.W)]
    out = conv2d(wide[1], wide[2], g.padding, g.stride, dilation=g.dilation, groups=g.groups,
                 engine="reference")  # fmt: skip
    whole = np.vdot(wide[0], out)
    found = {n: ladder.contract.inward(n, a) for n, a in ladder.results(case.answer).items()}
    broken = []
    for name, operand in (("dx", wide[1]), ("dW", wide[2])):
        # float32 inside is the matter of a rung of its own.
        close = problem.tolerance(name, max(ladder.eps, 1e-7)) * np.linalg.norm(operand)
        if not abs(np.vdot(found[name], operand) - whole) <= close:
            of = "x" if name == "dx" else "W"
            broken.append(f"sum({name} * {of}) is another number")
    ladder.note("adjoint", not broken, " and ".join(broken))


def differences(ladder: Ladder) -> None:
    """The loss ⟨G, conv(x,W)⟩ is linear in each element: a step of 1 makes no error."""
    case = next(
        (c for c in ladder.cases[2:] if c.answer.usable and "shape" not in c.wrong.values()), None
    )
    if case is None:
        return
    problem = case.answer.problem
    g = problem.geometry
    broken = []
    for name, at in (("dx", problem.x), ("dW", problem.W)):
        got = ladder.contract.inward(name, ladder.results(case.answer)[name])
        tried = places(at.shape)
        bad = 0
        for place in tried:
            step = np.zeros(at.shape)
            step[place] = 1
            x, W = (step, problem.W) if name == "dx" else (problem.x, step)
            # ⟨G, conv(x+½e,W)⟩ − ⟨G, conv(x−½e,W)⟩ = ⟨G, conv(e,W)⟩
            out = conv2d(x, W, g.padding, g.stride, dilation=g.dilation, groups=g.groups)
            rise = np.vdot(problem.grad_out, out)
            bad += abs(got[place] - rise) > problem.tolerance(name, ladder.eps)
        if bad:
            broken.append(f"{name} at {bad} of {len(tried)} elements")
    ladder.note("differences", not broken, " and ".join(broken))
