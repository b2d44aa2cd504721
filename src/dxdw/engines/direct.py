"""The definition's sums by compiled kernels: shifted matrix products of bands in the cache.

Stride, dilation, groups, any number of dimensions: all are shifts of the same rows. The products
themselves are summed, in registers; nothing is written but the result.
"""

from . import native
from .libraries import Array
from .problem import Problem, direct_bound

METHODS = {
    "direct": "the definition's sums, by compiled kernels",
    "depthwise": "the definition's sums, by compiled kernels for channels of their own",
}

error_bound = direct_bound


def declines(problem: Problem) -> str | None:
    return native.missing(problem) or native.too_much_memory(problem, "direct")


def workspace(problem: Problem) -> int:
    """Bytes of scratch memory at the peak."""
    return native.workspace(problem, "direct")


least_workspace = workspace


def method(problem: Problem) -> str:
    """Which of the kernels runs, in words."""
    return METHODS[native.kernel(problem, "direct")]


def run(problem: Problem, first: Array, second: Array) -> Array | None:
    return native.run(problem, first, second, "direct")
