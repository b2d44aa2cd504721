"""`dxdw check`: what is wrong with a convolution backward of one's own, and where."""

import argparse
import sys
from pathlib import Path
from typing import Any

from ..classifier.files import check_writable
from ..problem_names import PROBLEMS
from . import CommandError
from .colour import wanted

RIGHT, WRONG, NOT_LOADED, OUT_OF_TIME, ENDED = range(5)

_MOST_SECONDS = 1_000_000  # 11 days: any clock and any limit of processor time can hold it
_MOST_MEBIBYTES = 1 << 30  # a limit of memory in bytes has 63 bits

DESCRIPTION = """\
Runs the function in a process of its own, on small integers, and names its mistake where the
answers are exactly those of a known one. Exit status: 0 right, 1 wrong, 2 could not be loaded
or tried, 3 out of time, 4 not known, for its process was ended from outside.
Example: dxdw check mine.py:conv2d_backward"""

_PAGE = '<!doctype html>\n<meta charset="utf-8">\n<title>dxdw check</title>\n{}\n'


def add(subparsers: Any) -> None:
    """Add the command and its options."""
    parser = subparsers.add_parser(
        "check",
        help="name the mistake in a convolution backward of your own",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "address",
        metavar="FILE:NAME",
        help="a .py or .ipynb file, or a module, and the function in it",
    )
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument("--html", type=Path, metavar="FILE.html", help="write the report there too")
    parser.add_argument(
        "--timeout",
        type=float,
        default=10,
        metavar="SECONDS",
        help="the most it may take (%(default)s)",
    )
    parser.add_argument(
        "--memory", type=int, default=2048, metavar="MIB", help="the most memory (%(default)s)"
    )
    parser.add_argument(
        "--problem",
        choices=PROBLEMS,
        help="of the practice series (default: by the function's name)",
    )
    form = parser.add_argument_group("the function's form")
    form.add_argument("--batch", action="store_true", help="x and grad_out have an axis N in front")
    for name, least in (("stride", 1), ("padding", 0), ("dilation", 1)):
        form.add_argument(f"--{name}", type=_one_or_two, default=least, metavar="N[,N]")
    form.add_argument("--groups", type=int, default=1, metavar="N")
    form.add_argument("--bias", action="store_true", help="it returns db too")
    form.add_argument("--returns", metavar="NAMES", help="the order of the results, as in dW,dx")
    form.add_argument("--channels-last", action="store_true", help="(H,W,C) and (kH,kW,C_in,C_out)")
    form.add_argument("--dtype", choices=("float32", "float64"), default="float64")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Check, print, and say by the exit status what came of it."""
    if not 0 < args.timeout <= _MOST_SECONDS:
        raise CommandError(
            f"--timeout is {args.timeout:g}: it must be more than 0, and at most {_MOST_SECONDS}"
        )
    if not 1 <= args.memory <= _MOST_MEBIBYTES:
        raise CommandError(
            f"--memory is {args.memory}: it must be 1 or more, and at most {_MOST_MEBIBYTES}"
        )
    if args.html:
        check_writable(args.html, ".html")

    from .check_process import check

    names = (
        "batch", "stride", "padding", "dilation", "groups", "bias", "returns", "channels_last",
        "dtype", "problem",
    )  # fmt: skip
    found = check(
        args.address,
        {name: getattr(args, name) for name in names},
        seconds=args.timeout,
        memory=args.memory,
        colour=wanted(sys.stdout),
        html=args.html is not None,
    )
    if found.ended is not None:
        print(
            f"dxdw: {args.address} is neither right nor wrong: {found.ended} from outside ended "
            "the process that tried it, as systems do that are short of memory",
            file=sys.stderr,
        )
        return ENDED
    if found.error is not None:
        raise CommandError(found.error)
    if args.html:
        page = _PAGE.format(found.html)  # of whatever characters the code's messages have
        args.html.write_text(page, encoding="utf-8", errors="backslashreplace")
    print(found.json if args.json else found.text)
    if found.out_of_time:
        return OUT_OF_TIME
    return RIGHT if found.ok else WRONG


def _one_or_two(text: str) -> int | tuple[int, ...]:
    try:
        numbers = tuple(int(part) for part in text.split(","))
    except ValueError:
        message = f"{text!r} is not a number, or two as in 1,2"
        raise argparse.ArgumentTypeError(message) from None
    return numbers[0] if len(numbers) == 1 else numbers
