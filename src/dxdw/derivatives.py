"""Derivatives beyond the gradient: of the gradient itself, forward mode, and for each sample.

A convolution is linear in x and in W, so all of them are its own three passes on other operands.
"""

from collections.abc import Sequence
from typing import Any

from . import _typed
from .call import derivatives as call
from .call.derivatives import DOUBLE_NEEDS
from .call.options import Options
from .core.arrays import Array


@_typed.double_backward
def conv2d_double_backward(
    ggx: Any,
    ggW: Any,
    grad_out: Any,
    x: Any,
    W: Any,
    padding: Any = 0,
    stride: Any = 1,
    *,
    dilation: Any = 1,
    groups: int = 1,
    padding_mode: str = "zeros",
    needs: Sequence[str] = DOUBLE_NEEDS,
    precision: str = "high",
    engine: str | None = None,
    threads: int | None = None,
    max_workspace: int | None = None,
) -> tuple[Array, ...]:
    """The gradients of a loss on the gradients, with respect to what `conv2d_backward` was given.

    With L = ⟨ggx, dx⟩ + ⟨ggW, dW⟩, where dx and dW are what `conv2d_backward` returns:

        dgrad_out = conv2d(ggx, W) + conv2d(x, ggW)
        dx        = the dx of conv2d_backward(grad_out, ·, ggW)
        dW        = the dW of conv2d_backward(grad_out, ggx, ·)

    For complex arrays these are the adjoints, as in `conv2d_backward`.

    Args:
        ggx: the gradient with respect to dx, of x's shape, or None for zero.
        ggW: the gradient with respect to dW, of W's shape, or None for zero.
        grad_out, x, W, padding, stride, dilation, groups, padding_mode: as in `conv2d_backward`.
        needs: what to compute, of "dgrad_out", "dx" and "dW", and in which order.
        precision, engine, threads, max_workspace: as for `conv2d`.

    Returns:
        A tuple of what `needs` names, new arrays in the shapes of grad_out, x and W.

    Raises:
        ValueError, TypeError, MemoryError: as `conv2d_backward`.

    >>> import numpy as np
    >>> x, W = np.ones((1, 3, 3)), np.ones((1, 1, 2, 2))
    >>> dgrad_out, dx, dW = conv2d_double_backward(x, None, np.ones((1, 2, 2)), x, W)
    >>> dgrad_out
    array([[[4., 4.],
            [4., 4.]]])
    >>> dx.any(), dW
    (np.False_, array([[[[4., 4.],
             [4., 4.]]]]))

    Source: the product rule, on the equations of `conv2d_backward`.
    """
    options = Options(
        padding, stride, dilation, groups, padding_mode, precision, engine, threads, max_workspace
    )
    return call.double_backward(2, ggx, ggW, grad_out, x, W, options, needs)


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
) -> Array:
    """The derivative of `conv2d` along a direction (forward mode).

        tangent = conv2d(tx, W) + conv2d(x, tW) + bias_tangent

    Args:
        x, W, padding, stride, dilation, groups, padding_mode: as for `conv2d`.
        tx, tW: the direction in x and in W, of their shapes, or None for zero.
        bias_tangent: the direction in the bias, of shape (C_out,), or None.
        precision, engine, threads, max_workspace: as for `conv2d`.

    Returns:
        The tangent of the output, a new array of its shape.

    Raises:
        ValueError, TypeError, MemoryError: as `conv2d`.

    >>> x, W = [[[1, 2], [3, 4]]], [[[[1, 1]]]]
    >>> conv2d_jvp(x, W, [[[1, 0], [0, 0]]], None)
    array([[[1.],
            [0.]]])

    Source: the product rule.
    """
    options = Options(
        padding, stride, dilation, groups, padding_mode, precision, engine, threads, max_workspace
    )
    return call.jvp(2, x, W, tx, tW, bias_tangent, options)


