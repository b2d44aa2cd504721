"""Results that are several have the names that were asked for, and are tuples as before."""

import copy
import pickle
from itertools import permutations

import numpy as np
import pytest

import dxdw
from dxdw import layers, typing

X, W, G = np.ones((1, 4, 4)), np.ones((2, 1, 2, 2)), np.ones((2, 3, 3))
NEEDS = [n for count in (1, 2, 3) for n in permutations(("dx", "dW", "db"), count)]


@pytest.mark.parametrize("needs", NEEDS, ids=" ".join)
@pytest.mark.parametrize("call", ["conv2d_backward", "conv_transpose2d_backward"])
def test_each_result_has_its_name(needs, call):
    x, W_ = (X, W) if call == "conv2d_backward" else (np.ones((2, 2, 2)), W)
    g = G if call == "conv2d_backward" else np.ones((1, 3, 3))
    for options in ({}, {"needs": list(needs)}, {"engine": "reference"}):
        found = getattr(dxdw, call)(g, x, W_, **{"needs": needs} | options)
        assert isinstance(found, tuple)
        assert found._fields == needs
        for name, result in zip(needs, found, strict=True):
            assert getattr(found, name) is result
        assert not any(hasattr(found, name) for name in {"dx", "dW", "db"} - {*needs})


def test_they_unpack_as_the_series_has_them():
    dx, dW = dxdw.conv2d_backward(G, X, W)
    assert dx.shape == X.shape
    assert dW.shape == W.shape
    first, *_ = dxdw.conv2d_backward_naive(G, X, W)
    assert np.array_equal(first, dx)


def test_with_out_and_accumulate():
    out = (np.zeros_like(X), np.zeros_like(W))
    found = dxdw.conv2d_backward(G, X, W, out=out, accumulate=True)
    assert found.dx is out[0]
    assert found.dW is out[1]


def test_others_have_names_too():
    double = dxdw.conv2d_double_backward(X, None, G, X, W)
    assert double._fields == ("dgrad_out", "dx", "dW")
    assert dxdw.conv2d_double_backward(X, None, G, X, W, needs=("dW",))._fields == ("dW",)
    assert dxdw.conv2d_backward_naive(G, X, W)._fields == ("dx", "dW")
    assert layers.linear_backward([1.0], [1.0], [[1.0]])._fields == ("dx", "dW", "db")


def through_pickle(value):
    return pickle.loads(pickle.dumps(value))  # noqa: S301 - its own


@pytest.mark.parametrize("way", [copy.copy, copy.deepcopy, through_pickle])
def test_copies_are_of_the_same_kind(way):
    found = dxdw.conv2d_backward(G, X, W, needs=("dW", "db"))
    other = way(found)
    assert type(other) is type(found)
    assert np.array_equal(other.dW, found.dW)
    assert np.array_equal(other.db, found.db)


def test_the_types_for_annotations_are_the_tuples_themselves():
    assert type(dxdw.conv2d_backward(G, X, W)) is typing.DxDW
    assert isinstance(dxdw.conv2d_backward(G, X, W, needs=("db",)), typing.Gradients)
    assert typing.DxDW[np.ndarray].__args__ == (np.ndarray,)
    assert repr(dxdw.conv2d_backward([[[1]]], [[[2]]], [[[[3]]]])) == (
        "Gradients(dx=array([[[3.]]]), dW=array([[[[2.]]]]))"
    )
