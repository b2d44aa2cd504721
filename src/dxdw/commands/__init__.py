"""The subcommands of `dxdw`: one module each, with a function `add` that registers it."""

import argparse
from importlib import import_module
from math import inf

from ..engines.native_library import MOST_THREADS


class CommandError(Exception):
    """What a command can't do, told to its user in one line."""


def check_timing(args: argparse.Namespace) -> None:
    """Refuses rounds, seconds and threads by which nothing can be timed; more threads than any call
    uses count as those that it does, and what is named twice once.

    Raises:
        CommandError: there is no round or no thread, or they go on for ever.
    """
    if args.rounds < 1 or not 0 <= args.seconds < inf:
        raise CommandError("--rounds must be at least 1, and --seconds finite and not negative")
    if args.threads and min(args.threads) < 1:
        raise CommandError("--threads must be at least 1")
    args.threads = args.threads and [min(count, MOST_THREADS) for count in args.threads]
    for name in ("lists", "dtype", "kinds", "threads"):
        if given := getattr(args, name, None):
            setattr(args, name, list(dict.fromkeys(given)))


def check_drawing() -> None:
    """Refuses, before the work that is to be drawn, settings that matplotlib can't be loaded with.

    Raises:
        CommandError: an MPLBACKEND that is none, a matplotlibrc that is no text.
    """
    try:
        import_module("matplotlib")
    except (ImportError, OSError, ValueError) as error:
        raise CommandError(f"matplotlib can't be loaded: {error}") from error
