"""The commands as their user meets them: what they print, write, refuse and return."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

import dxdw
from dxdw import cli
from dxdw.classifier.digits import split_digits
from dxdw.classifier.model_file import load_model
from dxdw.commands import CommandError

README = Path(__file__).parents[2] / "README.md"


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    return tmp_path


def run(*arguments):
    return cli.main([str(a) for a in arguments])


def program(*arguments, **options):
    command = [sys.executable, "-m", "dxdw", *map(str, arguments)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )


def error_of(capsys, *arguments):
    """The one line that a refused command prints."""
    try:
        status = run(*arguments)
    except SystemExit as stop:  # argparse's own way
        status = stop.code
    out, err = capsys.readouterr()
    assert status == 2
    assert not out
    last = err.splitlines()[-1]
    assert last.startswith("dxdw: error: ")
    assert "Traceback" not in err
    return last.removeprefix("dxdw: error: ")


@pytest.fixture
def seven(here):
    picture = Image.new("RGB", (300, 400), (250, 245, 235))
    strokes = [(75, 80), (225, 80), (135, 340)]
    ImageDraw.Draw(picture).line(strokes, fill=(20, 30, 90), width=24, joint="curve")
    picture.save("seven.jpg")
    return here / "seven.jpg"


@pytest.fixture
def drawn(monkeypatch):
    """The reports that would be drawn as pictures, which takes seconds."""
    reports = []
    write = "dxdw.classifier.report_png.write_png"
    monkeypatch.setattr(write, lambda *report: reports.append(report))
    return reports


# --- what works -----------------------------------------------------------------------------------


def test_train_then_predict(capsys, here, seven):
    assert run("train", "--epochs", 2, "--save", "model.npz") == 0
    trained = capsys.readouterr()
    assert not trained.err  # no progress bar where there is no terminal
    lines = trained.out.splitlines()
    assert "held-out digits right" in lines[2]
    assert lines[3].startswith(
        "from random weights of seed 0, by adam with learning rate 0.003: 2 "
    )
    assert lines[4].startswith("gradients against finite differences: worst relative error ")
    assert float(lines[4].split("error ")[1].split(" ")[0]) < 1e-6
    assert lines[-2:] == [
        "The report as a picture: dxdw-report.png",
        "The trained network: model.npz",
    ]
    with Image.open("dxdw-report.png") as picture:
        assert picture.format == "PNG"
    assert len(list(here.iterdir())) == 3

    assert run("predict", seven, "--model", "model.npz") == 0
    assert capsys.readouterr().out.startswith("7, with a probability of ")


SHIPPED = Path(dxdw.__file__).parent / "data" / "tinycnn.npz"


def test_training_goes_on_from_a_loaded_network(capsys, drawn):
    options = "--optimizer", "sgd", "--learning-rate", 0.001, "--seed", 3
    assert run("train", "--epochs", 1, "--load", SHIPPED, *options, "--save", "more.npz") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[3].startswith("from tinycnn.npz, by sgd with learning rate 0.001: 1 epoch in ")
    assert int(lines[2].split()[0]) >= 350
    before, after = load_model(SHIPPED), load_model("more.npz")
    assert (before.parameters["conv1.W"] != after.parameters["conv1.W"]).any()
    assert len(drawn) == 1


def test_no_epochs_only_evaluate(capsys, drawn, held_out_right):
    assert run("train", "--epochs", 0, "--load", SHIPPED, "--report", "sub.png") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].startswith(f"{held_out_right} of 360 held-out digits right (")
    assert lines[3] == "from tinycnn.npz, not trained"
    assert lines[-1] == "The report as a picture: sub.png"
    [(report, path)] = drawn
    assert (report.wrong, path) == (360 - held_out_right, Path("sub.png"))


@pytest.fixture
def held_out_right():
    images, labels = split_digits()[1]
    return int((load_model(SHIPPED).probabilities(images).argmax(1) == labels).sum())


def test_predict_with_the_network_that_comes_along(capsys, seven):
    assert run("predict", seven) == 0
    out, err = capsys.readouterr()
    assert out.startswith("7, with a probability of ")
    assert not err


def test_explain_as_the_readme_has_it(capsys):
    [line] = re.findall(r"^dxdw (explain .*?)(?: *#.*)?$", README.read_text("utf-8"), re.MULTILINE)
    assert run(*line.split()) == 0
    assert capsys.readouterr().out.startswith("dW of x (8, 64, 56, 56) and W (64, 64, 3, 3) in fl")


def test_version(capsys):
    with pytest.raises(SystemExit) as stop:
        run("--version")
    assert stop.value.code == 0
    assert capsys.readouterr().out.startswith(f"dxdw {dxdw.__version__}\nnative kernels: ")


@pytest.mark.parametrize("command", ["train", "predict"])
def test_help_says_what_it_does(capsys, command):
    with pytest.raises(SystemExit) as stop:
        run(command, "--help")
    assert stop.value.code == 0
    assert "digit" in capsys.readouterr().out


def test_as_a_program_in_an_ascii_world(seven):
    env = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "LC_ALL": "C"}
    out, err = program("predict", seven, env=env).communicate(timeout=60)
    assert out.startswith("7, with a probability of ")
    assert not err


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ((), "the following arguments are required: COMMAND"),
        (("fly",), "argument COMMAND: invalid choice: 'fly'"),
        (("train", "--epochs", "-1"), "argument --epochs: -1 is less than 0"),
        (("train", "--epochs", "two"), "argument --epochs: invalid whole number value: 'two'"),
        (("train", "--seed", "1.5"), "argument --seed: invalid whole number value: '1.5'"),
        (("train", "--optimizer", "magic"), "argument --optimizer: invalid choice: 'magic'"),
        (("train", "--learning-rate", "0"), "learning_rate is 0.0: it must be finite and more"),
        (("train", "--learning-rate", "nan"), "learning_rate is nan: it must be finite and more"),
        (("train", "--report", "a.jpg"), "a.jpg: its name does not end in .png; expected"),
        (("train", "--report", "no/a.png"), "no/a.png: there is no folder no; expected"),
        (("train", "--save", "a.pkl"), "a.pkl: its name does not end in .npz; expected"),
        (("train", "--load", "a.npz"), "a.npz: no such file; expected a model that `dxdw train"),
        (("predict",), "the following arguments are required: FILE"),
        (("predict", "a.png"), "a.png: no such file; expected a picture of one digit"),
        (("predict", "."), ".: it is a folder; expected a picture of one digit"),
        (("predict", __file__), f"{__file__}: it is no picture; expected a picture of one digit"),
        (("predict", "a.png", "--model", "."), ".: it is a folder; expected a model that"),
    ],
)
def test_refused_in_one_line(capsys, monkeypatch, here, arguments, what):
    def train(*_, **__):
        raise AssertionError("training had begun")

    monkeypatch.setattr("dxdw.classifier.training.train", train)
    assert error_of(capsys, *arguments).startswith(what)
    assert not list(here.iterdir())


def test_a_learning_rate_that_blows_up(capsys, here):
    message = error_of(capsys, "train", "--learning-rate", "1e20", "--save", "model.npz")
    assert message.startswith("the loss became ")
    assert message.endswith("in epoch 1 of 20: a learning rate of 1e+20 is too large")
    assert not list(here.iterdir())


@pytest.mark.parametrize(
    ("command", "module"), [("train", "matplotlib"), ("train", "rich"), ("predict", "PIL")]
)
def test_missing_extra_is_named_before_anything_is_done(
    capsys, monkeypatch, seven, command, module
):
    monkeypatch.setitem(sys.modules, module, None)
    arguments = ("train", "--save", "model.npz") if command == "train" else ("predict", seven)
    message = error_of(capsys, *arguments)
    assert (
        message == f'dxdw {command} needs {module}, not installed here: pip install "dxdw[train]"'
    )


def test_a_full_disk_is_told_with_its_place(capsys, monkeypatch, seven):
    def full(*_):
        raise OSError(28, "No space left on device", "dxdw-report.png")

    monkeypatch.setattr("dxdw.commands.predict.run", full)
    assert error_of(capsys, "predict", seven) == "dxdw-report.png: No space left on device"


def test_a_mistake_of_our_own_is_not_dressed_up(monkeypatch, seven):
    def broken(_):
        raise ValueError("a bug")

    monkeypatch.setattr("dxdw.commands.predict.run", broken)
    with pytest.raises(ValueError, match="a bug"):
        run("predict", seven)


def test_what_a_command_refuses_is_told(capsys, monkeypatch, seven):
    def refusing(_):
        raise CommandError("not today")

    monkeypatch.setattr("dxdw.commands.predict.run", refusing)
    assert error_of(capsys, "predict", seven) == "not today"


# --- being stopped --------------------------------------------------------------------------------


def test_a_reader_that_goes_away_is_no_error(seven):
    process = program("predict", seven)
    process.stdout.close()
    assert process.wait(timeout=60) == 1
    assert not process.stderr.read()
    process.stderr.close()


def test_interrupted_in_the_middle_of_training(capsys, monkeypatch, here):
    batches = []

    def interrupted_at_the_fifth(images, _):
        batches.append(len(images))
        if len(batches) == 5:
            signal.raise_signal(signal.SIGINT)
        return images

    monkeypatch.setattr("dxdw.classifier.training.jitter", interrupted_at_the_fifth)
    # A process that a shell has put into the background ignores the signal.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        assert run("train", "--save", "model.npz") == 130
    finally:
        signal.signal(signal.SIGINT, before)
    out, err = capsys.readouterr()
    assert err.strip() == "dxdw: interrupted"
    assert not out
    assert len(batches) == 5
    assert not list(here.iterdir())
