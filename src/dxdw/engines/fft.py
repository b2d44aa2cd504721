"""Convolutions with large kernels by the fast Fourier transform, in tiles (overlap-save).

For a source s, kernel w and gradient g on one tile, with F the transform over the tile:

    Σ_t w[t] · s[q + t]  =  F⁻¹(F s · conj F w)[q]          forward and dx
    Σ_q g[q] · s[q + t]  =  F⁻¹(Σ_tiles F s · conj F g)[t]  dW: one inverse, after the sum

(for complex data with the conjugates of w and g on the left). The cost of an output hardly depends
on the kernel's size. The error is relative to a tile's norm, not to each element's own terms, and
one NaN would fill its tile: values that are not finite, and results that overflowed on the way, are
left to the direct engine.

SciPy's transforms are used where SciPy is installed, NumPy's otherwise.
After Stockham 1966 (overlap-save).
"""

from collections.abc import Callable
from functools import lru_cache
from importlib import import_module
from math import log2, prod
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from ..geometry import ConvGeometry, Gather, meeting
from .libraries import Array, all_finite
from .pairwise import PairwiseSum
from .problem import Problem
from .tiles import Tile, tile_shape, tiles

METHOD = "fast Fourier transforms of tiles"
# Scratch for the spectra of one block of tiles, in bytes; as much again for the kernels'.
BLOCK_BYTES = 8 << 20
# Up to this many pairs of channels, a product for each beats a matrix product per frequency.
FEW_PAIRS = 16
# Costs in nanoseconds, measured on 2 cores in float32 (float64 takes twice as long on both sides):
# per point and doubling of a transform, per complex product of spectra (for each pair, and inside a
# matrix product), and per product of the direct engine with few channels and with many.
TRANSFORM_NS = 0.35
PAIR_NS, MATRIX_NS = 1.0, 0.15
DIRECT_FEW_NS, DIRECT_MANY_NS = 0.10, 0.02
# A direct sum cheaper than this is not worth a transform, whatever the estimates: a call takes as
# long by itself, and the direct sum of small integers is exact.
LEAST_NS = 100_000


class Layout(NamedTuple):
    """Tiles of one problem: a transform of `transform` points along each axis, of which `valid`
    outputs are right. `span` is how far the taps reach."""

    gathers: tuple[Gather, ...]
    span: tuple[int, ...]
    transform: tuple[int, ...]
    valid: tuple[int, ...]


def declines(problem: Problem) -> str | None:
    geometry = problem.geometry
    reason = None
    if problem.library != "numpy":
        reason = f"takes NumPy arrays, not those of {problem.library}"
    elif problem.precision == "highest":
        reason = "its error is relative to a tile's norm, not to each element"
    elif any(a.stride > 1 for a in geometry.axes):
        reason = "takes stride 1 only"
    elif (ratio := _cost(problem) / _direct_cost(geometry)) >= 1:
        reason = f"estimated at {ratio:.1f} times the direct sum's cost"
    elif problem.max_workspace is not None and workspace(problem) > problem.max_workspace:
        reason = f"needs {workspace(problem):,} bytes of scratch memory"
    return reason


def workspace(problem: Problem) -> int:
    """Bytes of the spectra of all kernels (or of their gradient) and of one block of tiles."""
    geometry = problem.geometry
    points = _spectrum_points(problem, layout(problem).transform)
    pairs = geometry.channels_out * geometry.channels_in // geometry.groups
    width = 2 * _real_itemsize(problem.dtype)
    one: int = _block_cost(problem)(1)
    return 3 * pairs * points * width + max(BLOCK_BYTES, one)


def error_bound(problem: Problem) -> str:
    points = prod(layout(problem).transform)
    factor = 8 * problem.unit_roundoff * max(1.0, log2(points))
    return (
        f"|error| ≤ {factor:.1e} · ‖first‖₂·‖second‖₂ over a tile's channels: relative to the "
        "tile, not to the element"
    )


