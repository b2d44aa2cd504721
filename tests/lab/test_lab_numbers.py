"""The numbers that the page's own sums are held against are those of the library today."""

import importlib.util
import json
from pathlib import Path

import numpy as np


def stored_and_today(name):
    """What the script of this name wrote, and what it would write now."""
    path = Path(__file__).parents[2] / "lab" / "tests" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    stored = json.loads(module.NUMBERS.read_text(encoding="utf-8"))
    return stored, json.loads(json.dumps(module.numbers()))


def test_the_numbers_of_the_convolution_are_the_reference_s():
    stored, today = stored_and_today("see_numbers")
    for was, one in zip(stored, today, strict=True):
        # An exponential may differ in its last bit from one processor to the next.
        for a, b in zip(was.pop("curved"), one.pop("curved"), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)
    assert today == stored


def test_the_numbers_of_the_other_pictures_are_the_library_s():
    stored, today = stored_and_today("scene_numbers")
    for kind in ("padding", "pooling"):  # integers
        assert stored.pop(kind) == today.pop(kind)
    assert stored.keys() == today.keys()
    for kind, cases in stored.items():
        for was, one in zip(cases, today[kind], strict=True):
            for name in was.keys() | one.keys():
                np.testing.assert_allclose(was[name], one[name], rtol=1e-9, atol=1e-9)
