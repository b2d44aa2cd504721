"""The passes as one operator of PyTorch's dispatcher, for whatever looks at what is called.

That are `torch.func`, `torch.compile`, batched gradients, forward mode, subclasses of Tensor: each
has its rule here, or one of PyTorch's own for all operators. Eager calls do without: an operator
written in Python takes 15 to 30 µs more than an autograd.Function.
"""

from math import prod
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor
from torch._functorch.utils import enable_single_level_autograd_function
from torch.autograd import Function, forward_ad
from torch.autograd.function import _SingleLevelFunction
from torch.library import Library, register_fake, register_vmap
from torch.utils.flop_counter import register_flop_formula

from ..bilinear import PULLBACKS, ROLES, Case, stacked
from . import kernels, layouts
from .pytorch_passes import by_pytorch
from .tensors import untraced

NAME = "dxdw::convolution_pass"
Sizes = list[int]
# What `stacked` asks of a library of arrays: `torch.moveaxis` itself has no rule for nested vmap.
_ARRAYS = SimpleNamespace(moveaxis=torch.movedim)

_library = Library("dxdw", "DEF")
# sizes are the result's, and may be symbols; before and after are the padding.
_library.define(
    "convolution_pass(str kind, Tensor first, Tensor second, SymInt[] sizes, SymInt[] stride, "
    "SymInt[] before, SymInt[] after, SymInt[] dilation, SymInt groups) -> Tensor",
    tags=(torch.Tag.pt2_compliant_tag,),
)
convolution_pass = torch.ops.dxdw.convolution_pass.default


def of_case(kind: str, first: Tensor, second: Tensor, case: Case) -> Tensor:
    """The operator on a case that is known.

    Raises:
        RuntimeError: the operands are not of its shapes or on two devices, as where hooks changed
            what was saved.
    """
    if first.device != second.device:  # as dispatched, the result would be one of neither
        raise RuntimeError(f"{kind} was given tensors on {first.device} and on {second.device}")
    for a, role in zip((first, second), ROLES[kind], strict=False):
        if tuple(a.shape) != kernels.shape_of(role, case):
            raise RuntimeError(
                f"{kind} was given a tensor of shape {tuple(a.shape)} as {role}: it must be "
                f"{kernels.shape_of(role, case)}, as it was when the convolution was called"
            )
    axes = case.geometry.axes[-case.ndim :]
    stride, before, after, dilation = (
        [getattr(a, name) for a in axes] for name in ("stride", "before", "after", "dilation")
    )
    options = (stride, before, after, dilation, case.geometry.groups)
    result: Tensor = convolution_pass(kind, first, second, list(case.shape(kind)), *options)
    return result


# --- its rules ------------------------------------------------------------------------------------


@untraced
def _computed(kind: str, first: Tensor, second: Tensor, sizes: Sizes, *options: Any) -> Tensor:
    """forward of (x, W), dx of (grad_out, W) or dW of (grad_out, x)."""
    if not first.numel() or not second.numel():
        return first.new_zeros(sizes)
    *along, groups = options
    case = kernels.of_shapes(
        kind, first.shape, second.shape, tuple(sizes), *map(tuple, along), groups
    )
    with torch._C.DisableTorchFunction():  # by which modes would say where results lie
        result = kernels.run(kind, first, second, case)
    if result is None:
        result = by_pytorch(kind, first, second, sizes, *options)
        result = result.contiguous() if kind == "dW" else layouts.laid_by(result, first, second)
    return result


@untraced
def _known(kind: str, first: Tensor, second: Tensor, sizes: Sizes, *options: Any) -> Tensor:
    """Shape, dtype and layout; that the operands fit is PyTorch's own to say."""
    result = first.new_empty(sizes)
    if first.numel() and second.numel():
        by_pytorch(kind, first, second, sizes, *options)
        if kind != "dW":
            return layouts.laid_by(result, first, second)
    return result


