"""`dxdw train`: trains the TinyCNN on real handwritten digits and shows what it has learned."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..classifier.files import check_writable
from ..extras import need
from . import CommandError, check_drawing

if TYPE_CHECKING:
    from rich.console import Console

    from ..classifier.digits import Digits
    from ..classifier.tinycnn import TinyCNN
    from ..classifier.training import SGD, Adam, History


def add(subparsers: Any) -> None:
    """Register the subcommand."""
    parser = subparsers.add_parser(
        "train",
        help="train a small network on real handwritten digits, and show the report",
        description="Trains a small convolutional network on 1,437 handwritten digits, measures it "
        "on 360 others, checks its gradients, and shows the report: in the terminal and as a PNG.",
    )
    parser.add_argument(
        "--epochs", type=_count, default=20, metavar="N",
        help="how many times every digit is seen (%(default)s); 0 only evaluates",
    )  # fmt: skip
    parser.add_argument(
        "--optimizer", choices=("adam", "sgd"), default="adam", help="%(default)s unless given"
    )
    parser.add_argument(
        "--learning-rate", type=float, metavar="RATE",
        help="at the start, from where it falls to zero (0.003 for adam, 0.05 for sgd)",
    )  # fmt: skip
    parser.add_argument(
        "--seed", type=_count, default=0, metavar="N", help="of all that is random (%(default)s)"
    )
    parser.add_argument(
        "--report", type=Path, default=Path("dxdw-report.png"), metavar="FILE.png",
        help="where the picture is written (%(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--save", type=Path, metavar="FILE.npz", help="where the trained network is written"
    )
    parser.add_argument(
        "--load", type=Path, metavar="FILE.npz", help="a saved network to start from"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Everything that can be refused is refused before the first batch."""
    need("train", "dxdw train", "matplotlib", "rich")
    check_drawing()
    check_writable(args.report, ".png")
    if args.save:
        check_writable(args.save, ".npz")

    from ..classifier.digits import split_digits
    from ..classifier.model_file import load_model, save_model
    from ..classifier.report import make_report
    from ..classifier.report_png import write_png
    from ..classifier.report_terminal import print_report
    from ..classifier.tinycnn import TinyCNN
    from ..classifier.training import OPTIMIZERS
    from .colour import console

    options = {} if args.learning_rate is None else {"learning_rate": args.learning_rate}
    try:
        optimizer = OPTIMIZERS[args.optimizer](**options)
    except ValueError as error:
        raise CommandError(str(error)) from None
    model = load_model(args.load) if args.load else TinyCNN.initial(args.seed)
    digits, held_out = split_digits()

    history, seconds = _train(model, digits, held_out, optimizer, args, console(stderr=True))
    if args.save:  # first of all: nothing after it can lose the model
        save_model(model, args.save)
    report = make_report(model, held_out, history, _recipe(args, optimizer, seconds))
    write_png(report, args.report)
    print_report(report, console())
    print(f"\nThe report as a picture: {args.report}")
    if args.save:
        print(f"The trained network: {args.save}")
    return 0


def _recipe(args: argparse.Namespace, optimizer: "SGD | Adam", seconds: float) -> str:
    start = f"from {args.load.name}" if args.load else f"from random weights of seed {args.seed}"
    if not args.epochs:
        return f"{start}, not trained"
    epochs = f"{args.epochs} epoch{'s' if args.epochs > 1 else ''} in {seconds:.1f} s"
    return f"{start}, by {args.optimizer} with learning rate {optimizer.learning_rate:g}: {epochs}"


def _train(
    model: "TinyCNN",
    digits: "Digits",
    held_out: "Digits",
    optimizer: "SGD | Adam",
    args: argparse.Namespace,
    console: "Console",
) -> tuple["History", float]:
    """Train behind a progress bar; the history, and the seconds it took."""
    from time import perf_counter

    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from ..classifier.training import BATCH, train

    batches = -(-len(digits.labels) // BATCH) * args.epochs
    columns = (
        TextColumn("training"),
        BarColumn(),
        TextColumn("{task.percentage:3.0f} %  loss {task.fields[loss]}"),
        TextColumn("held-out accuracy {task.fields[accuracy]}"),
        TimeRemainingColumn(),
    )
    start = perf_counter()
    shown = args.epochs and console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=not shown) as progress:
        task = progress.add_task("training", total=batches, loss="", accuracy="")

        def show(history: "History") -> None:
            known = history.accuracies[-1:]
            progress.update(
                task,
                completed=len(history.losses),
                loss=f"{history.losses[-1]:.4f}",
                accuracy=f"{known[0]:.1%}" if known else "",
            )

        try:
            history = train(
                model, digits, held_out, optimizer,
                epochs=args.epochs, seed=args.seed, after_batch=show,
            )  # fmt: skip
        except FloatingPointError as error:
            raise CommandError(str(error)) from None
    return history, perf_counter() - start


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{number} is less than 0")
    return number


_count.__name__ = "whole number"  # argparse names it so: "invalid whole number value: 'x'"
