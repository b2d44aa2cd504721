"""Whole models: their convolutions are computed by dxdw where it pays, and back."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any, NoReturn, TypeVar

from torch import Tensor, nn
from torch.nn import functional as theirs
from torch.nn.utils.parametrize import type_before_parametrizations

from ...call import operands
from ...core.documentation import more, refused
from ..bilinear import Case
from . import kernels, tensors, timing
from .functional import convolve, transpose
from .ways import OURS, THEIRS, Ways, pays

Model = TypeVar("Model", bound=nn.Module)


def accelerate(model: Model, example: Any = None) -> Model:
    """The model itself, its convolutions computed by dxdw where that pays, backward too.

        out = conv2d(x, weight, bias)     and its derivatives, of modules as they stand

    Modules that are exactly `nn.Conv1d`, 2d, 3d, `nn.ConvTranspose1d`, 2d, 3d or their lazy forms,
    parametrized or not, get another way to compute, each for itself. Their classes, parameters,
    buffers, `state_dict`, hooks, the model's structure and what it computes, up to rounding, stay
    as they are, so that whatever takes models apart finds what it knows; `restore` is the way back.
    Subclasses of these modules, which may convolve in other ways, are left alone, and so are those
    whose `forward` somebody else has replaced.

    With an `example` each convolution is timed as the model has it, its forward pass and its
    gradients, in the layout, dtype and number of threads that they have there, beside PyTorch's
    own, and whoever was faster computes it from then on: `choices` tells the times. This takes as
    long as some three training steps. The times stay with the model, its copies and pickles
    (`torch.save` of the model, not of its `state_dict`), and count on processors of the same name
    alone.

    Without one, and for calls in other shapes, layouts, dtypes or threads than the example's, it
    is decided by shapes and dtype alone, never by a clock, so that the same model gives the same
    bits again: all pay but dense float32 convolutions that have no Winograd kernel and more weights
    than outputs. Where it doesn't pay, and for tensors that `conv2d` hands on, PyTorch's own
    function is called. Under `torch.compile` sizes may be unknown, and all convolutions of CPU
    tensors in float32 and float64 are dxdw's. Traced, exported or quantized, a model has PyTorch's
    own convolutions.

    Parameters
    ----------
    model : torch.nn.Module
        An `nn.Module` of any kind; one convolution is a model too. It is changed in place.
    example : optional
        What the model is called with: a tensor, a tuple of positional arguments or a dictionary of
        keyword arguments. The model is called once, in the mode that it is in, under the
        `torch.no_grad` or `torch.autocast` that is around. Its parameters, buffers and gradients
        and PyTorch's random numbers are afterwards as they were before, of which it keeps a copy
        meanwhile; lazy modules are made by the call, with the statistics that it gives them. Calls
        under a transform, and those whose operands give their memory back, are not timed.

    Returns
    -------
    torch.nn.Module
        The model that was given, no copy. Deep copies and pickles of it are accelerated too. A
        shallow copy of a convolution (`copy.copy`) is PyTorch's own until it is accelerated itself.

    Raises
    ------
    TypeError
        The model is no instance of `nn.Module`; nothing has been changed.
    RuntimeError
        Later, of `torch.jit.script`, which can't read it: `restore` the model first.
    Exception
        Whatever the model raises when it is called with the example. It is accelerated then, by
        shapes and dtype.

    See Also
    --------
    choices, restore

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
        if any(isinstance(a, _Part) and a.module is not module for a in vars(module).values()):
            _strip(module)  # they came with the attributes of the module that it is a copy of
        kind = type_before_parametrizations(module)
        if kind in _CONVOLUTIONS and not {"forward", "_conv_forward"} & module.__dict__.keys():
            first: type[_Part] = _Convolution
        elif kind in _TRANSPOSED and "forward" not in module.__dict__:
            first = _Transposed
        else:
            continue
        parts = (first, _Unscriptable, _Replicating, _Copying)
        module.__dict__.update({part.name: part(module) for part in parts})
    if example is not None:
        timing.measure(model, convolutions(model), example)
    return model


