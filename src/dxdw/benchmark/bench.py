"""`dxdw bench`: measures, and prints each row as soon as it is there."""

import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from pathlib import Path
from threading import Thread

from . import machine, table
from .measure import SETTLING
from .peers import PEERS, TITLES, installed, version
from .problems import Listed
from .report import Run
from .rows import Row
from .session import Plan, measure


def bench(problems: Sequence[Listed], plan: Plan, json_file: Path | None) -> Run:
    """Print a line for each pass of each problem, then means, what fell behind, and the figures.

    Raises:
        WrongAnswer: a result of dxdw's is wrong. What was measured until then is written.
    """
    left_out = {
        TITLES[name]: why for name in PEERS if (why := _left_out(name, plan.peers)) is not None
    }
    peers = tuple(name for name in plan.peers if installed(name))
    threads = sorted({setting.threads for setting in plan.settings})
    plan = plan._replace(peers=peers, ceilings={count: machine.ceiling(count) for count in threads})
    described = machine.description()
    described["ceilings"] = {
        str(count): ceiling._asdict() for count, ceiling in plan.ceilings.items() if ceiling
    }
    versions = {TITLES[name]: version(PEERS[name].LIBRARY) or "unknown" for name in peers}
    run = Run(described, versions, left_out, plan.settings, plan.precisions, [], complete=False)
    print(introduction(run))
    columns = table.columns(peers, plan.settings, plan.precisions)
    print(table.heading(columns))
    rows: list[Row] = []
    started = time.monotonic()
    try:
        for listed in problems:
            found = measured_apart(listed, plan)
            if isinstance(found, str):
                print(f"{listed.problem.name}: {found}", flush=True)
                continue
            rows += found
            print("\n".join(table.lines(columns, found)), flush=True)
        run = run._replace(complete=True)
    finally:
        run = run._replace(rows=rows)
        if json_file is not None:
            run.write(json_file)
    minutes = (time.monotonic() - started) / 60
    print(f"\n{table.summary(rows)}\n\n{len(rows)} rows in {minutes:.1f} minutes")
    return run


def shown(run: Run) -> str:
    """What is printed of a run that was measured before."""
    columns = table.columns(
        [name for name in PEERS if TITLES[name] in run.peers], run.settings, run.precisions
    )
    lines = table.lines(columns, run.rows)
    return "\n".join(
        [introduction(run), table.heading(columns), *lines, "", table.summary(run.rows)]
    )


def introduction(run: Run) -> str:
    """What machine it is, who is compared, who is not, and what the columns mean."""
    m = run.machine
    cache = f"{m['last_level_cache_bytes'] >> 20} MiB of cache"
    kernels = m["isa"] if m["native_kernels"] else "none"
    text = [
        f"{m['cpu']}, {m['cpus']} CPUs, {cache}, {m['system']} {m['architecture']}",
        f"native kernels: {kernels}; Python {m['python']}, NumPy {m['numpy']} with {m['blas']}",
        "beside " + (", ".join(f"{name} {v}" for name, v in run.peers.items()) or "nothing"),
    ]
    if m["load"] > machine.BUSY:
        text.append(
            f"BUSY: a load of {m['load']:.1f} before anything was measured. Where threads wait\n"
            "      for each other, PyTorch's above all, times can be a hundred times too long."
        )
    text += [f"left out: {name}, {why}" for name, why in run.left_out.items()]
    for threads, ceiling in m["ceilings"].items():
        flops = ", ".join(f"{f / 1e9:.0f} GFLOP/s in {d}" for d, f in ceiling["flops"].items())
        text.append(f"measured peak, threads {threads}: {flops}; {_gigabytes(ceiling)}")
    if not m["ceilings"]:
        text.append("peak and bandwidth not measured: the native kernels do that")
    if "JAX" in run.peers:
        text.append("JAX always has all CPUs: its pool can't be changed within a process")
    return "\n".join([*text, "", table.LEGEND, ""])


def measured_apart(listed: Listed, plan: Plan) -> list[Row] | str:
    """The rows of a problem, by a process of its own; or why there are none.

    What was allocated and freed before decides whether an array's pages are fresh, and that alone
    is worth up to five times on a small problem: no problem comes after another.
    """
    of_its_own = 1, get_context("spawn"), _end_with_the_command
    with _settling(), ProcessPoolExecutor(*of_its_own) as process:
        try:
            return process.submit(measure, listed, plan).result()
        except (MemoryError, BrokenProcessPool) as error:
            # A process that ends by itself has usually been ended for its memory.
            return f"left out, {str(error) or 'no memory'}"


def _end_with_the_command() -> None:
    """In the process that measures: it would wait for the next problem for ever, where the command
    was ended by a signal that Python does not answer."""
    command = parent_process()

    def watch() -> None:
        if command is not None:
            command.join()
            os._exit(1)

    Thread(target=watch, daemon=True).start()


@contextmanager
def _settling() -> Iterator[None]:
    """Have processes that are started here share the CPUs well; see `measure.SETTLING`."""
    added = {name: value for name, value in SETTLING.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]


def _left_out(name: str, chosen: Sequence[str]) -> str | None:
    if name not in chosen:
        return "not asked for"
    return None if installed(name) else "not installed"


def _gigabytes(ceiling: dict[str, float]) -> str:
    return f"{ceiling['bandwidth'] / 1e9:.1f} GB/s"
