"""What `conv1d`, `conv2d`, `conv3d` and their backward passes do with what they are given."""

from collections.abc import Sequence
from itertools import permutations
from typing import Any

from ..core.arrays import Array
from . import geometries, known, operands, outputs, passes
from .call import Call
from .options import Options, execution

_as = tuple.__new__


def forward(ndim: int, x: Any, W: Any, bias: Any, out: Array | None, options: Options) -> Array:
    """The convolution of x and W, with bias, new or written into out."""
    like = known.key(ndim, (x, W), options, known.FORWARD) if bias is None else None
    found = known.find(like)
    if found is None:
        x, W, bias = operands.arrays(("bias",), x=x, W=W, bias=bias).values()
        if like is None and bias is None:
            like = known.key(ndim, (x, W), options, known.FORWARD)
            found = known.find(like)
        found = found or _checked_forward(ndim, like, x, W, bias, options)
    call = found.call if bias is not None else found.call.as_stored()
    if out is not None:
        outputs.writable(out, "out", call.out_shape, call.result)
    elif found.steps and (results := found.results((x, W))):
        return results[0]
    with call.in_memory():
        result = passes.forward(call.x(x), call.W(W), call.geometry, call.how)
        result = passes.with_bias(result, call.bias(bias))
        return call.deliver(result, call.out_shape, out)


def _checked_forward(
    ndim: int, like: known.Key | None, x: Array, W: Array, bias: Array | None, options: Options
) -> known.Known:
    call = checked(ndim, {"x": x, "W": W, "bias": bias}, options)
    if bias is not None:
        operands.check_bias(bias, call.geometry.channels_out)
    # (With a bias there is more to do than run a kernel.)
    each = (("forward", call.out_shape, 0, 1),) if bias is None else ()
    return known.keep(like, call, (), each)


def checked(ndim: int, given: dict[str, Array], options: Options) -> Call:
    """The call of these operands, x and W among them."""
    x, W = given["x"], given["W"]
    how = execution(options)
    dtypes = operands.common_dtypes(**given)
    geometry, batched = geometries.convolution(ndim, x.shape, W.shape, options)
    return Call(ndim, geometry, batched, *dtypes, how)


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
    given = (grad_out, x, W)
    like = known.key(ndim, given, options, needs)
    found = known.find(like)
    if found is None:
        given = tuple(operands.arrays(grad_out=grad_out, x=x, W=W).values())
        like = like or known.key(ndim, given, options, needs)
        found = known.find(like) or _checked_backward(ndim, like, given, options, needs)
    if out is None and accumulate is False and found.steps and (results := found.results(given)):
        return _as(found.named, results)
    call, names = found.call, found.names
    shapes = _shapes(call)
    into = outputs.checked(out, accumulate, names, shapes, call.result, call.compute)
    grad_out, x, W = given
    call = call if accumulate else call.as_stored()
    wide = outputs.wide_dW(names, into, call.result)
    with call.in_memory():
        # What nobody asked for needs no copy.
        x = call.x(x) if "dW" in names else None
        W = call.W(W) if "dx" in names else None
        g = call.out(grad_out)
        results = passes.gradients(names, g, x, W, call.geometry, call.how, wide)
        each = call.deliver_each(results, [shapes[name] for name in names], into, accumulate)
        return _as(found.named, each)


def _checked_backward(
    ndim: int, like: known.Key | None, given: tuple[Array, ...], options: Options, needs: Any
) -> known.Known:
    names = outputs.needs(needs, passes.NEEDS)
    try:
        call = _of_all_three(ndim, given, options)
    except ValueError as error:
        if hint := _other_order(ndim, given, options):
            error.add_note(hint)
        raise
    shapes = _shapes(call)
    # grad_out, x and W are operands 0, 1 and 2.
    each = tuple((name, shapes[name], 0, 2 if name == "dx" else 1) for name in names)
    return known.keep(like, call, names, each)


def _of_all_three(ndim: int, given: tuple[Array, ...], options: Options) -> Call:
    grad_out, x, W = given
    call = checked(ndim, {"grad_out": grad_out, "x": x, "W": W}, options)
    operands.check_grad_out(grad_out, call.out_shape, x, W, call.geometry)
    return call


def _other_order(ndim: int, given: tuple[Array, ...], options: Options) -> str | None:
    """In words, an order in which arrays that do not fit would: other libraries have x first."""
    for order in permutations(range(3)):
        try:
            _of_all_three(ndim, tuple(given[i] for i in order), options)
        except ValueError:
            continue
        first, second, third = (("first", "second", "third")[i] for i in order)
        return (
            f"The order is grad_out, x, W. These would fit with the {first} array as grad_out, "
            f"the {second} as x and the {third} as W."
        )
    return None


def _shapes(call: Call) -> dict[str, tuple[int, ...]]:
    return {"dx": call.x_shape, "dW": call.W_shape, "db": (call.geometry.channels_out,)}
