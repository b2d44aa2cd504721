"""The convolution of two dimensions, and its gradients."""

from collections.abc import Sequence
from typing import Any

from . import _typed
from .call import convolution as call
from .call.options import Options
from .call.other_names import unexpected
from .core.arrays import Array


@_typed.convolution
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
    out: Array | None = None,
    precision: str = "high",
    engine: str | None = None,
    threads: int | None = None,
    max_workspace: int | None = None,
    **others: Any,
) -> Array:
    """The cross-correlation of x with the kernels W (the kernel is not flipped).

        out[n,o,i,j] = bias[o] + Σ_{c,u,v} W[o,c,u,v] · x[n, c, i·s + u·d − p, j·s + v·d − p]

    with stride s, dilation d and padding p, over the C_in/groups channels c of o's group. Positions
    outside x are what `padding_mode` says. Out is (H + before + after − (kH−1)·d − 1)//s + 1 high.

    Parameters
    ----------
    x : array_like
        (C_in, H, W) or (N, C_in, H, W). Nested lists are fine.
    W : array_like
        (C_out, C_in/groups, kH, kW).
    padding : int, sequence or {"valid", "same", "full"}
        p, (p_H, p_W), ((before, after), (before, after)), "valid" (none), "same" (⌈H/stride⌉
        outputs, an odd padding's larger half after) or "full" ((k−1)·d everywhere). "SAME" and
        "VALID" are taken too.
    stride, dilation : int or sequence of int
        An integer or one for each axis, at least 1.
    groups : int
        How many independent blocks the channels fall into; C_in makes it depthwise.
    bias : array_like or None
        (C_out,), added to every output of its channel.
    padding_mode : {"zeros", "reflect", "replicate", "circular"}
        "zeros", "reflect" (mirrored, edge not repeated; less than the size), "replicate" (the edge
        repeated) or "circular" (the other end; at most the size).
    out : array or None
        An array for the result, of its shape and dtype. It may overlap x or W: the result is as if
        they had been copied first.
    precision : {"high", "highest"}
        "highest" sums the products themselves, in whatever order: |error| ≤ γ_K·Σ|W|·|x| for each
        element, γ_K = K·u/(1 − K·u), K the number of products, u the unit roundoff. "high" also
        allows Winograd's and Fourier's transforms, whose error is relative to a tile; `explain`
        prints the bound.
    engine : str or None
        An implementation by name, not the best: "winograd", "fft", "depthwise", "direct", "small",
        "array" or "reference".
    threads : int or None
        The most threads to use; by default DXDW_NUM_THREADS, or the CPUs there is room for, and
        never more than 256. The compiled kernels give the same bits for any number. Without them
        NumPy's BLAS library decides, the extra "threads" limits it, and its sums may depend on the
        number.
    max_workspace : int or None
        The most bytes of scratch memory, beside the results and the operands (a strided or integer
        operand is copied whole, and in backward a complex one, conjugated).

    Returns
    -------
    array
        (C_out, out_H, out_W), with N in front where x has it: a new array, or out. Its dtype is
        the one that holds those of x, W and bias; integers beside floats take theirs, and among
        themselves float64. float16 and bfloat16 are summed in float32 and rounded once.
        Arrays of PyTorch, JAX or CuPy give arrays of the same kind and device. Where an x whose
        channels lie last in memory (an (N, H, W, C) array with its axes moved) is computed as it
        lies, without a copy, the result lies so too. Its bits are the same.

    Raises
    ------
    ValueError
        Shapes, sizes or options that do not fit; the message says what would.
    TypeError
        Bool, object, string, masked or extended-precision arrays; sparse, quantized or nested
        tensors, and those of classes with operations of their own, which `dxdw.interop.torch`
        takes; a bool or a float where an integer belongs.
    MemoryError
        With the number of bytes.
    KeyboardInterrupt
        Soon after a Ctrl-C in the main thread (within 250 ms where the machine is not overloaded),
        when nothing computes or is written any more; so with whatever another signal's handler
        raises.

    Warnings
    --------
    By position padding comes before stride, as in the practice series. `torch.nn.functional.conv2d`
    has bias, stride, padding: write names, as in `conv2d(x, W, stride=2, padding=1)`.

    See Also
    --------
    conv2d_backward, explain, conv_transpose2d

    Notes
    -----
    Infinities and NaN propagate as they do in the loops over a zero-padded x, whatever the engine.

    References
    ----------
    Dumoulin & Visin, "A guide to convolution arithmetic for deep learning", 2016.

    Examples
    --------
    >>> conv2d([[[1, 2, 3], [4, 5, 6], [7, 8, 9]]], [[[[1, 0], [0, -1]]]])
    array([[[-4., -4.],
            [-4., -4.]]])
    """
    if others:
        raise unexpected(conv2d, others)
    options = Options(
        padding, stride, dilation, groups, padding_mode, precision, engine, threads, max_workspace
    )
    return call.forward(2, x, W, bias, out, options)


