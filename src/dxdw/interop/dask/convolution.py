"""conv1d, conv2d and conv3d on Dask arrays, and their gradients."""

from collections.abc import Sequence
from typing import Any, cast

import dask.array as da
import numpy as np

from ...call import geometries, operands, outputs
from ...call.call import Call
from ...call.options import Options, execution
from ...call.passes import NEEDS
from ...core import gradients
from ...core.documentation import pointing_to
from ...core.problem import Execution
from ...typing import Gradients, Need, Numbers, Padding, PaddingMode, PerAxis, Precision
from . import checks, graphs, modes, pairs

ROOM = "dask"


def conv2d(
    x: da.Array,
    W: Numbers,
    padding: Padding = 0,
    stride: PerAxis = 1,
    *,
    dilation: PerAxis = 1,
    groups: int = 1,
    bias: Numbers | None = None,
    padding_mode: PaddingMode = "zeros",
    precision: Precision = "high",
) -> da.Array:
    """`dxdw.conv2d` of a Dask array: computed when it is asked for, block by block.

        out[n,o,i,j] = bias[o] + Σ_{c,u,v} W[o,c,u,v] · x[n, c, i·s + u·d − p, j·s + v·d − p]

    An output lies in the block of the chunk of x that has the middle of its window. What the
    window reads beyond is cut out of the neighbouring chunks, however small those are.

    Parameters
    ----------
    x : dask.array.Array
        (C_in, H, W) or (N, C_in, H, W), chunked over images and positions in any way, of NumPy
        blocks. All channels must be in one chunk, for every output is a sum over them: a `rechunk`
        here would multiply the memory of each task without having been asked for.
    W : array_like or dask.array.Array
        Arrays or Dask arrays; they go to every worker, in one piece.
    padding, stride, dilation, groups : optional
        As for `dxdw.conv2d`. Borders of another mode than zeros are chunks of their own.
    bias : array_like, dask.array.Array or None
        Arrays or Dask arrays; they go to every worker, in one piece.
    padding_mode, precision : optional
        As for `dxdw.conv2d`. Borders of another mode than zeros are chunks of their own.

    Returns
    -------
    dask.array.Array
        A Dask array of what `dxdw.conv2d` returns, dtype included. Products of a tile are summed in
        the order in which `dxdw.conv2d` would sum those of an array of its size: the results agree
        within the error bound, and on integers exactly.

    Raises
    ------
    TypeError
        x is no Dask array, or its blocks are not NumPy's; else as `dxdw.conv2d`.
    ValueError
        Chunks of unknown size, or several along the channels; else as `dxdw.conv2d`.

    See Also
    --------
    dxdw.conv2d

    References
    ----------
    Jin et al., "Spatially parallel convolutions", 2018, for the halo exchange.

    Examples
    --------
    >>> import dask.array as da
    >>> x = da.ones((1, 6, 6), chunks=(1, 3, 3))
    >>> out = conv2d(x, [[[[1, 2], [3, 4]]]])
    >>> out.shape, out.chunks
    ((1, 5, 5), ((1,), (3, 2), (3, 2)))
    >>> out[0, 2:4, 3].compute()
    array([10., 10.])
    """
    how = _how(precision)
    options = Options(padding, stride, dilation, groups, padding_mode)
    return _forward(2, x, W, options, bias, how)


