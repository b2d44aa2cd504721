"""Derivatives along a direction (forward mode), of one, two and three dimensions."""

from typing import Any

from . import _typed
from .call import derivatives as call
from .call.options import Options
from .call.other_names import unexpected
from .core.arrays import Array


@_typed.jvp
def conv2d_jvp(
    x: Any,
    W: Any,
    tx: Any,
    tW: Any,
    padding: Any = 0,
    stride: Any = 1,
    *,
    dilation: Any = 1,
    groups: int = 1,
    padding_mode: str = "zeros",
    bias_tangent: Any = None,
    precision: str = "high",
    engine: str | None = None,
    threads: int | None = None,
    max_workspace: int | None = None,
    **others: Any,
) -> Array:
    """The derivative of `conv2d` along a direction (forward mode).

        tangent = conv2d(tx, W) + conv2d(x, tW) + bias_tangent

    Parameters
    ----------
    x, W : array_like
        As for `conv2d`.
    tx, tW : array_like or None
        The direction in x and in W, of their shapes, or None for zero.
    padding, stride, dilation, groups, padding_mode : optional
        As for `conv2d`.
    bias_tangent : array_like or None
        The direction in the bias, of shape (C_out,), or None.
    precision, engine, threads, max_workspace : optional
        As for `conv2d`.

    Returns
    -------
    array
        The tangent of the output, a new array of its shape.

    Raises
    ------
    ValueError, TypeError, MemoryError
        As `conv2d`.

    See Also
    --------
    conv2d, conv2d_backward

    References
    ----------
    The product rule.

    Examples
    --------
    >>> x, W = [[[1, 2], [3, 4]]], [[[[1, 1]]]]
    >>> conv2d_jvp(x, W, [[[1, 0], [0, 0]]], None)
    array([[[1.],
            [0.]]])
    """
    if others:
        raise unexpected(conv2d_jvp, others)
    options = Options(
        padding, stride, dilation, groups, padding_mode, precision, engine, threads, max_workspace
    )
    return call.jvp(2, x, W, tx, tW, bias_tangent, options)


@_typed.jvp
def conv1d_jvp(
    x: Any,
    W: Any,
    tx: Any,
    tW: Any,
    padding: Any = 0,
    stride: Any = 1,
    *,
    dilation: Any = 1,
    groups: int = 1,
    padding_mode: str = "zeros",
    bias_tangent: Any = None,
    precision: str = "high",
    engine: str | None = None,
    threads: int | None = None,
    max_workspace: int | None = None,
    **others: Any,
) -> Array:
    """The derivative of `conv1d` along a direction, as `conv2d_jvp` gives that of 2-D.

        tangent = conv1d(tx, W) + conv1d(x, tW) + bias_tangent

    Parameters
    ----------
    x, W, tx, tW : array_like
        As for `conv2d_jvp`, in these shapes.
    padding, stride, dilation, groups, padding_mode : optional
        As for `conv2d_jvp`.
    bias_tangent : array_like
        As for `conv2d_jvp`, in these shapes.
    precision, engine, threads, max_workspace : optional
        As for `conv2d_jvp`.

    Returns
    -------
    array
        As `conv2d_jvp` returns it.

    See Also
    --------
    conv1d, conv1d_backward

    References
    ----------
    The product rule.

    Examples
    --------
    >>> import numpy as np
    >>> x, W = np.ones((1, 3)), np.ones((1, 1, 2))
    >>> float(conv1d_jvp(x, W, x, W).sum())
    8.0
    """
    if others:
        raise unexpected(conv1d_jvp, others)
    options = Options(
        padding, stride, dilation, groups, padding_mode, precision, engine, threads, max_workspace
    )
    return call.jvp(1, x, W, tx, tW, bias_tangent, options)


@_typed.jvp
def conv3d_jvp(
    x: Any,
    W: Any,
    tx: Any,
    tW: Any,
    padding: Any = 0,
    stride: Any = 1,
    *,
    dilation: Any = 1,
    groups: int = 1,
    padding_mode: str = "zeros",
    bias_tangent: Any = None,
    precision: str = "high",
    engine: str | None = None,
    threads: int | None = None,
    max_workspace: int | None = None,
    **others: Any,
) -> Array:
    """The derivative of `conv3d` along a direction, as `conv2d_jvp` gives that of 2-D.

        tangent = conv3d(tx, W) + conv3d(x, tW) + bias_tangent

    Parameters
    ----------
    x, W, tx, tW : array_like
        As for `conv2d_jvp`, in these shapes.
    padding, stride, dilation, groups, padding_mode : optional
        As for `conv2d_jvp`.
    bias_tangent : array_like
        As for `conv2d_jvp`, in these shapes.
    precision, engine, threads, max_workspace : optional
        As for `conv2d_jvp`.

    Returns
    -------
    array
        As `conv2d_jvp` returns it.

    See Also
    --------
    conv3d, conv3d_backward

    References
    ----------
    The product rule.

    Examples
    --------
    >>> import numpy as np
    >>> x, W = np.ones((1, 3, 3, 3)), np.ones((1, 1, 2, 2, 2))
    >>> float(conv3d_jvp(x, W, x, W).sum())
    128.0
    """
    if others:
        raise unexpected(conv3d_jvp, others)
    options = Options(
        padding, stride, dilation, groups, padding_mode, precision, engine, threads, max_workspace
    )
    return call.jvp(3, x, W, tx, tW, bias_tangent, options)
