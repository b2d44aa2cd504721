"""By whom a module's convolution is computed, each of its two directions."""

from functools import lru_cache
from typing import NamedTuple

import torch

from ...call import plan
from ...core.problem import KINDS, Problem
from ..bilinear import Case
from .tensors import DTYPES, STORED


class Ways(NamedTuple):
    """Whether dxdw computes the forward pass, and the gradients; PyTorch where it does not."""

    forward: bool
    backward: bool


OURS, THEIRS = Ways(True, True), Ways(False, False)


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
