"""What `dxdw tune` measured on this CPU: for a problem, which engine was the fastest.

A file in the user's folder for caches, as JSON. It counts on the processor whose name is in it, for
the kernels that it was measured with, and where it can be read; else it is as if there were none.
"""

import json
import os
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from ..core.files import replacing
from ..core.problem import Problem
from ..engines import native_library, this_cpu

FORMAT = 1  # of the file
FILE = "tuned.json"


class Tuned(NamedTuple):
    """The fastest engine, and the seconds of each that was timed."""

    engine: str
    seconds: dict[str, float]

    def __str__(self) -> str:
        return in_words(self.seconds)


def in_words(seconds: dict[str, float]) -> str:
    """Each engine with its time, the fastest first."""
    each = sorted(seconds.items(), key=lambda entry: entry[1])
    return ", ".join(f"{engine} {time * 1e3:.3g} ms" for engine, time in each)


def file() -> Path | None:
    """Where it is, or would be; None where the system has no such folder."""
    folder = caches()
    return folder and folder / "dxdw" / FILE


def caches() -> Path | None:
    """The user's folder for what programs can make again."""
    home = os.environ.get("LOCALAPPDATA" if sys.platform == "win32" else "XDG_CACHE_HOME")
    if home and not Path(home).is_absolute():  # the standard of such folders leaves that out
        home = None
    try:
        folder = Path(home) if home else Path.home()
    except RuntimeError:  # nobody's
        return None
    if not home:
        folder /= "Library/Caches" if sys.platform == "darwin" else ".cache"
    return folder


def key(problem: Problem) -> str:
    """What a problem has in common with those for which the same engine is the fastest."""
    geometry, how = problem.geometry, problem.how
    axes = ",".join(
        f"{a.size}-{a.taps}-{a.stride}-{a.dilation}-{a.before}-{a.after}-{a.out}"
        for a in geometry.axes
    )
    channels = f"{geometry.channels_in}-{geometry.channels_out}-{geometry.groups}"
    dtype = problem.stored or problem.dtype
    threads = how.threads or native_library.threads()
    return f"{problem.kind} {geometry.batch} {channels} {axes} {dtype} {how.precision} {threads}"


def of(problem: Problem) -> Tuned | None:
    """What was measured of a problem, where anything was."""
    if problem.library != "numpy":
        return None
    known = read()[0]
    return known.get(key(problem)) if known else None


@lru_cache(maxsize=1)
def read() -> tuple[dict[str, Tuned], str | None]:
    """All that counts here, and why nothing does, in words. Read once."""
    path = file()
    try:
        # (A folder that can't be looked at raises here.)
        if path is None or not path.is_file():
            return {}, "nothing has been measured yet"
        written = json.loads(path.read_text("utf-8"))
        if written["format"] != FORMAT:
            return {}, f"{path} is of another version of dxdw"
        if written["cpu"] != this_cpu.name():
            return {}, f"{path} was measured on another processor: {written['cpu']}"
        return {name: _entry(entry) for name, entry in written["choices"].items()}, None
    except (
        OSError, ValueError, LookupError, TypeError, AttributeError, RuntimeError, ArithmeticError
    ) as error:  # fmt: skip
        return {}, f"{path} can't be read: {type(error).__name__}"


def _entry(entry: dict[str, Any]) -> Tuned:
    seconds = {str(name): float(value) for name, value in entry["seconds"].items()}
    if entry["engine"] not in seconds:
        raise ValueError(entry["engine"])
    return Tuned(entry["engine"], seconds)


def place() -> Path:
    """The file, in a folder that is there.

    Raises:
        OSError: it can't be made.
    """
    path = file()
    if path is None:
        raise FileNotFoundError("there is no folder for caches: set XDG_CACHE_HOME to one")
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def add(found: dict[str, Tuned]) -> Path:
    """Writes what was found beside what is there, and returns the file.

    Raises:
        OSError: it can't be written.
    """
    path = place()
    read.cache_clear()  # another process may have written since
    known = {**read()[0], **found}
    text = json.dumps(
        {
            "format": FORMAT,
            "cpu": this_cpu.name(),
            "choices": {name: entry._asdict() for name, entry in sorted(known.items())},
        },
        indent=1,
    )
    with replacing(path) as into:
        into.write(text.encode())
    read.cache_clear()
    return path


def forget() -> Path | None:
    """Removes the file; returns it where there was one.

    Raises:
        OSError: whether there is one can't be seen, or it can't be removed.
    """
    path = file()
    if path is None:
        return None
    try:
        path.unlink()
    except (FileNotFoundError, NotADirectoryError):
        return None
    read.cache_clear()
    return path
