"""The signatures of backward passes, as `_signatures` has those of the others.

What they return has the names in `needs`, so each form of operands is there for each of those.
"""

from collections.abc import Sequence
from typing import Any, Literal, Protocol, TypedDict, Unpack, overload

import numpy as np
from numpy.typing import NDArray

from ._signatures import F, Geometry, Other, TransposedGeometry
from .typing import (
    DW,
    DGradOutDxDW,
    DoubleNeed,
    DWDb,
    Dx,
    DxDW,
    DxDWDb,
    Gradients,
    Need,
    Numbers,
    Padding,
    PerAxis,
    Wide,
)


class _Into(TypedDict, total=False):
    out: Sequence[Any] | None
    accumulate: bool


class Backward(Geometry, _Into, total=False):
    """The options of a backward pass beside padding, stride and needs."""


class TransposedBackward(TransposedGeometry, _Into, total=False):
    """Those of a transposed one."""


NeedsDx = tuple[Literal["dx"]]
NeedsDW = tuple[Literal["dW"]]
NeedsDxDW = tuple[Literal["dx"], Literal["dW"]]
NeedsDWDb = tuple[Literal["dW"], Literal["db"]]
NeedsDxDWDb = tuple[Literal["dx"], Literal["dW"], Literal["db"]]
NeedsAny = Sequence[Need]
NeedsThree = tuple[Literal["dgrad_out"], Literal["dx"], Literal["dW"]]
NeedsOfThree = Sequence[DoubleNeed]

# The first that fits counts, which mypy would rather have apart.
# mypy: disable-error-code="overload-overlap"

# One member a form of operands and of needs, packed: they differ in a word or two.
# fmt: off


