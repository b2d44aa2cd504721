"""The mistakes that are known, as changes of the terms: what can be made wrong in a loop nest."""

from collections.abc import Callable, Iterator
from functools import lru_cache, partial

import numpy as np

from ..core.arrays import Array
from .mistake import Change, Mistake, mapped
from .mistakes_of_axes import axes_mistakes
from .mistakes_of_geometry import geometry_mistakes, shifts
from .mistakes_of_indices import index_mistakes, one_axis, turned_axes
from .terms import Terms


@lru_cache(maxsize=1)
def mistakes() -> tuple[Mistake, ...]:
    """All of them."""
    return (
        *_kernel(), *_gradient(), *_windows(), *_output_channels(), *_input_channels(),
        *_positions(), *_values(), *_weights(), *_factors(), *_returned_early(), *shifts(),
        *_overwritten(), *geometry_mistakes(), *axes_mistakes(), *index_mistakes(),
    )  # fmt: skip


def _kernel() -> Iterator[Mistake]:
    for rows, columns in ((True, True), (True, False), (False, True)):

        def flipped(t: Terms, rows: bool = rows, columns: bool = columns) -> None:
            t.turn("w", rows, columns)

        yield Mistake(
            f"the kernel's {turned_axes(rows, columns)} stand in reverse order", flipped,
            "dx-kernel-flipped", "dw-reversed", along=one_axis(rows, columns),
        )  # fmt: skip

    name = ("kernel-transposed", "patch-transposed", ("kernel-transposed",))
    yield Mistake(
        "W[o,c,v,u] is used in place of W[o,c,u,v]", mapped("w", ".", ".", "v", "u"), *name
    )

    def patch(t: Terms) -> None:
        (s, r), (p, q), (d, e) = t.stride, t.padding, t.dilation
        t.at[2:] = [t.i * s + t.v * d - p, t.j * r + t.u * e - q]

    yield Mistake("x[c,i+v,j+u] is used in place of x[c,i+u,j+v]", patch, *name)

    def image(t: Terms) -> None:
        rows, columns = t.window()
        t.at[2:] = [columns, rows]

    def corner(t: Terms) -> None:
        (s, r), (p, q) = t.stride, t.padding
        t.at[2:] = [t.i * s - p, t.j * r - q]

    yield Mistake("x[c,i,j] is used in place of x[c,i+u,j+v]", corner, None, "one-pixel", rare=True)
    yield Mistake("x[c,j+v,i+u] is used in place of x[c,i+u,j+v]", image, None, "patch-transposed")

    def skipped(mask: Callable[[Terms], Array], words: str) -> Mistake:
        name = "kernel-taps-skipped"
        return Mistake(words, lambda t: t.keep(mask(t)), name, name)

    yield skipped(lambda t: t.u < t.spans[5] - 1, "the kernel's last row is skipped")
    yield skipped(lambda t: t.v < t.spans[6] - 1, "the kernel's last column is skipped")
    yield skipped(
        lambda t: (t.u < t.spans[5] - 1) & (t.v < t.spans[6] - 1),
        "the kernel's last row and column are skipped",
    )
    yield skipped(lambda t: t.u > 0, "the kernel's first row is skipped")
    yield skipped(lambda t: t.v > 0, "the kernel's first column is skipped")
    yield skipped(lambda t: (t.u == 0) & (t.v == 0), "only the kernel's number [0,0] is used")


