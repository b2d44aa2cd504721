"""Mistakes in where the windows lie: shifts, and a stride, padding or dilation that is misplaced."""

from collections.abc import Callable, Iterator
from itertools import product

from ..engines.libraries import Array
from .mistake import Mistake
from .terms import OUTSIDE, Terms


def shifts() -> Iterator[Mistake]:
    """By one either way, and by what a wrong border of a "full" or "same" convolution makes of it."""
    name = "shifted"
    reaches: dict[str, Callable[[int], int]] = {
        "1": lambda _: 1,
        "{k}−1": lambda k: k - 1,
        "{k}//2": lambda k: k // 2,
        "2": lambda _: 2,
        "{k}": lambda k: k,
    }
    met = {"at": "pixels", "g": "values of grad_out", "w": "numbers of the kernel"}
    for which, what in met.items():
        for (said, reach), outside in product(reaches.items(), OUTSIDE):
            for row, column in product((-1, 0, 1), repeat=2):
                if (row, column) == (0, 0):
                    continue

                def change(
                    t: Terms, which: str = which, reach: Callable[[int], int] = reach,
                    by: tuple[int, int] = (row, column), outside: str = outside,
                ) -> None:  # fmt: skip
                    for axis, sign in zip((2, 3), by, strict=True):
                        t.move(which, axis, sign * reach(t.W.shape[axis]), outside)

                usual = said == "1" and which == "at" and row * column >= 0
                words = f"{what} {_further(said, row, column)} are met, {_EDGES[outside]}"
                yield Mistake(words, change, name, name, rare=not usual)


_EDGES = {
    "crop": "and what lies outside is left out",
    "wrap": "and what leaves on one side comes in on the other",
}


def _further(count: str, row: int, column: int) -> str:
    """So many rows and columns, in words."""
    parts = []
    for sign, k, what, ways in ((row, "kH", "row", "up down"), (column, "kW", "column", "left right")):
        if sign:
            number = count.replace("{k}", k)
            where = ways.split()[sign > 0]
            if what == "row":
                where = f"further {where}"
            else:
                where = f"to the {where}"
            parts.append(f"{number} {what}{'' if number == '1' else 's'} {where}")
    return " and ".join(parts)


def geometry_mistakes() -> Iterator[Mistake]:
    """Mistakes that show only at a stride, a padding or a dilation."""
    name = "geometry-mixed"

    def window(
        words: str, *, rare: bool = False, **of: Callable[[Terms], tuple[int, int]]
    ) -> Mistake:
        def change(t: Terms) -> None:
            t.at[2:] = t.window(**{option: value(t) for option, value in of.items()})

        return Mistake(words, change, name, name, rare=rare)

    one, none = (lambda _: (1, 1)), (lambda _: (0, 0))
    yield window(
        "stride and dilation are exchanged",
        stride=lambda t: t.dilation, dilation=lambda t: t.stride,
    )  # fmt: skip
    yield window("the stride is left out", stride=one)
    yield window("the dilation is left out", dilation=one)
    yield window("the stride is taken for the dilation", dilation=lambda t: t.stride)
    yield window("the dilation is taken for the stride", stride=lambda t: t.dilation)
    yield window("the padding is not taken into account: the windows begin at x[c,0,0]", padding=none)
    yield window(
        "the padding is taken off twice", padding=lambda t: (2 * t.padding[0], 2 * t.padding[1])
    )

    def other_stride(by: int) -> Callable[[Terms], tuple[int, int]]:
        def stride(t: Terms) -> tuple[int, int]:
            rows, columns = (s + by if s > 1 else s for s in t.stride)
            return rows, columns

        return stride

    for by, said in ((1, "more"), (-1, "less")):
        words = f"the windows lie one pixel {said} than the stride apart"
        yield window(words, rare=True, stride=other_stride(by))

    def moved(words: str, by: Callable[[Terms, int], int]) -> Mistake:
        def change(t: Terms) -> None:
            t.at[2:] = [a + by(t, axis) for axis, a in enumerate(t.window())]

        return Mistake(words, change, name, name, rare=True)

    left = "what the stride leaves over"
    yield moved(f"{left} is put in front, and not at the end", lambda t, k: t.left_over[k])
    yield moved(f"{left} is cut off in front, and not at the end", lambda t, k: -t.left_over[k])
    for sign, where in ((1, "before"), (-1, "behind")):
        for option, said in (("stride", "values of grad_out"), ("dilation", "kernel's numbers")):
            words = f"the zeros between the {said} stand {where} each of them"
            yield moved(words, lambda t, k, o=option, f=sign: f * (getattr(t, o)[k] - 1))
    for option in ("stride", "padding", "dilation"):
        yield window(
            f"the {option}s of rows and columns are exchanged",
            **{option: lambda t, o=option: getattr(t, o)[::-1]},
        )

    def first_group(t: Terms) -> None:
        t.at[1] = t.c

    yield Mistake("every group reads the first one's channels", first_group, name, name)

    def interleaved(t: Terms) -> None:
        groups = t.problem.geometry.groups
        t.at[1] = t.o % groups * t.spans[2] + t.c

    yield Mistake("the groups lie interleaved", interleaved, name, name)