def convolutions(model: nn.Module) -> dict[str, Any]:
    """What computes the convolutions of an accelerated model, by the names of their modules.

    Raises:
        TypeError: it is no model.
    """
    _modules(model)
    return {
        name: part
        for name, module in model.named_modules()
        for part in vars(module).values()
        if isinstance(part, (_Convolution, _Transposed))
    }


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
    own = _without_parts(vars(module))
    for name in vars(module).keys() - own.keys():
        del module.__dict__[name]


def _without_parts(state: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in state.items() if not isinstance(value, _Part)}


class _Part:
    """A method that one module has in place of its class's.

    An object and no function, so that copies and pickles of the module have one of their own.
    """

    name: str

    def __init__(self, module: nn.Module) -> None:
        self.module: Any = module
        self.measured: timing.Measured | None = None  # of an example
        self.seen: dict[timing.Setting, timing.Seen] | None = None  # while an example runs

    def stands_for(self, kinds: tuple[type[nn.Module], ...]) -> bool:
        """Whether its module is still one of these: its class may be another by now."""
        # (What parametrizations look for is a microsecond's search where there are none.)
        return type(self.module) in kinds or type_before_parametrizations(self.module) in kinds

    def where(self, kind: str, case: Case, x: Tensor, W: Tensor, bias: Tensor | None) -> Ways:
        """Who computes a call."""
        if self.seen is not None:
            if tensors.unwatched():  # else they may be of a transform, which ends before the clock
                timing.note(timing.Seen(timing.setting(case, x, W), kind, x, W, bias), self.seen)
            return THEIRS
        if self.measured is not None and (ways := self.measured.ways(case, x, W)):
            return ways
        return OURS if pays(case, x.dtype) else THEIRS


class _Convolution(_Part):
    """What the `forward` of `nn.Conv1d`, 2d and 3d calls."""

    name = "_conv_forward"

    def __call__(self, x: Tensor, W: Tensor, bias: Tensor | None) -> Tensor:
        module = self.module
        if not self.stands_for(_CONVOLUTIONS):
            out: Tensor = type(module)._conv_forward(module, x, W, bias)
            return out
        padding: Any = module.padding
        if module.padding_mode != "zeros":
            x = theirs.pad(x, module._reversed_padding_repeated_twice, mode=module.padding_mode)
            padding = 0
        options = (module.stride, padding, module.dilation, module.groups)
        return convolve(len(module.kernel_size), x, W, bias, *options, where=self.where)


class _Transposed(_Part):
    """The `forward` of the three transposed ones, which does all itself."""

    name = "forward"

    def __call__(self, input: Tensor, output_size: list[int] | None = None) -> Tensor:  # noqa: A002
        module = self.module
        if not self.stands_for(_TRANSPOSED):
            return type(module).forward(module, input, output_size)
        ndim = len(module.kernel_size)
        sizes = (module.stride, module.padding, module.kernel_size)
        extra = module._output_padding(input, output_size, *sizes, ndim, module.dilation)
        options = (module.stride, module.padding, tuple(extra), module.groups, module.dilation)
        return transpose(ndim, input, module.weight, module.bias, *options, where=self.where)


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
        return accelerate(replica)


class _Copying(_Part):
    """What `copy` and `pickle` ask a module for first: all that it has.

    A shallow copy is made of it as it is, and would have the parts of the module that it is of.
    """

    name = "__getstate__"

    def __call__(self) -> Any:
        kind: Any = type(self.module)
        state = kind.__getstate__(self.module)  # refused of parametrized modules
        return _State(state) if isinstance(state, dict) else state


class _State(dict[str, Any]):
    """A module's attributes without its parts; deep copies and pickles of it have them."""

    def __init__(self, whole: dict[str, Any]) -> None:
        super().__init__(_without_parts(whole))
        self.whole = whole

    def __deepcopy__(self, memo: dict[int, Any]) -> dict[str, Any]:
        return deepcopy(self.whole, memo)

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (), None, None, iter(self.whole.items())


_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.LazyConv1d, nn.LazyConv2d, nn.LazyConv3d)
_TRANSPOSED = (
    nn.ConvTranspose1d,
    nn.ConvTranspose2d,
    nn.ConvTranspose3d,
    nn.LazyConvTranspose1d,
    nn.LazyConvTranspose2d,
    nn.LazyConvTranspose3d,
)
