"""Convolutions for JAX, under jit, grad and vmap: dxdw's kernels on the CPU, XLA's own elsewhere.

    import jax
    from dxdw.interop.jax import conv2d

    loss = jax.jit(jax.grad(lambda W: (conv2d(x, W, padding=1) ** 2).sum()))

Forward and reverse mode have every order: a pass is linear in each of its operands, and its
derivatives are passes of a convolution again.

XLA calls the kernels by its foreign-function interface: no array is copied, and what a compiled
program does not need of the gradients is not computed. On other devices the same functions are
`jax.lax.conv_general_dilated` and its own derivatives. (No GPU was at hand to run that on: it was
checked on the CPU.)
"""

import atexit
from contextlib import suppress
from functools import lru_cache, partial
from typing import Any

from ..core.documentation import pointing_to, refused
from ..extras import MissingExtra, need

need("jax", "dxdw.interop.jax", "jax")

import jax  # noqa: E402

# Earlier ones ask a handler for its version without saying what it may call: they crashed.
if jax.__version_info__ < (0, 8, 1):
    raise MissingExtra(
        f"dxdw.interop.jax needs jax 0.8.1 or later, and this is {jax.__version__}: "
        'pip install --upgrade "dxdw[jax]"'
    )

import numpy as np  # noqa: E402
from jax import numpy as jnp  # noqa: E402
from jax.extend.core import Primitive  # noqa: E402
from jax.interpreters import ad, batching, mlir  # noqa: E402
from jax.sharding import PartitionSpec  # noqa: E402

from ..call import geometries, operands  # noqa: E402
from ..call.options import Options  # noqa: E402
from ..typing import Numbers, Padding, PaddingMode, PerAxis  # noqa: E402
from . import xla_handler  # noqa: E402
from .bilinear import PULLBACKS, Case, stacked  # noqa: E402

__all__ = ["conv1d", "conv2d", "conv3d"]

ROOM = "jax"
TARGET = "dxdw_pass"


def conv2d(
    x: jax.Array | Numbers,
    W: jax.Array | Numbers,
    padding: Padding = 0,
    stride: PerAxis = 1,
    *,
    dilation: PerAxis = 1,
    groups: int = 1,
    bias: jax.Array | Numbers | None = None,
    padding_mode: PaddingMode = "zeros",
) -> jax.Array:
    """`dxdw.conv2d` for JAX: under jit, vmap and grad, of any order.

        out[n,o,i,j] = bias[o] + Σ_{c,u,v} W[o,c,u,v] · x[n, c, i·s + u·d − p, j·s + v·d − p]

    Parameters
    ----------
    x : jax.Array or array_like
        (C_in, H, W) or (N, C_in, H, W), of JAX, NumPy or nested lists.
    W : jax.Array or array_like
        (C_out, C_in/groups, kH, kW).
    padding : int, sequence or {"valid", "same", "full"}
        As for `dxdw.conv2d`. Under jit they are static, as all shapes are: close over them, or name
        them in `static_argnames`.
    stride, dilation : int or sequence of int
        As for `dxdw.conv2d`. Under jit they are static, as all shapes are: close over them, or name
        them in `static_argnames`.
    groups : int
        As for `dxdw.conv2d`. Under jit they are static, as all shapes are: close over them, or name
        them in `static_argnames`.
    bias : jax.Array, array_like or None
        (C_out,), or None.
    padding_mode : {"zeros", "reflect", "replicate", "circular"}
        As for `dxdw.conv2d`. Under jit they are static, as all shapes are: close over them, or name
        them in `static_argnames`.

    Returns
    -------
    jax.Array
        (C_out, out_H, out_W), with N in front where x has it. It is a new array, for arrays of JAX
        never change. Its dtype is JAX's promotion of x and W, of bias too: integers beside floats
        take theirs, and among themselves JAX's default float. float16 and bfloat16 are summed
        in float32. float64 wants `jax_enable_x64`, as all of JAX does.

    Raises
    ------
    ValueError
        Shapes or options that do not fit, when the function is traced.
    TypeError
        Operands that are no arrays of numbers, or of floats of less than 16 bits; options that are
        traced.
    RuntimeError
        JAX's, of what goes wrong when it runs, such as too little memory.

    See Also
    --------
    dxdw.conv2d, dxdw.gradcheck

    References
    ----------
    As for `dxdw.conv2d`; XLA's foreign-function interface, by which it is called.

    Examples
    --------
    >>> import jax
    >>> from jax import numpy as jnp
    >>> x, W = jnp.ones((1, 3, 3)), jnp.array([[[[1.0, 2.0], [3.0, 4.0]]]])
    >>> jax.jit(jax.grad(lambda W: (conv2d(x, W) ** 2).sum() / 2))(W)
    Array([[[[40., 40.],
             [40., 40.]]]], dtype=float32)
    """
    return _convolve(2, x, W, padding, stride, dilation, groups, bias, padding_mode)


