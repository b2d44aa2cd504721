"""A small convolutional network for the ten digits, and its gradients, layer by layer.

    x (N,1,8,8) → conv1 → relu → conv2 → relu → max-pool 2×2 → linear → logits (N,10)

Both convolutions have kernels of 3×3 and a padding of 1, so that images stay 8×8: 16 channels after
the first, 32 after the second. There are 9,930 parameters. Other shapes, no padding, and other
functions than the library's make a network of the same layers.
"""

from collections.abc import Callable, Mapping
from math import prod, sqrt
from typing import Any, NamedTuple, Self

import numpy as np

from ..convolution import conv2d, conv2d_backward
from ..core.arrays import Array
from ..layers import (
    linear,
    linear_backward,
    max_pool_2d,
    max_pool_2d_backward,
    relu,
    relu_backward,
    softmax,
    softmax_cross_entropy,
)
from .digits import CLASSES, SIZE

POOL = 2
_POOLED = (32, SIZE // POOL, SIZE // POOL)

SHAPES: dict[str, tuple[int, ...]] = {
    "conv1.W": (16, 1, 3, 3),
    "conv1.b": (16,),
    "conv2.W": (32, 16, 3, 3),
    "conv2.b": (32,),
    "linear.W": (prod(_POOLED), CLASSES),
    "linear.b": (CLASSES,),
}


class Activations(NamedTuple):
    """What the forward pass computed; the backward pass needs it."""

    x: Array
    conv1: Array
    relu1: Array
    conv2: Array
    relu2: Array
    features: Array
    logits: Array


class Functions(NamedTuple):
    """What a network computes with: the library's functions, or any that are called like them."""

    conv2d: Callable[..., Array] = conv2d
    conv2d_backward: Callable[..., tuple[Array, ...]] = conv2d_backward
    relu: Callable[[Array], Array] = relu
    max_pool_2d: Callable[[Array, int, int], Array] = max_pool_2d
    softmax: Callable[[Array], Array] = softmax


class TinyCNN(NamedTuple):
    """The network with its parameters: arrays by the names of `SHAPES`, all of one dtype."""

    parameters: dict[str, Array]
    padding: int = 1
    functions: Functions = Functions()

    @classmethod
    def initial(cls, seed: int, shapes: Mapping[str, tuple[int, ...]] = SHAPES) -> Self:
        """Biases of zero, and normal weights of variance 2/fan-in, in float32.

        Source: He et al., "Delving deep into rectifiers", 2015.
        """
        rng = np.random.default_rng(seed)
        parameters = {}
        for name, shape in shapes.items():
            if name.endswith(".b"):
                values = np.zeros(shape)
            else:
                fan_in = shape[0] if name == "linear.W" else prod(shape[1:])
                values = rng.normal(scale=sqrt(2 / fan_in), size=shape)
            parameters[name] = values.astype(np.float32)
        return cls(parameters)

    def astype(self, dtype: Any) -> Self:
        return self._replace(parameters={k: v.astype(dtype) for k, v in self.parameters.items()})

    def forward(self, x: Array) -> Activations:
        f, p = self.functions, self.parameters
        conv1 = f.conv2d(x, p["conv1.W"], padding=self.padding, bias=p["conv1.b"])
        relu1 = f.relu(conv1)
        conv2 = f.conv2d(relu1, p["conv2.W"], padding=self.padding, bias=p["conv2.b"])
        relu2 = f.relu(conv2)
        pooled = f.max_pool_2d(relu2, POOL, POOL)
        features = pooled.reshape(len(x), prod(pooled.shape[1:]))
        logits = linear(features, p["linear.W"], p["linear.b"])
        return Activations(x, conv1, relu1, conv2, relu2, features, logits)

    def probabilities(self, x: Array) -> Array:
        """Of each class, for each image: (N, 10)."""
        return self.functions.softmax(self.forward(x).logits)

    def loss_and_gradients(self, x: Array, labels: Array) -> tuple[float, dict[str, Array]]:
        """The mean loss in nats, and its gradient with respect to every parameter."""
        a = self.forward(x)
        loss, dlogits = softmax_cross_entropy(a.logits, labels)
        dconv1, gradients = self._backward_to_conv1(a, dlogits)
        # dx of the first layer is of no use in training, and the larger half of its work.
        gradients["conv1.W"], gradients["conv1.b"] = self._conv_backward(
            dconv1, x, "conv1.W", needs=("dW", "db")
        )
        return loss, gradients

    def image_gradients(self, x: Array, labels: Array) -> Array:
        """dx: of each image's own loss with respect to its pixels, in nats per unit of ink."""
        a = self.forward(x)
        _, dlogits = softmax_cross_entropy(a.logits, labels)
        dconv1, _ = self._backward_to_conv1(a, dlogits * len(x))  # not of the mean over images
        (dx,) = self._conv_backward(dconv1, x, "conv1.W", needs=("dx",))
        return dx

    def _backward_to_conv1(self, a: Activations, dlogits: Array) -> tuple[Array, dict[str, Array]]:
        """The forward pass from its end: the gradient of conv1's output, and of all parameters
        above it."""
        g: dict[str, Array] = {}
        dfeatures, g["linear.W"], g["linear.b"] = linear_backward(
            dlogits, a.features, self.parameters["linear.W"]
        )
        N, C, H, W = a.relu2.shape
        dpooled = dfeatures.reshape(N, C, H // POOL, W // POOL)
        drelu2 = max_pool_2d_backward(dpooled, a.relu2, POOL, POOL)
        dconv2 = relu_backward(drelu2, a.conv2)
        drelu1, g["conv2.W"], g["conv2.b"] = self._conv_backward(
            dconv2, a.relu1, "conv2.W", needs=("dx", "dW", "db")
        )
        return relu_backward(drelu1, a.conv1), g

    def _conv_backward(
        self, grad_out: Array, x: Array, kernels: str, needs: tuple[str, ...]
    ) -> tuple[Array, ...]:
        return self.functions.conv2d_backward(
            grad_out, x, self.parameters[kernels], padding=self.padding, needs=needs
        )
