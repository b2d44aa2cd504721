"""The process in which a learner's code runs: `python -m dxdw.commands.check_worker`.

A request comes on stdin. The answer goes through a file, for the learner's code may print what it
likes, or end the process.
"""

import contextlib
import faulthandler
import json
import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..diagnosis import diagnose
from ..diagnosis.loading import NotLoaded, load
from ..diagnosis.report_text import text
from ..practice.running import solves
from ..problem_names import PROBLEMS


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """What `dxdw check` prints, in every form."""
    try:
        fn, name = load(request["address"])
    except NotLoaded as error:
        return {"error": str(error)}
    options = request["options"]
    options["problem"] = options["problem"] or (name if name in PROBLEMS else PROBLEMS[0])
    try:
        report = diagnose(fn, **options)
    except (TypeError, ValueError) as error:
        return {"error": str(error)}
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
    request = json.load(sys.stdin)
    traces = Path(request["traces"]).open("w", encoding="utf-8")  # noqa: SIM115 - open to the end
    faulthandler.enable(traces)
    # Counted from when the parent began to wait; what importing took is gone.
    left = max(0.1, request["until"] - time.time())
    faulthandler.dump_traceback_later(left, file=traces)
    _limit(request["seconds"], request["memory"])
    with (
        Path(os.devnull).open("w", encoding="utf-8") as nowhere,
        contextlib.redirect_stdout(nowhere),
    ):
        found = answer(request)
    faulthandler.cancel_dump_traceback_later()
    whole = Path(request["answer"])
    part = whole.with_suffix(".part")  # this process may be ended amid it
    part.write_text(json.dumps(found), encoding="utf-8")
    part.replace(whole)


def _limit(seconds: float, mebibytes: int) -> None:
    try:
        import resource
    except ImportError:  # Windows: the parent's clock is all there is
        return
    now = 0
    statm = Path("/proc/self/statm")
    if statm.exists():
        now = int(statm.read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    for which, wanted in (
        (resource.RLIMIT_AS, now + (mebibytes << 20)),
        (resource.RLIMIT_CPU, int(4 * seconds) + 5),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(which)[1]
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        with contextlib.suppress(ValueError, OSError):  # a system without this limit
            resource.setrlimit(which, (most, hard))


if __name__ == "__main__":
    main()
