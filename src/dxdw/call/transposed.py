"""What `conv_transpose1d`, `2d`, `3d` and their backward passes do with what they are given.

With the convolution that maps our output's shape to our input's, the forward pass here is that
convolution's dx, and our gradients are its forward and its dW. A call's x is therefore our output.
"""

from collections.abc import Sequence
from typing import Any

from ..core import gradients
from ..core.arrays import Array
from . import geometries, operands, outputs, passes, plan
from .call import Call
from .options import Options, execution


def forward(ndim: int, x: Any, W: Any, bias: Any, out: Array | None, options: Options) -> Array:
    """The transposed convolution of x and W, with bias, new or written into out."""
    given = operands.arrays(("bias",), x=x, W=W, bias=bias)
    bias = given["bias"]
    call = _checked(ndim, given, options)
    if bias is not None:
        operands.check_bias(bias, call.geometry.channels_in)
    if out is not None:
        outputs.writable(out, "out", call.x_shape, call.result)
    call = call if bias is not None else call.as_stored()
    with call.in_memory():
        x, W = call.out(given["x"]), call.W(given["W"])
        result = plan.run("dx", (x, W), call.geometry, call.how)[0]
        result = passes.with_bias(result, call.bias(bias))
        return call.deliver(result, call.x_shape, out)


def backward(
    ndim: int,
    grad_out: Any,
    x: Any,
    W: Any,
    options: Options,
    needs: Sequence[str],
    out: Sequence[Array | None] | None,
    accumulate: bool,
) -> tuple[Array, ...]:
    """The gradients that are named, new, or written or added into out."""
    given = operands.arrays(grad_out=grad_out, x=x, W=W)
    grad_out, x, W = given.values()
    call = _checked(ndim, given, options)
    names = outputs.needs(needs, passes.NEEDS)
    geometry, how = call.geometry, call.how
    operands.check_grad_out(grad_out, call.x_shape, x, W, geometry)
    shapes = {"dx": call.out_shape, "dW": call.W_shape, "db": (geometry.channels_in,)}
    into = outputs.checked(out, accumulate, names, shapes, call.result, call.compute)
    call = call if accumulate else call.as_stored()
    wide = outputs.wide_dW(names, into, call.result)

    def gradient(name: str, g: Array) -> Array:
        if name == "dx":
            return passes.forward(g, passes.conjugate(call.W(W)), geometry, how)
        if name == "dW":
            pair = passes.conjugate(call.out(x)), g
            return plan.run("dW", pair, geometry, how, wide_dW=wide)[0]
        return passes.db(g)

    with call.in_memory():
        g = call.x(grad_out)
        results = [gradient(name, g) for name in names]
        each = call.deliver_each(results, [shapes[name] for name in names], into, accumulate)
        return gradients.of(names, each)


def _checked(ndim: int, given: dict[str, Array], options: Options) -> Call:
    """The call of the convolution that this is the adjoint of."""
    how = execution(options)
    shapes = given["x"].shape, given["W"].shape
    geometry, batched = geometries.transposed(ndim, *shapes, options)
    return Call(ndim, geometry, batched, *operands.common_dtypes(**given), how)