class ConvolutionBackward(Protocol):
    """`conv1d_backward`, `conv2d_backward`, `conv3d_backward`."""

    __name__: str

    @overload
    def __call__(
        self, grad_out: NDArray[F], x: NDArray[F], W: NDArray[F], padding: Padding = 0,
        stride: PerAxis = 1, *, needs: NeedsDxDW = ("dx", "dW"), **how: Unpack[Backward],
    ) -> DxDW[NDArray[F]]: ...
    @overload
    def __call__(
        self, grad_out: NDArray[F], x: NDArray[F], W: NDArray[F], padding: Padding = 0,
        stride: PerAxis = 1, *, needs: NeedsDx, **how: Unpack[Backward],
    ) -> Dx[NDArray[F]]: ...
    @overload
    def __call__(
        self, grad_out: NDArray[F], x: NDArray[F], W: NDArray[F], padding: Padding = 0,
        stride: PerAxis = 1, *, needs: NeedsDW, **how: Unpack[Backward],
    ) -> DW[NDArray[F]]: ...
    @overload
    def __call__(
        self, grad_out: NDArray[F], x: NDArray[F], W: NDArray[F], padding: Padding = 0,
        stride: PerAxis = 1, *, needs: NeedsDWDb, **how: Unpack[Backward],
    ) -> DWDb[NDArray[F]]: ...
    @overload
    def __call__(
        self, grad_out: NDArray[F], x: NDArray[F], W: NDArray[F], padding: Padding = 0,
        stride: PerAxis = 1, *, needs: NeedsDxDWDb, **how: Unpack[Backward],
    ) -> DxDWDb[NDArray[F]]: ...
    @overload
    def __call__(
        self, grad_out: NDArray[F], x: NDArray[F], W: NDArray[F], padding: Padding = 0,
        stride: PerAxis = 1, *, needs: NeedsAny, **how: Unpack[Backward],
    ) -> Gradients[NDArray[F]]: ...
    @overload
    def __call__(
        self, grad_out: Wide, x: Wide, W: Wide, padding: Padding = 0,
        stride: PerAxis = 1, *, needs: NeedsDxDW = ("dx", "dW"), **how: Unpack[Backward],
    ) -> DxDW[NDArray[np.float64]]: ...
    @overload
    def __call__(
        self, grad_out: Wide, x: Wide, W: Wide, padding: Padding = 0,
        stride: PerAxis = 1, *, needs: NeedsDx, **how: Unpack[Backward],
    ) -> Dx[NDArray[np.float64]]: ...
    @overload
    def __call__(
        self, grad_out: Wide, x: Wide, W: Wide, padding: Padding = 0,
        stride: PerAxis = 1, *, needs: NeedsDW, **how: Unpack[Backward],
    ) -> DW[NDArray[np.float64]]: ...
    @overload
    def __call__(
        self, grad_out: Wide, x: Wide, W: Wide, padding: Padding = 0,
        stride: PerAxis = 1, *, needs: NeedsDWDb, **how: Unpack[Backward],
    ) -> DWDb[NDArray[np.float64]]: ...
    @overload
    def __call__(
        self, grad_out: Wide, x: Wide, W: Wide, padding: Padding = 0,
        stride: PerAxis = 1, *, needs: NeedsDxDWDb, **how: Unpack[Backward],
    ) -> DxDWDb[NDArray[np.float64]]: ...
    @overload
    def __call__(
        self, grad_out: Wide, x: Wide, W: Wide, padding: Padding = 0,
        stride: PerAxis = 1, *, needs: NeedsAny, **how: Unpack[Backward],
    ) -> Gradients[NDArray[np.float64]]: ...
    @overload
    def __call__(
        self, grad_out: Other, x: Other, W: Other, padding: Padding = 0,
        stride: PerAxis = 1, *, needs: NeedsDxDW = ("dx", "dW"), **how: Unpack[Backward],
    ) -> DxDW[Other]: ...
    @overload
    def __call__(
        self, grad_out: Other, x: Other, W: Other, padding: Padding = 0,
        stride: PerAxis = 1, *, needs: NeedsDx, **how: Unpack[Backward],
    ) -> Dx[Other]: ...
    @overload
    def __call__(
        self, grad_out: Other, x: Other, W: Other, padding: Padding = 0,
        stride: PerAxis = 1, *, needs: NeedsDW, **how: Unpack[Backward],
    ) -> DW[Other]: ...
    @overload
    def __call__(
        self, grad_out: Other, x: Other, W: Other, padding: Padding = 0,
        stride: PerAxis = 1, *, needs: NeedsDWDb, **how: Unpack[Backward],
    ) -> DWDb[Other]: ...
    @overload
    def __call__(
        self, grad_out: Other, x: Other, W: Other, padding: Padding = 0,
        stride: PerAxis = 1, *, needs: NeedsDxDWDb, **how: Unpack[Backward],
    ) -> DxDWDb[Other]: ...
    @overload
    def __call__(
        self, grad_out: Other, x: Other, W: Other, padding: Padding = 0,
        stride: PerAxis = 1, *, needs: NeedsAny, **how: Unpack[Backward],
    ) -> Gradients[Other]: ...
    @overload
    def __call__(
        self, grad_out: Numbers, x: Numbers, W: Numbers, padding: Padding = 0,
        stride: PerAxis = 1, *, needs: NeedsDxDW = ("dx", "dW"), **how: Unpack[Backward],
    ) -> DxDW[NDArray[Any]]: ...
    @overload
    def __call__(
        self, grad_out: Numbers, x: Numbers, W: Numbers, padding: Padding = 0,
        stride: PerAxis = 1, *, needs: NeedsDx, **how: Unpack[Backward],
    ) -> Dx[NDArray[Any]]: ...
    @overload
    def __call__(
        self, grad_out: Numbers, x: Numbers, W: Numbers, padding: Padding = 0,
        stride: PerAxis = 1, *, needs: NeedsDW, **how: Unpack[Backward],
    ) -> DW[NDArray[Any]]: ...
    @overload
    def __call__(
        self, grad_out: Numbers, x: Numbers, W: Numbers, padding: Padding = 0,
        stride: PerAxis = 1, *, needs: NeedsDWDb, **how: Unpack[Backward],
    ) -> DWDb[NDArray[Any]]: ...
    @overload
    def __call__(
        self, grad_out: Numbers, x: Numbers, W: Numbers, padding: Padding = 0,
        stride: PerAxis = 1, *, needs: NeedsDxDWDb, **how: Unpack[Backward],
    ) -> DxDWDb[NDArray[Any]]: ...
    @overload
    def __call__(
        self, grad_out: Numbers, x: Numbers, W: Numbers, padding: Padding = 0,
        stride: PerAxis = 1, *, needs: NeedsAny, **how: Unpack[Backward],
    ) -> Gradients[NDArray[Any]]: ...


