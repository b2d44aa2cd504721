"""What `dxdw tune` remembers, and who hears of it."""

import json
from errno import EACCES
from pathlib import Path

import numpy as np
import pytest

from dxdw import conv2d, explain
from dxdw.call import geometries, known, plan, tuned
from dxdw.call.options import Options
from dxdw.cli import main
from dxdw.core.problem import Execution, Problem
from dxdw.engines import native_library

X, W = (2, 16, 12, 12), (16, 16, 3, 3)
compiled = pytest.mark.skipif(
    native_library.load() is None, reason="there is nothing to choose from"
)


def problem(dtype="float32", threads=None, kind="forward"):
    geometry, _ = geometries.convolution(2, X, W, Options())
    return Problem(kind, geometry, np.dtype(dtype), how=Execution(threads=threads))


def forget():
    tuned.read.cache_clear()
    plan.prepared.cache_clear()
    known.forget()


@pytest.fixture
def file(tmp_path, monkeypatch):
    path = tmp_path / "cache" / "tuned.json"
    monkeypatch.setattr(tuned, "file", lambda: path)
    forget()
    yield path
    monkeypatch.undo()
    forget()


def remember(engine, **seconds):
    tuned.add({tuned.key(problem()): tuned.Tuned(engine, {engine: 1.0, **seconds})})
    forget()


@compiled
@pytest.mark.usefixtures("file")
def test_the_fastest_runs_from_then_on_and_explain_says_so():
    usual = explain("forward", X, W, dtype="float32")
    assert usual.engine == "winograd"
    assert usual.tuned == ""
    remember("direct", winograd=2.0)
    found = explain("forward", X, W, dtype="float32")
    assert found.engine == "direct"
    assert "tuned on this CPU: direct 1e+03 ms, winograd 2e+03 ms" in str(found)
    # Others are as they were: another dtype, kind, number of threads, and an engine by name.
    assert explain("dx", X, W, dtype="float32").engine == "winograd"
    assert explain("forward", X, W, dtype="float64").engine == "winograd"
    assert explain("forward", X, W, dtype="float32", threads=3).tuned == ""
    by_name = explain("forward", X, W, dtype="float32", engine="winograd")
    assert (by_name.engine, by_name.tuned) == ("winograd", "")


@compiled
@pytest.mark.usefixtures("file")
def test_results_are_those_of_the_engine_that_is_remembered():
    rng = np.random.default_rng(0)
    x, w = (rng.standard_normal(shape).astype("float32") for shape in (X, W))
    each = {e: plan.Prepared(problem(), (e,))(x, w)[0] for e in ("winograd", "direct", "fft")}
    assert not np.array_equal(each["winograd"], each["direct"])
    for engine in ("direct", "fft", "winograd"):
        remember(engine)
        np.testing.assert_array_equal(conv2d(x, w), each[engine], err_msg=engine)


@compiled
@pytest.mark.usefixtures("file")
def test_what_an_engine_can_not_do_it_is_not_asked_for():
    remember("depthwise")  # groups of one channel alone
    assert explain("forward", X, W, dtype="float32").engine == "winograd"
    remember("nobody")
    assert explain("forward", X, W, dtype="float32").engine == "winograd"
    remember("winograd")
    highest = explain("forward", X, W, dtype="float32", precision="highest")
    assert highest.engine == "direct"


@compiled
@pytest.mark.usefixtures("file")
def test_the_others_stand_behind_it_each_once():
    """It may refuse values that are not finite, and one of them takes over."""
    usual = plan.accepting(problem())
    assert len(usual) > 2
    for engine in usual:
        remember(engine)
        first, *others = plan.accepting(problem())
        assert first == engine
        assert others == [name for name in usual if name != engine]
    remember("winograd")
    x, w = np.ones(X, np.float32), np.full(W, np.inf, np.float32)
    assert np.isinf(conv2d(x, w)).all()