def run(problem: Problem, first: Array, second: Array) -> Array | None:
    """The result, or None where the values are not ones that a transform can carry."""
    if not (all_finite(first) and all_finite(second)):
        return None
    G = problem.geometry.groups
    with np.errstate(over="ignore", invalid="ignore"):
        if problem.kind == "dW":
            result = _gradient(problem, _split(first, G), _split(second, G))
        else:
            W = second.reshape(G, -1, *second.shape[1:])
            if problem.kind == "dx":
                W = W.swapaxes(1, 2)
            result = _correlate(problem, _split(first, G), W)
    return result if all_finite(result) else None


@lru_cache(maxsize=256)
def layout(problem: Problem) -> Layout:
    geometry = problem.geometry
    gathers = geometry.dx_phases[0] if problem.kind == "dx" else geometry.forward_gathers
    span = tuple(g.offsets[-1] - g.offsets[0] for g in gathers)
    transform = tuple(_transform_size(g.count, s) for g, s in zip(gathers, span, strict=True))
    valid = tuple(min(g.count, t - s) for g, t, s in zip(gathers, transform, span, strict=True))
    return Layout(gathers, span, transform, valid)


def _correlate(problem: Problem, source: Array, W: Array) -> Array:
    """Forward and dx: source (N, G, S, *sizes) with W (G, D, S, *taps)."""
    plan = layout(problem)
    forward, inverse = _transforms(problem.dtype)
    axes = tuple(range(3, source.ndim))
    kernel: Array = np.zeros((*W.shape[:3], *plan.transform), problem.dtype)
    for d, gather in enumerate(plan.gathers, start=3):
        if gather.taps[0] > gather.taps[-1]:
            W = np.flip(W, d)
    where = tuple(
        slice(0, s + 1, _spacing(g)) for g, s in zip(plan.gathers, plan.span, strict=True)
    )
    kernel[(..., *where)] = W.conj()
    spectrum = forward(kernel, axes=axes).conj()
    del kernel
    N, G = source.shape[:2]
    out: Array = np.empty((N, G, W.shape[1], *(g.count for g in plan.gathers)), problem.dtype)
    for tile in _tiles(problem, plan):
        product = _multiply(forward(_source_tile(source, plan, tile), axes=axes), spectrum)
        values = inverse(product, plan.transform, axes=axes)
        inside = tuple(slice(0, extent) for extent in tile.extents)
        target = (slice(*tile.images), ..., *(slice(*span) for span in tile.spans))
        out[target] = values[(..., *inside)]
    return out.reshape(problem.result_shape)


def _gradient(problem: Problem, grad: Array, source: Array) -> Array:
    """dW: grad (N, G, D, *outs) with source (N, G, S, *sizes)."""
    plan = layout(problem)
    forward, inverse = _transforms(problem.dtype)
    axes = tuple(range(3, source.ndim))
    total = PairwiseSum()
    for tile in _tiles(problem, plan):
        images = tile.images[1] - tile.images[0]
        padded: Array = np.zeros((images, *grad.shape[1:3], *plan.transform), problem.dtype)
        inside = (..., *(slice(0, extent) for extent in tile.extents))
        where = (slice(*tile.images), ..., *(slice(*span) for span in tile.spans))
        padded[inside] = grad[where].conj()
        left = forward(padded, axes=axes).conj()
        right = forward(_source_tile(source, plan, tile), axes=axes)
        # (N, G, D, 1, …) · (N, G, 1, S, …) summed over N is a product like the one over channels.
        total.add(_multiply(left.transpose(2, 1, 0, *axes), right.transpose(1, 2, 0, *axes)))
    spectrum = total.total()  # (D, G, S, *frequencies)
    values = inverse(spectrum, plan.transform, axes=axes)
    where = tuple(
        slice(0, s + 1, _spacing(g)) for g, s in zip(plan.gathers, plan.span, strict=True)
    )
    values = values[(..., *where)].swapaxes(0, 1)
    return np.ascontiguousarray(values.reshape(problem.result_shape), problem.dtype)


