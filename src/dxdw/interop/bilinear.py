"""What every bridge with derivatives needs to know of a convolution: its three passes are closed.

Each of forward (of x, W), dx (of grad_out, W) and dW (of grad_out, x) is bilinear, and the
derivatives of each are the other two. So a bridge that can run three passes and knows this table
has derivatives of any order. (Without conjugates: those of complex arrays are the callers'.)
"""

from dataclasses import replace
from typing import Any, NamedTuple

from ..core.arrays import Array
from ..core.geometry import ConvGeometry
from ..core.problem import KINDS

# For each pass, of its first and of its second operand: the pass that pulls a cotangent g back to
# it, and which of (g, first, second) that is of.
PULLBACKS: dict[str, tuple[tuple[str, tuple[int, int]], tuple[str, tuple[int, int]]]] = {
    "forward": (("dx", (0, 2)), ("dW", (0, 1))),
    "dx": (("forward", (0, 2)), ("dW", (1, 0))),
    "dW": (("forward", (2, 0)), ("dx", (1, 0))),
}
# The operands of each pass and its result, and what axes 0 and 1 of each of them count: images,
# channels in or channels out.
ROLES = {"forward": ("x", "W", "out"), "dx": ("out", "W", "x"), "dW": ("out", "x", "W")}
AXES = {"x": "NI", "W": "OI", "out": "NO"}


class Case(NamedTuple):
    """A convolution on arrays with a batch axis: its geometry, which has two axes where one is."""

    geometry: ConvGeometry
    ndim: int

    def shape(self, kind: str) -> tuple[int, ...]:
        """The shape of a pass's result."""
        geometry = self.geometry
        shape = (geometry.out_shape, geometry.x_shape, geometry.W_shape)[KINDS.index(kind)]
        return (*shape[:2], *shape[-self.ndim :])


class Stacked(NamedTuple):
    """A stack of passes as one: its operands, and how its result becomes the stack of results."""

    case: Case
    first: Array
    second: Array
    role: str
    label: str
    copies: int

    def unstack(self, result: Array, xp: Any) -> Array:
        """The results of the stack, along a new axis 0."""
        axis, blocks = _place(self.role, self.label, self.case.geometry.groups)
        before, size, after = result.shape[:axis], result.shape[axis], result.shape[axis + 1 :]
        parts = (blocks, self.copies, size // (blocks * self.copies))
        result = xp.moveaxis(result.reshape((*before, *parts, *after)), axis + 1, 0)
        return result.reshape((self.copies, *before, size // self.copies, *after))


def stacked(kind: str, case: Case, first: Array, second: Array, which: str, xp: Any) -> Stacked:
    """One pass that is the pass of each entry along axis 0 of the operands that are stacks.

    An axis that a stacked operand shares with the result, and not with the other operand, takes the
    stack: images for one, channels for another. Where both are stacks, each entry is a group.

    Args:
        kind, case: the pass of an entry.
        first, second: its operands; those that are stacks with an axis 0 more.
        which: "first", "second" or "both" of them are.
        xp: the library, of which `moveaxis` is used.
    """
    one, two, result = ROLES[kind]
    count = second.shape[0] if which == "second" else first.shape[0]
    if which == "both":
        label = "G"
    else:
        stack, other = (one, two) if which == "first" else (two, one)
        (label,) = set(AXES[stack]) & set(AXES[result]) - set(AXES[other])
    geometry = case.geometry
    if which != "second":
        first = _stack(first, one, label, geometry.groups, xp)
    if which != "first":
        second = _stack(second, two, label, geometry.groups, xp)
    images, inputs, outputs, groups = (
        count if label in use else 1 for use in ("N", "IG", "OG", "G")
    )
    geometry = replace(
        geometry,
        batch=geometry.batch * images,
        channels_in=geometry.channels_in * inputs,
        channels_out=geometry.channels_out * outputs,
        groups=geometry.groups * groups,
    )
    return Stacked(case._replace(geometry=geometry), first, second, result, label, count)


def _stack(a: Array, role: str, label: str, groups: int, xp: Any) -> Array:
    axis, blocks = _place(role, label, groups)
    count, *shape = a.shape
    before, size, after = shape[:axis], shape[axis], shape[axis + 1 :]
    a = a.reshape((count, *before, blocks, size // blocks, *after))
    return xp.moveaxis(a, 0, axis + 1).reshape((*before, count * size, *after))


def _place(role: str, label: str, groups: int) -> tuple[int, int]:
    """Which axis takes a stack, and into how many blocks (of a group each) it falls before."""
    if label == "G":
        return (0 if role == "W" else 1), 1
    # The channels of a group lie together, and W's axis 1 has those of one group alone.
    own = label == "N" or (role, label) == ("W", "I")
    return AXES[role].index(label), 1 if own else groups
