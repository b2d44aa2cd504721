"""`dxdw check`: its exit statuses, its limits, and where a report points."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dxdw.cli import main
from dxdw.commands import check_process, descendants

RIGHT = """\
import numpy as np

def conv2d_backward(grad_out, x, W):
    print("called")
    dx, dW = np.zeros(x.shape), np.zeros(W.shape)
    kH, kW = W.shape[2:]
    for o, i, j in np.ndindex(grad_out.shape):
        dW[o] += grad_out[o, i, j] * x[:, i : i + kH, j : j + kW]
        dx[:, i : i + kH, j : j + kW] += grad_out[o, i, j] * W[o]
    return dx, dW
"""
WRONG = RIGHT.replace("kW] += grad_out[o, i, j] * W[o]", "kW] = grad_out[o, i, j] * W[o]")


@pytest.fixture
def mine(tmp_path):
    def write(source, name="mine.py"):
        path = tmp_path / name
        path.write_text(source, encoding="utf-8")
        return str(path)

    return write


def checked(capsys, *arguments):
    status = main(["check", *map(str, arguments)])
    return status, *capsys.readouterr()


def test_right(capsys, mine):
    status, out, err = checked(capsys, mine(RIGHT))
    assert status == 0
    assert out.startswith("conv2d_backward: right\n")
    assert not err


def test_wrong_is_named(capsys, mine):
    status, out, _ = checked(capsys, f"{mine(WRONG)}:conv2d_backward")
    assert status == 1
    assert "\ndx-overwritten\n" in out
    assert "\x1b" not in out  # no colours where there is no terminal


def test_solved_is_said_beside_the_extra_checks(capsys, mine):
    absolute = RIGHT.replace("grad_out[o, i, j]", "abs(grad_out[o, i, j])")
    status, out, _ = checked(capsys, mine(absolute))
    assert status == 1
    assert "solved: yes (the problem's own tests)   extra checks: " in out
    _, out, _ = checked(capsys, mine(RIGHT), "--json")
    report = json.loads(out)
    assert (report["solved"], report["extra"]) == (True, True)
    form = RIGHT.replace("return dx, dW", "return dW, dx")
    _, out, _ = checked(capsys, mine(form), "--json", "--returns", "dW,dx")
    assert json.loads(out)["solved"] is None


def test_buffers_of_integers_are_advice(capsys, mine):
    like = RIGHT.replace("np.zeros(x.shape)", "np.zeros_like(x)")
    status, out, _ = checked(capsys, mine(like))
    assert status == 0
    assert out.startswith("conv2d_backward: right\n")
    assert "\nadvice: integer-truncated\n" in out


LAYERS = (
    RIGHT
    + """

class Conv:
    def backward(self, dout, x, w):
        return conv2d_backward(dout, x, w)


class Layer:
    def __init__(self, W, b):
        self.W = W

    def backward(self, dout):
        return dout


conv = Conv()


def conv_backward(dout, cache):
    x, w, b, conv_param = cache
    return (*conv2d_backward(dout, x, w), dout.sum((1, 2)))
