"""Chunks of grad_out and of x in pairs, so that both of a block are had where it is computed."""

from operator import itemgetter
from typing import Any

import dask.array as da

from ...core.arrays import Array


def paired(grad_out: da.Array, x: da.Array) -> tuple[da.Array, da.Array]:
    """The same arrays, whose chunks come from one task for two, where there are as many of both.

    Dask makes a part of that task what reads or makes these chunks, if nothing else needs them. As
    tasks of their own it would give them to any two workers, and one of the chunks had to travel
    whole.
    """
    if grad_out.numblocks != x.numblocks:
        return grad_out, x
    axes = tuple(range(x.ndim))
    pairs = da.blockwise(
        _pair, axes, grad_out, axes, x, axes, dtype=x.dtype, align_arrays=False, meta=x._meta
    )
    return _of(pairs, 0, grad_out), _of(pairs, 1, x)


def _pair(grad_out: Array, x: Array) -> tuple[Array, Array]:
    return grad_out, x


def _of(pairs: da.Array, place: int, like: da.Array) -> da.Array:
    axes = tuple(range(like.ndim))
    chunks: dict[int, Any] = dict(enumerate(like.chunks))
    return da.blockwise(
        itemgetter(place),
        axes,
        pairs,
        axes,
        dtype=like.dtype,
        adjust_chunks=chunks,
        meta=like._meta,
        token=f"{'grad_out' if place == 0 else 'x'}-of-pair",
    )
