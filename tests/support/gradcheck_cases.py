"""Functions with right gradients, of many kinds, for the tests of gradcheck.

Each is written as its users would write it, in the dtype of its arguments, float16 to complex128.
The gradients of complex arguments are adjoints. Where a real function has no complex form, it works
on the real and the imaginary parts, or on absolute values.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import dxdw
from dxdw.layers import max_pool_2d_backward

DTYPES = ("float16", "float32", "float64", "complex64", "complex128")


Fn = Callable[..., Any]


class Case(NamedTuple):
    f: Fn
    vjp: Fn
    draw: Callable[[np.random.Generator, np.dtype[Any]], tuple[Any, ...]]
    kinks: bool = False  # on purpose


def normal(rng: np.random.Generator, dtype: Any, *shape: Any, scale: float = 1.0) -> Any:
    a = rng.standard_normal(shape)
    if np.dtype(dtype).kind == "c":
        a = a + 1j * rng.standard_normal(shape)
    return (scale * a).astype(dtype)


def positive(rng: np.random.Generator, dtype: Any, *shape: Any, decades: float = 1.0) -> Any:
    """Of a modulus spread over 10^±decades, in the right half of the complex plane."""
    a = 10 ** rng.uniform(-decades, decades, shape)
    if np.dtype(dtype).kind == "c":
        a = a * np.exp(1j * rng.uniform(-1, 1, shape))
    return a.astype(dtype)


def is_half(dtype: Any) -> bool:
    return bool(np.dtype(dtype) == np.float16)


def by_parts(function: Fn, *arrays: Any) -> Any:
    """A real function of real and imaginary parts each."""
    if arrays[0].dtype.kind != "c":
        return function(*arrays)
    real = function(*(a.real for a in arrays))
    return (real + 1j * function(*(a.imag for a in arrays))).astype(arrays[0].dtype)


def elementwise(f: Fn, derivative: Fn, draw: Fn) -> Case:
    """An analytic function of every element."""
    return Case(f, lambda g, x: g * np.conj(derivative(x)), draw)


def relu_vjp(g: Any, x: Any) -> Any:
    return by_parts(lambda g, x: g * (x > 0), g, x)


def pool(x: Any) -> Any:
    return by_parts(lambda x: dxdw.max_pool_2d(x, 2, 1), x)


def pool_vjp(g: Any, x: Any) -> Any:
    return by_parts(lambda g, x: max_pool_2d_backward(g, x, 2, 1), g, x)


def cross_entropy(z: Any, labels: Any) -> Any:
    z = z.real + z.imag
    z = z - z.max(1, keepdims=True)
    logs = np.log(np.exp(z).sum(1)) - z[np.arange(len(z)), labels]
    return logs.mean()


def cross_entropy_vjp(g: Any, z: Any, labels: Any) -> Any:
    logits = z.real + z.imag
    p = np.exp(logits - logits.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    p[np.arange(len(p)), labels] -= 1
    p *= g / len(p)
    return (p * (1 + 1j)).astype(z.dtype) if z.dtype.kind == "c" else p


def norm(x: Any) -> Any:
    return np.sqrt((x.real**2 + x.imag**2).sum())


def running_sum(x: Any) -> Any:
    """Rounded after every term, as a loop does."""
    return np.cumsum(x)[-1] / 64


def center(x: Any) -> Any:
    """Gradients that nearly cancel."""
    return x - x.mean()


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def near_kinks(rng: np.random.Generator, dtype: Any, *shape: Any) -> Any:
    """Numbers on a kink at 0, next to it at every distance, and away from it."""
    a = rng.standard_normal(shape) * 10 ** rng.uniform(-12, 0, shape)
    if np.dtype(dtype).kind == "c":
        a = a + 1j * rng.standard_normal(shape) * 10 ** rng.uniform(-12, 0, shape)
    return np.where(rng.random(shape) < 0.3, 0, a).astype(dtype)


def near_ties(rng: np.random.Generator, dtype: Any, *shape: Any) -> Any:
    a = rng.integers(0, 3, shape) + near_kinks(rng, "float64", *shape)
    if np.dtype(dtype).kind == "c":
        a = a + 1j * (rng.integers(0, 3, shape) + near_kinks(rng, "float64", *shape))
    return a.astype(dtype)


def away_from_kinks(rng: np.random.Generator, dtype: Any, *shape: Any) -> Any:
    def one() -> Any:
        return rng.choice([-1, 1], shape) * rng.uniform(0.2, 2, shape)

    return (one() + 1j * one() if np.dtype(dtype).kind == "c" else one()).astype(dtype)


def steps(rng: np.random.Generator, dtype: Any, *shape: Any) -> Any:
    """All different, by at least 0.1."""

    def one() -> Any:
        return rng.permutation(int(np.prod(shape))).reshape(shape) / 10

    return (one() + 1j * one() if np.dtype(dtype).kind == "c" else one()).astype(dtype)


LINEAR = np.random.default_rng(0).integers(-8, 9, (3, 5)) / 7


def nearly_equal(a: Any) -> Any:
    return a, a + a / 100


def big(x: Any) -> Any:
    return x.dtype.type(30 if is_half(x.dtype) else 1000)


CASES = {
    "linear": Case(
        lambda x: LINEAR.astype(x.dtype) @ x,
        lambda g, x: LINEAR.astype(x.dtype).T @ g,
        lambda rng, dtype: (normal(rng, dtype, 5),),
    ),
    "conv": Case(
        dxdw.conv2d,
        dxdw.conv2d_backward,
        lambda rng, dtype: (normal(rng, dtype, 1, 3, 3), normal(rng, dtype, 2, 1, 2, 2)),
    ),
    "matmul": Case(
        lambda a, b: a @ b,
        lambda g, a, b: (g @ b.conj().T, a.conj().T @ g),
        lambda rng, dtype: (normal(rng, dtype, 2, 3), normal(rng, dtype, 3, 2)),
    ),
    "exp": elementwise(np.exp, np.exp, lambda rng, dtype: (normal(rng, dtype, 5, scale=2),)),
    "log": elementwise(np.log, lambda x: 1 / x, lambda rng, dtype: (positive(rng, dtype, 5),)),
    "softmax cross-entropy": Case(
        cross_entropy,
        cross_entropy_vjp,
        lambda rng, dtype: (normal(rng, dtype, 2, 3, scale=3), rng.integers(0, 3, 2)),
    ),
    "tanh": elementwise(
        np.tanh,
        lambda x: 1 - np.tanh(x) ** 2,
        lambda rng, dtype: (normal(rng, dtype, 6, scale=2),),
    ),
    "norm": Case(norm, lambda g, x: g * x / norm(x), lambda rng, dtype: (normal(rng, dtype, 5),)),
    "division": Case(
        lambda a, b: a / b,
        lambda g, a, b: (g / np.conj(b), -g * np.conj(a / b / b)),
        lambda rng, dtype: (normal(rng, dtype, 4), positive(rng, dtype, 4)),
    ),
    "polynomial": elementwise(
        lambda x: ((x - 2) * x + 1) * x,
        lambda x: (3 * x - 4) * x + 1,
        lambda rng, dtype: (normal(rng, dtype, 5, scale=2),),
    ),
    "tiny arguments": elementwise(
        lambda x: np.sin(x * 1000) + 1,
        lambda x: 1000 * np.cos(x * 1000),
        lambda rng, dtype: (normal(rng, dtype, 5, scale=1e-3 if is_half(dtype) else 1e-6),),
    ),
    "huge arguments": elementwise(
        np.sqrt,
        lambda x: 0.5 / np.sqrt(x),
        lambda rng, dtype: (positive(rng, dtype, 5) * (1000 if is_half(dtype) else 1000000),),
    ),
    "arguments of all sizes": elementwise(
        np.log,
        lambda x: 1 / x,
        lambda rng, dtype: (positive(rng, dtype, 6, decades=3 if is_half(dtype) else 6),),
    ),
    "cancellation": elementwise(
        lambda x: ((x + big(x)) - big(x)) ** 2,
        lambda x: 2 * x,
        lambda rng, dtype: (normal(rng, dtype, 5),),
    ),
    "difference of squares": Case(
        lambda a, b: a * a - b * b,
        lambda g, a, b: (2 * g * a.conj(), -2 * g * b.conj()),
        lambda rng, dtype: nearly_equal(normal(rng, dtype, 4, scale=5)),
    ),
    "many terms": Case(
        running_sum,
        lambda g, x: np.full(x.shape, g / 64),
        lambda rng, dtype: (normal(rng, dtype, 300),),
    ),
    "centred": Case(center, lambda g, _: center(g), lambda rng, dtype: (normal(rng, dtype, 5),)),
    "sigmoid": elementwise(
        sigmoid,
        lambda x: sigmoid(x) * (1 - sigmoid(x)),
        lambda rng, dtype: (normal(rng, dtype, 6, scale=2),),
    ),
    "relu away from kinks": Case(
        lambda x: by_parts(lambda x: np.maximum(x, 0), x),
        relu_vjp,
        lambda rng, dtype: (away_from_kinks(rng, dtype, 6),),
    ),
    "relu near kinks": Case(
        lambda x: by_parts(lambda x: np.maximum(x, 0), x),
        relu_vjp,
        lambda rng, dtype: (near_kinks(rng, dtype, 6),),
        kinks=True,
    ),
    "max-pool away from kinks": Case(
        pool, pool_vjp, lambda rng, dtype: (steps(rng, dtype, 1, 3, 3),)
    ),
    "max-pool near kinks": Case(
        pool, pool_vjp, lambda rng, dtype: (near_ties(rng, dtype, 1, 3, 3),), kinks=True
    ),
    "constant": Case(
        lambda x: np.full(3, 3, x.dtype),
        lambda _, x: np.zeros_like(x),
        lambda rng, dtype: (normal(rng, dtype, 4),),
    ),
    "zero gradients": Case(
        lambda x: np.concatenate([0 * x, np.maximum(x.real, 0) * 0 + x**2 / 4]),
        lambda g, x: g[len(x) :] * x.conj() / 2,
        lambda rng, dtype: (normal(rng, dtype, 4) * np.array([1, 0, 1, 0], dtype),),
    ),
    "several outputs": Case(
        lambda x: (np.sin(x), (x * x).sum()),
        lambda g, x: g[0] * np.conj(np.cos(x)) + 2 * g[1] * x.conj(),
        lambda rng, dtype: (normal(rng, dtype, 4),),
    ),
}
