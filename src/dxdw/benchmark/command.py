"""The options of `dxdw bench`."""

import argparse
from pathlib import Path

from .problems import lists


def add_bench(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the command to the parser of `dxdw`."""
    parser = subparsers.add_parser(
        "bench", help="time dxdw against the ways NumPy users write a convolution themselves"
    )
    parser.add_argument(
        "lists", nargs="*", metavar="LIST", help=f"of {', '.join(lists())} (default: all)"
    )
    parser.add_argument(
        "--dtype", nargs="+", choices=("float32", "float64"), default=["float32", "float64"]
    )
    parser.add_argument("--rounds", type=int, default=7, help="at least so many (default: 7)")
    parser.add_argument(
        "--seconds", type=float, default=0.3, help="rounds go on so long for a row (default: 0.3)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all timings there")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Runs the command; returns the exit status."""
    from .bench import bench

    unknown = set(arguments.lists) - set(lists())
    if unknown:
        raise ValueError(f"no list {', '.join(sorted(unknown))}: there are {', '.join(lists())}")
    chosen = arguments.lists or lists()
    return bench(chosen, arguments.dtype, arguments.rounds, arguments.seconds, arguments.json)
