"""One rule of dtypes, in every function and bridge: floats promote, integers take their dtype.

The bridge to PyTorch stands for PyTorch's own functions, which refuse operands of several dtypes.
"""

from itertools import product

import numpy as np
import pytest
from calls import same_bits

import dxdw
from dxdw import layers

FLOATS = ("float16", "float32", "float64", "complex64")
DTYPES = ("uint8", "int8", "int32", "int64", *FLOATS)
MIXED = list(product(DTYPES, DTYPES))
REAL = [pair for pair in MIXED if "complex64" not in pair]
WITH_BIAS = list(product(("int32", *FLOATS), repeat=3))


def rule(*dtypes):
    """Written anew: the smallest of the floats' kinds that holds them all."""
    floats = [d for d in dtypes if "int" not in d]
    if not floats:
        return "float64"
    if "complex64" in floats:
        return "complex128" if "float64" in floats else "complex64"
    return max(floats, key=lambda d: int(d.removeprefix("float")))


def operands(first, second):
    x = np.arange(1, 17).reshape(1, 1, 4, 4).astype(first)
    return x, np.arange(1, 5).reshape(1, 1, 2, 2).astype(second)


def with_bias(first, second, third):
    """Thirds, which no dtype holds: sums of another dtype's are others."""
    x, W = operands(first, second)
    x, W = (a if a.dtype.kind in "iu" else (a / 3).astype(a.dtype) for a in (x, W))
    return x, W, np.asarray([7]).astype(third)


def check(xp, first, second, *, name=lambda a: str(a.dtype).rpartition(".")[2], wanted=None):
    """Forward, gradients and bias, of arrays that xp makes; small integers are exact in them."""
    x, W = operands(first, second)
    exact = dxdw.conv2d(x.astype("complex128"), W)
    own_x, own_W = xp(x), xp(W)
    out = dxdw.conv2d(own_x, own_W)
    wanted = wanted or rule(first, second)
    assert name(out) == wanted
    assert np.array_equal(np.asarray(out), exact)
    biased = dxdw.conv2d(own_x, own_x[:, :, :2, :2], bias=own_W[0, 0, 0, :1])
    assert name(biased) == wanted
    for result in dxdw.conv2d_backward(out, own_x, own_W, needs=("dx", "dW", "db")):
        assert name(result) == wanted
    up = dxdw.conv_transpose2d(own_x, own_W)
    assert name(up) == wanted


@pytest.mark.parametrize(("first", "second"), MIXED)
def test_numpy(first, second):
    check(np.asarray, first, second)


@pytest.mark.parametrize(("first", "second"), MIXED)
def test_any_array_library(first, second):
    strict = pytest.importorskip("array_api_strict")
    if "float16" in (first, second):
        pytest.skip("the standard has no float16")
    check(strict.asarray, first, second)


@pytest.mark.peers("torch")
@pytest.mark.parametrize(("first", "second"), MIXED)
def test_tensors(first, second):
    import torch

    if "complex64" in (first, second) and "float16" in (first, second):
        pytest.skip("PyTorch has complex sums of float16 of its own")
    check(torch.from_numpy, first, second)


@pytest.mark.peers("torch")
def test_the_bridge_to_torch_refuses_what_torch_does():
    import torch

    import dxdw.interop.torch as bridge

    x, W = map(torch.from_numpy, operands("uint8", "float32"))
    with pytest.raises(RuntimeError):
        torch.nn.functional.conv2d(x, W)
    with pytest.raises((RuntimeError, TypeError)):
        bridge.conv2d(x, W)


@pytest.fixture
def wide_jax():
    import jax

    jax.config.update("jax_enable_x64", val=True)
    yield jax
    jax.config.update("jax_enable_x64", val=False)


@pytest.mark.peers("jax")
@pytest.mark.parametrize(("first", "second"), MIXED)
def test_jax(wide_jax, first, second):
    import dxdw.interop.jax as bridge

    check(wide_jax.numpy.asarray, first, second)
    x, W = map(wide_jax.numpy.asarray, operands(first, second))
    assert bridge.conv2d(x, W).dtype == rule(first, second)


