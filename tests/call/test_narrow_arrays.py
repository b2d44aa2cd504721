"""bfloat16 and float16 arrays: read and written as they lie, summed in float32, rounded once."""

import numpy as np
import pytest

import dxdw
from dxdw.call import known, plan
from dxdw.engines import native, native_library

bfloat16 = pytest.importorskip("ml_dtypes").bfloat16
NARROW = [bfloat16, np.float16]

# Of images and weights, padding, stride, dilation, groups: each kernel, and what none takes.
CASES = {
    "winograd": ((2, 32, 14, 14), (40, 32, 3, 3), 1, 1, 1, 1),
    "winograd of 5 by 5": ((1, 16, 20, 20), (16, 16, 5, 5), 2, 1, 1, 1),
    "first layer": ((2, 3, 17, 19), (32, 3, 3, 3), 1, 1, 1, 1),
    "few channels": ((2, 2, 15, 13), (3, 2, 3, 3), 1, 1, 1, 1),
    "one tap": ((2, 24, 9, 9), (40, 24, 1, 1), 0, 1, 1, 1),
    "strided": ((2, 17, 15, 15), (24, 17, 3, 3), 1, 2, 1, 1),
    "stride above the kernel": ((1, 4, 15, 15), (4, 4, 2, 2), 0, 3, 1, 1),
    "depthwise": ((2, 6, 15, 20), (6, 1, 3, 3), 1, 1, 1, 6),
    "depthwise, strided": ((2, 6, 15, 21), (12, 1, 3, 3), 1, 2, 1, 6),
    "grouped and dilated": ((2, 12, 17, 14), (6, 4, 3, 3), 2, 1, 2, 3),
    "a line": ((2, 5, 40), (7, 5, 4), 1, 1, 1, 1),
    "a volume": ((1, 3, 6, 7, 8), (4, 3, 2, 3, 2), 1, 1, 1, 1),
    "large, for the FFT": ((1, 1, 64, 64), (1, 1, 31, 31), 0, 1, 1, 1),
    "nothing to sum": ((0, 3, 5, 5), (4, 3, 3, 3), 0, 1, 1, 1),
}


def functions(ndim):
    return getattr(dxdw, f"conv{ndim}d"), getattr(dxdw, f"conv{ndim}d_backward")


def arrays_of(name, dtype):
    x_shape, W_shape, padding, stride, dilation, groups = CASES[name]
    rng = np.random.default_rng(len(name))
    x, W = rng.standard_normal(x_shape).astype(dtype), rng.standard_normal(W_shape).astype(dtype)
    options = {"padding": padding, "stride": stride, "dilation": dilation, "groups": groups}
    out = functions(len(x_shape) - 2)[0](x, W, **options)
    return rng.standard_normal(out.shape).astype(dtype), x, W, options


@pytest.fixture
def kernels_of_float32(monkeypatch):
    """Without blocks of bfloat16, whose sums are in another order than any of float32."""
    left_out = ["bfloat16", "bfloat16x2", "bfloat16x3"]
    if native_library.isa() == "amx":  # where Winograd's leaves arrays of bfloat16 to the tiles
        left_out.append("winograd")
    for name in left_out:
        if row := native.kernels().get(name):
            monkeypatch.setattr(row, "declines", lambda _: "left out by this test", raising=False)
    _forget()
    yield
    _forget()


def _forget():
    plan.prepared.cache_clear()
    known.forget()


def same(a, b):
    assert a.dtype == b.dtype
    assert a.shape == b.shape
    assert np.array_equal(a.astype(np.float32), b.astype(np.float32), equal_nan=True)


