"""The geometry of one convolution, and the only place with its index arithmetic.

Along one axis, output position i and tap u meet at input position

    j = i·stride + u·dilation − before

Everything else here is that equation read in its two directions: which input each output needs
(a gather), and which inputs each output reaches (a scatter).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from math import gcd, prod
from operator import attrgetter
from typing import Any

from .kept import kept

Span = tuple[int, int]
"""Positions first … last − 1 of an axis, or images."""

Spans = tuple[Span, ...]
"""A rectangle: a span of images, then one along each axis."""


def meeting(offset: int, step: int, size: int, first: int, last: int) -> tuple[slice, slice]:
    """Those q in first..last with 0 <= q·step + offset < size, counted from first; and where."""
    low = max(first, -(offset // step))
    high = min(last, (size - 1 - offset) // step + 1)
    if high <= low:
        return slice(0, 0), slice(0, 0)
    return slice(low - first, high - first), slice(
        low * step + offset, (high - 1) * step + offset + 1, step
    )


@dataclass(frozen=True, slots=True)
class Gather:
    """Along one axis: destination q of a phase reads source q·step + offsets[t] through taps[t].

    Offsets ascend. A source position outside [0, source) is a zero. The phase's destinations are
    start, start + spacing, … (count of them).
    """

    taps: range
    offsets: range
    step: int
    source: int
    start: int
    spacing: int
    count: int

    @property
    def distance(self) -> int:
        """Of the offsets from each other."""
        return self.offsets.step if len(self.offsets) > 1 else 1

    def dilation_phases(self) -> Iterator["Gather"]:
        """Of a dilated gather of step 1, the dense ones that every dilation-th destination makes,
        the largest first.

        Destinations a, a + d, … read sources a, a + d, … and no others, d being the distance. A
        gather whose taps are neighbours already is its own only phase.
        """
        d = self.distance
        if self.step > 1 or d == 1:
            yield self
            return
        for a in range(min(d, self.count)):
            yield replace(
                self,
                offsets=range(self.offsets.start + a, self.offsets.stop + a, d),
                step=d,
                start=self.start + a * self.spacing,
                spacing=self.spacing * d,
                count=-(-(self.count - a) // d),
            )

    def residues(self) -> dict[int, list[tuple[int, int]]]:
        """Taps by the residue of their offset modulo the step, as (index into taps, shift).

        Sources residue + step·0, residue + step·1, … form a grid of their own, on which the tap
        with that shift reads destination q at grid position q + shift.
        """
        grids: dict[int, list[tuple[int, int]]] = {}
        for t, offset in enumerate(self.offsets):
            shift, residue = divmod(offset, self.step)
            grids.setdefault(residue, []).append((t, shift))
        return grids


@dataclass(frozen=True, slots=True)
class Axis:
    """One spatial axis: the input's size, the kernel's taps, and how they are laid on each other.

    `out` is at most the number of positions the kernel can take; it is less only for a transposed
    convolution with more output padding than its stride.
    """

    size: int
    taps: int
    stride: int
    dilation: int
    before: int
    after: int
    out: int

    @property
    def extent(self) -> int:
        return (self.taps - 1) * self.dilation + 1

    @property
    def padded(self) -> int:
        return self.before + self.size + self.after

    def prepadded(self) -> "Axis":
        """The same axis over an input that carries its padding already."""
        return replace(self, size=self.padded, before=0, after=0)

    def forward_gather(self) -> Gather:
        offsets = _steps(-self.before, self.dilation, self.taps)
        return Gather(range(self.taps), offsets, self.stride, self.size, 0, 1, self.out)

    def dx_gathers(self) -> list[Gather]:
        """The stride phases of dx that hold a tap: input q·stride + a gathers outputs q + offset.

        The taps that reach phase a satisfy u·dilation ≡ a + before (mod stride), so each phase is
        a problem of stride 1 with a part of the taps: nothing is multiplied that does not count.
        """
        apart = self.stride // gcd(self.stride, self.dilation)  # of the taps of a phase
        phases = []
        for u in range(min(apart, self.taps)):
            a = (u * self.dilation - self.before) % self.stride
            if a >= self.size:
                continue
            # A later tap reads an earlier output, so going backwards makes offsets ascend.
            taps = range(u, self.taps, apart)[::-1]
            first = (a + self.before - taps[0] * self.dilation) // self.stride
            offsets = _steps(first, apart * self.dilation // self.stride, len(taps))
            count = -(-(self.size - a) // self.stride)
            phases.append(Gather(taps, offsets, 1, self.out, a, self.stride, count))
        phases.sort(key=attrgetter("start"))
        return phases

    def windows(self, first: int, last: int) -> Span:
        """The positions that the windows of outputs first … last − 1 span, of padding too."""
        begin = first * self.stride - self.before
        return begin, begin + (last - 1 - first) * self.stride + self.extent

    def outputs_reaching(self, first: int, last: int) -> Span:
        """The outputs whose windows have one of positions first … last − 1 between their ends."""
        begin = max(-((self.extent - 1 - self.before - first) // self.stride), 0)
        end = min((last - 1 + self.before) // self.stride + 1, self.out)
        return begin, max(begin, end)

    def part(self, outputs: Span, inputs: Span) -> tuple["Axis", Span, Span] | None:
        """The axis of those of the outputs and of the inputs that meet, and which they are.

        What their windows span beside is padding to this axis. None where none meet.
        """
        reaching = self.outputs_reaching(*inputs)
        first, last = max(outputs[0], reaching[0]), min(outputs[1], reaching[1])
        if first >= last:
            return None
        low, high = self.windows(first, last)
        begin, end = max(low, inputs[0]), min(high, inputs[1])
        if begin >= end:  # no inputs to begin with
            return None
        axis = replace(
            self, size=end - begin, before=begin - low, after=high - end, out=last - first
        )
        return axis, (first, last), (begin, end)

    def outputs_centred_before(self, position: int) -> int:
        """How many outputs have the middle of their window before an input position."""
        middle = (self.extent - 1) // 2 - self.before
        return min(max(-((middle - position) // self.stride), 0), self.out)

    @property
    def meetings(self) -> int:
        """Pairs of an output and a tap that meet within the input."""
        return self._meetings_up_to(self.size - 1) - self._meetings_up_to(-1)

    def _meetings_up_to(self, position: int) -> int:
        """The pairs that meet at this position or before it; counted, as there may be millions."""
        room = position + self.before  # i·stride + u·dilation is at most that
        if room < 0 or not self.taps:
            return 0
        some = min(self.out, room // self.stride + 1)  # outputs that have a tap there
        every = (room - (self.taps - 1) * self.dilation) // self.stride + 1  # and all of theirs
        every = min(max(every, 0), some)
        # Of the others the last has the fewest; each before it has as many more as a stride makes.
        rest = some - every
        least = room - (some - 1) * self.stride
        return every * self.taps + rest + _sum_of_quotients(rest, self.stride, least, self.dilation)

    def reach(self, tap: int) -> tuple[slice, slice]:
        """The outputs for which this tap falls inside the input, and the inputs it falls on."""
        return meeting(tap * self.dilation - self.before, self.stride, self.size, 0, self.out)


@dataclass(frozen=True)
class ConvGeometry:
    """A convolution's sizes, checked and final. Hashable: it is the key of every cache.

    The input is (batch, channels_in, *sizes), the output (batch, channels_out, *outs) and W
    (channels_out, channels_in/groups, *taps). A transposed convolution has the geometry of the
    convolution it is the adjoint of.
    """

    batch: int
    channels_in: int
    channels_out: int
    groups: int
    axes: tuple[Axis, ...]
    padding_mode: str = "zeros"

    def __hash__(self) -> int:
        return self._hash  # asked for on every call: worth keeping

    def __reduce__(self) -> tuple[Any, ...]:
        # Another process hashes strings in another way: what is kept here is of no use there.
        fields = (self.batch, self.channels_in, self.channels_out, self.groups, self.axes)
        return ConvGeometry, (*fields, self.padding_mode)

    @kept
    def _hash(self) -> int:
        fields = (self.batch, self.channels_in, self.channels_out, self.groups, self.axes)
        return hash((*fields, self.padding_mode))

    @kept
    def x_shape(self) -> tuple[int, ...]:
        return (self.batch, self.channels_in, *(a.size for a in self.axes))

    @kept
    def out_shape(self) -> tuple[int, ...]:
        return (self.batch, self.channels_out, *(a.out for a in self.axes))

    @kept
    def W_shape(self) -> tuple[int, ...]:
        in_group = self.channels_in // self.groups
        return (self.channels_out, in_group, *(a.taps for a in self.axes))

    @kept
    def sizes(self) -> tuple[int, ...]:
        """Elements of x, W and the output."""
        return prod(self.x_shape), prod(self.W_shape), prod(self.out_shape)

    @kept
    def flops(self) -> int:
        """Floating-point operations of one pass: 2 for each product and its addition."""
        taps_and_channels = prod(self.W_shape[1:])
        return 2 * prod(self.out_shape) * taps_and_channels

    @kept
    def products(self) -> int:
        """Products of W with what is x and not its padding."""
        channels = self.channels_out * (self.channels_in // self.groups)
        return self.batch * channels * prod(a.meetings for a in self.axes)

    @kept
    def terms(self) -> dict[str, int]:
        """The most products that one element of each result sums: K of the error bound γ_K."""
        taps = prod(self.W_shape[2:])
        return {
            "forward": taps * (self.channels_in // self.groups),
            "dx": taps * (self.channels_out // self.groups),
            "dW": self.batch * prod(self.out_shape[2:]),
        }

    @property
    def explicit_padding(self) -> bool:
        """Whether the input must be padded before an engine sees it: engines know only zeros."""
        return self.padding_mode != "zeros" and any(a.before or a.after for a in self.axes)

    @kept
    def prepadded(self) -> "ConvGeometry":
        axes = tuple(a.prepadded() for a in self.axes)
        return replace(self, axes=axes, padding_mode="zeros")

    @kept
    def images_as_groups(self) -> "ConvGeometry":
        """One image whose groups are this batch's images, each with its own W."""
        return replace(
            self,
            batch=1,
            channels_in=self.batch * self.channels_in,
            channels_out=self.batch * self.channels_out,
            groups=self.batch * self.groups,
        )

    def windows(self, outputs: Spans) -> Spans:
        """What the windows of outputs span, of padding too."""
        each = zip(self.axes, outputs[1:], strict=True)
        return (outputs[0], *(axis.windows(*span) for axis, span in each))

    def outputs_reaching(self, inputs: Spans) -> Spans:
        """The outputs whose windows have some of the inputs between their ends."""
        each = zip(self.axes, inputs[1:], strict=True)
        return (inputs[0], *(axis.outputs_reaching(*span) for axis, span in each))

    def part(self, outputs: Spans, inputs: Spans) -> tuple["ConvGeometry", Spans, Spans] | None:
        """The convolution of those of the outputs and of the inputs that meet, and which they are.

        The convolution is the sum of such parts: over all pieces that the inputs are in, of each
        output (forward), or over all that the outputs are in, of each input (dx).
        """
        images = max(outputs[0][0], inputs[0][0]), min(outputs[0][1], inputs[0][1])
        each = zip(self.axes, outputs[1:], inputs[1:], strict=True)
        parts = [part for axis, out, in_ in each if (part := axis.part(out, in_))]
        if images[0] >= images[1] or len(parts) < len(self.axes):
            return None
        axes, outs, ins = zip(*parts, strict=True)
        geometry = replace(self, batch=images[1] - images[0], axes=axes)
        return geometry, (images, *outs), (images, *ins)

    @kept
    def forward_gathers(self) -> tuple[Gather, ...]:
        return tuple(a.forward_gather() for a in self.axes)

    @kept
    def dx_phases(self) -> tuple[tuple[Gather, ...], ...]:
        """Every combination of the axes' stride phases."""
        return tuple(product(*(a.dx_gathers() for a in self.axes)))

    def tap_reaches(self) -> Iterator[tuple[tuple[int, ...], tuple[slice, ...], tuple[slice, ...]]]:
        """For each tap that reaches the input at all: its index, the outputs and the inputs."""
        each_axis = [[(u, *a.reach(u)) for u in range(a.taps)] for a in self.axes]
        for combination in product(*each_axis):
            outputs = tuple(c[1] for c in combination)
            if all(s.stop > s.start for s in outputs):
                yield tuple(c[0] for c in combination), outputs, tuple(c[2] for c in combination)


def _steps(first: int, step: int, count: int) -> range:
    return range(first, first + count * step, step)


def _sum_of_quotients(count: int, slope: int, start: int, divisor: int) -> int:
    """Σ (slope·i + start) // divisor over i = 0 … count − 1, none of them negative.

    By whole parts, then with axes exchanged, as Euclid's algorithm goes: Graham, Knuth and
    Patashnik, Concrete Mathematics (1994), section 3.5.
    """
    total = 0
    while count:
        whole, slope = divmod(slope, divisor)
        total += whole * (count * (count - 1) // 2)
        whole, start = divmod(start, divisor)
        total += whole * count
        # What is left lies below a line: its points are counted along the other axis.
        count, start, slope, divisor = *divmod(slope * count + start, divisor), divisor, slope
    return total


def same_padding(size: int, extent: int, stride: int) -> tuple[int, int]:
    """Padding that gives ceil(size / stride) outputs; an odd one out goes after."""
    out = -(-size // stride)
    total = max((out - 1) * stride + extent - size, 0)
    return total // 2, total - total // 2
