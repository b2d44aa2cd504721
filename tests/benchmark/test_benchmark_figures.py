"""What made-up rows come to: ratios, groups, figures, the table, the JSON and the picture."""

import json

import pytest
from PIL import Image

from dxdw.benchmark import figures, plot, table
from dxdw.benchmark.groups import GROUPS
from dxdw.benchmark.measure import Timing
from dxdw.benchmark.problems import parse
from dxdw.benchmark.report import Run
from dxdw.benchmark.rows import Row, Setting
from dxdw.classifier.files import FileRefused

PROBLEMS = {
    "example": 'mb1ic1ih4oc1oh3kh2ph0n"tiny:example1"',
    "few": 'mb8ic3ih32oc8oh32kh3ph1n"few"',
    "wide": 'mb8ic64ih56oc64oh56kh3ph1n"wide"',
    "small": 'mb8ic64ih14oc64oh14kh3ph1n"small"',
    "5x5": 'mb8ic64ih14oc64oh14kh5ph2n"5x5"',
    "1x1": 'mb8ic64ih14oc64oh14kh1n"1x1"',
    "strided": 'mb8ic64ih56oc64oh28kh3sh2ph1n"strided"',
    "strided few": 'mb8ic3ih224oc64oh112kh7sh2ph3n"strided few"',
    "dilated": 'mb8ic64ih56oc64oh56kh3dh1ph2n"dilated"',
    "grouped": 'mb8g4ic64ih56oc64oh56kh3ph1n"grouped"',
    "depthwise": 'mb8g64ic64ih56oc64oh56kh3ph1n"depthwise"',
    "large": 'mb1ic1ih64oc1oh64kh15ph7n"large"',
    "large depthwise": 'mb1g64ic64ih56oc64oh56kh31ph15n"large depthwise"',
    "large strided": 'mb8ic3ih224oc64oh55kh11sh4ph2n"large strided"',
}
MAIN, ONE, COLD = Setting(2, "warm"), Setting(1, "warm"), Setting(2, "cold")


def timing(seconds):
    return Timing(seconds, seconds * 0.9, seconds * 1.1, 7)


def row(problem="wide", ratio=None, setting=MAIN, seconds=1.0, **changes):
    """A row that is so many times as fast as the faster layout of PyTorch."""
    timings = {"dxdw": timing(seconds)}
    if ratio is not None:
        timings |= {
            "torch NCHW": timing(ratio * seconds),
            "torch NHWC": timing(ratio * seconds * 2),
        }
    made = Row(
        list="made_up",
        notation=PROBLEMS[problem],
        dtype="float32",
        kind="dx+dW",
        precision="high",
        threads=setting.threads,
        caches=setting.caches,
        main=setting == MAIN,
        engine="array",
        method="some method",
        flops=1_000_000_000,
        tensor_bytes=1_000_000,
        workspace=0,
        error=1e-7,
        peak=None,
        bandwidth=None,
        timings=timings,
        left_out={},
        others=0.0,
        crowded=False,
    )
    return made._replace(**changes)


def figure(what, rows):
    [found] = [f for f in figures.figures(rows) if f.what.startswith(what)]
    return found


def test_groups():
    of = {
        problem: {name for name, belongs in GROUPS.items() if belongs(parse(notation))}
        for problem, notation in PROBLEMS.items()
    }
    assert of == {
        "example": {"fewer than 16 channels in or out"},
        "few": {"fewer than 16 channels in or out"},
        "wide": {"3×3, 16 channels and more, 28² and larger"},
        "small": {"3×3, 16 channels and more, 7² to 27²"},
        "5x5": {"5×5, 16 channels and more"},
        "1x1": {"1×1"},
        "strided": {"stride 2 and more"},
        "strided few": {"fewer than 16 channels in or out", "stride 2 and more"},
        "dilated": {"dilated"},
        "grouped": {"grouped"},
        "depthwise": {"depthwise"},
        "large": {"kernels of 11 and more"},
        "large depthwise": {"kernels of 11 and more", "depthwise"},
        "large strided": {"fewer than 16 channels in or out", "stride 2 and more"},
    }


