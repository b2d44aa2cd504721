"""3×3 kernels by Winograd's minimal filtering, forward, dx and dW: compiled kernels.

A tile of 4×4 outputs takes 36 products of transformed values where the definition has 144. Tiles
whose values are not finite, or of too wide a range, are summed by the definition.
"""

from . import native
from .libraries import Array
from .problem import Problem

METHOD = "Winograd F(4×4, 3×3) by compiled kernels"

# The transforms of fewer channels cost what the products save.
LEAST_CHANNELS = 16
# How much the transforms can enlarge a rounding error, in the worst case: for each axis the largest
# Σ_p |Aᵀ| (|G| 1) (|Bᵀ| 1), of forward and dx, and of dW.
GROWTH = {"forward": 752, "dx": 752, "dW": 1096}
ROUNDINGS = 30  # of a value on its way through the three transforms


def declines(problem: Problem) -> str | None:
    if missing := native.missing(problem):
        return missing
    geometry = problem.geometry
    if problem.precision == "highest":
        return "precision 'highest' keeps the elementwise bound, and transforms do not"
    if len(geometry.axes) != 2 or any(
        (a.taps, a.stride, a.dilation) != (3, 1, 1) for a in geometry.axes
    ):
        return "takes 3×3 kernels of stride 1 and dilation 1"
    if geometry.groups > 1:
        return "takes one group only"
    least = min(geometry.channels_in, geometry.channels_out)
    if least < LEAST_CHANNELS:
        return f"{least} channels, fewer than {LEAST_CHANNELS}"
    return native.too_much_memory(problem, "winograd")


def workspace(problem: Problem) -> int:
    """Bytes of scratch memory at the peak."""
    return native.workspace(problem, "winograd")


least_workspace = workspace


def error_bound(problem: Problem) -> str:
    geometry = problem.geometry
    channels = {"forward": geometry.channels_in, "dx": geometry.channels_out}
    terms = channels.get(problem.kind, problem.terms // 16 + 1) + ROUNDINGS
    ku = terms * problem.unit_roundoff
    bound = GROWTH[problem.kind] * ku / (1 - ku)
    return (
        f"|error| ≤ {bound:.1e} · Σ max|first|·max|second| over the tiles that an element sums: "
        "relative to the tile, not to the element"
    )


def run(problem: Problem, first: Array, second: Array) -> Array | None:
    return native.run(problem, first, second, "winograd")