@_typed.per_sample_dW
def conv2d_per_sample_dW(
    grad_out: Any,
    x: Any,
    W: Any,
    padding: Any = 0,
    stride: Any = 1,
    *,
    dilation: Any = 1,
    groups: int = 1,
    padding_mode: str = "zeros",
    precision: str = "high",
    engine: str | None = None,
    threads: int | None = None,
    max_workspace: int | None = None,
) -> Array:
    """dW of every image of a batch by itself, as differential privacy and influence need it.

        result[n,o,c,u,v] = Σ_{i,j} grad_out[n,o,i,j] · x[n, c, i·s + u·d − p, j·s + v·d − p]

    Its sum over n is the dW of `conv2d_backward`. All arguments are as there; of W only the shape
    is used.

    Returns:
        (N, C_out, C_in/groups, kH, kW), a new array; N is 1 where x has no batch axis.

    Raises:
        ValueError, TypeError, MemoryError: as `conv2d_backward`.

    >>> import numpy as np
    >>> x = np.stack([np.ones((1, 3, 3)), np.full((1, 3, 3), 2.0)])
    >>> conv2d_per_sample_dW(np.ones((2, 1, 2, 2)), x, np.ones((1, 1, 2, 2)))[:, 0, 0, 0]
    array([[4., 4.],
           [8., 8.]])

    Source: Rochette et al., "Efficient per-example gradient computations in convolutional neural
    networks", 2019: images as groups.
    """
    options = Options(
        padding, stride, dilation, groups, padding_mode, precision, engine, threads, max_workspace
    )
    return call.per_sample_dW(2, grad_out, x, W, options)


@_typed.double_backward
def conv1d_double_backward(
    ggx: Any,
    ggW: Any,
    grad_out: Any,
    x: Any,
    W: Any,
    padding: Any = 0,
    stride: Any = 1,
    *,
    dilation: Any = 1,
    groups: int = 1,
    padding_mode: str = "zeros",
    needs: Sequence[str] = DOUBLE_NEEDS,
    precision: str = "high",
    engine: str | None = None,
    threads: int | None = None,
    max_workspace: int | None = None,
) -> tuple[Array, ...]:
    """The gradients of the gradients of `conv1d`, as `conv2d_double_backward` gives those of 2-D.

        dgrad_out = conv1d(ggx, W) + conv1d(x, ggW)
        dx        = the dx of conv1d_backward(grad_out, ·, ggW)
        dW        = the dW of conv1d_backward(grad_out, ggx, ·)

    >>> import numpy as np
    >>> x, W, grad_out = np.ones((1, 3)), np.ones((1, 1, 2)), np.ones((1, 2))
    >>> float(conv1d_double_backward(x, None, grad_out, x, W, needs=("dgrad_out",))[0].sum())
    4.0

    Source: as for `conv2d_double_backward`.
    """
    options = Options(
        padding, stride, dilation, groups, padding_mode, precision, engine, threads, max_workspace
    )
    return call.double_backward(1, ggx, ggW, grad_out, x, W, options, needs)


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
) -> Array:
    """The derivative of `conv1d` along a direction, as `conv2d_jvp` gives that of 2-D.

        tangent = conv1d(tx, W) + conv1d(x, tW) + bias_tangent

    >>> import numpy as np
    >>> x, W = np.ones((1, 3)), np.ones((1, 1, 2))
    >>> float(conv1d_jvp(x, W, x, W).sum())
    8.0

    Source: the product rule.
    """
    options = Options(
        padding, stride, dilation, groups, padding_mode, precision, engine, threads, max_workspace
    )
    return call.jvp(1, x, W, tx, tW, bias_tangent, options)


