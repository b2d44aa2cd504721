"""Whole models: their convolutions are computed by dxdw where it pays, and back."""

from functools import lru_cache
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as theirs

from ... import arguments, plan
from ...documentation import refused
from ...engines.problem import KINDS, Problem
from ..bilinear import Case
from . import kernels
from .functional import convolve, transpose
from .tensors import DTYPES

Model = TypeVar("Model", bound=nn.Module)


def accelerate(model: Model) -> Model:
    """The model itself, its convolutions computed by dxdw where that pays, backward too.

        out = conv2d(x, weight, bias)     and its derivatives, of modules as they stand

    Modules that are exactly `nn.Conv1d`, 2d, 3d or `nn.ConvTranspose1d`, 2d, 3d get a subclass of
    it as their class. Parameters, buffers, `state_dict`, hooks, the model's structure and what it
    computes, up to rounding, stay as they are; `restore` is the way back. Subclasses of these
    modules, which may convolve in other ways, are left alone.

    Whether it pays is decided by the shapes and dtype that a call has, never by a clock, so that
    the same model gives the same bits again: all pay but dense float32 convolutions that have no
    Winograd kernel and more weights than outputs. Where it doesn't, and for tensors that
    `conv2d` hands on, PyTorch's own function is called. Under `torch.compile` sizes may be unknown,
    and all convolutions of CPU tensors in float32 and float64 are dxdw's.

    dxdw's kernels want contiguous tensors: a model that is in channels_last is slower with them
    than in PyTorch's default layout. `torch.jit.script` can't read them: `restore` the model first.

    Args:
        model: an `nn.Module` of any kind; one convolution is a model too. It is changed in place.

    Returns:
        The model that was given, no copy.

    Raises:
        TypeError: the model is no instance of `nn.Module`; nothing has been changed.

    >>> import torch
    >>> model = accelerate(torch.nn.Sequential(torch.nn.Conv2d(1, 8, 3), torch.nn.ReLU()))
    >>> model(torch.ones(1, 1, 5, 5)).shape
    torch.Size([1, 8, 3, 3])
    >>> restore(model)
    Sequential(
      (0): Conv2d(1, 8, kernel_size=(3, 3), stride=(1, 1))
      (1): ReLU()
    )

    Source: what pays was measured, by `dxdw.benchmark.training_steps` and layer by layer.
    """
    return _with_classes(model, ACCELERATED)


def restore(model: Model) -> Model:
    """The model itself, as it was before `accelerate`: PyTorch computes its convolutions.

    Args:
        model: accelerated or not, as a whole or in part. It is changed in place.

    Returns:
        The model that was given, no copy, with the parameters it has by now.

    Raises:
        TypeError: the model is no instance of `nn.Module`.

    >>> import torch
    >>> type(restore(accelerate(torch.nn.Conv2d(1, 8, 3)))).__module__
    'torch.nn.modules.conv'
    """
    return _with_classes(model, {ours: theirs for theirs, ours in ACCELERATED.items()})


def _with_classes(model: Model, classes: dict[type, type]) -> Model:
    if not isinstance(model, nn.Module):
        is_class = isinstance(model, type)
        got = f"the class {model.__name__}" if is_class else f"a {arguments.type_name(model)}"
        raise refused(
            TypeError,
            f"model is {got}: it must be an instance of torch.nn.Module, as nn.Conv2d(1, 8, 3) is",
            kernels.ROOM,
        )
    for module in model.modules():
        if type(module) in classes:
            module.__class__ = classes[type(module)]
    return model


@lru_cache(maxsize=1024)
def pays(case: Case, dtype: torch.dtype) -> bool:
    """Whether dxdw is expected to be faster than PyTorch, all three passes together.

    It is, as measured on the layers of LeNet-5, ResNet-18, ResNet-20 and a U-Net (one thread), but
    for dense float32 convolutions that have no Winograd kernel and more weights than outputs: those
    are products of matrices with weights that are read once, which oneDNN does as well or better
    (512 channels on 7×7, of 256 with stride 2: 0.76 to 1.3 times its speed; 1×1: 0.55 to 1.3).
    Without dxdw's compiled kernels it never is.
    """
    geometry = case.geometry
    engines = {plan.accepting(Problem(kind, geometry, DTYPES[dtype]))[0] for kind in KINDS}
    if not engines & set(plan.COMPILED):
        return "fft" in engines
    if dtype is torch.float64 or geometry.groups > 1 or engines != {"direct"}:
        return True
    _, weights, outputs = geometry.sizes
    return weights <= outputs


class _Convolution(nn.modules.conv._ConvNd):
    """What the three have in common; the `forward` of PyTorch's modules calls this."""

    def _conv_forward(self, x: Tensor, W: Tensor, bias: Tensor | None) -> Tensor:
        padding: Any = self.padding
        if self.padding_mode != "zeros":
            x = theirs.pad(x, self._reversed_padding_repeated_twice, mode=self.padding_mode)
            padding = 0
        options = (self.stride, padding, self.dilation, self.groups)
        return convolve(len(self.kernel_size), x, W, bias, *options, where=pays)


class _Transposed(nn.modules.conv._ConvTransposeNd):
    """The same of the three transposed ones, whose `forward` does all itself."""

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        ndim = len(self.kernel_size)
        sizes: Any = (self.stride, self.padding, self.kernel_size)
        extra = self._output_padding(x, output_size, *sizes, ndim, self.dilation)
        options = (self.stride, self.padding, tuple(extra), self.groups, self.dilation)
        return transpose(ndim, x, self.weight, self.bias, *options, where=pays)


class AcceleratedConv1d(_Convolution, nn.Conv1d):
    """What `accelerate` makes of `nn.Conv1d`."""


class AcceleratedConv2d(_Convolution, nn.Conv2d):
    """What `accelerate` makes of `nn.Conv2d`."""


class AcceleratedConv3d(_Convolution, nn.Conv3d):
    """What `accelerate` makes of `nn.Conv3d`."""


class AcceleratedConvTranspose1d(_Transposed, nn.ConvTranspose1d):
    """What `accelerate` makes of `nn.ConvTranspose1d`."""


class AcceleratedConvTranspose2d(_Transposed, nn.ConvTranspose2d):
    """What `accelerate` makes of `nn.ConvTranspose2d`."""


class AcceleratedConvTranspose3d(_Transposed, nn.ConvTranspose3d):
    """What `accelerate` makes of `nn.ConvTranspose3d`."""


ACCELERATED: dict[type, type] = {
    nn.Conv1d: AcceleratedConv1d,
    nn.Conv2d: AcceleratedConv2d,
    nn.Conv3d: AcceleratedConv3d,
    nn.ConvTranspose1d: AcceleratedConvTranspose1d,
    nn.ConvTranspose2d: AcceleratedConvTranspose2d,
    nn.ConvTranspose3d: AcceleratedConvTranspose3d,
}
