"""conv1d, conv2d and conv3d on Dask arrays, and their gradients."""

from collections.abc import Callable, Sequence
from typing import Any

import dask.array as da
import numpy as np
from dask.base import tokenize
from dask.delayed import Delayed
from dask.highlevelgraph import HighLevelGraph

from ... import arguments
from ...arguments import Execution
from ...geometry import Spans
from ...passes import NEEDS, Call
from .blocks import Cut, Delivered, Forward, InputGradient, ParameterGradients, Starts
from .fixed_tree import Key, sum_in_tree
from .grid import Grid, Index


def conv2d(
    x: da.Array,
    W: Any,
    padding: Any = 0,
    stride: Any = 1,
    *,
    dilation: Any = 1,
    groups: int = 1,
    bias: Any = None,
    precision: str = "high",
) -> da.Array:
    """`dxdw.conv2d` of a Dask array: computed when it is asked for, block by block.

        out[n,o,i,j] = bias[o] + Σ_{c,u,v} W[o,c,u,v] · x[n, c, i·s + u·d − p, j·s + v·d − p]

    An output lies in the block of the chunk of x that has the middle of its window. What the
    window reads beyond is cut out of the neighbouring chunks, however small those are.

    Args:
        x: (C_in, H, W) or (N, C_in, H, W), chunked over images and positions in any way, of NumPy
            blocks. All channels must be in one chunk, for every output is a sum over them: a
            `rechunk` here would multiply the memory of each task without having been asked for.
        W, bias: arrays or Dask arrays; they go to every worker, in one piece.
        padding, stride, dilation, groups, precision: as for `dxdw.conv2d`. Padding is of zeros.

    Returns:
        A Dask array of what `dxdw.conv2d` returns, dtype included. Products of a tile are summed in
        the order in which `dxdw.conv2d` would sum those of an array of its size: the results
        agree within the error bound, and on integers exactly.

    Raises:
        TypeError: x is no Dask array, or its blocks are not NumPy's; else as `dxdw.conv2d`.
        ValueError: chunks of unknown size, or several along the channels; else as `dxdw.conv2d`.

    >>> import dask.array as da
    >>> x = da.ones((1, 6, 6), chunks=(1, 3, 3))
    >>> out = conv2d(x, [[[[1, 2], [3, 4]]]])
    >>> out.shape, out.chunks
    ((1, 5, 5), ((1,), (3, 2), (3, 2)))
    >>> out[0, 2:4, 3].compute()
    array([10., 10.])

    Source: Jin et al., "Spatially parallel convolutions", 2018, for the halo exchange.
    """
    how = _how(precision)
    return _forward(2, x, W, padding, stride, dilation, groups, bias, how)


def conv2d_backward(
    grad_out: da.Array,
    x: da.Array,
    W: Any,
    padding: Any = 0,
    stride: Any = 1,
    *,
    dilation: Any = 1,
    groups: int = 1,
    needs: Sequence[str] = ("dx", "dW"),
    precision: str = "high",
) -> tuple[da.Array, ...]:
    """`dxdw.conv2d_backward` of Dask arrays: computed when it is asked for, block by block.

        dx[n,c,h,w]  = Σ grad_out[n,o,i,j] · W[o,c,u,v]     over h = i·s + u·d − p, w likewise
        dW[o,c,u,v]  = Σ_{n,i,j} grad_out[n,o,i,j] · x[n, c, i·s + u·d − p, j·s + v·d − p]
        db[o]        = Σ_{n,i,j} grad_out[n,o,i,j]

    Args:
        grad_out: the gradient with respect to the output, of its shape, chunked in any way but
            along channels. Chunks as `conv2d` gives its output need the least of each other.
        x, W: as the forward had them.
        padding, stride, dilation, groups: as the forward had them. Padding is of zeros.
        needs: what to return, of "dx", "dW" and "db", in this order. Compute them together, in one
            `dask.compute`, and chunks are read once for all.
        precision: as for `conv2d`.

    Returns:
        A tuple of Dask arrays, what `needs` names: by default (dx, dW). dx has x's chunks; dW and
        db have one. dW and db are summed over the blocks of grad_out in a tree that depends on the
        chunks alone: the same bits in every run on the same instruction set, with any number of
        workers, also when one is lost on the way.

    Raises:
        TypeError, ValueError: as `conv2d`; a grad_out that is not of the output's shape.

    >>> import dask, dask.array as da
    >>> x = da.ones((1, 6, 6), chunks=(1, 3, 3))
    >>> grad_out = da.ones((1, 5, 5), chunks=(1, 3, 3))
    >>> dx, dW = dask.compute(*conv2d_backward(grad_out, x, [[[[1, 2], [3, 4]]]]))
    >>> dW
    array([[[[25., 25.],
             [25., 25.]]]])
    >>> dx[0, 0]
    array([1., 3., 3., 3., 3., 2.])

    Source: as `conv2d`; Demmel & Nguyen, "Parallel reproducible summation", 2015, for the fixed
    tree as the simplest of the ways to the same bits.
    """
    how = _how(precision)
    return _backward(2, grad_out, x, W, padding, stride, dilation, groups, needs, how)


