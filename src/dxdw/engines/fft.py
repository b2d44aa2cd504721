"""Convolutions with large kernels by the fast Fourier transform, in tiles (overlap-save).

For a source s, kernel w and gradient g on one tile, with F the transform over the tile:

    Σ_t w[t] · s[q + t]  =  F⁻¹(F s · conj F w)[q]          forward and dx
    Σ_q g[q] · s[q + t]  =  F⁻¹(Σ_tiles F s · conj F g)[t]  dW: one inverse, after the sum

(for complex data with the conjugates of w and g on the left). The cost of an output hardly depends
on the kernel's size. The error is relative to a tile's norm, not to each element's own terms, and
one NaN would fill its tile: values that are not finite, and results that overflowed on the way, are
left to the direct engine.

SciPy's transforms, with threads, are used where SciPy is installed, NumPy's otherwise.
After Stockham 1966 (overlap-save).
"""

import os
from collections.abc import Callable
from functools import lru_cache, partial
from importlib import import_module
from itertools import product
from math import log2, prod
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from ..core.arrays import Array, all_finite, unwarned
from ..core.forks import whole
from ..core.geometry import Gather, meeting
from ..core.problem import Problem
from . import native, native_library, tuning
from .pairwise import PairwiseSum
from .tiles import Tile, tile_shape, tiles

METHOD = "fast Fourier transforms of tiles"


class Layout(NamedTuple):
    """Tiles of one problem: a transform of `transform` points along each axis, of which `valid`
    outputs are right. `span` is how far the taps reach."""

    gathers: tuple[Gather, ...]
    span: tuple[int, ...]
    transform: tuple[int, ...]
    valid: tuple[int, ...]

    @property
    def counts(self) -> tuple[int, ...]:
        """Destinations along each axis."""
        return tuple(g.count for g in self.gathers)

    @property
    def taps(self) -> tuple[Any, ...]:
        """Where the taps stand in a kernel's tile."""
        spacings = [g.distance for g in self.gathers]
        each = (slice(0, s + 1, step) for s, step in zip(self.span, spacings, strict=True))
        return (..., *each)


def declines(problem: Problem) -> str | None:
    return impossible(problem) or _not_worth_it(problem)


def impossible(problem: Problem) -> str | None:
    """Why it can't take a problem, whether it would pay or not."""
    geometry = problem.geometry
    if problem.library != "numpy":
        return f"takes NumPy arrays, not those of {problem.library}"
    if problem.how.precision == "highest":
        return "its error is relative to a tile's norm, not to each element"
    if any(a.stride > 1 for a in geometry.axes):
        return "takes stride 1 only"
    return None if geometry.sizes[0] else "x has no elements"


def _not_worth_it(problem: Problem) -> str | None:
    direct = _direct_cost(problem)
    if direct < tuning.LEAST_FOR_FFT_NS:
        return "too little to sum for a transform to gain anything"
    if (cost := _cost(problem)) > direct:
        return f"estimated at {cost / 1e6:.1f} ms of a core, the direct sum at {direct / 1e6:.1f}"
    return None


def workspace(problem: Problem) -> int:
    """Bytes of the spectra of all kernels (or of their gradient) and of one block of tiles."""
    return _kernel_bytes(problem) + _block_cost(problem)(_images(problem))


least_workspace = workspace


def error_bound(problem: Problem) -> str:
    return (
        f"|error| ≤ {growth(problem):.1e} · ‖first‖₂·‖second‖₂ over a tile's channels: relative to "
        "the tile, not to the element"
    )


def growth(problem: Problem) -> float:
    """Of the error, beside the norms of a tile."""
    return 8 * problem.unit_roundoff * max(1.0, log2(transform_points(problem)))


def transform_points(problem: Problem) -> int:
    """Of a tile's transform."""
    return prod(layout(problem).transform)


def run(problem: Problem, first: Array, second: Array) -> Array | None:
    """The result, or None where the values are not ones that a transform can carry."""
    if not (all_finite(first) and all_finite(second)):
        return None
    with whole():  # SciPy ends its threads when the process forks, also under one that transforms
        result = unwarned(_transformed, problem, first, second)
    return result if all_finite(result) else None


