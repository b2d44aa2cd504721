"""The command line: `dxdw COMMAND`, each command a module of `commands`."""

import argparse
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from . import __version__
from .classifier.files import FileRefused
from .commands import CommandError, bench, explain, predict, train
from .extras import MissingExtra

COMMANDS = (train, predict, explain, bench)

FAILED, INTERRUPTED = 2, 130


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(FAILED, f"dxdw: error: {message}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command, and return its exit status; what its user did wrong is told in one line."""
    parser = _Parser(
        prog="dxdw", description="Gradients of convolutions on NumPy arrays, put to work."
    )
    parser.add_argument("--version", action="version", version=f"dxdw {__version__}")
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add(subparsers)
    args = parser.parse_args(arguments)
    try:
        status: int = args.run(args)
        sys.stdout.flush()  # here, where a reader that has gone away is noticed
    except (CommandError, FileRefused, MissingExtra) as error:
        return _failed(str(error))
    except BrokenPipeError:
        # Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        return _failed(f"{place}{error.strerror or error}")
    except KeyboardInterrupt:
        print("\ndxdw: interrupted", file=sys.stderr)
        return INTERRUPTED
    return status


def _failed(message: str) -> int:
    print(f"dxdw: error: {message}", file=sys.stderr)
    return FAILED
