"""Convolutions for autograd, the automatic differentiation of NumPy code, to any order.

    import autograd.numpy as np
    from autograd import grad
    from dxdw.interop.autograd import conv2d

    dW = grad(lambda W: np.sum(np.tanh(conv2d(x, W, padding=1)) ** 2))(W)

Gradients of gradients, Jacobians and forward mode (`autograd.make_jvp`) work as with autograd's own
functions: each pass of a convolution is bilinear, and its derivatives are the other two.
"""

from typing import Any

from ..core.documentation import pointing_to, refused
from ..extras import need

need("autograd", "dxdw.interop.autograd", "autograd")

import autograd.numpy as anp  # noqa: E402
from autograd.extend import defjvp, defvjp, primitive  # noqa: E402
from autograd.tracer import isbox  # noqa: E402

from ..call import geometries, operands  # noqa: E402
from ..call.options import Options  # noqa: E402
from ..typing import Padding, PaddingMode, PerAxis  # noqa: E402
from . import numpy_passes  # noqa: E402
from .bilinear import PULLBACKS, Case  # noqa: E402

__all__ = ["conv1d", "conv2d", "conv3d"]

ROOM = "autograd"


def conv2d(
    x: Any,
    W: Any,
    padding: Padding = 0,
    stride: PerAxis = 1,
    *,
    dilation: PerAxis = 1,
    groups: int = 1,
    bias: Any = None,
    padding_mode: PaddingMode = "zeros",
) -> Any:
    """`dxdw.conv2d` for autograd: of x, W and bias the derivatives are known, of any order.

        out[n,o,i,j] = bias[o] + Σ_{c,u,v} W[o,c,u,v] · x[n, c, i·s + u·d − p, j·s + v·d − p]

    Parameters
    ----------
    x : array_like
        (C_in, H, W) or (N, C_in, H, W): an array of NumPy's, nested lists, or what autograd
        follows.
    W : array_like
        (C_out, C_in/groups, kH, kW).
    padding, stride, dilation, groups : optional
        As for `dxdw.conv2d`.
    bias : array_like or None
        (C_out,), or None.
    padding_mode : {"zeros", "reflect", "replicate", "circular"}
        As for `dxdw.conv2d`.

    Returns
    -------
    array
        (C_out, out_H, out_W), with N in front where x has it. It is a new array, no view of the
        operands. Its dtype is that of `conv2d`.

    Raises
    ------
    ValueError, TypeError, MemoryError
        As `dxdw.conv2d`. Arrays of other libraries are refused.

    See Also
    --------
    dxdw.conv2d, dxdw.gradcheck

    References
    ----------
    As for `dxdw.conv2d`; the request for it is HIPS/autograd's issue 269.

    Examples
    --------
    >>> import autograd.numpy as np
    >>> from autograd import grad
    >>> x, W = np.ones((1, 3, 3)), np.array([[[[1.0, 2.0], [3.0, 4.0]]]])
    >>> grad(lambda W: np.sum(conv2d(x, W) ** 2) / 2)(W)
    array([[[[40., 40.],
             [40., 40.]]]])
    """
    return _convolve(2, x, W, padding, stride, dilation, groups, bias, padding_mode)


def conv1d(
    x: Any,
    W: Any,
    padding: Padding = 0,
    stride: PerAxis = 1,
    *,
    dilation: PerAxis = 1,
    groups: int = 1,
    bias: Any = None,
    padding_mode: PaddingMode = "zeros",
) -> Any:
    """`dxdw.conv1d` for autograd, as `conv2d` here is `dxdw.conv2d`.

        out[n,o,i] = bias[o] + Σ_{c,u} W[o,c,u] · x[n, c, i·stride + u·dilation − padding]

    x is (N, C_in, L) or (C_in, L), W (C_out, C_in/groups, k), the result (N, C_out, out_L). Dtypes,
    aliasing and errors are those of `conv2d`.

    Parameters
    ----------
    x, W : array_like
        As for `conv2d`, in these shapes.
    padding, stride, dilation, groups, bias, padding_mode : optional
        As for `conv2d`.

    Returns
    -------
    array
        As `conv2d` returns it.

    See Also
    --------
    dxdw.conv1d, dxdw.gradcheck

    References
    ----------
    As for `conv2d`.

    Examples
    --------
    >>> import autograd.numpy as np
    >>> from autograd import grad
    >>> grad(lambda x: np.sum(conv1d(x, np.array([[[1.0, 2.0]]]))))(np.ones((1, 3)))
    array([[1., 3., 2.]])
    """
    return _convolve(1, x, W, padding, stride, dilation, groups, bias, padding_mode)


