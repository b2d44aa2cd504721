"""Files that a user names: what is refused before reading or writing."""

import os
import stat
from errno import EISDIR, ENOENT
from pathlib import Path


class FileRefused(ValueError):
    """A file that is not what it should be. The message names it, what is wrong, and the rule."""

    def __init__(self, path: Path, wrong: str, expected: str) -> None:
        super().__init__(f"{path}: {wrong}; expected {expected}")


def check_readable(path: Path, expected: str, most_bytes: int) -> None:
    """Refuse what can't be such a file, before a byte is read.

    Raises:
        OSError: it is missing, a folder, or can't be looked at.
        FileRefused: it is a device or a pipe, empty, or longer than most_bytes.
    """
    try:
        status = path.stat()
    except FileNotFoundError:
        raise FileNotFoundError(ENOENT, f"no such file; expected {expected}", str(path)) from None
    except ValueError as error:  # a NUL in the name
        raise FileRefused(path, str(error), expected) from None
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(EISDIR, f"it is a folder; expected {expected}", str(path))
    if not stat.S_ISREG(status.st_mode):
        raise FileRefused(path, "it is no regular file", expected)
    if not status.st_size:
        raise FileRefused(path, "it is empty", expected)
    if status.st_size > most_bytes:
        wrong = f"it has {status.st_size:,} bytes, more than {most_bytes:,}"
        raise FileRefused(path, wrong, expected)


def check_writable(path: Path, suffix: str) -> None:
    """Refuse a place that a file can't be written to, before the work that fills it.

    Raises:
        FileRefused: another suffix, a missing folder, something there that is no regular file, or
            no permission to replace it, which is one to write into its folder.
    """
    expected = f"the name of a {suffix} file in a folder that exists"
    if path.suffix.lower() != suffix:
        raise FileRefused(path, f"its name does not end in {suffix}", expected)
    if path.exists() and not path.is_file():
        raise FileRefused(path, "something that is no regular file has this name", expected)
    folder = (Path(os.path.realpath(path)) if path.is_symlink() else path).parent
    if not folder.is_dir():
        raise FileRefused(path, f"there is no folder {folder}", expected)
    if not all(os.access(place, os.W_OK) for place in (folder, path) if place.exists()):
        raise FileRefused(path, "it can't be written", "a place with the permission to write")
