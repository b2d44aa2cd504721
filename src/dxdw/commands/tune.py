"""`dxdw tune`: times every engine on this CPU, and remembers the fastest."""

import argparse
from typing import TYPE_CHECKING, Any

from ..benchmark.machine import cpus
from ..benchmark.problems import lists
from ..benchmark.task import DTYPES
from ..call import geometries, tuned
from ..call.options import AXIS_NAMES, Options
from ..classifier.files import check_writable
from . import CommandError, check_timing, geometry_arguments

if TYPE_CHECKING:
    from ..benchmark.choices import Choice
    from ..core.geometry import ConvGeometry

DESCRIPTION = """\
Times every engine that takes a convolution, forward, dx and dW, and remembers the fastest in a file
of the user's folder for caches, for this CPU. From then on dxdw takes it for such problems: of the
same shapes, options, dtype and number of threads. Without shapes: the problems of `dxdw bench`.
Another engine sums in another order, so that results may differ in their last bits from those of a
machine that was not tuned; the error bounds of `explain` hold.
Example: dxdw tune 8,64,56,56 64,64,3,3 --padding 1"""


def add(subparsers: Any) -> None:
    """Add the command and its options."""
    parser = subparsers.add_parser(
        "tune",
        help="time every engine on this CPU, and remember the fastest",
        description=DESCRIPTION,
    )
    geometry_arguments.add(parser, optional=True)
    parser.add_argument(
        "--lists",
        nargs="+",
        choices=lists(),
        metavar="NAME",
        help=f"of problems: {', '.join(lists())}",
    )
    parser.add_argument("--dtype", nargs="+", choices=DTYPES, metavar="NAME", help="default: both")
    parser.add_argument(
        "--threads", nargs="+", type=int, metavar="N", help="numbers of threads (default: all)"
    )
    parser.add_argument("--rounds", type=int, default=5, help="at least so many (default: 5)")
    parser.add_argument(
        "--seconds", type=float, default=0.2, help="rounds go on so long (default: 0.2)"
    )
    parser.add_argument("--show", action="store_true", help="measure nothing: say what is there")
    parser.add_argument("--forget", action="store_true", help="remove what was measured")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Measure, print and remember; or show or forget."""
    if args.forget:
        path = tuned.forget()
        print(f"removed {path}" if path else "there was nothing to forget")
        return 0
    if args.show:
        return _show()
    check_timing(args)
    from ..benchmark.choices import printed, summary

    how = (args.dtype or DTYPES, args.threads or [cpus()], args.rounds, args.seconds)
    problems = _problems(args)
    check_writable(tuned.place(), ".json")
    every: list[Choice] = []
    try:
        every.extend(printed(problems, *how))  # what was measured until Ctrl-C is kept
    except ArithmeticError as error:
        raise CommandError(f"wrong answer: {error}") from error
    finally:
        if every:
            path = tuned.add({tuned.key(choice.problem): choice.tuned for choice in every})
            print(f"\n{summary(every)}\nremembered in {path}")
    return 0


def _show() -> int:
    known, why = tuned.read()
    if why:
        print(why)
    for name, found in known.items():
        print(f"{name}: {found.engine} ({found})")
    return 0


def _problems(args: argparse.Namespace) -> "list[tuple[str, ConvGeometry]]":
    if args.x_shape is None:
        from ..benchmark.problems import load

        every = [listed for name in args.lists or lists() for listed in load(name)]
        chosen = every if args.lists else [listed for listed in every if listed.quick]
        return [(listed.problem.name, listed.problem.geometry) for listed in chosen]
    if args.W_shape is None or args.lists:
        raise CommandError("give both shapes, X_SHAPE and W_SHAPE, or --lists, or neither")
    ndim = len(args.W_shape) - 2
    if ndim not in AXIS_NAMES:
        raise CommandError(f"W_SHAPE is {args.W_shape}: it must have 3, 4 or 5 numbers")
    options = Options(args.padding, args.stride, args.dilation, args.groups)
    try:
        geometry, _ = geometries.convolution(ndim, args.x_shape, args.W_shape, options)
    except (TypeError, ValueError) as error:
        raise CommandError(str(error)) from error
    if 0 in geometry.sizes:
        raise CommandError("there is nothing to compute: a shape has a 0")
    return [("\u00d7".join(map(str, args.x_shape)), geometry)]
