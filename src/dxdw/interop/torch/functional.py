"""Convolutions of PyTorch's tensors, with the arguments of `torch.nn.functional`."""

from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import Any, cast

from torch import Tensor
from torch.nn import functional as theirs

from ...call import operands
from ...core.documentation import more, pointing_to, refused
from ...core.torch_memory import is_compiling
from ...typing import Padding, PerAxis
from ..bilinear import Case
from . import kernels, operators, tensors
from .functions import differentiable
from .signatures import Convolution
from .ways import OURS, THEIRS, Ways

Where = Callable[[str, Case, Tensor, Tensor, Tensor | None], Ways]

_OTHER_NAMES = ("x", "input"), ("W", "weight")  # dxdw's and PyTorch's
_INTEGERS = frozenset({int})
_CONVOLVE = {1: theirs.conv1d, 2: theirs.conv2d, 3: theirs.conv3d}
_TRANSPOSE = {1: theirs.conv_transpose1d, 2: theirs.conv_transpose2d, 3: theirs.conv_transpose3d}


def _convolution(function: Callable[..., Tensor]) -> Convolution:
    return cast(Convolution, also_by_their_names(function))


def also_by_their_names(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The function, that takes x and W by PyTorch's keywords, input and weight, too."""

    @wraps(function)
    def call(*args: Any, **named: Any) -> Tensor:
        for name, other in _OTHER_NAMES:
            if other in named:
                if name in named:
                    raise refused(
                        TypeError,
                        f"{name} and {other} are both given, which are two names of one argument: "
                        f"give {name} or {other}",
                        kernels.ROOM,
                    )
                named[name] = named.pop(other)
        return function(*args, **named)

    return call


@_convolution
def conv2d(
    x: Tensor,
    W: Tensor,
    bias: Tensor | None = None,
    stride: PerAxis = 1,
    padding: Padding = 0,
    dilation: PerAxis = 1,
    groups: int = 1,
) -> Tensor:
    """`torch.nn.functional.conv2d` by dxdw's kernels, with derivatives of any order.

        out[n,o,i,j] = bias[o] + Σ_{c,u,v} W[o,c,u,v] · x[n, c, i·s + u·d − p, j·s + v·d − p]

    Parameters
    ----------
    x : torch.Tensor
        (N, C_in, H, W) or (C_in, H, W).
    W : torch.Tensor
        (C_out, C_in/groups, kH, kW).
    bias : torch.Tensor or None
        (C_out,) or None.
    stride, padding, dilation, groups : optional
        As PyTorch takes them, padding "same" and "valid" too; beside those "full", and a pair
        (before, after) for each axis, which PyTorch's function refuses.

    Returns
    -------
    torch.Tensor
        (N, C_out, out_H, out_W), without N where x has none, in the dtype of the operands. It is
        new, no view of them, and in channels_last where x or W is, else contiguous.
        Images of both layouts are read where they lie, with the same bits as result (but dW of a
        depthwise convolution in channels_last, which is summed in another order). Tensors strided
        in other ways are copied.

    Raises
    ------
    TypeError
        An operand that is no tensor; a float where an integer belongs.
    ValueError
        Shapes or options that do not fit; the message says what would.
    RuntimeError
        PyTorch's own, of operands that differ in dtype or device, with a note that says what each
        is, or of too little memory for a result, with the number of bytes.
    MemoryError
        Too little memory beside operands and result, with the number of bytes.

    See Also
    --------
    accelerate

    Notes
    -----
    float64, float32, bfloat16 and float16 on the CPU are computed here, on
    `torch.get_num_threads()` threads, also under `torch.autocast`, `torch.compile`, `torch.func`
    and forward mode; Ctrl-C is answered when a call has ended, as in PyTorch's own functions. The
    16-bit ones are summed in float32 and rounded once, before the bias is added. All else is handed
    to PyTorch's function: CUDA tensors, other dtypes, subclasses of Tensor.

    References
    ----------
    As for `dxdw.conv2d`.

    Examples
    --------
    >>> import torch
    >>> x = torch.ones(1, 1, 3, 3, requires_grad=True)
    >>> W = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    >>> conv2d(x, W).sum().backward()
    >>> x.grad[0, 0]
    tensor([[ 1.,  3.,  2.],
            [ 4., 10.,  6.],
            [ 3.,  7.,  4.]])
    """
    return convolve(2, x, W, bias, stride, padding, dilation, groups)


@_convolution
def conv1d(
    x: Tensor,
    W: Tensor,
    bias: Tensor | None = None,
    stride: PerAxis = 1,
    padding: Padding = 0,
    dilation: PerAxis = 1,
    groups: int = 1,
) -> Tensor:
    """`torch.nn.functional.conv1d` by dxdw's kernels: `conv2d` with one spatial axis.

        out[n,o,i] = bias[o] + Σ_{c,u} W[o,c,u] · x[n, c, i·stride + u·dilation − padding]

    x is (N, C_in, L) or (C_in, L), W (C_out, C_in/groups, k), the result (N, C_out, out_L). What is
    computed here and what by PyTorch, dtypes, aliasing and errors are as for `conv2d`.

    Parameters
    ----------
    x, W, bias, stride, padding, dilation, groups : optional
        As for `conv2d`, in these shapes.

    Returns
    -------
    torch.Tensor
        As `conv2d` returns it.

    See Also
    --------
    accelerate

    References
    ----------
    As for `dxdw.conv2d`.

    Examples
    --------
    >>> import torch
    >>> conv1d(torch.tensor([[1.0, 2.0, 4.0, 8.0]]), torch.tensor([[[-1.0, 1.0]]]))
    tensor([[1., 2., 4.]])
    """
    return convolve(1, x, W, bias, stride, padding, dilation, groups)


@_convolution
def conv3d(
    x: Tensor,
    W: Tensor,
    bias: Tensor | None = None,
    stride: PerAxis = 1,
    padding: Padding = 0,
    dilation: PerAxis = 1,
    groups: int = 1,
) -> Tensor:
    """`torch.nn.functional.conv3d` by dxdw's kernels: `conv2d` with three spatial axes.

        out[n,o,h,i,j] = bias[o] + Σ_{c,t,u,v} W[o,c,t,u,v] · x[n, c, h·s + t·d − p, …]

    x is (N, C_in, D, H, W) or (C_in, D, H, W), W (C_out, C_in/groups, kD, kH, kW), the result
    (N, C_out, out_D, out_H, out_W). What is computed here and what by PyTorch, dtypes, aliasing and
    errors are as for `conv2d`.

    Parameters
    ----------
    x, W, bias, stride, padding, dilation, groups : optional
        As for `conv2d`, in these shapes.

    Returns
    -------
    torch.Tensor
        As `conv2d` returns it.

    See Also
    --------
    accelerate

    References
    ----------
    As for `dxdw.conv2d`.

    Examples
    --------
    >>> import torch
    >>> conv3d(torch.ones(1, 2, 2, 2), torch.ones(1, 1, 2, 2, 2))
    tensor([[[[8.]]]])
    """
    return convolve(3, x, W, bias, stride, padding, dilation, groups)


def convolve(
    ndim: int,
    x: Tensor,
    W: Tensor,
    bias: Tensor | None,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int,
    where: Where | None = None,
) -> Tensor:
    """conv{ndim}d; by whom, `where` says."""
    options = (stride, padding, dilation, groups)
    x, W, bias = tensors.autocast(x, W, bias)
    way = tensors.way(x, W, bias)
    if way is tensors.THEIRS:
        return _handed_on(_CONVOLVE[ndim], x, W, bias, *options)
    if x.ndim == ndim + 1:
        return convolve(ndim, x[None], W, bias, *options, where)[0]
    case = _case(kernels.convolution, ndim, x, W, options)
    ways = OURS if where is None or is_compiling() else where("forward", case, x, W, bias)
    if _all_theirs(ways, way):
        return _CONVOLVE[ndim](x, W, bias, *options)
    return _pass("forward", x, W, bias, case, case.geometry.channels_out, way, ways)


def transpose(
    ndim: int,
    x: Tensor,
    W: Tensor,
    bias: Tensor | None,
    stride: Any,
    padding: Any,
    output_padding: Any,
    groups: int,
    dilation: Any,
    where: Where | None = None,
) -> Tensor:
    """conv_transpose{ndim}d, likewise."""
    options = (stride, padding, output_padding, groups, dilation)
    x, W, bias = tensors.autocast(x, W, bias)
    way = tensors.way(x, W, bias)
    if way is tensors.THEIRS:
        return _handed_on(_TRANSPOSE[ndim], x, W, bias, *options)
    if x.ndim == ndim + 1:
        return transpose(ndim, x[None], W, bias, *options, where)[0]
    try:
        case = _case(kernels.transposed, ndim, x, W, options)
    except ValueError:
        # Of a module: what PyTorch does compute, as empty outputs in float32, it computes.
        if where is not None:
            with suppress(RuntimeError):
                return _TRANSPOSE[ndim](x, W, bias, *options)
        raise
    ways = OURS if where is None or is_compiling() else where("dx", case, x, W, bias)
    if _all_theirs(ways, way):
        return _TRANSPOSE[ndim](x, W, bias, *options)
    return _pass("dx", x, W, bias, case, case.geometry.channels_in, way, ways)


def _all_theirs(ways: Ways, way: str) -> bool:
    """(An operator's gradients are who computed it.)"""
    return ways == THEIRS or (way is tensors.AS_OPERATOR and not ways.forward)


def _pass(
    kind: str,
    x: Tensor,
    W: Tensor,
    bias: Tensor | None,
    case: Case,
    channels: int,
    way: str,
    ways: Ways,
) -> Tensor:
    _check_bias(bias, channels)
    if way is tensors.AS_OPERATOR:
        return _with_bias(operators.of_case(kind, x, W, case), bias)
    result: Tensor = differentiable(x, W, bias, kind, case, ways)
    return result


def _handed_on(
    function: Callable[..., Tensor], x: Tensor, W: Tensor, bias: Tensor | None, *options: Any
) -> Tensor:
    """PyTorch's function; what it says of operands that differ is told more fully."""
    given = {"x": x, "W": W} | ({} if bias is None else {"bias": bias})
    for name, a in given.items():
        if not hasattr(a, "__torch_function__"):  # all that PyTorch takes for a tensor
            or_none = f", or None{kernels.ORDER}" if name == "bias" else ""
            raise refused(
                TypeError,
                f"{name} is a {operands.type_name(a)}: it must be a torch.Tensor, as in "
                f"torch.as_tensor({name}){or_none}",
                kernels.ROOM,
            )
    try:
        return function(x, W, bias, *options)
    except RuntimeError as error:
        if len({(a.dtype, a.device) for a in given.values()}) > 1:
            told = ", ".join(f"{name} is {a.dtype} on {a.device}" for name, a in given.items())
            error.add_note(f"{told}: they must be of one dtype, on one device, as in x.to(W)")
            error.add_note(more(kernels.ROOM))
        raise


def _check_bias(bias: Tensor | None, channels: int) -> None:
    if bias is not None and bias.shape != (channels,):
        with pointing_to(kernels.ROOM):
            operands.check_bias(bias, channels)


def _case(checked: Any, ndim: int, x: Tensor, W: Tensor, options: tuple[Any, ...]) -> Case:
    """What a check, which is remembered, finds out; 1, 1.0 and True would be one to look up."""
    case: Case
    if is_compiling():  # it looks into the check itself, with sizes that may be symbols
        case = checked.__wrapped__(ndim, x.shape, W.shape, *options, symbols=True)
        return case
    for value in options:  # nearly always integers, which are seen at once
        if type(value) is not int and not (type(value) is tuple and _only_integers(value)):
            options = tuple(map(_in_tuples, options))
            checked = checked if all(map(_told_by_value, options)) else checked.__wrapped__
            break
    case = checked(ndim, x.shape, W.shape, *options)
    return case


def _only_integers(values: tuple[Any, ...]) -> bool:
    return _INTEGERS.issuperset(map(type, values))


def _in_tuples(value: Any) -> Any:
    return tuple(map(_in_tuples, value)) if type(value) in (tuple, list) else value


def _told_by_value(value: Any) -> bool:
    """Whether whatever equals it among options is the same."""
    return type(value) in (int, str) or (type(value) is tuple and all(map(_told_by_value, value)))


def _with_bias(out: Tensor, bias: Tensor | None) -> Tensor:
    if bias is None:
        return out
    # A view of a tensor with the negative bit whose tangent has none is an error of PyTorch's.
    return out + bias.resolve_neg().view(-1, *[1] * (out.ndim - 2))
