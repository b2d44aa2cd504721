"""Convolutions and their gradients on Dask arrays: larger than memory, or beyond one machine.

    from dxdw.interop.dask import conv2d_backward

    dx, dW = conv2d_backward(grad_out, x, W, padding=1)  # nothing is computed yet
    dask.compute(dx.to_zarr("dx.zarr", compute=False), dW)

Arrays are chunked over images and positions as they come; channels stay together. A block of a
result is one task. It takes the chunks that it needs, and of their neighbours the border that its
windows reach into: the halo, and nothing else of them, is what travels. dx has x's chunks. dW is
the sum of every block's share, added in a tree that the chunks alone decide, so that it has the
same bits from run to run, whatever was ready first and wherever it was computed (on processors of
one instruction set: `dxdw --version` names it).

Each task computes on one thread. A worker runs as many tasks at once as it has threads, and the
kernels leave Python's lock to the others, so that all processors are at work; kernels with threads
of their own would only stand in each other's way.

`train` is the training loop of the package's TinyCNN with every batch shared out to the workers.
"""

from ...extras import MissingExtra, need

need("dask", "dxdw.interop.dask", "dask")

from dask.array import Array  # noqa: E402

if Array.__module__ != "dask.array.core":  # which are made of expressions, not of graphs
    raise MissingExtra(
        "dxdw.interop.dask needs dask.array without its experimental query planning, which is on "
        "here: set DASK_ARRAY__QUERY_PLANNING=False in the environment"
    )

from .convolution import (  # noqa: E402
    conv1d,
    conv1d_backward,
    conv2d,
    conv2d_backward,
    conv3d,
    conv3d_backward,
)
from .training import train  # noqa: E402

__all__ = [
    "conv1d",
    "conv1d_backward",
    "conv2d",
    "conv2d_backward",
    "conv3d",
    "conv3d_backward",
    "train",
]
