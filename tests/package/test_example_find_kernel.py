"""examples/find_kernel.py: the kernel that it finds, and the program from end to end."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

PROGRAM = Path(__file__).parents[2] / "examples" / "find_kernel.py"


@pytest.fixture
def example(monkeypatch):
    pytest.importorskip("matplotlib", reason='it needs the extra: pip install "dxdw[train]"')
    pytest.importorskip("scipy", reason='it needs the extra: pip install "dxdw[scipy]"')
    monkeypatch.syspath_prepend(str(PROGRAM.parent))
    import find_kernel  # type: ignore[import-not-found]  # a program, found by its folder

    return find_kernel


def test_without_noise_the_kernel_is_found_and_the_picture_sharpened(example, monkeypatch):
    rng = np.random.default_rng(0)
    sharp = rng.random((3, 40, 40))
    unknown = example.motion_blur(example.SIZE).W[:1]
    blurred = example.conv2d(sharp[:, None], unknown, **example.OPTIONS)[:, 0]
    found = example.find_kernel(sharp, blurred)
    np.testing.assert_allclose(found, unknown, atol=1e-4)
    monkeypatch.setattr(example, "LAMBDA", 1e-4)
    assert example.psnr(example.sharpen(blurred, found), sharp) > example.psnr(blurred, sharp) + 3


@pytest.mark.usefixtures("example")
def test_program_end_to_end(tmp_path):
    out = tmp_path / "found.png"
    command = [sys.executable, "-W", "error", str(PROGRAM), "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    match = re.fullmatch(
        r"kernel found, (\d+\.\d)% off; blurred (\d+\.\d) dB, sharpened (\d+\.\d) dB; saved .*\n",
        done.stdout,
    )
    assert match, done.stdout
    off, before, after = map(float, match.groups())
    assert off < 10
    assert after > before + 5
    assert out.stat().st_size > 50_000
