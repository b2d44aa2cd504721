"""Gradients of convolutions on NumPy arrays, without a deep-learning framework."""

from .convolution import (
    conv1d,
    conv1d_backward,
    conv2d,
    conv2d_backward,
    conv3d,
    conv3d_backward,
)
from .reference import conv2d_backward_naive, conv2d_naive

__version__ = "0.1.0"
