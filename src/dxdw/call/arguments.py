"""Every coercion and check of a user's arrays and options; outputs.py has those of what comes back.

What leaves these modules is trusted by everything behind them.
"""

import sys
from collections.abc import Sequence
from functools import lru_cache
from math import prod
from operator import index
from typing import Any, NamedTuple

import numpy as np

from ..core.arrays import Array, is_numpy, is_tensor, namespace
from ..core.documentation import refused
from ..core.geometry import Axis, ConvGeometry, same_padding
from ..engines.native_library import MOST_THREADS

PADDING_MODES = ("zeros", "reflect", "replicate", "circular")
PRECISIONS = ("high", "highest")
AXIS_NAMES = {1: ("L",), 2: ("H", "W"), 3: ("D", "H", "W")}
_LARGEST = sys.maxsize  # bytes of an array: in a page, where addresses have 32 bits, 2 GiB
_FLOATS = "efdFD"  # characters of float16, …, complex128: NumPy's own alone

Pairs = tuple[tuple[int, int], ...]


class Execution(NamedTuple):
    """How to run, as opposed to what to compute."""

    precision: str = "high"
    engine: str | None = None
    threads: int | None = None
    max_workspace: int | None = None


PLAIN = Execution()  # nothing asked for


def execution(
    precision: str, engine: str | None, threads: int | None, max_workspace: int | None
) -> Execution:
    """The checked options of how to run."""
    if precision == "high" and engine is None and threads is None and max_workspace is None:
        return PLAIN
    if precision not in PRECISIONS:
        raise refused(
            ValueError, f"precision is {precision!r}: it must be one of {listed(PRECISIONS)}"
        )
    if engine is not None and not isinstance(engine, str):
        raise refused(TypeError, f"engine is {engine!r}: it must be None or the name of an engine")
    if threads is not None:
        threads = min(_whole(threads, "threads", least=1), MOST_THREADS)
    if max_workspace is not None:
        max_workspace = _whole(max_workspace, "max_workspace", least=1)
    return Execution(precision, engine, threads, max_workspace)


# --- arrays ---------------------------------------------------------------------------------------


def array(value: Any, name: str) -> Array:
    """An array of a dtype that can be computed with: NumPy's, or another library's as it is."""
    if value is None:
        raise refused(TypeError, f"{name} is None: it must be an array or nested lists of numbers")
    if type(value) is not np.ndarray:
        if isinstance(value, np.ma.MaskedArray):
            raise refused(
                TypeError,
                f"{name} is a masked array, whose mask would be lost: fill it first, "
                f"as in {name}.filled(0)",
            )
        if isinstance(value, np.matrix):
            raise refused(TypeError, f"{name} is a np.matrix: convert it with np.asarray({name})")
        if not isinstance(value, np.ndarray) and foreign(value):
            _check_tensor(value, name)
            return value
        try:
            value = _lent(value) if hasattr(value, "__dlpack__") else np.asarray(value)
        except (BufferError, ValueError) as error:
            raise refused(ValueError, f"{name} can't be made an array: {error}") from None
    dtype = value.dtype
    float_ = dtype.kind in "fc" and dtype.char in _FLOATS
    if float_ or dtype.kind in "iu" or dtype.name == "bfloat16":
        return value
    extended = dtype.kind in "fc" and dtype.itemsize > 1
    hint = "float64 is the widest dtype here" if extended else "convert it first"
    raise refused(
        TypeError,
        f"{name} has dtype {dtype}: it must be an integer, float16, bfloat16, float32, float64, "
        f"complex64 or complex128 array; {hint}",
    )


def numpy_array(value: Any, name: str) -> Array:
    """The same, for bridges to libraries that compute with NumPy's alone."""
    value = array(value, name)
    if isinstance(value, np.ndarray):
        return value
    raise refused(
        TypeError,
        f"{name} is a {type_name(value)}: it must be a NumPy array; "
        f"convert it first, as in np.asarray({name})",
    )


def type_name(value: Any) -> str:
    """The name of its type, with that of the library it is of."""
    kind = type(value)
    inside = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    return inside + kind.__qualname__


def foreign(value: Any) -> bool:
    """Whether value is an array of another library that has the array API."""
    if is_tensor(value):
        return True
    return hasattr(value, "__array_namespace__") or type(value).__module__.startswith("cupy")


