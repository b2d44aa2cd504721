"""`dxdw completion`: what a shell needs to complete commands, options and their words."""

import argparse
from typing import Any

from ..extras import need

SHELLS = ("bash", "zsh", "tcsh")


def add(subparsers: Any) -> None:
    """Add the command and its options."""
    parser = subparsers.add_parser(
        "completion",
        help="print what completes these commands in your shell",
        description='Example, in ~/.bashrc: eval "$(dxdw completion bash)"',
    )
    parser.add_argument("shell", choices=SHELLS)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the script."""
    need("completion", "dxdw completion", "shtab")
    import shtab

    from ..cli import COMMANDS, parser_of

    print(shtab.complete(parser_of(COMMANDS), shell=args.shell))
    return 0
