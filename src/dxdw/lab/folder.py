"""The built page: a folder whose manifest names every file, its size and its SHA-256."""

import hashlib
import json
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

MANIFEST = "manifest.json"

TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
    ".whl": "application/zip",
    ".woff2": "font/woff2",
    ".zip": "application/zip",
}


class NoPage(Exception):
    """There is no built page, or a file of it is not as it was built."""


class File(NamedTuple):
    """A file of the page, in memory."""

    content: bytes
    media_type: str
    sha256: str


def installed() -> Path:
    """The page that the distribution dxdw-lab brings.

    Raises:
        NoPage: it is not installed.
    """
    try:
        package = import_module("dxdw_lab")
    except ModuleNotFoundError:
        raise NoPage(
            'the page is not installed here: pip install "dxdw[lab]"; or `make lab` in a checkout'
        ) from None
    return Path(next(iter(package.__path__)))


def read(folder: Path) -> dict[str, File]:
    """The files that the manifest names, by their addresses: what is not in it, is not there.

    Raises:
        NoPage: no manifest, or a file that is missing or is not what the manifest says.
    """
    try:
        listed = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["files"]
        named = {str(name): str(entry["sha256"]) for name, entry in listed.items()}
    except FileNotFoundError:
        raise NoPage(
            f"{folder} has no {MANIFEST}: it is no built page; `make lab` in a checkout builds "
            "build/lab"
        ) from None
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise NoPage(f"{folder / MANIFEST} can't be read: {error}") from None
    found = {}
    for name, sha256 in named.items():
        path = folder / name
        if ".." in path.parts or not path.is_relative_to(folder) or "\0" in name:
            raise NoPage(f"{MANIFEST} names {name!r}, which is no file below {folder}")
        try:
            content = path.read_bytes()
        except OSError as error:
            raise NoPage(f"{path}: {error.strerror}, though {MANIFEST} names it") from None
        digest = hashlib.sha256(content).hexdigest()
        if digest != sha256:
            raise NoPage(f"{path} is not what was built: SHA-256 {digest}, not {sha256}")
        media_type = TYPES.get(path.suffix, "application/octet-stream")
        found["/" + name] = File(content, media_type, digest)
    if "/index.html" in found:
        found["/"] = found["/index.html"]
    return found
