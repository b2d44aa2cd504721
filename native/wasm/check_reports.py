"""Prints the reports of the checker on two hundred functions, right and wrong, a line of JSON each.

The same program runs in CPython and in Pyodide; what the lines say must not depend on which.
"""

import inspect
import json
import warnings
from itertools import islice

import right_versions
import test_diagnosis_series as series
import wrong_versions
from mistakes_in_source import pairs, with_mistakes
from mutants import mutants

from dxdw.diagnosis import diagnose


def functions():
    """A name, a function, and the options of diagnose; none that needs SciPy."""
    for fn in filter(by_numpy_alone, right_versions.RIGHT):
        yield f"right: {fn.__name__}", fn, {}
    for causes, each in wrong_versions.WRONG.items():
        for fn in filter(by_numpy_alone, each):
            yield f"{'+'.join(causes)}: {fn.__name__}", fn, wrong_versions.OPTIONS[fn]
    for name, fn in series.RIGHT.items():
        yield f"right: {name}", fn, {"problem": name}
    for name, cause, fn in series.WRONG:
        yield f"{cause}: {name}", fn, {"problem": name}
    for pair in islice(pairs(), 0, None, 5):
        yield f"{'+'.join(pair)}: edits", with_mistakes(*pair), {}
    slips = ((said, fn) for said, fn in mutants() if not said.startswith("scipy_signal"))
    for said, fn in islice(slips, 0, None, 6):
        yield f"slip: {said}", fn, {}


def by_numpy_alone(fn):
    return "scipy" not in inspect.getsource(fn)


def main() -> None:
    warnings.simplefilter("ignore")  # some divide by zero, or read what is empty
    for name, fn, options in functions():
        report = json.loads(diagnose(fn, **options).to_json())
        print(json.dumps({"of": name, "report": report}), flush=True)


if __name__ == "__main__":
    main()
