"""The subcommands of `dxdw`: one module each, with a function `add` that registers it."""

import argparse
from math import inf


class CommandError(Exception):
    """What a command can't do, told to its user in one line."""


def check_timing(args: argparse.Namespace) -> None:
    """Refuses rounds, seconds and threads by which nothing can be timed.

    Raises:
        CommandError: there is no round or no thread, or they go on for ever.
    """
    if args.rounds < 1 or not 0 <= args.seconds < inf:
        raise CommandError("--rounds must be at least 1, and --seconds finite and not negative")
    if args.threads and min(args.threads) < 1:
        raise CommandError("--threads must be at least 1")
