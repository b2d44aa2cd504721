"""The process in which a learner's code runs: `python -m dxdw.commands.check_worker`.

A request comes on stdin, as a line; stdin stays open as long as whoever asks is there. The answer
goes through a file, for the learner's code may print what it likes, or end the process.
"""

import contextlib
import faulthandler
import json
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..core.documentation import more
from ..diagnosis import diagnose
from ..diagnosis.guarding import words
from ..diagnosis.loading import NotLoaded, load
from ..diagnosis.report_text import text
from ..practice.running import solves
from ..problem_names import PROBLEMS


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """What `dxdw check` prints, in every form; or why the function was not tried, in one line."""
    try:
        return _report(request)
    except NotLoaded as error:
        return {"error": str(error)}
    except BaseException as error:  # noqa: BLE001 - what the function raises is in the report
        if more("diagnosis") in getattr(error, "__notes__", ()):  # an option that is none
            return {"error": str(error)}
        said = " ".join(f"{type(error).__name__}: {words(error)}".split())
        memory = "; --memory gives it more" if isinstance(error, MemoryError) else ""
        return {"error": f"{request['address']} was not tried: the checker stops at {said}{memory}"}


def _report(request: dict[str, Any]) -> dict[str, Any]:
    fn, name = load(request["address"])
    Path(request["loaded"]).touch()
    options = request["options"]
    options["problem"] = options["problem"] or (name if name in PROBLEMS else PROBLEMS[0])
    report = diagnose(fn, **options)
    if all(options[name] == plain for name, plain in request["plain"].items()):
        report = replace(report, solved=solves(options["problem"], fn))
    return {
        "ok": report.ok,
        "json": report.to_json(indent=2),
        "text": text(report, colour=request["colour"]),
        "html": report._repr_html_() if request["html"] else "",
    }


def main() -> None:
    """Read the request, limit this process, and answer."""
    request = json.loads(sys.stdin.buffer.readline())
    whole = Path(request["answer"])
    _end_with_parent(whole.parent)
    # Ctrl-C is not for this process: a KeyboardInterrupt here is one that the code itself raises.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    traces = Path(request["traces"]).open("w", encoding="utf-8")  # noqa: SIM115 - open to the end
    faulthandler.enable(traces)
    # Counted from when the parent began to wait; what importing took is gone.
    left = max(0.1, request["until"] - time.time())
    faulthandler.dump_traceback_later(left, file=traces)
    # NumPy's matrix product takes its memory at its first call, and ends the process where there is
    # none: whichever call that is, it is nothing that the function did.
    np.ones((64, 64)) @ np.ones((64, 64))
    lifted = _limit(request["seconds"], request["memory"])
    with (
        Path(os.devnull).open("w", encoding="utf-8") as nowhere,
        contextlib.redirect_stdout(nowhere),
    ):
        found = answer(request)
    faulthandler.cancel_dump_traceback_later()
    lifted()
    part = whole.with_suffix(".part")  # this process may be ended amid it
    part.write_text(json.dumps(found), encoding="utf-8")
    part.replace(whole)


def _end_with_parent(folder: Path) -> None:
    """Has this process, its group and the folder end when the parent is gone, however it went.

    Its end of stdin is closed then. What the code reads from stdin is empty, as before.
    """
    pipe = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)

    def wait() -> None:
        os.read(pipe, 1)
        shutil.rmtree(folder, ignore_errors=True)
        if os.name == "posix":  # where the parent makes this process lead a group
            os.killpg(0, signal.SIGKILL)
        os._exit(1)

    with contextlib.suppress(RuntimeError):  # there is no thread to be had
        threading.Thread(target=wait, daemon=True).start()


def _limit(seconds: float, mebibytes: int) -> Callable[[], None]:
    """Set the limits. What is returned lifts that of memory again, for the answer."""
    try:
        import resource
    except ImportError:  # Windows: the parent's clock is all there is
        return lambda: None
    now = 0
    statm = Path("/proc/self/statm")
    if statm.exists():
        now = int(statm.read_text(encoding="ascii").split()[0]) * resource.getpagesize()

    def limit(which: int, wanted: int) -> None:
        hard = resource.getrlimit(which)[1]
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        # A system without this limit, or without one as high.
        with contextlib.suppress(ValueError, OSError, OverflowError):
            resource.setrlimit(which, (most, hard))

    before = resource.getrlimit(resource.RLIMIT_AS)[0]
    limit(resource.RLIMIT_AS, now + (mebibytes << 20))
    limit(resource.RLIMIT_CPU, int(4 * seconds) + 5)
    limit(resource.RLIMIT_CORE, 0)
    return lambda: limit(resource.RLIMIT_AS, before)


if __name__ == "__main__":
    main()
