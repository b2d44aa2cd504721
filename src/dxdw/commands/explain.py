"""`dxdw explain`: which implementation would run a convolution, and why."""

import argparse
import json
from typing import Any

from ..call.options import PADDING_MODES, PRECISIONS
from ..core.problem import KINDS
from ..explanation import explain
from . import CommandError


def add(subparsers: Any) -> None:
    """Add the command and its options."""
    parser = subparsers.add_parser(
        "explain",
        help="say which implementation would run a convolution, and why",
        description="Example: dxdw explain dW 8,64,56,56 64,64,3,3 --padding 1 --dtype float32",
    )
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("x_shape", type=_numbers, metavar="X_SHAPE", help="as in 8,64,56,56")
    parser.add_argument("W_shape", type=_numbers, metavar="W_SHAPE", help="as in 64,64,3,3")
    parser.add_argument("--padding", type=_padding, default=0, help="a number, 1,2 or a word")
    parser.add_argument("--stride", type=_one_or_more, default=1)
    parser.add_argument("--dilation", type=_one_or_more, default=1)
    parser.add_argument("--groups", type=int, default=1)
    parser.add_argument("--padding-mode", choices=PADDING_MODES, default="zeros")
    parser.add_argument("--dtype", default="float64")
    parser.add_argument("--precision", choices=PRECISIONS, default="high")
    parser.add_argument("--engine", help="only this one")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--max-workspace", type=int, metavar="BYTES")
    parser.add_argument("--json", action="store_true", help="print it as JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the explanation."""
    options = {
        name: value for name, value in vars(arguments).items() if name not in ("run", "json")
    }
    try:
        explanation = explain(
            options.pop("kind"), options.pop("x_shape"), options.pop("W_shape"), **options
        )
    except (TypeError, ValueError) as error:
        raise CommandError(str(error)) from error
    print(json.dumps(explanation.to_json(), indent=2) if arguments.json else explanation)
    return 0


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