def conv1d(
    x: jax.Array | Numbers,
    W: jax.Array | Numbers,
    padding: Padding = 0,
    stride: PerAxis = 1,
    *,
    dilation: PerAxis = 1,
    groups: int = 1,
    bias: jax.Array | Numbers | None = None,
    padding_mode: PaddingMode = "zeros",
) -> jax.Array:
    """`dxdw.conv1d` for JAX, as `conv2d` here is `dxdw.conv2d`.

        out[n,o,i] = bias[o] + Σ_{c,u} W[o,c,u] · x[n, c, i·stride + u·dilation − padding]

    x is (N, C_in, L) or (C_in, L), W (C_out, C_in/groups, k), the result (N, C_out, out_L). Dtypes,
    aliasing and errors are those of `conv2d`.

    Parameters
    ----------
    x, W : jax.Array or array_like
        As for `conv2d`, in these shapes.
    padding, stride, dilation, groups : optional
        As for `conv2d`.
    bias : jax.Array or array_like
        As for `conv2d`, in these shapes.
    padding_mode : optional
        As for `conv2d`.

    Returns
    -------
    jax.Array
        As `conv2d` returns it.

    See Also
    --------
    dxdw.conv1d, dxdw.gradcheck

    References
    ----------
    As for `conv2d`.

    Examples
    --------
    >>> from jax import numpy as jnp
    >>> conv1d(jnp.array([[1.0, 2.0, 4.0, 8.0]]), jnp.array([[[-1.0, 1.0]]]))
    Array([[1., 2., 4.]], dtype=float32)
    """
    return _convolve(1, x, W, padding, stride, dilation, groups, bias, padding_mode)


def conv3d(
    x: jax.Array | Numbers,
    W: jax.Array | Numbers,
    padding: Padding = 0,
    stride: PerAxis = 1,
    *,
    dilation: PerAxis = 1,
    groups: int = 1,
    bias: jax.Array | Numbers | None = None,
    padding_mode: PaddingMode = "zeros",
) -> jax.Array:
    """`dxdw.conv3d` for JAX, as `conv2d` here is `dxdw.conv2d`.

        out[n,o,h,i,j] = bias[o] + Σ_{c,t,u,v} W[o,c,t,u,v] · x[n, c, h·s + t·d − p, …]

    x is (N, C_in, D, H, W) or (C_in, D, H, W), W (C_out, C_in/groups, kD, kH, kW), the result
    (N, C_out, out_D, out_H, out_W). Dtypes, aliasing and errors are those of `conv2d`.

    Parameters
    ----------
    x, W : jax.Array or array_like
        As for `conv2d`, in these shapes.
    padding, stride, dilation, groups : optional
        As for `conv2d`.
    bias : jax.Array or array_like
        As for `conv2d`, in these shapes.
    padding_mode : optional
        As for `conv2d`.

    Returns
    -------
    jax.Array
        As `conv2d` returns it.

    See Also
    --------
    dxdw.conv3d, dxdw.gradcheck

    References
    ----------
    As for `conv2d`.

    Examples
    --------
    >>> from jax import numpy as jnp
    >>> conv3d(jnp.ones((1, 2, 2, 2)), jnp.ones((1, 1, 2, 2, 2)))
    Array([[[[8.]]]], dtype=float32)
    """
    return _convolve(3, x, W, padding, stride, dilation, groups, bias, padding_mode)


