"""The practice series: every solution passes, every typical wrong answer gets its name."""

import json
import re

import pytest

import dxdw
from dxdw.diagnosis import questions
from dxdw.diagnosis.causes import CAUSES
from dxdw.diagnosis.exercise import examine_exercise
from dxdw.diagnosis.exercises import exercise_causes, exercises
from dxdw.practice import SERIES, run
from dxdw.practice.catalogue import catalogue
from dxdw.practice.learners_code import functions
from dxdw.practice.running import names_by_id as ids_of
from dxdw.practice.running import solves
from dxdw.problem_names import PROBLEMS

NUMBERS = list(SERIES)
SEED_TESTS = [
    "Returns two arrays with correct shapes",
    "Diagnostic: dW matches finite-difference numerical gradient",
    "Diagnostic: dx matches finite-difference numerical gradient",
    "Zero grad_out -> zero gradients on both x and W",
    "With a nonzero grad_out at a single position, dW reflects the corresponding x patch",
]


def events(number, code, cases=()):
    """What run tells, through JSON, as the page has it."""
    told = []
    run(number, code, lambda event: told.append(json.dumps(event, allow_nan=False)), cases)
    return [json.loads(event) for event in told]


def of_kind(told, kind):
    return [event for event in told if event["kind"] == kind]


def states(told):
    return {event["id"]: event["state"] for event in of_kind(told, "test")}


def causes(told):
    return [c for event in of_kind(told, "report") for c in event["report"]["causes"]]


@pytest.mark.parametrize("number", NUMBERS)
def test_the_solution_passes_every_test(number):
    told = events(number, SERIES[number].solution)
    assert set(states(told).values()) == {"passed"}
    assert list(states(told)) == [event["id"] for event in of_kind(told, "test")]
    assert set(states(told)) == set(ids_of(SERIES[number]))
    assert told[-1] == {
        "kind": "done", "passed": len(states(told)), "failed": 0, "advice": 0,
        "solved": True, "extra": True,
    }  # fmt: skip


@pytest.mark.parametrize("number", NUMBERS)
def test_the_starter_runs_and_is_not_yet_right(number):
    told = events(number, SERIES[number].starter)
    assert told[-1]["kind"] == "done"
    assert not told[-1]["solved"]
    assert not told[-1]["extra"]
    assert causes(told) == (["softmax-not-normalised"] if number == "04" else [])


_ZEROS = "the output is still all zeros"
_SHAPES = f"{_ZEROS}; its shape is {{}}, and should be {{}} for x {{}} and W {{}}"
MISSING = {
    "01": [_SHAPES.format((1, 2, 3), (1, 2, 2), (1, 2, 3), (1, 1, 1, 2))],
    "02": [_SHAPES.format((1, 1, 1), (1, 3, 3), (1, 4, 4), (1, 1, 2, 2))],
    "03": [_ZEROS],
    "04": ["the output is still x, as it came", "the numbers do not add up to 1"],
    "05": ["dx and dW are still all zeros"],
    "06": [_ZEROS],
}


@pytest.mark.parametrize("number", NUMBERS)
def test_of_the_starter_it_is_told_what_is_missing(number):
    told = events(number, SERIES[number].starter)
    assert [event["report"]["summary"] for event in of_kind(told, "report")] == MISSING[number]


def test_a_problem_is_solved_by_its_own_tests_and_the_extra_checks_try_more():
    code = SERIES["05"].solution.replace("grad_out[o, i, j]", "abs(grad_out[o, i, j])")
    told = events("05", code)
    own = [state for name, state in states(told).items() if name.startswith("test/")]
    assert own == ["passed"] * 5
    assert told[-1]["solved"]
    assert not told[-1]["extra"]
    (report,) = of_kind(told, "report")
    assert (report["report"]["solved"], report["report"]["extra"]) == (True, False)


def test_the_problems_own_tests_call_by_position_as_its_statement_does():
    """The checker takes parameters in another order; what is right so is not solved yet."""
    assert solves("conv2d_backward", dxdw.conv2d_backward)
    assert not solves("conv2d_backward", lambda w, x, dout: dxdw.conv2d_backward(dout, x, w))
    assert not solves("conv2d_backward", lambda x: x)


def test_of_two_functions_each_is_solved_by_itself():
    told = events("04", SERIES["04"].solution.replace("np.maximum(x, 0)", "np.abs(x)"))
    found = {e["function"]: e["report"]["solved"] for e in of_kind(told, "report")}
    assert found == {"relu": False, "softmax": True}
    assert not told[-1]["solved"]