"""
)


def test_methods_and_caches(capsys, mine):
    place = mine(LAYERS)
    for address in ("Conv.backward", "conv.backward"):
        status, out, _ = checked(capsys, f"{place}:{address}")
        assert status == 0, out
    assert checked(capsys, f"{place}:conv_backward", "--bias")[0] == 0
    status, _, said = checked(capsys, f"{place}:Layer.backward")
    assert status == 2
    assert "layer = Layer(W, np.zeros(len(W)))" in said
    assert checked(capsys, f"{place}:conv.forward")[0] == 2


def test_json_and_html(capsys, mine, tmp_path):
    page = tmp_path / "report.html"
    status, out, _ = checked(capsys, mine(WRONG), "--json", "--html", page)
    report = json.loads(out)
    assert status == 1
    assert report["ok"] is False
    assert report["causes"] == ["dx-overwritten"]
    assert report["form"] == 1
    assert report["first_wrong"]["result"] == "dx"
    html = page.read_text(encoding="utf-8")
    assert "dx-overwritten" in html
    assert html.startswith("<!doctype html>")
    assert "<script" not in html


def test_the_problem_is_known_by_the_functions_name(capsys, mine):
    status, out, _ = checked(capsys, mine("def relu(x):\n    return abs(x)\n"))
    assert status == 1
    assert "\nrelu-absolute\n" in out
    assert checked(capsys, "dxdw:softmax")[0] == 0
    assert checked(capsys, "dxdw:max_pool_2d", "--problem", "max_pool_2d")[0] == 0


def test_a_notebook(capsys, mine):
    cells = [
        {"cell_type": "markdown", "source": ["# mine"]},
        {"cell_type": "code", "source": ["%matplotlib inline\n", "import numpy as np\n"]},
        {"cell_type": "code", "source": WRONG},
    ]
    status, out, _ = checked(capsys, mine(json.dumps({"cells": cells}), "mine.ipynb"))
    assert status == 1
    assert "dx-overwritten" in out


def test_cells_of_other_languages_and_what_is_no_notebook(capsys, mine):
    code = ["%%html\n<p>", WRONG]
    cells = [{"cell_type": "code", "source": source} for source in code]
    assert checked(capsys, mine(json.dumps({"cells": cells}), "mine.ipynb"))[0] == 1
    status, _, err = checked(capsys, mine("[]", "none.ipynb"))
    assert status == 2
    assert "it is no notebook" in err


def test_a_function_in_a_cell_with_magics(capsys, mine):
    cell = "%%time\nfiles = !ls\n%matplotlib inline\n" + WRONG
    notebook = json.dumps({"cells": [{"cell_type": "code", "source": cell}]})
    status, out, _ = checked(capsys, mine(notebook, "mine.ipynb"))
    assert status == 1
    assert "dx-overwritten" in out


def test_a_module(capsys):
    assert checked(capsys, "dxdw.reference:conv2d_backward_naive")[0] == 0


def test_a_module_that_fails(capsys, mine, monkeypatch):
    folder = Path(mine("import a_module_that_nobody_has", "one_that_needs_it.py")).parent
    mine("1 / 0", "one_that_divides.py")
    monkeypatch.setenv("PYTHONPATH", str(folder))
    for name, told in (
        ("one_that_needs_it", "ModuleNotFoundError: No module named 'a_module"),
        ("one_that_divides", "ZeroDivisionError"),
    ):
        status, _, err = checked(capsys, f"{name}:f")
        assert status == 2
        assert told in err


@pytest.mark.parametrize(
    ("source", "name", "said"),
    [
        (RIGHT, ":nothing", "there is no nothing; it has conv2d_backward"),
        ("import numpy as np\n1 / 0\n", "", "line 2: ZeroDivisionError: division by zero"),
        ("def f(:\n", "", "line 1: SyntaxError"),
        ("raise SystemExit(0)\n", "", "line 1: SystemExit: 0"),
        ("", "", "it has no functions"),
    ],
)
def test_what_cannot_be_loaded(capsys, mine, source, name, said):
    status, out, err = checked(capsys, mine(source) + name)
    assert (status, out) == (2, "")
    assert said in err


@pytest.mark.parametrize("where", ["", "def conv2d_backward(grad_out, x, W):\n    "])
def test_a_message_with_a_whole_file_in_it_is_shortened(capsys, mine, where):
    status, out, err = checked(capsys, mine(where + "raise ValueError('a' * 10_000_000)\n"))
    assert status == (1 if where else 2)
    assert "aaa... (10,000,000 characters)" in "".join((out + err).split("\n")).replace("a ", "a")
    assert len(out + err) < 10_000


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize(
    ("source", "ending"),
    [("import os\nos._exit(3)\n", "exit status 3"), ("import os\nos.abort()\n", "SIGABRT")],
)
def test_code_that_ends_the_process_while_it_is_loaded(capsys, mine, source, ending):
    status, out, err = checked(capsys, mine(source))
    assert (status, out) == (2, "")
    assert f"it can't be loaded: the process ended with {ending}" in err


@pytest.mark.parametrize(
    ("option", "values"),
    [
        ("--timeout", ("nan", "inf", "1e300", "0", "-1")),
        ("--memory", ("9999999999999", "0")),
        ("--padding", ("100000", "3,100000")),
        ("--dilation", ("100000",)),
        ("--groups", ("100000000", "0")),
        ("--stride", ("1000000000000", "1,2,3")),
    ],
)
def test_options_that_are_none_say_nothing_of_the_function(capsys, mine, option, values):
    place = mine(RIGHT)
    for value in values:
        status, out, err = checked(capsys, place, f"{option}={value}")
        assert (status, out) == (2, "")
        assert err.startswith(f"dxdw: error: {option.removeprefix('--')} is ") or option in err
        assert len(err.splitlines()) == 1


def test_little_memory_is_no_mistake_of_a_function_that_needs_little(capsys, mine):
    assert checked(capsys, mine(RIGHT), "--memory", 1)[0] == 0


def test_what_breaks_in_the_checker_says_nothing_of_the_function(capsys, mine):
    """Here by code that takes away what it needs, which no function of a learner's does."""
    source = "import dxdw.diagnosis.ladder as ladder\nladder.edges = None\n" + RIGHT
    status, out, err = checked(capsys, mine(source))
    assert (status, out) == (2, "")
    assert "was not tried: the checker stops at TypeError: 'NoneType' object is not callable" in err
    assert len(err.splitlines()) == 1


