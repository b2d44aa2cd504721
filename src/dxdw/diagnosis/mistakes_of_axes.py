"""Mistakes in which axis is which: channels exchanged, images mixed, numbers only reshaped."""

from collections.abc import Iterator
from itertools import product

import numpy as np

from ..core.arrays import Array
from .causes import listed
from .mistake import Mistake, mapped
from .terms import Terms

RESHAPED = "reshaped-not-transposed"
_AXES = ("output channels", "input channels", "rows", "columns")  # of W


def axes_mistakes() -> Iterator[Mistake]:
    """All of these."""
    yield from _positions()
    yield from _channels()
    yield from _images()
    yield from _reshaped_gradient()
    yield from _reshaped_kernel()
    yield from _reshaped_image()


def _positions() -> Iterator[Mistake]:
    """x[:, j : j + kH, i : i + kW], with what NumPy does to a slice that ends outside."""

    def change(t: Terms) -> None:
        (s, r), (p, q), (d, e) = t.stride, t.padding, t.dilation
        first = [t.j * s - p, t.i * r - q]
        taps = [t.u * d, t.v * e]
        taps = [t.cut(first[axis], taps[axis], axis) for axis in (0, 1)]
        t.at[2:] = [first[0] + taps[0], first[1] + taps[1]]

    # In dx that is what G[o,j,i] gives, and so it is in both.
    name = "grad-transposed"
    words = "the patch begins at x[c,j,i], and not at x[c,i,j]"
    yield Mistake(words, change, name, "patch-transposed", (name,), rare=True)


def _channels() -> Iterator[Mistake]:
    name = "channels-exchanged"
    exchanged = mapped("w", "c", "o", ".", ".")
    yield Mistake("W[c,o,u,v] is used in place of W[o,c,u,v]", exchanged, name, name)

    # np.flip(W) turns all axes, W[o][::-1, ::-1] the channels and the rows.
    for turns in product((False, True), repeat=4):
        axes = [axis for axis, turn in enumerate(turns) if turn]
        if not (turns[0] or turns[1]):
            continue  # rows and columns alone are another mistake

        def flipped(t: Terms, axes: list[int] = axes) -> None:
            for axis in axes:
                t.w[axis] = t.W.shape[axis] - 1 - t.w[axis]

        along = listed([_AXES[axis] for axis in axes])
        words = f"the {along} of the kernel stand in reverse order"
        name = "channels-reversed"
        yield Mistake(words, flipped, name, name, rare=True, along=along)


def _images() -> Iterator[Mistake]:
    name = "images-mixed"

    def summed(t: Terms) -> None:
        t.G = np.broadcast_to(t.G.sum(0, keepdims=True), t.G.shape)

    words = "the sum of grad_out over the batch is taken for each image"
    yield Mistake(words, summed, name, name, rare=True)
    for which, what in (("g", "grad_out"), ("at", "x")):
        fixed = mapped(which, 0, ".", ".", ".")
        yield Mistake(f"{what}[0] is used in place of {what}[n]", fixed, name, name, rare=True)


# --- reshape where transpose belongs ----------------------------------------------------------


def taken(a: Array, axes: str, memory: str, order: str) -> Array:
    """What comes of numbers that lie in one order of axes, and are taken to lie in another."""
    flat = a.transpose([axes.index(axis) for axis in memory]).ravel()
    lengths = [a.shape[axes.index(axis)] for axis in order]
    found: Array = flat.reshape(lengths).transpose([order.index(axis) for axis in axes])
    return found


def _orders(memories: tuple[str, ...], orders: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    return ((m, o) for m, o in product(memories, orders) if m != o)


def _said(what: str, memory: str, order: str) -> str:
    lie, are = (f"({','.join(axes)})" for axes in (memory, order))
    return f"{what}'s numbers lie in the order {lie}, and are taken to lie in the order {are}"


def _reshaped_gradient() -> Iterator[Mistake]:
    memories = ("noij", "nijo", "onij", "oijn", "ijno", "noji", "njio", "onji", "ojin")
    for memory, order in _orders(memories, ("nijo", "onij", "oijn", "noij", "ijno", "noji")):

        def change(t: Terms, memory: str = memory, order: str = order) -> None:
            t.G = taken(t.G, "noij", memory, order)

        # Where nothing but i and j stand exchanged, that is what there is to say.
        only = memory.translate(str.maketrans("ij", "ji")) == order
        name = "grad-transposed" if only else RESHAPED
        yield Mistake(_said("grad_out", memory, order), change, name, name, rare=True)


def _reshaped_kernel() -> Iterator[Mistake]:
    """W as dx reads it, and dW as it is returned."""
    memories = ("ocuv", "uvco", "cuvo", "couv", "ouvc", "uvoc")
    for memory, order in _orders(("ocuv", "uvco"), memories):

        def read(t: Terms, memory: str = memory, order: str = order) -> None:
            t.W = taken(t.W, "ocuv", memory, order)

        yield Mistake(_said("W", memory, order), read, RESHAPED, rare=True)
    for memory, order in _orders(memories, ("ocuv", "uvco")):
        yield _returned("dW", "ocuv", memory, order)


def _reshaped_image() -> Iterator[Mistake]:
    """x as dW reads it, and dx as it is returned."""
    memories = ("nchw", "nhwc", "cnhw", "chwn", "nwhc")
    for memory, order in _orders(("nchw", "nhwc"), memories):

        def read(t: Terms, memory: str = memory, order: str = order) -> None:
            t.x = taken(t.x, "nchw", memory, order)

        yield Mistake(_said("x", memory, order), read, None, RESHAPED, rare=True)
    for memory, order in _orders(memories, ("nchw", "nhwc")):
        yield _returned("dx", "nchw", memory, order)


def _returned(result: str, axes: str, memory: str, order: str) -> Mistake:
    def change(t: Terms) -> None:
        t.after.append(lambda a: taken(a, axes, memory, order))

    names: dict[str, str] = {result: RESHAPED}
    return Mistake(
        _said(result, memory, order), change, names.get("dx"), names.get("dW"), rare=True
    )