@_typed.convolution_backward
def conv2d_backward(
    grad_out: Any,
    x: Any,
    W: Any,
    padding: Any = 0,
    stride: Any = 1,
    *,
    dilation: Any = 1,
    groups: int = 1,
    padding_mode: str = "zeros",
    needs: Sequence[str] = ("dx", "dW"),
    out: Sequence[Array | None] | None = None,
    accumulate: bool = False,
    precision: str = "high",
    engine: str | None = None,
    threads: int | None = None,
    max_workspace: int | None = None,
    **others: Any,
) -> tuple[Array, ...]:
    """The gradients of a loss with respect to what `conv2d` was given, from that of its output.

        dx[n,c,h,w]  = Σ grad_out[n,o,i,j] · W[o,c,u,v]     over h = i·s + u·d − p, w likewise
        dW[o,c,u,v]  = Σ_{n,i,j} grad_out[n,o,i,j] · x[n, c, i·s + u·d − p, j·s + v·d − p]
        db[o]        = Σ_{n,i,j} grad_out[n,o,i,j]

    For complex arrays W and x stand conjugated, so that the three are adjoints of the forward:
    ⟨grad_out, conv2d(x, W)⟩ = ⟨dx, x⟩ = ⟨dW, W⟩ with ⟨a, b⟩ = Σ conj(a)·b, up to a conjugate.

    Parameters
    ----------
    grad_out : array_like
        The gradient with respect to the output, of its shape.
    x, W : array_like
        As the forward had them. dx reads only x's shape, dW only W's.
    padding, stride, dilation, groups, padding_mode : optional
        As the forward had them.
    needs : sequence of str
        What to compute, of "dx", "dW" and "db", in this order. Nothing else is computed.
    out : sequence of array or None
        A tuple with an array (or None) for each of `needs`, of its shape and dtype; of 16-bit
        operands also of float32 for dW and db, which are then not rounded. They may overlap the
        operands, but not each other.
    accumulate : bool
        Add into out, for gradients summed over several calls.
    precision, engine, threads, max_workspace : optional
        As for `conv2d`.

    Returns
    -------
    Gradients
        A tuple of what `needs` names: by default (dx, dW), in the shapes of x and W. New arrays,
        never views of the operands, or those of out. A part of x that no window covers has dx = 0.
        Each result is the same, bit for bit, whichever others are asked for.

    Raises
    ------
    ValueError, TypeError, MemoryError
        As `conv2d`, before anything is computed or written.

    See Also
    --------
    conv2d, conv2d_double_backward, conv2d_per_sample_dW

    References
    ----------
    LeCun et al., "Backpropagation applied to handwritten zip code recognition", 1989.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.arange(16).reshape(1, 4, 4)
    >>> grad_out = np.zeros((1, 3, 3))
    >>> grad_out[0, 0, 0] = 1
    >>> dx, dW = conv2d_backward(grad_out, x, [[[[1, 2], [3, 4]]]])
    >>> dW[0, 0]
    array([[0., 1.],
           [4., 5.]])
    >>> dx[0, :2, :2]
    array([[1., 2.],
           [3., 4.]])
    """
    if others:
        raise unexpected(conv2d_backward, others)
    options = Options(
        padding, stride, dilation, groups, padding_mode, precision, engine, threads, max_workspace
    )
    return call.backward(2, grad_out, x, W, options, needs, out, accumulate)