def _transformed(problem: Problem, first: Array, second: Array) -> Array:
    G = problem.geometry.groups
    if problem.kind == "dW":
        return _gradient(problem, _split(first, G), _split(second, G))
    W = second.reshape(G, -1, *second.shape[1:])
    if problem.kind == "dx":
        W = W.swapaxes(1, 2)
    return _correlate(problem, _split(first, G), W)


@lru_cache(maxsize=256)
def layout(problem: Problem) -> Layout:
    geometry = problem.geometry
    gathers = geometry.dx_phases[0] if problem.kind == "dx" else geometry.forward_gathers
    span = tuple(g.offsets[-1] - g.offsets[0] for g in gathers)
    candidates = (_transform_sizes(g.count, s) for g, s in zip(gathers, span, strict=True))
    counts = tuple(g.count for g in gathers)
    transform = min(product(*candidates), key=lambda t: _tiles_cost(problem, counts, span, t))
    valid = tuple(min(g.count, t - s) for g, t, s in zip(gathers, transform, span, strict=True))
    return Layout(gathers, span, transform, valid)


def _correlate(problem: Problem, source: Array, W: Array) -> Array:
    """Forward and dx: source (N, G, S, *sizes) with W (G, D, S, *taps)."""
    plan = layout(problem)
    forward, inverse = _transforms(problem.dtype, problem.how.threads)
    axes = tuple(range(3, source.ndim))
    kernel: Array = np.zeros((*W.shape[:3], *plan.transform), problem.dtype)
    for d, gather in enumerate(plan.gathers, start=3):
        if gather.taps[0] > gather.taps[-1]:
            W = np.flip(W, d)
    kernel[plan.taps] = W.conj()
    kernels = Kernels(forward(kernel, axes=axes).conj())
    del kernel
    out: Array = np.empty((*source.shape[:2], W.shape[1], *plan.counts), problem.dtype)
    for tile in _tiles(problem, plan):
        product = kernels.product(forward(_source_tile(source, plan, tile), axes=axes))
        values = inverse(product, plan.transform, axes=axes)
        out[tile.where] = values[(..., *(slice(0, extent) for extent in tile.extents))]
    return out.reshape(problem.result_shape)


def _gradient(problem: Problem, grad: Array, source: Array) -> Array:
    """dW: grad (N, G, D, *outs) with source (N, G, S, *sizes)."""
    plan = layout(problem)
    forward, inverse = _transforms(problem.dtype, problem.how.threads)
    axes = tuple(range(3, source.ndim))
    total = PairwiseSum()
    for tile in _tiles(problem, plan):
        padded: Array = np.zeros((tile.batch, *grad.shape[1:3], *plan.transform), problem.dtype)
        padded[(..., *(slice(0, extent) for extent in tile.extents))] = grad[tile.where].conj()
        left = forward(padded, axes=axes).conj()
        right = forward(_source_tile(source, plan, tile), axes=axes)
        # Summed over images as forward's is over channels: images stand where channels do there.
        kernels = Kernels(right.transpose(1, 2, 0, *axes))
        total.add(kernels.product(left.transpose(2, 1, 0, *axes)))
    values = inverse(total.total(), plan.transform, axes=axes)  # (D, G, S, *transform)
    values = values[plan.taps].swapaxes(0, 1)
    return np.ascontiguousarray(values.reshape(problem.result_shape), problem.dtype)


