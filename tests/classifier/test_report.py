"""The report: what it holds, the picture of it, and its two forms in the terminal."""

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from dxdw.classifier import report_terminal
from dxdw.classifier.digits import Digits, split_digits
from dxdw.classifier.gradient_check import GradientCheck
from dxdw.classifier.report import SHOWN, Reading, Report, make_report
from dxdw.classifier.report_png import write_png
from dxdw.classifier.report_terminal import print_prediction, print_report
from dxdw.classifier.tinycnn import TinyCNN
from dxdw.classifier.training import Adam, History, train


@pytest.fixture(scope="module")
def held_out():
    return split_digits()[1]


@pytest.fixture(scope="module")
def trained(held_out):
    model = TinyCNN.initial(0)
    few = Digits(held_out.images[:160], held_out.labels[:160])
    return model, train(model, few, few, Adam(), epochs=3, seed=0)


@pytest.fixture(scope="module")
def report(trained, held_out):
    model, history = trained
    return make_report(model, held_out, history, "as the test says")


def shown(report, **options):
    """What is printed, as lines."""
    file = io.StringIO()
    console = Console(file=file, legacy_windows=False, **options)
    print_report(report, console)
    return file.getvalue().splitlines()


def plain(report):
    return shown(report, color_system=None, width=80)


def coloured(report, width=80, **options):
    return shown(report, color_system="truecolor", force_terminal=True, width=width, **options)


# --- facts ----------------------------------------------------------------------------------------


def test_counts_are_those_of_the_network(report, trained, held_out):
    read = trained[0].probabilities(held_out.images).argmax(1)
    wrong = int((read != held_out.labels).sum())
    assert (report.held_out, report.wrong) == (360, wrong)
    assert report.accuracy == pytest.approx((360 - wrong) / 360)
    assert report.score.startswith(f"{360 - wrong} of 360 held-out digits right (")


def test_wrong_digits_come_first_then_the_least_certain(report, trained, held_out):
    assert len(report.shown) == SHOWN <= report.wrong
    probabilities = trained[0].probabilities(held_out.images)
    of_true = probabilities[np.arange(360), held_out.labels]
    wrong = probabilities.argmax(1) != held_out.labels
    worst = held_out.images[wrong][np.argsort(of_true[wrong])[:SHOWN], 0]
    np.testing.assert_array_equal([r.image for r in report.shown], worst)
    assert all(r.wrong and r.true != r.read for r in report.shown)


def test_a_network_that_is_nearly_always_right_shows_its_least_certain(trained, held_out):
    model, history = trained
    read = model.probabilities(held_out.images).argmax(1)
    true = np.where(np.arange(360) < 2, (read + 1) % 10, read)  # two labels that it gets wrong
    report = make_report(model, Digits(held_out.images, true), history, "")
    assert report.wrong == 2
    assert [r.wrong for r in report.shown] == [True] * 2 + [False] * 6
    assert (
        report.shown_title == "The digits it gets wrong: 2. Then the largest losses of the others"
    )
    certainty = [r.probability for r in report.shown[2:]]
    assert certainty == sorted(certainty)
    always = make_report(model, Digits(held_out.images, read), history, "")
    assert always.shown_title == "It gets no digit wrong. The largest losses"


def test_dx_is_of_each_digit_by_itself(report, trained):
    reading = report.shown[3]
    alone = trained[0].image_gradients(reading.image[None, None], np.array([reading.true]))
    np.testing.assert_allclose(reading.dx, alone[0, 0], rtol=1e-4, atol=1e-6)
    assert np.abs(reading.dx).max() > 0.01


def test_gradients_are_checked(report):
    assert report.check.worst < 1e-6
    assert report.check.compared + report.check.on_kinks == 60
    assert "worst relative error" in report.check_line


# --- picture --------------------------------------------------------------------------------------


def test_png_is_a_picture_that_shows_something(report, tmp_path):
    path = tmp_path / "report.png"
    path.write_bytes(b"an earlier file")
    write_png(report, path)
    with Image.open(path) as picture:
        assert picture.format == "PNG"
        assert picture.size == (1440, 1032)
        colours = np.asarray(picture.convert("RGB")).reshape(-1, 3)
    assert (colours == 255).all(1).mean() < 0.95
    red, blue = ((colours[:, i] > colours[:, j] + 40).mean() for i, j in ((0, 2), (2, 0)))
    assert red > 0.01
    assert blue > 0.01
    assert [p.name for p in tmp_path.iterdir()] == ["report.png"]


def test_png_needs_no_display_no_training_and_none_of_the_users_settings(tmp_path):
    code = (
        "import sys, matplotlib; matplotlib.rcParams['font.size'] = 33;"
        "from test_report import *;"
        "write_png(tiny()._replace(history=History([], [])), Path(sys.argv[1]));"
        "assert 'matplotlib.pyplot' not in sys.modules;"
        "assert matplotlib.rcParams['font.size'] == 33"
    )
    command = [sys.executable, "-W", "error", "-c", code, str(tmp_path / "report.png")]
    subprocess.run(command, check=True, cwd=Path(__file__).parent)
    with Image.open(tmp_path / "report.png") as picture:
        assert picture.size == (1440, 1032)