def conv2d_backward(
    grad_out: da.Array,
    x: da.Array,
    W: Numbers,
    padding: Padding = 0,
    stride: PerAxis = 1,
    *,
    dilation: PerAxis = 1,
    groups: int = 1,
    padding_mode: PaddingMode = "zeros",
    needs: Sequence[Need] = ("dx", "dW"),
    precision: Precision = "high",
) -> Gradients[da.Array]:
    """`dxdw.conv2d_backward` of Dask arrays: computed when it is asked for, block by block.

        dx[n,c,h,w]  = Σ grad_out[n,o,i,j] · W[o,c,u,v]     over h = i·s + u·d − p, w likewise
        dW[o,c,u,v]  = Σ_{n,i,j} grad_out[n,o,i,j] · x[n, c, i·s + u·d − p, j·s + v·d − p]
        db[o]        = Σ_{n,i,j} grad_out[n,o,i,j]

    Parameters
    ----------
    grad_out : dask.array.Array
        The gradient with respect to the output, of its shape, chunked in any way but along
        channels. Chunks as `conv2d` gives its output need the least of each other.
    x, W, padding, stride, dilation, groups, padding_mode : optional
        As the forward had them.
    needs : sequence of str
        What to return, of "dx", "dW" and "db", in this order. Compute them together, in one
        `dask.compute`, and chunks are read once for all; of x and grad_out, both are read for dx
        too if dW is asked for as well.
    precision : {"high", "highest"}
        As for `conv2d`.

    Returns
    -------
    Gradients of dask.array.Array
        A tuple of Dask arrays, what `needs` names: by default (dx, dW). dx has x's chunks; dW and
        db have one. dW and db are summed over the blocks of grad_out in a tree that depends on the
        chunks alone: the same bits in every run on the same instruction set, with any number of
        workers, also when one is lost on the way.

    Raises
    ------
    TypeError, ValueError
        As `conv2d`; a grad_out that is not of the output's shape.

    See Also
    --------
    dxdw.conv2d_backward

    References
    ----------
    As `conv2d`; Demmel & Nguyen, "Parallel reproducible summation", 2015, for the fixed
    tree as the simplest of the ways to the same bits.

    Examples
    --------
    >>> import dask, dask.array as da
    >>> x = da.ones((1, 6, 6), chunks=(1, 3, 3))
    >>> grad_out = da.ones((1, 5, 5), chunks=(1, 3, 3))
    >>> dx, dW = dask.compute(*conv2d_backward(grad_out, x, [[[[1, 2], [3, 4]]]]))
    >>> dW
    array([[[[25., 25.],
             [25., 25.]]]])
    >>> dx[0, 0]
    array([1., 3., 3., 3., 3., 2.])
    """
    how = _how(precision)
    options = Options(padding, stride, dilation, groups, padding_mode)
    return _backward(2, grad_out, x, W, options, needs, how)


def conv1d(
    x: da.Array,
    W: Numbers,
    padding: Padding = 0,
    stride: PerAxis = 1,
    *,
    dilation: PerAxis = 1,
    groups: int = 1,
    bias: Numbers | None = None,
    padding_mode: PaddingMode = "zeros",
    precision: Precision = "high",
) -> da.Array:
    """`dxdw.conv1d` of a Dask array (C_in, L) or (N, C_in, L), as `conv2d` here is of its.

        out[n,o,i] = bias[o] + Σ_{c,u} W[o,c,u] · x[n, c, i·stride + u·dilation − padding]

    Parameters
    ----------
    x, W : dask.array.Array
        As for `conv2d`, in these shapes.
    padding, stride, dilation, groups : optional
        As for `conv2d`.
    bias : dask.array.Array
        As for `conv2d`, in these shapes.
    padding_mode, precision : optional
        As for `conv2d`.

    Returns
    -------
    dask.array.Array
        As `conv2d` returns it.

    See Also
    --------
    dxdw.conv1d

    References
    ----------
    As for `conv2d`.

    Examples
    --------
    >>> import dask.array as da
    >>> conv1d(da.from_array([[1, 2, 4, 8]], chunks=(1, 2)), [[[-1, 1]]]).compute()
    array([[1., 2., 4.]])
    """
    how = _how(precision)
    options = Options(padding, stride, dilation, groups, padding_mode)
    return _forward(1, x, W, options, bias, how)


