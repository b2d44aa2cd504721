"""Every coercion and check of a caller's arrays: what leaves this room is trusted behind it."""

import sys
from collections.abc import Sequence
from functools import lru_cache
from importlib import import_module
from typing import Any

import numpy as np

from ..core.arrays import Array, is_numpy, is_tensor
from ..core.documentation import refused
from ..core.geometry import ConvGeometry
from .options import listed, whole

_FLOATS = "efdFD"  # characters of float16, …, complex128: NumPy's own alone
_FOREIGN = {"float16", "bfloat16", "float32", "float64", "complex64", "complex128", "bool"}
_DTYPES = (
    "it must be an integer, float16, bfloat16, float32, float64, complex64 or complex128 array"
)


def array(value: Any, name: str) -> Array:
    """An array of a dtype that can be computed with: NumPy's, or another library's as it is."""
    if value is None:
        raise refused(TypeError, f"{name} is None: it must be an array or nested lists of numbers")
    if type(value) is list or type(value) is tuple:
        value = _of_numbers(value, name)
    elif type(value) is not np.ndarray:
        if is_masked(value):
            raise refused(
                TypeError,
                f"{name} is a masked array, whose mask would be lost: fill it first, "
                f"as in {name}.filled(0)",
            )
        if isinstance(value, np.matrix):
            raise refused(TypeError, f"{name} is a np.matrix: convert it with np.asarray({name})")
        check_labelled_or_lazy(value, name)
        if foreign(value):
            _check_tensor(value, name)
            _check_foreign_dtype(value, name)
            return value
        value = _of_numbers(value, name)
    dtype = value.dtype
    float_ = dtype.kind in "fc" and dtype.char in _FLOATS
    if float_ or dtype.kind in "iu" or dtype.name == "bfloat16":
        return value
    extended = dtype.kind in "fc" and dtype.itemsize > 1
    hint = "float64 is the widest dtype here" if extended else "convert it first"
    raise refused(TypeError, f"{name} has dtype {dtype}: {_DTYPES}; {hint}")


def _of_numbers(value: Any, name: str) -> Array:
    try:
        return _lent(value) if hasattr(value, "__dlpack__") else np.asarray(value)
    except (BufferError, ValueError) as error:
        raise refused(ValueError, f"{name} can't be made an array: {error}") from None


# What an array would be made of, losing what it is there for.
_OF_OTHERS = {
    "autograd": "what autograd follows goes to dxdw.interop.autograd",
    "dask": "it would be loaded whole: dxdw.interop.dask has the functions that go chunk by chunk, "
    "and {name}.compute() loads it",
    "xarray": "its labels would be lost: give {name}.values, or where it holds a Dask array "
    "{name}.data to the functions of dxdw.interop.dask",
}


def check_labelled_or_lazy(value: Any, name: str) -> None:
    """Refuses arrays of which NumPy, or JAX, would make others without a word."""
    library = type(value).__module__.partition(".")[0]
    if library in _OF_OTHERS:
        hint = _OF_OTHERS[library].format(name=name)
        raise refused(TypeError, f"{name} is a {type_name(value)}: {hint}")


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


def is_masked(value: Any) -> bool:
    """Whether it is a masked array: who has one has loaded its module, which takes NumPy 8 ms."""
    ma = sys.modules.get("numpy.ma")
    return ma is not None and isinstance(value, ma.MaskedArray)


def type_name(value: Any) -> str:
    """The name of its type, with that of the library it is of."""
    kind = type(value)
    inside = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    return inside + kind.__qualname__


def foreign(value: Any) -> bool:
    """Whether value is an array of another library that has the array API."""
    if is_tensor(value):
        return True
    if isinstance(value, np.ndarray | np.generic):  # NumPy's own, whose numbers have it too
        return False
    return hasattr(value, "__array_namespace__") or type(value).__module__.startswith("cupy")


def arrays(optional: tuple[str, ...] = (), **given: Any) -> dict[str, Array]:
    """All that a call is given, each as `array` has it; those named optional may be None.

    NumPy's among JAX's become JAX's, as everywhere in JAX.
    """
    found = {n: array(a, n) for n, a in given.items() if a is not None or n not in optional}
    others = [a for a in found.values() if not is_numpy(a)]
    if len(others) not in (0, len(found)) and all(map(_of_jax, others)):
        from jax import numpy as jnp

        found = {n: jnp.asarray(native(a)) if is_numpy(a) else a for n, a in found.items()}
    return dict.fromkeys(given) | found


