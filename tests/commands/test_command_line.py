"""What all commands have in common: errors in a line, streams, colours, completion, and JSON."""

import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dxdw.cli import COMMANDS, main
from dxdw.commands import colour


@pytest.mark.parametrize(
    "command", ["", "none", "explain", "explain dw 1,2,3 1,1,1", "lab --port x"]
)
def test_errors_are_one_line(command, capsys):
    with pytest.raises(SystemExit) as stop:
        main(command.split())
    assert stop.value.code == 2
    out, err = capsys.readouterr()
    assert not out
    (line,) = err.splitlines()
    assert line.startswith("dxdw: error: ")
    assert line.endswith(" --help")


def shell(command, **environment):
    """The program in a shell that opens and closes its streams; its status, and what it says."""
    env = {**os.environ, "PYTHONUNBUFFERED": "", **environment}
    words = ["bash", "-c", f"set -o pipefail; {command}", sys.executable]
    done = subprocess.run(words, env=env, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


EXPLAIN = '"$0" -m dxdw explain dx 1,1,8,8 1,1,3,3'


@pytest.mark.parametrize("command", [EXPLAIN, '"$0" -m dxdw --version', '"$0" -m dxdw --help'])
def test_what_is_written_where_nobody_reads_is_gone(command):
    assert shell(f"{command} >&-") == (0, "", "")
    assert shell(f"{command} <&- >&- 2>&-") == (0, "", "")
    assert shell(f"{command} | true") in ((1, "", ""), (0, "", ""))  # true may end later


def test_an_error_is_not_printed_to_the_other_stream():
    assert shell(f"{EXPLAIN} --stride 0 2>&-") == (2, "", "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a file that is always full")
@pytest.mark.parametrize("command", [EXPLAIN, '"$0" -m dxdw --version', '"$0" -m dxdw --help'])
def test_a_full_disk_is_told_in_one_line(command):
    told = "dxdw: error: No space left on device\n"
    assert shell(f"{command} >/dev/full") == (2, "", told)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a file that is always full")
@pytest.mark.parametrize("command", ["explain dx 1 2", "check none.py:f", "predict none.png"])
def test_the_exit_status_tells_what_the_message_can_not(command):
    # (1 would say that the function which is checked is wrong.)
    assert shell(f'"$0" -m dxdw {command} 2>/dev/full') == (2, "", "")


def test_what_has_no_character_there_is_a_question_mark():
    status, out, err = shell(EXPLAIN, PYTHONIOENCODING="ascii")
    assert (status, err) == (0, "")
    assert "|error| ? " in out


def test_an_interrupt_while_a_command_is_imported_ends_it(monkeypatch, capsys):
    def interrupted(*_):
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr("dxdw.cli.import_module", interrupted)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        assert main(["explain"]) == 130
    finally:
        signal.signal(signal.SIGINT, before)
    assert capsys.readouterr().err == "\ndxdw: interrupted\n"


@pytest.mark.parametrize(
    "command", ["selftest", "train --epochs 1", "bench --quick --lists tiny", EXPLAIN[13:]]
)
def test_a_number_of_threads_that_is_none_is_told_in_one_line(command, tmp_path):
    call = f'cd "{tmp_path}" && "$0" -m dxdw {command}'
    status, _, err = shell(call, DXDW_NUM_THREADS="abc")
    assert status == 2
    assert err == "dxdw: error: DXDW_NUM_THREADS is 'abc': it must be an integer, at least 1\n"


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("environment", "file", "terminal"),
    [
        ({}, False, True),
        ({"NO_COLOR": ""}, False, True),
        ({"NO_COLOR": "1"}, False, False),
        ({"FORCE_COLOR": ""}, False, True),
        ({"FORCE_COLOR": "1"}, True, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False, False),
        ({"TERM": "dumb"}, False, False),
    ],
)
def test_colours(environment, file, terminal, monkeypatch):
    for name in ("NO_COLOR", "FORCE_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert colour.wanted(io.StringIO()) is file
    assert colour.wanted(Terminal()) is terminal
    monkeypatch.setattr("sys.stdout", Terminal())
    console = colour.console()
    assert (console.is_terminal and console.color_system is not None and not console.no_color) in (
        terminal,
        file,
    )


@pytest.mark.parametrize("command", ["train --report a.png", "bench --quick --plot a.png"])
@pytest.mark.parametrize("rc", [b"", b"\xff\xfe"])
def test_settings_that_matplotlib_refuses_are_told_before_the_work(command, rc, tmp_path):
    (tmp_path / "matplotlibrc").write_bytes(rc)
    backend = "" if rc else "none of these"
    words = f'cd {tmp_path} && "$0" -m dxdw {command}'
    status, out, err = shell(words, MPLBACKEND=backend)
    assert (status, out) == (2, "")
    *its_own, line = err.splitlines()
    assert line.startswith("dxdw: error: matplotlib can't be loaded: ")
    assert all("matplotlibrc" in told for told in its_own)
    assert not (tmp_path / "a.png").exists()


def test_too_little_memory_is_told_in_one_line(monkeypatch, capsys):
    def large(*_, **__):
        raise MemoryError("no 1,600,320 bytes for the plan of dW")

    monkeypatch.setattr("dxdw.commands.explain.explain", large)
    assert main(["explain", "dW", "1,1,5,5", "1,1,3,3"]) == 2
    told = "dxdw: error: not enough memory: no 1,600,320 bytes for the plan of dW\n"
    assert capsys.readouterr() == ("", told)


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("explain dW 1,1,5,5 3x3", "'3x3' is not a list of whole numbers, as in 8,64,56,56"),
        ("explain dW 1,1,5,5 1,1,3,3 --stride 0", "stride"),
        ("explain dW 1,1,5,5 1,2,3,3", "W has shape (1, 2, 3, 3)"),
    ],
)
def test_a_convolution_that_is_none_is_told_in_one_line(capsys, command, told):
    try:
        status = main(command.split())
    except SystemExit as stop:
        status = stop.code
    assert status == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert told in line


def test_explain_as_json(capsys):
    command = "explain dx 1,1,32,32 1,1,3,3 --engine reference --json"
    assert main(command.split()) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["engine"] == "reference"
    assert told["flops"] == 2 * 30 * 30 * 9
    assert {"engine": "reference", "declined": None} in told["verdicts"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_completion_knows_every_command(shell, capsys):
    pytest.importorskip("shtab")
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    for word in (*COMMANDS, "--padding-mode", "reflect"):
        assert word in script


def test_bash_takes_the_completion():
    pytest.importorskip("shtab")
    program = 'eval "$("$0" -m dxdw completion bash)" && complete -p dxdw'
    done = subprocess.run(
        ["bash", "-c", program, sys.executable], capture_output=True, text=True, check=True
    )
    assert " dxdw" in done.stdout