def test_ctrl_c_that_nobody_pressed(capsys, mine):
    raises = RIGHT.replace('print("called")', "raise KeyboardInterrupt")
    status, out, _ = checked(capsys, mine(raises))
    assert status == 1
    assert "it stops with a KeyboardInterrupt in every case" in out
    status, _, err = checked(capsys, mine("raise KeyboardInterrupt\n"))
    assert status == 2
    assert "line 1: KeyboardInterrupt" in err


def test_no_file(capsys):
    assert checked(capsys, "nowhere.py:f")[0] == 2
    assert checked(capsys, "nowhere_at_all:f")[0] == 2


def test_an_endless_loop_is_found_with_its_line(capsys, mine):
    source = "def conv2d_backward(grad_out, x, W):\n    while True:\n        x = x + 0\n"
    for seconds in (2, 10, 50):  # a busy machine may not have begun with it in the first
        status, out, _ = checked(capsys, mine(source), "--timeout", seconds, "--json")
        report = json.loads(out)
        assert status == 3
        assert f"still running after {seconds} s" in report["summary"]
        if report["crash"]["line"]:
            break
    assert report["crash"]["line"] in (2, 3)


@pytest.mark.parametrize("last", ["#", "import os; os.remove(__file__)"])
def test_an_endless_loop_in_a_file_of_another_encoding_or_that_is_gone(capsys, tmp_path, last):
    path = tmp_path / "mine.py"
    loop = "def f(grad_out, x, W):\n    while True: pass  # \xe9\n"
    path.write_text(f"# coding: latin-1\n{loop}{last}\n", encoding="latin-1")
    status, out, err = checked(capsys, path, "--timeout", 2, "--json")
    assert (status, err) == (3, "")
    assert json.loads(out)["crash"]["kind"] == "OutOfTime"


def test_what_the_code_reads_from_stdin_is_empty(capsys, mine):
    assert checked(capsys, mine(RIGHT + "\nimport sys\nassert sys.stdin.read() == ''\n"))[0] == 0


def test_an_endless_loop_while_loading(capsys, mine):
    assert checked(capsys, mine("while True:\n    pass\n"), "--timeout", 1)[0] == 3


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_crash_of_the_process_is_found_with_its_line(capsys, mine):
    source = "import os\ndef conv2d_backward(grad_out, x, W):\n    os.abort()\n"
    status, out, _ = checked(capsys, mine(source), "--json")
    report = json.loads(out)
    assert status == 1
    assert report["crash"]["line"] == 3
    assert "SIGABRT" in report["summary"]


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory")
@pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals")
@pytest.mark.parametrize("name", ["SIGKILL", "SIGTERM", "SIGINT"])
def test_a_process_that_others_end_says_nothing_of_the_function(capsys, mine, name):
    source = "import os, signal\n" + RIGHT
    killed = source.replace('print("called")', f"os.kill(os.getpid(), signal.{name})")
    status, out, err = checked(capsys, mine(killed), "--json")
    assert (status, out) == (4, "")
    assert "neither right nor wrong" in err
    assert name in err