def _check_tensor(value: Any, name: str) -> None:
    """Refuse what is called a tensor of PyTorch's and is no array."""
    if not is_tensor(value):
        return
    from ..core import torch_memory

    if (kind := torch_memory.other_kind(value)) is not None:
        what, right = kind
        raise refused(
            TypeError,
            f"{name} is {what}: it must be a dense torch.Tensor{right.format(name=name)}",
        )


def _lent(value: Any) -> Array:
    """An array of a library that has DLPack and nothing more: where it lies, as NumPy's."""
    return (
        np.asarray(value) if isinstance(value, np.ndarray | np.generic) else np.from_dlpack(value)
    )


def empty_of(dtype: Any, name: str) -> Array:
    """Nothing, in the dtype that is asked for, to be promoted with others."""
    try:
        nothing = np.empty(0, dtype)
    except TypeError:
        raise refused(
            TypeError, f"dtype is {dtype!r}: it must be a dtype of NumPy's, as in np.float32"
        ) from None
    return array(nothing, name)


def common_dtypes(**arrays: Array | None) -> tuple[Any, Any]:
    """The dtype to compute in, and the results' own: NumPy's promotion, integers as float64."""
    given = {name: a for name, a in arrays.items() if a is not None}
    for a in given.values():
        if not is_numpy(a):
            break
    else:
        return _numpy_dtypes(*[a.dtype for a in given.values()])
    first = next(iter(given.values()))
    xp = _one_library(given)
    floats = [a.dtype for a in given.values() if not xp.isdtype(a.dtype, ("integral", "bool"))]
    if any(xp.isdtype(a.dtype, "bool") for a in given.values()):
        raise refused(
            TypeError, f"{listed(given)}: arrays of dtype bool can't be convolved; convert first"
        )
    result = xp.result_type(*floats) if floats else xp.asarray(first, dtype=xp.float64).dtype
    narrow = str(result).endswith("float16")
    return (xp.float32 if narrow else result), result


@lru_cache(maxsize=256)
def _numpy_dtypes(*dtypes: np.dtype[Any]) -> tuple[np.dtype[Any], np.dtype[Any]]:
    floats = [np.dtype(np.float64) if d.kind in "iu" else d.newbyteorder("=") for d in dtypes]
    narrow = {d.name for d in floats if d.itemsize == 2}
    if narrow == {"float16", "bfloat16"}:  # neither holds the other
        floats.append(np.dtype(np.float32))
        floats = [d for d in floats if d.itemsize > 2]
    result = np.result_type(*floats)
    return (np.dtype(np.float32) if result.itemsize == 2 else result), result


def _one_library(given: dict[str, Array]) -> Any:
    from array_api_compat import array_namespace

    if all(map(is_tensor, given.values())) and len({a.device for a in given.values()}) > 1:
        where = ", ".join(f"{name} on {a.device}" for name, a in given.items())
        raise refused(TypeError, f"tensors on different devices ({where}): give all on one")
    try:
        return array_namespace(*given.values())
    except TypeError:
        kinds = ", ".join(f"{n} a {type_name(a)}" for n, a in given.items())
        followed = any(type(a).__module__.startswith("autograd.") for a in given.values())
        hint = "; what autograd follows goes to dxdw.interop.autograd" if followed else ""
        raise refused(
            TypeError, f"arrays of different libraries ({kinds}): give all of one{hint}"
        ) from None


def cast(a: Array, dtype: Any) -> Array:
    """a in the dtype to compute in; for NumPy contiguous and in native byte order, so that the
    same values give the same bits whatever their layout."""
    if is_numpy(a):
        if a.dtype == dtype and a.flags.carray:
            return a
        return np.require(a, dtype, ("C", "A"))
    return a if a.dtype == dtype else namespace(a).astype(a, dtype)


def seed_operands(**given: Any) -> list[Any]:
    """The operands of the series' loops: checked, and wide, for an oracle must not round."""
    arrays = {name: np.asarray(array(a, name)) for name, a in given.items()}
    x, W = arrays["x"], arrays["W"]
    if x.ndim != 3:
        raise refused(ValueError, f"x has shape {x.shape}: the loops take one image (C_in, H, W)")
    geometry, _ = convolution(2, x.shape, W.shape, 0, 1, 1, 1)
    if "grad_out" in arrays:
        check_grad_out(arrays["grad_out"], geometry.out_shape[1:], x, W, geometry)
    return [a.astype(np.complex128 if a.dtype.kind == "c" else np.float64) for a in arrays.values()]


