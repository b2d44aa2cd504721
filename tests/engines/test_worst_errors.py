"""Every engine keeps its own bound on every family of data, and so did the release's long run."""

import json

import numpy as np
import pytest
import worst_errors as numerics
from calls import KINDS
from families import FAMILIES

from dxdw.call.plan import engines

ENGINES = [name for name in numerics.CASES if name in engines()]


@pytest.mark.parametrize("engine", ENGINES)
def test_no_error_is_above_its_bound(engine, monkeypatch):
    """The short form: one problem and one draw of each family. `make numerics` is the long one."""
    monkeypatch.setattr(numerics, "CASES", {engine: numerics.CASES[engine]})
    found = list(numerics.worst_errors(1, [0]))
    worst = max(found, key=lambda w: w.ratio, default=None)
    if worst is None:  # rows of the table that this CPU has no instructions for
        assert engine.startswith("bfloat16")
        return
    assert worst.ratio <= 1, worst
    assert {w.kind for w in found} == {*KINDS}
    assert {w.family for w in found} == {*FAMILIES}


@pytest.mark.parametrize("engine", ["array", "reference", *(e for e in ENGINES if e == "direct")])
@pytest.mark.parametrize("kind", KINDS)
def test_an_error_of_one_element_would_be_seen(engine, kind, monkeypatch):
    """One value of the result, a few units of its own rounding off; or a NaN that is none."""
    case, honest = numerics.CASES[engine][0], numerics.convolve

    def by(change):
        def convolve(*args, **options):
            result = honest(*args, **options)
            result.flat[result.size // 2] = change(result.flat[result.size // 2])
            return result

        monkeypatch.setattr(numerics, "convolve", convolve)
        return numerics.ratio(engine, kind, "float32", case, "uniform", 0)

    assert by(lambda v: v) <= 1
    assert by(lambda v: v * (1 + 300 * np.finfo(np.float32).eps)) > 1
    assert by(lambda _: np.nan) == np.inf


def test_the_record_is_of_all_of_them_and_keeps_the_bounds():
    record = json.loads(numerics.RECORD.read_text("utf-8"))
    assert record["families"] == [*FAMILIES]
    assert len(FAMILIES) >= 20
    found = {tuple(row[:3]): row[3] for row in record["rows"]}
    for engine, dtypes in (("winograd", numerics.REAL), ("direct", numerics.REAL),
                           ("array", numerics.ALL), ("reference", numerics.ALL)):  # fmt: skip
        for dtype in dtypes:
            for kind in KINDS:
                assert len(found[engine, dtype, kind]) == len(FAMILIES)
    assert max(map(max, found.values())) <= 1
