"""Groups of problems that are fast or slow for the same reason."""

from collections.abc import Callable

from .problems import ConvProblem

EXAMPLE_1 = "tiny:example1"
FEW = 16  # channels: fewer do not fill a vector
LARGE = 11  # taps along an axis: from here on transforms are worth it


def _taps(problem: ConvProblem) -> int:
    return max(problem.W_shape[2:])


def _dense(problem: ConvProblem) -> bool:
    """Neither strided, dilated nor grouped."""
    return problem.stride == problem.dilation == (1, 1) and problem.groups == 1


def _size(problem: ConvProblem) -> int:
    return min(problem.geometry.out_shape[2:])


def few_channels(problem: ConvProblem) -> bool:
    """Fewer than 16 channels in or out; large kernels have a group of their own."""
    fewest = min(problem.x_shape[1], problem.W_shape[0])
    return problem.groups == 1 and fewest < FEW and not large_kernel(problem)


def wide_3x3(problem: ConvProblem) -> bool:
    """3×3, stride 1, at least 16 channels in and out, 28×28 and larger."""
    return _wide(problem, 3) and _size(problem) >= 28


def small_3x3(problem: ConvProblem) -> bool:
    """The same on smaller images, down to 7×7."""
    return _wide(problem, 3) and 7 <= _size(problem) < 28


def _wide(problem: ConvProblem, taps: int) -> bool:
    return problem.W_shape[2:] == (taps, taps) and _dense(problem) and not few_channels(problem)


def depthwise(problem: ConvProblem) -> bool:
    """A group for every channel."""
    return 1 < problem.groups == problem.x_shape[1]


def large_kernel(problem: ConvProblem) -> bool:
    """Kernels of 11 and more at stride 1, where transforms can help."""
    return _taps(problem) >= LARGE and problem.stride == (1, 1)


GROUPS: dict[str, Callable[[ConvProblem], bool]] = {
    "3×3, 16 channels and more, 28² and larger": wide_3x3,
    "3×3, 16 channels and more, 7² to 27²": small_3x3,
    "5×5, 16 channels and more": lambda p: _wide(p, 5),
    "1×1": lambda p: _taps(p) == 1,
    "fewer than 16 channels in or out": few_channels,
    "stride 2 and more": lambda p: max(p.stride) > 1,
    "dilated": lambda p: max(p.dilation) > 1,
    "grouped": lambda p: 1 < p.groups < p.x_shape[1],
    "depthwise": depthwise,
    "kernels of 11 and more": large_kernel,
}
