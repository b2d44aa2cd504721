"""What the functions of `derivatives` do with what they are given.

A convolution is linear in x and in W, so all of them are its own three passes on other operands.
"""

from collections.abc import Sequence
from typing import Any

from ..core import gradients
from ..core.arrays import Array, device_of, namespace
from . import operands, outputs, passes
from .call import Call
from .convolution import checked
from .options import Options

DOUBLE_NEEDS = ("dgrad_out", "dx", "dW")


def double_backward(
    ndim: int,
    ggx: Any,
    ggW: Any,
    grad_out: Any,
    x: Any,
    W: Any,
    options: Options,
    needs: Sequence[str],
) -> tuple[Array, ...]:
    """The gradients of ⟨ggx, dx⟩ + ⟨ggW, dW⟩ that are named."""
    given = operands.arrays(("ggx", "ggW"), ggx=ggx, ggW=ggW, grad_out=grad_out, x=x, W=W)
    ggx, ggW, grad_out, x, W = given.values()
    call = checked(ndim, given, options)
    names = outputs.needs(needs, DOUBLE_NEEDS)
    geometry, how = call.geometry, call.how
    operands.check_grad_out(grad_out, call.out_shape, x, W, geometry)
    operands.check_like(ggx, "ggx", x, "x")
    operands.check_like(ggW, "ggW", W, "W")
    shapes = {"dgrad_out": call.out_shape, "dx": call.x_shape, "dW": call.W_shape}

    def gradient(name: str) -> Array:
        if name == "dgrad_out":
            return _product_rule(call, x, W, ggx, ggW)
        if name == "dx":
            if ggW is None:
                return _zeros(x, geometry.x_shape, call)
            return passes.dx(call.out(grad_out), call.W(ggW), geometry, how)
        if ggx is None:
            return _zeros(x, geometry.W_shape, call)
        return passes.dW(call.out(grad_out), call.x(ggx), geometry, how)

    with call.in_memory():
        results = [gradient(name) for name in names]
        each = [
            call.deliver(result, shapes[name]) for name, result in zip(names, results, strict=True)
        ]
        return gradients.of(names, each)


def jvp(ndim: int, x: Any, W: Any, tx: Any, tW: Any, bias_tangent: Any, options: Options) -> Array:
    """The derivative of the convolution along (tx, tW, bias_tangent)."""
    optional = ("tx", "tW", "bias_tangent")
    given = operands.arrays(optional, x=x, W=W, tx=tx, tW=tW, bias_tangent=bias_tangent)
    x, W, tx, tW, bias_tangent = given.values()
    call = checked(ndim, given, options)
    operands.check_like(tx, "tx", x, "x")
    operands.check_like(tW, "tW", W, "W")
    if bias_tangent is not None:
        operands.check_bias(bias_tangent, call.geometry.channels_out, "bias_tangent")
    with call.in_memory():
        tangent = _product_rule(call, x, W, tx, tW)
        return call.deliver(passes.with_bias(tangent, call.bias(bias_tangent)), call.out_shape)


def per_sample_dW(ndim: int, grad_out: Any, x: Any, W: Any, options: Options) -> Array:
    """dW of every sample of a batch by itself: each is a group."""
    given = operands.arrays(grad_out=grad_out, x=x, W=W)
    grad_out, x, W = given.values()
    call = checked(ndim, given, options)
    operands.check_grad_out(grad_out, call.out_shape, x, W, call.geometry)
    shape = (call.geometry.batch, *call.W_shape)
    if not call.geometry.batch:
        return call.deliver(_zeros(x, shape, call), shape)
    each = call._replace(geometry=call.geometry.images_as_groups)
    with call.in_memory():
        result = passes.dW(each.out(grad_out), each.x(x), each.geometry, call.how)
        return call.deliver(result, shape)


def _product_rule(call: Call, x: Array, W: Array, tx: Array | None, tW: Array | None) -> Array:
    """forward(tx, W) + forward(x, tW), each where its direction is given."""
    terms = []
    if tx is not None:
        terms.append(passes.forward(call.x(tx), call.W(W), call.geometry, call.how))
    if tW is not None:
        terms.append(passes.forward(call.x(x), call.W(tW), call.geometry, call.how))
    if not terms:
        return _zeros(x, call.geometry.out_shape, call)
    return terms[0] if len(terms) == 1 else terms[0] + terms[1]


def _zeros(like: Array, shape: tuple[int, ...], call: Call) -> Array:
    return namespace(like).zeros(shape, dtype=call.compute, device=device_of(like))
