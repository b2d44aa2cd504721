"""The numbers that the page's own convolution is held against are those of the library today."""

import importlib.util
import json
from pathlib import Path

import numpy as np


def test_the_numbers_of_the_page_are_the_reference_s():
    path = Path(__file__).parents[1] / "lab" / "tests" / "see_numbers.py"
    spec = importlib.util.spec_from_file_location("see_numbers", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    stored = json.loads(module.NUMBERS.read_text(encoding="utf-8"))
    today = json.loads(json.dumps(module.numbers()))
    for was, one in zip(stored, today, strict=True):
        # An exponential may differ in its last bit from one processor to the next.
        for a, b in zip(was.pop("curved"), one.pop("curved"), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)
    assert today == stored