def _gradient() -> Iterator[Mistake]:
    transposed = "grad-transposed"
    yield Mistake(
        "grad_out[o,j,i] is used in place of grad_out[o,i,j]",
        mapped("g", ".", ".", "j", "i"),
        transposed,
        transposed,
    )
    name = "grad-flipped"
    for rows, columns in ((True, True), (True, False), (False, True)):

        def flip(t: Terms, rows: bool = rows, columns: bool = columns) -> None:
            t.turn("g", rows, columns)

        yield Mistake(
            f"the {turned_axes(rows, columns)} of grad_out are read in reverse order", flip,
            name, name, rare=not (rows and columns), along=one_axis(rows, columns),
        )  # fmt: skip

    def same(words: str, value: Callable[[Array], Array]) -> Mistake:
        def change(t: Terms) -> None:
            t.G = np.broadcast_to(value(t.G), t.G.shape)

        return Mistake(words, change, "grad-position-ignored", "grad-position-ignored")

    space = (2, 3)
    yield same(
        "the sum of grad_out[o] is taken for each of its values",
        lambda G: G.sum(space, keepdims=True),
    )
    yield same(
        "the mean of grad_out[o] is taken for each of its values",
        lambda G: G.mean(space, keepdims=True),
    )
    yield same("the sum of all of grad_out is taken for each of its values", lambda G: G.sum())
    yield same("the mean of all of grad_out is taken for each of its values", lambda G: G.mean())
    yield same("grad_out is not read: 1 is taken for each of its values", np.ones_like)
    yield same("grad_out[o,0,0] is used in place of grad_out[o,i,j]", lambda G: G[:, :, :1, :1])
    yield same("grad_out[o,-1,-1] is used in place of grad_out[o,i,j]", lambda G: G[:, :, -1:, -1:])
    yield same(
        "the largest of grad_out[o] is taken for each of its values",
        lambda G: G.max(space, keepdims=True),
    )
    yield same("grad_out[o,0,j] is used in place of grad_out[o,i,j]", lambda G: G[:, :, :1])
    yield same("grad_out[o,i,0] is used in place of grad_out[o,i,j]", lambda G: G[..., :1])
    for axis, what in ((2, "column"), (3, "row")):
        for reduce, how in ((np.sum, "sum"), (np.mean, "mean")):
            value = partial(reduce, axis=axis, keepdims=True)
            yield same(f"the {how} of a {what} of grad_out is taken for each of its values", value)


def _windows() -> Iterator[Mistake]:
    for rows, columns in ((True, True), (True, False), (False, True)):

        def still(t: Terms, rows: bool = rows, columns: bool = columns) -> None:
            (s, r), (p, q), (d, e) = t.stride, t.padding, t.dilation
            i, j = np.zeros_like(t.i) if rows else t.i, np.zeros_like(t.j) if columns else t.j
            t.at[2:] = [i * s + t.u * d - p, j * r + t.v * e - q]

        moves = "at all" if rows and columns else f"along the {'rows' if rows else 'columns'}"
        words = f"the window does not move {moves}"
        ignored = "grad-position-ignored"
        yield Mistake(words, still, ignored, ignored, rare=not (rows and columns))


def _output_channels() -> Iterator[Mistake]:
    name = "grad-channel-fixed"
    yield Mistake(
        "grad_out[0,i,j] is used in place of grad_out[o,i,j]",
        mapped("g", ".", 0, ".", "."),
        name,
        name,
    )
    yield Mistake(
        "grad_out[-1,i,j] is used in place of grad_out[o,i,j]",
        mapped("g", ".", -1, ".", "."),
        name,
        name,
    )

    def over_channels(reduce: Callable[..., Array]) -> Change:
        def change(t: Terms) -> None:
            t.G = np.broadcast_to(reduce(t.G, 1, keepdims=True), t.G.shape)

        return change

    # `dW += g * patch` without [o]: the patch is broadcast to every o.
    yield Mistake(
        "every kernel gets what belongs to all of them",
        over_channels(np.sum),
        name,
        "wrong-broadcast",
        (name,),
    )
    yield Mistake(
        "the mean of grad_out over its channels is taken for each of them",
        over_channels(np.mean),
        name,
        name,
    )

    name = "kernel-channel-fixed"
    yield Mistake("W[0] is used in place of W[o]", mapped("w", 0, ".", ".", "."), name)
    yield Mistake("W[-1] is used in place of W[o]", mapped("w", -1, ".", ".", "."), name)

    def kernels(reduce: Callable[..., Array]) -> Change:
        def change(t: Terms) -> None:
            t.W = np.broadcast_to(reduce(t.W, 0, keepdims=True), t.W.shape)

        return change

    yield Mistake("the sum of all kernels is taken for each of them", kernels(np.sum), name)
    yield Mistake("the mean of all kernels is taken for each of them", kernels(np.mean), name)


