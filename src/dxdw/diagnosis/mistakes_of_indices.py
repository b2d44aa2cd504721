"""Mistakes in which loop variable stands where: one of them at two axes, or an image turned."""

from collections.abc import Iterator

from .mistake import Change, Mistake, mapped
from .terms import Impossible, Terms

_REPEATED = "index-repeated"


def index_mistakes() -> Iterator[Mistake]:
    """All of these."""
    yield from _of_the_image()
    yield from _of_the_others()
    yield from _image_turned()


# Rows and columns of x as they should be: i + u and j + v. Those in which nothing stands twice are
# exchanges, and have names of their own.
_TWICE = (("iu", "ju", "u"), ("iv", "jv", "v"), ("iu", "iv", "i"), ("ju", "jv", "j"))


def _of_the_image() -> Iterator[Mistake]:
    for row, column, twice in _TWICE:
        place = f"x[c,{'+'.join(row)},{'+'.join(column)}]"
        for sliced in (False, True) if twice in "ij" else (False,):
            yield Mistake(
                f"{place} is used in place of x[c,i+u,j+v]", _at(row, column, sliced),
                _REPEATED, _REPEATED, rare=True, along=twice,
            )  # fmt: skip


def _at(row: str, column: str, sliced: bool) -> Change:
    """With these loop variables; a slice that ends outside is cut off, an index there raises."""

    def change(t: Terms) -> None:
        taps, firsts = [], []
        for axis, names in enumerate((row, column)):
            firsts.append(getattr(t, names[0]) * t.stride[axis] - t.padding[axis])
            taps.append(getattr(t, names[1]) * t.dilation[axis])
            end = t.x.shape[axis + 2] + t.padding[axis]
            if sliced:
                taps[axis] = t.cut(firsts[axis], taps[axis], axis)
            elif int((firsts[axis] + taps[axis]).max()) >= end:
                raise Impossible
        t.at[2:] = [first + tap for first, tap in zip(firsts, taps, strict=True)]

    return change


def _of_the_others() -> Iterator[Mistake]:
    for which, what, right, index in (
        ("g", "grad_out", "o,i,j", ".ii"), ("g", "grad_out", "o,i,j", ".jj"),
        ("w", "W", "o,c,u,v", "..uu"), ("w", "W", "o,c,u,v", "..vv"),
        ("w", "W", "o,c,u,v", "oo.."), ("w", "W", "o,c,u,v", "cc.."),
    ):  # fmt: skip
        names = right.split(",")
        said = ",".join(n if k == "." else k for n, k in zip(names, index, strict=True))
        twice = next(k for k in index if k != ".")
        batch = (".",) if which == "g" else ()
        yield Mistake(
            f"{what}[{said}] is used in place of {what}[{right}]",
            mapped(which, *batch, *index), _REPEATED, _REPEATED, rare=True, along=twice,
        )  # fmt: skip


def _image_turned() -> Iterator[Mistake]:
    for rows, columns in ((True, True), (True, False), (False, True)):

        def turned(t: Terms, rows: bool = rows, columns: bool = columns) -> None:
            t.turn("at", rows, columns)

        name = "image-reversed"
        yield Mistake(
            f"the image's {turned_axes(rows, columns)} stand in reverse order", turned,
            name, name, rare=True, along=one_axis(rows, columns),
        )  # fmt: skip


def turned_axes(rows: bool, columns: bool) -> str:
    """In words."""
    return one_axis(rows, columns) or "rows and columns"


def one_axis(rows: bool, columns: bool) -> str:
    """The axis, where it is one."""
    return "" if rows and columns else "rows" if rows else "columns"
