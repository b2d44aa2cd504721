"""A pass as a function that XLA calls on the CPU, by its foreign-function interface.

XLA hands over a C structure: where the operands and the result lie, and what the call was compiled
with. ctypes reads it, so nothing is compiled against XLA's headers, and the wheel of dxdw knows no
version of jaxlib. That costs the lock of the interpreter for some microseconds, and the kernel runs
without it. Measured, under jit on one thread: a small call takes 16 µs so, 174 by
`jax.pure_callback`, which copies besides, and 25 with XLA's own convolution.

The layout is that of `xla/ffi/api/c_api.h`, version 0: XLA promises to change it only with a new
major version, and such a one is refused by name when the handler is registered.
"""

from ctypes import (
    CFUNCTYPE,
    POINTER,
    Structure,
    c_char_p,
    c_int,
    c_int64,
    c_size_t,
    c_ubyte,
    c_void_p,
    cast,
    sizeof,
    string_at,
)
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from ..core.arrays import Array
from ..core.geometry import Axis, ConvGeometry
from ..engines import native
from . import numpy_passes
from .bilinear import Case, stacked

_METADATA = 1  # the extension that asks for the version, not for a result
_MAJOR = 0
_INTERNAL = 13  # an error's code
# Numbers of XLA's types.
_DTYPES = {10: "float16", 11: "float32", 12: "float64", 15: "complex64", 16: "bfloat16"}
_DTYPES |= {18: "complex128"}


class _Version(Structure):
    _fields_ = [  # ctypes wants a list
        ("struct_size", c_size_t),
        ("extension", c_void_p),
        ("major", c_int),
        ("minor", c_int),
    ]


class _Api(Structure):
    """The beginning of a table of functions, of which errors are made."""

    _fields_ = [
        ("struct_size", c_size_t),
        ("extension", c_void_p),
        ("version", _Version),
        ("internal", c_void_p),
        ("create_error", c_void_p),
    ]


class _Error(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("extension", c_void_p),
        ("message", c_char_p),
        ("code", c_int),
    ]


class _Metadata(Structure):
    """The beginning of it; what follows is right as it comes."""

    _fields_ = [("struct_size", c_size_t), ("version", _Version)]


class _Extension(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("type", c_int),
        ("next", c_void_p),
        ("metadata", POINTER(_Metadata)),
    ]


class _Buffer(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("extension", c_void_p),
        ("dtype", c_int),
        ("data", c_void_p),
        ("rank", c_int64),
        ("dims", POINTER(c_int64)),
    ]


class _Buffers(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("extension", c_void_p),
        ("size", c_int64),
        ("types", c_void_p),
        ("each", POINTER(POINTER(_Buffer))),
    ]


class _Text(Structure):
    _fields_ = [("start", c_void_p), ("size", c_size_t)]


class _Attributes(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("extension", c_void_p),
        ("size", c_int64),
        ("types", c_void_p),
        ("names", c_void_p),
        ("each", POINTER(POINTER(_Text))),
    ]


class _Frame(Structure):
    """A call; newer versions have more at the end."""

    _fields_ = [
        ("struct_size", c_size_t),
        ("extension", POINTER(_Extension)),
        ("api", POINTER(_Api)),
        ("context", c_void_p),
        ("stage", c_int),
        ("operands", _Buffers),
        ("results", _Buffers),
        ("attributes", _Attributes),
    ]


def text(kind: str, case: Case) -> str:
    """A pass in words, as the one attribute of its call: it may outlive this process in a cache."""
    geometry = case.geometry
    counts = (geometry.batch, geometry.channels_in, geometry.channels_out, geometry.groups)
    axes = [(a.size, a.taps, a.stride, a.dilation, a.before, a.after, a.out) for a in geometry.axes]
    numbers = [case.ndim, *counts, *(n for axis in axes for n in axis)]
    return " ".join([kind, geometry.padding_mode, *map(str, numbers)])


