"""Mistakes in where the windows lie: shifts, and a misplaced stride, padding or dilation."""

from collections.abc import Callable, Iterator
from itertools import product

from .mistake import Mistake
from .terms import OUTSIDE, Terms


def shifts() -> Iterator[Mistake]:
    """By one, and by what a wrong border of a "full" or "same" convolution makes of it."""
    name = "shifted"
    reaches: dict[str, Callable[[int], int]] = {
        "1": lambda _: 1,
        "{k}−1": lambda k: k - 1,
        "{k}//2": lambda k: k // 2,
        "2": lambda _: 2,
        "{k}": lambda k: k,
    }
    used = {"at": "pixels", "g": "values of grad_out", "w": "numbers of the kernel"}
    for which, what in used.items():
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
                words = f"{what} {_further(said, row, column)} are used, {_EDGES[outside]}"
                yield Mistake(words, change, name, name, rare=not usual)


_EDGES = {
    "crop": "and what lies outside is left out",
    "wrap": "and what leaves on one side comes in on the other",
}


def _further(count: str, row: int, column: int) -> str:
    """So many rows and columns, in words."""
    parts = []
    for sign, k, what, ways in (
        (row, "kH", "row", "up down"),
        (column, "kW", "column", "left right"),
    ):
        if sign:
            number = count.replace("{k}", k)
            where = ways.split()[sign > 0]
            where = f"further {where}" if what == "row" else f"to the {where}"
            parts.append(f"{number} {what}{'' if number == '1' else 's'} {where}")
    return " and ".join(parts)


_NAME = "geometry-mixed"
_Pair = Callable[[Terms], tuple[int, int]]


def geometry_mistakes() -> Iterator[Mistake]:
    """Mistakes that show only at a stride, a padding, a dilation or groups."""
    yield from _misplaced()
    yield from _left_over()
    yield from _groups()


def _window(words: str, rare: bool = False, /, **of: _Pair) -> Mistake:
    """With another stride, padding or dilation."""

    def change(t: Terms) -> None:
        t.at[2:] = t.window(**{option: value(t) for option, value in of.items()})

    return Mistake(words, change, _NAME, _NAME, rare=rare)


def _misplaced() -> Iterator[Mistake]:
    def one(_: Terms) -> tuple[int, int]:
        return 1, 1

    def other_stride(by: int) -> _Pair:
        def stride(t: Terms) -> tuple[int, int]:
            rows, columns = (s + by if s > 1 else s for s in t.stride)
            return rows, columns

        return stride

    def turned(option: str) -> _Pair:
        return lambda t: getattr(t, option)[::-1]

    yield _window(
        "stride and dilation are exchanged",
        stride=lambda t: t.dilation, dilation=lambda t: t.stride,
    )  # fmt: skip
    yield _window("the stride is left out", stride=one)
    yield _window("the dilation is left out", dilation=one)
    yield _window("the stride is taken for the dilation", dilation=lambda t: t.stride)
    yield _window("the dilation is taken for the stride", stride=lambda t: t.dilation)
    words = "the padding is not taken into account: the windows begin at x[c,0,0]"
    yield _window(words, padding=lambda _: (0, 0))
    words = "the padding is taken off twice"
    yield _window(words, padding=lambda t: (2 * t.padding[0], 2 * t.padding[1]))
    for option in ("stride", "padding", "dilation"):
        words = f"the {option}s of rows and columns are exchanged"
        yield _window(words, **{option: turned(option)})
    for by, said in ((1, "more"), (-1, "less")):
        words = f"the windows lie one pixel {said} than the stride apart"
        yield _window(words, True, stride=other_stride(by))


def _left_over() -> Iterator[Mistake]:
    """What a stride leaves over, or the zeros that it puts between values, on the wrong side."""

    def moved(words: str, by: Callable[[Terms, int], int]) -> Mistake:
        def change(t: Terms) -> None:
            t.at[2:] = [a + by(t, axis) for axis, a in enumerate(t.window())]

        return Mistake(words, change, _NAME, _NAME, rare=True)

    def zeros(option: str, sign: int) -> Callable[[Terms, int], int]:
        return lambda t, axis: sign * (getattr(t, option)[axis] - 1)

    left = "what the stride leaves over"
    yield moved(f"{left} is put in front, and not at the end", lambda t, k: t.left_over[k])
    yield moved(f"{left} is cut off in front, and not at the end", lambda t, k: -t.left_over[k])
    for sign, where in ((1, "before"), (-1, "behind")):
        for option, said in (("stride", "values of grad_out"), ("dilation", "kernel's numbers")):
            words = f"the zeros between the {said} stand {where} each of them"
            yield moved(words, zeros(option, sign))


def _groups() -> Iterator[Mistake]:
    def first_group(t: Terms) -> None:
        t.at[1] = t.c

    yield Mistake("every group reads the first one's channels", first_group, _NAME, _NAME)

    def interleaved(t: Terms) -> None:
        groups = t.problem.geometry.groups
        t.at[1] = t.o % groups * t.spans[2] + t.c

    yield Mistake("the groups lie interleaved", interleaved, _NAME, _NAME)
