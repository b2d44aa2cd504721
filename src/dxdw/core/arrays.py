"""The few things that array libraries do differently: in-place writes and memory layout."""

import sys
from collections.abc import Callable
from contextvars import copy_context
from typing import Any, TypeVar

import numpy as np

Array = Any  # an array of whichever library
Result = TypeVar("Result")


def is_numpy(a: Array) -> bool:
    """Of an array that `arguments.array` let in: it leaves no subclasses."""
    return type(a) is np.ndarray


def is_tensor(a: Array) -> bool:
    """Of PyTorch, without importing it."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(a, torch.Tensor)


def namespace(a: Array) -> Any:
    """The array API namespace of a; for NumPy without importing anything."""
    if is_numpy(a):
        return np
    from array_api_compat import array_namespace

    return array_namespace(a)


def device_of(a: Array) -> Any:
    """Where it lies; None for NumPy's."""
    if is_numpy(a):
        return None
    from array_api_compat import device

    return device(a)


def lent(*arrays: Array) -> list[Array] | None:
    """The same memory as NumPy arrays, where all lie in the computer's own; None elsewhere.

    By DLPack, which refuses what is no plain array: one that stands for another while a function is
    traced, say. Of PyTorch's it hands out the memory alone: of a tensor with the negative bit the
    opposite numbers, of a fake one whatever is there. What is not contiguous is copied.

    Raises:
        RuntimeError: a tensor's memory was given back.
    """
    if is_tensor(arrays[0]):
        from . import torch_memory

        tensors = torch_memory.values(*arrays)
        if tensors is None:
            return None
        arrays = tuple(tensors)
    try:
        return [np.ascontiguousarray(np.from_dlpack(a)) for a in arrays]
    except (AttributeError, BufferError, RuntimeError, TypeError, ValueError):
        return None


def cast(a: Array, dtype: Any) -> Array:
    """a in the dtype to compute in; for NumPy contiguous and in native byte order, so that the
    same values give the same bits whatever their layout."""
    if is_numpy(a):
        if a.dtype != dtype:  # np.require would copy it too, in 2 µs more
            return a.astype(dtype, order="C")
        return a if a.flags.carray else np.require(a, None, ("C", "A"))
    return a if a.dtype == dtype else namespace(a).astype(a, dtype)


def summed_in(dtype: Any) -> Any:
    """The dtype that a NumPy one is summed in: float32 for float16 and bfloat16."""
    return np.dtype(np.float32) if dtype.itemsize == 2 and dtype.kind not in "iu" else dtype


def reshaped(a: Array, shape: tuple[int, ...]) -> Array:
    """a in another shape of as many elements; a itself where it has that shape."""
    if a.shape == shape:
        return a
    return a.reshape(shape) if is_numpy(a) else namespace(a).reshape(a, shape)


def element_size(dtype: Any) -> int:
    """Bytes of an element of a dtype: NumPy's, or another library's that is named like it."""
    try:
        return int(np.dtype(dtype).itemsize)
    except TypeError:
        return int(np.dtype(str(dtype).rpartition(".")[2]).itemsize)


def put(target: Array, index: Any, value: Array) -> Array:
    """target with target[index] = value: in place where the library allows it (JAX does not)."""
    if hasattr(target, "at") and not is_numpy(target):
        return target.at[index].set(value)
    target[index] = value
    return target


def matmul(a: Array, b: Array, out: Array) -> Array:
    """a @ b, in out where the library can."""
    if is_numpy(out):
        return np.matmul(a, b, out=out)
    return namespace(a).matmul(a, b)


def add_at(target: Array, index: Any, value: Array) -> Array:
    """target with target[index] += value, likewise. No element may be named twice by index."""
    if hasattr(target, "at") and not is_numpy(target):
        return target.at[index].add(value)
    target[index] += value
    return target


def contiguous(a: Array) -> Array:
    """For NumPy a C-contiguous array: BLAS then takes one path, and gives one rounding."""
    return np.ascontiguousarray(a) if is_numpy(a) else a


def apart(call: Callable[..., Result], *args: Any) -> Result:
    """`call(*args)`, which may change NumPy's error state: it has one of its own.

    `np.errstate` sets the caller's before it can be sure to set it back: a Ctrl-C between the two
    would silence the caller's warnings for good.
    """
    return copy_context().run(call, *args)


def unwarned(call: Callable[..., Result], *args: Any) -> Result:
    """The same without NumPy's warnings of overflow, of invalid values and of division by 0."""

    def quietly() -> Result:
        np.seterr(all="ignore")
        return call(*args)

    return apart(quietly)


def all_finite(a: Array) -> bool | None:
    """Whether every element is finite; None where values can't be looked at (under jax.jit)."""
    xp = namespace(a)
    if is_numpy(a):
        # One pass without a temporary; a sum that overflows is looked at element by element.
        total = unwarned(np.add.reduce, a, None)
        return bool(np.isfinite(total)) or bool(np.isfinite(a).all())
    try:
        return bool(xp.all(xp.isfinite(a)))
    except Exception as error:
        if type(error).__module__.split(".")[0] == "jax":
            return None
        raise
