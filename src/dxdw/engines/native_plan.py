"""A problem as the kernels read it: 64-bit integers, laid out as native/layout/plan_view.h."""

from collections.abc import Iterable, Iterator
from math import prod

import numpy as np

from ..core.geometry import Gather
from ..core.problem import BOTH, Problem

VERSION = 4  # of this form, native/layout/plan_version.h
KINDS = ("forward", "dW", "dx", BOTH)
DTYPES = ("float32", "float64", "bfloat16", "float16")
# A step past every image: from 2**60 on, its product with a row's length would not fit 64 bits.
FAR = 2**20

Words = np.ndarray[tuple[int], np.dtype[np.int64]]


def native_plan(problem: Problem) -> Words:
    """The plan of one pass: whom it gathers from, through which taps, to where.

    Of both gradients, a head and the plan of each.
    """
    if problem.kind == BOTH:
        dx, dW = (_words(problem._replace(kind=kind)) for kind in ("dx", "dW"))
        return _joined([[*_head(problem), 5 + dx.size], dx, dW])
    return _words(problem)


def _joined(parts: Iterable["list[int] | range | Words"]) -> Words:
    # A range of millions becomes an array of its own, not a list first.
    return np.concatenate(
        [
            np.arange(part.start, part.stop, part.step, dtype=np.int64)
            if isinstance(part, range)
            else np.asarray(part, np.int64)
            for part in parts
        ]
    )


def _head(problem: Problem) -> list[int]:
    own = DTYPES.index(problem.dtype.name)
    images = own if problem.stored is None else DTYPES.index(problem.stored)
    of_dW = own if problem.wide_dW else images
    return [VERSION, KINDS.index(problem.kind), images, of_dW]


def _words(problem: Problem) -> Words:
    geometry, last = problem.geometry, problem.channels_last
    in_group = geometry.channels_in // geometry.groups
    out_group = geometry.channels_out // geometry.groups
    taps = prod(geometry.W_shape[2:])
    inputs, outputs = geometry.x_shape[2:], geometry.out_shape[2:]
    if problem.kind == "dx":
        last = last[::-1]
        channels = (out_group, in_group, in_group * taps, taps)
        sizes = (outputs, inputs)
        phases = geometry.dx_phases
    else:
        channels = (in_group, out_group, taps, in_group * taps)
        sizes = (inputs, outputs)
        phases = (geometry.forward_gathers,)
    phases = tuple(phase for phase in phases if all(g.taps for g in phase))
    head = [
        *_head(problem),
        geometry.batch,
        geometry.groups,
        *channels,
        taps,
        *(size for group in (*sizes, geometry.W_shape[2:]) for size in _three(group)),
        *map(int, last),
        len(phases),
    ]
    return _joined([head, *(part for phase in phases for part in _axes(phase))])


def _three(sizes: tuple[int, ...]) -> tuple[int, ...]:
    return (1,) * (3 - len(sizes)) + sizes


def _axes(phase: tuple[Gather, ...]) -> Iterator[list[int] | range]:
    for _ in range(3 - len(phase)):
        yield [1, 0, 1, 1, 1, 0, 0]  # an axis of one position and one tap
    for g in phase:
        step, spacing = g.step, g.spacing
        if g.count == 1:  # nobody takes them, but the kernels compute with them
            step = min(step, max(FAR, 1 + max(abs(g.offsets[0]), abs(g.offsets[-1]))))
            spacing = min(spacing, FAR)
        yield [g.count, g.start, spacing, step, len(g.taps)]
        yield from (g.taps, g.offsets)
