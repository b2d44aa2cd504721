"""The lists of problems, the answers that ways are held to, and the peers' own answers."""

import numpy as np
import pytest

from dxdw import conv2d, conv2d_backward
from dxdw.benchmark import groups, problems
from dxdw.benchmark.peers import PEERS
from dxdw.benchmark.problems import ConvProblem, load, parse
from dxdw.benchmark.session import check
from dxdw.benchmark.task import DTYPES, KINDS, Operands

EVERY = [listed for name in problems.lists() for listed in load(name)]

# Small ones, one for each thing that a way can get wrong.
VARIANTS = {
    "plain": 'mb2ic3ih6oc4oh4kh3ph0n"plain"',
    "rectangles": 'mb1ic2ih5iw8oc3oh6ow5kh2kw4ph1pw0n"rectangles"',
    "strided": 'mb2ic3ih8oc4oh4kh3sh2ph1n"strided"',
    "dilated": 'mb1ic2ih9oc2oh7kh3dh1ph1n"dilated"',
    "grouped": 'mb2g2ic4ih6oc6oh6kh3ph1n"grouped"',
    "depthwise": 'mb2g4ic4ih7oc4oh4kh3sh2ph1n"depthwise"',
    "1×1": 'mb2ic4ih5oc3oh5kh1n"1x1"',
    "large": 'mb1ic2ih12oc2oh12kh11ph5n"large"',
}


def test_a_notation_says_all():
    assert parse('mb8g2ic64ih56iw28oc32oh27ow14kh5kw3sh2dh1dw0ph3pw1n"a b"') == ConvProblem(
        "a b", (8, 64, 56, 28), (32, 32, 5, 3), (3, 1), (2, 2), (2, 1), 2
    )


def test_options_are_those_that_are_no_defaults():
    assert parse('mb1ic1ih4oc1oh3kh2n"plain"').options == {}
    assert parse('mb1g2ic2ih8oc2oh4kh3sh2ph1n"all"').options == {
        "padding": (1, 1),
        "stride": (2, 2),
        "groups": 2,
    }


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ('mb1ic1ih4oc1oh4kh2n"wrong"', r"the output is \(3, 3\)"),
        ("mb1ic1ih4oc1oh3kh2", "is not of the form"),
        ('mb1 ic1ih4oc1oh3kh2n"spaced"', "is not of the form"),
    ],
)
def test_a_wrong_notation_is_refused(line, what):
    with pytest.raises(ValueError, match=what):
        parse(line)


def test_no_problem_is_listed_twice():
    shapes = [listed.problem._replace(name="") for listed in EVERY]
    assert len(set(shapes)) == len(shapes)
    named = [(listed.problem.name, listed.problem.x_shape[0]) for listed in EVERY]
    assert len(set(named)) == len(named)


@pytest.mark.parametrize("group", groups.GROUPS)
def test_the_short_run_has_something_of_every_group(group):
    assert any(groups.GROUPS[group](listed.problem) for listed in EVERY if listed.quick)


def test_the_problem_that_a_figure_names_is_there():
    assert groups.EXAMPLE_1 in {listed.problem.name for listed in load("tiny") if listed.quick}


@pytest.mark.parametrize("variant", VARIANTS)
def test_expected_results_are_the_reference_ones(variant):
    operands = Operands(parse(VARIANTS[variant]))
    task = operands.task("dx+dW", "float64")
    how = {**task.problem.options, "engine": "reference"}
    dx, dW = conv2d_backward(task.grad_out, task.x, task.W, **how)
    results = {"out": conv2d(task.x, task.W, **how), "dx": dx, "dW": dW}
    for name, result in results.items():
        np.testing.assert_allclose(operands.expected(name), result, rtol=1e-12, atol=1e-12)


def test_an_error_is_told_in_units_of_the_largest_element():
    task = Operands(parse(VARIANTS["plain"])).task("dx+dW", "float64")
    dx, dW = (task.operands.expected(name).copy() for name in ("dx", "dW"))
    assert task.error((dx, dW)) == 0
    off = dW.copy()
    off.flat[5] += np.abs(dW).max() / 4
    assert task.error((dx, off)) == pytest.approx(0.25)
    assert task.error((dx, dW.astype(np.float32))) == np.inf
    assert task.error((dx, dW[:1])) == np.inf
    off.flat[5] = np.nan
    assert task.error((dx, off)) == np.inf


def test_bytes_and_operations():
    operands = Operands(parse('mb1ic2ih4oc3oh3kh2n"counted"'))
    x, W, out = 2 * 16, 3 * 2 * 4, 3 * 9
    flops = 2 * out * 2 * 4
    one, both = operands.task("dx", "float32"), operands.task("dx+dW", "float64")
    assert (one.tensor_bytes, one.flops) == (4 * (x + W + out), flops)
    assert (both.tensor_bytes, both.flops) == (8 * (2 * x + 2 * W + out), 2 * flops)


def every_answer_is_right(peer, variant, dtype):
    operands = Operands(parse(VARIANTS[variant]))
    for kind in KINDS:
        task = operands.task(kind, dtype)
        ways = PEERS[peer].prepare(task)
        assert ways
        left_out = {}
        assert set(check(task, ways, left_out)) == set(ways), left_out


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("variant", VARIANTS)
def test_answers_of_the_usual_ways(variant, dtype):
    every_answer_is_right("numpy", variant, dtype)


@pytest.mark.peers("torch")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("variant", VARIANTS)
def test_answers_of_torch(variant, dtype):
    every_answer_is_right("torch", variant, dtype)


@pytest.mark.peers("jax")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("variant", VARIANTS)
def test_answers_of_jax(variant, dtype):
    every_answer_is_right("jax", variant, dtype)


@pytest.mark.peers("torch")
def test_torch_gets_its_number_of_threads_back():
    import torch

    before = torch.get_num_threads()
    with PEERS["torch"].limited(1) as can:
        assert can
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before