@pytest.mark.parametrize(
    "damage",
    [
        "",
        "{",
        "[]",
        "null",
        '{"format": 1}',
        '{"format": 1, "cpu": 3, "choices": {}}',
        "[" * 100_000,
        "\ud800",
    ],
)
def test_a_damaged_file_is_as_if_it_were_not_there(file, damage):
    remember("reference")
    file.write_bytes(damage.encode("utf-8", "surrogatepass"))
    forget()
    known_, why = tuned.read()
    assert known_ == {}
    assert str(file) in why
    assert explain("forward", X, W, dtype="float32").tuned == ""


@pytest.fixture
def hidden(tmp_path, monkeypatch):
    """In a folder that can't be looked into; root, who can into every one, is told so."""
    path = tmp_path / "tuned.json"
    monkeypatch.setattr(tuned, "file", lambda: path)

    def stat(self, **_):
        raise PermissionError(EACCES, "Permission denied", str(self))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "stat", stat)
        patch.setattr(Path, "unlink", stat)
        forget()
        yield path
    forget()


@pytest.fixture
def unnameable(monkeypatch):
    """Under a name that is too long for any file."""
    path = Path("/" + "a" * 300, "tuned.json")
    monkeypatch.setattr(tuned, "file", lambda: path)
    forget()
    yield path
    forget()


@pytest.mark.parametrize("place", ["hidden", "unnameable"])
def test_so_is_one_that_can_not_be_looked_at(request, place):
    request.getfixturevalue(place)
    known_, why = tuned.read()
    assert known_ == {}
    assert why  # from Python 3.14 on the system says no more than that there is none
    assert conv2d(np.ones(X), np.ones(W)).shape == (2, 16, 10, 10)
    assert explain("forward", X, W).tuned == ""


def test_what_can_not_be_forgotten_is_told(hidden, capsys):
    assert main(["tune", "--forget"]) == 2
    assert capsys.readouterr().err == f"dxdw: error: {hidden}: Permission denied\n"


@pytest.mark.parametrize("key", ["cpu", "format"])
def test_so_is_one_of_another_processor_or_form(file, key):
    remember("direct")
    written = json.loads(file.read_text("utf-8"))
    file.write_text(json.dumps(written | {key: "another"}), "utf-8")
    forget()
    known_, why = tuned.read()
    assert known_ == {}
    assert "another" in why


@pytest.mark.parametrize(
    "entry",
    [
        3,
        {},
        {"engine": "direct"},
        {"engine": "direct", "seconds": {}},
        {"engine": 3, "seconds": {"direct": "x"}},
        {"engine": "direct", "seconds": {"direct": 10**400}},
    ],
)
def test_and_one_with_an_entry_that_is_none(file, entry):
    remember("direct")
    written = json.loads(file.read_text("utf-8"))
    written["choices"]["forward"] = entry
    file.write_text(json.dumps(written), "utf-8")
    forget()
    assert tuned.read()[0] == {}


def test_more_is_written_beside_what_is_there(file):
    tuned.add({"one": tuned.Tuned("direct", {"direct": 1.0})})
    tuned.add({"two": tuned.Tuned("fft", {"fft": 1.0})})
    assert sorted(tuned.read()[0]) == ["one", "two"]
    assert [path.name for path in file.parent.iterdir()] == ["tuned.json"]
    assert tuned.forget() == file
    assert tuned.forget() is None


def test_what_another_process_has_written_meanwhile_stays(file):
    tuned.add({"one": tuned.Tuned("direct", {"direct": 1.0})})
    earlier = file.read_text("utf-8")
    assert sorted(tuned.read()[0]) == ["one"]
    file.write_text(earlier.replace('"one"', '"theirs"'), "utf-8")
    tuned.add({"two": tuned.Tuned("fft", {"fft": 1.0})})
    assert sorted(tuned.read()[0]) == ["theirs", "two"]


