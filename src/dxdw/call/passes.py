"""The three passes of a convolution on arrays of its geometry's shapes.

Engines pad with zeros and conjugate nothing. What a convolution has beside that is settled here,
once for all functions: padding by other than zeros, and the conjugates of its adjoints.
"""

from typing import Any

from ..core.arrays import Array, add_at, cast, is_numpy, namespace, summed_in
from ..core.geometry import ConvGeometry
from ..core.problem import BOTH, Execution
from . import padding, plan

NEEDS = ("dx", "dW", "db")


def forward(x: Array, W: Array, geometry: ConvGeometry, how: Execution) -> Array:
    """Out of x and W: the definition."""
    if not geometry.explicit_padding:
        return plan.run("forward", (x, W), geometry, how)[0]
    x = padding.pad(x, geometry)
    held = padding.held(geometry, x.dtype)
    return plan.run("forward", (x, W), geometry.prepadded, how, held)[0]


def dx(grad_out: Array, W: Array, geometry: ConvGeometry, how: Execution) -> Array:
    """The adjoint of forward in x, so with W's conjugate."""
    W = conjugate(W)
    if not geometry.explicit_padding:
        return plan.run("dx", (grad_out, W), geometry, how)[0]
    held = padding.held(geometry, W.dtype)
    of_padded = plan.run("dx", (grad_out, W), geometry.prepadded, how, held)[0]
    return padding.fold(of_padded, geometry)


def dW(
    grad_out: Array, x: Array, geometry: ConvGeometry, how: Execution, wide: bool = False
) -> Array:
    """The adjoint of forward in W, so with x's conjugate; wide: in the dtype of the sums."""
    x = conjugate(x)
    if not geometry.explicit_padding:
        return plan.run("dW", (grad_out, x), geometry, how, wide_dW=wide)[0]
    x = padding.pad(x, geometry)
    held = padding.held(geometry, x.dtype)
    return plan.run("dW", (grad_out, x), geometry.prepadded, how, held)[0]


def db(grad_out: Array) -> Array:
    """The sum of grad_out over images and positions, in the dtype of sums."""
    if is_numpy(grad_out):
        grad_out = cast(grad_out, summed_in(grad_out.dtype))
    return namespace(grad_out).sum(grad_out, axis=(0, *range(2, grad_out.ndim)))


def gradients(
    names: tuple[str, ...],
    grad_out: Array,
    x: Array | None,
    W: Array | None,
    geometry: ConvGeometry,
    how: Execution,
    wide: bool = False,
) -> list[Array]:
    """Those of dx, dW and db that are named, of what they need: W for dx, x for dW.

    wide: dW in the dtype of the sums.
    """
    found = {}
    if {"dx", "dW"} <= {*names} and not geometry.explicit_padding:
        operands = (grad_out, conjugate(x), conjugate(W))
        found["dx"], found["dW"] = plan.run(BOTH, operands, geometry, how, wide_dW=wide)
    for name in names:
        if name == "db":
            found[name] = db(grad_out)
        elif name not in found:
            found[name] = (
                dx(grad_out, W, geometry, how)
                if name == "dx"
                else dW(grad_out, x, geometry, how, wide)
            )
    return [found[name] for name in names]


def with_bias(out: Array, bias: Array | None) -> Array:
    """Out, itself written into, with the bias of each channel added."""
    if bias is None:
        return out
    return add_at(out, ..., namespace(bias).reshape(bias, (1, -1) + (1,) * (out.ndim - 2)))


def conjugate(a: Array) -> Any:
    """The complex conjugate; a itself where it is real."""
    if is_numpy(a):
        return a.conj() if a.dtype.kind == "c" else a
    xp = namespace(a)
    return xp.conj(a) if xp.isdtype(a.dtype, "complex floating") else a
