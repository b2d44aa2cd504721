"""What this installation is made of, for reports of what goes wrong with it."""

import os
import platform
import sys
import warnings
from importlib import metadata
from typing import Any, Literal

from . import __version__
from .call.options import is_one_of
from .core.documentation import refused
from .engines import native_library

# What has a part in results or in what runs: NumPy always, the others where they are installed.
LIBRARIES = (
    "numpy", "array-api-compat", "scipy", "ml_dtypes", "threadpoolctl", "torch", "jax", "autograd",
    "dask", "dxdw-lab",
)  # fmt: skip
VARIABLES = ("DXDW_ISA", "DXDW_LIBRARY", "DXDW_NUM_THREADS", "OMP_NUM_THREADS")


def show_config(mode: Literal["stdout", "dicts"] = "stdout") -> dict[str, Any] | None:
    """Print what this installation is made of: versions, kernels, threads, the machine.

    Parameters
    ----------
    mode : {"stdout", "dicts"}
        Whether to print it, or to return it.

    Returns
    -------
    dict or None
        With "dicts" the same as nested dictionaries of text and numbers, new each time.

    Raises
    ------
    ValueError
        Another mode.

    See Also
    --------
    dxdw.explain

    Notes
    -----
    It loads the kernels, as the first convolution does, and imports no other library.

    Examples
    --------
    >>> sorted(show_config("dicts"))
    ['dxdw', 'environment', 'kernels', 'libraries', 'python']
    """
    if not is_one_of(mode, ("stdout", "dicts")):
        raise refused(ValueError, f"mode is {mode!r}: it must be 'stdout' or 'dicts'")
    found: dict[str, Any] = {
        "dxdw": {"version": __version__},
        "kernels": kernels(),
        "libraries": {name: v for name in LIBRARIES if (v := _version(name))},
        "python": {"version": platform.python_version(), "platform": platform.platform()},
        "environment": {name: os.environ[name] for name in VARIABLES if name in os.environ},
    }
    if mode == "dicts":
        return found
    for title, entries in found.items():
        lines = [f"  {name}: {value}\n" for name, value in entries.items()] or ["  nothing set\n"]
        sys.stdout.write(f"{title}:\n{''.join(lines)}")
    return None


def kernels() -> dict[str, Any]:
    """The native kernels: their instruction set, threads and machine, or why they are missing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the note is part of the answer
        native_library.load()
    why = native_library.why_missing()
    if why is not None:
        return {"instruction set": None, "missing": why}
    try:
        threads: int | str = native_library.threads()
    except ValueError as error:
        threads = str(error)
    found = {"instruction set": native_library.isa(), "threads": threads}
    if note := native_library.isa_note():
        found["note"] = note
    return {**found, "machine": native_library.machine()}


def _version(library: str) -> str | None:
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return None
