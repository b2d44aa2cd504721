"""`dxdw bench`: times beside those of the ways NumPy users write a convolution themselves."""

import argparse
from pathlib import Path
from typing import Any

from ..benchmark.problems import lists
from . import CommandError


def add(subparsers: Any) -> None:
    """Add the command and its options."""
    parser = subparsers.add_parser(
        "bench",
        help="time dxdw beside the ways NumPy users write a convolution themselves",
        description="Checks every answer, then times all ways in turn, in one process.",
    )
    parser.add_argument(
        "lists", nargs="*", metavar="LIST", help=f"of {', '.join(lists())} (default: all)"
    )
    parser.add_argument(
        "--dtype",
        nargs="+",
        choices=("float32", "float64"),
        default=["float32", "float64"],
        help="default: both",
    )
    parser.add_argument("--rounds", type=int, default=7, help="at least so many (default: 7)")
    parser.add_argument(
        "--seconds", type=float, default=0.3, help="rounds of a row go on so long (default: 0.3)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all timings there")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the table as it grows."""
    from ..benchmark.bench import bench

    unknown = sorted(set(arguments.lists) - set(lists()))
    if unknown:
        raise CommandError(f"no list is named {unknown[0]!r}: there are {', '.join(lists())}")
    if arguments.rounds < 1 or arguments.seconds < 0:
        raise CommandError("--rounds must be at least 1, and --seconds not negative")
    chosen = arguments.lists or lists()
    bench(chosen, arguments.dtype, arguments.rounds, arguments.seconds, arguments.json)
    return 0