def _multiply(left: Array, right: Array) -> Array:
    """Σ_s left[p, g, s, …] · right[g, d, s, …]: (p, g, d, *frequencies)."""
    P, G, S = left.shape[:3]
    D = right.shape[1]
    if D * S <= FEW_PAIRS:
        result = left[:, :, None, 0] * right[None, :, :, 0]
        for s in range(1, S):
            result += left[:, :, None, s] * right[None, :, :, s]
        return result
    frequencies = left.shape[3:]
    left = np.ascontiguousarray(left.reshape(P, G, S, -1).transpose(1, 3, 0, 2))
    right = np.ascontiguousarray(right.reshape(G, D, S, -1).transpose(0, 3, 2, 1))
    result = np.matmul(left, right)  # (G, F, P, D)
    return np.ascontiguousarray(result.transpose(2, 0, 3, 1)).reshape(P, G, D, *frequencies)


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
    batch = problem.geometry.batch
    images = tile_shape(batch, (), _block_cost(problem), BLOCK_BYTES)
    counts = [g.count for g in plan.gathers]
    return list(tiles(batch, counts, (*images, *plan.valid)))


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


def _spacing(gather: Gather) -> int:
    return gather.offsets[1] - gather.offsets[0] if len(gather.offsets) > 1 else 1


def _real_itemsize(dtype: Any) -> int:
    return int(np.finfo(dtype).bits // 8)


# --- sizes and costs ------------------------------------------------------------------------------


def _cost(problem: Problem) -> float:
    """Estimated nanoseconds."""
    geometry = problem.geometry
    plan = layout(problem)
    blocks = geometry.batch
    for gather, valid in zip(plan.gathers, plan.valid, strict=True):
        blocks *= -(-gather.count // valid)
    points = prod(plan.transform)
    pairs = geometry.channels_out * geometry.channels_in // geometry.groups
    data = blocks * (geometry.channels_in + geometry.channels_out)
    transforms = (data + pairs) * points * log2(max(points, 2)) * TRANSFORM_NS
    few = pairs // geometry.groups <= FEW_PAIRS
    products = blocks * pairs * (points // 2 + 1) * (PAIR_NS if few else MATRIX_NS)
    return transforms + products


def _direct_cost(geometry: ConvGeometry) -> float:
    narrow = min(geometry.channels_in, geometry.channels_out) // geometry.groups
    rate = DIRECT_FEW_NS if narrow < FEW_PAIRS else DIRECT_MANY_NS
    return geometry.flops / 2 * rate


@lru_cache(maxsize=1024)
def _transform_size(count: int, span: int) -> int:
    """The transform along one axis that costs least for all its tiles together."""
    whole = _next_fast(count + span)
    sizes = [n for n in _fast_sizes(whole) if n > span]
    return min(sizes, key=lambda n: -(-count // (n - span)) * n * log2(2 * n), default=whole)


def _next_fast(n: int) -> int:
    return next(m for m in _fast_sizes(2 * n) if m >= n)


@lru_cache(maxsize=64)
def _fast_sizes(limit: int) -> tuple[int, ...]:
    """The products of 2, 3, 5 and 7 up to limit, ascending: transforms of these sizes are quick."""
    sizes = {1}
    for prime in (2, 3, 5, 7):
        for n in sizes:
            while (n := n * prime) <= limit:
                sizes.add(n)
    return tuple(sorted(sizes))


def _transforms(dtype: Any) -> tuple[Any, Any]:
    """Forward and inverse transforms over given axes, real or complex as the dtype is."""
    library = _fft_library()
    if np.dtype(dtype).kind == "c":
        return library.fftn, library.ifftn
    return library.rfftn, library.irfftn


@lru_cache(maxsize=1)
def _fft_library() -> ModuleType:
    try:
        return import_module("scipy.fft")
    except ImportError:
        return np.fft
