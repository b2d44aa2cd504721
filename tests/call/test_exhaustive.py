"""Every geometry of tiny sizes along an axis, laid against every other axis in turn.

An axis knows nothing of the others, so a grid that is exhaustive along each axis meets every index
computation. Axes are still paired, by a stride through the list that is coprime to its length: each
stands once as the rows and once as the columns in every round, next to another partner each time.
"""

from collections.abc import Iterator
from math import gcd
from typing import NamedTuple

import numpy as np
import oracles
import pytest
from calls import BACKWARD, FORWARD, KINDS, cost_no_object
from oracles import Case

from dxdw.call.plan import EngineDeclined
from dxdw.engines import native_library

SIZES, TAPS, STRIDES, DILATIONS = range(1, 6), range(1, 5), range(1, 4), range(1, 4)
# Groups and the channels of each: one, plain, grouped, depthwise, depthwise with a multiplier.
CHANNELS = ((1, (1, 1)), (1, (2, 3)), (2, (2, 1)), (3, (1, 1)), (2, (1, 2)))
# The engines whose sums of small integers are exact.
EXACT = (
    ("array", "small")
    if native_library.load() is None
    else ("depthwise", "direct", "array", "small")
)
# Those that take some problems only: of one group, or of one channel on a side of each.
PARTIAL = ("small", "depthwise")


class AxisCase(NamedTuple):
    size: int
    taps: int
    stride: int
    dilation: int
    padding: tuple[int, int]


def all_axes(*, symmetric: bool) -> list[AxisCase]:
    """Every axis with sizes up to 5, 4 taps, stride and dilation 3, and padding up to k + 2."""
    return [
        AxisCase(size, taps, stride, dilation, (before, after))
        for size in SIZES
        for taps in TAPS
        for stride in STRIDES
        for dilation in DILATIONS
        for before in range(taps + 3)
        for after in ([before] if symmetric else range(taps + 3))
        if (taps - 1) * dilation < before + size + after
    ]


def joined(axes: tuple[AxisCase, ...], number: int) -> Case:
    groups, channels = CHANNELS[number % len(CHANNELS)]
    sizes, taps, stride, dilation, padding = zip(*axes, strict=True)
    batch = 1 + number % 2
    return Case(sizes, taps, stride, dilation, padding, "zeros", batch, groups, channels)


def paired(axes: list[AxisCase], rounds: int) -> Iterator[Case]:
    n = len(axes)
    strides = [s for s in range(n // 3, n) if gcd(s, n) == 1][:rounds]
    for r, s in enumerate(strides):
        for i, axis in enumerate(axes):
            yield joined((axis, axes[(i * s + r) % n]), i + r)


def check(case: Case, *engines: str) -> None:
    """All kinds of pass, exactly, by engines that take them."""
    a = oracles.operands(case, 0)
    x, W, grad_out = a["x"], a["W"], a["grad_out"]
    expected = (
        oracles.forward(x, W, case),
        oracles.dx(grad_out, W, case),
        oracles.dW(grad_out, x, case),
    )
    for engine in engines:
        options = case.options | {"engine": engine}
        try:
            out = FORWARD[case.ndim](x, W, **options)
            results = (out, *BACKWARD[case.ndim](grad_out, x, W, **options))
        except EngineDeclined:
            if engine not in PARTIAL:
                raise
            continue
        for kind, result, wanted in zip(KINDS, results, expected, strict=True):
            whole = np.rint(result) if engine == "fft" else result
            assert np.array_equal(whole, wanted), f"{kind} by {engine} of {case}"


# Of every axis alone and in pairs, one in so many in the short form.
SHORT = 3


def alone(every: int) -> None:
    axes = all_axes(symmetric=False)
    assert len(axes) > 4000
    for i, axis in list(enumerate(axes))[::every]:
        check(joined((axis,), i), *(engine for engine in EXACT if engine != "small"))


def test_axes_alone_with_asymmetric_padding():
    alone(SHORT + 1)  # a share in which every stride, dilation and padding occurs


@pytest.mark.slow
def test_every_axis_alone_with_every_asymmetric_padding():
    alone(1)


def test_every_axis_paired_as_rows_and_as_columns():
    for case in list(paired(all_axes(symmetric=True), 3))[::SHORT]:
        check(case, *EXACT)


@pytest.mark.slow
def test_every_axis_paired_in_three_rounds():
    for case in paired(all_axes(symmetric=True), 3):
        check(case, *EXACT)


def test_every_axis_of_stride_1_by_fft():
    axes = [a for a in all_axes(symmetric=True) if a.stride == 1]
    with cost_no_object():
        for case in paired(axes, 1):
            check(case, "fft")


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("taps", TAPS)
@pytest.mark.parametrize("stride", STRIDES)
def test_every_pair_of_axes(stride, taps, size):
    """The whole product, in shares of rows: about half an hour on one core."""
    axes = all_axes(symmetric=True)
    rows = [a for a in axes if a[:3] == (size, taps, stride)]
    for i, row in enumerate(rows):
        for j, column in enumerate(axes):
            check(joined((row, column), i + j), *EXACT)