def _input_channels() -> Iterator[Mistake]:
    name = "input-channels-lost"
    for k, said in ((0, "0"), (-1, "-1")):
        yield Mistake(
            f"channel {said} of the kernel is taken for every c",
            mapped("w", ".", k, ".", "."),
            name,
            name,
        )
        yield Mistake(
            f"channel {said} of x is taken for every c", mapped("at", ".", k, ".", "."), name, name
        )

    def merged(reduce: Callable[..., Array]) -> Change:
        def change(t: Terms) -> None:
            t.x = np.broadcast_to(reduce(t.x, 1, keepdims=True), t.x.shape)
            t.W = np.broadcast_to(reduce(t.W, 1, keepdims=True), t.W.shape)

        return change

    yield Mistake("the channels of x are added up into one", merged(np.sum), name, name)
    yield Mistake(
        "the mean of the channels of x is taken for each of them", merged(np.mean), name, name
    )

    def only(axis: str, place: int, name: str) -> Iterator[Mistake]:
        def mask(test: Callable[[Array, int], Array]) -> Change:
            return lambda t: t.keep(test(getattr(t, axis), t.spans[place]))

        yield Mistake(f"only {axis} = 0 is computed", mask(lambda k, _: k == 0), name, name)
        yield Mistake(f"the last {axis} is skipped", mask(lambda k, n: k < n - 1), name, name)
        yield Mistake(f"{axis} = 0 is skipped", mask(lambda k, _: k > 0), name, name)
        if axis == "c":
            yield Mistake("only the last c is computed", mask(lambda k, n: k == n - 1), name, name)

    yield from only("c", 2, name)
    yield from only("o", 1, "output-channels-lost")


def _positions() -> Iterator[Mistake]:
    name = "last-position-skipped"

    def skipped(words: str, mask: Callable[[Terms], Array]) -> Mistake:
        return Mistake(words, lambda t: t.keep(mask(t)), name, name)

    yield skipped("the last row of grad_out is skipped", lambda t: t.i < t.spans[3] - 1)
    yield skipped("the last column of grad_out is skipped", lambda t: t.j < t.spans[4] - 1)
    yield skipped(
        "the last row and column of grad_out are skipped",
        lambda t: (t.i < t.spans[3] - 1) & (t.j < t.spans[4] - 1),
    )
    yield skipped(
        "the last value of grad_out is skipped",
        lambda t: (t.i < t.spans[3] - 1) | (t.j < t.spans[4] - 1),
    )
    yield skipped("the first row of grad_out is skipped", lambda t: t.i > 0)
    yield skipped("the first column of grad_out is skipped", lambda t: t.j > 0)
    yield skipped(
        "the first row and column of grad_out are skipped", lambda t: (t.i > 0) & (t.j > 0)
    )
    yield skipped("the first value of grad_out is skipped", lambda t: (t.i > 0) | (t.j > 0))
    yield skipped("every second row of grad_out is skipped", lambda t: t.i % 2 == 0)
    yield skipped("every second column of grad_out is skipped", lambda t: t.j % 2 == 0)
    yield skipped(
        "the last kH-1 rows and kW-1 columns of grad_out are skipped",
        lambda t: (t.i <= t.spans[3] - t.spans[5]) & (t.j <= t.spans[4] - t.spans[6]),
    )
    yield skipped("only row 0 of grad_out is used", lambda t: t.i == 0)
    yield skipped("only column 0 of grad_out is used", lambda t: t.j == 0)


