"""The graphs of the three passes: a task for each block of a result, and the cuts that it takes."""

from collections.abc import Sequence
from typing import Any

import dask.array as da
import numpy as np
from dask.base import tokenize
from dask.delayed import Delayed
from dask.highlevelgraph import HighLevelGraph

from ...call.call import Call
from .blocks import Delivered, Forward, InputGradient, ParameterGradients
from .fixed_tree import Key, sum_in_tree
from .grid import Grid
from .halo import Halo


def forward(call: Call, x: da.Array, W: da.Array, bias: da.Array | None) -> da.Array:
    """The output, in the chunks of x that have the middles of its windows."""
    geometry = call.geometry
    inputs = Grid.of(x.chunks, call)
    outputs = Grid.of_outputs(inputs, geometry)
    operands = [x, W] if bias is None else [x, W, bias]
    name = f"conv{call.ndim}d-{_token(call, operands)}"
    halo = Halo(f"conv{call.ndim}d-halo-{name}")
    tasks: dict[Key, Any] = {}
    for index in outputs.indices():
        spans = outputs.spans(index)
        starts, pieces = halo.pieces(x, inputs, geometry.windows(spans))
        block = Forward(call, spans, starts)
        bias_key = None if bias is None else _key(bias)
        tasks[outputs.key(name, index)] = (block, _key(W), bias_key, pieces)
    return _array(name, tasks | halo.tasks, outputs.chunks(geometry.channels_out), call, operands)


def input_gradient(call: Call, grad_out: da.Array, x: da.Array, W: da.Array) -> da.Array:
    """dx, in the chunks of x."""
    inputs, outputs = Grid.of(x.chunks, call), Grid.of(grad_out.chunks, call)
    # Of x its shape alone is needed: that is in the call, and in its chunks.
    name = f"conv{call.ndim}d-dx-{_token(call, [grad_out, W], x.chunks)}"
    halo = Halo(f"conv{call.ndim}d-halo-{name}")
    tasks: dict[Key, Any] = {}
    for index in inputs.indices():
        spans = inputs.spans(index)
        starts, pieces = halo.pieces(grad_out, outputs, call.geometry.outputs_reaching(spans))
        block = InputGradient(call, spans, starts)
        tasks[inputs.key(name, index)] = (block, _key(W), pieces)
    return _array(name, tasks | halo.tasks, x.chunks, call, [grad_out, W])


def parameter_gradients(
    call: Call, names: tuple[str, ...], grad_out: da.Array, x: da.Array
) -> dict[str, da.Array]:
    """dW and db, what is named of them: one task a block for both."""
    sums = _summed(call, names, grad_out, x)
    shapes = {"dW": call.W_shape, "db": (call.geometry.channels_out,)}
    return {
        name: _delivered(call, sums, name, place, shapes[name]) for place, name in enumerate(names)
    }


def _summed(call: Call, names: tuple[str, ...], grad_out: da.Array, x: da.Array) -> Delayed:
    """The sum over all blocks of grad_out, as one tuple with each of dW and db."""
    inputs, outputs = Grid.of(x.chunks, call), Grid.of(grad_out.chunks, call)
    operands = [grad_out, x] if "dW" in names else [grad_out]
    kind = "-".join((f"conv{call.ndim}d", *names))
    token = _token(call, operands)
    shares, halo = f"{kind}-shares-{token}", Halo(f"{kind}-halo-{token}")
    tasks: dict[Key, Any] = {}
    for index in outputs.indices():
        spans = outputs.spans(index)
        needed = call.geometry.windows(spans) if "dW" in names else None
        starts, pieces = halo.pieces(x, inputs, needed)
        block = ParameterGradients(call, names, spans, starts)
        tasks[shares, *index] = (block, outputs.key(grad_out.name, index), pieces)
    tree, total = sum_in_tree(f"{kind}-sum-{token}", list(tasks))
    layer = f"{kind}-{token}"
    layer_tasks = tasks | halo.tasks | tree
    graph = HighLevelGraph.from_collections(layer, layer_tasks, dependencies=operands)
    return Delayed(total, graph, layer=layer)


def _delivered(call: Call, sums: Any, name: str, place: int, shape: tuple[int, ...]) -> da.Array:
    layer = f"conv{call.ndim}d-{name}-{tokenize(sums.key)}"
    key = (layer, *[0] * len(shape))
    tasks = {key: (Delivered(call, place, shape), sums.key)}
    return _array(layer, tasks, tuple((n,) for n in shape), call, [sums])


def _array(
    name: str, tasks: dict[Key, Any], chunks: Any, call: Call, operands: Sequence[Any]
) -> da.Array:
    graph = HighLevelGraph.from_collections(name, tasks, dependencies=operands)
    meta = np.empty((0,) * len(chunks), call.result)
    return da.Array(graph, name, chunks, meta=meta)


def _token(call: Call, operands: Sequence[da.Array], *more: Any) -> str:
    """The same for what would be computed in the same way."""
    return str(tokenize(repr(call), [a.name for a in operands], *more))


def _key(a: da.Array) -> Key:
    """Of an array's only chunk."""
    return (a.name, *[0] * a.ndim)
