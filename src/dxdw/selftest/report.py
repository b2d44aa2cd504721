"""What an installation's results come to, beside the digests that were published."""

import json
import platform
from collections.abc import Callable
from functools import lru_cache
from importlib.resources import files
from math import isfinite
from typing import Any, NamedTuple

from ..configuration import kernels
from .trials import Trial, trials

# By the instruction set and the compiler that built the library: the digest of each trial.
Digests = dict[str, dict[str, dict[str, str]]]

SAME = "the published bits"
OTHER = "bits that were not published"
UNKNOWN = "nothing published to compare with"
THREADS = "other bits with another number of threads"
WRONG = "an error above its bound"


class Finding(NamedTuple):
    """A trial, and what it comes to."""

    trial: Trial
    verdict: str

    @property
    def fails(self) -> bool:
        """Whether the installation is not as it should be."""
        return self.verdict not in (SAME, UNKNOWN)


class Report(NamedTuple):
    """All findings; `built_by` is the compiler whose digests they were compared with."""

    isa: str | None
    built_by: str | None
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether none fails."""
        return not any(finding.fails for finding in self.findings)

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON can hold it: an error that is no number is null."""
        results = [
            f.trial._asdict()
            | {
                "error": f.trial.error if isfinite(f.trial.error) else None,
                "verdict": f.verdict,
            }
            for f in self.findings
        ]
        return {"isa": self.isa, "built_by": self.built_by, "ok": self.ok, "results": results}


@lru_cache(maxsize=1)
def published() -> Digests:
    """What is in the package: of the release's own builds."""
    text = files(__package__).joinpath("digests.json").read_text("utf-8")
    found: Digests = json.loads(text)
    # AMX comes with the vectors of AVX-512: what stands there is what it has of its own.
    for compiler, own in found["amx"].items():
        found["amx"][compiler] = found["avx512"].get(compiler, {}) | own
    return found


def examine() -> Report:
    """Run all trials."""
    isa, done = instruction_set(), list(trials())
    sets = published().get(isa or "", {})
    # The compilers with most in common: a library does not say what built it.
    common = {name: sum(map(_agrees(digests), done)) for name, digests in sets.items()}
    likely = [name for name in common if common[name] == max(common.values())]
    wanted = sets[likely[0]] if likely else {}
    return Report(
        isa, " or ".join(likely) or None, tuple(Finding(t, _verdict(t, wanted)) for t in done)
    )


def instruction_set() -> str | None:
    """As digests are published for it: what all 64-bit ARMs have is not what x86-64s have."""
    isa: str | None = kernels()["instruction set"]
    return "neon" if isa == "base" and platform.machine() in ("aarch64", "arm64") else isa


def _agrees(wanted: dict[str, str]) -> Callable[[Trial], bool]:
    return lambda trial: wanted.get(trial.name) == trial.digest


def _verdict(trial: Trial, wanted: dict[str, str]) -> str:
    if not trial.error <= 1:
        return WRONG
    if not trial.threads_agree:
        return THREADS
    if trial.name not in wanted:
        return UNKNOWN
    return SAME if wanted[trial.name] == trial.digest else OTHER
