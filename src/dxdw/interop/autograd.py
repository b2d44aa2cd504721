"""Convolutions for autograd, the automatic differentiation of NumPy code, to any order.

    import autograd.numpy as np
    from autograd import grad
    from dxdw.interop.autograd import conv2d

    dW = grad(lambda W: np.sum(np.tanh(conv2d(x, W, padding=1)) ** 2))(W)

Gradients of gradients, Jacobians and forward mode (`autograd.make_jvp`) work as with autograd's own
functions: each pass of a convolution is bilinear, and its derivatives are the other two.
"""

from typing import Any

from ..extras import need

need("autograd", "dxdw.interop.autograd", "autograd")

import autograd.numpy as anp  # noqa: E402
from autograd.extend import defjvp, defvjp, primitive  # noqa: E402

from .. import arguments  # noqa: E402
from . import numpy_passes  # noqa: E402
from .bilinear import PULLBACKS, Case  # noqa: E402


def conv2d(
    x: Any,
    W: Any,
    padding: Any = 0,
    stride: Any = 1,
    *,
    dilation: Any = 1,
    groups: int = 1,
    bias: Any = None,
    padding_mode: str = "zeros",
) -> Any:
    """`dxdw.conv2d` for autograd: of x, W and bias the derivatives are known, of any order.

        out[n,o,i,j] = bias[o] + Σ_{c,u,v} W[o,c,u,v] · x[n, c, i·s + u·d − p, j·s + v·d − p]

    Args:
        x, W, padding, stride, dilation, groups, bias, padding_mode: as for `dxdw.conv2d`.

    Returns:
        A new array, as `dxdw.conv2d` gives it.

    Raises:
        ValueError, TypeError, MemoryError: as `dxdw.conv2d`.

    Example, the derivative of a sum of squares::

        >>> import autograd.numpy as np
        >>> from autograd import grad
        >>> x, W = np.ones((1, 3, 3)), np.array([[[[1.0, 2.0], [3.0, 4.0]]]])
        >>> grad(lambda W: np.sum(conv2d(x, W) ** 2) / 2)(W)
        array([[[[40., 40.],
                 [40., 40.]]]])

    Source: as for `dxdw.conv2d`; the request for it is HIPS/autograd's issue 269.
    """
    return _convolve(2, x, W, padding, stride, dilation, groups, bias, padding_mode)


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
) -> Any:
    """`dxdw.conv1d` for autograd, as `conv2d` here is `dxdw.conv2d`.

        out[n,o,i] = bias[o] + Σ_{c,u} W[o,c,u] · x[n, c, i·stride + u·dilation − padding]

    Example::

        >>> import autograd.numpy as np
        >>> from autograd import grad
        >>> grad(lambda x: np.sum(conv1d(x, np.array([[[1.0, 2.0]]]))))(np.ones((1, 3)))
        array([[1., 3., 2.]])

    Source: as for `conv2d`.
    """
    return _convolve(1, x, W, padding, stride, dilation, groups, bias, padding_mode)


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
) -> Any:
    """`dxdw.conv3d` for autograd, as `conv2d` here is `dxdw.conv2d`.

        out[n,o,h,i,j] = bias[o] + Σ_{c,t,u,v} W[o,c,t,u,v] · x[n, c, h·s + t·d − p, …]

    Example::

        >>> import autograd.numpy as np
        >>> from autograd import grad
        >>> x, W = np.ones((1, 2, 2, 2)), np.ones((1, 1, 2, 2, 2))
        >>> float(np.sum(grad(lambda W: np.sum(conv3d(x, W)))(W)))
        8.0

    Source: as for `conv2d`.
    """
    return _convolve(3, x, W, padding, stride, dilation, groups, bias, padding_mode)


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
    x_shape, W_shape = anp.shape(x), anp.shape(W)
    geometry, batched = arguments.convolution(
        ndim, x_shape, W_shape, padding, stride, dilation, groups, padding_mode
    )
    if not batched:
        x = anp.reshape(x, (1, *x_shape))
    out = bilinear(x, W, "forward", Case(geometry, ndim))
    if bias is not None:
        arguments.check_bias(anp.array(bias), geometry.channels_out)
        out = out + anp.reshape(bias, (-1, *[1] * ndim))
    return out if batched else out[0]


@primitive
def bilinear(first: Any, second: Any, kind: str, case: Case) -> Any:
    """One of the three passes: "forward" of (x, W), "dx" of (g, W) or "dW" of (g, x)."""
    operands = arguments.array(first, "x"), arguments.array(second, "W")
    return numpy_passes.run(kind, *operands, case)


def _vjp(index: int) -> Any:
    def maker(_: Any, first: Any, second: Any, kind: str, case: Case) -> Any:
        pullback, (a, b) = PULLBACKS[kind][index]
        # autograd's convention: no conjugates, and a real operand has a real gradient.
        real = not anp.iscomplexobj((first, second)[index])

        def vjp(g: Any) -> Any:
            operands = (g, first, second)
            gradient = bilinear(operands[a], operands[b], pullback, case)
            return anp.real(gradient) if real and anp.iscomplexobj(gradient) else gradient

        return vjp

    return maker


defvjp(bilinear, _vjp(0), _vjp(1), argnums=(0, 1))
defjvp(
    bilinear,
    lambda t, _, __, second, kind, case: bilinear(t, second, kind, case),
    lambda t, _, first, __, kind, case: bilinear(first, t, kind, case),
    argnums=(0, 1),
)
