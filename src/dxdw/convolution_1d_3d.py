"""The convolutions of one and three dimensions, and their gradients."""

from collections.abc import Sequence
from typing import Any

from . import _typed
from .call import convolution as call
from .call.options import Options
from .call.other_names import unexpected
from .core.arrays import Array


@_typed.convolution
def conv1d(
    x: Any,
    W: Any,
    padding: Any = 0,
    stride: Any = 1,
    *,
    dilation: Any = 1,
    groups: int = 1,
    bias: Any = None,
    padding_mode: str = "zeros",
    out: Array | None = None,
    precision: str = "high",
    engine: str | None = None,
    threads: int | None = None,
    max_workspace: int | None = None,
    **others: Any,
) -> Array:
    """The cross-correlation of a signal x (C_in, L) with W (C_out, C_in/groups, k).

        out[n,o,i] = bias[o] + Σ_{c,u} W[o,c,u] · x[n, c, i·stride + u·dilation − padding]

    Options, dtypes, aliasing and errors are those of `conv2d`, with one spatial axis: padding is p,
    (p,), ((before, after),) or a word.

    Parameters
    ----------
    x, W : array_like
        As for `conv2d`, in these shapes.
    padding, stride, dilation, groups, bias : optional
        As for `conv2d`.
    padding_mode, out, precision, engine, threads, max_workspace : optional
        As for `conv2d`.

    Returns
    -------
    array
        As `conv2d` returns it.

    See Also
    --------
    conv1d_backward, explain, conv_transpose1d

    References
    ----------
    As for `conv2d`.

    Examples
    --------
    >>> conv1d([[1, 2, 4, 8]], [[[-1, 1]]])
    array([[1., 2., 4.]])
    """
    if others:
        raise unexpected(conv1d, others)
    options = Options(
        padding, stride, dilation, groups, padding_mode, precision, engine, threads, max_workspace
    )
    return call.forward(1, x, W, bias, out, options)


@_typed.convolution_backward
def conv1d_backward(
    grad_out: Any,
    x: Any,
    W: Any,
    padding: Any = 0,
    stride: Any = 1,
    *,
    dilation: Any = 1,
    groups: int = 1,
    padding_mode: str = "zeros",
    needs: Sequence[str] = ("dx", "dW"),
    out: Sequence[Array | None] | None = None,
    accumulate: bool = False,
    precision: str = "high",
    engine: str | None = None,
    threads: int | None = None,
    max_workspace: int | None = None,
    **others: Any,
) -> tuple[Array, ...]:
    """The gradients of `conv1d`, as `conv2d_backward` gives those of `conv2d`.

        dx[n,c,l] = Σ grad_out[n,o,i] · W[o,c,u]     over l = i·stride + u·dilation − padding
        dW[o,c,u] = Σ_{n,i} grad_out[n,o,i] · x[n, c, i·stride + u·dilation − padding]

    Parameters
    ----------
    grad_out, x, W : array_like
        As for `conv2d_backward`, in these shapes.
    padding, stride, dilation, groups, padding_mode, needs, out, accumulate : optional
        As for `conv2d_backward`.
    precision, engine, threads, max_workspace : optional
        As for `conv2d_backward`.

    Returns
    -------
    Gradients
        As `conv2d_backward` returns it.

    See Also
    --------
    conv1d, conv1d_double_backward, conv1d_per_sample_dW

    References
    ----------
    As for `conv2d_backward`.

    Examples
    --------
    >>> dx, dW = conv1d_backward([[1, 0, 0]], [[1, 2, 4, 8]], [[[-1, 1]]])
    >>> dx, dW
    (array([[-1.,  1.,  0.,  0.]]), array([[[1., 2.]]]))
    """
    if others:
        raise unexpected(conv1d_backward, others)
    options = Options(
        padding, stride, dilation, groups, padding_mode, precision, engine, threads, max_workspace
    )
    return call.backward(1, grad_out, x, W, options, needs, out, accumulate)


