"""A learner's file by its address: what can't be loaded is refused in words, whatever it is."""

import json
import signal
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from dxdw.diagnosis import diagnose
from dxdw.diagnosis.loading import NotLoaded, load

EXPECTED = "expected mine.py:NAME, notebook.ipynb:NAME or package.module:NAME"
OWN_EXCEPTION = """
class Own(BaseException):
    def __str__(self):
        raise ValueError
raise Own
"""
MAKES_NONE = """
class Layer:
    def __init__(self):
        raise KeyError("nothing")
    def backward(self, grad_out, x, W): pass
"""


@pytest.fixture
def refused(tmp_path, monkeypatch):
    """What is said of a file, after its name."""
    monkeypatch.setattr(sys, "path", [*sys.path])

    def refusal(written, name="mine.py", function=""):
        path = tmp_path / name
        if isinstance(written, Path):
            path.symlink_to(written)
        else:
            path.write_bytes(written if isinstance(written, bytes) else written.encode())
        with pytest.raises(NotLoaded) as found:
            load(f"{path}{function}")
        return str(found.value).removeprefix(str(path))

    return refusal


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("import sys\nsys.exit(3)\n", ", line 2: SystemExit: 3"),
        (OWN_EXCEPTION, ", line 5: Own: "),
        (
            "raise ImportError('\\n\\nIMPORTANT:\\nread')\n",
            ", line 1: ImportError: IMPORTANT: read",
        ),
        ("raise GeneratorExit('so')\n", ", line 1: GeneratorExit: so"),
        ("import numpy as np\nnp.zeros = None\n", ": it replaces np.zeros for the whole program"),
        ("def f(): pass\n\0\n", "source code string cannot contain null bytes"),
        ("# coding: hex\n", ": it is no Python file in an encoding that it names"),
        ("# coding: ascii\n# \xe9\n", ": it is no Python file in an encoding that it names"),
    ],
)
def test_files_that_are_no_program(refused, written, said):
    message = refused(written)
    assert said in message
    assert "None" not in message
    assert np.zeros(1) == 0


@pytest.mark.parametrize(
    "written",
    [
        "[" * 100_000,
        '{"cells": [{"cell_type": "code", "source": {"x = 1": 0}}]}',
        '{"cells": [{"cell_type": "code", "source": [1]}]}',
        '{"cells": [1]}',
        "[]",
        b"\xff",
    ],
)
def test_files_that_are_no_notebook(refused, written):
    assert refused(written, "mine.ipynb").startswith(": it is no notebook: ")


def test_a_class_that_cannot_be_made(refused):
    assert refused(MAKES_NONE, function=":Layer.backward") == ", line 4: KeyError: 'nothing'"


@pytest.mark.skipif(sys.platform != "linux", reason="a file that nobody can read, root neither")
def test_a_file_that_cannot_be_read(refused):
    assert refused(Path("/proc/self/mem")) == ": it can't be read: Input/output error"


def test_a_name_that_is_too_long():
    with pytest.raises(NotLoaded, match=r"it can't be read: |no such file"):
        load("a" * 5_000 + ".py")


@pytest.mark.parametrize("address", ["", ":", ":loops", ".:f", "..mine:f", "dxdw..reference:f"])
def test_addresses_without_a_place(address):
    with pytest.raises(NotLoaded, match=f"is no file, and no module: {EXPECTED}"):
        load(address)


@pytest.mark.parametrize("name", ["numpy", "dxdw", "typing", "pathlib", "html"])
def test_a_file_that_is_called_as_a_module_of_others_replaces_none(name, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    before = import_module(name)
    monkeypatch.setitem(sys.modules, name, before)
    path = tmp_path / f"{name}.py"
    path.write_text(OF_DATA)
    fn, _ = load(f"{path}:backward")
    assert diagnose(fn).ok
    assert sys.modules[name] is before


@pytest.mark.parametrize("name", ["MINE.PY", "Mine.IPynb"])
def test_the_end_of_a_name_may_be_in_capitals(name, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    cell = {"cell_type": "code", "source": OF_DATA}
    written = OF_DATA if name.endswith("PY") else json.dumps({"cells": [cell]})
    (tmp_path / name).write_text(written)
    assert diagnose(load(f"{tmp_path / name}:backward")[0]).ok


OF_DATA = """
from __future__ import annotations
from dataclasses import dataclass
import dxdw

@dataclass
class Sizes:
    rows: int

def backward(grad_out, x, W):
    Sizes(x.shape[0])
    dx, dW = dxdw.conv2d_backward(grad_out, x, W)[:2]
    return dx.copy(), dW.copy()
"""


# --- and what it may do while it runs -----------------------------------------------------------


@pytest.mark.parametrize("raised", [KeyboardInterrupt, GeneratorExit])
def test_what_stops_programs_is_a_finding_where_the_function_raises_it(raised, monkeypatch):
    def raises(*_):
        raise raised

    monkeypatch.setattr(signal, "getsignal", lambda _: signal.SIG_DFL)
    assert diagnose(raises).summary == f"it stops with a {raised.__name__} in every case"


def test_ctrl_c_ends_the_examination():
    def raises(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        diagnose(raises)


def test_a_function_that_replaces_a_part_of_numpy_is_told_so():
    def replaces(*arrays):
        vars(np)["zeros"] = None
        del np.ones
        return np.zeros(1), arrays[2]

    report = diagnose(replaces)
    assert report.failed == ("runs",)
    assert "it replaces np.zeros and np.ones for the whole program" in report.summary
    assert np.zeros(1) + np.ones(1) == 1


def test_an_object_that_fails_to_be_an_array():
    class Fails:
        def __array__(self, *_, **__):
            raise KeyError("so")

    report = diagnose(lambda *arrays: (Fails(), arrays[2]))
    assert "a Fails is no array of numbers: 'so'" in report.summary
