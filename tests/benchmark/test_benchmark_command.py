"""`dxdw bench` from end to end, on one small problem, and what it leaves out or refuses."""

import json
import os
import platform
import signal
import subprocess
import sys
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest

from dxdw import cli
from dxdw.benchmark import bench, machine, problems
from dxdw.benchmark.measure import SETTLING
from dxdw.benchmark.session import WrongAnswer
from dxdw.commands.bench import PRECISIONS

EXAMPLE_1 = 'mb1ic1ih4oc1oh3kh2ph0n"tiny:example1"'


@pytest.fixture(autouse=True)
def one_problem(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    listed = problems.Listed("tiny", EXAMPLE_1, quick=True)
    monkeypatch.setattr(problems, "load", lambda _: [listed])
    machine.ceiling.cache_clear()


def run(*arguments):
    return cli.main(["bench", "--lists", "tiny", *map(str, arguments)])


SMALL = ("--dtype", "float32", "--rounds", 1, "--seconds", 0)


def test_rows_are_printed_written_and_shown_again(capsys):
    kinds = ("--kinds", "dx", "dx+dW")
    assert run(*SMALL, *kinds, "--peers", "numpy", "--json", "run.json") == 0
    out, err = capsys.readouterr()
    assert not err
    assert "left out: PyTorch, not asked for" in out
    assert out.count("\ntiny:example1 ") == 2
    assert "No ratios over PyTorch: it was not timed." in out
    written = json.loads(Path("run.json").read_text("utf-8"))
    assert written["complete"]
    assert {r["kind"] for r in written["rows"]} == {"dx", "dx+dW"}
    assert {r["precision"] for r in written["rows"]} == set(PRECISIONS)
    assert {r["caches"] for r in written["rows"]} == {"warm", "cold"}
    described = json.dumps(written["machine"])
    assert str(Path.cwd()) not in described
    assert platform.node() not in described

    table = out.partition("problem ")[2].partition("\n\n")[0]
    assert cli.main(["bench", "--show", "run.json"]) == 0
    assert table in capsys.readouterr().out


def test_the_short_run(capsys):
    assert run(*SMALL, "--quick", "--kinds", "forward", "--peers", "numpy", "--json", "a.json") == 0
    assert "highest" not in capsys.readouterr().out.partition("\n---")[0].splitlines()[-1]
    [row] = json.loads(Path("a.json").read_text("utf-8"))["rows"]
    assert (row["main"], row["caches"]) == (True, "warm")


@pytest.mark.peers("torch", "jax")
def test_beside_torch_and_jax(capsys):
    assert run(*SMALL, "--kinds", "dx+dW", "--json", "a.json", "--plot", "a.png") == 0
    out = capsys.readouterr().out
    assert "beside PyTorch 2.13.0" in out
    assert "rows behind PyTorch: " in out
    rows = json.loads(Path("a.json").read_text("utf-8"))["rows"]
    assert {"torch NCHW", "torch NHWC", "jax vjp", "numpy im2col"} < set(rows[0]["timings"])
    # Where the first rows told them apart, the slower layout is not timed again.
    assert all({"torch NCHW", "torch NHWC"} < set(row["timings"]) for row in rows if row["main"])
    assert all({"torch NCHW", "torch NHWC"} & set(row["timings"]) for row in rows)
    assert Path("a.png").read_bytes().startswith(b"\x89PNG")


def test_peers_that_are_not_installed_are_named(capsys, monkeypatch):
    for library in ("torch", "jax"):
        monkeypatch.setitem(sys.modules, library, None)
    assert run(*SMALL, "--kinds", "dx") == 0
    out = capsys.readouterr().out
    assert "left out: PyTorch, not installed" in out
    assert "left out: JAX, not installed" in out
    assert "×PyTorch" not in out.partition("\n---")[0].splitlines()[-1]
    assert "No ratios over PyTorch: it was not timed." in out


def test_without_native_kernels_nothing_is_called_measured(capsys, monkeypatch):
    monkeypatch.setattr(machine.native_library, "load", lambda: None)
    assert run(*SMALL, "--quick", "--kinds", "dx", "--peers", "numpy") == 0
    assert "peak and bandwidth not measured: " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("--lists", "lenet6"), "argument --lists: invalid choice: 'lenet6'"),
        (("--peers", "tensorflow"), "argument --peers: invalid choice: 'tensorflow'"),
        (("--rounds", 0), "--rounds must be at least 1, and --seconds finite"),
        (("--seconds", "nan"), "--rounds must be at least 1, and --seconds finite"),
        (("--threads", 0), "--threads must be at least 1"),
        (("--json", "no/a.json"), "no/a.json: there is no folder no; expected"),
        (("--json", "a.txt"), "a.txt: its name does not end in .json; expected"),
        (("--plot", "a.pdf"), "a.pdf: its name does not end in .png; expected"),
        (("--show", "a.json"), "a.json: no such file; expected a run that"),
        (("--show", "a.json", "--json", "b.json"), "--show measures nothing that --json could"),
    ],
)
def test_refused_before_anything_is_measured(capsys, monkeypatch, arguments, what):
    def measured(*_):
        raise AssertionError("it was measured")

    monkeypatch.setattr(bench, "measured_apart", measured)
    try:
        status = run(*arguments)
    except SystemExit as stop:
        status = stop.code
    out, err = capsys.readouterr()
    assert status == 2
    assert not out
    assert err.splitlines()[-1].startswith(f"dxdw: error: {what}")


