"""Blocks that are others than their Dask array tells, and Dask arrays of another kind."""

import os
import subprocess
import sys
from functools import partial

import numpy as np
import pytest
from calls import refused

import dxdw

pytestmark = pytest.mark.dask

dask = pytest.importorskip("dask", reason="needs the extra: pip install 'dxdw[dask]'")

import dask.array as da  # noqa: E402

import dxdw.interop.dask as bridge  # noqa: E402

NEEDS = ("dx", "dW", "db")
SHAPES = {"x": (2, 3, 9, 10), "W": (4, 3, 3, 3), "grad_out": (2, 4, 4, 4), "bias": (4,)}


class Labelled(np.ndarray):
    pass


def operands():
    rng = np.random.default_rng(0)
    return {name: rng.integers(-4, 5, shape).astype(float) for name, shape in SHAPES.items()}


def blocks_of(kind, a):
    """An array as Dask gives it to tasks: of one chunk, which is told to be NumPy's."""
    return da.from_delayed(dask.delayed(kind, pure=False)(a), a.shape, a.dtype)


def mapped(folder, a):
    np.save(folder / "a.npy", a)
    return np.load(folder / "a.npy", mmap_mode="r")


def labelled(a):
    wide = np.zeros([2 * n for n in a.shape]).view(Labelled)
    part = wide[tuple(slice(n) for n in a.shape)]
    part[...] = a
    return part


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("kind", ["mapped", "labelled", "lists"])
def test_blocks_of_other_types_give_the_same_numbers(kind, name, tmp_path):
    """Slices of a memory map are memory maps, and were read as if they were whole."""
    right = operands()
    make = {"mapped": partial(mapped, tmp_path), "labelled": labelled, "lists": np.ndarray.tolist}
    given = {n: da.from_array(a, chunks=-1) for n, a in right.items()}
    given[name] = blocks_of(make[kind], right[name])
    with dask.config.set(scheduler="sync"):
        out = bridge.conv2d(given["x"], given["W"], stride=2, bias=given["bias"]).compute()
        arrays = (given[n] for n in ("grad_out", "x", "W"))
        gradients = dask.compute(*bridge.conv2d_backward(*arrays, stride=2, needs=NEEDS))
    x, W, grad_out, bias = (right[n] for n in ("x", "W", "grad_out", "bias"))
    np.testing.assert_array_equal(out, dxdw.conv2d(x, W, stride=2, bias=bias))
    expected = dxdw.conv2d_backward(grad_out, x, W, stride=2, needs=NEEDS)
    for got, one in zip(gradients, expected, strict=True):
        np.testing.assert_array_equal(got, one)


def test_masked_blocks_are_refused_when_they_come():
    x = operands()["x"]
    out = bridge.conv2d(blocks_of(lambda a: np.ma.masked_array(a, a > 2), x), np.ones((4, 3, 3, 3)))
    message = "block is a masked array, whose mask would be lost: …"
    page = refused(TypeError, message, partial(out.compute, scheduler="sync"))
    assert page == "docs/howto/dask.md"


def test_arrays_of_expressions_are_refused_at_the_start():
    program = "import dxdw.interop.dask"
    planning = os.environ | {"DASK_ARRAY__QUERY_PLANNING": "True"}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=planning)
    assert done.returncode == 1
    told = "dxdw.extras.MissingExtra: dxdw.interop.dask needs dask.array without its experimental"
    assert told in done.stderr