@pytest.mark.parametrize("dtype", NARROW, ids=["bfloat16", "float16"])
@pytest.mark.parametrize("name", CASES)
@pytest.mark.usefixtures("kernels_of_float32")
class TestRoundedOnce:
    def test_to_the_bits_of_float32_rounded(self, name, dtype):
        G, x, W, options = arrays_of(name, dtype)
        wide = [a.astype(np.float32) for a in (G, x, W)]
        forward, backward = functions(x.ndim - 2)
        same(forward(x, W, **options), forward(*wide[1:], **options).astype(dtype))
        wanted = backward(*wide, **options)
        for result, expected in zip(backward(G, x, W, **options), wanted, strict=True):
            same(result, expected.astype(dtype))
        for need, expected in zip(("dx", "dW"), wanted, strict=True):
            same(backward(G, x, W, needs=(need,), **options)[0], expected.astype(dtype))

    def test_sums_of_weights_in_float32_where_they_are_asked_for(self, name, dtype):
        G, x, W, options = arrays_of(name, dtype)
        wide = [a.astype(np.float32) for a in (G, x, W)]
        backward = functions(x.ndim - 2)[1]
        dW, db = np.empty(W.shape, np.float32), np.empty(W.shape[:1], np.float32)
        dx, *_ = backward(G, x, W, needs=("dx", "dW", "db"), out=(None, dW, db), **options)
        wanted = backward(*wide, needs=("dx", "dW", "db"), **options)
        same(dx, wanted[0].astype(dtype))
        same(dW, wanted[1])
        same(db, wanted[2])


@pytest.mark.parametrize("dtype", NARROW, ids=["bfloat16", "float16"])
@pytest.mark.usefixtures("kernels_of_float32")
class TestAround:
    def test_bias_is_added_before_the_rounding(self, dtype):
        _, x, W, options = arrays_of("winograd", dtype)
        bias = np.linspace(-2, 2, len(W)).astype(dtype)
        wide = [a.astype(np.float32) for a in (x, W, bias)]
        same(
            dxdw.conv2d(x, W, bias=bias, **options),
            dxdw.conv2d(*wide[:2], bias=wide[2], **options).astype(dtype),
        )

    def test_accumulation_is_rounded_once(self, dtype):
        G, x, W, options = arrays_of("strided", dtype)
        dx, dW = np.ones_like(x), np.ones(W.shape, np.float32)
        dxdw.conv2d_backward(G, x, W, out=(dx, dW), accumulate=True, **options)
        wanted = dxdw.conv2d_backward(*(a.astype(np.float32) for a in (G, x, W)), **options)
        same(dx, (wanted[0] + 1).astype(dtype))
        same(dW, wanted[1] + 1)

    def test_padding_modes_and_transposed_ones(self, dtype):
        _, x, W, _ = arrays_of("few channels", dtype)
        wide = [a.astype(np.float32) for a in (x, W)]
        for mode in ("reflect", "circular"):
            options = {"padding": 1, "padding_mode": mode}
            same(dxdw.conv2d(x, W, **options), dxdw.conv2d(*wide, **options).astype(dtype))
        W = np.swapaxes(W, 0, 1)
        wide[1] = W.astype(np.float32)
        out = dxdw.conv_transpose2d(x, W, stride=2)
        same(out, dxdw.conv_transpose2d(*wide, stride=2).astype(dtype))
        dW = np.empty(W.shape, np.float32)
        dxdw.conv_transpose2d_backward(out, x, W, stride=2, needs=("dW",), out=(dW,))
        same(
            dW,
            dxdw.conv_transpose2d_backward(out.astype(np.float32), *wide, stride=2, needs=("dW",))[
                0
            ],
        )

    def test_values_that_are_not_finite_land_where_the_definition_has_them(self, dtype):
        G, x, W, options = arrays_of("winograd", dtype)
        x[0, 3, 5, 5], W[1, 2, 1, 1], G[1, 0, 0, 0] = np.inf, np.nan, -np.inf
        with np.errstate(invalid="ignore", over="ignore"):
            wide = [a.astype(np.float32) for a in (G, x, W)]
            same(dxdw.conv2d(x, W, **options), dxdw.conv2d(*wide[1:], **options).astype(dtype))
            wanted = dxdw.conv2d_backward(*wide, **options)
            for result, expected in zip(
                dxdw.conv2d_backward(G, x, W, **options), wanted, strict=True
            ):
                same(result, expected.astype(dtype))

    def test_strided_arrays_and_channels_last(self, dtype):
        G, x, W, options = arrays_of("winograd", dtype)
        expected = dxdw.conv2d_backward(G, x, W, **options)
        last = [np.moveaxis(np.ascontiguousarray(np.moveaxis(a, 1, -1)), -1, 1) for a in (G, x)]
        every_other = np.repeat(W, 2, axis=0)[::2]
        for _ in range(2):  # a call like an earlier one goes another way
            for result, wanted in zip(
                dxdw.conv2d_backward(*last, every_other, **options), expected, strict=True
            ):
                same(result, wanted)

    def test_another_byte_order(self, dtype):
        if dtype is bfloat16:
            return  # it has one alone
        G, x, W, options = arrays_of("winograd", dtype)
        swapped = [a.astype(a.dtype.newbyteorder()) for a in (G, x, W)]
        for _ in range(2):
            for result, wanted in zip(
                dxdw.conv2d_backward(*swapped, **options),
                dxdw.conv2d_backward(G, x, W, **options),
                strict=True,
            ):
                same(result, wanted)

    def test_kernels_take_them_as_they_are(self, dtype, monkeypatch):
        if not native.kernels():
            pytest.skip("there are no compiled kernels")
        G, x, W, options = arrays_of("strided", dtype)
        monkeypatch.setattr(plan, "_by_numpy", None)
        monkeypatch.setattr(
            "dxdw.call.call.cast", lambda a, dtype: a if a.dtype == dtype else 1 / 0
        )
        out = np.empty((2, 24, 8, 8), dtype)
        dxdw.conv2d(x, W, out=out, **options)
        dxdw.conv2d_backward(G, x, W, out=(None, np.empty(W.shape, np.float32)), **options)

    @pytest.mark.parametrize(("need", "wrong"), [("dx", np.float32), ("dW", np.float64)])
    def test_other_dtypes_of_results_are_refused(self, dtype, need, wrong):
        G, x, W, options = arrays_of("strided", dtype)
        out = np.empty((x if need == "dx" else W).shape, wrong)
        with pytest.raises(ValueError, match=f"out for {need} has dtype"):
            dxdw.conv2d_backward(G, x, W, needs=(need,), out=(out,), **options)