def conv1d_backward(
    grad_out: da.Array,
    x: da.Array,
    W: Numbers,
    padding: Padding = 0,
    stride: PerAxis = 1,
    *,
    dilation: PerAxis = 1,
    groups: int = 1,
    padding_mode: PaddingMode = "zeros",
    needs: Sequence[Need] = ("dx", "dW"),
    precision: Precision = "high",
) -> Gradients[da.Array]:
    """The gradients of `conv1d`, as `conv2d_backward` here gives those of `conv2d`.

        dx[n,c,l] = Σ grad_out[n,o,i] · W[o,c,u]     over l = i·stride + u·dilation − padding
        dW[o,c,u] = Σ_{n,i} grad_out[n,o,i] · x[n, c, i·stride + u·dilation − padding]

    Parameters
    ----------
    grad_out, x, W : dask.array.Array
        As for `conv2d_backward`, in these shapes.
    padding, stride, dilation, groups, padding_mode, needs, precision : optional
        As for `conv2d_backward`.

    Returns
    -------
    Gradients of dask.array.Array
        As `conv2d_backward` returns it.

    See Also
    --------
    dxdw.conv1d_backward

    References
    ----------
    As for `conv2d_backward`.

    Examples
    --------
    >>> import dask.array as da
    >>> x = da.from_array([[1, 2, 4, 8]], chunks=(1, 2))
    >>> grad_out = da.from_array([[1, 0, 0]], chunks=(1, 2))
    >>> dx, dW = conv1d_backward(grad_out, x, [[[-1, 1]]])
    >>> dx.compute(), dW.compute()
    (array([[-1.,  1.,  0.,  0.]]), array([[[1., 2.]]]))
    """
    how = _how(precision)
    options = Options(padding, stride, dilation, groups, padding_mode)
    return _backward(1, grad_out, x, W, options, needs, how)


def conv3d(
    x: da.Array,
    W: Numbers,
    padding: Padding = 0,
    stride: PerAxis = 1,
    *,
    dilation: PerAxis = 1,
    groups: int = 1,
    bias: Numbers | None = None,
    padding_mode: PaddingMode = "zeros",
    precision: Precision = "high",
) -> da.Array:
    """`dxdw.conv3d` of a Dask array (C_in, D, H, W), or with N in front, as `conv2d` is of its.

        out[n,o,h,i,j] = bias[o] + Σ_{c,t,u,v} W[o,c,t,u,v] · x[n, c, h·s + t·d − p, …]

    Parameters
    ----------
    x, W : dask.array.Array
        As for `conv2d`, in these shapes.
    padding, stride, dilation, groups : optional
        As for `conv2d`.
    bias : dask.array.Array
        As for `conv2d`, in these shapes.
    padding_mode, precision : optional
        As for `conv2d`.

    Returns
    -------
    dask.array.Array
        As `conv2d` returns it.

    See Also
    --------
    dxdw.conv3d

    References
    ----------
    As for `conv2d`.

    Examples
    --------
    >>> import dask.array as da, numpy as np
    >>> conv3d(da.ones((1, 2, 2, 2), chunks=1), np.ones((1, 1, 2, 2, 2))).compute()
    array([[[[8.]]]])
    """
    how = _how(precision)
    options = Options(padding, stride, dilation, groups, padding_mode)
    return _forward(3, x, W, options, bias, how)


