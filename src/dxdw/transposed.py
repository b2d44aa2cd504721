"""Transposed convolutions: the adjoint of a convolution as a layer of its own, and its gradients.

With the convolution that maps our output's shape to our input's, the forward pass here is that
convolution's dx, and our gradients are its forward and its dW.
"""

from collections.abc import Sequence
from typing import Any

from . import _typed
from .call import transposed as call
from .call.options import Options
from .call.other_names import unexpected
from .core.arrays import Array


@_typed.transposed_convolution
def conv_transpose2d(
    x: Any,
    W: Any,
    padding: Any = 0,
    stride: Any = 1,
    *,
    output_padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    bias: Any = None,
    out: Array | None = None,
    precision: str = "high",
    engine: str | None = None,
    threads: int | None = None,
    max_workspace: int | None = None,
    **others: Any,
) -> Array:
    """The transposed convolution: every input pixel writes its multiple of the kernel.

        out[n,o,h,w] = bias[o] + Σ x[n,c,i,j] · W[c,o,u,v]     over h = i·s + u·d − p, w likewise

    with stride s, dilation d and padding p, which here crops: out is
    (H − 1)·s − before − after + (kH − 1)·d + 1 + output_padding high.

    Parameters
    ----------
    x : array_like
        (C_in, H, W) or (N, C_in, H, W).
    W : array_like
        (C_in, C_out/groups, kH, kW).
    padding : int, sequence or {"valid", "same", "full"}
        p, (p_H, p_W), ((before, after), (before, after)) or "valid" (none).
    stride : int or sequence of int
        As for `conv2d`, whose rules for dtypes, aliasing and errors hold too.
    output_padding : int or sequence of int
        Rows and columns more at the end, less than the stride or the dilation: it chooses among the
        output sizes whose convolution has the size of x.
    dilation, groups, bias, out, precision, engine, threads, max_workspace : optional
        As for `conv2d`, whose rules for dtypes, aliasing and errors hold too.

    Returns
    -------
    array
        (C_out, out_H, out_W), with N in front where x has it.

    See Also
    --------
    conv_transpose2d_backward, conv2d

    References
    ----------
    Zeiler et al., "Deconvolutional networks", 2010.

    Examples
    --------
    >>> import numpy as np
    >>> conv_transpose2d(np.ones((1, 2, 2)), [[[[1, 2], [3, 4]]]], stride=2)
    array([[[1., 2., 1., 2.],
            [3., 4., 3., 4.],
            [1., 2., 1., 2.],
            [3., 4., 3., 4.]]])
    """
    if others:
        raise unexpected(conv_transpose2d, others)
    options = Options(
        padding, stride, dilation, groups, "zeros", precision, engine, threads, max_workspace,
        output_padding,
    )  # fmt: skip
    return call.forward(2, x, W, bias, out, options)


@_typed.transposed_convolution_backward
def conv_transpose2d_backward(
    grad_out: Any,
    x: Any,
    W: Any,
    padding: Any = 0,
    stride: Any = 1,
    *,
    output_padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    needs: Sequence[str] = ("dx", "dW"),
    out: Sequence[Array | None] | None = None,
    accumulate: bool = False,
    precision: str = "high",
    engine: str | None = None,
    threads: int | None = None,
    max_workspace: int | None = None,
    **others: Any,
) -> tuple[Array, ...]:
    """The gradients of `conv_transpose2d`, from that of its output.

        dx[n,c,i,j] = Σ_{o,u,v} grad_out[n, o, i·s + u·d − p, j·s + v·d − p] · W[c,o,u,v]
        dW[c,o,u,v] = Σ_{n,i,j} x[n,c,i,j] · grad_out[n, o, i·s + u·d − p, j·s + v·d − p]
        db[o]       = Σ_{n,h,w} grad_out[n,o,h,w]

    For complex arrays W and x stand conjugated. All arguments, results and errors are as for
    `conv2d_backward`.

    Parameters
    ----------
    grad_out, x, W : array_like
        As for `conv2d_backward`.
    padding, stride, output_padding, dilation, groups, needs, out, accumulate : optional
        As for `conv2d_backward`.
    precision, engine, threads, max_workspace : optional
        As for `conv2d_backward`.

    Returns
    -------
    Gradients
        What `needs` names: by default (dx, dW), in the shapes of x and W.

    See Also
    --------
    conv_transpose2d, conv2d

    References
    ----------
    As for `conv_transpose2d`.

    Examples
    --------
    >>> import numpy as np
    >>> x, W = np.ones((1, 2, 2)), np.array([[[[1.0, 2.0], [3.0, 4.0]]]])
    >>> dx, dW = conv_transpose2d_backward(np.ones((1, 4, 4)), x, W, stride=2)
    >>> dx
    array([[[10., 10.],
            [10., 10.]]])
    """
    if others:
        raise unexpected(conv_transpose2d_backward, others)
    options = Options(
        padding, stride, dilation, groups, "zeros", precision, engine, threads, max_workspace,
        output_padding,
    )  # fmt: skip
    return call.backward(2, grad_out, x, W, options, needs, out, accumulate)