@pytest.mark.peers("jax")
@pytest.mark.parametrize(("first", "second", "third"), WITH_BIAS)
def test_bias_in_jax(wide_jax, first, second, third):
    """A wide bias takes the sums with it: they were of float32 beside one of float64."""
    import dxdw.interop.jax as bridge

    x, W, bias = with_bias(first, second, third)
    out = bridge.conv2d(*map(wide_jax.numpy.asarray, (x, W)), bias=wide_jax.numpy.asarray(bias))
    expected = dxdw.conv2d(x, W, bias=bias)
    assert out.dtype == expected.dtype == rule(first, second, third)
    np.testing.assert_allclose(out, expected, rtol=16 * float(np.finfo(expected.dtype).eps))


@pytest.mark.peers("jax")
@pytest.mark.parametrize(("first", "second"), [("uint8", "float32"), ("int32", "float16")])
def test_jax_without_64_bits(first, second):
    import jax

    import dxdw.interop.jax as bridge

    x, W = map(jax.numpy.asarray, operands(first, second))
    for function in (dxdw.conv2d, bridge.conv2d):
        assert function(x, W).dtype == second
        assert function(x, x[:, :, :2, :2]).dtype == "float32"  # what stands for float64 there


@pytest.mark.peers("autograd")
@pytest.mark.parametrize(("first", "second"), MIXED)
def test_autograd(first, second):
    import dxdw.interop.autograd as bridge

    assert bridge.conv2d(*operands(first, second)).dtype == rule(first, second)


@pytest.mark.peers("autograd")
@pytest.mark.parametrize(("first", "second", "third"), WITH_BIAS)
def test_bias_in_autograd(first, second, third):
    """The bits of dxdw.conv2d, and gradients that know nothing of a cast."""
    from autograd import grad
    from autograd import numpy as anp

    import dxdw.interop.autograd as bridge

    x, W, bias = with_bias(first, second, third)
    out, expected = bridge.conv2d(x, W, bias=bias), dxdw.conv2d(x, W, bias=bias)
    assert out.dtype == rule(first, second, third)
    assert same_bits(out, expected)
    # (autograd itself adds up no gradients of integers.)
    floats = [i for i, a in enumerate((x, W, bias)) if a.dtype.kind != "i"]

    def loss(*args):
        return anp.sum(anp.real(bridge.conv2d(args[0], args[1], bias=args[2])))

    if floats:
        wide = grad(loss, floats)(*(a.astype("complex128") for a in (x, W, bias)))
        close = 2**-8 if "float16" in (first, second, third) else 1e-5
        for gradient, right in zip(grad(loss, floats)(x, W, bias), wide, strict=True):
            np.testing.assert_allclose(np.real(gradient), right.real, rtol=close)


@pytest.mark.dask
@pytest.mark.parametrize(("first", "second"), MIXED)
def test_dask(first, second):
    import dask.array as da

    import dxdw.interop.dask as bridge

    x, W = operands(first, second)
    out = bridge.conv2d(da.from_array(x, chunks=(1, 1, 3, 3)), W)
    assert out.dtype == out.compute().dtype == rule(first, second)


@pytest.mark.parametrize(("first", "second"), MIXED)
def test_scipy(first, second):
    bridge = pytest.importorskip("dxdw.interop.scipy")
    x, W = operands(first, second)
    operator = bridge.Conv2dOperator(W, x.shape[1:], dtype=first)
    assert operator.dtype == rule(first, second)
    assert (operator @ x.ravel()).dtype == rule(first, second)


@pytest.mark.parametrize(("first", "second"), REAL)
def test_layers(first, second):
    x, _ = operands(first, second)
    out = layers.linear(x[0, 0], x[0, 0].astype(second), np.zeros(4, second))
    assert out.dtype == rule(first, second)