class TransposedConvolutionBackward(Protocol):
    """`conv_transpose1d_backward`, `conv_transpose2d_backward`, `conv_transpose3d_backward`."""

    __name__: str

    @overload
    def __call__(
        self, grad_out: NDArray[F], x: NDArray[F], W: NDArray[F], padding: Padding = 0,
        stride: PerAxis = 1, *, needs: NeedsDxDW = ("dx", "dW"), **how: Unpack[TransposedBackward],
    ) -> DxDW[NDArray[F]]: ...
    @overload
    def __call__(
        self, grad_out: NDArray[F], x: NDArray[F], W: NDArray[F], padding: Padding = 0,
        stride: PerAxis = 1, *, needs: NeedsDx, **how: Unpack[TransposedBackward],
    ) -> Dx[NDArray[F]]: ...
    @overload
    def __call__(
        self, grad_out: NDArray[F], x: NDArray[F], W: NDArray[F], padding: Padding = 0,
        stride: PerAxis = 1, *, needs: NeedsDW, **how: Unpack[TransposedBackward],
    ) -> DW[NDArray[F]]: ...
    @overload
    def __call__(
        self, grad_out: NDArray[F], x: NDArray[F], W: NDArray[F], padding: Padding = 0,
        stride: PerAxis = 1, *, needs: NeedsDWDb, **how: Unpack[TransposedBackward],
    ) -> DWDb[NDArray[F]]: ...
    @overload
    def __call__(
        self, grad_out: NDArray[F], x: NDArray[F], W: NDArray[F], padding: Padding = 0,
        stride: PerAxis = 1, *, needs: NeedsDxDWDb, **how: Unpack[TransposedBackward],
    ) -> DxDWDb[NDArray[F]]: ...
    @overload
    def __call__(
        self, grad_out: NDArray[F], x: NDArray[F], W: NDArray[F], padding: Padding = 0,
        stride: PerAxis = 1, *, needs: NeedsAny, **how: Unpack[TransposedBackward],
    ) -> Gradients[NDArray[F]]: ...
    @overload
    def __call__(
        self, grad_out: Wide, x: Wide, W: Wide, padding: Padding = 0,
        stride: PerAxis = 1, *, needs: NeedsDxDW = ("dx", "dW"), **how: Unpack[TransposedBackward],
    ) -> DxDW[NDArray[np.float64]]: ...
    @overload
    def __call__(
        self, grad_out: Wide, x: Wide, W: Wide, padding: Padding = 0,
        stride: PerAxis = 1, *, needs: NeedsDx, **how: Unpack[TransposedBackward],
    ) -> Dx[NDArray[np.float64]]: ...
    @overload
    def __call__(
        self, grad_out: Wide, x: Wide, W: Wide, padding: Padding = 0,
        stride: PerAxis = 1, *, needs: NeedsDW, **how: Unpack[TransposedBackward],
    ) -> DW[NDArray[np.float64]]: ...
    @overload
    def __call__(
        self, grad_out: Wide, x: Wide, W: Wide, padding: Padding = 0,
        stride: PerAxis = 1, *, needs: NeedsDWDb, **how: Unpack[TransposedBackward],
    ) -> DWDb[NDArray[np.float64]]: ...
    @overload
    def __call__(
        self, grad_out: Wide, x: Wide, W: Wide, padding: Padding = 0,
        stride: PerAxis = 1, *, needs: NeedsDxDWDb, **how: Unpack[TransposedBackward],
    ) -> DxDWDb[NDArray[np.float64]]: ...
    @overload
    def __call__(
        self, grad_out: Wide, x: Wide, W: Wide, padding: Padding = 0,
        stride: PerAxis = 1, *, needs: NeedsAny, **how: Unpack[TransposedBackward],
    ) -> Gradients[NDArray[np.float64]]: ...
    @overload
    def __call__(
        self, grad_out: Other, x: Other, W: Other, padding: Padding = 0,
        stride: PerAxis = 1, *, needs: NeedsDxDW = ("dx", "dW"), **how: Unpack[TransposedBackward],
    ) -> DxDW[Other]: ...
    @overload
    def __call__(
        self, grad_out: Other, x: Other, W: Other, padding: Padding = 0,
        stride: PerAxis = 1, *, needs: NeedsDx, **how: Unpack[TransposedBackward],
    ) -> Dx[Other]: ...
    @overload
    def __call__(
        self, grad_out: Other, x: Other, W: Other, padding: Padding = 0,
        stride: PerAxis = 1, *, needs: NeedsDW, **how: Unpack[TransposedBackward],
    ) -> DW[Other]: ...
    @overload
    def __call__(
        self, grad_out: Other, x: Other, W: Other, padding: Padding = 0,
        stride: PerAxis = 1, *, needs: NeedsDWDb, **how: Unpack[TransposedBackward],
    ) -> DWDb[Other]: ...
    @overload
    def __call__(
        self, grad_out: Other, x: Other, W: Other, padding: Padding = 0,
        stride: PerAxis = 1, *, needs: NeedsDxDWDb, **how: Unpack[TransposedBackward],
    ) -> DxDWDb[Other]: ...
    @overload
    def __call__(
        self, grad_out: Other, x: Other, W: Other, padding: Padding = 0,
        stride: PerAxis = 1, *, needs: NeedsAny, **how: Unpack[TransposedBackward],
    ) -> Gradients[Other]: ...
    @overload
    def __call__(
        self, grad_out: Numbers, x: Numbers, W: Numbers, padding: Padding = 0,
        stride: PerAxis = 1, *, needs: NeedsDxDW = ("dx", "dW"), **how: Unpack[TransposedBackward],
    ) -> DxDW[NDArray[Any]]: ...
    @overload
    def __call__(
        self, grad_out: Numbers, x: Numbers, W: Numbers, padding: Padding = 0,
        stride: PerAxis = 1, *, needs: NeedsDx, **how: Unpack[TransposedBackward],
    ) -> Dx[NDArray[Any]]: ...
    @overload
    def __call__(
        self, grad_out: Numbers, x: Numbers, W: Numbers, padding: Padding = 0,
        stride: PerAxis = 1, *, needs: NeedsDW, **how: Unpack[TransposedBackward],
    ) -> DW[NDArray[Any]]: ...
    @overload
    def __call__(
        self, grad_out: Numbers, x: Numbers, W: Numbers, padding: Padding = 0,
        stride: PerAxis = 1, *, needs: NeedsDWDb, **how: Unpack[TransposedBackward],
    ) -> DWDb[NDArray[Any]]: ...
    @overload
    def __call__(
        self, grad_out: Numbers, x: Numbers, W: Numbers, padding: Padding = 0,
        stride: PerAxis = 1, *, needs: NeedsDxDWDb, **how: Unpack[TransposedBackward],
    ) -> DxDWDb[NDArray[Any]]: ...
    @overload
    def __call__(
        self, grad_out: Numbers, x: Numbers, W: Numbers, padding: Padding = 0,
        stride: PerAxis = 1, *, needs: NeedsAny, **how: Unpack[TransposedBackward],
    ) -> Gradients[NDArray[Any]]: ...


