"""What a call is to compute, and the arrays that a caller gives for it: checked before anything is
computed.
"""

from itertools import combinations
from typing import Any

import numpy as np

from ..core.arrays import Array, is_tensor
from ..core.documentation import refused
from .operands import foreign, is_masked
from .options import listed

# How long NumPy may look for an element that two arrays share: those that are harder to tell apart
# than views by slices are, are refused.
_MOST_WORK = 10_000


def needs(value: Any, allowed: tuple[str, ...]) -> tuple[str, ...]:
    """The names asked for, as a tuple, each known and once."""
    if isinstance(value, str):
        raise refused(
            TypeError, f"needs is {value!r}: it must be a tuple of names, as in ({value!r},)"
        )
    try:
        names = tuple(value)
    except TypeError:
        raise refused(TypeError, f"needs is {value!r}: it must be a tuple of names") from None
    known = all(isinstance(name, str) and name in allowed for name in names)
    if not names or not known or len(set(names)) < len(names):
        raise refused(
            ValueError, f"needs is {value!r}: it must name one or more of {listed(allowed)}, once"
        )
    return names


def checked(
    out: Any,
    accumulate: Any,
    names: tuple[str, ...],
    shapes: dict[str, tuple[int, ...]],
    dtype: Any,
    summed_in: Any,
) -> tuple[Array | None, ...]:
    """Out as one entry for each name; a wrong one is refused before anything is computed.

    The gradients of weights may be asked for in the dtype of the sums, as a training that stores
    16 bits wants them.
    """
    if not isinstance(accumulate, (bool, np.bool_)):
        raise refused(TypeError, f"accumulate is {accumulate!r}: it must be True or False")
    if out is None:
        out = (None,) * len(names)
    if not isinstance(out, (tuple, list)) or len(out) != len(names):
        raise refused(
            ValueError, f"out must be a tuple with an entry (or None) for each of {listed(names)}"
        )
    given = {}
    for name, entry in zip(names, out, strict=True):
        if entry is not None:
            also = summed_in if name in ("dW", "db") else dtype
            writable(entry, f"out for {name}", shapes[name], dtype, also)
            given[name] = entry
        elif accumulate:
            raise refused(
                ValueError, f"accumulate=True adds into out, which has no array for {name}"
            )
    for one, other in combinations(given, 2):
        if _share_memory(given[one], given[other]):
            raise refused(
                ValueError,
                f"out for {one} and out for {other} share memory: each result needs its own",
            )
    return tuple(out)


def wide_dW(names: tuple[str, ...], into: tuple[Array | None, ...], result: Any) -> bool:
    """Whether dW is asked for in another dtype than the results' own: that of its sums."""
    out = dict(zip(names, into, strict=True)).get("dW")
    return out is not None and out.dtype != result


def writable(
    out: Any, name: str, shape: tuple[int, ...], dtype: Any, also: Any | None = None
) -> None:
    """Refuses an array that a result can't be written into; also: another dtype that it can be."""
    if not isinstance(out, np.ndarray) and not foreign(out):
        raise refused(TypeError, f"{name} is a {type(out).__name__}: it must be an array")
    if is_masked(out):
        raise refused(
            TypeError,
            f"{name} is a masked array, whose mask would keep results out: give its data, "
            "as in out.data",
        )
    if not isinstance(out, np.ndarray) and hasattr(out, "at"):
        raise refused(TypeError, f"{name} can't be written: arrays of its library are immutable")
    if tuple(out.shape) != shape:
        raise refused(ValueError, f"{name} has shape {tuple(out.shape)}: it must be {shape}")
    if out.dtype not in (dtype, also):
        other = "" if also in (dtype, None) else f", or {also}, the sums'"
        raise refused(
            ValueError, f"{name} has dtype {out.dtype}: it must be {dtype}, the result's{other}"
        )
    if isinstance(out, np.ndarray) and not out.flags.writeable:
        raise refused(ValueError, f"{name} is read-only: it must be writable")
    if _overlaps_itself(out):
        raise refused(
            ValueError,
            f"{name} has elements that share memory: each of them needs its own, as in a copy",
        )


def _overlaps_itself(out: Array) -> bool:
    """Whether two elements may lie at one place: in an array of as_strided or broadcast_to."""
    strides, unit = _layout(out)
    if 0 in out.shape:
        return False
    reach = unit  # from the first byte of an element to behind the last, of the axes so far
    for stride, n in sorted((abs(s), n) for s, n in zip(strides, out.shape, strict=False) if n > 1):
        if stride < reach:
            return True
        reach += (n - 1) * stride
    return False


def _layout(out: Array) -> tuple[tuple[int, ...], int]:
    """Its strides, and an element's size in their unit; none where a library has no such views."""
    if hasattr(out, "strides"):
        return tuple(out.strides), int(out.itemsize)
    return (tuple(out.stride()), 1) if hasattr(out, "stride") else ((), 1)


def _share_memory(one: Array, other: Array) -> bool:
    views = _view(one), _view(other)
    if any(view is None for view in views):  # on a device, or of a library that does not tell
        return one is other
    try:
        # (NumPy takes any number there; its stubs know of two.)
        return bool(np.shares_memory(*views, max_work=_MOST_WORK))  # type: ignore[arg-type]
    except np.exceptions.TooHardError:
        return True


def _view(a: Array) -> Any:
    if isinstance(a, np.ndarray):
        return a
    if is_tensor(a):  # NumPy takes none that wants a gradient, or is of bfloat16
        import torch

        a = a.detach()
        a = a.view(torch.int16) if a.dtype is torch.bfloat16 else a
    try:
        return np.from_dlpack(a)
    except (AttributeError, BufferError, RuntimeError, TypeError, ValueError):
        return None