@pointing_to(ROOM)
def _convolve(
    ndim: int,
    x: Any,
    W: Any,
    padding: Any,
    stride: Any,
    dilation: Any,
    groups: Any,
    bias: Any,
    padding_mode: str,
) -> jax.Array:
    _wait_at_the_end()
    x, W = _operand(x, "x"), _operand(W, "W")
    geometry, batched = geometries.convolution(
        ndim, x.shape, W.shape, Options(padding, stride, dilation, groups, padding_mode)
    )
    if bias is not None:
        bias = _operand(bias, "bias")
        operands.check_bias(bias, geometry.channels_out)
    # A float that all have in common: adding a Python float makes one of integers.
    dtype = jnp.result_type(*(a for a in (x, W, bias) if a is not None))
    if not jnp.issubdtype(dtype, jnp.inexact):
        dtype = jnp.result_type(float)
    x = x if batched else x[None]
    out = bilinear("forward", Case(geometry, ndim), x.astype(dtype), W.astype(dtype))
    if bias is not None:
        out = out + bias.reshape(1, -1, *[1] * ndim)
    return out if batched else out[0]


def _operand(value: Any, name: str) -> jax.Array:
    """An array of numbers, which JAX's own may be traced."""
    numpys = isinstance(value, np.ndarray)
    operands.check_labelled_or_lazy(value, name)
    try:
        array = jnp.asarray(operands.native(value) if numpys else value)
    except (TypeError, ValueError, RuntimeError) as error:
        if isinstance(value, jax.Array):
            raise
        message = f"{name} can't be made an array of JAX's: {error}"
        if numpys and isinstance(error, TypeError):  # which tells no more than that it is one
            message = f"{name} can't be made an array of JAX's: it has no dtype {value.dtype}"
        if isinstance(error, ValueError) and value is not None:
            raise refused(ValueError, message, ROOM) from None
        raise refused(TypeError, message, ROOM) from None
    if hint := _other_than_numbers(array.dtype):
        told = hint.format(name=name)
        raise refused(TypeError, f"{name} has dtype {array.dtype}: it must be {told}", ROOM)
    if not all(isinstance(n, int) for n in array.shape):
        raise refused(
            ValueError,
            f"{name} has the symbolic shape ({', '.join(map(str, array.shape))}): its sizes must "
            "be numbers; trace or export the function for each shape",
            ROOM,
        )
    return array


def _other_than_numbers(dtype: Any) -> str | None:
    """What an array must be in place of one of this dtype; None where it can be computed with."""
    if dtype == jnp.bool_:
        return "an array of numbers; convert it first, as in jnp.asarray({name}, float)"
    if not jnp.issubdtype(dtype, jnp.number):
        return "an array of numbers, as jax.random.normal makes one of a key"
    if jnp.issubdtype(dtype, jnp.inexact) and dtype.itemsize < 2:
        return "of 16 bits or more; convert it first, as in {name}.astype(jnp.bfloat16)"
    return None


def bilinear(kind: str, case: Case, first: jax.Array, second: jax.Array) -> jax.Array:
    """One of the three passes: "forward" of (x, W), "dx" of (g, W) or "dW" of (g, x)."""
    # Within shard_map one may differ between devices where the other is the same on all of them.
    one, two = _varying(first), _varying(second)
    if one != two:
        first = jax.lax.pcast(first, tuple(two - one), to="varying")
        second = jax.lax.pcast(second, tuple(one - two), to="varying")
    result: jax.Array = _pass_p.bind(first, second, kind=kind, case=case)
    return result


def _varying(a: jax.Array) -> frozenset[Any]:
    """The axes of a mesh along which it differs; earlier versions of JAX name them otherwise."""
    kind: Any = jax.typeof(a)
    kind = getattr(kind, "manual_axis_type", kind)
    return frozenset(getattr(kind, "varying", getattr(kind, "vma", ())))


def _computed(first: jax.Array, second: jax.Array, *, kind: str, case: Case) -> jax.Array:
    ours, theirs = partial(_by_kernels, kind, case), partial(_by_xla, kind, case)
    return jax.lax.platform_dependent(first, second, cpu=ours, default=theirs)


def _abstract(first: Any, second: Any, *, kind: str, case: Case) -> Any:  # noqa: ARG001
    return _result(first, kind, case)


