"""Calls that are right, with the types that they have: no checker of types may complain.

Nothing here runs: `tests/package/test_types.py` has mypy and pyright read it.
"""

from functools import partial
from typing import Any, assert_type

import numpy as np
from numpy.typing import NDArray

import dxdw
from dxdw import conv2d, conv2d_backward, explain, gradcheck, layers, max_pool_2d, relu, softmax
from dxdw.diagnosis import diagnose
from dxdw.typing import DW, DWDb, Dx, DxDW, DxDWDb, Gradients, Need

x = np.ones((1, 8, 8), np.float32)
W = np.ones((4, 1, 3, 3), np.float32)
g = np.ones((4, 6, 6), np.float32)
wide = np.ones((1, 8, 8))
whole = np.arange(64).reshape(1, 8, 8)
waves = np.ones((1, 8, 8), np.complex64)
unknown: NDArray[Any] = x
kernel = [[[[1, 2], [3, 4]]]]

# What is known of the dtype: arrays of one dtype, and what is computed in float64.
assert_type(conv2d(x, W), NDArray[np.float32])
assert_type(conv2d(x, W, bias=np.ones(4, np.float32)), NDArray[np.float32])
assert_type(conv2d(wide, kernel), NDArray[np.float64])
assert_type(conv2d(whole, kernel), NDArray[np.float64])
assert_type(conv2d([[[1, 2], [3, 4]]], kernel), NDArray[np.float64])
assert_type(conv2d(waves, waves), NDArray[np.complex64])
assert_type(conv2d(x, kernel), NDArray[Any])
assert_type(conv2d(waves, wide), NDArray[Any])
assert_type(relu(x), NDArray[np.float32])
assert_type(softmax(relu(whole)), NDArray[np.float64])
assert_type(max_pool_2d(conv2d(x, W), 2, (2, 2)), NDArray[np.float32])
assert_type(max_pool_2d(x, 2), NDArray[np.float32])

# Which gradients there are, by `needs`.
assert_type(conv2d_backward(g, x, W), DxDW[NDArray[np.float32]])
assert_type(conv2d_backward(g, x, W, needs=("dx",)), Dx[NDArray[np.float32]])
assert_type(conv2d_backward(g, x, W, needs=("dW",)), DW[NDArray[np.float32]])
assert_type(conv2d_backward(g, x, W, needs=("dW", "db")), DWDb[NDArray[np.float32]])
assert_type(conv2d_backward(g, x, W, needs=("dx", "dW", "db")), DxDWDb[NDArray[np.float32]])
assert_type(conv2d_backward(g, x, W, needs=["db"]), Gradients[NDArray[np.float32]])
assert_type(conv2d_backward(g, whole, kernel), DxDW[NDArray[Any]])
assert_type(conv2d_backward(wide, whole, kernel), DxDW[NDArray[np.float64]])
assert_type(layers.linear_backward(x, x, W).db, NDArray[np.float32])
dx, dW = conv2d_backward(g, x, W)
assert_type(dW, NDArray[np.float32])
(db,) = conv2d_backward(g, x, W, needs=("db",))


def chosen(needs: tuple[Need, ...]) -> tuple[NDArray[np.float32], ...]:
    return conv2d_backward(g, x, W, needs=needs)


# Every form of the options.
conv2d(x, W, "same", 2)
conv2d(x, W, padding="SAME", stride=np.array([2, 2]), dilation=[1, 2])
conv2d(x, W, padding=(1, 2), stride=(np.int64(1), 2))
conv2d(x, W, padding=((1, 0), (0, 1)), padding_mode="reflect", precision="highest")
conv2d(x, W, padding=[1, 1], groups=1, threads=1, max_workspace=1 << 20, engine="fft")
conv2d(unknown, W, out=np.empty((4, 6, 6), np.float32))
conv2d_backward(g, x, W, out=(np.empty_like(x), None))
conv2d_backward(g, x, W, out=[dx, dW], accumulate=True)
dxdw.conv_transpose2d(x, W, stride=2, output_padding=1)
dxdw.conv2d_double_backward(None, W, g, x, W).dgrad_out.sum()
dxdw.conv2d_jvp(x, W, None, W)
dxdw.conv2d_per_sample_dW(g, x, W).sum()
explain("dx", x.shape, [4, 1, 3, 3], padding="same", dtype="float32").workspace.bit_length()

# As arguments of other functions.
print(conv2d.__name__, conv2d.__doc__)
assert gradcheck(conv2d, conv2d_backward, (x, W))
assert gradcheck(partial(conv2d, padding=1), partial(conv2d_backward, padding=1), (x, W))
assert diagnose(conv2d_backward, stride=2).ok
