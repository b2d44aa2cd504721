"""Problem 06 against its definition in loops, and what it refuses."""

import math

import numpy as np
import pytest

from dxdw.mini_cnn import mini_cnn_forward


def by_loops(x, W_conv, W_fc):
    features = []
    for kernel in W_conv[:, 0]:
        conv = [
            [
                sum(x[0, i + u, j + v] * kernel[u, v] for u in range(3) for v in range(3))
                for j in range(6)
            ]
            for i in range(6)
        ]
        for i in range(0, 6, 2):
            for j in range(0, 6, 2):
                window = (conv[i][j], conv[i][j + 1], conv[i + 1][j], conv[i + 1][j + 1])
                features.append(max(0, *window))
    z = [sum(f * w for f, w in zip(features, column, strict=True)) for column in W_fc.T]
    powers = [math.exp(v - max(z)) for v in z]
    return np.array(powers) / sum(powers)


def problem(C=3, dtype=np.float64):
    rng = np.random.default_rng(6)
    shapes = (1, 8, 8), (C, 1, 3, 3), (9 * C, 2)
    return [(rng.normal(size=shape) / 2).astype(dtype) for shape in shapes]


@pytest.mark.parametrize("C", [1, 2, 5])
def test_probabilities_equal_the_loops(C):
    operands = problem(C)
    out = mini_cnn_forward(*operands)
    assert out.shape == (2,)
    np.testing.assert_allclose(out, by_loops(*operands), rtol=1e-13)
    assert out.sum() == pytest.approx(1, rel=1e-15)


def test_features_are_flattened_channel_by_channel_row_by_row():
    x = np.arange(64).reshape(1, 8, 8)
    corner = np.zeros((2, 1, 3, 3), int)
    corner[0, 0, 0, 0] = 1  # the pooled feature (0, i, j) is x[2i + 1, 2j + 1]
    picks = [np.arange(18) == feature for feature in range(9)]
    logits = []
    for pick in picks:
        p = mini_cnn_forward(x, corner, np.stack([pick / 16, np.zeros(18)], 1))
        logits.append(16 * np.log(p[0] / p[1]))
    np.testing.assert_allclose(logits, x[0, 1:7:2, 1:7:2].ravel(), rtol=1e-12)


def test_lists_and_integers_give_float64():
    x, W_conv, W_fc = (np.rint(4 * a).astype(int) for a in problem())
    out = mini_cnn_forward(x.tolist(), W_conv.tolist(), W_fc.tolist())
    assert out.dtype == np.float64
    np.testing.assert_allclose(out, by_loops(x, W_conv, W_fc), rtol=1e-13)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_dtype_is_kept(dtype):
    operands = problem(dtype=dtype)
    before = [a.copy() for a in operands]
    assert mini_cnn_forward(*operands).dtype == dtype
    for a, b in zip(operands, before, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("x", "W_conv", "W_fc", "message"),
    [
        ((8, 8), (2, 1, 3, 3), (18, 2), r"x has shape \(8, 8\): it must be \(1, 8, 8\)"),
        ((1, 9, 9), (2, 1, 3, 3), (18, 2), r"x has shape \(1, 9, 9\): it must be \(1, 8, 8\)"),
        ((1, 8, 8), (2, 3, 3), (18, 2), r"W_conv has shape .* it must be \(C, 1, 3, 3\)"),
        ((1, 8, 8), (2, 3, 3, 3), (18, 2), r"W_conv has shape .* it must be \(C, 1, 3, 3\)"),
        ((1, 8, 8), (0, 1, 3, 3), (0, 2), r"W_conv has shape .* at least 1 kernel"),
        ((1, 8, 8), (2, 1, 3, 3), (9, 2), r"W_fc has shape \(9, 2\): it must be \(18, 2\)"),
        ((1, 8, 8), (2, 1, 3, 3), (18, 3), r"W_fc has shape \(18, 3\): it must be \(18, 2\)"),
    ],
)
def test_shapes_refused(x, W_conv, W_fc, message):
    with pytest.raises(ValueError, match=message):
        mini_cnn_forward(np.zeros(x), np.zeros(W_conv), np.zeros(W_fc))


@pytest.mark.parametrize("position", range(3), ids=["x", "W_conv", "W_fc"])
@pytest.mark.parametrize("bad", [None, "picture", True, [[1], [2, 3]]])
def test_types_refused(position, bad):
    operands = problem()
    operands[position] = bad
    with pytest.raises((TypeError, ValueError), match=("x", "W_conv", "W_fc")[position]):
        mini_cnn_forward(*operands)