def _result(first: Any, kind: str, case: Case) -> Any:
    """A pass's result: its shape and dtype, and where in a mesh it lies, by its first operand."""
    result = first.update(shape=case.shape(kind))
    placed = result.sharding
    if kind != "dW" or placed.mesh.empty:
        return result
    # Images that are shared out are summed over; a kernel is whole, or JAX has refused it.
    return result.update(sharding=placed.update(spec=PartitionSpec(*[None] * result.ndim)))


def _pull_back(which: int, g: Any, *operands: Any, kind: str, case: Case) -> jax.Array:
    """The cotangent of an operand, of the result's g and of the other operand."""
    pullback, (a, b) = PULLBACKS[kind][which]
    return bilinear(pullback, case, (g, *operands)[a], (g, *operands)[b])


def _mapped(
    operands: tuple[jax.Array, jax.Array], dims: tuple[Any, Any], *, kind: str, case: Case
) -> tuple[jax.Array, int]:
    """A stack of passes, as one pass of more images, channels or groups."""
    first, second = (
        a if at is None else jnp.moveaxis(a, at, 0) for a, at in zip(operands, dims, strict=True)
    )
    mapped = [at is not None for at in dims]
    which = "both" if all(mapped) else "first" if mapped[0] else "second"
    copies = (first if mapped[0] else second).shape[0]
    if not copies:
        return jnp.zeros((0, *case.shape(kind)), first.dtype), 0
    stack = stacked(kind, case, first, second, which, jnp)
    return stack.unstack(bilinear(kind, stack.case, stack.first, stack.second), jnp), 0


# Of both operands it is linear, so JAX makes every derivative of the rules for the pullbacks:
# forward and reverse, and what `jax.linearize` and `jax.checkpoint` want.
_pass_p = Primitive("dxdw_pass")
_pass_p.def_impl(jax.jit(_computed, static_argnames=("kind", "case")))
_pass_p.def_abstract_eval(_abstract)
ad.defbilinear(_pass_p, partial(_pull_back, 0), partial(_pull_back, 1))
batching.primitive_batchers[_pass_p] = _mapped
mlir.register_lowering(_pass_p, mlir.lower_fun(_computed, multiple_results=False))


# At once: exported programs know the handler by its name, and call nothing here before.
_pointer = jax.ffi.pycapsule(xla_handler.address().value)
jax.ffi.register_ffi_target(TARGET, _pointer, platform="cpu")


@lru_cache(maxsize=1)
def _wait_at_the_end() -> None:
    """For results that are held: JAX ends its devices with the lock that their calls want."""
    atexit.register(_wait)


def _wait() -> None:
    for a in jax.live_arrays("cpu"):
        with suppress(Exception):
            a.block_until_ready()


def _by_kernels(kind: str, case: Case, first: jax.Array, second: jax.Array) -> jax.Array:
    result = _result(jax.typeof(first), kind, case)
    call = jax.ffi.ffi_call(TARGET, result)
    return call(first, second, call=xla_handler.text(kind, case))


def _by_xla(kind: str, case: Case, first: jax.Array, second: jax.Array) -> jax.Array:
    """The pass by XLA's own convolution and its derivatives."""
    geometry, ndim = case.geometry, case.ndim

    def convolve(x: jax.Array, W: jax.Array) -> jax.Array:
        axes = geometry.axes[-ndim:]
        pads = [(a.before, a.after) for a in axes]
        if geometry.explicit_padding:
            modes = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}
            x = jnp.pad(x, [(0, 0), (0, 0), *pads], mode=modes[geometry.padding_mode])
            pads = [(0, 0)] * ndim
        return jax.lax.conv_general_dilated(
            x,
            W,
            window_strides=[a.stride for a in axes],
            padding=pads,
            rhs_dilation=[a.dilation for a in axes],
            feature_group_count=geometry.groups,
        )

    if kind == "forward":
        return convolve(first, second)
    along = (lambda x: convolve(x, second)) if kind == "dx" else (lambda W: convolve(second, W))
    transpose = jax.linear_transpose(along, _result(jax.typeof(first), kind, case))
    gradient: jax.Array = transpose(first)[0]
    return gradient