class _Recorded(_SingleLevelFunction):
    """One of the three passes; its derivatives are the other two.

    Of one level of transforms, as PyTorch's own `Function` is made one for each: the levels are the
    dispatcher's here, which comes by once for each of them.
    """

    # By which a compiled backward pass knows it again; of PyTorch's own `Function` has it.
    _compiled_autograd_key = staticmethod(Function._compiled_autograd_key)

    @staticmethod
    @untraced
    def forward(modes: tuple[bool, bool], *args: Any) -> Tensor:
        # A Function's forward records nothing, at no level; but of those of nested transforms this
        # is one, and what the levels below record is theirs to say.
        recording, forward_mode = modes
        with (
            torch.set_grad_enabled(recording),
            forward_ad._set_fwd_grad_enabled(forward_mode),
            torch._C._AutoDispatchBelowAutograd(),
        ):
            result: Tensor = convolution_pass(*args)
        return result

    @staticmethod
    @untraced
    def setup_context(ctx: Any, inputs: tuple[Any, ...], _: Tensor) -> None:
        _, ctx.kind, first, second, _, *ctx.options = inputs
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(first, second)

    @staticmethod
    @untraced
    def backward(ctx: Any, g: Tensor | None) -> tuple[Any, ...]:
        if g is None:
            return (None,) * (len(ctx.options) + 5)
        operands = (g, *ctx.saved_tensors)
        gradients = [
            convolution_pass(pullback, operands[a], operands[b], list(operand.shape), *ctx.options)
            if wanted
            else None
            for wanted, operand, (pullback, (a, b)) in zip(
                ctx.needs_input_grad[2:4], operands[1:], PULLBACKS[ctx.kind], strict=True
            )
        ]
        return None, None, *gradients, None, *[None] * len(ctx.options)


# As `forward_ad` calls them, which does not know of the level while `torch.compile` traces; there
# is but one.
_unpacked = torch._VF._unpack_dual


@untraced
def _recorded(kind: str, first: Tensor, second: Tensor, sizes: Sizes, *options: Any) -> Tensor:
    """The pass; by PyTorch's own where operands have tangents, which backward must find again.

    A Function would lose them: its `jvp` is called with forward mode switched off for all levels,
    and of operands taken apart the saved ones have none.
    """
    if any(_unpacked(a, level=0)[1] is not None for a in (first, second)):
        return by_pytorch(kind, first, second, sizes, *options)
    modes = torch.is_grad_enabled(), forward_ad._is_fwd_grad_enabled()
    with enable_single_level_autograd_function():
        result: Tensor = _Recorded.apply(modes, kind, first, second, sizes, *options)
    return result


@untraced
def _mapped(info: Any, in_dims: tuple[Any, ...], kind: str, *rest: Any) -> tuple[Tensor, int]:
    """A stack of passes, as one pass of more images, channels or groups."""
    (first, second, sizes, *options), (_, at_first, at_second, *_) = rest, in_dims
    if not info.batch_size:
        return first.new_empty((0, *sizes)), 0
    *along, groups = options
    first, second = (
        a if at is None else a.movedim(at, 0) for a, at in ((first, at_first), (second, at_second))
    )
    one, two = (a.shape[at is not None :] for a, at in ((first, at_first), (second, at_second)))
    if 0 in (*one, *two):
        return first.new_zeros((info.batch_size, *sizes)), 0
    case = kernels.of_shapes(kind, one, two, tuple(sizes), *map(tuple, along), groups)
    which = "both" if None not in (at_first, at_second) else "first"
    which = "second" if at_first is None else which
    stack = stacked(kind, case, first, second, which, _ARRAYS)
    return stack.unstack(of_case(kind, stack.first, stack.second, stack.case), _ARRAYS), 0


def _flops(kind: str, first: Sizes, second: Sizes, sizes: Sizes, *_: Any, **__: Any) -> int:
    shapes = dict(zip(ROLES[kind], (first, second, sizes), strict=True))
    return 2 * prod(shapes["out"]) * prod(shapes["W"][1:])


_library.impl("convolution_pass", _computed, "CompositeExplicitAutograd")
_library.impl("convolution_pass", _recorded, "Autograd")
register_fake(NAME, _known, lib=_library)
register_vmap(NAME, _mapped, lib=_library)
register_flop_formula(torch.ops.dxdw.convolution_pass)(_flops)
