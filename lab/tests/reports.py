"""What `practice.run` tells of 200 wrong answers here, as JSON: the page has to tell it too."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "support"))

from mistakes_in_source import EDITS, pairs, source_with

from dxdw.practice import SERIES, run

COUNT = 200


def programs():
    """The number of a problem, and code for it."""
    for problem in SERIES.values():
        yield problem.number, problem.solution
        for answer in problem.wrong_answers:
            yield problem.number, answer.code
    for mistakes in (*((one,) for one in EDITS), *pairs()):
        yield "05", "import numpy as np\n\n" + source_with(*mistakes)


def told(number, code):
    """The events of a run."""
    events = []
    run(number, code, events.append)
    return events


if __name__ == "__main__":
    chosen = [program for program, _ in zip(programs(), range(COUNT), strict=False)]
    found = [{"number": n, "code": code, "events": told(n, code)} for n, code in chosen]
    json.dump(found, sys.stdout)