def conv3d(
    x: Any,
    W: Any,
    padding: Padding = 0,
    stride: PerAxis = 1,
    *,
    dilation: PerAxis = 1,
    groups: int = 1,
    bias: Any = None,
    padding_mode: PaddingMode = "zeros",
) -> Any:
    """`dxdw.conv3d` for autograd, as `conv2d` here is `dxdw.conv2d`.

        out[n,o,h,i,j] = bias[o] + Σ_{c,t,u,v} W[o,c,t,u,v] · x[n, c, h·s + t·d − p, …]

    x is (N, C_in, D, H, W) or (C_in, D, H, W), W (C_out, C_in/groups, kD, kH, kW), the result
    (N, C_out, out_D, out_H, out_W). Dtypes, aliasing and errors are those of `conv2d`.

    Parameters
    ----------
    x, W : array_like
        As for `conv2d`, in these shapes.
    padding, stride, dilation, groups, bias, padding_mode : optional
        As for `conv2d`.

    Returns
    -------
    array
        As `conv2d` returns it.

    See Also
    --------
    dxdw.conv3d, dxdw.gradcheck

    References
    ----------
    As for `conv2d`.

    Examples
    --------
    >>> import autograd.numpy as np
    >>> from autograd import grad
    >>> x, W = np.ones((1, 2, 2, 2)), np.ones((1, 1, 2, 2, 2))
    >>> float(np.sum(grad(lambda W: np.sum(conv3d(x, W)))(W)))
    8.0
    """
    return _convolve(3, x, W, padding, stride, dilation, groups, bias, padding_mode)


@pointing_to(ROOM)
def _convolve(
    ndim: int,
    x: Any,
    W: Any,
    padding: Any,
    stride: Any,
    dilation: Any,
    groups: Any,
    bias: Any,
    padding_mode: str,
) -> Any:
    x, W = _operand(x, "x"), _operand(W, "W")
    x_shape, W_shape = anp.shape(x), anp.shape(W)
    geometry, batched = geometries.convolution(
        ndim, x_shape, W_shape, Options(padding, stride, dilation, groups, padding_mode)
    )
    if not batched:
        x = anp.reshape(x, (1, *x_shape))
    case = Case(geometry, ndim)
    if bias is None:
        out = bilinear(x, W, "forward", case)
    else:
        out = with_bias(x, W, _operand(bias, "bias"), case)
    return out if batched else out[0]


def _operand(value: Any, name: str) -> Any:
    """What autograd follows as it is, all else as a NumPy array of numbers."""
    if isinstance(value, (list, tuple)):
        try:
            value = anp.array(value)  # a list of followed numbers is followed
        except ValueError as error:
            raise refused(ValueError, f"{name} can't be made an array: {error}", ROOM) from None
    return value if isbox(value) else operands.numpy_array(value, name)


@primitive
def bilinear(first: Any, second: Any, kind: str, case: Case) -> Any:
    """One of the three passes: "forward" of (x, W), "dx" of (g, W) or "dW" of (g, x)."""
    # A list that autograd follows comes as it is.
    first, second = operands.numpy_array(first, "x"), operands.numpy_array(second, "W")
    return numpy_passes.run(kind, first, second, case)


@primitive
def with_bias(x: Any, W: Any, bias: Any, case: Case) -> Any:
    """The forward pass and a bias: of 16-bit floats, or of integers, rounded once, at its end.

    One function for autograd, and no sum of two, for which it would follow x in the dtype that is
    computed in: dW would have that too.
    """
    given = {"x": x, "W": W, "bias": bias}
    given = {name: operands.numpy_array(a, name) for name, a in given.items()}
    operands.check_bias(given["bias"], case.geometry.channels_out)
    compute, result = operands.common_dtypes(**given)
    out = numpy_passes.run("forward", given["x"].astype(compute, copy=False), given["W"], case)
    return (out + given["bias"].astype(compute).reshape(-1, *[1] * case.ndim)).astype(result)


def _vjp(index: int) -> Any:
    def maker(_: Any, first: Any, second: Any, kind: str, case: Case) -> Any:
        pullback, (a, b) = PULLBACKS[kind][index]

        def vjp(g: Any) -> Any:
            operands = (g, first, second)
            gradient = bilinear(operands[a], operands[b], pullback, case)
            return _of_like_kind(gradient, (first, second)[index])

        return vjp

    return maker


def _of_like_kind(gradient: Any, operand: Any) -> Any:
    """autograd's convention: no conjugates, and a real operand has a real gradient."""
    real = anp.iscomplexobj(gradient) and not anp.iscomplexobj(operand)
    return anp.real(gradient) if real else gradient


def _summed_over_positions(g: Any, case: Case) -> Any:
    return anp.sum(g, axis=(0, *range(2, 2 + case.ndim)))


def _at_every_position(t: Any, out: Any, case: Case) -> Any:
    return anp.reshape(t, (-1, *[1] * case.ndim)) + anp.zeros(out.shape, out.dtype)


defvjp(bilinear, _vjp(0), _vjp(1), argnums=(0, 1))
defjvp(
    bilinear,
    lambda t, _, __, second, kind, case: bilinear(t, second, kind, case),
    lambda t, _, first, __, kind, case: bilinear(first, t, kind, case),
    argnums=(0, 1),
)
defvjp(
    with_bias,
    lambda _, x, W, __, case: _vjp(0)(None, x, W, "forward", case),
    lambda _, x, W, __, case: _vjp(1)(None, x, W, "forward", case),
    lambda _, __, ___, bias, case: lambda g: _of_like_kind(_summed_over_positions(g, case), bias),
)
defjvp(
    with_bias,
    lambda t, _, __, W, ___, case: bilinear(t, W, "forward", case),
    lambda t, _, x, __, ___, case: bilinear(x, t, "forward", case),
    lambda t, out, _, __, ___, case: _at_every_position(t, out, case),
)
