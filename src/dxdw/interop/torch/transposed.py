"""Transposed convolutions of PyTorch's tensors, with the arguments of `torch.nn.functional`."""

from collections.abc import Callable
from typing import cast

from torch import Tensor

from ...typing import Padding, PerAxis
from .functional import also_by_their_names, transpose
from .signatures import TransposedConvolution


def _transposed(function: Callable[..., Tensor]) -> TransposedConvolution:
    return cast(TransposedConvolution, also_by_their_names(function))


@_transposed
def conv_transpose2d(
    x: Tensor,
    W: Tensor,
    bias: Tensor | None = None,
    stride: PerAxis = 1,
    padding: Padding = 0,
    output_padding: PerAxis = 0,
    groups: int = 1,
    dilation: PerAxis = 1,
) -> Tensor:
    """`torch.nn.functional.conv_transpose2d` by dxdw's kernels, with derivatives of any order.

        out[n,o,h,w] = bias[o] + Σ x[n,c,i,j] · W[c,o,u,v]     over h = i·s + u·d − p, w likewise

    Parameters
    ----------
    x : torch.Tensor
        (N, C_in, H, W) or (C_in, H, W).
    W : torch.Tensor
        (C_in, C_out/groups, kH, kW).
    bias : torch.Tensor or None
        (C_out,) or None.
    stride, padding, output_padding, groups, dilation : optional
        As PyTorch takes them, in its order; padding "valid" and a pair (before, after) for each
        axis too, which PyTorch's function refuses.

    Returns
    -------
    torch.Tensor
        (N, C_out, out_H, out_W), out_H = (H − 1)·s − 2·p + (kH − 1)·d + 1 + output_padding, without
        N where x has none. What is computed here and what by PyTorch, dtypes and aliasing are as
        for `conv2d`.

    Raises
    ------
    TypeError, ValueError, RuntimeError, MemoryError
        As `conv2d`; output_padding must be less than the stride or the dilation.

    See Also
    --------
    accelerate

    References
    ----------
    As for `dxdw.conv_transpose2d`.

    Examples
    --------
    >>> import torch
    >>> W = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    >>> conv_transpose2d(torch.ones(1, 1, 2), W, stride=2)
    tensor([[[1., 2., 1., 2.],
             [3., 4., 3., 4.]]])
    """
    return transpose(2, x, W, bias, stride, padding, output_padding, groups, dilation)


@_transposed
def conv_transpose1d(
    x: Tensor,
    W: Tensor,
    bias: Tensor | None = None,
    stride: PerAxis = 1,
    padding: Padding = 0,
    output_padding: PerAxis = 0,
    groups: int = 1,
    dilation: PerAxis = 1,
) -> Tensor:
    """`torch.nn.functional.conv_transpose1d` by dxdw's kernels: one spatial axis.

        out[n,o,l] = bias[o] + Σ x[n,c,i] · W[c,o,u]     over l = i·stride + u·dilation − padding

    x is (N, C_in, L) or (C_in, L), W (C_in, C_out/groups, k). Options, dtypes, aliasing and errors
    are those of `conv_transpose2d`.

    Parameters
    ----------
    x, W, bias, stride, padding, output_padding, groups, dilation : optional
        As for `conv_transpose2d`, in these shapes.

    Returns
    -------
    torch.Tensor
        As `conv_transpose2d` returns it.

    See Also
    --------
    accelerate

    References
    ----------
    As for `dxdw.conv_transpose2d`.

    Examples
    --------
    >>> import torch
    >>> conv_transpose1d(torch.ones(1, 3), torch.tensor([[[1.0, 2.0]]]))
    tensor([[1., 3., 3., 2.]])
    """
    return transpose(1, x, W, bias, stride, padding, output_padding, groups, dilation)


@_transposed
def conv_transpose3d(
    x: Tensor,
    W: Tensor,
    bias: Tensor | None = None,
    stride: PerAxis = 1,
    padding: Padding = 0,
    output_padding: PerAxis = 0,
    groups: int = 1,
    dilation: PerAxis = 1,
) -> Tensor:
    """`torch.nn.functional.conv_transpose3d` by dxdw's kernels: three spatial axes.

        out[n,o,…] = bias[o] + Σ x[n,c,h,i,j] · W[c,o,t,u,v]     over … = h·s + t·d − p, and so on

    x is (N, C_in, D, H, W) or (C_in, D, H, W), W (C_in, C_out/groups, kD, kH, kW). Options, dtypes,
    aliasing and errors are those of `conv_transpose2d`.

    Parameters
    ----------
    x, W, bias, stride, padding, output_padding, groups, dilation : optional
        As for `conv_transpose2d`, in these shapes.

    Returns
    -------
    torch.Tensor
        As `conv_transpose2d` returns it.

    See Also
    --------
    accelerate

    References
    ----------
    As for `dxdw.conv_transpose2d`.

    Examples
    --------
    >>> import torch
    >>> conv_transpose3d(torch.ones(1, 1, 1, 1), torch.ones(1, 1, 2, 2, 2)).sum()
    tensor(8.)
    """
    return transpose(3, x, W, bias, stride, padding, output_padding, groups, dilation)