# --- geometry -------------------------------------------------------------------------------------


def convolution(
    ndim: int,
    x_shape: Sequence[int],
    W_shape: Sequence[int],
    padding: Any,
    stride: Any,
    dilation: Any,
    groups: Any,
    padding_mode: str = "zeros",
) -> tuple[ConvGeometry, bool]:
    """The checked geometry of conv{ndim}d, and whether x has a batch axis."""
    stride = per_axis(stride, ndim, "stride", least=1)
    dilation = per_axis(dilation, ndim, "dilation", least=1)
    padding = padding_argument(padding, ndim)
    if type(groups) is not int or groups < 1:
        groups = _whole(groups, "groups", least=1)
    if padding_mode not in PADDING_MODES:
        raise refused(
            ValueError,
            f"padding_mode is {padding_mode!r}: it must be one of {listed(PADDING_MODES)}",
        )
    return _convolution(
        ndim, tuple(x_shape), tuple(W_shape), padding, stride, dilation, groups, padding_mode
    )


@lru_cache(maxsize=1024)
def _convolution(
    ndim: int,
    x_shape: tuple[int, ...],
    W_shape: tuple[int, ...],
    padding: str | Pairs,
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
    groups: int,
    padding_mode: str,
) -> tuple[ConvGeometry, bool]:
    letters = AXIS_NAMES[ndim]
    batched = _check_ranks("x", x_shape, W_shape, "(C_out, C_in/groups, ", ndim)
    batch = x_shape[0] if batched else 1
    channels, sizes = x_shape[-ndim - 1], x_shape[-ndim:]
    _check_groups("C_in", channels, groups)
    _check_groups("C_out", W_shape[0], groups)
    if W_shape[1] * groups != channels:
        raise refused(
            ValueError,
            f"W has shape {W_shape}: its axis 1 must be C_in/groups = {channels}/{groups} = "
            f"{channels // groups}, for x of shape {x_shape}",
        )
    axes = []
    for d, (size, taps) in enumerate(zip(sizes, W_shape[2:], strict=True)):
        extent = (taps - 1) * dilation[d] + 1
        before, after = _padding_of_axis(padding, d, size, extent, stride[d])
        _check_padding_mode(padding_mode, letters[d], size, before, after)
        padded = before + size + after
        if extent > padded:
            raise refused(
                ValueError,
                f"W is larger than x along {letters[d]}: {taps} taps with dilation {dilation[d]} "
                f"span {extent}, and x with its padding is {size} + {before} + {after} = {padded}; "
                f"x has shape {x_shape}, W {W_shape}",
            )
        out = (padded - extent) // stride[d] + 1
        axes.append(Axis(size, taps, stride[d], dilation[d], before, after, out))
    geometry = ConvGeometry(batch, channels, W_shape[0], groups, _at_least_two(axes), padding_mode)
    _check_sizes(geometry)
    return geometry, batched


def transposed(
    ndim: int,
    x_shape: Sequence[int],
    W_shape: Sequence[int],
    padding: Any,
    stride: Any,
    output_padding: Any,
    dilation: Any,
    groups: Any,
) -> tuple[ConvGeometry, bool]:
    """The checked geometry of the convolution that conv_transpose{ndim}d is the adjoint of: its
    x is our output, its output our x."""
    stride = per_axis(stride, ndim, "stride", least=1)
    dilation = per_axis(dilation, ndim, "dilation", least=1)
    output_padding = per_axis(output_padding, ndim, "output_padding", least=0)
    groups = _whole(groups, "groups", least=1)
    padding = padding_argument(padding, ndim)
    if padding == "valid":
        padding = ((0, 0),) * ndim
    elif isinstance(padding, str):
        raise refused(
            ValueError,
            f"padding is {padding!r}: a transposed convolution takes numbers (or 'valid', which "
            "is 0), since several output sizes have this padding",
        )
    return _transposed(
        ndim, tuple(x_shape), tuple(W_shape), padding, stride, output_padding, dilation, groups
    )