def conv3d_backward(
    grad_out: da.Array,
    x: da.Array,
    W: Numbers,
    padding: Padding = 0,
    stride: PerAxis = 1,
    *,
    dilation: PerAxis = 1,
    groups: int = 1,
    padding_mode: PaddingMode = "zeros",
    needs: Sequence[Need] = ("dx", "dW"),
    precision: Precision = "high",
) -> Gradients[da.Array]:
    """The gradients of `conv3d`, as `conv2d_backward` here gives those of `conv2d`.

        dx[n,c,…]       = Σ grad_out[n,o,h,i,j] · W[o,c,t,u,v]     over the h, t, … that meet there
        dW[o,c,t,u,v]   = Σ_{n,h,i,j} grad_out[n,o,h,i,j] · x[n, c, h·s + t·d − p, …]

    Parameters
    ----------
    grad_out, x, W : dask.array.Array
        As for `conv2d_backward`, in these shapes.
    padding, stride, dilation, groups, padding_mode, needs, precision : optional
        As for `conv2d_backward`.

    Returns
    -------
    Gradients of dask.array.Array
        As `conv2d_backward` returns it.

    See Also
    --------
    dxdw.conv3d_backward

    References
    ----------
    As for `conv2d_backward`.

    Examples
    --------
    >>> import dask.array as da, numpy as np
    >>> x, W = da.ones((1, 2, 2, 2), chunks=(1, 1, 2, 2)), np.ones((1, 1, 2, 2, 2))
    >>> dx, dW = conv3d_backward(da.full((1, 1, 1, 1), 3.0), x, W)
    >>> float(dx.sum().compute()), float(dW.sum().compute())
    (24.0, 24.0)
    """
    how = _how(precision)
    options = Options(padding, stride, dilation, groups, padding_mode)
    return _backward(3, grad_out, x, W, options, needs, how)


@pointing_to(ROOM)
def _how(precision: str) -> Execution:
    """One thread for a task: workers run as many tasks at once as there are processors for."""
    return execution(Options(precision=precision, threads=1))


@pointing_to(ROOM)
def _forward(
    ndim: int,
    x: Any,
    W: Any,
    options: Options,
    bias: Any,
    how: Execution,
) -> da.Array:
    checks.chunked(x, "x")
    W = _in_one_chunk(W, "W")
    bias = None if bias is None else _in_one_chunk(bias, "bias")
    dtypes = operands.common_dtypes(x=_like(x), W=_like(W), bias=_like(bias))
    geometry, batched = geometries.convolution(ndim, x.shape, W.shape, options)
    checks.one_chunk_of_channels(x, "x", ndim)
    if bias is not None:
        operands.check_bias(bias, geometry.channels_out)
    call = Call(ndim, modes.padded(geometry), batched, *dtypes, how)
    return graphs.forward(call, modes.pad(x, geometry, ndim), W, bias)


@pointing_to(ROOM)
def _backward(
    ndim: int,
    grad_out: Any,
    x: Any,
    W: Any,
    options: Options,
    needs: Any,
    how: Execution,
) -> Gradients[da.Array]:
    checks.chunked(grad_out, "grad_out")
    checks.chunked(x, "x")
    W = _in_one_chunk(W, "W")
    dtypes = operands.common_dtypes(grad_out=_like(grad_out), x=_like(x), W=_like(W))
    geometry, batched = geometries.convolution(ndim, x.shape, W.shape, options)
    call = Call(ndim, modes.padded(geometry), batched, *dtypes, how)
    names = outputs.needs(needs, NEEDS)
    operands.check_grad_out(grad_out, call.out_shape, x, W, geometry)
    checks.one_chunk_of_channels(grad_out, "grad_out", ndim)
    checks.one_chunk_of_channels(x, "x", ndim)

    chunks, x = x.chunks, modes.pad(x, geometry, ndim)
    if "dx" in names and "dW" in names:
        grad_out, x = pairs.paired(grad_out, x)
    summed = tuple(name for name in names if name != "dx")
    results = graphs.parameter_gradients(call, summed, grad_out, x) if summed else {}
    if "dx" in names:
        dx = graphs.input_gradient(call, grad_out, x, W)
        results["dx"] = modes.fold(dx, geometry, ndim).rechunk(chunks)
    found = gradients.of(names, [results[name] for name in names])
    return cast(Gradients[da.Array], found)


def _in_one_chunk(a: Any, name: str) -> da.Array:
    if not isinstance(a, da.Array):
        return da.from_array(operands.numpy_array(a, name), chunks=-1)
    checks.chunked(a, name)
    return a.rechunk(-1)


def _like(a: da.Array | None) -> Any:
    """An empty NumPy array of a's dtype."""
    return None if a is None else np.empty(0, a.dtype)