def conv1d(
    x: da.Array,
    W: Any,
    padding: Any = 0,
    stride: Any = 1,
    *,
    dilation: Any = 1,
    groups: int = 1,
    bias: Any = None,
    precision: str = "high",
) -> da.Array:
    """`dxdw.conv1d` of a Dask array (C_in, L) or (N, C_in, L), as `conv2d` here is of its.

        out[n,o,i] = bias[o] + Σ_{c,u} W[o,c,u] · x[n, c, i·stride + u·dilation − padding]

    >>> import dask.array as da
    >>> conv1d(da.from_array([[1, 2, 4, 8]], chunks=(1, 2)), [[[-1, 1]]]).compute()
    array([[1., 2., 4.]])

    Source: as for `conv2d`.
    """
    how = _how(precision)
    return _forward(1, x, W, padding, stride, dilation, groups, bias, how)


def conv1d_backward(
    grad_out: da.Array,
    x: da.Array,
    W: Any,
    padding: Any = 0,
    stride: Any = 1,
    *,
    dilation: Any = 1,
    groups: int = 1,
    needs: Sequence[str] = ("dx", "dW"),
    precision: str = "high",
) -> tuple[da.Array, ...]:
    """The gradients of `conv1d`, as `conv2d_backward` here gives those of `conv2d`.

        dx[n,c,l] = Σ grad_out[n,o,i] · W[o,c,u]     over l = i·stride + u·dilation − padding
        dW[o,c,u] = Σ_{n,i} grad_out[n,o,i] · x[n, c, i·stride + u·dilation − padding]

    >>> import dask.array as da
    >>> x = da.from_array([[1, 2, 4, 8]], chunks=(1, 2))
    >>> grad_out = da.from_array([[1, 0, 0]], chunks=(1, 2))
    >>> dx, dW = conv1d_backward(grad_out, x, [[[-1, 1]]])
    >>> dx.compute(), dW.compute()
    (array([[-1.,  1.,  0.,  0.]]), array([[[1., 2.]]]))

    Source: as for `conv2d_backward`.
    """
    how = _how(precision)
    return _backward(1, grad_out, x, W, padding, stride, dilation, groups, needs, how)


def conv3d(
    x: da.Array,
    W: Any,
    padding: Any = 0,
    stride: Any = 1,
    *,
    dilation: Any = 1,
    groups: int = 1,
    bias: Any = None,
    precision: str = "high",
) -> da.Array:
    """`dxdw.conv3d` of a Dask array (C_in, D, H, W), or with N in front, as `conv2d` is of its.

        out[n,o,h,i,j] = bias[o] + Σ_{c,t,u,v} W[o,c,t,u,v] · x[n, c, h·s + t·d − p, …]

    >>> import dask.array as da, numpy as np
    >>> conv3d(da.ones((1, 2, 2, 2), chunks=1), np.ones((1, 1, 2, 2, 2))).compute()
    array([[[[8.]]]])

    Source: as for `conv2d`.
    """
    how = _how(precision)
    return _forward(3, x, W, padding, stride, dilation, groups, bias, how)


def conv3d_backward(
    grad_out: da.Array,
    x: da.Array,
    W: Any,
    padding: Any = 0,
    stride: Any = 1,
    *,
    dilation: Any = 1,
    groups: int = 1,
    needs: Sequence[str] = ("dx", "dW"),
    precision: str = "high",
) -> tuple[da.Array, ...]:
    """The gradients of `conv3d`, as `conv2d_backward` here gives those of `conv2d`.

        dx[n,c,…]       = Σ grad_out[n,o,h,i,j] · W[o,c,t,u,v]     over the h, t, … that meet there
        dW[o,c,t,u,v]   = Σ_{n,h,i,j} grad_out[n,o,h,i,j] · x[n, c, h·s + t·d − p, …]

    >>> import dask.array as da, numpy as np
    >>> x, W = da.ones((1, 2, 2, 2), chunks=(1, 1, 2, 2)), np.ones((1, 1, 2, 2, 2))
    >>> dx, dW = conv3d_backward(da.full((1, 1, 1, 1), 3.0), x, W)
    >>> float(dx.sum().compute()), float(dW.sum().compute())
    (24.0, 24.0)

    Source: as for `conv2d_backward`.
    """
    how = _how(precision)
    return _backward(3, grad_out, x, W, padding, stride, dilation, groups, needs, how)


