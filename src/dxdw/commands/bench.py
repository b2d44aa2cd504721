"""`dxdw bench`: times beside those of PyTorch, JAX, and NumPy as its users write it."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..benchmark.machine import cpus
from ..benchmark.peers import PEERS
from ..benchmark.problems import lists
from ..benchmark.task import DTYPES, KINDS
from ..classifier.files import FileRefused, check_writable
from ..extras import need
from . import CommandError, check_drawing, check_timing

if TYPE_CHECKING:
    from ..benchmark.problems import Listed
    from ..benchmark.report import Run
    from ..benchmark.session import Plan

PRECISIONS = ("high", "highest")

DESCRIPTION = """\
Checks every answer, then times dxdw and its peers in turn, in a process for each problem: forward,
dx, dW, and both in one call. All of it takes an hour on two CPUs, and --quick five minutes."""


def add(subparsers: Any) -> None:
    """Add the command and its options."""
    parser = subparsers.add_parser(
        "bench", help="time dxdw beside PyTorch, JAX and NumPy", description=DESCRIPTION
    )

    def choose(option: str, of: tuple[str, ...], text: str) -> None:
        parser.add_argument(option, nargs="+", choices=of, metavar="NAME", help=text)

    parser.add_argument(
        "--quick",
        action="store_true",
        help="one or two problems of each kind, warm caches, all CPUs, without JAX",
    )
    choose("--lists", lists(), f"of problems: {', '.join(lists())} (default: all)")
    choose("--dtype", DTYPES, "float32, float64 (default: both)")
    choose("--kinds", KINDS, f"what is computed: {', '.join(KINDS)} (default: all)")
    choose("--peers", tuple(PEERS), f"{', '.join(PEERS)} (default: those that are installed)")
    choose("--precision", PRECISIONS, "high, highest (default: both, with --quick high)")
    parser.add_argument(
        "--choices",
        action="store_true",
        help="time dxdw's own engines beside each other, and say how good the choice of one is",
    )
    parser.add_argument(
        "--threads",
        nargs="+",
        type=int,
        metavar="N",
        help="numbers of threads; the table is of the largest (default: 1 2)",
    )
    parser.add_argument(
        "--cold",
        action=argparse.BooleanOptionalAction,
        help="also with caches emptied before every call (default: yes, with --quick no)",
    )
    parser.add_argument("--rounds", type=int, default=7, help="at least so many (default: 7)")
    parser.add_argument(
        "--seconds", type=float, default=0.2, help="rounds of a row go on so long (default: 0.2)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE.json", help="write all timings there")
    parser.add_argument(
        "--plot", type=Path, metavar="FILE.png", help="draw the ratios over PyTorch there"
    )
    parser.add_argument(
        "--show", type=Path, metavar="FILE.json", help="measure nothing: print what --json wrote"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Everything that can be refused is refused before anything is measured."""
    check_timing(args)
    if args.choices:
        return _choices(args)
    if args.json:
        if args.show:
            raise CommandError("--show measures nothing that --json could write: leave one out")
        check_writable(args.json, ".json")
    if args.plot:
        need("train", "dxdw bench --plot", "matplotlib")
        check_drawing()
        check_writable(args.plot, ".png")

    from ..benchmark import bench
    from ..benchmark.report import EXPECTED, Run
    from ..benchmark.session import WrongAnswer

    if not args.show:
        try:
            found = bench.bench(_problems(args), _plan(args), args.json)
        except WrongAnswer as error:
            raise CommandError(f"wrong answer: {error}") from error
        return _drawn(found, args.plot)
    found = Run.read(args.show)
    try:
        text = bench.shown(found)
        _drawn(found, args.plot)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise FileRefused(args.show, "it holds something else", EXPECTED) from error
    print(text)
    return 0


def _drawn(found: "Run", plot: Path | None) -> int:
    if plot:
        from ..benchmark.plot import write_png

        write_png(found, plot)
    return 0


def _choices(args: argparse.Namespace) -> int:
    from ..benchmark.choices import printed, summary

    others = ("kinds", "peers", "precision", "cold", "json", "plot", "show")
    if given := [name for name in others if getattr(args, name) is not None]:
        raise CommandError(
            f"--choices measures no peers: leave --{given[0]} out; it takes --quick, --lists, "
            "--dtype, --threads, --rounds and --seconds"
        )
    threads = args.threads or sorted({1, min(2, cpus())})
    problems = [(each.problem.name, each.problem.geometry) for each in _problems(args)]
    try:
        how = (args.dtype or DTYPES, threads, args.rounds, args.seconds)
        found = list(printed(problems, *how))
    except ArithmeticError as error:
        raise CommandError(f"wrong answer: {error}") from error
    print(f"\n{summary(found)}")
    return 0


def _problems(args: argparse.Namespace) -> "list[Listed]":
    from ..benchmark.problems import load

    every = [listed for name in args.lists or lists() for listed in load(name)]
    return [listed for listed in every if listed.quick or not args.quick]


def _plan(args: argparse.Namespace) -> "Plan":
    """What was asked for, and what the short or the whole run has where nothing was."""
    from ..benchmark.rows import Setting
    from ..benchmark.session import Plan

    most = min(2, cpus())
    quick = bool(args.quick)
    threads = sorted(set(args.threads or ([most] if quick else [1, most])), reverse=True)
    cold = not quick if args.cold is None else args.cold
    settings = [Setting(count, "warm") for count in threads]
    settings += [Setting(threads[0], "cold")] if cold else []
    peers = args.peers or [name for name in PEERS if not (quick and name == "jax")]
    precisions = args.precision or PRECISIONS[: 1 if quick else 2]
    return Plan(
        tuple(args.dtype or DTYPES),
        tuple(args.kinds or KINDS),
        tuple(name for name in PRECISIONS if name in precisions),
        tuple(settings),
        tuple(name for name in PEERS if name in peers),
        args.rounds,
        args.seconds,
    )