BLOCKS = {
    "one tap": ((4, 96, 9, 9), (80, 96, 1, 1), 0, 1, 1, 1),
    "strided": ((4, 48, 15, 15), (64, 48, 3, 3), 1, 2, 1, 1),
    "dilated, in groups": ((2, 64, 17, 14), (96, 32, 3, 2), 3, 1, 3, 2),
    "a volume": ((2, 48, 6, 7, 8), (40, 48, 2, 3, 2), 1, 1, 1, 1),
}


@pytest.mark.parametrize("name", BLOCKS)
class TestBlocksOfBfloat16:
    """Each element within its bound: the sums' own, in float32, and one rounding."""

    def test_keeps_the_bound_of_sums(self, name, monkeypatch):
        monkeypatch.setitem(CASES, name, BLOCKS[name])
        G, x, W, options = arrays_of(name, bfloat16)
        forward, backward = functions(x.ndim - 2)
        wide = [a.astype(np.float64) for a in (G, x, W)]
        sizes = [np.abs(a) for a in wide]

        def check(kind, call, *operands):
            try:
                result = call(*operands, engine="bfloat16").astype(np.float64)
            except ValueError as error:  # not taken here: no such processor
                pytest.skip(str(error))
            chosen = slice(3 - len(operands), 3)
            wanted, size = (call(*given[chosen]) for given in (wide, sizes))
            assert (np.abs(result - wanted) <= 2**-8 * np.abs(wanted) + 1e-5 * size).all(), kind

        check("forward", lambda *a, **more: forward(*a, **options, **more), x, W)
        for need in ("dx", "dW"):
            check(
                need,
                lambda *a, need=need, **more: backward(*a, needs=(need,), **options, **more)[0],
                G,
                x,
                W,
            )
