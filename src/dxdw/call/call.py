"""One checked call: how its operands come in, and how its results go out.

Behind it arrays have the geometry's shapes and one dtype. Before it they are as a caller has them:
without a batch axis, of one dimension, in narrow or integer dtypes, with arrays for the results.
"""

from typing import Any, NamedTuple

import numpy as np

from ..core.arrays import Array, cast, element_size, namespace, put, reshaped
from ..core.geometry import ConvGeometry
from ..core.problem import Execution


class Call(NamedTuple):
    """What a call computes, of which its arrays alone are missing."""

    ndim: int
    geometry: ConvGeometry
    batched: bool
    compute: Any  # the dtype to compute in
    result: Any  # and the results' own
    how: Execution

    def as_stored(self) -> "Call":
        """The same with 16-bit floats as they are, where they are NumPy's: engines widen them, sum
        in float32 and round once. Whoever adds something to a result needs its sums instead."""
        narrow = isinstance(self.result, np.dtype) and self.result.itemsize == 2
        plain = narrow and not self.geometry.explicit_padding
        return self._replace(compute=self.result) if plain else self

    @property
    def x_shape(self) -> tuple[int, ...]:
        return self._own(self.geometry.x_shape)

    @property
    def out_shape(self) -> tuple[int, ...]:
        return self._own(self.geometry.out_shape)

    @property
    def W_shape(self) -> tuple[int, ...]:
        shape = self.geometry.W_shape
        return shape[:2] + shape[-self.ndim :]

    def _own(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """A shape of the geometry as the caller has it."""
        batch = shape[:1] if self.batched else ()
        return (*batch, shape[1], *shape[-self.ndim :])

    def x(self, a: Array) -> Array:
        return reshaped(cast(a, self.compute), self.geometry.x_shape)

    def out(self, a: Array) -> Array:
        return reshaped(cast(a, self.compute), self.geometry.out_shape)

    def W(self, a: Array) -> Array:
        return reshaped(cast(a, self.compute), self.geometry.W_shape)

    def bias(self, a: Array | None) -> Array | None:
        return None if a is None else cast(a, self.compute)

    def deliver(self, result: Array, shape: tuple[int, ...], out: Array | None = None) -> Array:
        """The result in the caller's shape and dtype, written into out where given."""
        return self.deliver_each([result], [shape], (out,), add=False)[0]

    def deliver_each(
        self,
        results: list[Array],
        shapes: list[tuple[int, ...]],
        into: tuple[Array | None, ...],
        add: bool,
    ) -> tuple[Array, ...]:
        """Every result, written or added into out where given: nothing is written before all are
        there as they are to be, for out may overlap operands, and a sum or a cast may fail."""
        each = zip(results, shapes, into, strict=True)
        ready = [self._finished(result, shape, out, add) for result, shape, out in each]
        return tuple(
            [a if out is None else put(out, ..., a) for a, out in zip(ready, into, strict=True)]
        )

    def _finished(
        self, result: Array, shape: tuple[int, ...], out: Array | None, add: bool
    ) -> Array:
        result = reshaped(result, shape)
        if out is not None and add:
            result = result + cast(out, self.compute)
        dtype = self.result if out is None else out.dtype
        return result if result.dtype == dtype else namespace(result).astype(result, dtype)

    def in_memory(self) -> "_InMemory":
        """A context in which too little memory is told in bytes."""
        return _InMemory(self)


class _InMemory:
    def __init__(self, call: Call) -> None:
        self.call = call

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, MemoryError):
            call = self.call
            needed = sum(call.geometry.sizes) * element_size(call.compute)
            raise MemoryError(
                f"not enough memory: x {call.x_shape}, W {call.W_shape} and the output "
                f"{call.out_shape} take {needed:,} bytes as {call.compute}, beside scratch memory, "
                f"which max_workspace limits ({error})"
            ) from error
