"""Gradients of convolutions on NumPy arrays, without a deep-learning framework."""

from .convolution import (
    conv1d,
    conv1d_backward,
    conv2d,
    conv2d_backward,
    conv3d,
    conv3d_backward,
)
from .derivatives import (
    conv1d_double_backward,
    conv1d_jvp,
    conv1d_per_sample_dW,
    conv2d_double_backward,
    conv2d_jvp,
    conv2d_per_sample_dW,
    conv3d_double_backward,
    conv3d_jvp,
    conv3d_per_sample_dW,
)
from .explanation import Explanation, explain
from .layers import max_pool_2d, relu, softmax
from .mini_cnn import mini_cnn_forward
from .plan import EngineDeclined
from .reference import conv2d_backward_naive, conv2d_naive
from .transposed import (
    conv_transpose1d,
    conv_transpose1d_backward,
    conv_transpose2d,
    conv_transpose2d_backward,
    conv_transpose3d,
    conv_transpose3d_backward,
)

__version__ = "0.1.0"

__all__ = [
    "EngineDeclined",
    "Explanation",
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
    "explain",
    "max_pool_2d",
    "mini_cnn_forward",
    "relu",
    "softmax",
]
