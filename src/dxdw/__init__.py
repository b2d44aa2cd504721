"""Gradients of convolutions on NumPy arrays, without a deep-learning framework."""

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

__all__ = [
    "DotTest",
    "EngineDeclined",
    "Explanation",
    "GradCheck",
    "conv1d",
    "conv1d_backward",
    "conv1d_double_backward",
    "conv1d_jvp",
    "conv1d_per_sample_dW",
    "conv2d",
    "conv2d_backward",
    "conv2d_backward_naive",
    "conv2d_double_backward",
    "conv2d_jvp",
    "conv2d_naive",
    "conv2d_per_sample_dW",
    "conv3d",
    "conv3d_backward",
    "conv3d_double_backward",
    "conv3d_jvp",
    "conv3d_per_sample_dW",
    "conv_transpose1d",
    "conv_transpose1d_backward",
    "conv_transpose2d",
    "conv_transpose2d_backward",
    "conv_transpose3d",
    "conv_transpose3d_backward",
    "dot_test",
    "explain",
    "gradcheck",
    "max_pool_2d",
    "mini_cnn_forward",
    "relu",
    "show_config",
    "softmax",
]

# Imported when they are first asked for, by __getattr__: not every program needs all of them, and
# pytest, which finds the plugin by this package, needs none.
if TYPE_CHECKING:
    from .call.plan import EngineDeclined
    from .configuration import show_config
    from .convolution import conv2d, conv2d_backward
    from .convolution_1d_3d import conv1d, conv1d_backward, conv3d, conv3d_backward
    from .double_backward import (
        conv1d_double_backward,
        conv2d_double_backward,
        conv3d_double_backward,
    )
    from .explanation import Explanation, explain
    from .forward_mode import conv1d_jvp, conv2d_jvp, conv3d_jvp
    from .gradchecks import DotTest, GradCheck, dot_test, gradcheck
    from .layers import max_pool_2d, relu, softmax
    from .mini_cnn import mini_cnn_forward
    from .per_sample import conv1d_per_sample_dW, conv2d_per_sample_dW, conv3d_per_sample_dW
    from .reference import conv2d_backward_naive, conv2d_naive
    from .transposed import (
        conv_transpose1d,
        conv_transpose1d_backward,
        conv_transpose2d,
        conv_transpose2d_backward,
        conv_transpose3d,
        conv_transpose3d_backward,
    )
else:  # a checker of types that saw this __getattr__ would take any name for ours
    _HOMES = (
        "convolution",
        "convolution_1d_3d",
        "call.plan",
        "configuration",
        "double_backward",
        "explanation",
        "gradchecks",
        "forward_mode",
        "layers",
        "mini_cnn",
        "per_sample",
        "reference",
        "transposed",
    )

    # The public modules that hang on this one. (`_HOMES` are reached too, and not shown.)
    _MODULES = ("diagnosis", "interop", "layers", "practice", "typing")

    _forks = import_module(".core.forks", __name__)

    def __getattr__(name: str) -> object:
        if name in _HOMES or name in _MODULES:
            with _forks.whole():
                return import_module(f".{name}", __name__)
        for home in _HOMES if name in __all__ else ():
            with _forks.whole():
                module = import_module(f".{home}", __name__)
            if name in vars(module):
                globals()[name] = value = vars(module)[name]
                return value
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:  # what Tab offers is what is public
        return sorted([*__all__, *_MODULES, *(name for name in globals() if name.startswith("_"))])
