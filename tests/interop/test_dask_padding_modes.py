"""dxdw.interop.dask with every padding mode: as the functions in memory, in whatever chunks."""

import numpy as np
import pytest

import dxdw

pytestmark = pytest.mark.dask

MODES = ("zeros", "reflect", "replicate", "circular")
PADDINGS = {1: [0, 2, ((3, 1),), "same"], 2: [0, 1, (2, 0), ((0, 3), (2, 1))], 3: [1, (0, 1, 2)]}
CHUNKS = (100, 1, 3)


def integers(rng, *shape):
    return rng.integers(-3, 4, shape).astype(float)


@pytest.mark.parametrize("batch", [(), (3,)])
@pytest.mark.parametrize("chunk", CHUNKS)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_every_mode_in_every_chunks(ndim, mode, chunk, batch):
    import dask
    import dask.array as da

    from dxdw.interop import dask as bridge

    rng = np.random.default_rng(ndim)
    sizes = (7, 5, 6)[:ndim] if ndim < 3 else (4, 5, 4)
    for padding in PADDINGS[ndim]:
        options = {"padding": padding, "padding_mode": mode}
        if padding != "same":
            options |= {"stride": 2, "dilation": 1 + (ndim == 1)}
        x, W = integers(rng, *batch, 2, *sizes), integers(rng, 3, 2, *(3, 2, 2)[:ndim])
        forward = getattr(dxdw, f"conv{ndim}d")(x, W, **options)
        grad_out = integers(rng, *forward.shape)
        dx, dW, db = getattr(dxdw, f"conv{ndim}d_backward")(
            grad_out, x, W, **options, needs=("dx", "dW", "db")
        )
        chunks = (chunk,) * len(batch) + (-1,) + (chunk,) * ndim
        ours = da.from_array(x, chunks=chunks), da.from_array(grad_out, chunks=chunks)
        out = getattr(bridge, f"conv{ndim}d")(ours[0], W, **options)
        backward = getattr(bridge, f"conv{ndim}d_backward")
        results = backward(ours[1], ours[0], W, **options, needs=("dx", "dW", "db"))
        assert results[0].chunks == ours[0].chunks
        for result, wanted in zip(dask.compute(out, *results), (forward, dx, dW, db), strict=True):
            assert result.shape == wanted.shape
            assert np.array_equal(result, wanted), (padding, mode)


def test_a_mode_that_there_is_not_and_a_border_that_is_too_wide_are_refused():
    import dask.array as da

    from dxdw.interop.dask import conv2d

    x, W = da.ones((1, 4, 4), chunks=2), np.ones((1, 1, 3, 3))
    with pytest.raises(ValueError, match="padding_mode is 'mirror': it must be one of"):
        conv2d(x, W, 1, padding_mode="mirror")
    with pytest.raises(ValueError, match="with padding_mode 'reflect' it can be at most 3"):
        conv2d(x, W, 4, padding_mode="reflect")