@_typed.transposed_convolution
def conv_transpose1d(
    x: Any,
    W: Any,
    padding: Any = 0,
    stride: Any = 1,
    *,
    output_padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    bias: Any = None,
    out: Array | None = None,
    precision: str = "high",
    engine: str | None = None,
    threads: int | None = None,
    max_workspace: int | None = None,
    **others: Any,
) -> Array:
    """The transposed convolution of a signal x (C_in, L) with W (C_in, C_out/groups, k).

        out[n,o,l] = bias[o] + Σ x[n,c,i] · W[c,o,u]     over l = i·stride + u·dilation − padding

    Everything else is as for `conv_transpose2d`, with one spatial axis.

    Parameters
    ----------
    x, W : array_like
        As for `conv_transpose2d`, in these shapes.
    padding, stride, output_padding, dilation, groups, bias : optional
        As for `conv_transpose2d`.
    out, precision, engine, threads, max_workspace : optional
        As for `conv_transpose2d`.

    Returns
    -------
    array
        As `conv_transpose2d` returns it.

    See Also
    --------
    conv_transpose1d_backward, conv1d

    References
    ----------
    As for `conv_transpose2d`.

    Examples
    --------
    >>> conv_transpose1d([[1, 2]], [[[1, 10, 100]]])
    array([[  1.,  12., 120., 200.]])
    """
    if others:
        raise unexpected(conv_transpose1d, others)
    options = Options(
        padding, stride, dilation, groups, "zeros", precision, engine, threads, max_workspace,
        output_padding,
    )  # fmt: skip
    return call.forward(1, x, W, bias, out, options)


@_typed.transposed_convolution_backward
def conv_transpose1d_backward(
    grad_out: Any,
    x: Any,
    W: Any,
    padding: Any = 0,
    stride: Any = 1,
    *,
    output_padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    needs: Sequence[str] = ("dx", "dW"),
    out: Sequence[Array | None] | None = None,
    accumulate: bool = False,
    precision: str = "high",
    engine: str | None = None,
    threads: int | None = None,
    max_workspace: int | None = None,
    **others: Any,
) -> tuple[Array, ...]:
    """The gradients of `conv_transpose1d`, as `conv_transpose2d_backward` gives those of 2-D.

        dx[n,c,i] = Σ_{o,u} grad_out[n, o, i·stride + u·dilation − padding] · W[c,o,u]
        dW[c,o,u] = Σ_{n,i} x[n,c,i] · grad_out[n, o, i·stride + u·dilation − padding]

    Parameters
    ----------
    grad_out, x, W : array_like
        As for `conv_transpose2d_backward`, in these shapes.
    padding, stride, output_padding, dilation, groups, needs, out, accumulate : optional
        As for `conv_transpose2d_backward`.
    precision, engine, threads, max_workspace : optional
        As for `conv_transpose2d_backward`.

    Returns
    -------
    Gradients
        As `conv_transpose2d_backward` returns it.

    See Also
    --------
    conv_transpose1d, conv1d

    References
    ----------
    As for `conv_transpose2d`.

    Examples
    --------
    >>> conv_transpose1d_backward([[1, 0, 0, 0]], [[1, 2]], [[[1, 10, 100]]])
    Gradients(dx=array([[1., 0.]]), dW=array([[[1., 0., 0.]]]))
    """
    if others:
        raise unexpected(conv_transpose1d_backward, others)
    options = Options(
        padding, stride, dilation, groups, "zeros", precision, engine, threads, max_workspace,
        output_padding,
    )  # fmt: skip
    return call.backward(1, grad_out, x, W, options, needs, out, accumulate)


