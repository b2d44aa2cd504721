"""Which of PyTorch's tensors are memory to be read, and when: whatever is read passes `dense`.

PyTorch's dispatcher tells what a tensor is, and who looks on while it is computed with, each as a
set of keys. Those of a plain tensor, and of a thread that nobody looks on, are few and known: one
comparison tells everything else apart, what later versions bring included.
"""

import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.nn import Parameter

TYPES = (Tensor, Parameter)
_keys_of, _keys_of_thread = torch._C._dispatch_keys, torch._C._dispatch_tls_local_include_set
is_compiling = torch.compiler.is_compiling


def _bits(*names: str) -> int:
    keys = torch._C.DispatchKeySet(torch._C.DispatchKey.Undefined)
    for name in names:
        keys = keys.add(torch._C._parse_dispatch_key(name))
    return int(keys.raw_repr())


_IN_PLACE = _bits("ADInplaceOrView")  # not in inference mode
_AUTOGRAD = _bits("AutogradCPU", "ADInplaceOrView")  # not of a tensor made there
_TENSOR = _AUTOGRAD | _bits("CPU", "AutocastCPU")
PLAIN = _IN_PLACE | _bits("BackendSelect")
TRANSFORMED = PLAIN | _bits("FuncTorchDynamicLayerFrontMode", "FuncTorchDynamicLayerBackMode")


def thread() -> int:
    """Who looks on in this thread: PLAIN where nobody does, but maybe forward mode."""
    return int(_keys_of_thread().raw_repr()) | _IN_PLACE


def dense(
    a: Tensor,
    dtype: torch.dtype,
    shape: tuple[int, ...],
    size: int,
    or_strides: tuple[int, ...] | None = None,
) -> Tensor | None:
    """a, its elements in order, of so many bytes; None where it is not what is asked for.

    or_strides: those of another order, of as many bytes, in which it may stay.

    Raises:
        RuntimeError: its memory was given back, as `untyped_storage().resize_(0)` does.
    """
    if (
        a.dtype is not dtype
        or a.shape != shape
        or type(a) not in TYPES
        or _keys_of(a).raw_repr() | _AUTOGRAD != _TENSOR
    ):
        return None
    in_order = a.is_contiguous() or a.stride() == or_strides
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


def values(*tensors: Tensor) -> list[Tensor] | None:
    """Their values in order, as memory; None where PyTorch's own operations have to compute.

    That is so for subclasses, for other devices, and where anybody looks on: a mode, a transform,
    forward mode, autograd that records what is computed.
    """
    if is_compiling() or thread() != PLAIN or forward_ad._current_level >= 0:
        return None
    recording = torch.is_grad_enabled()
    found = []
    for a in tensors:
        if type(a) not in TYPES or (recording and a.requires_grad):
            return None
        plain = a.detach().resolve_conj().resolve_neg()
        found.append(dense(plain, a.dtype, a.shape, a.numel() * a.element_size()))
    return None if any(a is None for a in found) else found


def other_kind(a: Tensor) -> tuple[str, str] | None:
    """What a is where it is no dense tensor of PyTorch's own, and what would be one; else None."""
    if type(a).__torch_dispatch__ is not Tensor.__torch_dispatch__:
        kind = f"{type(a).__module__}.{type(a).__qualname__}"
        return f"a {kind}, which has operations of its own", "; dxdw.interop.torch takes it"
    if a.is_quantized:
        return "a quantized tensor", ", as {name}.dequantize() is"
    if a.is_nested:
        return "a nested tensor", ", as {name}.to_padded_tensor(0) is"
    if a.layout is not torch.strided:
        return f"a tensor of layout {a.layout}", ", as {name}.to_dense() is"
    return None
