"""What people write who come from other libraries: taken, or answered with the words that help."""

import inspect
from collections import UserList, deque

import numpy as np
import pytest
from calls import refused

import dxdw
from dxdw import conv1d, conv2d, conv2d_backward, conv3d
from dxdw.call import other_names


def operands(function):
    """The names of those that have to be given."""
    parameters = inspect.signature(function).parameters.values()
    return [p.name for p in parameters if p.default is p.empty]


def takes_options(name):
    parameters = inspect.signature(getattr(dxdw, name)).parameters
    return name.startswith("conv") and "threads" in parameters


X = np.random.default_rng(0).integers(-9, 9, (2, 3, 8, 7)).astype(float)
W = np.random.default_rng(1).integers(-9, 9, (4, 3, 3, 2)).astype(float)
G = np.ones((2, 4, 6, 6))


def test_options_may_be_arrays_of_integers():
    assert np.array_equal(conv2d(X, W, stride=np.array([2, 1])), conv2d(X, W, stride=(2, 1)))
    assert np.array_equal(conv2d(X, W, dilation=np.int32([1, 2])), conv2d(X, W, dilation=(1, 2)))
    pairs = [[1, 2], [0, 1]]
    assert np.array_equal(conv2d(X, W, padding=np.array(pairs)), conv2d(X, W, padding=pairs))
    assert np.array_equal(conv2d(X, W, padding=np.array([1, 2])), conv2d(X, W, padding=(1, 2)))
    refused(TypeError, "stride is 2.0, a float: …", conv2d, X, W, stride=np.array([2.0, 1.0]))


def test_options_may_be_sequences_of_any_kind():
    by_tuples = conv2d(X, W, padding=((1, 2), (0, 1)), stride=(1, 2))
    pairs = [np.array([1, 2]), range(2)]
    for padding in (pairs, deque(pairs)):
        assert np.array_equal(conv2d(X, W, padding, range(1, 3)), by_tuples)
    assert dxdw.max_pool_2d(X, range(2, 4), UserList([1, 2])).shape == (2, 3, 7, 3)
    refused(TypeError, "stride is b'21', a bytes: …", conv2d, X, W, stride=b"21")
    refused(ValueError, "stride is (1, 2, 3): …", conv2d, X, W, stride=range(1, 4))


def test_the_words_of_jax_and_tensorflow():
    for word in ("same", "valid"):
        assert np.array_equal(conv2d(X, W, word.upper(), 2), conv2d(X, W, word, 2))
        explained = dxdw.explain("dx", X.shape, W.shape, word.upper())
        assert str(explained) == str(dxdw.explain("dx", X.shape, W.shape, word))


def test_an_image_without_its_channel_axis():
    refused(ValueError, "…; x[None] adds the axis of a single channel", conv2d, X[0, 0], W)
    refused(ValueError, "…; W[None, None] adds the two of one kernel", conv2d, X, W[0, 0])
    refused(ValueError, "…; x[None] adds the axis of a single channel", conv1d, X[0, 0, 0], W[0])
    refused(ValueError, "…; x[None] adds the axis of a single channel", conv3d, X[0], W[None])


def test_channels_last():
    message = "…; if its channels are last, np.moveaxis(x, -1, -3) puts them first"
    last = np.moveaxis(X, 1, -1)
    refused(ValueError, message, conv2d, last, W)
    assert np.array_equal(conv2d(np.moveaxis(last, -1, -3), W), conv2d(X, W))


def test_a_bias_where_pytorch_has_it():
    message = "…; the order is x, W, padding, stride, and what stands third in PyTorch is bias="
    refused(TypeError, message, conv2d, X, W, np.zeros(4))
    refused(TypeError, message, conv2d, X, W, None, 1)


@pytest.mark.parametrize("name", [n for n in dxdw.__all__ if takes_options(n)])
def test_options_by_the_names_of_others(name):
    function = getattr(dxdw, name)

    def answer(**option):
        arrays = [np.ones(1)] * len(operands(function))
        with pytest.raises(TypeError) as caught:
            function(*arrays, **option)
        own, _, hint = str(caught.value).partition("; here that is ")
        assert own == f"{name}() got an unexpected keyword argument {next(iter(option))!r}"
        assert any("reference/errors" in note for note in caught.value.__notes__)
        return hint

    for theirs, ours in other_names._HERE.items():
        none = "transpose" in name and theirs in {"border_mode", "boundary", "mode"}
        assert answer(**{theirs: 1}) == ("" if none else ours)
    assert answer(colour=1) == ""
    assert "others" not in inspect.signature(function).parameters


@pytest.mark.parametrize(
    ("module", "hint"),
    [
        (
            "dask.array.core",
            "it would be loaded whole: dxdw.interop.dask has the functions that go chunk by ",
        ),
        (
            "xarray.core.dataarray",
            "its labels would be lost: give x.values, or where it holds a Dask array x.data",
        ),
    ],
)
def test_arrays_that_numpy_would_load_or_strip(module, hint):
    def never(*_):
        raise AssertionError("it was loaded")

    kind = type("Array", (), {"__module__": module, "__array__": never, "shape": X.shape})
    refused(TypeError, f"x is a {module}.Array: {hint}…", conv2d, kind(), W)
    refused(TypeError, f"grad_out is a {module}.Array: …", conv2d_backward, kind(), X, W)


@pytest.mark.dask
def test_a_dask_array_at_the_top():
    import dask.array as da

    x = da.from_array(X)
    refused(TypeError, "x is a dask.array.core.Array: it would be loaded whole: …", conv2d, x, W)


@pytest.mark.peers("jax")
def test_numpy_among_jax():
    from jax import numpy as jnp

    x = jnp.asarray(X, "float32")
    for W_ in (W, W.tolist()):
        assert np.array_equal(conv2d(x, W_), conv2d(np.float32(X), np.float32(W)))
        dx, dW = conv2d_backward(G, x, W_)
        assert isinstance(dx, type(x))
        assert isinstance(dW, type(x))
        assert np.array_equal(dW, conv2d_backward(G, X, W).dW)
    out = dxdw.conv_transpose2d(x, np.ones((3, 1, 2, 2), "float32"), bias=[1])
    assert isinstance(out, type(x))


@pytest.mark.peers("torch")
def test_numpy_among_tensors():
    import torch

    message = "…; torch.from_numpy makes a tensor of an array, .numpy() an array of a tensor"
    refused(TypeError, message, conv2d, torch.ones(X.shape), W)
