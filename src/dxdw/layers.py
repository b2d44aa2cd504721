"""The layers a small classifier has beside its convolutions, forward and backward.

They take NumPy arrays (or nested lists) of real numbers. float16 and bfloat16 are computed in
float32, and results have the dtypes that those of the convolutions have. Results are new arrays,
never views of the operands, which are never changed.
"""

from functools import reduce
from typing import Any

import numpy as np

from . import _typed
from . import layer_arguments as checks
from .core.arrays import Array, unwarned
from .typing import DxDWDb

__all__ = [
    "linear",
    "linear_backward",
    "max_pool_2d",
    "max_pool_2d_backward",
    "relu",
    "relu_backward",
    "softmax",
    "softmax_cross_entropy",
]


@_typed.activation
def relu(x: Any) -> Array:
    """The positive part of x, element by element.

        out = max(x, 0)

    Parameters
    ----------
    x : array_like
        Real numbers in any shape.

    Returns
    -------
    array
        An array of x's shape; NaN stays NaN.

    Raises
    ------
    TypeError
        An array of another library, or one of bool, complex or no numbers.

    See Also
    --------
    relu_backward

    References
    ----------
    Nair & Hinton, "Rectified linear units improve restricted Boltzmann machines", 2010.

    Examples
    --------
    >>> relu([-1, 0, 2])
    array([0., 0., 2.])
    """
    (x,), result = checks.operands(x=x)
    # (Of an array without axes NumPy makes a number.)
    return np.asarray(np.maximum(x, 0)).astype(result, copy=False)


@_typed.activation_backward
def relu_backward(grad_out: Any, x: Any) -> Array:
    """The gradient with respect to what `relu` was given.

        dx = grad_out where x > 0, and 0 where x ≤ 0

    At the kink, x = 0, that is the smallest of the subgradients 0…1. Where x is NaN the gradient
    goes through, so that a NaN does not pass for a zero.

    Parameters
    ----------
    grad_out : array_like
        Of x's shape.
    x : array_like
        As the forward had it.

    Returns
    -------
    array
        Dx, in the shape of x.

    Raises
    ------
    ValueError
        grad_out and x of different shapes.
    TypeError
        As `relu`.

    See Also
    --------
    relu

    References
    ----------
    As `relu`.

    Examples
    --------
    >>> relu_backward([10, 10, 10], [-1, 0, 2])
    array([ 0.,  0., 10.])
    """
    (grad_out, x), result = checks.operands(grad_out=grad_out, x=x)
    checks.check_shape(grad_out, "grad_out", x.shape, "the shape of x")
    return np.where(x <= 0, 0, grad_out).astype(result, copy=False)


@_typed.pooling
def max_pool_2d(x: Any, kernel_size: Any, stride: Any = None) -> Array:
    """The largest value of each window: problem 03 of the practice series.

        out[n,c,i,j] = max over u < kH, v < kW of x[n, c, i·sH + u, j·sW + v]

    Parameters
    ----------
    x : array_like
        (C, H, W) or (N, C, H, W).
    kernel_size : int or sequence of int
        (kH, kW), or one integer for both; at least 1.
    stride : int, sequence of int or None
        (sH, sW), or one integer for both; at least 1. None is kernel_size: windows that do not
        overlap.

    Returns
    -------
    array
        (C, (H−kH)//sH + 1, (W−kW)//sW + 1), with N in front where x has it. Rows and columns that
        no window covers are left out. A window with a NaN gives NaN.

    Raises
    ------
    ValueError
        x without 3 or 4 axes, or smaller than a window; a size or stride below 1.
    TypeError
        a size or stride that is no integer; x as in `relu`.

    See Also
    --------
    max_pool_2d_backward

    References
    ----------
    Scherer, Müller & Behnke, "Evaluation of pooling operations in convolutional
    architectures for object recognition", 2010.

    Examples
    --------
    >>> max_pool_2d([[[1, 2, 5], [4, 3, 0]]], kernel_size=2, stride=1)
    array([[[4., 5.]]])
    """
    (x,), result = checks.operands(x=x)
    windows = checks.windows(x.shape, kernel_size, stride)
    return _largest(x, windows).astype(result)  # a copy in any case


