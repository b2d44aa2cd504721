"""Which tensors dxdw's kernels are for, and when, by what PyTorch's dispatcher tells of them.

Whether their memory is what it is taken for is looked at where it is read: `torch_memory.dense`.
"""

from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor
from torch._C._dynamo import eval_frame as _dynamo
from torch.autograd import forward_ad

from ...core.torch_memory import PLAIN, TRANSFORMED, TYPES, is_compiling, thread

Function = TypeVar("Function", bound=Any)

# What kernels sum in, and the names of those that are narrower than that.
DTYPES = {
    torch.float32: np.dtype(np.float32),
    torch.float64: np.dtype(np.float64),
    torch.bfloat16: np.dtype(np.float32),
    torch.float16: np.dtype(np.float32),
}
STORED = {torch.bfloat16: "bfloat16", torch.float16: "float16"}

# Who computes: dxdw at once, an operator that PyTorch's transforms and compiler see, or PyTorch.
AT_ONCE, AS_OPERATOR, THEIRS = "at once", "as an operator", "theirs"

_function_modes = torch._C._len_torch_function_stack
_autocast, _autocast_dtype = torch.is_autocast_enabled, torch.get_autocast_dtype

_SKIPPED = _dynamo._FrameExecStrategy(_dynamo._FrameAction.SKIP, _dynamo._FrameAction.SKIP)


def untraced(function: Function) -> Function:
    """The function, into which `torch.compile` does not look, nor into what it calls.

    PyTorch calls rules and derivatives from within compiled programs too. Traced, a derivative
    would read what was saved twice, which hooks of checkpointing refuse. `torch.compiler.disable`
    says the same, and imports the compiler, for a second.
    """
    _dynamo.set_code_exec_strategy(function.__code__, _SKIPPED)
    return function


def way(x: Tensor, W: Tensor, bias: Tensor | None) -> str:
    """Who computes with these tensors, as things are."""
    if is_compiling():
        # An exported program is to run where dxdw is not. Of transforms within a compiled function
        # sizes may be symbols, with which a stack of passes can't be made one.
        apart = torch.compiler.is_exporting() or torch._C._are_functorch_transforms_active()
        return THEIRS if apart or not _alike(x, W, bias) else AS_OPERATOR
    if not _alike(x, W, bias) or _function_modes():
        return THEIRS
    keys = thread()
    if keys == PLAIN and forward_ad._current_level < 0:
        return AT_ONCE
    return AS_OPERATOR if keys in (PLAIN, TRANSFORMED) else THEIRS


def unwatched() -> bool:
    """Whether nobody looks on: no mode, tracer or transform, and no forward mode either."""
    return thread() == PLAIN and forward_ad._current_level < 0 and not _function_modes()


def _alike(x: Tensor, W: Tensor, bias: Tensor | None) -> bool:
    """Whether all are on the CPU, of one dtype that kernels take, and of PyTorch's own types."""
    if type(x) not in TYPES or type(W) not in TYPES:
        return False
    dtype = x.dtype
    return (
        dtype in DTYPES
        and W.dtype is dtype
        and x.is_cpu
        and W.is_cpu
        and _dense(x)
        and _dense(W)
        and (
            bias is None
            or (type(bias) in TYPES and bias.dtype is dtype and bias.is_cpu and _dense(bias))
        )
        and (not _autocast("cpu") or dtype is _autocast_dtype("cpu"))
    )


def check_grad_out(g: Tensor) -> None:
    """Refuses a sparse one, before any pass looks for its memory."""
    if g.layout is not torch.strided:
        raise RuntimeError(
            f"grad_out has layout {g.layout}: it must be strided, as grad_out.to_dense() is"
        )


def _dense(a: Tensor) -> bool:
    return a.layout is torch.strided and not a.is_nested


def autocast(*tensors: Tensor | None) -> tuple[Tensor | None, ...]:
    """Tensors as `torch.autocast("cpu")`, where it is on, has convolutions of them computed.

    Of float64 and of what is not PyTorch's own or not on the CPU nothing changes: those are handed
    to PyTorch, which knows what to do with them.
    """
    if not _autocast("cpu") or is_compiling():
        return tensors
    dtype = _autocast_dtype("cpu")
    given = [a for a in tensors if a is not None]
    if dtype not in STORED or not all(
        type(a) in TYPES and a.is_cpu and DTYPES.get(a.dtype) == np.float32 for a in given
    ):
        return tensors
    return tuple(None if a is None else a.to(dtype) for a in tensors)
