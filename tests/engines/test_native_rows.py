"""Rows of a kernel of one tap, shorter than a line of memory, wherever in one a result begins."""

import os
import subprocess
import sys

import pytest

from dxdw.engines import native_library

pytestmark = pytest.mark.skipif(
    native_library.load() is None, reason=native_library.why_missing() or "no kernels"
)

SHORT_ROWS = """
from ctypes import c_ubyte

import numpy as np

from dxdw.call import geometries
from dxdw.call.options import Options
from dxdw.core.problem import Problem
from dxdw.engines import native


# dx of one tap: rows that are 2 apart, in channels of whole lines of memory.
def compute(dtype, columns, place):
    geometry, _ = geometries.convolution(2, (1, 2, 32, columns), (1, 2, 1, 1), Options(0, (2, 1)))
    run = native.handle(Problem("dx", geometry, dtype), native.kernels()["direct"].index).run
    grad_out, W = np.ones(geometry.out_shape, dtype), np.ones(geometry.W_shape, dtype)
    wanted = np.zeros(geometry.x_shape, dtype)
    wanted[:, :, ::2] = 1
    memory = np.full(wanted.size + 192, 7, dtype)
    line = -memory.ctypes.data % 64 // dtype.itemsize
    into = memory[64 + line + place :][: wanted.size]
    first = (c_ubyte.from_buffer(a) for a in (grad_out, W))
    assert run(*first, None, c_ubyte.from_buffer(into), None) == 0
    assert (into.reshape(wanted.shape) == wanted).all(), (dtype, columns, place)
    assert (memory == 7).sum() == memory.size - wanted.size, (dtype, columns, place)


for dtype in map(np.dtype, ("float32", "float64")):
    for columns in range(1, 24):
        for place in range(64 // dtype.itemsize):
            compute(dtype, columns, place)
"""


@pytest.mark.parametrize("isa", ["base", native_library.isa()])
def test_rows_shorter_than_what_is_before_a_line_are_written_where_they_are(isa):
    environment = {**os.environ, "DXDW_ISA": isa}
    words = [sys.executable, "-c", SHORT_ROWS]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
