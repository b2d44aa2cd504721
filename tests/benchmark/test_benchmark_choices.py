"""The regret of a choice, of engines whose times are known."""

import numpy as np
import pytest

from dxdw.benchmark import choices
from dxdw.benchmark.measure import Timing
from dxdw.call import geometries, plan
from dxdw.call.options import Options
from dxdw.core.problem import Execution, Problem
from dxdw.engines import native_library


def choice(chosen, **seconds):
    geometry, _ = geometries.convolution(2, (1, 2, 9, 9), (2, 2, 3, 3), Options())
    timings = {name: Timing(s, s, s, 1) for name, s in seconds.items()}
    return choices.Choice(
        "a problem",
        Problem("dx", geometry, np.dtype("float32"), how=Execution(threads=1)),
        chosen,
        timings,
    )


def test_regret_is_the_chosen_time_over_the_least():
    found = choice("direct", direct=0.3, winograd=0.2)
    assert found.fastest == "winograd"
    assert found.regret == pytest.approx(1.5)
    assert "winograd 200 ms, direct 300 ms" in str(found)
    assert found.tuned.engine == "winograd"


def test_a_tie_stays_with_the_choice():
    assert choice("direct", direct=0.203, winograd=0.2).tuned.engine == "direct"


def test_the_summary_has_the_geometric_mean_and_the_worst():
    each = [choice("direct", direct=2.0, fft=1.0), choice("direct", direct=1.0, fft=2.0)]
    assert choices.summary(each) == (
        "2 choices, 1 of them within 3% of the best; regret: mean 1.414, most 2.00 "
        "(a problem dx float32)"
    )
    assert choices.summary([]) == "nothing was measured"


@pytest.mark.skipif(native_library.load() is None, reason="there is nothing to choose from")
def test_every_engine_that_can_is_timed(monkeypatch):
    monkeypatch.setattr(choices, "HOPELESS", np.inf)  # a busy machine can stop any first call
    geometry, _ = geometries.convolution(2, (2, 16, 14, 14), (16, 16, 5, 5), Options())
    found = list(choices.choices("it", geometry, ["float32"], [1], 1, 0.0))
    assert [c.problem.kind for c in found] == ["forward", "dx", "dW"]
    for each in found:
        assert {"winograd", "direct"} <= each.timings.keys() <= {"winograd", "direct", "fft"}
        assert each.chosen == plan.accepting(each.problem)[0]
        assert each.regret >= 1


def test_an_engine_with_another_answer_is_refused(monkeypatch):
    geometry, _ = geometries.convolution(2, (2, 4, 14, 14), (4, 4, 3, 3), Options())
    original = choices._run
    count = iter(range(100))
    monkeypatch.setattr(choices, "_run", lambda *a: [r + (next(count) == 0) for r in original(*a)])
    monkeypatch.setattr(choices, "_candidates", lambda _: ["array", "reference"])
    monkeypatch.setattr(plan, "accepting", lambda _: ("array",))
    with pytest.raises(ArithmeticError, match="forward by reference and by array differ by"):
        list(choices.choices("it", geometry, ["float64"], [1], 1, 0.0))


def test_the_command_prints_choices_and_refuses_what_is_of_peers(capsys, monkeypatch):
    from dxdw.benchmark import problems
    from dxdw.cli import main

    listed = problems.Listed("tiny", 'mb1ic2ih6oc3oh4kh3n"mine"', quick=True)
    monkeypatch.setattr(problems, "load", lambda _: [listed])
    call = ["bench", "--choices", "--lists", "tiny", "--dtype", "float64", "--threads", "1"]
    assert main([*call, "--rounds", "1", "--seconds", "0"]) == 0
    assert "3 choices" in capsys.readouterr().out
    assert main([*call, "--json", "choices.json"]) == 2
    assert "--choices measures no peers: leave --json out" in capsys.readouterr().err