def test_buffers_of_integers_are_advice_and_no_mistake():
    code = SERIES["05"].solution.replace("np.zeros(x.shape)", "np.zeros_like(x)")
    told = events("05", code)
    assert states(told)["conv2d_backward/integers"] == "advice"
    assert told[-1]["advice"] == 1
    assert told[-1]["failed"] == 0
    assert told[-1]["solved"]
    assert told[-1]["extra"]


def wrong_answers():
    """Those of problem 02 take two seconds each: one in three in the short form."""
    for number in NUMBERS:
        for i, answer in enumerate(SERIES[number].wrong_answers):
            long = pytest.mark.slow if number == "02" and i % 3 else ()
            name = f"{number}-{answer.cause}"
            yield pytest.param(number, answer.cause, answer.code, id=name, marks=long)


@pytest.mark.parametrize(("number", "cause", "code"), list(wrong_answers()))
def test_a_typical_wrong_answer_gets_its_name(number, cause, code):
    told = events(number, code)
    assert causes(told) == [cause]
    assert not (told[-1]["solved"] and told[-1]["extra"])


def test_every_mistake_of_a_wrong_answer_is_one_the_checker_knows():
    known = {"05": CAUSES}
    for number, problem in SERIES.items():
        named = [answer.cause for answer in problem.wrong_answers]
        assert len(named) == len(set(named)) >= 7
        shown = [answer.name for answer in problem.wrong_answers]
        assert not any(cause.partition("-")[0] in name for name in shown for cause in named)
        assert set(named) <= set(known.get(number, exercise_causes()))


def test_the_series_has_every_problem_that_the_checker_knows():
    assert {name for p in SERIES.values() for name in p.functions} == set(PROBLEMS)


@pytest.mark.parametrize("number", NUMBERS)
def test_a_problem_has_all_its_parts(number):
    problem = SERIES[number]
    assert len(problem.tests) == 5
    assert len(problem.hints) == 3
    assert set(problem.example) == set(problem.functions)
    assert "$$" in problem.statement
    for name in problem.functions:
        assert f"def {name}(" in problem.starter
        assert f"def {name}(" in problem.solution


def test_the_five_tests_of_the_exercise_it_grew_from_have_their_names():
    assert [test.name for test in SERIES["05"].tests] == SEED_TESTS
    assert list(ids_of(SERIES["05"]).values())[:5] == SEED_TESTS


def test_ids_of_two_functions_say_whose_they_are():
    ids = ids_of(SERIES["04"])
    assert ids["relu/exact"] == "relu: the right numbers"
    assert len(ids) == 5 + len(questions("relu")) + len(questions("softmax"))


def test_a_failure_shows_the_arrays_and_the_first_wrong_element():
    code = SERIES["05"].solution.replace("kW] += g * W[o]", "kW] = g * W[o]")
    told = events("05", code)
    failed = next(e for e in of_kind(told, "test") if e["state"] == "failed")
    assert failed["id"] == "test/2"
    assert failed["first_wrong"]["result"] == "dx"
    assert failed["detail"].startswith("dx[")
    assert set(failed["evidence"]["arguments"]) == {"grad_out", "x", "W"}
    assert failed["seconds"] >= 0
    (report,) = of_kind(told, "report")
    assert report["report"]["first_wrong"]["contributions"]


def test_an_exception_is_told_with_its_line():
    code = SERIES["05"].solution.replace("    return", "    missing\n    return")
    told = events("05", code)
    failed = of_kind(told, "test")[0]
    assert failed["state"] == "failed"
    assert failed["detail"].startswith("NameError")
    line = code[: code.index("    missing")].count("\n") + 1
    assert (failed["crash"]["line"], failed["crash"]["source"]) == (line, "missing")
    assert failed["crash"]["file"] == "practice.py"


def test_code_may_have_dataclasses_whose_annotations_are_read_later():
    code = (
        "from __future__ import annotations\nfrom dataclasses import dataclass\n"
        "@dataclass\nclass Sizes:\n    rows: int\n"
    )
    assert events("05", code + SERIES["05"].solution)[-1]["solved"]


TIMED = """
import contextlib
import numpy as np

@contextlib.contextmanager
def timed():
    yield
"""


@pytest.mark.parametrize("decorator", ["@np.errstate(all='ignore')", "@timed()"])
def test_the_line_is_the_learners_own_whoever_decorates_the_function(decorator):
    code = f"{TIMED}\n{decorator}\ndef conv2d_backward(grad_out, x, W):\n    missing\n"
    crash = of_kind(events("05", code), "test")[0]["crash"]
    assert (crash["file"], crash["source"]) == ("practice.py", "missing")
    assert crash["trace"].count("missing") == 2
    assert "contextlib.py" not in crash["trace"]


