"""3×3 and 5×5 kernels by Winograd's minimal filtering, forward, dx and dW: compiled kernels.

A tile takes 36 products of transformed values where the definition has 144 (4×4 outputs of a 3×3
kernel) or 100 (2×2 of a 5×5). With dilation d, the d·d residue grids are such problems each. Tiles
whose values are not finite, or of too wide a range, are summed by the definition.
"""

from math import prod

from . import native
from .libraries import Array
from .problem import Problem

METHOD = "Winograd F(4×4, 3×3) or F(2×2, 5×5) by compiled kernels"

# The transforms of fewer channels cost what the products save.
LEAST_CHANNELS = 16
PRODUCTS = 36  # of a tile
SIDES = {3: 4, 5: 2}  # outputs of a tile along an axis, or values of grad_out, by the kernel's taps
# How much the transforms can enlarge a rounding error, in the worst case: for each axis the largest
# Σ_p |Aᵀ| (|G| 1) (|Bᵀ| 1), of forward and dx, and of dW, by the kernel's taps.
GROWTH = {
    3: {"forward": 752, "dx": 752, "dW": 1096},
    5: {"forward": 1532, "dx": 1532, "dW": 459},
}
ROUNDINGS = 30  # of a value on its way through the three transforms


def declines(problem: Problem) -> str | None:
    if missing := native.missing(problem):
        return missing
    geometry = problem.geometry
    if problem.precision == "highest":
        return "precision 'highest' keeps the elementwise bound, and transforms do not"
    if geometry.W_shape[2:] not in {(n, n) for n in SIDES} or any(
        a.stride > 1 for a in geometry.axes
    ):
        return "takes 3×3 and 5×5 kernels of stride 1"
    least = min(_channels(problem).values())
    if least < LEAST_CHANNELS:
        return f"{least} channels of a group, fewer than {LEAST_CHANNELS}"
    return _too_many_products(problem) or native.too_much_memory(problem, "winograd")


def _channels(problem: Problem) -> dict[str, int]:
    """Of a group: those that a pass sums over."""
    geometry = problem.geometry
    return {
        "forward": geometry.channels_in // geometry.groups,
        "dx": geometry.channels_out // geometry.groups,
    }


def _too_many_products(problem: Problem) -> str | None:
    """Of tiles that are hardly filled, as those of small images or large dilations."""
    tiled = PRODUCTS * tiles(problem)
    defined = prod(_positions(problem)) * prod(problem.geometry.W_shape[2:])
    if tiled <= defined:
        return None
    return f"{tiled:,} products a channel in tiles, more than the definition's {defined:,}"


def tiles(problem: Problem) -> int:
    """Tiles of an image: of a dilated kernel, those of all residue grids."""
    count = 1
    for positions, axis in zip(_positions(problem), problem.geometry.axes, strict=True):
        side = SIDES[axis.taps]
        whole, rest = divmod(positions, side * axis.dilation)
        count *= whole * axis.dilation + min(axis.dilation, rest)
    return count


def _positions(problem: Problem) -> tuple[int, ...]:
    """What is cut into tiles: the result, or grad_out for dW."""
    geometry = problem.geometry
    return (geometry.x_shape if problem.kind == "dx" else geometry.out_shape)[2:]


def workspace(problem: Problem) -> int:
    """Bytes of scratch memory at the peak."""
    return native.workspace(problem, "winograd")


least_workspace = workspace


def error_bound(problem: Problem) -> str:
    geometry = problem.geometry
    terms = _channels(problem).get(problem.kind, geometry.batch * tiles(problem)) + ROUNDINGS
    ku = terms * problem.unit_roundoff
    bound = GROWTH[geometry.W_shape[2]][problem.kind] * ku / (1 - ku)
    return (
        f"|error| ≤ {bound:.1e} · Σ max|first|·max|second| over the tiles that an element sums: "
        "relative to the tile, not to the element"
    )


def run(problem: Problem, first: Array, second: Array) -> Array | None:
    return native.run(problem, first, second, "winograd")
