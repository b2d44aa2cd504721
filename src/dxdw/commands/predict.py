"""`dxdw predict`: reads the digit in a picture file."""

import argparse
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from ..extras import need


def add(subparsers: Any) -> None:
    """Register the subcommand."""
    parser = subparsers.add_parser(
        "predict",
        help="read the digit in a picture file",
        description="Reads the one digit in a picture file (PNG, JPEG, GIF, BMP, TIFF or WebP) of "
        "any size: dark on light or light on dark, evenly lit.",
    )
    parser.add_argument("picture", type=Path, metavar="FILE", help="the picture")
    parser.add_argument(
        "--model", type=Path, metavar="FILE.npz",
        help="a network that `dxdw train --save` wrote, instead of the one that comes along",
    )  # fmt: skip
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Say which digit it is, and how sure that is."""
    need("train", "dxdw predict", "PIL", "rich")
    from ..classifier.model_file import load_model
    from ..classifier.pictures import read_digit
    from ..classifier.report_terminal import print_prediction
    from .colour import console

    # Trained beforehand by `dxdw train --seed 2`, so that a picture is read in a moment.
    with as_file(files("dxdw").joinpath("data/tinycnn.npz")) as trained:
        model = load_model(args.model or trained)
    image = read_digit(args.picture)
    print_prediction(image[0], model.probabilities(image[None])[0], console())
    return 0
