"""The fixed problems of the self-test, and the numbers in them, the same on every machine."""

from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np

from ..call import geometries
from ..call.options import Options
from ..core.arrays import Array
from ..core.geometry import ConvGeometry

DTYPES = ("float32", "float64", "float16", *(("bfloat16",) if find_spec("ml_dtypes") else ()))


class Shapes(NamedTuple):
    """A convolution; elements of dW sum few enough products that float64 has their sums exactly."""

    x: tuple[int, ...]
    W: tuple[int, ...]
    options: Options

    @property
    def geometry(self) -> ConvGeometry:
        return geometries.convolution(len(self.x) - 2, self.x, self.W, self.options)[0]


def _shapes(x: tuple[int, ...], W: tuple[int, ...], *options: Any) -> Shapes:
    return Shapes(x, W, Options(*options))  # padding, stride, dilation, groups


PROBLEMS = {
    "3x3": _shapes((2, 32, 20, 19), (48, 32, 3, 3), 1),
    "3x3 dilated": _shapes((2, 32, 20, 19), (40, 32, 3, 3), 2, 1, 2),
    "5x5": _shapes((2, 24, 20, 21), (32, 24, 5, 5), 2),
    "two groups": _shapes((2, 48, 18, 19), (64, 24, 3, 3), 1, 1, 1, 2),
    "few channels": _shapes((2, 3, 32, 33), (8, 3, 5, 5), 2),
    "to one channel": _shapes((1, 20, 30, 31), (1, 20, 7, 7), 3),
    "strided": _shapes((2, 20, 31, 30), (40, 20, 3, 3), 1, 2),
    "one tap": _shapes((3, 64, 15, 14), (96, 64, 1, 1)),
    "depthwise": _shapes((4, 64, 20, 21), (64, 1, 3, 3), 1, 1, 1, 64),
    "depthwise strided": _shapes((3, 40, 27, 30), (40, 1, 5, 5), 2, 2, 1, 40),
    "depthwise narrow": _shapes((5, 96, 7, 7), (96, 1, 3, 3), 1, 1, 1, 96),
    "small and deep": _shapes((3, 128, 7, 7), (128, 128, 3, 3), 1),
    "one axis": _shapes((3, 16, 200), (24, 16, 9), 4),
    "three axes": _shapes((2, 8, 7, 12, 13), (16, 8, 3, 3, 3), 1),
}


def operands(shapes: Shapes, dtype: str) -> dict[str, Array]:
    """x, W and grad_out in [-1, 1): multiples of 2⁻²⁰, rounded to narrower dtypes."""
    own = shapes.geometry  # one axis has two there
    sizes = {"x": own.x_shape, "W": own.W_shape, "grad_out": own.out_shape}
    return {
        name: _fractions(shape, seed).astype(_dtype(dtype))
        for seed, (name, shape) in enumerate(sizes.items(), start=1)
    }


def _fractions(shape: tuple[int, ...], seed: int) -> Array:
    """By splitmix64 of the element's number: NumPy promises no stream of its own generators."""
    z = np.arange(1, 1 + int(np.prod(shape)), dtype=np.uint64) + np.uint64(seed << 40)
    z *= np.uint64(0x9E3779B97F4A7C15)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        z = (z ^ (z >> np.uint64(shift))) * np.uint64(factor)
    bits = ((z ^ (z >> np.uint64(31))) >> np.uint64(43)).astype(np.int64)
    return ((bits - (1 << 20)) / (1 << 20)).reshape(shape)


def _dtype(name: str) -> Any:
    if name == "bfloat16":
        import ml_dtypes

        return np.dtype(ml_dtypes.bfloat16)
    return np.dtype(name)