@pytest.mark.parametrize(
    ("code", "message", "line"),
    [
        ("def conv2d_backward(:\n", "SyntaxError", 1),
        ("import numpy\n\n1 / 0\n", "ZeroDivisionError: division by zero", 3),
        ("import nothing_of_this_name\n", "ModuleNotFoundError", 1),
        ("raise SystemExit(3)\n", "SystemExit", 1),
        ("def other():\n    pass\n", "there is no conv2d_backward; it has other", 0),
        ("", "there is no conv2d_backward; it has no functions", 0),
    ],
)
def test_code_that_cannot_be_run_is_told_with_its_line(code, message, line):
    (event,) = events("05", code)
    assert event["kind"] == "not loaded"
    assert message in event["message"]
    assert event["line"] == line
    assert line == 0 or "line" not in event["message"]  # it is shown beside it


def test_an_interrupt_ends_the_run():
    code = "def relu(x):\n    raise KeyboardInterrupt\n\ndef softmax(z):\n    return z\n"
    with pytest.raises(KeyboardInterrupt):
        run("04", code, lambda _: None)


def own(arguments, function="conv2d_backward"):
    return {"function": function, "arguments": arguments}


def test_cases_of_ones_own_are_compared_with_the_reference():
    cases = [own(SERIES["05"].example["conv2d_backward"])]
    assert states(events("05", SERIES["05"].solution, cases))["case/0"] == "passed"
    told = events("05", SERIES["05"].starter, cases)
    (case,) = [e for e in of_kind(told, "test") if e["id"] == "case/0"]
    assert case["state"] == "failed"
    assert case["detail"] == "dx[0,0,0] is 0, and should be 1"
    told = events("05", SERIES["05"].solution.replace("return dx", "return 2 * dx"), cases)
    assert not told[-1]["solved"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"grad_out": [[[1]]], "x": [[[1, 2], [3]]], "W": [[[[1]]]]}, "nested lists of numbers"),
        ({"grad_out": [[[1]]], "x": [[[1, 2]]], "W": [[[[1]]]]}, "grad_out has shape (1, 1, 1)"),
        ({"grad_out": [[[1]]], "x": [[1, 2]], "W": [[[[1]]]]}, "x has shape (1, 2)"),
        ({"grad_out": [[["a"]]], "x": [[[1]]], "W": [[[[1]]]]}, "nested lists of numbers"),
    ],
)
def test_a_case_that_is_none_is_not_run_and_counts_for_nothing(arguments, message):
    told = events("05", SERIES["05"].solution, [own(arguments)])
    (case,) = [e for e in of_kind(told, "test") if e["id"] == "case/0"]
    assert case["state"] == "not run"
    assert message in case["detail"]
    assert told[-1]["solved"]


@pytest.mark.parametrize("number", NUMBERS)
def test_the_example_of_each_function_is_a_case(number):
    problem = SERIES[number]
    cases = [own(arguments, name) for name, arguments in problem.example.items()]
    told = states(events(number, problem.solution, cases))
    assert [told[f"case/{place}"] for place in range(len(cases))] == ["passed"] * len(cases)


@pytest.mark.parametrize(
    ("number", "cause", "options"),
    [
        ("02", "stride-ignored", ("padding", "stride")),
        ("03", "mean-for-max", ("kernel_size", "stride")),
    ],
)
def test_a_case_names_its_options_as_the_problem_does(number, cause, options):
    code = next(a.code for a in SERIES[number].wrong_answers if a.cause == cause)
    told = events(
        number, code, [own(arguments, name) for name, arguments in SERIES[number].example.items()]
    )
    shown = [e["evidence"] for e in told if e.get("evidence")]
    shown += [e["report"]["evidence"] for e in of_kind(told, "report")]
    assert shown
    for evidence in shown:
        for name in options:
            assert isinstance(evidence["arguments"][name], int), name


def test_the_text_and_html_of_a_report_show_an_option_as_a_number():
    code = next(a.code for a in SERIES["03"].wrong_answers if a.cause == "mean-for-max")
    fn = functions(code, ["max_pool_2d"])["max_pool_2d"]
    report = examine_exercise(fn, exercises()["max_pool_2d"])
    assert re.search(r"x \(1, 3, 3\) +kernel_size +stride\n", str(report))
    assert ">kernel_size</div>" in report._repr_html_()


def test_a_case_of_another_function():
    told = events("04", SERIES["04"].solution, [own({"x": [1]}, "tanh")])
    assert told[-2]["detail"] == "the case is of tanh: it must be of relu or softmax"


def test_the_catalogue_is_json_and_has_every_problem():
    found = json.loads(json.dumps(catalogue()))
    assert [problem["number"] for problem in found["problems"]] == NUMBERS
    assert len(found["problems"][4]["wrong_answers"]) >= 20
