"""Arrays whose channels lie last in memory: the same bits, and no copies where kernels read so.

Only dW of a depthwise convolution is summed in another order, by the kernels that read it so.
"""

import tracemalloc

import numpy as np
import oracles
import pytest
from calls import BACKWARD, FORWARD, same_bits
from oracles import simple

from dxdw import conv2d, conv2d_backward, explain
from dxdw.engines import native_library

CASES = {
    "1×1": simple((2, 9, 7, 8), (17, 9, 1, 1)),
    "stride 2": simple((2, 16, 9, 11), (24, 16, 3, 3), pad=1, stride=2),
    "stride 3, 1×1": simple((2, 20, 10, 7), (5, 20, 1, 1), stride=3),
    "7×7 of three channels": simple((2, 3, 17, 16), (16, 3, 7, 7), pad=3, stride=2),
    "few channels": simple((2, 2, 12, 19), (3, 2, 3, 3), pad=1),
    "dilated": simple((1, 4, 15, 15), (8, 4, 3, 4), pad=2, dilation=(2, 2)),
    "groups": simple((2, 8, 9, 9), (12, 4, 3, 3), pad=1, groups=2),
    "depthwise": simple((2, 4, 9, 9), (4, 1, 3, 3), pad=1, groups=4),
    "winograd": simple((2, 16, 12, 12), (16, 16, 3, 3), pad=1),
    "one axis": simple((2, 5, 33), (7, 5, 3), pad=1, stride=2),
    "three axes": simple((1, 4, 6, 5, 7), (8, 4, 3, 2, 2), pad=1),
}


def last(a, ndim):
    """The same values, the channels behind the positions."""
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(a, -ndim - 1, -1)), -1, -ndim - 1)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", CASES)
def test_the_same_bits_whichever_way_each_array_lies(name, dtype):
    case = CASES[name]
    a = oracles.operands(case, 3, dtype=dtype)
    reals = np.random.default_rng(1)
    x, W, grad_out = (a[n] + reals.random(a[n].shape).astype(dtype) for n in ("x", "W", "grad_out"))
    forward, backward = FORWARD[case.ndim], BACKWARD[case.ndim]
    lying_x, lying_g = last(x, case.ndim), last(grad_out, case.ndim)
    assert same_bits(forward(lying_x, W, **case.options), forward(x, W, **case.options))
    expected = backward(grad_out, x, W, **case.options)
    for g, other in ((lying_g, lying_x), (lying_g, x), (grad_out, lying_x)):
        for _ in range(2):  # checked, and known
            assert all(map(same_bits, backward(g, other, W, **case.options), expected))
    of_one = backward(lying_g[0], lying_x[0], W, **case.options)
    assert all(map(same_bits, of_one, backward(grad_out[0], x[0], W, **case.options)))


# Vectors of channels, and what fills none of them; taps beyond every edge.
DEPTHWISE = {
    "3×3": simple((2, 37, 9, 11), (37, 1, 3, 3), pad=1, groups=37),
    "stride 2": simple((2, 16, 12, 9), (16, 1, 3, 3), pad=1, stride=2, groups=16),
    "7×7 on 5×6": simple((2, 33, 5, 6), (33, 1, 7, 7), pad=3, groups=33),
    "dilated": simple((1, 24, 10, 12), (24, 1, 3, 2), pad=2, dilation=(2, 3), groups=24),
    "one axis": simple((3, 20, 31), (20, 1, 5), pad=2, groups=20),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", DEPTHWISE)
def test_depthwise_the_same_bits_but_of_dW_which_any_number_of_threads_gives_alike(name, dtype):
    case = DEPTHWISE[name]
    random = np.random.default_rng(2)
    a = oracles.operands(case, 3, dtype=dtype)
    x, W, grad_out = (random.normal(size=a[n].shape).astype(dtype) for n in ("x", "W", "grad_out"))
    forward, backward = FORWARD[case.ndim], BACKWARD[case.ndim]
    lying_x, lying_g = last(x, case.ndim), last(grad_out, case.ndim)
    assert same_bits(forward(lying_x, W, **case.options), forward(x, W, **case.options))
    dx, dW = backward(grad_out, x, W, **case.options)
    _, products = backward(abs(grad_out), abs(x), W, **case.options)
    results = [
        backward(lying_g, lying_x, W, threads=threads, **case.options) for threads in (1, 2, 3)
    ]
    for own_dx, own_dW in results:
        assert same_bits(own_dx, dx)
        assert same_bits(own_dW, results[0][1])
        assert (abs(own_dW - dW) <= 64 * np.finfo(dtype).eps * products).all()


def test_depthwise_weights_that_are_not_finite_are_multiplied_beyond_the_edges_too():
    x = np.ones((1, 16, 4, 4), np.float32)
    W = np.full((16, 1, 3, 3), np.inf, np.float32)
    expected = conv2d(x, W, padding=1, groups=16)
    assert np.isnan(expected).any()
    assert np.array_equal(conv2d(last(x, 2), W, padding=1, groups=16), expected, equal_nan=True)


@pytest.mark.skipif(native_library.load() is None, reason="no kernels")
def test_results_lie_as_x_does_and_nothing_is_copied():
    rng = np.random.default_rng(0)
    x = last(rng.normal(size=(4, 64, 40, 40)).astype(np.float32), 2)
    W = rng.normal(size=(64, 64, 3, 3)).astype(np.float32)
    for kind in ("forward", "dx", "dW"):
        said = explain(kind, x.shape, W.shape, 1, 2, dtype="float32")
        assert said.engine in {"direct", "bfloat16x2"}  # the latter where there is AMX
    out = conv2d(x, W, 1, 2)
    dx, dW = conv2d_backward(last(out, 2), x, W, 1, 2)
    for result in (out, dx):
        assert np.moveaxis(result, 1, -1).flags.c_contiguous
    assert dW.flags.c_contiguous
    tracemalloc.start()
    conv2d(x, W, 1, 2)
    conv2d_backward(out, x, W, 1, 2)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < dx.nbytes + dW.nbytes + (64 << 10)


@pytest.mark.skipif(native_library.load() is None, reason="no kernels")
def test_nothing_is_copied_for_a_depthwise_one():
    x = last(np.random.default_rng(0).normal(size=(4, 64, 40, 40)).astype(np.float32), 2)
    W = np.ones((64, 1, 3, 3), np.float32)
    out = conv2d(x, W, 1, groups=64)
    dx, _ = conv2d_backward(out, x, W, 1, groups=64)
    assert all(np.moveaxis(a, 1, -1).flags.c_contiguous for a in (out, dx))
    tracemalloc.start()
    conv2d(x, W, 1, groups=64)
    conv2d_backward(out, x, W, 1, groups=64)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < dx.nbytes + (64 << 10)