class Kernels:
    """Spectra (G, D, S, *frequencies), kept in the order in which their products are taken."""

    def __init__(self, spectra: Array) -> None:
        G, D, S = spectra.shape[:3]
        self._few = D * S <= tuning.FEW_PAIRS
        if self._few:
            self._spectra = spectra
        else:
            planes = spectra.reshape(G, D * S, -1)
            each = [_transposed(plane).reshape(-1, D, S).transpose(0, 2, 1) for plane in planes]
            self._spectra = each  # for each group (frequencies, S, D)

    def product(self, left: Array) -> Array:
        """Σ_s left[p, g, s, …] · spectra[g, d, s, …]: (P, G, D, *frequencies)."""
        P, G, S, *frequencies = left.shape
        if self._few:
            result = left[:, :, None, 0] * self._spectra[None, :, :, 0]
            for s in range(1, S):
                result += left[:, :, None, s] * self._spectra[None, :, :, s]
            return result
        D = self._spectra[0].shape[2]
        result = np.empty((P, G, D, prod(frequencies)), left.dtype)
        for g, spectrum in enumerate(self._spectra):
            rows = _transposed(left[:, g].reshape(P * S, -1)).reshape(-1, P, S)
            products = np.matmul(rows, spectrum).reshape(-1, P * D)
            result[:, g] = _transposed(products).reshape(P, D, -1)
        return result.reshape(P, G, D, *frequencies)


def _transposed(a: Array) -> Array:
    """The transpose of a matrix, written out in strips whose rows stay in the nearest cache."""
    result = np.empty(a.shape[::-1], a.dtype)
    for first in range(0, len(a), tuning.STRIP):
        result[:, first : first + tuning.STRIP] = a[first : first + tuning.STRIP].T
    return result


def _source_tile(source: Array, plan: Layout, tile: Tile) -> Array:
    """The part of the source that a tile's outputs read, zeros beyond its edges."""
    block = source[slice(*tile.images)]
    padded: Array = np.zeros((*block.shape[:3], *plan.transform), block.dtype)
    reach = [
        meeting(g.offsets[0], 1, g.source, first, min(first + t, last + s))
        for g, t, s, (first, last) in zip(
            plan.gathers, plan.transform, plan.span, tile.spans, strict=True
        )
    ]
    padded[(..., *(target for target, _ in reach))] = block[(..., *(where for _, where in reach))]
    return padded


def _tiles(problem: Problem, plan: Layout) -> list[Tile]:
    geometry = problem.geometry
    return list(
        tiles(
            (geometry.groups, geometry.batch, *plan.counts),
            (geometry.groups, _images(problem), *plan.valid),
        )
    )


def _kernel_bytes(problem: Problem) -> int:
    """Of the spectra of all kernels, with what it takes to make them."""
    geometry = problem.geometry
    points = _spectrum_points(problem, layout(problem).transform)
    pairs = geometry.channels_out * geometry.channels_in // geometry.groups
    return 3 * pairs * points * 2 * _real_itemsize(problem.dtype)


def _images(problem: Problem) -> int:
    """Of a block: as many as what the kernels' spectra leave has room for, but at least one."""
    tensors = sum(problem.geometry.sizes) * _real_itemsize(problem.dtype)
    room = min(tuning.BLOCK_BYTES, tensors + tuning.SCRATCH_BYTES - _kernel_bytes(problem))
    cost = _block_cost(problem)
    _, images = tile_shape((1, problem.geometry.batch), lambda _, n: cost(n), max(room, cost(1)))
    return images


def _block_cost(problem: Problem) -> Callable[[int], int]:
    """Bytes that a block of so many images needs: its source, spectra, their product and back."""
    geometry = problem.geometry
    points = _spectrum_points(problem, layout(problem).transform)
    channels = geometry.channels_in + geometry.channels_out
    width = 2 * _real_itemsize(problem.dtype)
    return lambda images: 3 * images * channels * points * width


