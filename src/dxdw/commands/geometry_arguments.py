"""Shapes and options of a convolution, as commands take them."""

import argparse
from typing import Any


def add(parser: argparse.ArgumentParser, *, optional: bool = False) -> None:
    """Add the shapes, which can be left out where they are optional, and the options."""
    shapes: dict[str, Any] = {"nargs": "?"} if optional else {}
    parser.add_argument(
        "x_shape", type=_numbers, metavar="X_SHAPE", help="as in 8,64,56,56", **shapes
    )
    parser.add_argument(
        "W_shape", type=_numbers, metavar="W_SHAPE", help="as in 64,64,3,3", **shapes
    )
    parser.add_argument("--padding", type=_padding, default=0, help="a number, 1,2 or a word")
    parser.add_argument("--stride", type=_one_or_more, default=1)
    parser.add_argument("--dilation", type=_one_or_more, default=1)
    parser.add_argument("--groups", type=int, default=1)


def _numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        message = f"{text!r} is not a list of whole numbers, as in 8,64,56,56"
        raise argparse.ArgumentTypeError(message) from None


def _one_or_more(text: str) -> int | tuple[int, ...]:
    numbers = _numbers(text)
    return numbers[0] if len(numbers) == 1 else numbers


def _padding(text: str) -> str | int | tuple[int, ...]:
    return text if text.isalpha() else _one_or_more(text)