def test_the_faster_layout_counts():
    one = row(ratio=3.0)
    assert one.ratio() == pytest.approx(3.0)
    assert one.fastest("torch") == "torch NCHW"
    assert one.ratio("jax") is None
    assert row().ratio() is None


def test_parts_of_what_the_machine_can_do():
    one = row("depthwise", seconds=0.5, peak=8e9, bandwidth=1e6)
    assert one.gflops == pytest.approx(2.0)
    assert one.of_peak == pytest.approx(0.25)
    assert one.memory_bound
    assert one.of_bandwidth == pytest.approx(2.0)
    arithmetic = one._replace(bandwidth=1e9)
    assert arithmetic.memory_bound is False
    assert arithmetic.of_bandwidth is None
    unmeasured = row()
    assert unmeasured.of_peak is None
    assert unmeasured.memory_bound is None


def test_rows_behind_are_of_every_setting_and_the_worst_is_first():
    rows = [
        row(ratio=1.1),
        row(ratio=0.9),
        row(ratio=0.5, setting=COLD),
        row(ratio=0.1, precision="highest"),
        row(),
    ]
    assert [r.ratio() for r in figures.behind(rows)] == [0.5, 0.9]
    found = figure("every row", rows)
    assert found.met is False
    assert (
        "least 0.50× (wide N=8 float32 dx+dW 2 threads cold), 2 of 3 rows below 1" in found.measured
    )
    assert figure("every row", rows[:1]).met


@pytest.mark.parametrize(
    ("what", "good", "bad"),
    [
        ("3×3, 16", {"ratio": 2.5}, {"ratio": 2.4}),
        ("the same: dx", {"kind": "dx", "ratio": 2.0}, {"kind": "dW", "ratio": 1.9}),
        ("the same at 7²", {"problem": "small", "ratio": 1.6}, {"problem": "small", "ratio": 1.5}),
        ("fewer", {"problem": "few", "ratio": 9.0}, {"problem": "few", "ratio": 1.4}),
        ("float64", {"dtype": "float64", "ratio": 3.5}, {"dtype": "float64", "ratio": 0.5}),
        (
            "depthwise, where",
            {"problem": "depthwise", "peak": 1e12, "bandwidth": 1.4e6},
            {"problem": "depthwise", "peak": 1e12, "bandwidth": 1.5e6},
        ),
        ("kernels of 11", {"problem": "large", "ratio": 5.0}, {"problem": "large", "ratio": 4.9}),
        ("Example 1", {"problem": "example", "ratio": 2.0}, {"problem": "example", "ratio": 1.9}),
        ("float32", {"ratio": 3.0}, {"ratio": 2.0}),
        (
            "precision",
            {"precision": "highest", "ratio": 1.5},
            {"precision": "highest", "ratio": 0.84},
        ),
        ("scratch", {"workspace": 9_000_000}, {"workspace": 9_400_000}),
    ],
)
def test_a_figure_is_met_where_every_row_allows_it(what, good, bad):
    assert figure(what, []).met is None
    assert figure(what, []).measured == "not measured"
    assert figure(what, [row(**good)]).met is True
    assert figure(what, [row(**good), row(**bad)]).met is False


def test_a_mean_and_a_least_ratio_are_two_demands():
    slow_everywhere = [row("few", ratio=2.0)] * 3
    one_far_behind = [row("few", ratio=30.0), row("few", ratio=1.2)]
    assert figure("fewer", slow_everywhere).met is False
    assert figure("fewer", one_far_behind).met is False
    assert figure("fewer", [row("few", ratio=2.0), row("few", ratio=8.0)]).met is True


def test_two_threads_are_compared_with_one_on_long_rows_only():
    long = [row(seconds=1.0), row(setting=ONE, seconds=1.9)]
    short = [r._replace(flops=99_000_000, kind="dx") for r in long]
    poor = [r._replace(kind="dW") for r in (row(seconds=1.0), row(setting=ONE, seconds=1.5))]
    assert figure("2 threads", long).met is True
    assert figure("2 threads", short).met is None
    found = figure("2 threads", [*long, *poor, *short])
    assert found.met is False
    assert "least 1.50× (wide N=8 float32 dW), 1 of 2 rows below" in found.measured


