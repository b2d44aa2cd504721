"""Convolutions as SciPy's linear operators: of the picture, or of the kernel that is looked for.

    from scipy.sparse.linalg import lsqr

    K = Conv2dOperator(kernel, picture.shape, padding="same")
    picture = lsqr(K, blurred.ravel(), damp=0.01)[0].reshape(picture.shape)

Solvers of `scipy.sparse.linalg` take them as they are, and PyLops by `pylops.aslinearoperator`.
"""

from math import prod
from typing import Any

from ..core.documentation import pointing_to
from ..extras import need

need("scipy", "dxdw.interop.scipy", "scipy")

import numpy as np  # noqa: E402
from numpy.typing import DTypeLike  # noqa: E402
from scipy.sparse.linalg import LinearOperator  # noqa: E402

from ..call import geometries, operands  # noqa: E402
from ..call.options import Options, execution  # noqa: E402
from ..convolution import conv2d, conv2d_backward  # noqa: E402
from ..core.arrays import Array  # noqa: E402
from ..typing import Numbers, Padding, PaddingMode, PerAxis, Precision  # noqa: E402
from .bilinear import Case, stacked  # noqa: E402

__all__ = ["Conv2dOperator", "FilterOperator"]

ROOM = "scipy"


class _Columns(LinearOperator):
    """What two of them have in common: a vector is a matrix of one column."""

    def _matvec(self, x: Array) -> Array:
        return self._matmat(x.reshape(-1, 1)).ravel()

    def _rmatvec(self, y: Array) -> Array:
        return self._rmatmat(y.reshape(-1, 1)).ravel()


def _rows(X: Array) -> Array:
    """Columns as rows. A np.matrix, which SciPy hands on as it is, would keep its two axes."""
    return X.T.view(np.ndarray) if isinstance(X, np.matrix) else X.T


class Conv2dOperator(_Columns):
    """x ↦ conv2d(x, W) as a linear operator on x.ravel(), its adjoint the dx of `conv2d_backward`.

        A x = conv2d(x, W)        Aᴴ y = the dx of conv2d_backward(y, ·, W)

    `matmat` and `rmatmat` take each column as an image of one batch. Results are new arrays. A
    vector has the length of the raveled image: `A @ x.ravel()`, and `.reshape(A.out_shape)` back.

    Parameters
    ----------
    W : array_like
        (C_out, C_in/groups, kH, kW), of NumPy or nested lists. It is not copied: who changes it,
        changes the operator.
    x_shape : sequence of int
        (C_in, H, W) or (N, C_in, H, W).
    padding, stride, dilation, groups, padding_mode, precision : optional
        As for `conv2d`.
    dtype : dtype_like or None
        Of x; by default W's. The operator's own is that of the results, as of `conv2d`.

    Attributes
    ----------
    x_shape, out_shape : tuple of int
        Of x and of conv2d(x, W), for `reshape`.

    Raises
    ------
    ValueError, TypeError
        As `conv2d`, when it is made; SciPy's own ("dimension mismatch") for a vector of another
        length.

    See Also
    --------
    FilterOperator

    References
    ----------
    Claerbout, "Earth soundings analysis", 1992, for operators in pairs with their adjoints.

    Examples
    --------
    >>> import numpy as np
    >>> A = Conv2dOperator([[[[1, 2], [3, 4]]]], (1, 3, 3))
    >>> A.matvec(np.ones(9)).reshape(A.out_shape)
    array([[[10., 10.],
            [10., 10.]]])
    >>> A.rmatvec([1, 0, 0, 0]).reshape(A.x_shape)
    array([[[1., 2., 0.],
            [3., 4., 0.],
            [0., 0., 0.]]])
    """

    @pointing_to(ROOM)
    def __init__(
        self,
        W: Numbers,
        x_shape: tuple[int, ...],
        padding: Padding = 0,
        stride: PerAxis = 1,
        *,
        dilation: PerAxis = 1,
        groups: int = 1,
        padding_mode: PaddingMode = "zeros",
        precision: Precision = "high",
        dtype: DTypeLike | None = None,
    ) -> None:
        self._W = operands.numpy_array(W, "W")
        self.x_shape: tuple[int, ...] = operands.shape(x_shape, "x_shape")
        x = operands.empty_of(self._W.dtype if dtype is None else dtype, "x of this dtype")
        _, result = operands.common_dtypes(x=x, W=self._W)
        options: dict[str, Any] = {
            "dilation": dilation,
            "groups": groups,
            "padding_mode": padding_mode,
        }
        geometry, self._batched = geometries.convolution(
            2, self.x_shape, self._W.shape, Options(padding, stride, **options)
        )
        self._options = {"padding": padding, "stride": stride, "precision": precision, **options}
        execution(Options(precision=precision))
        shape = geometry.out_shape
        self.out_shape: tuple[int, ...] = shape if self._batched else shape[1:]
        super().__init__(result, (int(np.prod(self.out_shape)), int(np.prod(self.x_shape))))

    def _matmat(self, X: Array) -> Array:
        images = _rows(X).reshape(X.shape[1] * prod(self.x_shape[:-3]), *self.x_shape[-3:])
        return conv2d(images, self._W, **self._options).reshape(X.shape[1], self.shape[0]).T

    def _rmatmat(self, Y: Array) -> Array:
        grad_out = _rows(Y).reshape(Y.shape[1] * prod(self.out_shape[:-3]), *self.out_shape[-3:])
        # Of x the shape alone counts: a zero that is repeated takes no memory.
        x = np.broadcast_to(np.zeros(1, self.dtype), (len(grad_out), *self.x_shape[-3:]))
        (dx,) = conv2d_backward(grad_out, x, self._W, needs=("dx",), **self._options)
        return dx.reshape(Y.shape[1], self.shape[1]).T