@_typed.convolution
def conv3d(
    x: Any,
    W: Any,
    padding: Any = 0,
    stride: Any = 1,
    *,
    dilation: Any = 1,
    groups: int = 1,
    bias: Any = None,
    padding_mode: str = "zeros",
    out: Array | None = None,
    precision: str = "high",
    engine: str | None = None,
    threads: int | None = None,
    max_workspace: int | None = None,
    **others: Any,
) -> Array:
    """The cross-correlation of a volume x (C_in, D, H, W), or with N in front, with the kernels W.

        out[n,o,h,i,j] = bias[o] + Σ_{c,t,u,v} W[o,c,t,u,v] · x[n, c, h·s + t·d − p, …]

    W is (C_out, C_in/groups, kD, kH, kW). Options, dtypes, aliasing and errors are those of
    `conv2d`, with three spatial axes.

    Parameters
    ----------
    x, W : array_like
        As for `conv2d`, in these shapes.
    padding, stride, dilation, groups, bias : optional
        As for `conv2d`.
    padding_mode, out, precision, engine, threads, max_workspace : optional
        As for `conv2d`.

    Returns
    -------
    array
        As `conv2d` returns it.

    See Also
    --------
    conv3d_backward, explain, conv_transpose3d

    References
    ----------
    As for `conv2d`.

    Examples
    --------
    >>> import numpy as np
    >>> conv3d(np.ones((1, 2, 2, 2)), np.ones((1, 1, 2, 2, 2)))
    array([[[[8.]]]])
    """
    if others:
        raise unexpected(conv3d, others)
    options = Options(
        padding, stride, dilation, groups, padding_mode, precision, engine, threads, max_workspace
    )
    return call.forward(3, x, W, bias, out, options)


@_typed.convolution_backward
def conv3d_backward(
    grad_out: Any,
    x: Any,
    W: Any,
    padding: Any = 0,
    stride: Any = 1,
    *,
    dilation: Any = 1,
    groups: int = 1,
    padding_mode: str = "zeros",
    needs: Sequence[str] = ("dx", "dW"),
    out: Sequence[Array | None] | None = None,
    accumulate: bool = False,
    precision: str = "high",
    engine: str | None = None,
    threads: int | None = None,
    max_workspace: int | None = None,
    **others: Any,
) -> tuple[Array, ...]:
    """The gradients of `conv3d`, as `conv2d_backward` gives those of `conv2d`.

        dx[n,c,…]       = Σ grad_out[n,o,h,i,j] · W[o,c,t,u,v]     over the h, t, … that meet there
        dW[o,c,t,u,v]   = Σ_{n,h,i,j} grad_out[n,o,h,i,j] · x[n, c, h·s + t·d − p, …]

    Parameters
    ----------
    grad_out, x, W : array_like
        As for `conv2d_backward`, in these shapes.
    padding, stride, dilation, groups, padding_mode, needs, out, accumulate : optional
        As for `conv2d_backward`.
    precision, engine, threads, max_workspace : optional
        As for `conv2d_backward`.

    Returns
    -------
    Gradients
        As `conv2d_backward` returns it.

    See Also
    --------
    conv3d, conv3d_double_backward, conv3d_per_sample_dW

    References
    ----------
    As for `conv2d_backward`.

    Examples
    --------
    >>> import numpy as np
    >>> x, W = np.ones((1, 2, 2, 2)), np.ones((1, 1, 2, 2, 2))
    >>> dx, dW = conv3d_backward(np.full((1, 1, 1, 1), 3.0), x, W)
    >>> float(dx.sum()), float(dW.sum())
    (24.0, 24.0)
    """
    if others:
        raise unexpected(conv3d_backward, others)
    options = Options(
        padding, stride, dilation, groups, padding_mode, precision, engine, threads, max_workspace
    )
    return call.backward(3, grad_out, x, W, options, needs, out, accumulate)
