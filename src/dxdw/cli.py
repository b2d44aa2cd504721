"""The command line: `dxdw COMMAND`, each command a module of `commands`."""

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from typing import Any, NoReturn

from . import __version__
from .classifier.files import FileRefused
from .commands import CommandError
from .core.documentation import SettingRefused, more
from .extras import MissingExtra

COMMANDS = (
    "train",
    "predict",
    "explain",
    "bench",
    "tune",
    "check",
    "lab",
    "selftest",
    "completion",
)

FAILED, INTERRUPTED = 2, 130


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(FAILED, f"dxdw: error: {message}; more by: {self.prog} --help\n")


class _Version(argparse.Action):
    """`--version`, which looks for the kernels only where it is asked."""

    def __init__(self, option_strings: Sequence[str], **options: Any) -> None:
        # Nothing of it is for the commands, which would take it for an option of theirs.
        options |= {"dest": argparse.SUPPRESS, "default": argparse.SUPPRESS}
        super().__init__(option_strings, nargs=0, **options)

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> NoReturn:
        print(f"dxdw {__version__}\nnative kernels: {_native()}")
        parser.exit()


def _native() -> str:
    from .configuration import kernels

    found = kernels()
    if "missing" in found:
        return f"none: {found['missing']}"
    threads = found["threads"]
    threads = threads if isinstance(threads, str) else f"threads: {threads}"
    told = f"{found['instruction set']}, {threads}"
    told += f" ({found['note']})" if "note" in found else ""
    return f"{told}\nmachine: {found['machine']}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command, and return its exit status; what its user did wrong is told in one line."""
    _prepare_streams()
    try:
        return _run(sys.argv[1:] if arguments is None else arguments)
    except (CommandError, FileRefused, MissingExtra, SettingRefused) as error:
        return _failed(str(error))
    except MemoryError as error:
        return _failed(": ".join(filter(None, ("not enough memory", str(error)))))
    except BrokenPipeError:
        _forget_output()
        return 1
    except OSError as error:
        _forget_output()
        place = f"{error.filename}: " if error.filename else ""
        return _failed(f"{place}{error.strerror or error}")
    except KeyboardInterrupt:
        return _told("\ndxdw: interrupted", INTERRUPTED)


def _run(arguments: Sequence[str]) -> int:
    try:
        # The one that is asked for; all of them where none is, to be listed.
        parser = parser_of([c for c in COMMANDS if [c] == list(arguments[:1])] or COMMANDS)
        args = parser.parse_args(arguments)
        status: int = args.run(args)
        return status
    finally:
        sys.stdout.flush()  # here, where a reader that has gone away is noticed


def _prepare_streams() -> None:
    """What is written where nobody reads is gone, and what has no character there is a "?"."""
    for name in ("stdout", "stderr"):
        stream: Any = getattr(sys, name)
        if stream is None:  # closed: errors would be printed to the other
            stream = open(os.open(os.devnull, os.O_WRONLY), "w", closefd=False)  # noqa: SIM115
            setattr(sys, name, stream)
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def _forget_output() -> None:
    """Leaves out what can't be written: Python would complain once more when it flushes at exit."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def parser_of(commands: Sequence[str]) -> argparse.ArgumentParser:
    """The parser, which knows these commands."""
    parser = _Parser(
        prog="dxdw",
        description="Gradients of convolutions on NumPy arrays, put to work.",
        epilog="More about it: docs/index.md in the documentation of dxdw.",
    )
    parser.add_argument(
        "--version", action=_Version, help="show the version, and whether native kernels are there"
    )
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in commands:
        import_module(f".commands.{command}", __package__).add(subparsers)
        subparsers.choices[command].epilog = more(command)
    return parser


def _failed(message: str) -> int:
    return _told(f"dxdw: error: {message}", FAILED)


def _told(message: str, status: int) -> int:
    """The exit status, which says what happened also where the message can't be written."""
    with suppress(OSError):
        print(message, file=sys.stderr)
    _forget_output()
    return status
