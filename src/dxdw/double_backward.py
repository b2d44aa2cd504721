"""The gradients of gradients: second derivatives, of one, two and three dimensions.

A convolution is linear in x and in W, so they are its own three passes on other operands.
"""

from collections.abc import Sequence
from typing import Any

from . import _typed
from .call import derivatives as call
from .call.derivatives import DOUBLE_NEEDS
from .call.options import Options
from .call.other_names import unexpected
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
    **others: Any,
) -> tuple[Array, ...]:
    """The gradients of a loss on the gradients, with respect to what `conv2d_backward` was given.

    With L = ⟨ggx, dx⟩ + ⟨ggW, dW⟩, where dx and dW are what `conv2d_backward` returns:

        dgrad_out = conv2d(ggx, W) + conv2d(x, ggW)
        dx        = the dx of conv2d_backward(grad_out, ·, ggW)
        dW        = the dW of conv2d_backward(grad_out, ggx, ·)

    For complex arrays these are the adjoints, as in `conv2d_backward`.

    Parameters
    ----------
    ggx : array_like or None
        The gradient with respect to dx, of x's shape, or None for zero.
    ggW : array_like or None
        The gradient with respect to dW, of W's shape, or None for zero.
    grad_out, x, W, padding, stride, dilation, groups, padding_mode : optional
        As in `conv2d_backward`.
    needs : sequence of str
        What to compute, of "dgrad_out", "dx" and "dW", and in which order.
    precision, engine, threads, max_workspace : optional
        As for `conv2d`.

    Returns
    -------
    Gradients
        A tuple of what `needs` names, new arrays in the shapes of grad_out, x and W.

    Raises
    ------
    ValueError, TypeError, MemoryError
        As `conv2d_backward`.

    See Also
    --------
    conv2d_backward, conv2d_jvp

    References
    ----------
    The product rule, on the equations of `conv2d_backward`.

    Examples
    --------
    >>> import numpy as np
    >>> x, W = np.ones((1, 3, 3)), np.ones((1, 1, 2, 2))
    >>> dgrad_out, dx, dW = conv2d_double_backward(x, None, np.ones((1, 2, 2)), x, W)
    >>> dgrad_out
    array([[[4., 4.],
            [4., 4.]]])
    >>> dx.any(), dW
    (np.False_, array([[[[4., 4.],
             [4., 4.]]]]))
    """
    if others:
        raise unexpected(conv2d_double_backward, others)
    options = Options(
        padding, stride, dilation, groups, padding_mode, precision, engine, threads, max_workspace
    )
    return call.double_backward(2, ggx, ggW, grad_out, x, W, options, needs)


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
    **others: Any,
) -> tuple[Array, ...]:
    """The gradients of the gradients of `conv1d`, as `conv2d_double_backward` gives those of 2-D.

        dgrad_out = conv1d(ggx, W) + conv1d(x, ggW)
        dx        = the dx of conv1d_backward(grad_out, ·, ggW)
        dW        = the dW of conv1d_backward(grad_out, ggx, ·)

    Parameters
    ----------
    ggx, ggW, grad_out, x, W : array_like or None
        As for `conv2d_double_backward`, in these shapes.
    padding, stride, dilation, groups, padding_mode, needs, precision, engine : optional
        As for `conv2d_double_backward`.
    threads, max_workspace : optional
        As for `conv2d_double_backward`.

    Returns
    -------
    Gradients
        As `conv2d_double_backward` returns it.

    See Also
    --------
    conv1d_backward, conv1d_jvp

    References
    ----------
    As for `conv2d_double_backward`.

    Examples
    --------
    >>> import numpy as np
    >>> x, W, grad_out = np.ones((1, 3)), np.ones((1, 1, 2)), np.ones((1, 2))
    >>> float(conv1d_double_backward(x, None, grad_out, x, W, needs=("dgrad_out",))[0].sum())
    4.0
    """
    if others:
        raise unexpected(conv1d_double_backward, others)
    options = Options(
        padding, stride, dilation, groups, padding_mode, precision, engine, threads, max_workspace
    )
    return call.double_backward(1, ggx, ggW, grad_out, x, W, options, needs)


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
    **others: Any,
) -> tuple[Array, ...]:
    """The gradients of the gradients of `conv3d`, as `conv2d_double_backward` gives those of 2-D.

        dgrad_out = conv3d(ggx, W) + conv3d(x, ggW)
        dx        = the dx of conv3d_backward(grad_out, ·, ggW)
        dW        = the dW of conv3d_backward(grad_out, ggx, ·)

    Parameters
    ----------
    ggx, ggW, grad_out, x, W : array_like or None
        As for `conv2d_double_backward`, in these shapes.
    padding, stride, dilation, groups, padding_mode, needs, precision, engine : optional
        As for `conv2d_double_backward`.
    threads, max_workspace : optional
        As for `conv2d_double_backward`.

    Returns
    -------
    Gradients
        As `conv2d_double_backward` returns it.

    See Also
    --------
    conv3d_backward, conv3d_jvp

    References
    ----------
    As for `conv2d_double_backward`.

    Examples
    --------
    >>> import numpy as np
    >>> x, W, grad_out = np.ones((1, 3, 3, 3)), np.ones((1, 1, 2, 2, 2)), np.ones((1, 2, 2, 2))
    >>> float(conv3d_double_backward(x, None, grad_out, x, W, needs=("dgrad_out",))[0].sum())
    64.0
    """
    if others:
        raise unexpected(conv3d_double_backward, others)
    options = Options(
        padding, stride, dilation, groups, padding_mode, precision, engine, threads, max_workspace
    )
    return call.double_backward(3, ggx, ggW, grad_out, x, W, options, needs)