class DoubleBackward(Protocol):
    """`conv1d_double_backward`, `conv2d_double_backward`, `conv3d_double_backward`."""

    __name__: str

    @overload
    def __call__(
        self, ggx: NDArray[F] | None, ggW: NDArray[F] | None,
        grad_out: NDArray[F], x: NDArray[F], W: NDArray[F],
        padding: Padding = 0, stride: PerAxis = 1, *,
        needs: NeedsThree = ("dgrad_out", "dx", "dW"), **how: Unpack[Geometry],
    ) -> DGradOutDxDW[NDArray[F]]: ...
    @overload
    def __call__(
        self, ggx: NDArray[F] | None, ggW: NDArray[F] | None,
        grad_out: NDArray[F], x: NDArray[F], W: NDArray[F],
        padding: Padding = 0, stride: PerAxis = 1, *,
        needs: NeedsOfThree, **how: Unpack[Geometry],
    ) -> Gradients[NDArray[F]]: ...
    @overload
    def __call__(
        self, ggx: Wide | None, ggW: Wide | None, grad_out: Wide, x: Wide, W: Wide,
        padding: Padding = 0, stride: PerAxis = 1, *,
        needs: NeedsThree = ("dgrad_out", "dx", "dW"), **how: Unpack[Geometry],
    ) -> DGradOutDxDW[NDArray[np.float64]]: ...
    @overload
    def __call__(
        self, ggx: Wide | None, ggW: Wide | None, grad_out: Wide, x: Wide, W: Wide,
        padding: Padding = 0, stride: PerAxis = 1, *,
        needs: NeedsOfThree, **how: Unpack[Geometry],
    ) -> Gradients[NDArray[np.float64]]: ...
    @overload
    def __call__(
        self, ggx: Other | None, ggW: Other | None, grad_out: Other, x: Other, W: Other,
        padding: Padding = 0, stride: PerAxis = 1, *,
        needs: NeedsThree = ("dgrad_out", "dx", "dW"), **how: Unpack[Geometry],
    ) -> DGradOutDxDW[Other]: ...
    @overload
    def __call__(
        self, ggx: Other | None, ggW: Other | None, grad_out: Other, x: Other, W: Other,
        padding: Padding = 0, stride: PerAxis = 1, *,
        needs: NeedsOfThree, **how: Unpack[Geometry],
    ) -> Gradients[Other]: ...
    @overload
    def __call__(
        self, ggx: Numbers | None, ggW: Numbers | None, grad_out: Numbers, x: Numbers, W: Numbers,
        padding: Padding = 0, stride: PerAxis = 1, *,
        needs: NeedsThree = ("dgrad_out", "dx", "dW"), **how: Unpack[Geometry],
    ) -> DGradOutDxDW[NDArray[Any]]: ...
    @overload
    def __call__(
        self, ggx: Numbers | None, ggW: Numbers | None, grad_out: Numbers, x: Numbers, W: Numbers,
        padding: Padding = 0, stride: PerAxis = 1, *,
        needs: NeedsOfThree, **how: Unpack[Geometry],
    ) -> Gradients[NDArray[Any]]: ...