@_typed.pooling_backward
def max_pool_2d_backward(grad_out: Any, x: Any, kernel_size: Any, stride: Any = None) -> Array:
    """The gradient with respect to what `max_pool_2d` was given.

        dx[n,c,h,w] = Σ grad_out[n,c,i,j]     over the windows (i,j) whose largest value is at (h,w)

    Where a window has its largest value several times, the first of them in row-major order (row by
    row, from the left) gets all of the gradient. NaN counts as the largest value.

    Parameters
    ----------
    grad_out : array_like
        Of the shape of the forward's output.
    x, kernel_size, stride : optional
        As the forward had them.

    Returns
    -------
    array
        Dx, in the shape of x; 0 where no window covers it.

    Raises
    ------
    ValueError, TypeError
        As `max_pool_2d`, and a grad_out of another shape.

    See Also
    --------
    max_pool_2d

    References
    ----------
    As `max_pool_2d`.

    Examples
    --------
    >>> max_pool_2d_backward([[[10, 20]]], [[[1, 2, 5], [4, 3, 0]]], kernel_size=2, stride=1)
    array([[[ 0.,  0., 20.],
            [10.,  0.,  0.]]])
    """
    (grad_out, x), result = checks.operands(grad_out=grad_out, x=x)
    windows = checks.windows(x.shape, kernel_size, stride)
    largest = _largest(x, windows)
    checks.check_shape(grad_out, "grad_out", largest.shape, f"the output's shape for x {x.shape}")
    dx = np.zeros(x.shape, x.dtype)
    unclaimed = np.ones(largest.shape, np.bool_)
    for rows in windows.rows:
        for columns in windows.columns:
            here = x[..., rows, columns]
            claimed = unclaimed & ((here == largest) | np.isnan(here))
            dx[..., rows, columns] += np.where(claimed, grad_out, 0)
            unclaimed &= ~claimed
    return dx.astype(result, copy=False)


@_typed.linear
def linear(x: Any, W: Any, b: Any = None) -> Array:
    """A matrix product and a bias.

        out[n,k] = Σ_m x[n,m] · W[m,k] + b[k]

    Parameters
    ----------
    x : array_like
        (M,) or (N, M).
    W : array_like
        (M, K).
    b : array_like or None
        (K,), or None for no bias.

    Returns
    -------
    array
        (K,), or (N, K) where x has N.

    Raises
    ------
    ValueError
        Shapes that do not fit.
    TypeError
        As `relu`.

    See Also
    --------
    linear_backward

    References
    ----------
    The definition.

    Examples
    --------
    >>> linear([1, 2], [[1, 0, 1], [0, 1, 1]], b=[0, 0, 10])
    array([ 1.,  2., 13.])
    """
    (x, W, b), result = checks.operands(x=x, W=W, b=b)
    checks.check_linear(x, W)
    out = x @ W
    if b is not None:
        checks.check_shape(b, "b", (W.shape[1],), f"one for each column of W {W.shape}")
        out += b
    return out.astype(result, copy=False)


@_typed.linear_backward
def linear_backward(grad_out: Any, x: Any, W: Any) -> tuple[Array, Array, Array]:
    """The gradients with respect to what `linear` was given.

        dx[n,m] = Σ_k grad_out[n,k] · W[m,k]
        dW[m,k] = Σ_n x[n,m] · grad_out[n,k]
        db[k]   = Σ_n grad_out[n,k]

    Parameters
    ----------
    grad_out : array_like
        Of the shape of the forward's output.
    x, W : array_like
        As the forward had them.

    Returns
    -------
    Gradients
        (dx, dW, db), in the shapes of x, W and b.

    Raises
    ------
    ValueError, TypeError
        As `linear`, and a grad_out of another shape.

    See Also
    --------
    linear

    References
    ----------
    The definition.

    Examples
    --------
    >>> dx, dW, db = linear_backward([1, 0, 1], [1, 2], [[1, 0, 1], [0, 1, 1]])
    >>> dx, db
    (array([2., 1.]), array([1., 0., 1.]))
    >>> dW
    array([[1., 0., 1.],
           [2., 0., 2.]])
    """
    (grad_out, x, W), result = checks.operands(grad_out=grad_out, x=x, W=W)
    checks.check_linear(x, W)
    shape = (*x.shape[:-1], W.shape[1])
    checks.check_shape(grad_out, "grad_out", shape, f"the output's for x {x.shape}, W {W.shape}")
    rows, grad_rows = np.atleast_2d(x), np.atleast_2d(grad_out)
    each = grad_out @ W.T, rows.T @ grad_rows, grad_rows.sum(0)
    return DxDWDb(*[g.astype(result, copy=False) for g in each])