def _values() -> Iterator[Mistake]:
    name = "nonlinear-in-grad"
    functions: dict[str, Callable[[Array], Array]] = {
        "abs(g)": np.abs,
        "g**2": np.square,
        "g * abs(g)": lambda G: G * np.abs(G),
        "g**3": lambda G: G**3,
        "max(g, 0)": lambda G: np.maximum(G, 0),
        "min(g, 0)": lambda G: np.minimum(G, 0),
        "g > 0": lambda G: (G > 0).astype(float),
        "g != 0": lambda G: (G != 0).astype(float),
        "the sign of g": np.sign,
        "clip(g, -1, 1)": lambda G: np.clip(G, -1, 1),
        "clip(g, 0, 1)": lambda G: np.clip(G, 0, 1),
        "tanh(g)": np.tanh,
        "exp(g)": np.exp,
        "sqrt(abs(g))": lambda G: np.sqrt(np.abs(G)),
        "max(g, 1)": lambda G: np.maximum(G, 1),
        "1 / g": lambda G: np.divide(1, G, out=np.zeros_like(G), where=G != 0),
        "log(abs(g))": lambda G: np.log(np.abs(G), out=np.zeros_like(G), where=G != 0),
    }
    for words, f in functions.items():

        def change(t: Terms, f: Callable[[Array], Array] = f) -> None:
            with np.errstate(over="ignore"):
                t.G = f(t.G)

        usual = words in {"abs(g)", "g**2", "max(g, 0)", "the sign of g", "g != 0", "g > 0"}
        yield Mistake(
            f"{words} is taken for each value g of grad_out", change, name, name, rare=not usual
        )


def _factors() -> Iterator[Mistake]:
    def own(t: Terms) -> None:
        t.own_factor = True

    name = "factors-exchanged"
    yield Mistake("dx is made of x, and dW of W", own, name, name, rare=True)


def _returned_early() -> Iterator[Mistake]:
    """`return` one or more steps too far to the right."""
    name = "returned-too-early"
    for loops in ("noi", "noij", "ijo", "ij"):

        def first(t: Terms, loops: str = loops) -> None:
            for axis in loops:
                t.keep(getattr(t, axis) == 0)

        said = ", ".join(loops.removeprefix("n"))
        yield Mistake(f"only the first step of the loops over {said} counts", first, name, name,
                      rare=True)  # fmt: skip


def _weights() -> Iterator[Mistake]:
    """Of the images: a running sum that is divided, or averaged, anew with every image."""
    for which, said in ((-1, "by N"), (0, "by 2"), (1, "by n + 1")):

        def change(t: Terms, which: int = which) -> None:
            N = t.spans[0]
            n = np.arange(N).reshape(-1, 1, 1, 1)
            later = N - 1 - n
            weight = {-1: 1.0 / N**later, 0: 0.5**later, 1: _falling(N)}[which]
            t.G = t.G * weight

        words = f"the sum so far is divided {said} with every image"
        yield Mistake(words, change, "scaled", "scaled", rare=True)


def _falling(N: int) -> Array:
    """Of image n: 1/(n+2) · … · 1/N, what divisions by 2, 3, … after it leave."""
    found = np.ones((N, 1, 1, 1))
    for n in range(N - 2, -1, -1):
        found[n] = found[n + 1] / (n + 2)
    return found


def _overwritten() -> Iterator[Mistake]:
    names = ("dx-overwritten", "dw-overwritten")
    for loops in (
        "oij",
        "ijo",
        "o",
        "i",
        "j",
        "ij",
        "ji",
        "uv",
        "u",
        "v",
        "ouv",
        "uvo",
        "n",
        "noij",
        "oji",
        "oi",
        "oj",
    ):

        def change(t: Terms, loops: str = loops) -> None:
            t.overwrites = loops

        dW = "batch-sum-missing" if loops == "n" else names[1]
        yield Mistake(
            f"each step of the loops over {', '.join(loops)} replaces what was there before",
            change, names[0], dW,
            rare=loops not in {"oij", "ijo", "ij", "uv", "i", "o", "n"},
        )  # fmt: skip
    for loops in ("o", "oi", "oij", "ij", "i", "j"):

        def restart(t: Terms, loops: str = loops) -> None:
            for axis in loops:
                place = "nocijuv".index(axis)
                t.keep(getattr(t, axis) == t.spans[place] - 1)

        # dW[o] has only its own o: there the whole array is meant.
        yield Mistake(f"zeros are made anew in the loops over {', '.join(loops)}", restart, *names)
    for n, said in ((0, "first"), (-1, "last")):

        def one(t: Terms, n: int = n) -> None:
            t.keep(t.n == n % t.spans[0])

        words = f"only the {said} image of the batch counts"
        yield Mistake(words, one, "batch-sum-missing", "batch-sum-missing")
