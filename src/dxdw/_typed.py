"""Decorators that give a function the signature that checkers of types see; it stays as it is."""

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._signatures import Convolution, Jvp, PerSampleDW, TransposedConvolution
    from ._signatures_backward import (
        ConvolutionBackward,
        DoubleBackward,
        TransposedConvolutionBackward,
    )
    from ._signatures_layers import (
        Activation,
        ActivationBackward,
        CrossEntropy,
        Linear,
        LinearBackward,
        Loops,
        LoopsBackward,
        Network,
        Pooling,
        PoolingBackward,
        Softmax,
    )

    Function = Callable[..., Any]

    def convolution(function: Function, /) -> Convolution: ...
    def convolution_backward(function: Function, /) -> ConvolutionBackward: ...
    def transposed_convolution(function: Function, /) -> TransposedConvolution: ...
    def transposed_convolution_backward(function: Function, /) -> TransposedConvolutionBackward: ...
    def double_backward(function: Function, /) -> DoubleBackward: ...
    def jvp(function: Function, /) -> Jvp: ...
    def per_sample_dW(function: Function, /) -> PerSampleDW: ...
    def activation(function: Function, /) -> Activation: ...
    def activation_backward(function: Function, /) -> ActivationBackward: ...
    def pooling(function: Function, /) -> Pooling: ...
    def pooling_backward(function: Function, /) -> PoolingBackward: ...
    def linear(function: Function, /) -> Linear: ...
    def linear_backward(function: Function, /) -> LinearBackward: ...
    def softmax(function: Function, /) -> Softmax: ...
    def cross_entropy(function: Function, /) -> CrossEntropy: ...
    def loops(function: Function, /) -> Loops: ...
    def loops_backward(function: Function, /) -> LoopsBackward: ...
    def network(function: Function, /) -> Network: ...

else:

    def _itself(function: Callable[..., Any], /) -> Callable[..., Any]:
        return function

    def _without_others(function: Callable[..., Any], /) -> Callable[..., Any]:
        """The same function, which tells nobody that it takes names in order to refuse them."""
        told = inspect.signature(function)
        kept = [p for p in told.parameters.values() if p.kind is not p.VAR_KEYWORD]
        function.__signature__ = told.replace(parameters=kept)
        return function

    convolution = convolution_backward = _without_others
    transposed_convolution = transposed_convolution_backward = _without_others
    double_backward = jvp = per_sample_dW = _without_others
    activation = activation_backward = pooling = pooling_backward = _itself
    linear = linear_backward = softmax = cross_entropy = network = _itself
    loops = loops_backward = _itself
