"""Programs frozen with PyInstaller: the kernels, the digits and the exercises come along."""

import subprocess
import sys
from importlib.util import find_spec

import pytest

from dxdw.engines import native_library

pytestmark = [
    pytest.mark.install,
    pytest.mark.skipif(find_spec("PyInstaller") is None, reason="needs PyInstaller"),
]

PROGRAM = """
import numpy as np
import dxdw
from dxdw.classifier.digits import load_digits
from dxdw.engines import native_library
from dxdw.practice.catalogue import catalogue

x, W = np.ones((1, 16, 12, 12)), np.ones((16, 16, 3, 3))
assert native_library.isa() == {isa!r}, native_library.why_missing()
for engine in {engines}:
    assert np.allclose(dxdw.conv2d(x, W, engine=engine), 144), engine
assert dxdw.explain("forward", x.shape, W.shape)
assert np.allclose(dxdw.conv2d_backward(np.ones((1, 16, 10, 10)), x, W)[1], 100)
assert catalogue()
print("frozen", len(load_digits()[0]))
"""


def test_a_frozen_program_has_the_kernels_and_the_files(tmp_path):
    isa = native_library.isa()
    engines = ["array", "reference"] + (["winograd", "direct"] if isa != "none" else [])
    program = PROGRAM.format(isa=isa, engines=engines)
    (tmp_path / "small.py").write_text(program, encoding="utf-8")
    # Peers that other tests installed here would come along too: gigabytes, for bridges not in use.
    others = ("torch", "jax", "jaxlib", "dask", "distributed", "autograd", "onnx", "scipy")
    left_out = [part for name in others for part in ("--exclude-module", name)]
    freeze = [sys.executable, "-m", "PyInstaller", "--noconfirm", "--log-level", "ERROR"]
    freeze += [*left_out, "small.py"]
    made = subprocess.run(freeze, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    frozen = tmp_path / "dist/small/small"
    # From elsewhere, with nothing of this Python's.
    ran = subprocess.run([frozen], cwd="/", env={}, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.split() == ["frozen", "1797"]
