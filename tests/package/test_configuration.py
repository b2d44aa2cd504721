"""show_config: what a report of a fault has to have."""

import numpy as np
import pytest
from calls import refused

import dxdw
from dxdw.engines import native_library


def test_it_prints_what_it_returns(capsys):
    told = dxdw.show_config("dicts")
    assert told["dxdw"] == {"version": dxdw.__version__}
    assert {"numpy", "array-api-compat"} <= told["libraries"].keys()
    assert dxdw.show_config() is None
    printed = capsys.readouterr().out
    for title, entries in told.items():
        assert f"{title}:\n" in printed
        for name, value in entries.items():
            assert f"  {name}: {value}\n" in printed


def test_kernels_or_why_there_are_none(monkeypatch):
    told = dxdw.show_config("dicts")["kernels"]
    assert told.get("missing") == native_library.why_missing()
    monkeypatch.setattr(native_library, "why_missing", lambda: "there was no compiler")
    assert dxdw.show_config("dicts")["kernels"]["missing"] == "there was no compiler"


def test_environment_variables_are_told(monkeypatch, capsys):
    monkeypatch.delenv("DXDW_NUM_THREADS", raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    dxdw.show_config()
    assert "environment:\n  OMP_NUM_THREADS: 3\n" in capsys.readouterr().out


@pytest.mark.parametrize("mode", ["dict", None, np.array(["dicts"] * 2)])
def test_another_mode(mode):
    message = f"mode is {mode!r}: it must be 'stdout' or 'dicts'"
    refused(ValueError, message, dxdw.show_config, mode)
