"""The signatures that checkers of types see: how results follow from the operands.

What runs are the functions themselves: `_typed` gives them these, and a test holds that both have
the same parameters. Each stands once, for one to three dimensions, and for these operands:

    F        NumPy arrays of one dtype, whose results have it too
    Wide     what is computed in float64: integers, and lists
    Other    arrays of PyTorch, JAX or CuPy, which give the same
    Numbers  all else that NumPy makes arrays of
"""

from typing import Any, Protocol, TypedDict, TypeVar, Unpack, overload

import numpy as np
from numpy.typing import NDArray

from .typing import Numbers, Padding, PaddingMode, PerAxis, Precision, Wide

F = TypeVar("F", np.float16, np.float32, np.float64, np.complex64, np.complex128)


class _ArrayAPI(Protocol):
    def __array_namespace__(self, *, api_version: str | None = None) -> Any: ...


class _Tensor(Protocol):
    def __dlpack_device__(self) -> Any: ...
    def requires_grad_(self, requires_grad: bool = True, /) -> Any: ...


Other = TypeVar("Other", bound=_ArrayAPI | _Tensor)


class How(TypedDict, total=False):
    """How to compute."""

    precision: Precision
    engine: str | None
    threads: int | None
    max_workspace: int | None


class Geometry(How, total=False):
    """The options of a convolution beside padding and stride."""

    dilation: PerAxis
    groups: int
    padding_mode: PaddingMode


class TransposedGeometry(How, total=False):
    """Those of a transposed one."""

    output_padding: PerAxis
    dilation: PerAxis
    groups: int


# The first that fits counts, which mypy would rather have apart.
# mypy: disable-error-code="overload-overlap"

# One member a form of operands, packed: they differ in a word.
# fmt: off


class Convolution(Protocol):
    """`conv1d`, `conv2d`, `conv3d`."""

    __name__: str

    @overload
    def __call__(
        self, x: NDArray[F], W: NDArray[F], padding: Padding = 0, stride: PerAxis = 1, *,
        bias: NDArray[F] | None = None, out: NDArray[F] | None = None, **how: Unpack[Geometry],
    ) -> NDArray[F]: ...
    @overload
    def __call__(
        self, x: Wide, W: Wide, padding: Padding = 0, stride: PerAxis = 1, *,
        bias: Wide | None = None, out: NDArray[np.float64] | None = None, **how: Unpack[Geometry],
    ) -> NDArray[np.float64]: ...
    @overload
    def __call__(
        self, x: Other, W: Other, padding: Padding = 0, stride: PerAxis = 1, *,
        bias: Other | None = None, out: Other | None = None, **how: Unpack[Geometry],
    ) -> Other: ...
    @overload
    def __call__(
        self, x: Numbers, W: Numbers, padding: Padding = 0, stride: PerAxis = 1, *,
        bias: Numbers | None = None, out: NDArray[Any] | None = None, **how: Unpack[Geometry],
    ) -> NDArray[Any]: ...


class TransposedConvolution(Protocol):
    """`conv_transpose1d`, `conv_transpose2d`, `conv_transpose3d`."""

    __name__: str

    @overload
    def __call__(
        self, x: NDArray[F], W: NDArray[F], padding: Padding = 0, stride: PerAxis = 1, *,
        bias: NDArray[F] | None = None, out: NDArray[F] | None = None,
        **how: Unpack[TransposedGeometry],
    ) -> NDArray[F]: ...
    @overload
    def __call__(
        self, x: Wide, W: Wide, padding: Padding = 0, stride: PerAxis = 1, *,
        bias: Wide | None = None, out: NDArray[np.float64] | None = None,
        **how: Unpack[TransposedGeometry],
    ) -> NDArray[np.float64]: ...
    @overload
    def __call__(
        self, x: Other, W: Other, padding: Padding = 0, stride: PerAxis = 1, *,
        bias: Other | None = None, out: Other | None = None,
        **how: Unpack[TransposedGeometry],
    ) -> Other: ...
    @overload
    def __call__(
        self, x: Numbers, W: Numbers, padding: Padding = 0, stride: PerAxis = 1, *,
        bias: Numbers | None = None, out: NDArray[Any] | None = None,
        **how: Unpack[TransposedGeometry],
    ) -> NDArray[Any]: ...


class Jvp(Protocol):
    """`conv1d_jvp`, `conv2d_jvp`, `conv3d_jvp`."""

    __name__: str

    @overload
    def __call__(
        self, x: NDArray[F], W: NDArray[F], tx: NDArray[F] | None, tW: NDArray[F] | None,
        padding: Padding = 0, stride: PerAxis = 1, *,
        bias_tangent: NDArray[F] | None = None, **how: Unpack[Geometry],
    ) -> NDArray[F]: ...
    @overload
    def __call__(
        self, x: Wide, W: Wide, tx: Wide | None, tW: Wide | None,
        padding: Padding = 0, stride: PerAxis = 1, *,
        bias_tangent: Wide | None = None, **how: Unpack[Geometry],
    ) -> NDArray[np.float64]: ...
    @overload
    def __call__(
        self, x: Other, W: Other, tx: Other | None, tW: Other | None,
        padding: Padding = 0, stride: PerAxis = 1, *,
        bias_tangent: Other | None = None, **how: Unpack[Geometry],
    ) -> Other: ...
    @overload
    def __call__(
        self, x: Numbers, W: Numbers, tx: Numbers | None, tW: Numbers | None,
        padding: Padding = 0, stride: PerAxis = 1, *,
        bias_tangent: Numbers | None = None, **how: Unpack[Geometry],
    ) -> NDArray[Any]: ...


class PerSampleDW(Protocol):
    """`conv1d_per_sample_dW`, `conv2d_per_sample_dW`, `conv3d_per_sample_dW`."""

    __name__: str

    @overload
    def __call__(
        self, grad_out: NDArray[F], x: NDArray[F], W: NDArray[F], padding: Padding = 0,
        stride: PerAxis = 1, **how: Unpack[Geometry],
    ) -> NDArray[F]: ...
    @overload
    def __call__(
        self, grad_out: Wide, x: Wide, W: Wide, padding: Padding = 0,
        stride: PerAxis = 1, **how: Unpack[Geometry],
    ) -> NDArray[np.float64]: ...
    @overload
    def __call__(
        self, grad_out: Other, x: Other, W: Other, padding: Padding = 0,
        stride: PerAxis = 1, **how: Unpack[Geometry],
    ) -> Other: ...
    @overload
    def __call__(
        self, grad_out: Numbers, x: Numbers, W: Numbers, padding: Padding = 0,
        stride: PerAxis = 1, **how: Unpack[Geometry],
    ) -> NDArray[Any]: ...
