"""All that a page shows of the series, as one JSON object: `python -m dxdw.practice.catalogue`."""

import json
import sys
from typing import Any

from .. import __version__
from .running import names_by_id
from .series import SERIES


def catalogue() -> dict[str, Any]:
    """The texts, the tests by their ids, and what to begin with, of every problem in its order."""
    return {
        "version": __version__,
        "problems": [
            {
                "number": problem.number,
                "title": problem.title,
                "functions": problem.functions,
                "statement": problem.statement,
                "starter": problem.starter,
                "hints": problem.hints,
                "solution": problem.solution,
                "tests": names_by_id(problem),
                "example": problem.example,
                "wrong_answers": [answer._asdict() for answer in problem.wrong_answers],
            }
            for problem in SERIES.values()
        ],
    }


if __name__ == "__main__":
    json.dump(catalogue(), sys.stdout, ensure_ascii=False)