@_typed.per_sample_dW
def conv1d_per_sample_dW(
    grad_out: Any,
    x: Any,
    W: Any,
    padding: Any = 0,
    stride: Any = 1,
    *,
    dilation: Any = 1,
    groups: int = 1,
    padding_mode: str = "zeros",
    precision: str = "high",
    engine: str | None = None,
    threads: int | None = None,
    max_workspace: int | None = None,
) -> Array:
    """dW of `conv1d` for every sample of a batch by itself, as `conv2d_per_sample_dW` for 2-D.

        result[n] = the dW of conv1d_backward(grad_out[n], x[n], W)

    >>> import numpy as np
    >>> grad_out, x, W = np.ones((5, 1, 2)), np.ones((5, 1, 3)), np.ones((1, 1, 2))
    >>> conv1d_per_sample_dW(grad_out, x, W).shape
    (5, 1, 1, 2)

    Source: as for `conv2d_per_sample_dW`.
    """
    options = Options(
        padding, stride, dilation, groups, padding_mode, precision, engine, threads, max_workspace
    )
    return call.per_sample_dW(1, grad_out, x, W, options)


@_typed.double_backward
def conv3d_double_backward(
    ggx: Any,
    ggW: Any,
    grad_out: Any,
    x: Any,
    W: Any,
    padding: Any = 0,
    stride: Any = 1,
    *,
    dilation: Any = 1,
    groups: int = 1,
    padding_mode: str = "zeros",
    needs: Sequence[str] = DOUBLE_NEEDS,
    precision: str = "high",
    engine: str | None = None,
    threads: int | None = None,
    max_workspace: int | None = None,
) -> tuple[Array, ...]:
    """The gradients of the gradients of `conv3d`, as `conv2d_double_backward` gives those of 2-D.

        dgrad_out = conv3d(ggx, W) + conv3d(x, ggW)
        dx        = the dx of conv3d_backward(grad_out, ·, ggW)
        dW        = the dW of conv3d_backward(grad_out, ggx, ·)

    >>> import numpy as np
    >>> x, W, grad_out = np.ones((1, 3, 3, 3)), np.ones((1, 1, 2, 2, 2)), np.ones((1, 2, 2, 2))
    >>> float(conv3d_double_backward(x, None, grad_out, x, W, needs=("dgrad_out",))[0].sum())
    64.0

    Source: as for `conv2d_double_backward`.
    """
    options = Options(
        padding, stride, dilation, groups, padding_mode, precision, engine, threads, max_workspace
    )
    return call.double_backward(3, ggx, ggW, grad_out, x, W, options, needs)


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
) -> Array:
    """The derivative of `conv3d` along a direction, as `conv2d_jvp` gives that of 2-D.

        tangent = conv3d(tx, W) + conv3d(x, tW) + bias_tangent

    >>> import numpy as np
    >>> x, W = np.ones((1, 3, 3, 3)), np.ones((1, 1, 2, 2, 2))
    >>> float(conv3d_jvp(x, W, x, W).sum())
    128.0

    Source: the product rule.
    """
    options = Options(
        padding, stride, dilation, groups, padding_mode, precision, engine, threads, max_workspace
    )
    return call.jvp(3, x, W, tx, tW, bias_tangent, options)


@_typed.per_sample_dW
def conv3d_per_sample_dW(
    grad_out: Any,
    x: Any,
    W: Any,
    padding: Any = 0,
    stride: Any = 1,
    *,
    dilation: Any = 1,
    groups: int = 1,
    padding_mode: str = "zeros",
    precision: str = "high",
    engine: str | None = None,
    threads: int | None = None,
    max_workspace: int | None = None,
) -> Array:
    """dW of `conv3d` for every sample of a batch by itself, as `conv2d_per_sample_dW` for 2-D.

        result[n] = the dW of conv3d_backward(grad_out[n], x[n], W)

    >>> import numpy as np
    >>> grad_out, x, W = (
    ...     np.ones((5, 1, 2, 2, 2)),
    ...     np.ones((5, 1, 3, 3, 3)),
    ...     np.ones((1, 1, 2, 2, 2)),
    ... )
    >>> conv3d_per_sample_dW(grad_out, x, W).shape
    (5, 1, 1, 2, 2, 2)

    Source: as for `conv2d_per_sample_dW`.
    """
    options = Options(
        padding, stride, dilation, groups, padding_mode, precision, engine, threads, max_workspace
    )
    return call.per_sample_dW(3, grad_out, x, W, options)