def _spectrum_points(problem: Problem, transform: tuple[int, ...]) -> int:
    if np.dtype(problem.dtype).kind == "c":
        return prod(transform)
    return prod(transform[:-1]) * (transform[-1] // 2 + 1)


def _split(a: Array, groups: int) -> Array:
    batch, channels, *sizes = a.shape
    return a.reshape(batch, groups, channels // groups, *sizes)


def _real_itemsize(dtype: Any) -> int:
    return int(np.finfo(dtype).bits // 8)


# --- sizes and costs ------------------------------------------------------------------------------


def _cost(problem: Problem) -> float:
    """Estimated nanoseconds."""
    plan = layout(problem)
    return tuning.MARGIN * _tiles_cost(problem, plan.counts, plan.span, plan.transform)


def _tiles_cost(
    problem: Problem,
    counts: tuple[int, ...],
    span: tuple[int, ...],
    transform: tuple[int, ...],
) -> float:
    geometry = problem.geometry
    tiles = prod(-(-n // (t - s)) for n, s, t in zip(counts, span, transform, strict=True))
    points = prod(transform)
    kernels = geometry.sizes[1] // prod(geometry.W_shape[2:])
    planes = geometry.batch * tiles * (geometry.channels_in + geometry.channels_out)
    cost = (
        tiles * tuning.TILE_NS
        + (planes + kernels) * points * log2(points + 1) * tuning.TRANSFORM_NS
    )
    products = geometry.batch * tiles * kernels * (points / 2)
    if kernels // geometry.groups <= tuning.FEW_PAIRS:
        return cost + products * tuning.PAIR_NS
    products *= 3 if problem.kind == "dW" else 1
    return (
        cost + products * tuning.MATRIX_NS + (planes + kernels) * points / 2 * tuning.TRANSPOSED_NS
    )


def _direct_cost(problem: Problem) -> float:
    geometry = problem.geometry
    if native.missing(problem) is None:
        at_once = min(native_library.products_at_once(), tuning.MOST_AT_ONCE)
        return geometry.products * tuning.COMPILED_NS / at_once
    narrow = min(geometry.channels_in, geometry.channels_out) // geometry.groups
    rate = tuning.DIRECT_FEW_NS if narrow < tuning.MANY_CHANNELS else tuning.DIRECT_MANY_NS
    return geometry.products * (tuning.DIRECT_ONE_NS if narrow == 1 else rate)


@lru_cache(maxsize=1024)
def _transform_sizes(count: int, span: int) -> list[int]:
    """Sizes worth trying along one axis: up to the whole, each at least an eighth larger."""
    whole = _next_fast(count + span)
    sizes = [whole]
    for n in reversed(_fast_sizes(whole)):
        if span < n <= sizes[-1] * 8 // 9:
            sizes.append(n)
    return sizes


def _next_fast(n: int) -> int:
    return next(m for m in _fast_sizes(2 * n) if m >= n)


@lru_cache(maxsize=64)
def _fast_sizes(limit: int) -> tuple[int, ...]:
    """The products of 2, 3, 5 and 7 up to limit, ascending: transforms of these sizes are quick."""
    sizes = {1}
    for prime in (2, 3, 5, 7):
        for n in sorted(sizes):
            while (n := n * prime) <= limit:
                sizes.add(n)
    return tuple(sorted(sizes))


def _transforms(dtype: Any, threads: int | None) -> tuple[Any, Any]:
    """Forward and inverse transforms over given axes, real or complex as the dtype is."""
    library = _fft_library()
    names = ("fftn", "ifftn") if np.dtype(dtype).kind == "c" else ("rfftn", "irfftn")
    forward, inverse = (getattr(library, name) for name in names)
    if library is np.fft:
        return forward, inverse
    count = workers(threads)
    return partial(_by_threads, forward, count), partial(_by_threads, inverse, count)


def _by_threads(
    transform: Callable[..., Array], count: int, a: Array, *sizes: Any, axes: tuple[int, ...]
) -> Array:
    """A transform by so many threads, where there is enough for them to do."""
    points = prod(a.shape[axis] for axis in axes)
    pays = a.size * log2(points + 1) * tuning.TRANSFORM_NS > tuning.THREADED_NS
    return transform(a, *sizes, axes=axes, workers=count if pays else 1)


def workers(threads: int | None) -> int:
    """Threads that transforms use: those asked for, or one for each core this process may have."""
    if _fft_library() is np.fft:
        return 1
    if threads is not None:
        return threads
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@lru_cache(maxsize=1)
def _fft_library() -> ModuleType:
    try:
        with whole():
            return import_module("scipy.fft")
    except ImportError:
        return np.fft
