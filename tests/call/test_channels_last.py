"""Arrays whose channels lie last in memory: the same bits, and no copies where kernels read so."""

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


@pytest.mark.skipif(native_library.load() is None, reason="no kernels")
def test_results_lie_as_x_does_and_nothing_is_copied():
    rng = np.random.default_rng(0)
    x = last(rng.normal(size=(4, 64, 40, 40)).astype(np.float32), 2)
    W = rng.normal(size=(64, 64, 3, 3)).astype(np.float32)
    for kind in ("forward", "dx", "dW"):
        assert explain(kind, x.shape, W.shape, 1, 2, dtype="float32").engine == "direct"
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
