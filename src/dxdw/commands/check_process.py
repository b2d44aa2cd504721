"""Runs the examination in a process of its own, and tells how that ended."""

import contextlib
import json
import linecache
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import IO, Any, NamedTuple

from ..diagnosis.calls import Crash
from ..diagnosis.ladder import RUNGS
from ..diagnosis.report import Check, Report
from ..diagnosis.report_text import text
from . import CommandError
from .descendants import StopsHeld, adopt_orphans, end_with_all

GRACE = 0.5  # for the worker to write where it is, before it is ended
# What others end a process with, a system that is short of memory among them. Whatever a process
# does wrong by itself has signals of its own.
_FROM_OUTSIDE = {"SIGKILL", "SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT"}
_FRAME = re.compile(r'^  File "(.+)", line (\d+) in (\S+)', re.MULTILINE)


class Checked(NamedTuple):
    """The report in the forms that were asked for; or why the function could not be loaded."""

    ok: bool = False
    json: str = ""
    text: str = ""
    html: str = ""
    error: str | None = None
    out_of_time: bool = False
    ended: str | None = None  # by whom, where it was from outside


# The form that the practice problems have: the tests are for functions of this one.
PLAIN_FORM = {"batch": False, "stride": 1, "padding": 0, "dilation": 1, "groups": 1, "bias": False,
          "returns": None, "channels_last": False}  # fmt: skip


def check(
    address: str, options: dict[str, Any], *, seconds: float, memory: int, colour: bool, html: bool
) -> Checked:
    """Diagnose the function at an address within so many seconds and mebibytes."""
    with StopsHeld() as stops, tempfile.TemporaryDirectory(prefix="dxdw-check-") as folder:
        traces, loaded, answer = (Path(folder, name) for name in ("traces", "loaded", "answer"))
        request = {
            "address": address, "options": options, "seconds": seconds, "memory": memory,
            "plain": PLAIN_FORM, "colour": colour, "html": html,
            "until": time.time() + seconds, "traces": str(traces), "loaded": str(loaded),
            "answer": str(answer),
        }  # fmt: skip
        # One thread: the arrays are tiny, and starting threads takes longer than they save.
        env = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        # -P: what lies in the working folder is not taken for the standard library.
        command = [sys.executable, "-P", "-m", "dxdw.commands.check_worker"]
        before = adopt_orphans()
        process: Any = subprocess.Popen(  # noqa: S603 - our own worker
            command, env=env,
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            start_new_session=os.name == "posix",
        )  # fmt: skip
        late = False
        try:
            stops.end_first(process)
            last_words = _LastWords(process.stderr)
            with contextlib.suppress(BrokenPipeError):  # it has ended already
                process.stdin.write(json.dumps(request).encode() + b"\n")
                process.stdin.flush()  # and not closed: by that it would see this process end
            process.wait(seconds + GRACE)
        except subprocess.TimeoutExpired:
            late = True
        except RuntimeError as error:
            raise CommandError(f"the function was not tried: {error}") from None
        finally:
            end_with_all(process, before)
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()
        said = b"" if late else last_words.kept()
        if answer.exists():
            found = json.loads(answer.read_text(encoding="utf-8"))
            return Checked(**found)
        trace = traces.read_text(encoding="utf-8", errors="replace") if traces.exists() else ""
        ending = _ending(process.returncode)
        if not late and ending in _FROM_OUTSIDE:
            return Checked(ended=ending)
        crash = _crash(address, trace, said, ending, seconds if late else None)
        if not late and not loaded.exists():
            return Checked(error=_not_loaded(address, crash, begun=traces.exists()))
        return _ended(address, crash, late, colour, html)


def _not_loaded(address: str, crash: Crash, *, begun: bool) -> str:
    """Of a process that ended before there was a function to try."""
    if not begun:
        return f"{address} was not tried: {crash.message}"
    line = f", line {crash.line}" if crash.line else ""
    return f"{crash.file or _place(address)}{line}: it can't be loaded: {crash.message}"


class _LastWords:
    """The end of what a process writes, however much and however long it writes."""

    MOST = 64 << 10  # bytes

    def __init__(self, stream: IO[bytes]) -> None:
        self._pipe = os.dup(stream.fileno())  # the reader's own, to be closed by it
        stream.close()
        self._words = b""
        # A daemon, for what the process has started may hold the pipe open for ever.
        self._reader = threading.Thread(target=self._read, daemon=True)
        try:
            self._reader.start()
        except RuntimeError:  # there is no thread to be had
            os.close(self._pipe)
            raise

    def _read(self) -> None:
        while piece := os.read(self._pipe, self.MOST):
            self._words = (self._words + piece)[-self.MOST :]
        os.close(self._pipe)

    def kept(self) -> bytes:
        self._reader.join(GRACE)
        return self._words


def _ending(code: int | None) -> str:
    if code is None:  # it was killed, and has not died yet
        return "SIGKILL"
    return signal.Signals(-code).name if code < 0 else f"exit status {code}"


def _place(address: str) -> str:
    return address.rpartition(":")[0] or address


def _crash(address: str, trace: str, said: bytes, ending: str, seconds: float | None) -> Crash:
    # The last thing that faulthandler wrote lists the most recent call first.
    frames = [(file, int(line)) for file, line, _ in _FRAME.findall(trace)]
    place = _place(address)
    own = [f for f in frames if f[0] == place or f[0].startswith(f"{place}[")]
    file, line = own[0] if own else ("", 0)
    # In whatever encoding it names; nothing where it is gone, and for a cell.
    linecache.checkcache(file)
    source = linecache.getline(file, line).strip()
    if seconds is not None:
        return Crash(
            "OutOfTime", f"still running after {seconds:g} s", file, line, source, {}, trace
        )
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
