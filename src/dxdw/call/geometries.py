"""A convolution's geometry, of the shapes and options of a call: every check of how they fit."""

import sys
from collections.abc import Sequence
from functools import lru_cache
from math import prod
from typing import Any, NamedTuple

from ..core.documentation import refused
from ..core.geometry import Axis, ConvGeometry, same_padding
from .options import (
    AXIS_NAMES,
    Options,
    Pairs,
    check_padding_mode,
    padding_argument,
    per_axis,
    stride_argument,
    whole,
)

_LARGEST = sys.maxsize  # bytes of an array: in a page, where addresses have 32 bits, 2 GiB


class Checked(NamedTuple):
    """The options of a geometry, a number for each axis."""

    padding: Any  # a word, or a pair for each axis
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    groups: int
    padding_mode: str
    output_padding: tuple[int, ...] = ()


def convolution(
    ndim: int,
    x_shape: Sequence[int],
    W_shape: Sequence[int],
    options: Options,
    *,
    symbols: bool = False,
) -> tuple[ConvGeometry, bool]:
    """The checked geometry of conv{ndim}d, and whether x has a batch axis.

    symbols: whether sizes may be symbols, which are not looked up, and too large for no address.
    """
    groups, mode = options.groups, options.padding_mode
    stride = stride_argument(options.stride, ndim)
    dilation = per_axis(options.dilation, ndim, "dilation", least=1)
    padding = padding_argument(options.padding, ndim)
    if type(groups) is not int or groups < 1:
        groups = whole(groups, "groups", least=1)
    check_padding_mode(mode)
    shapes = tuple(x_shape), tuple(W_shape)
    checked = Checked(padding, stride, dilation, groups, mode)
    return (_convolution_of if symbols else _convolution)(ndim, *shapes, checked)


@lru_cache(maxsize=1024)
def _convolution(
    ndim: int, x_shape: tuple[int, ...], W_shape: tuple[int, ...], options: Checked
) -> tuple[ConvGeometry, bool]:
    geometry, batched = _convolution_of(ndim, x_shape, W_shape, options)
    _check_sizes(geometry)
    return geometry, batched


def _convolution_of(
    ndim: int, x_shape: tuple[int, ...], W_shape: tuple[int, ...], options: Checked
) -> tuple[ConvGeometry, bool]:
    padding, stride, dilation, groups, padding_mode, _ = options
    letters = AXIS_NAMES[ndim]
    batched = _check_ranks("x", x_shape, W_shape, "(C_out, C_in/groups, ", ndim)
    batch = x_shape[0] if batched else 1
    channels, sizes = x_shape[-ndim - 1], x_shape[-ndim:]
    _check_groups("C_in", channels, groups)
    _check_groups("C_out", W_shape[0], groups)
    if W_shape[1] * groups != channels:
        last = (
            f"; if its channels are last, np.moveaxis(x, -1, {-ndim - 1}) puts them first"
            if x_shape[-1] == W_shape[1] * groups
            else ""
        )
        raise refused(
            ValueError,
            f"W has shape {W_shape}: its axis 1 must be C_in/groups = {channels}/{groups} = "
            f"{channels // groups}, for x of shape {x_shape}{last}",
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
    return geometry, batched


def transposed(
    ndim: int,
    x_shape: Sequence[int],
    W_shape: Sequence[int],
    options: Options,
    *,
    symbols: bool = False,
) -> tuple[ConvGeometry, bool]:
    """The checked geometry of the convolution that conv_transpose{ndim}d is the adjoint of: its
    x is our output, its output our x."""
    stride = stride_argument(options.stride, ndim)
    dilation = per_axis(options.dilation, ndim, "dilation", least=1)
    output_padding = per_axis(options.output_padding, ndim, "output_padding", least=0)
    groups = whole(options.groups, "groups", least=1)
    padding = padding_argument(options.padding, ndim)
    if padding == "valid":
        padding = ((0, 0),) * ndim
    elif isinstance(padding, str):
        raise refused(
            ValueError,
            f"padding is {padding!r}: a transposed convolution takes numbers (or 'valid', which "
            "is 0), since several output sizes have this padding",
        )
    shapes = tuple(x_shape), tuple(W_shape)
    checked = Checked(padding, stride, dilation, groups, "zeros", output_padding)
    return (_transposed_of if symbols else _transposed)(ndim, *shapes, checked)


@lru_cache(maxsize=1024)
def _transposed(
    ndim: int, x_shape: tuple[int, ...], W_shape: tuple[int, ...], options: Checked
) -> tuple[ConvGeometry, bool]:
    geometry, batched = _transposed_of(ndim, x_shape, W_shape, options)
    _check_sizes(geometry, x="the output", out="x")
    return geometry, batched


def _transposed_of(
    ndim: int, x_shape: tuple[int, ...], W_shape: tuple[int, ...], options: Checked
) -> tuple[ConvGeometry, bool]:
    padding, stride, dilation, groups, _, output_padding = options
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
        missing = "; x[None] adds the axis of a single channel" if len(x_shape) == ndim else ""
        raise refused(
            ValueError,
            f"{name} has shape {x_shape}: it must have {ndim + 1} axes (C_in, {spatial}) or "
            f"{ndim + 2} axes (N, C_in, {spatial}){missing}",
        )
    kernel = ", ".join(f"k{letter}" for letter in letters)
    if len(W_shape) != ndim + 2:
        missing = "; W[None, None] adds the two of one kernel" if len(W_shape) == ndim else ""
        raise refused(
            ValueError,
            f"W has shape {W_shape}: it must have {ndim + 2} axes {W_channels}{kernel}){missing}",
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
        counted = [n for n in shape if n]  # an empty array's other axes must be addressed too
        if prod(counted) > _LARGEST // 16:
            product = " × ".join(map(str, counted))
            beside = " beside an axis of length 0" if 0 in shape else ""
            raise refused(
                ValueError,
                f"{name} would have {product} = {prod(counted)} elements{beside}: more than can be "
                "addressed",
            )


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
