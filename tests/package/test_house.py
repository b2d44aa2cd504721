"""How the package is built: imports go down, and so does a call."""

import ast
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import dxdw
from dxdw import conv2d, conv2d_backward
from dxdw.call import known
from dxdw.engines import native_library

PACKAGE = Path(dxdw.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
# Below a room stand those of the rooms after it.
FLOORS = (("call",), ("engines",), ("core",))
# The way of a call, and what an engineer reads to follow it.
WAY = [PACKAGE / "convolution.py", *(f for f in FILES if f.parent.name in ("call", "core"))]


@cache
def imports(file: Path) -> frozenset[Path]:
    """The modules that a module imports when it is imported."""
    found = set()
    for node in ast.parse(file.read_text()).body:
        if isinstance(node, ast.ImportFrom) and node.level:
            here = file.parents[node.level - 1].joinpath(*(node.module or "").split("."))
            for name in node.names:
                inside = here / f"{name.name}.py"
                found.add(inside if inside in FILES else here.with_suffix(".py"))
    return frozenset(found & {*FILES})


@cache
def floor(file: Path) -> int:
    """One above the highest module that it imports."""
    return 1 + max((floor(other) for other in imports(file)), default=0)


def test_no_two_modules_import_each_other():
    assert all(floor(file) for file in FILES)  # which has no end in a circle


@pytest.mark.parametrize("number", range(len(FLOORS)))
def test_a_room_knows_nothing_of_what_stands_above_it(number):
    below = {name for names in FLOORS[number:] for name in names}
    for file in FILES:
        if file.relative_to(PACKAGE).parts[0] in FLOORS[number]:
            for other in imports(file):
                assert other.relative_to(PACKAGE).parts[0] in below, f"{file} imports {other}"


def test_the_files_of_a_calls_way_are_short():
    for file in [*WAY, *(PACKAGE / "engines").glob("*.py")]:
        assert len(file.read_text().splitlines()) <= 450, file


def stays(operand, call):
    """The modules that an array enters as an argument, in turn, with their floors."""
    entered = []

    def holds(value, depth=0):
        if isinstance(value, np.ndarray):
            return value is operand or value.base is operand
        inner = value.values() if isinstance(value, dict) else value
        deeper = isinstance(value, (tuple, list, dict)) and depth < 2
        return deeper and any(holds(v, depth + 1) for v in inner)

    def look(frame, event, _):
        code, file = frame.f_code, Path(frame.f_code.co_filename)
        if event != "call" or not file.is_relative_to(PACKAGE):
            return
        count = code.co_argcount + code.co_kwonlyargcount + bool(code.co_flags & 0x04)
        given = (frame.f_locals.get(name) for name in code.co_varnames[:count])
        if any(map(holds, given)) and (not entered or entered[-1] != file):
            entered.append(file)

    sys.setprofile(look)
    try:
        call()
    finally:
        sys.setprofile(None)
    return [(str(file.relative_to(PACKAGE)), floor(file)) for file in entered]


@pytest.mark.skipif(native_library.load() is None, reason="no kernels")
@pytest.mark.parametrize("size", [6, 40])
def test_a_dense_call_goes_down_to_the_kernels(size):
    rng = np.random.default_rng(0)
    x, W = rng.normal(size=(2, 16, size, size)), rng.normal(size=(16, 16, 3, 3))
    grad_out = conv2d(x, W)
    known.forget()

    def call():
        return conv2d_backward(grad_out, x, W)

    first, again = stays(grad_out, call), stays(grad_out, call)
    assert [name for name, _ in again] == [
        "convolution.py",
        "call/convolution.py",
        "call/known.py",
    ]
    assert [stands for _, stands in again] == sorted((s for _, s in again), reverse=True)
    # The first time it is checked on the way, which takes it to the room of checks and back.
    assert len(first) <= 10
