"""dxdw's convolutions for PyTorch: functions with derivatives of any order, and whole models.

    from dxdw.interop.torch import accelerate

    model = accelerate(model)  # its convolutions of CPU tensors, forward and backward, by dxdw

Tensors of float64, float32, bfloat16 and float16 on the CPU are computed by dxdw's kernels where
they lie, on `torch.get_num_threads()` threads. All others (CUDA, complex, subclasses, …) go to
PyTorch's own.
"""

from ...extras import need

need("torch", "dxdw.interop.torch", "torch")

from .choices import choices  # noqa: E402
from .functional import conv1d, conv2d, conv3d  # noqa: E402
from .modules import accelerate, restore  # noqa: E402
from .transposed import conv_transpose1d, conv_transpose2d, conv_transpose3d  # noqa: E402

__all__ = [
    "accelerate",
    "choices",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "restore",
]