def _how(precision: str) -> Execution:
    """One thread for a task: workers run as many tasks at once as there are processors for."""
    return arguments.execution(precision, None, 1, None)


def _forward(
    ndim: int,
    x: Any,
    W: Any,
    padding: Any,
    stride: Any,
    dilation: Any,
    groups: Any,
    bias: Any,
    how: Execution,
) -> da.Array:
    _check_chunked(x, "x")
    W = _in_one_chunk(W, "W")
    bias = None if bias is None else _in_one_chunk(bias, "bias")
    dtypes = arguments.common_dtypes(x=_like(x), W=_like(W), bias=_like(bias))
    geometry, batched = arguments.convolution(
        ndim, x.shape, W.shape, padding, stride, dilation, groups
    )
    _check_channels(x, "x", ndim)
    if bias is not None:
        arguments.check_bias(bias, geometry.channels_out)
    call = Call(ndim, geometry, batched, *dtypes, how)

    inputs = Grid.of(x.chunks, call)
    outputs = Grid.of_outputs(inputs, geometry)
    operands = [x, W] if bias is None else [x, W, bias]
    name = f"conv{ndim}d-{_token(call, operands)}"
    halo = Halo(f"conv{ndim}d-halo-{name}")
    tasks: dict[Key, Any] = {}
    for index in outputs.indices():
        spans = outputs.spans(index)
        starts, pieces = halo.pieces(x, inputs, geometry.windows(spans))
        block = Forward(call, spans, starts)
        bias_key = None if bias is None else _key(bias)
        tasks[outputs.key(name, index)] = (block, _key(W), bias_key, pieces)
    return _array(name, tasks | halo.tasks, outputs.chunks(geometry.channels_out), call, operands)


def _backward(
    ndim: int,
    grad_out: Any,
    x: Any,
    W: Any,
    padding: Any,
    stride: Any,
    dilation: Any,
    groups: Any,
    needs: Any,
    how: Execution,
) -> tuple[da.Array, ...]:
    _check_chunked(grad_out, "grad_out")
    _check_chunked(x, "x")
    W = _in_one_chunk(W, "W")
    dtypes = arguments.common_dtypes(grad_out=_like(grad_out), x=_like(x), W=_like(W))
    geometry, batched = arguments.convolution(
        ndim, x.shape, W.shape, padding, stride, dilation, groups
    )
    call = Call(ndim, geometry, batched, *dtypes, how)
    names = arguments.needs(needs, NEEDS)
    arguments.check_grad_out(grad_out, call.out_shape, x, W, geometry)
    _check_channels(grad_out, "grad_out", ndim)
    _check_channels(x, "x", ndim)

    summed = tuple(name for name in names if name != "dx")
    shapes = {"dW": call.W_shape, "db": (geometry.channels_out,)}
    sums = _summed(call, summed, grad_out, x) if summed else None
    return tuple(
        _dx(call, grad_out, x, W)
        if name == "dx"
        else _delivered(call, sums, name, summed.index(name), shapes[name])
        for name in names
    )


def _dx(call: Call, grad_out: da.Array, x: da.Array, W: da.Array) -> da.Array:
    inputs, outputs = Grid.of(x.chunks, call), Grid.of(grad_out.chunks, call)
    # Of x its shape alone is needed: that is in the call, and in its chunks.
    name = f"conv{call.ndim}d-dx-{_token(call, [grad_out, W], x.chunks)}"
    halo = Halo(f"conv{call.ndim}d-halo-{name}")
    tasks: dict[Key, Any] = {}
    for index in inputs.indices():
        spans = inputs.spans(index)
        starts, pieces = halo.pieces(grad_out, outputs, call.geometry.outputs_reaching(spans))
        block = InputGradient(call, spans, starts)
        tasks[inputs.key(name, index)] = (block, _key(W), pieces)
    return _array(name, tasks | halo.tasks, x.chunks, call, [grad_out, W])