@pytest.mark.parametrize("place", ["subprocess.Popen", "threading.Thread.start"])
def test_no_process_and_no_thread_to_be_had_is_told_in_one_line(capsys, mine, place, monkeypatch):
    """And what was started before is ended: a test that leaves a process leaves a warning."""
    refusal = {
        "subprocess.Popen": BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable"),
        "threading.Thread.start": RuntimeError("can't start new thread"),
    }[place]

    def refuse(*_, **__):
        raise refusal

    monkeypatch.setattr(place, refuse)
    status, out, err = checked(capsys, mine(RIGHT))
    assert (status, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert refusal.args[-1] in err


def test_too_much_memory_is_found_with_its_line(capsys, mine):
    source = (
        "import numpy as np\ndef conv2d_backward(grad_out, x, W):\n    return np.ones(1 << 33), W\n"
    )
    status, out, _ = checked(capsys, mine(source), "--json")
    report = json.loads(out)
    assert status == 1
    assert report["crash"]["kind"].endswith("MemoryError")
    assert report["crash"]["line"] == 3


def test_an_exception_points_at_the_learners_line(capsys, mine):
    source = "def conv2d_backward(grad_out, x, W):\n    return helper(x)\n\n\n"
    source += "def helper(x):\n    return x[9]\n"
    status, out, _ = checked(capsys, mine(source), "--json")
    crash = json.loads(out)["crash"]
    assert status == 1
    assert (crash["kind"], crash["line"], crash["source"]) == ("IndexError", 6, "return x[9]")
    assert "diagnosis" not in crash["trace"]


def test_the_forms_of_a_function(capsys, mine):
    source = """if True:
        from dxdw import conv2d_backward as f
        def conv2d_backward(grad_out, x, W, stride, padding):
            return f(grad_out, x, W, padding, stride, needs=("dx", "dW", "db"))[::-1]
    """
    options = "--batch", "--stride", "2,1", "--padding", 1, "--bias", "--returns", "db,dW,dx"
    status, out, _ = checked(capsys, mine(source), *options)
    assert status == 0, out


IMPORTING_NUMPY = 0.2  # seconds of a program that does nothing else, where nothing else runs


@pytest.mark.slow
def test_feedback_is_quick(mine):
    """Within 2 and 3 s: as many times more as importing NumPy takes longer on a busy machine.

    Of each the least of interleaved runs, which can only come nearer to what a quiet machine
    takes: there are more until it holds.
    """
    check = [sys.executable, "-m", "dxdw", "check"]
    commands = {
        "right": [*check, mine(RIGHT, "right.py")],
        "wrong": [*check, mine(WRONG, "wrong.py")],
        "numpy": [sys.executable, "-c", "import numpy"],
    }
    least = dict.fromkeys(commands, float("inf"))
    for rounds in range(1, 21):
        for name, command in commands.items():
            start = time.perf_counter()
            subprocess.run(command, capture_output=True, check=False)
            least[name] = min(least[name], time.perf_counter() - start)
        busy = max(1, least["numpy"] / IMPORTING_NUMPY)
        quick = least["right"] < 2 * busy and least["wrong"] < 3 * busy
        if quick and rounds >= 3:
            break
    assert quick, least


# --- what code may do ---------------------------------------------------------------------------

DAEMON = """
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", {mark!r}]{options})
"""


def running(mark):
    """Processes whose command line has this mark, which may take a moment to be gone."""
    for _ in range(50):
        found = []
        for file in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                words = file.read_bytes()
            except OSError:  # it has just ended
                continue
            if mark.encode() in words:
                found.append(file.parent.name)
        if not found:
            break
        time.sleep(0.1)
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a session of its own gets away")
@pytest.mark.parametrize("options", ["", ", stderr=subprocess.DEVNULL", ", start_new_session=True"])
@pytest.mark.parametrize(
    ("body", "seconds", "status"), [("pass", 60, 0), ("while True: pass", 3, 3)]
)
def test_nothing_that_the_code_has_started_is_left(capsys, mine, options, body, seconds, status):
    mark = f"left-by-a-test-{time.monotonic_ns()}"
    source = DAEMON.format(mark=mark, options=options) + RIGHT.replace('print("called")', body)
    begun = time.monotonic()
    assert checked(capsys, mine(source), "--timeout", seconds)[0] == status
    assert time.monotonic() - begun < 20
    assert not running(mark)


@pytest.fixture
def hangups_end():
    """What is started meanwhile is as a terminal would start it, though this run be under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGKILL"])
@pytest.mark.usefixtures("hangups_end")
def test_nothing_is_left_of_a_check_that_is_ended(mine, tmp_path, name):
    """Nor of one that can do nothing about it: its worker sees it go."""
    mark = f"left-by-a-test-{time.monotonic_ns()}"
    begun = tmp_path / "begun"
    daemon = DAEMON.format(mark=mark, options="")
    loop = f"open({str(begun)!r}, 'w').close()\nwhile True: pass\n"
    command = [sys.executable, "-m", "dxdw", "check", mine(daemon + loop), "--timeout", "60"]
    folder = tmp_path / "temporary"
    folder.mkdir()
    number = signal.Signals[name]
    with subprocess.Popen(command, env=os.environ | {"TMPDIR": str(folder)}) as process:
        while not begun.exists():
            time.sleep(0.05)
        process.send_signal(number)
    assert process.returncode == -number
    assert not running(mark)
    for _ in range(50):
        if not (left := [*folder.iterdir()]):
            break
        time.sleep(0.1)
    assert not left


def test_what_floods_stderr_is_not_kept_in_memory(mine):
    flood = RIGHT.replace('print("called")', "\n    while True: os.write(2, bytes(1 << 20))")
    watched = (
        "import sys\nfrom dxdw.cli import main\n"
        "status = main(['check', sys.argv[1], '--timeout', '2'])\n"
        "assert status == 3, status\n"
        "told = dict(line.split(':') for line in open('/proc/self/status'))\n"
        "assert int(told['VmHWM'].split()[0]) < 300 << 10, told['VmHWM']\n"
    )
    # (getrusage counts what the process that started this one had.)
    if not Path("/proc/self/status").exists():
        pytest.skip("there is no /proc, which tells a process's memory")
    command = [sys.executable, "-c", watched, mine("import os\n" + flood)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)


def test_characters_that_no_file_can_hold_are_written_as_escapes(capsys, mine, tmp_path):
    page = tmp_path / "report.html"
    source = RIGHT.replace('print("called")', "raise ValueError('\\udcff')")
    status, _, err = checked(capsys, mine(source), "--html", page)
    assert (status, err) == (1, "")
    assert "\\udcff" in page.read_text(encoding="utf-8")


def test_files_named_as_the_standard_librarys_hide_none_of_it(mine, tmp_path):
    for name in ("json", "html", "random", "numbers", "types", "copy", "resource"):
        mine("x = 1\n", f"{name}.py")
    mine("ONE = 1\n", "beside_it.py")
    mine("from beside_it import ONE\n" + RIGHT)
    command = [sys.executable, "-P", "-m", "dxdw", "check", "mine.py", "--html", "report.html"]
    done = subprocess.run(command, cwd=tmp_path, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("head", "encoding"), [("", "utf-8-sig"), ("# coding: latin-1\n# \xe9\n", "latin-1")]
)
def test_the_encoding_of_a_file_is_pythons(capsys, tmp_path, head, encoding):
    path = tmp_path / "mine.py"
    path.write_text(head + RIGHT, encoding=encoding)
    assert checked(capsys, path)[0] == 0


def test_a_process_that_does_not_die_is_not_waited_for(monkeypatch):
    """One that waits for a disk, or a file of the network, lives until that answers."""

    class Waiting:
        pid = 2**22 + 1  # of no process

        def wait(self, timeout):
            waited.append(timeout)
            raise subprocess.TimeoutExpired("a network file", timeout)

    waited = []
    monkeypatch.setattr(descendants, "_children", lambda: {Waiting.pid})
    descendants.end_with_all(Waiting(), set())
    assert waited == [descendants._MOST_SECONDS]
    assert check_process._ending(None) == "SIGKILL"
