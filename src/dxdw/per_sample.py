"""dW of every sample of a batch by itself, of one, two and three dimensions."""

from typing import Any

from . import _typed
from .call import derivatives as call
from .call.options import Options
from .call.other_names import unexpected
from .core.arrays import Array


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
    **others: Any,
) -> Array:
    """dW of every image of a batch by itself, as differential privacy and influence need it.

        result[n,o,c,u,v] = Σ_{i,j} grad_out[n,o,i,j] · x[n, c, i·s + u·d − p, j·s + v·d − p]

    Its sum over n is the dW of `conv2d_backward`. All arguments are as there; of W only the shape
    is used.

    Parameters
    ----------
    grad_out, x, W : array_like
        As for `conv2d_backward`.
    padding, stride, dilation, groups, padding_mode, precision, engine : optional
        As for `conv2d_backward`.
    threads, max_workspace : optional
        As for `conv2d_backward`.

    Returns
    -------
    array
        (N, C_out, C_in/groups, kH, kW), a new array; N is 1 where x has no batch axis.

    Raises
    ------
    ValueError, TypeError, MemoryError
        As `conv2d_backward`.

    See Also
    --------
    conv2d_backward

    References
    ----------
    Rochette et al., "Efficient per-example gradient computations in convolutional neural
    networks", 2019: images as groups.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.stack([np.ones((1, 3, 3)), np.full((1, 3, 3), 2.0)])
    >>> conv2d_per_sample_dW(np.ones((2, 1, 2, 2)), x, np.ones((1, 1, 2, 2)))[:, 0, 0, 0]
    array([[4., 4.],
           [8., 8.]])
    """
    if others:
        raise unexpected(conv2d_per_sample_dW, others)
    options = Options(
        padding, stride, dilation, groups, padding_mode, precision, engine, threads, max_workspace
    )
    return call.per_sample_dW(2, grad_out, x, W, options)


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
    **others: Any,
) -> Array:
    """dW of `conv1d` for every sample of a batch by itself, as `conv2d_per_sample_dW` for 2-D.

        result[n] = the dW of conv1d_backward(grad_out[n], x[n], W)

    Parameters
    ----------
    grad_out, x, W : array_like
        As for `conv2d_per_sample_dW`, in these shapes.
    padding, stride, dilation, groups, padding_mode, precision, engine : optional
        As for `conv2d_per_sample_dW`.
    threads, max_workspace : optional
        As for `conv2d_per_sample_dW`.

    Returns
    -------
    array
        As `conv2d_per_sample_dW` returns it.

    See Also
    --------
    conv1d_backward

    References
    ----------
    As for `conv2d_per_sample_dW`.

    Examples
    --------
    >>> import numpy as np
    >>> grad_out, x, W = np.ones((5, 1, 2)), np.ones((5, 1, 3)), np.ones((1, 1, 2))
    >>> conv1d_per_sample_dW(grad_out, x, W).shape
    (5, 1, 1, 2)
    """
    if others:
        raise unexpected(conv1d_per_sample_dW, others)
    options = Options(
        padding, stride, dilation, groups, padding_mode, precision, engine, threads, max_workspace
    )
    return call.per_sample_dW(1, grad_out, x, W, options)


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
    **others: Any,
) -> Array:
    """dW of `conv3d` for every sample of a batch by itself, as `conv2d_per_sample_dW` for 2-D.

        result[n] = the dW of conv3d_backward(grad_out[n], x[n], W)

    Parameters
    ----------
    grad_out, x, W : array_like
        As for `conv2d_per_sample_dW`, in these shapes.
    padding, stride, dilation, groups, padding_mode, precision, engine : optional
        As for `conv2d_per_sample_dW`.
    threads, max_workspace : optional
        As for `conv2d_per_sample_dW`.

    Returns
    -------
    array
        As `conv2d_per_sample_dW` returns it.

    See Also
    --------
    conv3d_backward

    References
    ----------
    As for `conv2d_per_sample_dW`.

    Examples
    --------
    >>> import numpy as np
    >>> grad_out, x, W = (
    ...     np.ones((5, 1, 2, 2, 2)),
    ...     np.ones((5, 1, 3, 3, 3)),
    ...     np.ones((1, 1, 2, 2, 2)),
    ... )
    >>> conv3d_per_sample_dW(grad_out, x, W).shape
    (5, 1, 1, 2, 2, 2)
    """
    if others:
        raise unexpected(conv3d_per_sample_dW, others)
    options = Options(
        padding, stride, dilation, groups, padding_mode, precision, engine, threads, max_workspace
    )
    return call.per_sample_dW(3, grad_out, x, W, options)