def test_a_file_that_can_not_be_replaced_is_told_and_nothing_left_beside_it(file, capsys):
    file.mkdir(parents=True)
    call = ["tune", "1,1,8,8", "1,1,3,3", "--dtype", "float32", "--rounds", "1", "--seconds", "0"]
    assert main(call) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"dxdw: error: {file}: ")
    assert list(file.parent.iterdir()) == [file]


def test_the_folder_is_the_one_that_the_system_has_for_it(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    monkeypatch.setattr("sys.platform", "linux")
    assert tuned.caches() == tmp_path / "caches"
    for no_place in ("", "caches", "./caches"):  # which would be another one in every folder
        monkeypatch.setenv("XDG_CACHE_HOME", no_place)
        assert tuned.caches() == tmp_path / ".cache"
    monkeypatch.setattr("sys.platform", "darwin")
    assert tuned.caches() == tmp_path / "Library" / "Caches"


@compiled
def test_the_command_measures_remembers_shows_and_forgets(file, capsys):
    call = ["tune", "2,16,12,12", "16,16,3,3", "--dtype", "float32", "--threads", "1"]
    assert main([*call, "--rounds", "1", "--seconds", "0"]) == 0
    printed = capsys.readouterr().out
    assert f"remembered in {file}" in printed
    assert "3 choices" in printed
    forget()
    assert explain("dW", X, W, dtype="float32", threads=1).tuned != ""
    assert main(["tune", "--show"]) == 0
    shown = capsys.readouterr().out
    assert shown.count("16-16-1 12-3-1-1-0-0-10") == 3
    assert main(["tune", "--forget"]) == 0
    assert main(["tune", "--show"]) == 0
    assert "nothing has been measured yet" in capsys.readouterr().out


@pytest.mark.parametrize("nowhere", ["file", "folder", "none"])
def test_what_could_not_be_remembered_is_told_before_anything_is_measured(
    file, nowhere, monkeypatch, capsys
):
    if nowhere == "none":
        monkeypatch.setattr(tuned, "file", lambda: None)
    elif nowhere == "folder":
        file.mkdir(parents=True)
    else:
        file.parent.write_text("")
    monkeypatch.setattr("dxdw.benchmark.choices.choices", lambda *_: 1 / 0)
    assert main(["tune", "1,1,8,8", "1,1,3,3"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("dxdw: error: ")


@compiled
@pytest.mark.usefixtures("file")
def test_what_is_named_twice_is_measured_once(capsys):
    call = ["tune", "1,1,8,8", "1,1,3,3", "--rounds", "1", "--seconds", "0"]
    assert main([*call, "--dtype", "float32", "float32", "--threads", "1", "1"]) == 0
    assert "3 choices" in capsys.readouterr().out


@compiled
@pytest.mark.usefixtures("file")
def test_more_threads_than_any_call_uses_are_remembered_as_those_that_it_does():
    call = ["tune", "1,32,8,8", "256,32,3,3", "--dtype", "float32", "--rounds", "1"]
    assert main([*call, "--seconds", "0", "--threads", str(10**20)]) == 0
    forget()
    shapes = (1, 32, 8, 8), (256, 32, 3, 3)
    assert explain("dW", *shapes, dtype="float32", threads=10**20).tuned != ""


@pytest.mark.usefixtures("file")
@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["1,2,3"], "give both shapes"),
        (["1,2,3", "1,2,5"], "W is larger than x"),
        (["1,2", "1,2"], "must have 3, 4 or 5 numbers"),
        (["0,2,9", "1,2,5"], "nothing to compute"),
        (["1,2,0", "1,2,5", "--padding", "3"], "nothing to compute"),
        (["--rounds", "0"], "--rounds must be at least 1"),
        (["--threads", "0"], "--threads must be at least 1"),
        (["--seconds", "nan"], "--seconds finite and not negative"),
        (["--seconds", "inf"], "--seconds finite and not negative"),
    ],
)
def test_what_it_refuses(capsys, words, told):
    assert main(["tune", *words]) == 2
    captured = capsys.readouterr()
    assert told in captured.err
    assert captured.out == ""