def test_means_are_geometric_and_of_the_main_rows():
    rows = [row(ratio=2.0), row(ratio=8.0), row(ratio=1.0, setting=ONE), row("small", ratio=1.0)]
    found = figures.means(rows)
    cell = ("float32", "dx+dW")
    assert found["3×3, 16 channels and more, 28² and larger"][cell] == pytest.approx(4.0)
    assert found["all"][cell] == pytest.approx(16 ** (1 / 3))
    assert "depthwise" not in found


def some_run():
    rows = [
        row(problem, ratio=3.0 + place, setting=setting, dtype=dtype)
        for place, problem in enumerate(PROBLEMS)
        for dtype in ("float32", "float64")
        for setting in (MAIN, ONE, COLD)
    ]
    rows.append(row("few", ratio=2.0, precision="highest"))
    rows[0] = rows[0]._replace(left_out={"jax": "out of memory"})
    return Run({"cpu": "a CPU", "isa": "none"}, {"PyTorch": "2"}, {"JAX": "not installed"},
               [MAIN, ONE, COLD], ["high", "highest"], rows, complete=True)  # fmt: skip


def test_the_table_is_not_too_wide_and_has_a_line_for_each_pass():
    run = some_run()
    columns = table.columns(["torch", "jax", "numpy"], run.settings, run.precisions)
    lines = table.lines(columns, run.rows)
    assert len(lines) == 2 * len(PROBLEMS) + 1
    assert lines[1] == "    without jax: out of memory"
    assert max(map(len, table.heading(columns).splitlines() + lines)) <= 140
    titles = table.heading(columns).splitlines()[0].split()
    assert titles[-7:] == ["×NumPy", "1", "thread", "cold", "highest", "MB", "error"]
    few = next(line for line in lines if line.startswith("few ")).split()
    assert few[3:6] == ["dx+dW", "array", "1000."]
    assert few[-8:] == ["4.00", "–", "–", "4.00", "4.00", "2.00", "0.0", "1e-07"]


def test_the_summary_names_what_is_behind_and_what_is_not_met():
    rows = [row(ratio=0.5), row("few", ratio=4.0)]
    text = table.summary(rows).splitlines()
    assert "rows behind PyTorch: 1 of 2" in text
    assert "  0.50  wide N=8 float32 dx+dW" in text
    assert any(line.startswith("NOT MET every row") for line in text)
    assert any(line.startswith("met     fewer than 16") for line in text)
    assert "1 of 2 rows (*) missed CPUs that other programs had" in table.summary(
        [row(ratio=2.0), row(ratio=2.0, crowded=True)]
    )
    assert "No ratios over PyTorch" in table.summary([row()])


def test_json_and_back(tmp_path):
    run = some_run()
    run.write(tmp_path / "run.json")
    assert Run.read(tmp_path / "run.json") == run
    written = json.loads((tmp_path / "run.json").read_text("utf-8"))
    one = written["rows"][0]
    assert (one["name"], one["batch"], one["ratios"]) == ("tiny:example1", 1, {"torch": 3.0})
    assert {"goal", "measured", "met", "what"} == set(written["figures"][0])


@pytest.mark.parametrize("text", ["[]", "{}", "no JSON", '{"rows": [{}]}'])
def test_another_file_is_refused(tmp_path, text):
    (tmp_path / "other.json").write_text(text)
    with pytest.raises(FileRefused, match=r"other\.json: it holds something else; expected a run"):
        Run.read(tmp_path / "other.json")


@pytest.mark.parametrize("rows", [slice(None), slice(3), slice(0)])
def test_the_picture(tmp_path, rows):
    pytest.importorskip("matplotlib")
    run = some_run()
    plot.write_png(run._replace(rows=run.rows[rows]), tmp_path / "ratios.png")
    with Image.open(tmp_path / "ratios.png") as picture:
        assert picture.format == "PNG"
        assert picture.width > 1000


def test_two_columns_of_about_the_same_height():
    lists = {name: {str(i): [row()] for i in range(count)} for name, count in
             {"a": 4, "b": 12, "c": 9, "d": 5}.items()}  # fmt: skip
    left, right = plot.columns(lists)
    assert [*left, *right] == list(lists)
    assert set(left) == {"a", "b"}
    assert plot.columns({"a": lists["a"]}) == [{"a": lists["a"]}]
