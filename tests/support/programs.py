"""Runs the programs of this folder, each as a process of its own."""

import subprocess
import sys
from pathlib import Path


def succeeds(program: str, *arguments: object, limit: float = 600) -> None:
    """It ends with exit status 0; a deadlock is ended after a time."""
    done = subprocess.run(
        [
            *(sys.executable, "-X", "faulthandler", "-W", "ignore"),
            *(f"{program}.py", *map(str, arguments)),
        ],
        capture_output=True,
        check=False,
        text=True,
        timeout=limit,
        cwd=Path(__file__).parent,
    )
    assert done.returncode == 0, done.stdout + done.stderr
