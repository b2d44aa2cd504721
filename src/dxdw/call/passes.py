"""The three passes of a convolution on checked arguments: what every public function is made of.

Engines multiply and add arrays of a geometry's shapes. What a call has beside that is settled here,
once for all functions: a missing batch axis, one dimension as two, narrow dtypes, padding by other
than zeros, conjugates, and where the results go.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from ..core.arrays import Array, add_at, element_size, is_numpy, namespace, put
from ..core.geometry import ConvGeometry
from . import arguments, outputs, padding, plan
from .arguments import Execution

NEEDS = ("dx", "dW", "db")


class Call(NamedTuple):
    """One call, checked: how to bring its operands in and its results out."""

    ndim: int
    geometry: ConvGeometry
    batched: bool
    compute: Any  # the dtype to compute in
    result: Any  # and the results' own
    how: Execution

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
        return self._operand(a, self.geometry.x_shape)

    def out(self, a: Array) -> Array:
        return self._operand(a, self.geometry.out_shape)

    def W(self, a: Array) -> Array:
        return self._operand(a, self.geometry.W_shape)

    def _operand(self, a: Array, shape: tuple[int, ...]) -> Array:
        a = arguments.cast(a, self.compute)
        return a if a.shape == shape else _reshaped(a, shape)

    def deliver(self, result: Array, shape: tuple[int, ...], out: Array, accumulate: bool) -> Array:
        """The result in the caller's shape and dtype, written or added into out where given."""
        if result.shape != shape:
            result = (
                result.reshape(shape)
                if is_numpy(result)
                else namespace(result).reshape(result, shape)
            )
        if out is not None and accumulate:
            result = result + arguments.cast(out, self.compute)
        if result.dtype != self.result:
            result = namespace(result).astype(result, self.result)
        return result if out is None else put(out, ..., result)

    def gradients(
        self,
        names: tuple[str, ...],
        compute: Callable[[str], Array],
        shapes: dict[str, tuple[int, ...]],
        out: Any,
        accumulate: Any,
    ) -> tuple[Array, ...]:
        """What compute gives for each name, delivered.

        Nothing is written before everything is computed, for out may overlap the operands.
        """
        into = outputs.checked(out, accumulate, names, shapes, self.result)
        try:
            results = [compute(name) for name in names]
            each = zip(results, names, into, strict=True)
            return tuple([self.deliver(r, shapes[n], o, accumulate) for r, n, o in each])
        except MemoryError as error:
            raise self.too_large(error) from error

    def too_large(self, error: MemoryError) -> MemoryError:
        """What to tell who found too little memory, in bytes."""
        needed = sum(self.geometry.sizes) * element_size(self.compute)
        return MemoryError(
            f"not enough memory: x {self.x_shape}, W {self.W_shape} and the output "
            f"{self.out_shape} take {needed:,} bytes as {self.compute}, beside scratch memory, "
            f"which max_workspace limits ({error})"
        )


def _reshaped(a: Array, shape: tuple[int, ...]) -> Array:
    return a.reshape(shape) if is_numpy(a) else namespace(a).reshape(a, shape)


def forward(x: Array, W: Array, geometry: ConvGeometry, how: Execution) -> Array:
    """Out of x and W: the definition."""
    if not geometry.explicit_padding:
        return plan.run("forward", x, W, geometry, how)
    x = padding.pad(x, geometry)
    return plan.run("forward", x, W, geometry.prepadded, how, padding.held(geometry, x.dtype))


def dx(grad_out: Array, W: Array, geometry: ConvGeometry, how: Execution) -> Array:
    """The adjoint of forward in x, so with W's conjugate."""
    W = conjugate(W)
    if not geometry.explicit_padding:
        return plan.run("dx", grad_out, W, geometry, how)
    held = padding.held(geometry, W.dtype)
    return padding.fold(plan.run("dx", grad_out, W, geometry.prepadded, how, held), geometry)


def dW(grad_out: Array, x: Array, geometry: ConvGeometry, how: Execution) -> Array:
    """The adjoint of forward in W, so with x's conjugate."""
    x = conjugate(x)
    if not geometry.explicit_padding:
        return plan.run("dW", grad_out, x, geometry, how)
    x = padding.pad(x, geometry)
    return plan.run("dW", grad_out, x, geometry.prepadded, how, padding.held(geometry, x.dtype))


def dx_and_dW(
    grad_out: Array, x: Array, W: Array, geometry: ConvGeometry, how: Execution
) -> list[Array] | None:
    """Both at once, where there is a way that is faster than one after the other."""
    if geometry.explicit_padding:
        return None
    return plan.run_both(grad_out, x, W, geometry, how)


def db(grad_out: Array) -> Array:
    """The sum of grad_out over images and positions."""
    return namespace(grad_out).sum(grad_out, axis=(0, *range(2, grad_out.ndim)))


def with_bias(out: Array, bias: Array | None, call: Call) -> Array:
    """Out, itself written into, with the bias of each channel added."""
    if bias is None:
        return out
    bias = arguments.cast(bias, call.compute)
    return add_at(out, ..., namespace(bias).reshape(bias, (1, -1) + (1,) * (out.ndim - 2)))


def conjugate(a: Array) -> Array:
    """The complex conjugate; a itself where it is real."""
    if is_numpy(a):
        return a.conj() if a.dtype.kind == "c" else a
    xp = namespace(a)
    return xp.conj(a) if xp.isdtype(a.dtype, "complex floating") else a
