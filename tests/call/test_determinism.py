"""The same call gives the same bits: again, in another process, whatever else is asked for."""

import os
import subprocess
import sys
from hashlib import sha256
from itertools import permutations

import numpy as np
import oracles
import pytest
from calls import KINDS, convolve, same_bits
from oracles import simple

from dxdw import conv2d_backward

PROBLEMS = {
    "small": simple((1, 2, 8, 7), (3, 2, 3, 3), pad=1),
    "few channels": simple((4, 3, 48, 40), (8, 3, 3, 3), pad=1),
    "many channels": simple((2, 40, 20, 20), (48, 40, 3, 3), pad=1),
    "one channel": simple((1, 1, 200, 220), (1, 1, 3, 3), pad=1),
    "grouped and strided": simple((2, 8, 30, 31), (12, 2, 3, 3), pad=1, stride=2, groups=4),
    "large kernel": simple((2, 1, 96, 90), (2, 1, 25, 25), pad=12),
}


def digest(problem):
    """Of every result of a problem, in float32."""
    case = PROBLEMS[problem]
    a = oracles.operands(case, 0, dtype=np.float32, draw=oracles.reals)
    results = [convolve(kind, a, case) for kind in KINDS]
    return sha256(b"".join(r.tobytes() for r in results)).hexdigest()


@pytest.mark.parametrize("name", PROBLEMS)
def test_run_to_run(name):
    assert len({digest(name) for _ in range(4)}) == 1


def test_process_to_process():
    """Also where the order of sets and dictionaries of strings is another."""
    code = "import test_determinism as t; print(*map(t.digest, t.PROBLEMS))"
    path = os.pathsep.join(filter(None, sys.path))
    for seed in ("1", "2"):
        other = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            check=True,
            text=True,
            timeout=120,
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": path},
        )
        assert other.stdout.split() == [digest(name) for name in PROBLEMS]


@pytest.mark.parametrize("name", PROBLEMS)
def test_whatever_is_needed_and_in_whatever_order(name):
    case = PROBLEMS[name]
    a = oracles.operands(case, 0, dtype=np.float32, draw=oracles.reals)
    alone = {
        need: conv2d_backward(a["grad_out"], a["x"], a["W"], **case.options, needs=(need,))[0]
        for need in ("dx", "dW", "db")
    }
    for needs in permutations(alone):
        results = conv2d_backward(a["grad_out"], a["x"], a["W"], **case.options, needs=needs)
        assert all(same_bits(r, alone[n]) for r, n in zip(results, needs, strict=True))


@pytest.mark.parametrize("name", PROBLEMS)
def test_the_operand_that_a_gradient_does_not_read(name):
    """dx reads only x's shape, dW only W's."""
    case = PROBLEMS[name]
    a = oracles.operands(case, 0, dtype=np.float32, draw=oracles.reals)
    blank = {n: np.full_like(v, np.nan) for n, v in a.items()}
    assert same_bits(convolve("dx", a | {"x": blank["x"]}, case), convolve("dx", a, case))
    assert same_bits(convolve("dW", a | {"W": blank["W"]}, case), convolve("dW", a, case))
