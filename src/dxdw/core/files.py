"""No file half written."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """Write a file whole or not at all: under another name first, which then takes its place.

    Raises:
        OSError: it can't be written. It names the file, not the other name.
    """
    target = Path(os.path.realpath(path))  # a link stays a link
    # Short, and nobody's: not of a process either that had the same number and was killed here.
    temporary = target.with_name(f".dxdw-{os.urandom(8).hex()}.part")
    try:
        with temporary.open("xb") as file:
            with suppress(FileNotFoundError):  # an earlier file's permissions stay
                temporary.chmod(target.stat().st_mode & 0o777)
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    except OSError as error:
        if error.filename in (None, str(temporary)):
            error.filename, error.filename2 = str(path), None
        raise
    finally:
        with suppress(OSError):  # it has its place, or never was
            temporary.unlink()
