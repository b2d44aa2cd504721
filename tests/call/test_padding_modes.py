"""Padding: each mode and its adjoint against np.pad, and each spelling against numbers."""

import numpy as np
import oracles
import pytest
from calls import KINDS, convolve
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import MODES, NP_PAD, Case

from dxdw import conv1d, conv2d, conv2d_backward

EXPLICIT = [mode for mode in MODES if mode != "zeros"]


@pytest.mark.parametrize("mode", MODES)
@settings(max_examples=60)
@given(st.data(), oracles.seeds)
def test_mode_against_np_pad_and_no_padding(mode, data, seed):
    case = data.draw(oracles.cases(modes=(mode,)))
    a = oracles.operands(case, seed)
    padded = np.pad(a["x"], ((0, 0), (0, 0), *case.padding), NP_PAD[mode])
    bare = case._replace(sizes=padded.shape[2:], padding=((0, 0),) * case.ndim, mode="zeros")
    with_padding = a | {"x": padded}
    out, dW = (convolve(kind, a, case) for kind in ("forward", "dW"))
    assert np.array_equal(out, convolve("forward", with_padding, bare))
    assert np.array_equal(dW, convolve("dW", with_padding, bare))
    # dx: what each padded position gets, added to the position it copies.
    of_padded = convolve("dx", with_padding, bare)
    assert np.array_equal(convolve("dx", a, case), oracles.unpad(of_padded, case))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", KINDS)
def test_mode_in_every_engine(mode, kind, ran):
    case = Case((5, 4), (3, 2), (1, 1), (1, 2), ((2, 1), (3, 0)), mode, 2, 1, (2, 3))
    a = oracles.operands(case, 0)
    first, second = (a[name] for name in oracles.OPERANDS[kind])
    for engine in ("small", "array", "reference"):
        result = convolve(kind, a, case, engine=engine)
        assert np.array_equal(result, oracles.run(kind, first, second, case))
    assert ran == ["small", "array", "reference"]


@pytest.mark.parametrize("mode", MODES)
def test_largest_padding_of_each_mode(mode):
    most = {"reflect": 3, "circular": 4}.get(mode, 9)
    case = Case((4,), (3,), (1,), (1,), ((most, most),), mode)
    a = oracles.operands(case, 0)
    for kind in KINDS:
        first, second = (a[name] for name in oracles.OPERANDS[kind])
        assert np.array_equal(convolve(kind, a, case), oracles.run(kind, first, second, case))


@pytest.mark.parametrize("mode", EXPLICIT)
def test_mode_without_padding_is_no_mode(mode):
    x, W = np.arange(20.0).reshape(1, 4, 5), np.ones((1, 1, 2, 2))
    assert np.array_equal(conv2d(x, W, padding_mode=mode), conv2d(x, W))


def test_modes_by_hand():
    x, W = [[1, 2, 3]], [[[1]]]  # one tap shows x with its padding
    expected = {
        "zeros": [0, 0, 1, 2, 3, 0],
        "reflect": [3, 2, 1, 2, 3, 2],
        "replicate": [1, 1, 1, 2, 3, 3],
        "circular": [2, 3, 1, 2, 3, 1],
    }
    for mode, row in expected.items():
        assert conv1d(x, W, ((2, 1),), padding_mode=mode).tolist() == [row]


SIZES = [
    (7, 3, 1, 1),
    (7, 3, 2, 1),
    (8, 3, 2, 1),
    (7, 4, 1, 1),
    (5, 2, 3, 2),
    (6, 1, 4, 1),
    (9, 5, 3, 2),
]


@pytest.mark.parametrize(("size", "taps", "stride", "dilation"), SIZES)
def test_same_gives_ceil_of_size_over_stride_and_the_odd_zero_after(size, taps, stride, dilation):
    x = np.arange(1.0, size + 1)[None]
    W = np.arange(1.0, taps + 1)[None, None]
    out = conv1d(x, W, "same", stride, dilation=dilation)
    outs = -(-size // stride)
    assert out.shape == (1, outs)
    total = max((outs - 1) * stride + (taps - 1) * dilation + 1 - size, 0)
    pair = (total // 2, total - total // 2)
    assert np.array_equal(out, conv1d(x, W, (pair,), stride, dilation=dilation))


def test_same_follows_the_rule_of_tensorflow_and_jax_by_hand():
    """Size 4, 3 taps, stride 2: one zero, after. Symmetric padding would give 1+2, 2+3+4."""
    assert conv1d([[1, 2, 3, 4]], [[[1, 1, 1]]], "same", 2).tolist() == [[6, 7]]


@pytest.mark.parametrize(
    ("word", "numbers"),
    [("valid", 0), ("full", ((4, 4), (3, 3))), ("same", ((2, 2), (1, 2)))],
)
def test_words_and_numbers_agree(word, numbers):
    case = Case((7, 8), (3, 4), (1, 1), (2, 1), ((0, 0), (0, 0)), channels=(2, 3))
    a = oracles.operands(case, 0)
    x, W = a["x"], a["W"]
    by_word = conv2d(x, W, word, dilation=(2, 1))
    assert np.array_equal(by_word, conv2d(x, W, numbers, dilation=(2, 1)))
    grad_out = oracles.integers(np.random.default_rng(0), by_word.shape)
    for g, h in zip(
        conv2d_backward(grad_out, x, W, word, dilation=(2, 1)),
        conv2d_backward(grad_out, x, W, numbers, dilation=(2, 1)),
        strict=True,
    ):
        assert np.array_equal(g, h)


@pytest.mark.parametrize(
    "spelling",
    [(1, 2), [1, 2], ((1, 1), (2, 2)), [[1, 1], [2, 2]], (1, (2, 2)), (np.int8(1), np.uint64(2))],
    ids=str,
)
def test_every_spelling_of_the_same_numbers(spelling):
    case = Case((5, 4), (3, 2), (1, 1), (1, 1), ((1, 1), (2, 2)))
    a = oracles.operands(case, 0)
    expected = oracles.forward(a["x"], a["W"], case)
    assert np.array_equal(conv2d(a["x"], a["W"], spelling), expected)


def test_padding_larger_than_the_kernel_gives_zeros_and_takes_no_gradient():
    x, W = np.ones((1, 2, 2)), np.ones((1, 1, 2, 2))
    out = conv2d(x, W, 5)
    assert out.shape == (1, 11, 11)
    assert out.sum() == 16
    assert not out[:, :4].any()
    dx, dW = conv2d_backward(np.ones(out.shape), x, W, 5)
    assert np.array_equal(dx, np.full((1, 2, 2), 4))
    assert np.array_equal(dW, np.full((1, 1, 2, 2), 4))