class FilterOperator(_Columns):
    """W ↦ conv2d(x, W) as a linear operator on W.ravel(), its adjoint the dW of `conv2d_backward`.

        A W = conv2d(x, W)        Aᴴ y = the dW of conv2d_backward(y, x, ·)

    Solving A W = y finds an unknown kernel from what goes in and what comes out. `matmat` and
    `rmatmat` take the columns as more output channels of one convolution. Results are new arrays.

    Parameters
    ----------
    x : array_like
        (C_in, H, W) or (N, C_in, H, W), of NumPy or nested lists. It is not copied.
    W_shape : sequence of int
        (C_out, C_in/groups, kH, kW).
    padding, stride, dilation, groups, padding_mode, precision : optional
        As for `conv2d`.
    dtype : dtype_like or None
        Of W; by default x's. The operator's own is that of the results.

    Attributes
    ----------
    W_shape, out_shape : tuple of int
        Of W and of conv2d(x, W), for `reshape`.

    Raises
    ------
    ValueError, TypeError
        As for `Conv2dOperator`.

    See Also
    --------
    Conv2dOperator

    References
    ----------
    As for `Conv2dOperator`.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.sparse.linalg import lsqr
    >>> x = np.random.default_rng(0).standard_normal((1, 9, 9))
    >>> W = np.array([[[[1.0, 2.0], [3.0, 4.0]]]])
    >>> A = FilterOperator(x, W.shape)
    >>> lsqr(A, A @ W.ravel(), atol=1e-12, btol=1e-12)[0].round(6)
    array([1., 2., 3., 4.])
    """

    @pointing_to(ROOM)
    def __init__(
        self,
        x: Numbers,
        W_shape: tuple[int, int, int, int],
        padding: Padding = 0,
        stride: PerAxis = 1,
        *,
        dilation: PerAxis = 1,
        groups: int = 1,
        padding_mode: PaddingMode = "zeros",
        precision: Precision = "high",
        dtype: DTypeLike | None = None,
    ) -> None:
        self._x = operands.numpy_array(x, "x")
        self.W_shape: tuple[int, ...] = operands.shape(W_shape, "W_shape")
        W = operands.empty_of(self._x.dtype if dtype is None else dtype, "W of this dtype")
        _, result = operands.common_dtypes(x=self._x, W=W)
        options: dict[str, Any] = {
            "dilation": dilation,
            "groups": groups,
            "padding_mode": padding_mode,
        }
        geometry, batched = geometries.convolution(
            2, self._x.shape, self.W_shape, Options(padding, stride, **options)
        )
        self._options = {"padding": padding, "stride": stride, "precision": precision, **options}
        execution(Options(precision=precision))
        self._x, self._case = self._x.reshape(geometry.x_shape), Case(geometry, 2)
        shape = geometry.out_shape
        self.out_shape: tuple[int, ...] = shape if batched else shape[1:]
        super().__init__(result, (int(np.prod(self.out_shape)), int(np.prod(self.W_shape))))

    def _matmat(self, X: Array) -> Array:
        if not X.shape[1]:
            return np.zeros((self.shape[0], 0), self.dtype)
        kernels = _rows(X).reshape(X.shape[1], *self.W_shape)
        stack = stacked("forward", self._case, self._x, kernels, "second", np)
        options = self._options | {"groups": stack.case.geometry.groups}
        out = conv2d(stack.first, stack.second, **options)
        return stack.unstack(out, np).reshape(X.shape[1], self.shape[0]).T

    def _rmatmat(self, Y: Array) -> Array:
        if not Y.shape[1]:
            return np.zeros((self.shape[1], 0), self.dtype)
        grad_out = _rows(Y).reshape(Y.shape[1], *self._case.shape("forward"))
        stack = stacked("dW", self._case, grad_out, self._x, "first", np)
        options = self._options | {"groups": stack.case.geometry.groups}
        W = np.broadcast_to(np.zeros(1, self.dtype), stack.case.shape("dW"))
        (dW,) = conv2d_backward(stack.first, stack.second, W, needs=("dW",), **options)
        return stack.unstack(dW, np).reshape(Y.shape[1], self.shape[1]).T