def native(a: Array) -> Array:
    """NumPy's array in this machine's order of bytes: JAX knows no other."""
    return a.astype(a.dtype.newbyteorder("="), copy=False)


def _of_jax(a: Array) -> bool:
    return type(a).__module__.partition(".")[0] in {"jax", "jaxlib"}


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


def _check_foreign_dtype(value: Any, name: str) -> None:
    """Refuse what is no number or a float of 8 bits. (Bool is seen where all are looked at.)"""
    dtype = str(value.dtype).rpartition(".")[2]
    if dtype not in _FOREIGN and not dtype.startswith(("int", "uint")):
        raise refused(TypeError, f"{name} has dtype {value.dtype}: {_DTYPES}; convert it first")


def _lent(value: Any) -> Array:
    """An array of a library that has DLPack and nothing more: where it lies, as NumPy's."""
    return (
        np.asarray(value) if isinstance(value, np.ndarray | np.generic) else np.from_dlpack(value)
    )


def empty_of(dtype: Any, name: str) -> Array:
    """Nothing, in the dtype that is asked for, to be promoted with others."""
    return array(np.empty(0, numpy_dtype(dtype)), name)


def numpy_dtype(dtype: Any) -> np.dtype[Any]:
    """NumPy's, of whatever it takes for one."""
    if isinstance(dtype, str) and dtype == "bfloat16":  # NumPy knows it as soon as that is loaded
        from ..extras import need

        need("bfloat16", f"dtype={dtype!r}", "ml_dtypes")
        import_module("ml_dtypes")
    try:
        found: np.dtype[Any] = np.dtype(dtype)
    except (TypeError, ValueError):
        raise refused(
            TypeError, f"dtype is {dtype!r}: it must be a dtype of NumPy's, as in np.float32"
        ) from None
    return found


def common_dtypes(**arrays: Array | None) -> tuple[Any, Any]:
    """The dtype to compute in, and the results' own: that of the floats, or else float64.

    One rule for all libraries, which each of them has for its own operations but NumPy: integers
    beside floats take their dtype, whatever their size.
    """
    given = {name: a for name, a in arrays.items() if a is not None}
    for a in given.values():
        if not is_numpy(a):
            break
    else:
        return _numpy_dtypes(*[a.dtype for a in given.values()])
    xp = _one_library(given)
    floats = [a.dtype for a in given.values() if not xp.isdtype(a.dtype, ("integral", "bool"))]
    if any(xp.isdtype(a.dtype, "bool") for a in given.values()):
        raise refused(
            TypeError, f"{listed(given)}: arrays of dtype bool can't be convolved; convert first"
        )
    result = xp.result_type(*floats) if floats else _widest(xp)
    narrow = str(result).endswith("float16")
    return (xp.float32 if narrow else result), result


def _widest(xp: Any) -> Any:
    """float64; float32 of JAX where that has no more, which says so of each array."""
    return xp.asarray(0.0).dtype if "jax" in xp.__name__ else xp.float64


@lru_cache(maxsize=256)
def _numpy_dtypes(*dtypes: np.dtype[Any]) -> tuple[np.dtype[Any], np.dtype[Any]]:
    floats = [d.newbyteorder("=") for d in dtypes if d.kind not in "iu"] or [np.dtype(np.float64)]
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
        hint = ""
        if any(map(is_tensor, given.values())) and any(map(is_numpy, given.values())):
            hint = "; torch.from_numpy makes a tensor of an array, .numpy() an array of a tensor"
        raise refused(
            TypeError, f"arrays of different libraries ({kinds}): give all of one{hint}"
        ) from None


def shape(value: Any, name: str) -> tuple[int, ...]:
    """A shape of an array that is yet to come: any sequence of integers."""
    if isinstance(value, (str, bytes)) or not (
        isinstance(value, Sequence) or (isinstance(value, np.ndarray) and value.ndim == 1)
    ):
        raise refused(
            TypeError,
            f"{name} is a {type_name(value)}: it must be a tuple of integers, "
            f"as {name.removesuffix('_shape')}.shape is",
        )
    return tuple(whole(v, f"{name}[{i}]", least=0) for i, v in enumerate(value))


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