def test_a_damaged_run_is_refused(capsys):
    kinds = ("--kinds", "dx")
    assert run(*SMALL, *kinds, "--quick", "--peers", "numpy", "--json", "run.json") == 0
    capsys.readouterr()
    written = json.loads(Path("run.json").read_text("utf-8"))
    told = "dxdw: error: run.json: it holds something else; expected a run that `dxdw bench --json`"
    damaged = ({"machine": {}}, {"machine": "Zen"}, {"peers": 5}, {"settings": 3}, {"left_out": []})
    for damage in (*damaged, {"rows": [3]}, {"precisions": None}):
        Path("run.json").write_text(json.dumps(written | damage), "utf-8")
        assert cli.main(["bench", "--show", "run.json"]) == 2
        assert capsys.readouterr() == ("", f"{told} wrote\n")


def test_so_are_numbers_that_nothing_follows_from_and_what_can_not_be_drawn(capsys):
    twice = ("--kinds", "dx", "dx", "--precision", "high", "--no-cold", "--threads", 1, 1)
    assert run(*SMALL, *twice, "--peers", "numpy", "--json", "run.json") == 0
    capsys.readouterr()
    written = json.loads(Path("run.json").read_text("utf-8"))
    (row,) = written["rows"]
    timing = row["timings"]["dxdw"]
    never, beside = timing | {"median": 0}, {"dxdw": timing, "torch NCHW": timing}
    for damage, show in (
        ({"machine": written["machine"] | {"load": 10**400}}, ()),
        ({"rows": [row | {"timings": {"dxdw": never}}]}, ()),
        ({"rows": [row | {"timings": beside, "kind": "db"}]}, ("--plot", "run.png")),
        ({"settings": []}, ("--plot", "run.png")),
    ):
        Path("run.json").write_text(json.dumps(written | damage), "utf-8")
        assert cli.main(["bench", "--show", "run.json", *show]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("dxdw: error: run.json: it holds something else; expected a run")


def test_so_is_what_is_nested_too_deep(capsys):
    Path("run.json").write_text("[" * 200_000, "utf-8")
    assert cli.main(["bench", "--show", "run.json"]) == 2
    assert "run.json: it holds something else" in capsys.readouterr().err


MEASURES_FOR_EVER = """
from dxdw.benchmark import bench
bench.measure = exec
bench.measured_apart("import os, time; print(os.getpid(), flush=True); time.sleep(60)", {})
"""


@pytest.mark.skipif(os.name != "posix", reason="needs its signals")
@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGKILL])
def test_what_measures_ends_with_the_command(by):
    words = [sys.executable, "-c", MEASURES_FOR_EVER]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as command:
        assert int(command.stdout.readline()) != command.pid
        command.send_signal(by)
        # Who measures has the pipe open as well.
        assert command.communicate(timeout=20) == (b"", None)


def test_a_plot_needs_matplotlib(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert run("--plot", "a.png") == 2
    assert "dxdw bench --plot needs matplotlib, not installed here: " in capsys.readouterr().err


def test_a_wrong_answer_ends_it_and_keeps_what_there_is(capsys, monkeypatch):
    def wrong(*_):
        raise WrongAnswer("dxdw, tiny:example1 float32 dx: its answer is off by 1")

    monkeypatch.setattr(bench, "measured_apart", wrong)
    assert run("--json", "a.json") == 2
    assert "error: wrong answer: dxdw, tiny:example1" in capsys.readouterr().err
    written = json.loads(Path("a.json").read_text("utf-8"))
    assert (written["complete"], written["rows"]) == (False, [])


def test_a_problem_that_memory_does_not_allow_is_left_out(capsys, monkeypatch):
    class Ended:
        def __init__(self, *_):
            pass

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def submit(self, *_):
            raise BrokenProcessPool("a process ended")

    monkeypatch.setattr(bench, "ProcessPoolExecutor", Ended)
    assert run("--quick", "--peers", "numpy") == 0
    assert "tiny:example1: left out, a process ended" in capsys.readouterr().out


def test_processes_are_told_to_settle_unless_the_user_did(monkeypatch):
    [(name, value)] = SETTLING.items()
    monkeypatch.delenv(name, raising=False)
    seen = []

    class Looks:
        def __init__(self, *_):
            seen.append(os.environ.get(name))
            raise BrokenProcessPool

    monkeypatch.setattr(bench, "ProcessPoolExecutor", Looks)
    listed = problems.Listed("tiny", EXAMPLE_1, quick=True)
    for _ in range(2):
        with pytest.raises(BrokenProcessPool):
            bench.measured_apart(listed, None)
        assert os.environ.get(name) in (None, "26")
        monkeypatch.setenv(name, "26")
    assert seen == [value, "26"]
