"""`dxdw selftest`: whether this installation's kernels compute what was published."""

import argparse
import json
import time
from collections import Counter
from typing import Any

from ..configuration import show_config
from ..selftest.report import OTHER, Report, examine


def add(subparsers: Any) -> None:
    """Add the command and its options."""
    parser = subparsers.add_parser(
        "selftest",
        help="check that this installation's kernels compute what was published: ten seconds",
        description="It runs fixed problems on every compiled kernel, compares the results with "
        "the definition, and their bits with those published for the instruction set. It prints "
        "what a report of a fault starts with, and ends with 1 where something differs.",
    )
    parser.add_argument("--json", action="store_true", help="print it as JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the report; 1 where something differs."""
    began = time.monotonic()
    report = examine()
    seconds = time.monotonic() - began
    if arguments.json:
        found = report.to_json() | {"configuration": show_config("dicts")}
        print(json.dumps(found, indent=2, ensure_ascii=False, allow_nan=False))
    else:
        show_config()
        print("\n".join(["selftest:", *(f"  {line}" for line in _lines(report, seconds))]))
    return 0 if report.ok else 1


def _lines(report: Report, seconds: float) -> list[str]:
    if not report.findings:
        return ["no compiled kernels, so there are no bits to compare"]
    lines = []
    for kernel in dict.fromkeys(finding.trial.kernel for finding in report.findings):
        of_kernel = [f for f in report.findings if f.trial.kernel == kernel]
        passes = sum(len(f.trial.passes) for f in of_kernel)
        verdicts = Counter(f.verdict for f in of_kernel)
        counted = ", ".join(f"{n} with {verdict}" for verdict, n in verdicts.items())
        worst = max(f.trial.error for f in of_kernel)
        lines.append(f"{kernel}: {passes} passes of {len(of_kernel)} problems, {counted}; ")
        lines[-1] += f"the largest error is {worst:.2f} of its bound"
    if failing := [f for f in report.findings if f.fails]:
        lines += [f"differs: {f.trial.name}: {f.verdict} ({f.trial.digest})" for f in failing]
        if all(f.verdict == OTHER for f in failing):
            lines.append("all errors are within their bounds: another compiler may have built them")
    end = "all is as published" if report.ok else f"{len(failing)} differ"
    if report.built_by:
        end += f" for {report.isa}, as built by {report.built_by}"
    return [*lines, f"{end}; {seconds:.1f} s"]
