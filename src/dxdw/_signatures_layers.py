"""The signatures of the layers and the loops, as `_signatures` has those of the convolutions."""

from typing import Any, Protocol, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from .typing import DxDW, DxDWDb, Nested, Numbers, PerAxis, Wide

R = TypeVar("R", np.float16, np.float32, np.float64)
Real = (
    NDArray[np.floating[Any] | np.integer[Any]]
    | Nested[float | np.floating[Any] | NDArray[np.floating[Any] | np.integer[Any]]]
    | float
)

# The first that fits counts, which mypy would rather have apart.
# mypy: disable-error-code="overload-overlap"

# One member a form of operands, packed: they differ in a word.
# fmt: off


class Activation(Protocol):
    """`relu`."""

    __name__: str

    @overload
    def __call__(self, x: NDArray[R]) -> NDArray[R]: ...
    @overload
    def __call__(self, x: Wide) -> NDArray[np.float64]: ...
    @overload
    def __call__(self, x: Real) -> NDArray[Any]: ...


class ActivationBackward(Protocol):
    """`relu_backward`."""

    __name__: str

    @overload
    def __call__(self, grad_out: NDArray[R], x: NDArray[R]) -> NDArray[R]: ...
    @overload
    def __call__(self, grad_out: Wide, x: Wide) -> NDArray[np.float64]: ...
    @overload
    def __call__(self, grad_out: Real, x: Real) -> NDArray[Any]: ...


class Pooling(Protocol):
    """`max_pool_2d`."""

    __name__: str

    @overload
    def __call__(
        self, x: NDArray[R], kernel_size: PerAxis, stride: PerAxis | None = None,
    ) -> NDArray[R]: ...
    @overload
    def __call__(
        self, x: Wide, kernel_size: PerAxis, stride: PerAxis | None = None,
    ) -> NDArray[np.float64]: ...
    @overload
    def __call__(
        self, x: Real, kernel_size: PerAxis, stride: PerAxis | None = None,
    ) -> NDArray[Any]: ...


class PoolingBackward(Protocol):
    """`max_pool_2d_backward`."""

    __name__: str

    @overload
    def __call__(
        self, grad_out: NDArray[R], x: NDArray[R], kernel_size: PerAxis,
        stride: PerAxis | None = None,
    ) -> NDArray[R]: ...
    @overload
    def __call__(
        self, grad_out: Wide, x: Wide, kernel_size: PerAxis, stride: PerAxis | None = None,
    ) -> NDArray[np.float64]: ...
    @overload
    def __call__(
        self, grad_out: Real, x: Real, kernel_size: PerAxis, stride: PerAxis | None = None,
    ) -> NDArray[Any]: ...


class Linear(Protocol):
    """`linear`."""

    __name__: str

    @overload
    def __call__(
        self, x: NDArray[R], W: NDArray[R], b: NDArray[R] | None = None,
    ) -> NDArray[R]: ...
    @overload
    def __call__(
        self, x: Wide, W: Wide, b: Wide | None = None,
    ) -> NDArray[np.float64]: ...
    @overload
    def __call__(
        self, x: Real, W: Real, b: Real | None = None,
    ) -> NDArray[Any]: ...


class LinearBackward(Protocol):
    """`linear_backward`."""

    __name__: str

    @overload
    def __call__(
        self, grad_out: NDArray[R], x: NDArray[R], W: NDArray[R],
    ) -> DxDWDb[NDArray[R]]: ...
    @overload
    def __call__(
        self, grad_out: Wide, x: Wide, W: Wide,
    ) -> DxDWDb[NDArray[np.float64]]: ...
    @overload
    def __call__(
        self, grad_out: Real, x: Real, W: Real,
    ) -> DxDWDb[NDArray[Any]]: ...


class Softmax(Protocol):
    """`softmax`."""

    __name__: str

    @overload
    def __call__(self, z: NDArray[R], axis: int = -1) -> NDArray[R]: ...
    @overload
    def __call__(self, z: Wide, axis: int = -1) -> NDArray[np.float64]: ...
    @overload
    def __call__(self, z: Real, axis: int = -1) -> NDArray[Any]: ...


class CrossEntropy(Protocol):
    """`softmax_cross_entropy`."""

    __name__: str

    @overload
    def __call__(
        self, logits: NDArray[R], labels: NDArray[np.integer[Any]] | Nested[int],
    ) -> tuple[float, NDArray[R]]: ...
    @overload
    def __call__(
        self, logits: Wide, labels: NDArray[np.integer[Any]] | Nested[int],
    ) -> tuple[float, NDArray[np.float64]]: ...
    @overload
    def __call__(
        self, logits: Real, labels: NDArray[np.integer[Any]] | Nested[int],
    ) -> tuple[float, NDArray[Any]]: ...


class Network(Protocol):
    """`mini_cnn_forward`."""

    __name__: str

    @overload
    def __call__(
        self, x: NDArray[R], W_conv: NDArray[R], W_fc: NDArray[R],
    ) -> NDArray[R]: ...
    @overload
    def __call__(
        self, x: Wide, W_conv: Wide, W_fc: Wide,
    ) -> NDArray[np.float64]: ...
    @overload
    def __call__(
        self, x: Real, W_conv: Real, W_fc: Real,
    ) -> NDArray[Any]: ...


class Loops(Protocol):
    """`conv2d_naive`."""

    __name__: str

    @overload
    def __call__(self, x: Real, W: Real) -> NDArray[np.float64]: ...
    @overload
    def __call__(self, x: Numbers, W: Numbers) -> NDArray[Any]: ...


class LoopsBackward(Protocol):
    """`conv2d_backward_naive`."""

    __name__: str

    @overload
    def __call__(self, grad_out: Real, x: Real, W: Real) -> DxDW[NDArray[np.float64]]: ...
    @overload
    def __call__(self, grad_out: Numbers, x: Numbers, W: Numbers) -> DxDW[NDArray[Any]]: ...
