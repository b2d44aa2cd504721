"""A TinyCNN in an .npz file: data only, never pickle, and nothing unexpected is decoded."""

import io
import zipfile
import zlib
from math import prod
from pathlib import Path
from tokenize import TokenError

import numpy as np

from ..core.arrays import Array
from ..core.files import replacing
from .files import FileRefused, check_readable
from .tinycnn import SHAPES, TinyCNN

FORMAT = "dxdw TinyCNN"
VERSION = 1
EXPECTED = "a model that `dxdw train --save` wrote"

_HEADER_BYTES = 1024  # more than any header of ours: they have 128
_MOST_BYTES = 1 << 20  # ours have 42 kB
# What zipfile, zlib and NumPy's reader of headers raise for files with bytes changed (7,000 tried).
_DAMAGED = (
    zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError, TokenError, SyntaxError
)  # fmt: skip


def save_model(model: TinyCNN, path: str | Path) -> None:
    """Write the parameters as float32. An earlier file of that name is replaced, at the end, whole.

    Raises:
        OSError: it can't be written; an earlier file is then as it was.
    """
    arrays = {k: v.astype(np.float32) for k, v in model.parameters.items()}
    with replacing(Path(path)) as file:
        np.savez(file, format=np.array(FORMAT), version=np.array(VERSION, np.int64), **arrays)


def load_model(path: str | Path) -> TinyCNN:
    """Read what `save_model` wrote.

    Raises:
        OSError: the file is missing or can't be read.
        FileRefused: it is no such file, or damaged, or has arrays of other names, shapes or dtypes
            or values that are not finite. Nothing is decompressed beyond the size it should have.
    """
    path = Path(path)
    check_readable(path, EXPECTED, _MOST_BYTES)
    data = io.BytesIO(path.read_bytes())  # small, so that what fails below is the file's contents
    try:
        with zipfile.ZipFile(data) as archive:
            arrays = _read(archive)
    except _Wrong as error:
        raise FileRefused(path, str(error), EXPECTED) from None
    except _DAMAGED as error:
        wrong = f"it is no .npz file, or damaged ({type(error).__name__}: {error})"
        raise FileRefused(path, wrong, EXPECTED) from error
    return TinyCNN({name: arrays[name] for name in SHAPES})


class _Wrong(Exception):
    """What is wrong with a file, to be told with its name."""


def _read(archive: zipfile.ZipFile) -> dict[str, Array]:
    layout = {
        "format": ((), np.dtype(f"U{len(FORMAT)}")),
        "version": ((), np.dtype(np.int64)),
        **{name: (shape, np.dtype(np.float32)) for name, shape in SHAPES.items()},
    }
    names = sorted(info.filename for info in archive.infolist())
    wanted = sorted(f"{name}.npy" for name in layout)
    if names != wanted:
        raise _Wrong(f"it has the arrays {names}, and not {wanted}")
    arrays = {
        name: _read_array(archive, name, shape, dtype) for name, (shape, dtype) in layout.items()
    }
    found = str(arrays["format"]), int(arrays["version"])
    if found != (FORMAT, VERSION):
        raise _Wrong(f"its format is {found[0]!r} version {found[1]}, and not {FORMAT!r} {VERSION}")
    for name in SHAPES:
        if not np.isfinite(arrays[name]).all():
            raise _Wrong(f"{name} has values that are not finite")
    return arrays


def _read_array(
    archive: zipfile.ZipFile, name: str, shape: tuple[int, ...], dtype: np.dtype[np.generic]
) -> Array:
    info = archive.getinfo(f"{name}.npy")
    size = prod(shape) * dtype.itemsize
    if not size < info.file_size <= size + _HEADER_BYTES:
        wanted = f"{shape} of {dtype} has {size:,} and a header"
        raise _Wrong(f"{name} takes {info.file_size:,} bytes, where {wanted}")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        # The others are decompressed in whole pieces, whatever size is asked for.
        raise _Wrong(f"{name} is compressed by another method than deflate")
    with archive.open(info) as packed:
        # Not more than it says, and a byte that would tell that there is more.
        data = io.BytesIO(packed.read(info.file_size + 1))
    if np.lib.format.read_magic(data) != (1, 0):
        raise _Wrong(f"{name} is in another version of NumPy's format than 1.0")
    header = int.from_bytes(data.getvalue()[8:10], "little")
    if header > _HEADER_BYTES:  # it would be parsed as Python
        raise _Wrong(f"{name} has a header of {header:,} bytes, more than {_HEADER_BYTES:,}")
    found_shape, by_columns, found_dtype = np.lib.format.read_array_header_1_0(data)
    if found_shape != shape or found_dtype.newbyteorder("=") != dtype:
        raise _Wrong(f"{name} is {found_shape} of {found_dtype}, and not {shape} of {dtype}")
    values = np.frombuffer(data.read(), found_dtype).reshape(
        shape, order="F" if by_columns else "C"
    )
    return values.astype(dtype, order="C")  # a copy that can be trained on