@lru_cache(maxsize=1024)
def _transposed(
    ndim: int,
    x_shape: tuple[int, ...],
    W_shape: tuple[int, ...],
    padding: Pairs,
    stride: tuple[int, ...],
    output_padding: tuple[int, ...],
    dilation: tuple[int, ...],
    groups: int,
) -> tuple[ConvGeometry, bool]:
    letters = AXIS_NAMES[ndim]
    batched = _check_ranks("x", x_shape, W_shape, "(C_in, C_out/groups, ", ndim)
    batch = x_shape[0] if batched else 1
    channels, sizes = x_shape[-ndim - 1], x_shape[-ndim:]
    _check_groups("C_in", channels, groups)
    if W_shape[0] != channels:
        raise refused(
            ValueError,
            f"W has shape {W_shape}: its axis 0 must be C_in = {channels}, "
            f"for x of shape {x_shape}",
        )
    axes = []
    for d, (size, taps) in enumerate(zip(sizes, W_shape[2:], strict=True)):
        extent = (taps - 1) * dilation[d] + 1
        before, after = padding[d]
        if output_padding[d] >= max(stride[d], dilation[d]):
            raise refused(
                ValueError,
                f"output_padding is {output_padding[d]} along {letters[d]}: it must be less than "
                f"the stride {stride[d]} or the dilation {dilation[d]} there",
            )
        out = (size - 1) * stride[d] + extent + output_padding[d] - before - after
        if size and out < 1:
            raise refused(
                ValueError,
                f"padding is {(before, after)} along {letters[d]}: it leaves {out} of the "
                f"output's {out + before + after} there; at least 1 must stay",
            )
        axes.append(Axis(max(out, 0), taps, stride[d], dilation[d], before, after, size))
    geometry = ConvGeometry(batch, W_shape[1] * groups, channels, groups, _at_least_two(axes))
    _check_sizes(geometry, x="the output", out="x")
    return geometry, batched


def _at_least_two(axes: list[Axis]) -> tuple[Axis, ...]:
    """One dimension is two with a single row: no engine needs to know of it."""
    return tuple(axes) if len(axes) > 1 else (Axis(1, 1, 1, 1, 0, 0, 1), *axes)


def _check_ranks(
    name: str, x_shape: tuple[int, ...], W_shape: tuple[int, ...], W_channels: str, ndim: int
) -> bool:
    """Checks the numbers of axes; returns whether x has a batch axis."""
    letters = AXIS_NAMES[ndim]
    spatial = ", ".join(letters)
    if len(x_shape) not in (ndim + 1, ndim + 2):
        raise refused(
            ValueError,
            f"{name} has shape {x_shape}: it must have {ndim + 1} axes (C_in, {spatial}) or "
            f"{ndim + 2} axes (N, C_in, {spatial})",
        )
    kernel = ", ".join(f"k{letter}" for letter in letters)
    if len(W_shape) != ndim + 2:
        raise refused(
            ValueError, f"W has shape {W_shape}: it must have {ndim + 2} axes {W_channels}{kernel})"
        )
    if 0 in W_shape[2:]:
        raise refused(
            ValueError, f"W has shape {W_shape}: a kernel needs at least 1 tap along each axis"
        )
    return len(x_shape) == ndim + 2


def _check_groups(name: str, channels: int, groups: int) -> None:
    if channels % groups:
        raise refused(ValueError, f"groups is {groups}: it must divide {name} = {channels}")


def _check_padding_mode(mode: str, letter: str, size: int, before: int, after: int) -> None:
    most = max(before, after)
    limits = {"reflect": size - 1, "circular": size, "replicate": most if size else 0}
    if most and most > limits.get(mode, most):
        raise refused(
            ValueError,
            f"padding is {(before, after)} along {letter}: with padding_mode {mode!r} it can be at "
            f"most {limits[mode]} where x is {size} long",
        )


def _check_sizes(geometry: ConvGeometry, x: str = "x", out: str = "the output") -> None:
    shapes = {x: geometry.x_shape, "W": geometry.W_shape, out: geometry.out_shape}
    padded = tuple(a.padded for a in geometry.axes)
    shapes[f"{x} with its padding"] = (geometry.batch, geometry.channels_in, *padded)
    for name, shape in shapes.items():
        if prod(shape) > _LARGEST // 16:
            product = " × ".join(map(str, shape))
            raise refused(
                ValueError,
                f"{name} would have {product} = {prod(shape)} elements: more than can be addressed",
            )


def shape(value: Any, name: str) -> tuple[int, ...]:
    """A shape of an array that is yet to come: any sequence of integers."""
    if isinstance(value, (str, bytes)) or not (
        isinstance(value, Sequence) or (isinstance(value, np.ndarray) and value.ndim == 1)
    ):
        raise refused(
            TypeError,
            f"{name} is a {type_name(value)}: it must be a tuple of integers, as x.shape is",
        )
    return tuple(_whole(v, name, least=0) for v in value)


