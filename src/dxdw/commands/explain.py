"""`dxdw explain`: which implementation would run a convolution, and why."""

import argparse
import json
from typing import Any

from ..call.options import PADDING_MODES, PRECISIONS
from ..core.problem import KINDS
from ..explanation import explain
from . import CommandError, geometry_arguments


def add(subparsers: Any) -> None:
    """Add the command and its options."""
    parser = subparsers.add_parser(
        "explain",
        help="say which implementation would run a convolution, and why",
        description="Example: dxdw explain dW 8,64,56,56 64,64,3,3 --padding 1 --dtype float32",
    )
    parser.add_argument("kind", choices=KINDS)
    geometry_arguments.add(parser)
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
