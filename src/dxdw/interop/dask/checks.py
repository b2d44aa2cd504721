"""Checks of what only a Dask array can have wrong, before anything of it is computed."""

from typing import Any

import dask.array as da
import numpy as np

from ...call import operands
from ...core.documentation import refused


def chunked(a: Any, name: str) -> None:
    """A Dask array in chunks of known size, of blocks that can be computed with."""
    if not isinstance(a, da.Array):
        raise refused(
            TypeError,
            f"{name} is a {operands.type_name(a)}: it must be a Dask array, as "
            f"dask.array.from_array({name}, chunks=…) makes one; for arrays in memory there is "
            "dxdw itself",
            "dask",
        )
    _check_blocks(a, name)
    if any(np.isnan(n) for n in a.shape):
        raise refused(
            ValueError,
            f"{name} has chunks of unknown size: they must be known, "
            f"as after {name}.compute_chunk_sizes()",
            "dask",
        )


def _check_blocks(a: da.Array, name: str) -> None:
    """NumPy's own blocks, of a dtype that can be computed with."""
    meta = a._meta  # the only way to learn it without computing
    if type(meta) is not np.ndarray and not isinstance(meta, np.ma.MaskedArray):
        raise refused(
            TypeError,
            f"{name} has blocks of {operands.type_name(meta)}: they must be NumPy arrays, "
            f"as after {name}.map_blocks(numpy.asarray)",
            "dask",
        )
    operands.array(meta, name)


def one_chunk_of_channels(a: da.Array, name: str, ndim: int) -> None:
    """All channels of an image in one chunk."""
    axis = a.ndim - ndim - 1
    if len(a.chunks[axis]) > 1:
        raise refused(
            ValueError,
            f"{name} has {len(a.chunks[axis])} chunks {a.chunks[axis]} along its channels, axis "
            f"{axis}: they must be one, for a convolution sums over them; "
            f"{name}.rechunk({{{axis}: -1}}) makes it so, of as many times the memory",
            "dask",
        )
