"""What was found out about a model's convolutions, for people to read."""

from typing import NamedTuple

from torch import nn

from .modules import convolutions
from .timing import Setting, Times


class Choice(NamedTuple):
    """Who computes a convolution of a model, and why.

    Parameters
    ----------
    module : str
        Its name in the model.
    setting : Setting
        Shapes, dtype, layout and threads, which `str` tells.
    times : Times
        Seconds of dxdw's and of PyTorch's own, forward and backward.
    """

    module: str
    setting: Setting
    times: Times

    def __str__(self) -> str:
        def told(of: tuple[float, float] | None, ours: bool) -> str:
            if of is None:
                return "not timed"
            return f"{'dxdw' if ours else 'PyTorch':7} ({of[0] * 1e3:.2f}, {of[1] * 1e3:.2f} ms)"

        ways = self.times.ways
        forward, backward = told(self.times.forward, ways[0]), told(self.times.backward, ways[1])
        return f"{self.module}: {self.setting}: forward {forward}, backward {backward}"


class Choices(tuple[Choice, ...]):
    """A model's choices, a line each when printed."""

    __slots__ = ()

    def __str__(self) -> str:
        if not self:
            return "nothing was timed: every call is decided by its shapes and dtype"
        return "\n".join(["who computes it (dxdw's time, PyTorch's):", *map(str, self)])


def choices(model: nn.Module) -> Choices:
    """What `accelerate(model, example)` measured, and who computes each convolution since.

    Parameters
    ----------
    model : torch.nn.Module
        Accelerated or not.

    Returns
    -------
    Choices
        A tuple with a `Choice` for each convolution and each setting that the example had: the
        name of its module, its setting, and `times.forward` and `times.backward`, each of dxdw and
        of PyTorch, in seconds. Printed, it is a table. It is empty without an example.

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
    >>> from dxdw.interop.torch import accelerate, choices
    >>> model = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.ReLU())
    >>> model = accelerate(model, torch.ones(1, 3, 16, 16))
    >>> [choice.module for choice in choices(model)]
    ['0']
    """
    return Choices(
        Choice(name, *entry)
        for name, part in convolutions(model).items()
        if part.measured is not None
        for entry in part.measured.times.items()
    )
