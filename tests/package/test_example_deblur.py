"""examples/deblur.py: its gradients, its progress, and the program from end to end."""

import importlib.util
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

PROGRAM = Path(__file__).parents[2] / "examples" / "deblur.py"


@pytest.fixture(scope="module")
def example() -> ModuleType:
    pytest.importorskip("matplotlib", reason='deblur.py needs the extra: pip install "dxdw[train]"')
    spec = importlib.util.spec_from_file_location("deblur", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def eye(example):
    """A small part of the photograph, with an eye in it."""
    picture = example.imread(example.PHOTOGRAPH).transpose(2, 0, 1).astype(np.float64)
    return picture[:, 60:124, 40:120]


def run(*arguments, program=(str(PROGRAM),)):
    command = [sys.executable, "-W", "error", *program, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_photograph_is_small_and_in_colour(example):
    assert PROGRAM.with_name("chelsea.png").stat().st_size < 150_000
    assert example.imread(example.PHOTOGRAPH).shape == (256, 288, 3)


def test_kernel_keeps_the_light_and_is_not_its_own_mirror_image(example):
    W = example.motion_blur().W
    assert W.shape == (3, 1, 15, 15)
    np.testing.assert_allclose(W.sum(axis=(1, 2, 3)), 1, rtol=1e-14)
    assert np.abs(W - W[..., ::-1, ::-1]).max() > 0.1 * W.max()


@pytest.mark.parametrize("name", ["motion_blur", "differences"])
def test_adjoint_is_the_adjoint_up_to_the_border(example, name):
    linear = example.motion_blur() if name == "motion_blur" else example.DIFFERENCES
    rng = np.random.default_rng(3)
    x = rng.standard_normal((3, 17, 20))  # with a border nearly everywhere
    out = linear(x)
    grad_out = rng.standard_normal(out.shape)
    forward, backward = np.vdot(grad_out, out), np.vdot(linear.adjoint(grad_out, x), x)
    assert abs(forward - backward) < 1e-13 * np.linalg.norm(grad_out) * np.linalg.norm(out)


@pytest.mark.parametrize("weight", [0.0, 0.1], ids=["data_term", "with_total_variation"])
def test_gradient_agrees_with_a_directional_difference(example, eye, monkeypatch, weight):
    monkeypatch.setattr(example, "LAMBDA", weight)
    K, rng = example.motion_blur(), np.random.default_rng(4)
    y = K(eye) + rng.normal(0, example.NOISE, eye.shape)
    x = eye + rng.normal(0, 0.1, eye.shape)
    _, gradient = example.energy(x, y, K)
    direction = gradient / np.linalg.norm(gradient) + rng.normal(0, 0.01, eye.shape)
    h = 1e-5
    above, below = (example.energy(x + t * direction, y, K)[0] for t in (h, -h))
    assert (above - below) / (2 * h) == pytest.approx(np.vdot(gradient, direction), rel=1e-6)


def test_curvature_is_the_largest_eigenvalue_and_no_less(example):
    shape, K, D = (3, 9, 10), example.motion_blur(), example.DIFFERENCES
    units = np.eye(np.prod(shape)).reshape(-1, *shape)
    KtK, DtD = (np.array([L.adjoint(L(v), v).ravel() for v in units]) for L in (K, D))
    truth = np.linalg.eigvalsh(KtK + example.LAMBDA / example.EPSILON * DtD)[-1]
    assert truth <= example.curvature(shape, K) <= 1.06 * truth


def test_steps_lower_the_energy_and_raise_the_psnr(example, eye):
    K = example.motion_blur()
    y = K(eye) + np.random.default_rng(0).normal(0, example.NOISE, eye.shape)
    pictures = [y, *example.deblur(y, K, 30)]
    assert len(pictures) == 31
    energies = [example.energy(x, y, K)[0] for x in pictures]
    # Momentum promises no descent at every single step, but from five steps to the next five.
    assert all(later < earlier for earlier, later in pairwise(energies[::5]))
    # Without momentum they would gain 5 dB, not 8.
    assert example.psnr(pictures[-1], eye) > example.psnr(y, eye) + 7


def test_psnr_of_a_known_error(example):
    truth = np.full((3, 4, 4), 0.5)
    assert example.psnr(truth + 0.1, truth) == pytest.approx(20)
    assert example.psnr(truth + 7, truth) == pytest.approx(10 * np.log10(4)), "clipped to 1"


def test_program_end_to_end_saves_a_readable_picture(example, tmp_path):
    out = tmp_path / "result.png"
    result = run("--out", out, "--iterations", 3)
    assert result.returncode == 0, result.stderr
    assert re.fullmatch(
        rf"blurred 26\.0 dB, deblurred 2[67]\.\d dB in \d+\.\d s, saved {re.escape(str(out))}\n",
        result.stdout,
    )
    picture = example.imread(out)
    assert picture.shape[0] >= 256
    assert picture.shape[1] >= 3 * 256
    assert picture[..., :3].std() > 0.1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--iterations", "0"), "--iterations is 0; expected at least 1"),
        (("--out", "picture.gif"), "--out is picture.gif; expected a .png file"),
        (("--out", "no_such_folder/picture.png"), "expected a .png file in a folder that exists"),
    ],
    ids=["no_iterations", "no_png", "no_folder"],
)
def test_program_refuses_an_option_before_computing(example, monkeypatch, capsys, arguments, said):
    monkeypatch.setattr(sys, "argv", ["deblur.py", *arguments])
    with pytest.raises(SystemExit, match="2"):
        example.main()
    captured = capsys.readouterr()
    assert captured.out == ""
    assert said in captured.err


def test_program_without_matplotlib_names_the_extra():
    hidden = "import runpy, sys; sys.modules['matplotlib'] = None; runpy.run_path(sys.argv[1])"
    result = run(PROGRAM, program=("-c", hidden))
    assert result.returncode == 1
    assert 'pip install "dxdw[train]"' in result.stderr
    assert "Traceback" not in result.stderr