@_typed.transposed_convolution
def conv_transpose3d(
    x: Any,
    W: Any,
    padding: Any = 0,
    stride: Any = 1,
    *,
    output_padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    bias: Any = None,
    out: Array | None = None,
    precision: str = "high",
    engine: str | None = None,
    threads: int | None = None,
    max_workspace: int | None = None,
    **others: Any,
) -> Array:
    """The transposed convolution of a volume x (C_in, D, H, W), or with N in front.

        out[n,o,…] = bias[o] + Σ x[n,c,h,i,j] · W[c,o,t,u,v]     over … = h·s + t·d − p, …

    W is (C_in, C_out/groups, kD, kH, kW). Everything else is as for `conv_transpose2d`, with three
    spatial axes.

    Parameters
    ----------
    x, W : array_like
        As for `conv_transpose2d`, in these shapes.
    padding, stride, output_padding, dilation, groups, bias : optional
        As for `conv_transpose2d`.
    out, precision, engine, threads, max_workspace : optional
        As for `conv_transpose2d`.

    Returns
    -------
    array
        As `conv_transpose2d` returns it.

    See Also
    --------
    conv_transpose3d_backward, conv3d

    References
    ----------
    As for `conv_transpose2d`.

    Examples
    --------
    >>> import numpy as np
    >>> float(conv_transpose3d(np.ones((1, 2, 2, 2)), np.ones((1, 1, 2, 2, 2))).sum())
    64.0
    """
    if others:
        raise unexpected(conv_transpose3d, others)
    options = Options(
        padding, stride, dilation, groups, "zeros", precision, engine, threads, max_workspace,
        output_padding,
    )  # fmt: skip
    return call.forward(3, x, W, bias, out, options)


@_typed.transposed_convolution_backward
def conv_transpose3d_backward(
    grad_out: Any,
    x: Any,
    W: Any,
    padding: Any = 0,
    stride: Any = 1,
    *,
    output_padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    needs: Sequence[str] = ("dx", "dW"),
    out: Sequence[Array | None] | None = None,
    accumulate: bool = False,
    precision: str = "high",
    engine: str | None = None,
    threads: int | None = None,
    max_workspace: int | None = None,
    **others: Any,
) -> tuple[Array, ...]:
    """The gradients of `conv_transpose3d`, as `conv_transpose2d_backward` gives those of 2-D.

        dx[n,c,h,i,j]   = Σ_{o,t,u,v} grad_out[n, o, h·s + t·d − p, …] · W[c,o,t,u,v]
        dW[c,o,t,u,v]   = Σ_{n,h,i,j} x[n,c,h,i,j] · grad_out[n, o, h·s + t·d − p, …]

    Parameters
    ----------
    grad_out, x, W : array_like
        As for `conv_transpose2d_backward`, in these shapes.
    padding, stride, output_padding, dilation, groups, needs, out, accumulate : optional
        As for `conv_transpose2d_backward`.
    precision, engine, threads, max_workspace : optional
        As for `conv_transpose2d_backward`.

    Returns
    -------
    Gradients
        As `conv_transpose2d_backward` returns it.

    See Also
    --------
    conv_transpose3d, conv3d

    References
    ----------
    As for `conv_transpose2d`.

    Examples
    --------
    >>> import numpy as np
    >>> x, W = np.ones((1, 2, 2, 2)), np.ones((1, 1, 2, 2, 2))
    >>> dx, dW = conv_transpose3d_backward(np.ones((1, 3, 3, 3)), x, W)
    >>> float(dx[0, 0, 0, 0]), float(dW[0, 0, 0, 0, 0])
    (8.0, 8.0)
    """
    if others:
        raise unexpected(conv_transpose3d_backward, others)
    options = Options(
        padding, stride, dilation, groups, "zeros", precision, engine, threads, max_workspace,
        output_padding,
    )  # fmt: skip
    return call.backward(3, grad_out, x, W, options, needs, out, accumulate)