# --- terminal -------------------------------------------------------------------------------------


def tiny():
    """A report with numbers that can be followed by eye."""
    image = np.zeros((8, 8))
    image[0] = np.arange(8) / 7
    dx = np.zeros((8, 8))
    dx[0, :5] = -2, -1, 0, 1, 2
    kernels = np.zeros((16, 3, 3))
    kernels[0] = [[-1, -0.5, 0], [0, 0.5, 1], [1, 1, 1]]
    return Report(
        recipe="by hand",
        kernels=kernels,
        history=History([1.0, 0.5, 0.25, 0.125], [0.5, 0.75]),
        held_out=4,
        wrong=1,
        shown=[Reading(image, 3, 8, 0.75, dx), Reading(image, 3, 3, 0.5, 0 * dx)],
        check=GradientCheck(1.5e-9, "conv1.W", 58, 2),
    )


def test_plain_form_is_ascii_and_no_wider_than_the_terminal(report):
    lines = plain(report)
    assert all(line.isascii() for line in lines)
    assert max(len(line) for line in lines if not line.startswith("gradients")) <= 80


def test_plain_form_line_by_line():
    lines = [line.rstrip() for line in plain(tiny())]
    assert lines[:4] == [
        "",
        "TinyCNN on handwritten digits",
        "3 of 4 held-out digits right (75.0%)",
        "by hand",
    ]
    assert lines[4].endswith("error 1.5e-09 (conv1.W; 58 parameters, 2 on kinks left out)")
    assert lines[5:9] == [
        "",
        "Learned kernels of the first layer",
        "-1 ---  .+ ++ +1 weight",
        "---  .    . . .    . . .    . . .    . . .    . . .    . . .    . . .",
    ]
    assert lines[9].startswith(" .+ ++    . . .")
    assert lines[10].startswith("++++++    . . .")
    table = lines.index("epoch  loss/nats  held-out accuracy")
    assert lines[table + 1 : table + 3] == [
        "    1     0.7500   50.0%",
        "    2     0.1875   75.0%",
    ]
    title = lines.index("The digits it gets wrong: 1. Then the largest losses of the others")
    assert lines[title + 3 : title + 5] == [
        "a 3, read as 8 with 75%             a 3, read as 3 with 50%",
        "  ..--==++**%%@@ ---  .+ ++ . . .     ..--==++**%%@@  . . . . . . . .",
    ]


def test_coloured_form_has_a_square_of_half_blocks_for_each_pixel():
    line = next(line for line in coloured(tiny()) if "▀" in line and "\x1b[38;2;33;102;172" in line)
    # The kernel's first row: blue, half way to white, white; two columns each.
    assert line.count("▀") >= 6
    halves = report_terminal._signed(np.array([[-1, -0.5, 0], [0, 0.5, 1]]), plain=False)
    assert [h.plain for h in halves] == ["▀" * 6] * 2
    colours = [str(span.style) for span in halves[0].spans][::2]
    assert colours == ["#2166ac on #2166ac", "#8caed2 on #8caed2", "#f7f7f7 on #f7f7f7"]


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_coloured_form_fits_the_terminal(report, width):
    console = Console(width=width)
    file = io.StringIO()
    wide = Console(
        file=file, color_system="truecolor", force_terminal=True, width=width, record=True
    )
    print_report(report, wide)
    pictures = [line for line in wide.export_text().splitlines() if "▀" in line]
    assert len(pictures) > 8
    assert max(map(len, pictures)) <= console.width


@pytest.mark.parametrize("system", ["standard", "windows"])
def test_few_colours_give_the_plain_form(report, system):
    text = "\n".join(shown(report, color_system=system, force_terminal=True, width=80))
    assert "▀" not in text
    assert "++" in text


def test_no_color_is_heeded(report, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    assert "38;2" not in "\n".join(coloured(report))


def test_without_training_there_is_no_curve(report):
    lines = plain(report._replace(history=History([], [])))
    assert not any("loss of each epoch" in line for line in lines)


@pytest.mark.parametrize("epochs", [1, 2, 64, 500])
def test_curve_of_any_number_of_epochs(report, epochs):
    history = History([1 / (1 + i) for i in range(2 * epochs)], [0.9] * epochs)
    lines = coloured(report._replace(history=history))
    assert any("█" in line for line in lines)
    assert len(plain(report._replace(history=history))) < 90


def test_losses_that_reached_zero(report):
    assert coloured(report._replace(history=History([0.0, 0.0], [1.0, 1.0])))


def test_prediction_names_the_digit_and_draws_all_probabilities():
    file = io.StringIO()
    probabilities = np.full(10, 0.02)
    probabilities[7] = 0.82
    print_prediction(np.eye(8), probabilities, Console(file=file, color_system=None, width=80))
    lines = file.getvalue().splitlines()
    assert lines[0] == "7, with a probability of 82.0%"
    bars = [line.split("%") for line in lines if line.rstrip("# ").endswith("%")][1:]
    assert [bar[1].count("#") for bar in bars] == [1, 1, 1, 1, 1, 1, 1, 33, 1, 1]
