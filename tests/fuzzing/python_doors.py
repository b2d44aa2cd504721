"""Atheris over the doors by which foreign bytes come in: `python_doors.py DOOR FOLDER [OPTIONS]`.

Each door takes what it was made for, and refuses the rest with its own error: any other ends the
run. The folder keeps what was found, and gets the seeds; the options are libFuzzer's.
"""

import hashlib
import json
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import atheris

with atheris.instrument_imports(include=["dxdw"]):
    import numpy as np

    import dxdw
    from dxdw.classifier import files, model_file
    from dxdw.classifier.tinycnn import TinyCNN
    from dxdw.diagnosis import loading
    from dxdw.lab import folder
    from dxdw.practice.series import SERIES

SCRATCH = Path(tempfile.mkdtemp(prefix="dxdw-fuzzing-"))
# Paddings between these and the last are right, and take minutes or all memory.
INTEGERS = (-(2**70), -(2**63), -1, 0, 1, 2, 3, 5, 100, 2**63, 2**70)
WORDS = (
    "same",
    "valid",
    "full",
    "zeros",
    "reflect",
    "replicate",
    "circular",
    "",
    "é",
    "high",
    "fft",
)


def value(data: Any, depth: int = 2) -> Any:
    """An argument of any kind."""
    kind = data.ConsumeIntInRange(0, 9 if depth else 6)
    if kind < 3:
        return data.ConsumeIntInRange(-2, 6)
    if kind == 3:
        return INTEGERS[data.ConsumeIntInRange(0, len(INTEGERS) - 1)]
    if kind == 4:
        return WORDS[data.ConsumeIntInRange(0, len(WORDS) - 1)]
    if kind == 5:
        return data.ConsumeFloat()
    if kind == 6:
        return [None, True, b"", {}, object(), np.int8(1), np.array(2), 1j][
            data.ConsumeIntInRange(0, 7)
        ]
    return tuple(value(data, depth - 1) for _ in range(data.ConsumeIntInRange(0, 4)))


def array(data: Any) -> Any:
    shape = [data.ConsumeIntInRange(0, 5) for _ in range(data.ConsumeIntInRange(0, 5))]
    dtype = ("f4", "f8", "f2", "i4", "u1", "?", "c8", "O", "S1", "M8[s]")[
        data.ConsumeIntInRange(0, 9)
    ]
    return np.ones(shape, dtype)


def arguments(data: Any) -> None:
    """Whatever is called in whatever way: a result, or an error that says why not."""
    names = ("conv1d", "conv2d", "conv3d", "conv2d_backward", "conv_transpose2d", "conv1d_backward")
    function = getattr(dxdw, names[data.ConsumeIntInRange(0, len(names) - 1)])
    operands = [array(data) for _ in range(3 if function.__name__.endswith("backward") else 2)]
    options = ("padding", "stride", "dilation", "groups", "padding_mode", "precision", "engine",
               "threads", "max_workspace", "bias", "needs", "output_padding")  # fmt: skip
    given = {
        options[data.ConsumeIntInRange(0, len(options) - 1)]: value(data)
        for _ in range(data.ConsumeIntInRange(0, 4))
    }
    try:
        function(*operands, **given)
    except (TypeError, ValueError, MemoryError, NotImplementedError) as refused:
        assert str(refused), "an error says what is wrong"


PAGE = b"<p>"


def seeds(door: str) -> Iterator[bytes]:
    """What a door takes: what is tried is to resemble it. A provider reads bytes from the front."""
    if door == "model":
        path = SCRATCH / "seed.npz"
        model_file.save_model(TinyCNN.initial(0), path)
        yield path.read_bytes()
    elif door == "manifest":
        sha256 = hashlib.sha256(PAGE).hexdigest()
        for name in ("index.html", "missing.js"):
            yield json.dumps({"files": {name: {"sha256": sha256, "bytes": len(PAGE)}}}).encode()
    elif door == "program":
        for problem in SERIES.values():
            cells = [
                {"cell_type": "markdown", "metadata": {}, "source": ["# mine"]},
                {
                    "cell_type": "code",
                    "metadata": {},
                    "execution_count": None,
                    "outputs": [],
                    "source": ["%matplotlib inline\n", *problem.solution.splitlines(keepends=True)],
                },
            ]
            notebook = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
            yield b"\0" + problem.solution.encode()  # its first byte says which: a program
            yield b"\1" + json.dumps(notebook).encode()  # or a notebook


def model(data: Any) -> None:
    path = SCRATCH / "model.npz"
    path.write_bytes(data.ConsumeBytes(1 << 20))
    try:
        model_file.load_model(path)
    except files.FileRefused as refused:
        assert "\n" not in str(refused), "one line"


def manifest(data: Any) -> None:
    page = SCRATCH / "page"
    page.mkdir(exist_ok=True)
    (page / "index.html").write_bytes(PAGE)
    (page / folder.MANIFEST).write_bytes(data.ConsumeBytes(1 << 16))
    try:
        folder.read(page)
    except folder.NoPage as refused:
        assert str(refused)


def program(data: Any) -> None:
    """A learner's file up to where it would run: that is what it does under `dxdw check` alone."""
    path = SCRATCH / ("answer.ipynb" if data.ConsumeBool() else "answer.py")
    path.write_bytes(data.ConsumeBytes(1 << 16))
    try:
        loading._sources(path, str(path))
    except loading.NotLoaded as refused:
        assert str(refused)


DOORS: dict[str, Callable[[Any], None]] = {
    door.__name__: door for door in (arguments, model, manifest, program)
}


def main() -> None:
    name = sys.argv.pop(1)
    door = DOORS[name]
    warnings.simplefilter("ignore")  # what a caller's own values warn of
    kept = Path(sys.argv[1])
    for number, seed in enumerate(seeds(name)):
        (kept / f"seed-{number}").write_bytes(seed)
    atheris.Setup(sys.argv, lambda data: door(atheris.FuzzedDataProvider(data)))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
