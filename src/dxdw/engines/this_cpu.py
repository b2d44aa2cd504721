"""The CPU that times are of, by name: what was measured on one says nothing of another."""

import platform
from functools import lru_cache
from pathlib import Path

from . import native_library


@lru_cache(maxsize=1)
def model() -> str:
    """The processor's name as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        lines = []
    told = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return told[0] if told else platform.processor() or "unknown"


@lru_cache(maxsize=1)
def name() -> str:
    """The processor, what its caches hold and the instruction set that the kernels run with."""
    return f"{model()}, {native_library.machine() or 'caches unknown'}, {native_library.isa()}"