def per_axis(value: Any, ndim: int, name: str, *, least: int) -> tuple[int, ...]:
    """An integer for each axis, from one or from one each."""
    if type(value) is int and value >= least:
        return (value,) * ndim
    if isinstance(value, (tuple, list)):
        if len(value) != ndim:
            raise refused(
                ValueError,
                f"{name} is {value!r}: it must be an integer or {ndim} of them, one for each of "
                f"{listed(AXIS_NAMES[ndim])}",
            )
        return tuple(_whole(v, name, least=least) for v in value)
    return (_whole(value, name, least=least),) * ndim


def padding_argument(value: Any, ndim: int) -> str | Pairs:
    """Padding as "same", "valid", "full" or a pair (before, after) for each axis."""
    if type(value) is int and value >= 0:
        return ((value, value),) * ndim
    if isinstance(value, str):
        if value not in ("valid", "same", "full"):
            raise refused(
                ValueError, f"padding is {value!r}: as a word it must be 'valid', 'same' or 'full'"
            )
        return value
    if not isinstance(value, (tuple, list)):
        p = _whole(value, "padding", least=0)
        return ((p, p),) * ndim
    if len(value) != ndim:
        raise refused(
            ValueError,
            f"padding is {value!r}: it must be an integer, {ndim} of them (one for each of "
            f"{listed(AXIS_NAMES[ndim])}), or {ndim} pairs (before, after)",
        )
    pairs = []
    for entry in value:
        if isinstance(entry, (tuple, list)):
            if len(entry) != 2:
                raise refused(
                    ValueError, f"padding has the entry {entry!r}: a pair is (before, after)"
                )
            before, after = (_whole(p, "padding", least=0) for p in entry)
        else:
            before = after = _whole(entry, "padding", least=0)
        pairs.append((before, after))
    return tuple(pairs)


def _padding_of_axis(
    padding: str | Pairs, axis: int, size: int, extent: int, stride: int
) -> tuple[int, int]:
    if padding == "valid":
        return 0, 0
    if padding == "same":
        return same_padding(size, extent, stride)
    if padding == "full":
        return extent - 1, extent - 1
    return padding[axis]  # type: ignore[return-value]  # not a word, so the pairs


def _whole(value: Any, name: str, *, least: int) -> int:
    if isinstance(value, (bool, np.bool_)):
        raise refused(TypeError, f"{name} is {value!r}: it must be an integer, not a bool")
    try:
        number = index(value)
    except TypeError:
        kind = type(value).__name__
        raise refused(TypeError, f"{name} is {value!r}, a {kind}: it must be an integer") from None
    if number < least:
        raise refused(ValueError, f"{name} is {number}: it must be at least {least}")
    return number


# --- the other arguments --------------------------------------------------------------------------


def check_bias(bias: Array, channels: int, name: str = "bias") -> None:
    """Refuses a bias that has not one element for each output channel."""
    if tuple(bias.shape) != (channels,):
        raise refused(
            ValueError,
            f"{name} has shape {tuple(bias.shape)}: it must be {(channels,)}, one for each of the "
            "output's channels",
        )


def check_like(a: Array | None, name: str, model: Array, model_name: str) -> None:
    """Refuses a that has not the shape of its model; None is nothing to refuse."""
    if a is not None and tuple(a.shape) != tuple(model.shape):
        raise refused(
            ValueError,
            f"{name} has shape {tuple(a.shape)}: it must be {tuple(model.shape)}, the shape of "
            f"{model_name}",
        )


def check_grad_out(
    grad_out: Array, shape: tuple[int, ...], x: Array, W: Array, geometry: ConvGeometry
) -> None:
    """Refuses a grad_out that has not the output's shape, with all that decides it."""
    if tuple(grad_out.shape) != shape:
        axes = geometry.axes
        raise refused(
            ValueError,
            f"grad_out has shape {tuple(grad_out.shape)}: it must be {shape}, the output's shape "
            f"for x {tuple(x.shape)}, W {tuple(W.shape)}, "
            f"padding {tuple((a.before, a.after) for a in axes)}, "
            f"stride {tuple(a.stride for a in axes)}, dilation {tuple(a.dilation for a in axes)}",
        )


def listed(names: Any) -> str:
    """Names in words: 'a', 'b' or 'c'."""
    *head, last = map(repr, names)
    return f"{', '.join(head)} or {last}" if head else last
