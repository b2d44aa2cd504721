"""What checkers of types say: every planted mistake is found, and nothing else is called one.

mypy and pyright come with `make lint`, which runs this too; elsewhere it is skipped.
"""

import inspect
import json
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import get_overloads

import pytest
from public_names import public

import dxdw
from dxdw import _signatures, _signatures_backward, _signatures_layers

ROOT = Path(__file__).parents[2]
TYPES = ROOT / "tests" / "types"
CHECKERS = {
    "mypy": ["mypy", "--no-error-summary", "--no-incremental", "--allow-subclassing-any"],
    "pyright": ["pyright"],
}
ERRORS = {"mypy": r":(\d+): error: ", "pyright": r":(\d+):\d+ - error: "}


def run(checker, *arguments):
    if find_spec(checker) is None:
        pytest.skip(f"needs {checker}: `make lint` installs it")
    # pyright asks the first python on the path for its packages.
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    command = [sys.executable, "-m", *CHECKERS[checker], *map(str, arguments)]
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=os.environ | {"PATH": path},
    ).stdout


@pytest.mark.parametrize("checker", CHECKERS)
def test_planted_mistakes_are_found(checker):
    path = TYPES / "mistakes.py"
    lines = path.read_text("utf-8").splitlines()
    wrong = {i for i, line in enumerate(lines, 1) if line.endswith("# wrong")}
    assert len(wrong) > 50
    found = {int(n) for n in re.findall(rf"{path.name}{ERRORS[checker]}", run(checker, path))}
    assert [lines[i - 1] for i in sorted(wrong ^ found)] == []


def test_every_public_function_has_one():
    text = (TYPES / "mistakes.py").read_text("utf-8")
    functions = [n for n in dxdw.__all__ if not inspect.isclass(getattr(dxdw, n))]
    assert [n for n in functions if not re.search(rf"\b{n}\(.*# wrong", text)] == []


@pytest.mark.parametrize("checker", CHECKERS)
def test_right_calls_are_left_alone(checker):
    files = [TYPES / "uses.py", *sorted((ROOT / "examples").rglob("*.py"))]
    said = run(checker, *files)
    errors = [line for line in said.splitlines() if re.search(ERRORS[checker], line)]
    # Some libraries are not installed here, and Dask's types contradict what it documents.
    others = ("import", "plot_out_of_core.py")
    assert [line for line in errors if not any(word in line.lower() for word in others)] == []


def test_every_public_name_has_its_type():
    names = set(public())
    said = json.loads(run("pyright", "--verifytypes", "dxdw", "--ignoreexternal", "--outputjson"))
    checked, unknown = set(), {}
    for symbol in said["typeCompleteness"]["symbols"]:
        owners = {symbol["name"], *symbol.get("alternateNames", ())}
        owners |= {name.rpartition(".")[0] for name in owners}  # of a method, its class
        if not owners & names:
            continue
        checked |= owners & names
        messages = [d["message"] for d in symbol["diagnostics"]] if "diagnostics" in symbol else []
        # SciPy has no types of its own.
        messages = [m for m in messages if "base class" not in m and "metaclass" not in m]
        if messages and not (symbol["isTypeKnown"] and not symbol["isTypeAmbiguous"]):
            unknown[symbol["name"]] = messages
    assert unknown == {}
    assert names - checked == set()


@pytest.mark.parametrize("home", [_signatures, _signatures_backward, _signatures_layers])
def test_signatures_for_checkers_are_those_of_the_functions(home):
    protocols = [p for p in vars(home).values() if getattr(p, "_is_protocol", False)]
    tried = 0
    for protocol in protocols:
        for name in re.findall(r"`(\w+)`", protocol.__doc__ or ""):
            function = getattr(dxdw, name, None) or getattr(dxdw.layers, name)
            own = inspect.signature(function).parameters
            for overload in overloads(protocol):
                assert parameters(overload, own) == {n: p.default for n, p in own.items()}
                tried += 1
    assert tried > 10


def overloads(protocol):
    """Of its call; by the method itself, a place-holder, they are not found."""
    name = f"{protocol.__name__}.__call__"
    return get_overloads(SimpleNamespace(__module__=protocol.__module__, __qualname__=name))


def parameters(overload, own):
    """The overload's, with the defaults that it has or leaves to the function."""
    found = {}
    for name, parameter in inspect.signature(overload).parameters.items():
        if parameter.kind is parameter.VAR_KEYWORD:
            (options,) = parameter.annotation.__args__
            found |= {option: own[option].default for option in options.__annotations__}
        elif name != "self":
            required = name == "needs" and parameter.default is parameter.empty
            found[name] = own[name].default if required else parameter.default
            assert parameter.kind is own[name].kind
    return {name: found[name] for name in own if name in found} | found