@_typed.softmax
def softmax(z: Any, axis: int = -1) -> Array:
    """Numbers as probabilities that sum to 1 along an axis.

        out[k] = exp(z[k]) / Σ_m exp(z[m])

    The largest z is subtracted first, which changes nothing but that no exp overflows.

    Parameters
    ----------
    z : array_like
        Real numbers with at least one axis.
    axis : int
        The axis to sum along.

    Returns
    -------
    array
        An array of z's shape. −∞ has the probability 0. NaN, +∞ or nothing but −∞ along the axis
        make all of it NaN.

    Raises
    ------
    ValueError
        An axis that z does not have, or of length 0.
    TypeError
        An axis that is no integer; z as in `relu`.

    See Also
    --------
    softmax_cross_entropy

    References
    ----------
    Bridle, "Probabilistic interpretation of feedforward classification network outputs",
    1990; Blanchard, Higham & Higham, "Accurately computing the log-sum-exp and softmax functions",
    2021.

    Examples
    --------
    >>> softmax([1000, 1000])
    array([0.5, 0.5])
    """
    (z,), result = checks.operands(z=z)
    axis = checks.axis_of(z, axis)
    return unwarned(_softmax, z, axis).astype(result, copy=False)


def _softmax(z: Array, axis: int) -> Array:
    powers = np.exp(z - z.max(axis, keepdims=True))
    return powers / powers.sum(axis, keepdims=True)


@_typed.cross_entropy
def softmax_cross_entropy(logits: Any, labels: Any) -> tuple[float, Array]:
    """The mean loss of softmax probabilities against the true classes, and its gradient.

        loss         = −(1/N) Σ_n log softmax(logits[n])[labels[n]]
        dlogits[n,k] = (softmax(logits[n])[k] − [k = labels[n]]) / N

    Parameters
    ----------
    logits : array_like
        (N, K), one score for each class; N at least 1.
    labels : array_like of int
        (N,), integers 0…K−1.

    Returns
    -------
    (float, array)
        (loss, dlogits): the loss in nats, and its gradient in the shape of logits. The loss is
        exact to rounding also where the probability itself underflows.

    Raises
    ------
    ValueError
        Shapes that do not fit, no rows, a label outside 0…K−1.
    TypeError
        Labels that are no integers; logits as in `relu`.

    See Also
    --------
    softmax

    References
    ----------
    As `softmax`.

    Examples
    --------
    >>> loss, dlogits = softmax_cross_entropy([[0, 0]], [1])
    >>> round(loss, 6)  # log 2
    0.693147
    >>> dlogits
    array([[ 0.5, -0.5]])
    """
    (logits,), result = checks.operands(logits=logits)
    labels = checks.labels_for(logits, labels)
    loss, dlogits = unwarned(_cross_entropy, logits, labels)
    return loss, dlogits.astype(result, copy=False)


def _cross_entropy(logits: Array, labels: Array) -> tuple[float, Array]:
    rows = np.arange(len(labels))
    shifted = logits - logits.max(1, keepdims=True)
    powers = np.exp(shifted)
    sums = powers.sum(1, keepdims=True)
    loss = np.mean(np.log(sums[:, 0]) - shifted[rows, labels])
    dlogits = powers / sums
    dlogits[rows, labels] -= 1
    dlogits /= len(labels)
    return float(loss), dlogits


def _largest(x: Array, windows: checks.Windows) -> Array:
    """One axis after the other: kH + kW passes and not kH · kW. Of windows of 1×1, a view of x."""
    rows = reduce(np.maximum, (x[..., row, :] for row in windows.rows))
    return reduce(np.maximum, (rows[..., column] for column in windows.columns))
