"""What an engine is told of the call it is to run."""

from typing import Any, Literal, NamedTuple

import numpy as np

from .arrays import element_size
from .geometry import ConvGeometry

Kind = Literal["forward", "dx", "dW"]
KINDS: tuple[Kind, ...] = ("forward", "dx", "dW")
BOTH = "dx and dW"  # of (grad_out, x, W) in one call


class Execution(NamedTuple):
    """How to run, as opposed to what to compute."""

    precision: str = "high"
    engine: str | None = None
    threads: int | None = None
    max_workspace: int | None = None


PLAIN = Execution()  # nothing asked for


class Problem(NamedTuple):
    """One pass of one convolution: forward (of x, W), dx (of grad_out, W), dW (of grad_out, x), or
    both gradients at once (of grad_out, x, W).

    Hashable; equal problems are run in the same way.
    """

    kind: str
    geometry: ConvGeometry
    dtype: Any  # of operands and results (but see `stored`): NumPy's, or the library's own
    library: str = "numpy"
    how: Execution = PLAIN
    held: int = 0  # bytes of scratch that the call holds beside the engine's: x with its padding
    device: str = "cpu"  # the kind that the arrays lie on
    channels_last: tuple[bool, bool] = (False, False)  # whether x's and the output's lie so
    # "bfloat16" or "float16" where the arrays hold that, and dtype is what they are summed in; and
    # whether dW is of dtype all the same.
    stored: str | None = None
    wide_dW: bool = False

    @property
    def result_shape(self) -> tuple[int, ...]:
        return result_shape(self.kind, self.geometry)

    @property
    def result_shapes(self) -> tuple[tuple[int, ...], ...]:
        """That one's shape, or both gradients' shapes."""
        return tuple(result_shape(kind, self.geometry) for kind in self.kinds)

    @property
    def kinds(self) -> tuple[str, ...]:
        """Of its results."""
        return ("dx", "dW") if self.kind == BOTH else (self.kind,)

    def is_stored(self, kind: str) -> bool:
        """Whether the result of this kind is narrower than the sums."""
        return self.stored is not None and not (kind == "dW" and self.wide_dW)

    @property
    def terms(self) -> int:
        """K: the most products that an element of the result sums."""
        return self.geometry.terms[self.kind]

    @property
    def itemsize(self) -> int:
        """Bytes of an element."""
        return element_size(self.dtype)

    @property
    def unit_roundoff(self) -> float:
        """u of the dtype, where it is NumPy's."""
        return float(np.finfo(self.dtype).eps) / 2


def result_shape(kind: str, geometry: ConvGeometry) -> tuple[int, ...]:
    """The shape of a pass's result."""
    shapes = (geometry.out_shape, geometry.x_shape, geometry.W_shape)
    return shapes[KINDS.index(kind)]


def direct_factor(problem: Problem) -> float:
    """γ: what the error of a sum of the products themselves can be, in any order, beside M."""
    ku = problem.terms * problem.unit_roundoff
    gamma = ku / (1 - ku) if ku < 1 else float("inf")
    scale = 1.0 if np.dtype(problem.dtype).kind == "f" else 2**1.5  # a complex product rounds more
    return scale * gamma


def direct_bound(problem: Problem) -> str:
    """The elementwise bound of every method that sums the products themselves, in any order."""
    return elementwise_bound(direct_factor(problem))


def elementwise_bound(factor: float) -> str:
    """The bound of an element beside the sum of its products' magnitudes, in words."""
    return f"|error| ≤ {factor:.1e} · M elementwise, M the same sum of absolute values"
