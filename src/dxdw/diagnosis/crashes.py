"""What NumPy says of arrays that do not fit, with the names of the arrays they are as large as."""

import re
from collections.abc import Iterator

from .contract import Contract
from .ladder import Ladder
from .problem import Problem

# Where a result does not fit the array that it is written into, or two do not fit each other.
_WRITTEN = ("non-broadcastable output operand", "could not broadcast input array")
_COMBINED = "operands could not be broadcast together"
_SHAPE = re.compile(r"\(([\d, ]*)\)")


def sizes_in_crashes(ladder: Ladder) -> str:
    """What was combined in every crash; "" where it is not always the same, or not known."""
    said = set()
    for case in ladder.cases:
        crash = case.answer.crash
        if crash is None or not crash.message.startswith((*_WRITTEN, _COMBINED)):
            return ""
        shapes = [tuple(_numbers(found)) for found in _SHAPE.findall(crash.message)]
        if len(shapes) < 2:
            return ""
        if crash.message.startswith(_WRITTEN) and len(shapes[0]) != len(shapes[1]):
            said.add("NumPy: arrays of different numbers of axes were combined")
            continue
        names = [_named(shape, ladder.contract, case.answer.problem) for shape in shapes[:2]]
        if None in names or names[0] == names[1]:
            return ""
        said.add(f"NumPy: {names[1]} was combined with {names[0]}")
    return said.pop() if len(said) == 1 else ""


def _numbers(found: str) -> Iterator[int]:
    return (int(part) for part in found.split(",") if part.strip())


def _named(shape: tuple[int, ...], contract: Contract, problem: Problem) -> str | None:
    """What an array is as large as, or as a plane of which: (H, W) of (C, H, W)."""
    operands = zip(("grad_out", "x", "W"), contract.arguments(problem), strict=True)
    for name, a in operands:
        if shape == a.shape:
            return f"an array as large as {name}"
        plane = a.shape[-3:-1] if contract.channels_last else a.shape[-2:]
        if shape == plane:
            return f"an array as large as one plane of {name}"
    return None
