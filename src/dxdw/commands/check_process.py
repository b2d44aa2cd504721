"""Runs the examination in a process of its own, and tells how that ended."""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

from ..diagnosis.calls import Crash
from ..diagnosis.ladder import RUNGS
from ..diagnosis.report import Check, Report
from ..diagnosis.report_text import text

GRACE = 0.5  # for the worker to write where it is, before it is ended
_FRAME = re.compile(r'^  File "(.+)", line (\d+) in (\S+)', re.MULTILINE)


class Checked(NamedTuple):
    """The report in the forms that were asked for; or why the function could not be loaded."""

    ok: bool = False
    json: str = ""
    text: str = ""
    html: str = ""
    error: str | None = None
    out_of_time: bool = False


# The form that the practice problems have: the tests are for functions of this one.
PLAIN_FORM = {"batch": False, "stride": 1, "padding": 0, "dilation": 1, "groups": 1, "bias": False,
          "returns": None, "channels_last": False}  # fmt: skip


def check(
    address: str, options: dict[str, Any], *, seconds: float, memory: int, colour: bool, html: bool
) -> Checked:
    """Diagnose the function at an address within so many seconds and mebibytes."""
    with tempfile.TemporaryDirectory(prefix="dxdw-check-") as folder:
        traces, answer = Path(folder, "traces"), Path(folder, "answer")
        request = {
            "address": address, "options": options, "seconds": seconds, "memory": memory,
            "plain": PLAIN_FORM, "colour": colour, "html": html,
            "until": time.time() + seconds, "traces": str(traces), "answer": str(answer),
        }  # fmt: skip
        # One thread: the arrays are tiny, and starting threads takes longer than they save.
        env = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-m", "dxdw.commands.check_worker"]
        process = subprocess.Popen(  # noqa: S603 - our own worker
            command, env=env,
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            start_new_session=os.name == "posix",
        )  # fmt: skip
        late = False
        try:
            _, said = process.communicate(json.dumps(request).encode(), timeout=seconds + GRACE)
        except subprocess.TimeoutExpired:
            late = True
            _end(process)
            said = b""
        except BaseException:
            _end(process)
            raise
        if answer.exists():
            found = json.loads(answer.read_text(encoding="utf-8"))
            return Checked(**found)
        trace = traces.read_text(encoding="utf-8", errors="replace") if traces.exists() else ""
        crash = _crash(address, trace, said, process.returncode, seconds if late else None)
        return _ended(address, crash, late, colour, html)


def _end(process: "subprocess.Popen[bytes]") -> None:
    """The worker and whatever it has started."""
    if os.name == "posix":
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.communicate()


def _crash(address: str, trace: str, said: bytes, code: int | None, seconds: float | None) -> Crash:
    # The last thing that faulthandler wrote lists the most recent call first.
    frames = [(file, int(line)) for file, line, _ in _FRAME.findall(trace)]
    place = address.rpartition(":")[0] or address
    own = [f for f in frames if f[0] == place or f[0].startswith(f"{place}[")]
    file, line = own[0] if own else ("", 0)
    source = ""
    if file.endswith(".py"):
        source = "".join(
            Path(file).read_text(encoding="utf-8").split("\n")[line - 1 : line]
        ).strip()
    if seconds is not None:
        return Crash(
            "OutOfTime", f"still running after {seconds:g} s", file, line, source, {}, trace
        )
    ending = signal.Signals(-code).name if code is not None and code < 0 else f"exit status {code}"
    last = said.decode(errors="replace").strip().rpartition("\n")[2]
    message = f"the process ended with {ending}" + (f": {last}" if last else "")
    return Crash("ProcessEnded", message, file, line, source, {}, trace)


def _ended(address: str, crash: Crash, late: bool, colour: bool, html: bool) -> Checked:
    report = Report(
        address.rpartition(":")[2],
        (Check("runs", False, crash.what, RUNGS["runs"]),),
        summary=crash.message + (f", in line {crash.line}" if crash.line else ""),
        crash=crash,
    )
    page = report._repr_html_() if html else ""
    return Checked(False, report.to_json(indent=2), text(report, colour=colour), page, None, late)
