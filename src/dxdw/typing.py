"""Types for annotations: what the functions of this package take, and the tuples they return.

from dxdw import conv2d_backward
from dxdw.typing import DxDW

def step(grad_out, x, W) -> DxDW[NDArray[np.float32]]:
    return conv2d_backward(grad_out, x, W)
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol, SupportsIndex, TypeVar

import numpy as np
from numpy.typing import NDArray

from .core.gradients import named
from .core.problem import Kind

__all__ = [
    "DW",
    "DGradOutDxDW",
    "DWDb",
    "DoubleNeed",
    "Dx",
    "DxDW",
    "DxDWDb",
    "Gradients",
    "Kind",
    "Need",
    "Nested",
    "Numbers",
    "Padding",
    "PaddingMode",
    "PerAxis",
    "Precision",
    "Wide",
]

A_co = TypeVar("A_co", covariant=True)
T_co = TypeVar("T_co", covariant=True)

PerAxis = SupportsIndex | Sequence[SupportsIndex] | NDArray[np.integer[Any]]
"""A stride, a dilation: one integer for all axes, or one for each."""

Padding = (
    Literal["same", "valid", "full", "SAME", "VALID"]
    | PerAxis
    | Sequence[SupportsIndex | Sequence[SupportsIndex]]
)
"""A word, one integer for all axes, one for each, or a pair (before, after) for each."""

PaddingMode = Literal["zeros", "reflect", "replicate", "circular"]
Precision = Literal["high", "highest"]
Need = Literal["dx", "dW", "db"]
DoubleNeed = Literal["dgrad_out", "dx", "dW"]


class Nested(Protocol[T_co]):
    """Lists or tuples of numbers, of any depth, and no text."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: int, /) -> "T_co | Nested[T_co]": ...
    def __contains__(self, value: object, /) -> bool: ...
    def count(self, value: Any, /) -> int: ...
    def index(self, value: Any, /) -> int: ...


Wide = NDArray[np.float64] | NDArray[np.integer[Any]] | Nested[float] | float
"""What alone is computed in float64: integers, and lists of numbers, too."""

Numbers = (
    NDArray[np.number[Any]]
    | Nested[complex | np.number[Any] | NDArray[np.number[Any]]]
    | complex
    | np.number[Any]
)
"""An array of numbers, or what is made one."""

if TYPE_CHECKING:
    from typing import Generic, NamedTuple

    class DxDW(NamedTuple, Generic[A_co]):
        """What a backward pass returns by default."""

        dx: A_co
        dW: A_co

    class Dx(NamedTuple, Generic[A_co]):
        """The same with `needs=("dx",)`."""

        dx: A_co

    class DW(NamedTuple, Generic[A_co]):
        """The same with `needs=("dW",)`."""

        dW: A_co

    class DWDb(NamedTuple, Generic[A_co]):
        """The same with `needs=("dW", "db")`."""

        dW: A_co
        db: A_co

    class DxDWDb(NamedTuple, Generic[A_co]):
        """The same with `needs=("dx", "dW", "db")`."""

        dx: A_co
        dW: A_co
        db: A_co

    class DGradOutDxDW(NamedTuple, Generic[A_co]):
        """What a double backward pass returns by default."""

        dgrad_out: A_co
        dx: A_co
        dW: A_co

    class Gradients(tuple[A_co, ...]):
        """The same with `needs` of another kind: of these names, it has those asked for."""

        __slots__ = ()

        @property
        def dx(self) -> A_co: ...
        @property
        def dW(self) -> A_co: ...
        @property
        def db(self) -> A_co: ...
        @property
        def dgrad_out(self) -> A_co: ...

else:
    DxDW = named(("dx", "dW"))
    Dx = named(("dx",))
    DW = named(("dW",))
    DWDb = named(("dW", "db"))
    DxDWDb = named(("dx", "dW", "db"))
    DGradOutDxDW = named(("dgrad_out", "dx", "dW"))
    Gradients = tuple
