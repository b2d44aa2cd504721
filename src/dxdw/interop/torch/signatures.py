"""The signatures of these functions for checkers of types: by dxdw's names, and by PyTorch's."""

from typing import Protocol, overload

from torch import Tensor

from ...typing import Padding, PerAxis


class Convolution(Protocol):
    """`conv1d`, `conv2d`, `conv3d`."""

    __name__: str

    # fmt: off
    @overload
    def __call__(
        self, x: Tensor, W: Tensor, bias: Tensor | None = None, stride: PerAxis = 1,
        padding: Padding = 0, dilation: PerAxis = 1, groups: int = 1,
    ) -> Tensor: ...
    @overload
    def __call__(
        self, input: Tensor, weight: Tensor, bias: Tensor | None = None,
        stride: PerAxis = 1, padding: Padding = 0, dilation: PerAxis = 1, groups: int = 1,
    ) -> Tensor: ...
    # fmt: on


class TransposedConvolution(Protocol):
    """`conv_transpose1d`, `conv_transpose2d`, `conv_transpose3d`."""

    __name__: str

    # fmt: off
    @overload
    def __call__(
        self, x: Tensor, W: Tensor, bias: Tensor | None = None, stride: PerAxis = 1,
        padding: Padding = 0, output_padding: PerAxis = 0, groups: int = 1, dilation: PerAxis = 1,
    ) -> Tensor: ...
    @overload
    def __call__(
        self, input: Tensor, weight: Tensor, bias: Tensor | None = None,
        stride: PerAxis = 1, padding: Padding = 0, output_padding: PerAxis = 0, groups: int = 1,
        dilation: PerAxis = 1,
    ) -> Tensor: ...
    # fmt: on
