"""The checks of what a user gives the layers, as `call` has those of the convolutions."""

from operator import index
from typing import Any, NamedTuple

import numpy as np

from .call.operands import array, common_dtypes
from .call.options import per_axis
from .core.arrays import Array, cast, is_numpy
from .core.documentation import refused


def operands(**given: Any) -> tuple[list[Any], Any]:
    """The operands in the dtype to compute in (None stays None), and the results' own dtype."""
    arrays = {k: None if k == "b" and v is None else _real(v, k) for k, v in given.items()}
    compute, result = common_dtypes(**arrays)
    return [None if a is None else cast(a, compute) for a in arrays.values()], result


def _real(value: Any, name: str) -> Array:
    a = array(value, name)
    if not is_numpy(a):
        kind = f"{type(a).__module__}.{type(a).__name__}"
        raise refused(
            TypeError,
            f"{name} is a {kind}: the layers take NumPy arrays, so convert it first",
            "layers",
        )
    if a.dtype.kind == "c":
        raise refused(
            TypeError, f"{name} has dtype {a.dtype}: the layers take real numbers", "layers"
        )
    return a


class Windows(NamedTuple):
    """Where all windows have their first, second, … row, and column."""

    rows: list[slice]
    columns: list[slice]


def windows(shape: tuple[int, ...], kernel_size: Any, stride: Any) -> Windows:
    """The checked windows of a pooling over x of this shape."""
    sizes = per_axis(kernel_size, 2, "kernel_size", least=1)
    strides = sizes if stride is None else per_axis(stride, 2, "stride", least=1)
    if len(shape) not in (3, 4):
        raise refused(
            ValueError,
            f"x has shape {shape}: it must have 3 axes (C, H, W) or 4 (N, C, H, W)",
            "layers",
        )
    slices = []
    for letter, size, k, s in zip("HW", shape[-2:], sizes, strides, strict=True):
        if k > size:
            raise refused(
                ValueError,
                f"kernel_size is {k} along {letter}, where x of shape {shape} has {size}: "
                "it can't be larger than x",
                "layers",
            )
        last = (size - k) // s * s
        slices.append([slice(u, u + last + 1, s) for u in range(k)])
    return Windows(*slices)


def check_linear(x: Array, W: Array) -> None:
    """W must be (M, K), and x (M,) or (N, M)."""
    if W.ndim != 2:
        raise refused(ValueError, f"W has shape {W.shape}: it must have 2 axes (M, K)", "layers")
    if x.ndim not in (1, 2) or x.shape[-1] != W.shape[0]:
        M = W.shape[0]
        raise refused(
            ValueError,
            f"x has shape {x.shape}: it must be ({M},) or (N, {M}), for W {W.shape}",
            "layers",
        )


def axis_of(z: Array, axis: Any) -> int:
    """The checked axis, which may count from the end."""
    if isinstance(axis, (bool, np.bool_)):
        raise refused(TypeError, f"axis is {axis!r}: it must be an integer, not a bool", "layers")
    try:
        number = index(axis)
    except TypeError:
        kind = type(axis).__name__
        raise refused(
            TypeError, f"axis is {axis!r}, a {kind}: it must be an integer", "layers"
        ) from None
    if not z.ndim:
        raise refused(ValueError, "z is a single number: it must have at least 1 axis", "layers")
    if not -z.ndim <= number < z.ndim:
        raise refused(
            ValueError,
            f"axis is {number}: for z of shape {z.shape} it must be in {-z.ndim}…{z.ndim - 1}",
            "layers",
        )
    if not z.shape[number]:
        raise refused(
            ValueError,
            f"z has shape {z.shape}: it must have at least 1 number along axis {number}",
            "layers",
        )
    return number


def labels_for(logits: Array, value: Any) -> Array:
    """The true classes, checked against the logits, which are (N, K)."""
    if logits.ndim != 2 or not logits.size:
        raise refused(
            ValueError,
            f"logits has shape {logits.shape}: it must be (N, K), with at least 1 row and 1 class",
            "layers",
        )
    labels = _real(value, "labels")
    if labels.dtype.kind not in "iu":
        raise refused(
            TypeError,
            f"labels has dtype {labels.dtype}: it must be integers, the true classes",
            "layers",
        )
    N, K = logits.shape
    check_shape(labels, "labels", (N,), f"one for each row of logits {logits.shape}")
    wrong = labels[(labels < 0) | (labels >= K)]
    if wrong.size:
        raise refused(
            ValueError,
            f"labels has {wrong[0]}: for logits {logits.shape} they must be in 0…{K - 1}",
            "layers",
        )
    return labels


def check_shape(a: Array, name: str, shape: tuple[int, ...], why: str) -> None:
    """The shape must be that one."""
    if a.shape != shape:
        raise refused(
            ValueError, f"{name} has shape {tuple(a.shape)}: it must be {shape}, {why}", "layers"
        )
