"""Small problems: one gather through an index table, one matrix product, hardly any Python.

    columns[(c, t), i] = x[c, where tap t falls for output i]
    out = W @ columns        dW = grad_out @ columnsᵀ        dx = each x's sum over Wᵀ @ grad_out

The table depends on the geometry alone and is kept. It is im2col with every element named, so it is
for sizes where the time goes into calls and not into memory.
"""

from functools import lru_cache
from math import prod
from typing import NamedTuple

import numpy as np

from ..core.arrays import Array
from ..core.geometry import ConvGeometry
from ..core.problem import Problem, direct_bound
from . import tuning

METHOD = "one gather through an index table and one matrix product"


class Tables(NamedTuple):
    """What a geometry's small problems look up."""

    columns: Array  # (C·taps, outputs), into one image's x followed by a zero
    padded: bool  # whether that zero is named at all
    order: Array  # the products that reach some x, those of one x next to each other
    starts: Array  # where in order the sum of each such x begins
    reached: Array | None  # which x are reached, None for all


def declines(problem: Problem) -> str | None:
    if problem.library != "numpy":
        return f"takes NumPy arrays, not those of {problem.library}"
    if problem.geometry.groups > 1:
        return "takes one group only"
    size = _columns(problem.geometry)
    if size > tuning.SMALL_COLUMNS:
        return f"{size:,} column elements, more than {tuning.SMALL_COLUMNS:,}"
    return None


def workspace(problem: Problem) -> int:
    """Bytes of the columns (twice for dx: as they are, and sorted) and of x with its zero."""
    elements = 2 * _columns(problem.geometry) + problem.geometry.sizes[0] + problem.geometry.batch
    return elements * problem.itemsize


least_workspace = workspace
error_bound = direct_bound


def run(problem: Problem, first: Array, second: Array) -> Array:
    geometry = problem.geometry
    table = _tables(geometry)
    N, channels_out = geometry.batch, geometry.channels_out
    if problem.kind == "dx":
        W = second.reshape(channels_out, -1)
        products = np.matmul(W.T, first.reshape(N, channels_out, -1)).reshape(N, -1)
        sums = np.add.reduceat(products.take(table.order, 1), table.starts, 1)
        if table.reached is not None:
            dx = np.zeros((N, prod(geometry.x_shape[1:])), sums.dtype)
            dx[:, table.reached] = sums
            sums = dx
        return sums.reshape(geometry.x_shape)
    x = (first if problem.kind == "forward" else second).reshape(N, -1)
    if table.padded:
        x = np.concatenate((x, np.zeros((N, 1), x.dtype)), 1)
    columns = x.take(table.columns, 1)
    if problem.kind == "forward":
        out = np.matmul(second.reshape(channels_out, -1), columns)
        return out.reshape(geometry.out_shape)
    dW = np.matmul(first.reshape(N, channels_out, -1), columns.transpose(0, 2, 1))
    return (dW[0] if N == 1 else dW.sum(0)).reshape(geometry.W_shape)


def _columns(geometry: ConvGeometry) -> int:
    return geometry.batch * prod(geometry.W_shape[1:]) * prod(geometry.out_shape[2:])


@lru_cache(maxsize=64)
def _tables(geometry: ConvGeometry) -> Tables:
    sizes = geometry.x_shape[1:]
    nowhere = prod(sizes)
    taps, outs = geometry.W_shape[2:], geometry.out_shape[2:]
    where: Array = np.full((*taps, *outs), -1, np.intp)
    plane = np.arange(prod(sizes[1:])).reshape(sizes[1:])
    for tap, outputs, inputs in geometry.tap_reaches():
        where[(*tap, *outputs)] = plane[inputs]
    channel = np.arange(geometry.channels_in).reshape(-1, 1, 1) * plane.size
    where = where.reshape(1, prod(taps), prod(outs))
    columns = np.where(where >= 0, channel + where, nowhere).reshape(-1, prod(outs))

    targets = columns.ravel()
    order = np.argsort(targets, kind="stable")
    order = order[targets[order] != nowhere]
    reached, starts = np.unique(targets[order], return_index=True)
    everywhere = reached.size == nowhere
    return Tables(
        columns, bool((columns == nowhere).any()), order, starts, None if everywhere else reached
    )