@lru_cache(maxsize=1024)
def _told(words: bytes) -> tuple[str, Case]:
    """What `text` said."""
    kind, mode, *rest = words.decode().split()
    ndim, batch, channels_in, channels_out, groups, *sizes = map(int, rest)
    axes = tuple(Axis(*sizes[i : i + 7]) for i in range(0, len(sizes), 7))
    return kind, Case(ConvGeometry(batch, channels_in, channels_out, groups, axes, mode), ndim)


@CFUNCTYPE(c_void_p, POINTER(_Frame))
def handler(pointer: Any) -> int | None:
    """What XLA calls: null, or the address of an error of XLA's making."""
    frame = pointer.contents
    try:
        extension = frame.extension
        if extension and extension.contents.type == _METADATA:
            _tell_version(frame.api.contents, extension.contents.metadata.contents)
        else:
            _compute(frame)
    except BaseException as error:  # noqa: BLE001  # there is no Python above that could catch it
        return _error(frame.api.contents, f"dxdw: {type(error).__name__}: {error}")
    return None


def _tell_version(api: _Api, metadata: _Metadata) -> None:
    if api.version.major != _MAJOR:
        raise NotImplementedError(
            f"XLA's foreign-function interface has version {api.version.major}.{api.version.minor}"
            f": this dxdw knows {_MAJOR} only"
        )
    metadata.version.major, metadata.version.minor = _MAJOR, api.version.minor


def _error(api: _Api, message: str) -> int | None:
    create = CFUNCTYPE(c_void_p, POINTER(_Error))(api.create_error)
    told = _Error(sizeof(_Error), None, message.encode(), _INTERNAL)
    address: int | None = create(told)
    return address


def _compute(frame: _Frame) -> None:
    words = frame.attributes.each[0].contents
    kind, case = _told(string_at(words.start, words.size))
    first, second = (frame.operands.each[i].contents for i in range(2))
    result = frame.results.each[0].contents
    if result.rank == case.ndim + 2:
        ready = numpy_passes.kernel(kind, case, _dtype(result.dtype), None)
        if not ready or ready(_byte(first), _byte(second), _byte(result)) != native.DONE:
            _array(result)[...] = numpy_passes.run(kind, _array(first), _array(second), case)
    else:
        _array(result)[...] = _mapped(kind, case, _array(first), _array(second), result.rank)


def _mapped(kind: str, case: Case, first: Array, second: Array, rank: int) -> Array:
    """A pass under jax.vmap: operands have axes in front, of length 1 where they are not mapped."""
    extra = rank - case.ndim - 2
    lead = np.broadcast_shapes(first.shape[:extra], second.shape[:extra])
    one_first, one_second = (prod(a.shape[:extra]) == 1 for a in (first, second))
    which = "second" if one_first else "first" if one_second else "both"

    def operand(a: Array, name: str) -> Array:
        own = a.shape[extra:]
        if which not in (name, "both"):
            return a.reshape(own)
        return np.broadcast_to(a, (*lead, *own)).reshape(prod(lead), *own)

    stack = stacked(kind, case, operand(first, "first"), operand(second, "second"), which, np)
    results = stack.unstack(numpy_passes.run(kind, stack.first, stack.second, stack.case), np)
    return results.reshape(*lead, *case.shape(kind))


@lru_cache(maxsize=16)
def _dtype(number: int) -> np.dtype[Any]:
    return np.dtype(_DTYPES[number])


def _byte(buffer: _Buffer) -> c_ubyte:
    return c_ubyte.from_address(buffer.data)


def _array(buffer: _Buffer) -> Array:
    """The memory of a buffer as an array."""
    shape, dtype = tuple(buffer.dims[: buffer.rank]), _dtype(buffer.dtype)
    size = prod(shape) * dtype.itemsize
    if not size:
        return np.empty(shape, dtype)
    return np.ndarray(shape, dtype, (c_ubyte * size).from_address(buffer.data))


def address() -> Any:
    """The handler as a pointer."""
    return cast(handler, c_void_p)
