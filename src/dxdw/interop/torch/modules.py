"""Whole models: their convolutions are computed by dxdw where it pays, and back."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NoReturn, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as theirs
from torch.nn.utils.parametrize import type_before_parametrizations

from ...call import operands, plan
from ...core.documentation import more, refused
from ...core.problem import KINDS, Problem
from ..bilinear import Case
from . import kernels
from .functional import convolve, transpose
from .tensors import DTYPES, STORED

Model = TypeVar("Model", bound=nn.Module)


def accelerate(model: Model) -> Model:
    """The model itself, its convolutions computed by dxdw where that pays, backward too.

        out = conv2d(x, weight, bias)     and its derivatives, of modules as they stand

    Modules that are exactly `nn.Conv1d`, 2d, 3d, `nn.ConvTranspose1d`, 2d, 3d or their lazy forms,
    parametrized or not, get another way to compute, each for itself. Their classes, parameters,
    buffers, `state_dict`, hooks, the model's structure and what it computes, up to rounding, stay
    as they are, so that whatever takes models apart finds what it knows; `restore` is the way back.
    Subclasses of these modules, which may convolve in other ways, are left alone, and so are those
    whose `forward` somebody else has replaced.

    Whether it pays is decided by the shapes and dtype that a call has, never by a clock, so that
    the same model gives the same bits again: all pay but dense float32 convolutions that have no
    Winograd kernel and more weights than outputs. Where it doesn't, and for tensors that
    `conv2d` hands on, PyTorch's own function is called. Under `torch.compile` sizes may be unknown,
    and all convolutions of CPU tensors in float32 and float64 are dxdw's. Traced, exported or
    quantized, a model has PyTorch's own convolutions.

    dxdw's kernels want contiguous tensors: a model that is in channels_last is slower with them
    than in PyTorch's default layout.

    Parameters
    ----------
    model : torch.nn.Module
        An `nn.Module` of any kind; one convolution is a model too. It is changed in place.

    Returns
    -------
    torch.nn.Module
        The model that was given, no copy. Deep copies and pickles of it are accelerated too.

    Raises
    ------
    TypeError
        The model is no instance of `nn.Module`; nothing has been changed.
    RuntimeError
        Later, of `torch.jit.script`, which can't read it: `restore` the model first.

    See Also
    --------
    restore

    References
    ----------
    What pays was measured, by `dxdw.benchmark.training_steps` and layer by layer.

    Examples
    --------
    >>> import torch
    >>> model = accelerate(torch.nn.Sequential(torch.nn.Conv2d(1, 8, 3), torch.nn.ReLU()))
    >>> model(torch.ones(1, 1, 5, 5)).shape
    torch.Size([1, 8, 3, 3])
    >>> restore(model)
    Sequential(
      (0): Conv2d(1, 8, kernel_size=(3, 3), stride=(1, 1))
      (1): ReLU()
    )
    """
    for module in _modules(model):
        kind = type_before_parametrizations(module)
        if kind in _CONVOLUTIONS and not {"forward", "_conv_forward"} & module.__dict__.keys():
            parts: tuple[type[_Part], ...] = (_Convolution, _Unscriptable, _Replicating)
        elif kind in _TRANSPOSED and "forward" not in module.__dict__:
            parts = (_Transposed, _Unscriptable, _Replicating)
        else:
            continue
        module.__dict__.update({part.name: part(module) for part in parts})
    return model


def restore(model: Model) -> Model:
    """The model itself, as it was before `accelerate`: PyTorch computes its convolutions.

    Parameters
    ----------
    model : torch.nn.Module
        Accelerated or not, as a whole or in part. It is changed in place.

    Returns
    -------
    torch.nn.Module
        The model that was given, no copy, with the parameters it has by now.

    Raises
    ------
    TypeError
        The model is no instance of `nn.Module`.

    See Also
    --------
    accelerate

    Examples
    --------
    >>> import torch
    >>> layer = torch.nn.Conv2d(1, 8, 3)
    >>> vars(restore(accelerate(layer))) == vars(layer)
    True
    """
    for module in _modules(model):
        _strip(module)
    return model


def _modules(model: nn.Module) -> Iterator[nn.Module]:
    if not isinstance(model, nn.Module):
        is_class = isinstance(model, type)
        got = f"the class {model.__name__}" if is_class else f"a {operands.type_name(model)}"
        raise refused(
            TypeError,
            f"model is {got}: it must be an instance of torch.nn.Module, as nn.Conv2d(1, 8, 3) is",
            kernels.ROOM,
        )
    modules: Iterator[nn.Module] = model.modules()
    return modules


def _strip(module: nn.Module) -> None:
    for name in [name for name, value in vars(module).items() if isinstance(value, _Part)]:
        del module.__dict__[name]


@lru_cache(maxsize=1024)
def pays(case: Case, dtype: torch.dtype) -> bool:
    """Whether dxdw is expected to be faster than PyTorch, all three passes together.

    It is, as measured on the layers of LeNet-5, ResNet-18, ResNet-20 and a U-Net (one thread), but
    for dense float32 convolutions that have no Winograd kernel and more weights than outputs: those
    are products of matrices with weights that are read once, which oneDNN does as well or better
    (512 channels on 7×7, of 256 with stride 2: 0.76 to 1.3 times its speed; 1×1: 0.55 to 1.3).
    Without dxdw's compiled kernels it never is. Of 16-bit floats PyTorch is as fast or faster where
    it has the processor's instructions for them, and 4 to 30 times slower elsewhere.
    """
    geometry = case.geometry
    engines = {plan.prepared(Problem(kind, geometry, DTYPES[dtype])).names[0] for kind in KINDS}
    if not any(map(plan.is_compiled, engines)):
        return "fft" in engines
    if dtype in STORED:
        return not _native(dtype)
    if dtype is torch.float64 or geometry.groups > 1 or engines != {"direct"}:
        return True
    _, weights, outputs = geometry.sizes
    return weights <= outputs


def _native(dtype: torch.dtype) -> bool:
    """Whether PyTorch has convolutions of 16-bit floats for this CPU, not loops alone."""
    there = "bf16" if dtype is torch.bfloat16 else "fp16"
    try:
        return bool(getattr(torch.ops.mkldnn, f"_is_mkldnn_{there}_supported")())
    except (AttributeError, RuntimeError):
        return False


class _Part:
    """A method that one module has in place of its class's.

    An object and no function, so that copies and pickles of the module have one of their own.
    """

    name: str

    def __init__(self, module: nn.Module) -> None:
        self.module: Any = module


class _Convolution(_Part):
    """What the `forward` of `nn.Conv1d`, 2d and 3d calls."""

    name = "_conv_forward"

    def __call__(self, x: Tensor, W: Tensor, bias: Tensor | None) -> Tensor:
        module = self.module
        padding: Any = module.padding
        if module.padding_mode != "zeros":
            x = theirs.pad(x, module._reversed_padding_repeated_twice, mode=module.padding_mode)
            padding = 0
        options = (module.stride, padding, module.dilation, module.groups)
        return convolve(len(module.kernel_size), x, W, bias, *options, where=pays)


class _Transposed(_Part):
    """The `forward` of the three transposed ones, which does all itself."""

    name = "forward"

    def __call__(self, input: Tensor, output_size: list[int] | None = None) -> Tensor:  # noqa: A002
        module = self.module
        ndim = len(module.kernel_size)
        sizes = (module.stride, module.padding, module.kernel_size)
        extra = module._output_padding(input, output_size, *sizes, ndim, module.dilation)
        options = (module.stride, module.padding, tuple(extra), module.groups, module.dilation)
        return transpose(ndim, input, module.weight, module.bias, *options, where=pays)


class _Unscriptable(_Part):
    """What `torch.jit.script` asks a module for first."""

    name = "__prepare_scriptable__"

    def __call__(self) -> NoReturn:
        error = RuntimeError(
            "torch.jit.script can't read an accelerated model: call "
            "dxdw.interop.torch.restore(model) first"
        )
        error.add_note(more(kernels.ROOM))
        raise error


class _Replicating(_Part):
    """How `nn.DataParallel` makes a module for each device: the others have another as theirs."""

    name = "_replicate_for_data_parallel"

    def __call__(self) -> nn.Module:
        replica: nn.Module = type(self.module)._replicate_for_data_parallel(self.module)
        _strip(replica)
        return accelerate(replica)


_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.LazyConv1d, nn.LazyConv2d, nn.LazyConv3d)
_TRANSPOSED = (
    nn.ConvTranspose1d,
    nn.ConvTranspose2d,
    nn.ConvTranspose3d,
    nn.LazyConvTranspose1d,
    nn.LazyConvTranspose2d,
    nn.LazyConvTranspose3d,
)
