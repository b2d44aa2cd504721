"""Which tensors dxdw's kernels are for, and when: whatever they read passes through `dense`.

PyTorch's dispatcher tells what a tensor is, and who looks on while it is computed with, each as a
set of keys. Those of a plain tensor, and of a thread that nobody looks on, are few and known: one
comparison tells everything else apart, what later versions bring included.
"""

from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor
from torch._C._dynamo import eval_frame as _dynamo
from torch.autograd import forward_ad
from torch.nn import Parameter

Function = TypeVar("Function", bound=Any)

DTYPES = {torch.float32: np.dtype(np.float32), torch.float64: np.dtype(np.float64)}

# Who computes: dxdw at once, an operator that PyTorch's transforms and compiler see, or PyTorch.
AT_ONCE, AS_OPERATOR, THEIRS = "at once", "as an operator", "theirs"

_TYPES = (Tensor, Parameter)
_keys_of, _keys_of_thread = torch._C._dispatch_keys, torch._C._dispatch_tls_local_include_set
is_compiling = torch.compiler.is_compiling
_function_modes = torch._C._len_torch_function_stack
_autocast = torch.is_autocast_enabled


def _bits(*names: str) -> int:
    keys = torch._C.DispatchKeySet(torch._C.DispatchKey.Undefined)
    for name in names:
        keys = keys.add(torch._C._parse_dispatch_key(name))
    return int(keys.raw_repr())


_SKIPPED = _dynamo._FrameExecStrategy(_dynamo._FrameAction.SKIP, _dynamo._FrameAction.SKIP)

_IN_PLACE = _bits("ADInplaceOrView")  # not in inference mode
_AUTOGRAD = _bits("AutogradCPU", "ADInplaceOrView")  # not of a tensor made there
_TENSOR = _AUTOGRAD | _bits("CPU", "AutocastCPU")
_THREAD = _IN_PLACE | _bits("BackendSelect")
_TRANSFORMED = _THREAD | _bits("FuncTorchDynamicLayerFrontMode", "FuncTorchDynamicLayerBackMode")


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
    thread = _keys_of_thread().raw_repr() | _IN_PLACE
    if thread == _THREAD and forward_ad._current_level < 0:
        return AT_ONCE
    return AS_OPERATOR if thread in (_THREAD, _TRANSFORMED) else THEIRS


def unwatched() -> bool:
    """Whether nobody looks on: no mode, tracer or transform, and no forward mode either."""
    return (
        _keys_of_thread().raw_repr() | _IN_PLACE == _THREAD
        and forward_ad._current_level < 0
        and not _function_modes()
    )


def dense(a: Tensor, dtype: torch.dtype, shape: tuple[int, ...], size: int) -> Tensor | None:
    """a, its elements in order, of so many bytes; None where it is not what is asked for.

    Raises:
        RuntimeError: its memory was given back, as `untyped_storage().resize_(0)` does.
    """
    if (
        a.dtype is not dtype
        or a.shape != shape
        or type(a) not in _TYPES
        or _keys_of(a).raw_repr() | _AUTOGRAD != _TENSOR
    ):
        return None
    in_order = a.is_contiguous()
    needed = size
    if size and not in_order:
        last = sum((n - 1) * step for n, step in zip(shape, a.stride(), strict=True))
        needed = (last + 1) * dtype.itemsize
    if offset := a.storage_offset():
        needed += offset * dtype.itemsize
    # A storage may hold bytes by its own account and none at all: that of a wrapper set as `data`.
    if size and ((held := a.untyped_storage().nbytes()) < needed or not a.data_ptr()):
        raise RuntimeError(
            f"a tensor of shape {shape} has lost its memory: its storage holds {held} bytes, and "
            f"it needs {needed}. The storage was resized since the convolution saved the "
            "tensor; it must have its values again before backward"
        )
    return a if in_order else a.contiguous()


def _alike(x: Tensor, W: Tensor, bias: Tensor | None) -> bool:
    """Whether all are on the CPU, of one dtype that kernels take, and of PyTorch's own types."""
    if type(x) not in _TYPES or type(W) not in _TYPES:
        return False
    dtype = x.dtype
    return (
        dtype in DTYPES
        and W.dtype is dtype
        and x.is_cpu
        and W.is_cpu
        and x.layout is W.layout is torch.strided
        and (bias is None or (type(bias) in _TYPES and bias.dtype is dtype and bias.is_cpu))
        and not _autocast("cpu")
    )