def _summed(call: Call, names: tuple[str, ...], grad_out: da.Array, x: da.Array) -> Delayed:
    """The sum over all blocks of grad_out, as one tuple with each of dW and db."""
    inputs, outputs = Grid.of(x.chunks, call), Grid.of(grad_out.chunks, call)
    operands = [grad_out, x] if "dW" in names else [grad_out]
    kind = "-".join((f"conv{call.ndim}d", *names))
    token = _token(call, operands)
    shares, halo = f"{kind}-shares-{token}", Halo(f"{kind}-halo-{token}")
    tasks: dict[Key, Any] = {}
    for index in outputs.indices():
        spans = outputs.spans(index)
        needed = call.geometry.windows(spans) if "dW" in names else None
        starts, pieces = halo.pieces(x, inputs, needed)
        block = ParameterGradients(call, names, spans, starts)
        tasks[shares, *index] = (block, outputs.key(grad_out.name, index), pieces)
    tree, total = sum_in_tree(f"{kind}-sum-{token}", list(tasks))
    layer = f"{kind}-{token}"
    layer_tasks = tasks | halo.tasks | tree
    graph = HighLevelGraph.from_collections(layer, layer_tasks, dependencies=operands)
    return Delayed(total, graph, layer=layer)


def _delivered(
    call: Call, sums: Any, name: str, place: int, shape: tuple[int, ...]
) -> da.Array:
    layer = f"conv{call.ndim}d-{name}-{tokenize(sums.key)}"
    key = (layer, *[0] * len(shape))
    tasks = {key: (Delivered(call, place, shape), sums.key)}
    return _array(layer, tasks, tuple((n,) for n in shape), call, [sums])


class Halo:
    """Finds the chunks that parts of an array lie in, and cuts out what is the smaller part of one.

    A chunk of which more than half is needed is taken as it is: that it has to be copied costs more
    than what is left over.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self.tasks: dict[Key, Any] = {}

    def pieces(self, array: da.Array, grid: Grid, spans: Spans | None) -> tuple[Starts, list[Key]]:
        """Where each piece begins, and its key."""
        starts, keys = [], []
        for piece in grid.pieces(spans) if spans else ():
            key = grid.key(array.name, piece.index)
            if piece.most:
                starts.append(tuple(first for first, _ in grid.spans(piece.index)))
            else:
                starts.append(tuple(first for first, _ in piece.spans))
                whole, key = key, (self._name, len(self.tasks))
                self.tasks[key] = (Cut(grid.slices(piece.inside)), whole)
            keys.append(key)
        return tuple(starts), keys


def _array(
    name: str, tasks: dict[Key, Any], chunks: Any, call: Call, operands: Sequence[Any]
) -> da.Array:
    graph = HighLevelGraph.from_collections(name, tasks, dependencies=operands)
    meta = np.empty((0,) * len(chunks), call.result)
    return da.Array(graph, name, chunks, meta=meta)


def _token(call: Call, operands: Sequence[da.Array], *more: Any) -> str:
    """The same for what would be computed in the same way."""
    return str(tokenize(repr(call), [a.name for a in operands], *more))


def _key(a: da.Array) -> Key:
    """Of an array's only chunk."""
    return (a.name, *[0] * a.ndim)


def _like(a: da.Array | None) -> Any:
    """An empty NumPy array of a's dtype."""
    return None if a is None else np.empty(0, a.dtype)


# --- checks of what only a Dask array can have wrong ----------------------------------------------


def _check_chunked(a: Any, name: str) -> None:
    if not isinstance(a, da.Array):
        kind = f"{type(a).__module__}.{type(a).__name__}"
        raise TypeError(
            f"{name} is a {kind}: it must be a Dask array, as dask.array.from_array({name}, "
            f"chunks=…) makes one; for arrays in memory there is dxdw itself"
        )
    _check_blocks(a, name)
    if any(np.isnan(n) for n in a.shape):
        raise ValueError(
            f"{name} has chunks of unknown size: they must be known, "
            f"as after {name}.compute_chunk_sizes()"
        )


def _check_blocks(a: da.Array, name: str) -> None:
    """NumPy's own blocks, of a dtype that can be computed with."""
    meta = a._meta  # noqa: SLF001  # the only way to learn it without computing
    if type(meta) is not np.ndarray and not isinstance(meta, np.ma.MaskedArray):
        kind = f"{type(meta).__module__}.{type(meta).__name__}"
        raise TypeError(
            f"{name} has blocks of {kind}: they must be NumPy arrays, "
            f"as after {name}.map_blocks(numpy.asarray)"
        )
    arguments.array(meta, name)


def _check_channels(a: da.Array, name: str, ndim: int) -> None:
    axis = a.ndim - ndim - 1
    if len(a.chunks[axis]) > 1:
        raise ValueError(
            f"{name} has {len(a.chunks[axis])} chunks {a.chunks[axis]} along its channels, axis "
            f"{axis}: they must be one, for a convolution sums over them; "
            f"{name}.rechunk({{{axis}: -1}}) makes it so, of as many times the memory"
        )


def _in_one_chunk(a: Any, name: str) -> da.Array:
    if not isinstance(a, da.Array):
        return da.from_array(arguments.array(a, name), chunks=-1)
    _check_chunked(a, name)
    return a.rechunk(-1)
