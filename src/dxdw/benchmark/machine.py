"""The machine that the times are of: described without its name, and what it can do at most."""

import os
import platform
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..engines import native_library, this_cpu

# A load that no longer comes from the shell alone.
BUSY = 0.75
# By which the libraries that are compared take a processor for less than it is.
LIMITS = ("DXDW_ISA", "ONEDNN_MAX_CPU_ISA", "ATEN_CPU_CAPABILITY")
# Where the system does not tell: more than most have.
USUAL_LAST_LEVEL_CACHE = 64 << 20


class Ceiling(NamedTuple):
    """What so many threads can do at most."""

    flops: dict[str, float]  # by dtype: multiply-adds in registers, two operations each, a second
    bandwidth: float  # bytes read and written a second, of arrays larger than the caches


@lru_cache(maxsize=8)
def ceiling(threads: int) -> Ceiling | None:
    """Measured by kernels of dxdw's own; None where they are not there.

    The best of three: whatever else runs on the machine can only take away.
    """
    library = native_library.load()
    if library is None:
        return None
    flops = {
        name: max(float(library.dxdw_peak(code, threads)) for _ in range(3))
        for code, name in enumerate(("float32", "float64"))
    }
    return Ceiling(flops, max(float(library.dxdw_bandwidth(threads)) for _ in range(3)))


@lru_cache(maxsize=1)
def cpus() -> int:
    """How many this process may use."""
    library = native_library.load()
    if library is not None:
        return int(library.dxdw_cpus())
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@lru_cache(maxsize=1)
def last_level_cache() -> int:
    """Bytes of the largest cache, as Linux tells it."""
    files = Path("/sys/devices/system/cpu/cpu0/cache").glob("index*/size")
    sizes = [file.read_text("ascii").strip() for file in files]
    kibibytes = [int(size.removesuffix("K")) for size in sizes if size.endswith("K")]
    return max(kibibytes) << 10 if kibibytes else USUAL_LAST_LEVEL_CACHE


def description() -> dict[str, Any]:
    """What a reader of the times needs to know; no names of hosts, users or files."""
    missing = native_library.why_missing()
    return {
        "cpu": this_cpu.model(),
        "cpus": cpus(),
        "last_level_cache_bytes": last_level_cache(),
        "system": platform.system(),
        "architecture": platform.machine(),
        "native_kernels": missing is None,
        "isa": native_library.isa(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "blas": _blas(),
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0,
        "limits": {name: os.environ[name] for name in LIMITS if os.environ.get(name)},
    }


def _blas() -> str:
    """The library behind NumPy's matrix products."""
    config: Any = np.show_config(mode="dicts")
    blas = config.get("Build Dependencies", {}).get("blas", {})
    return f"{blas.get('name', 'unknown')} {blas.get('version', '')}".strip()
