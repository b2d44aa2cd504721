"""No right gradient is called wrong, in any precision."""

import numpy as np
import pytest
from gradcheck_cases import CASES, DTYPES

from dxdw import gradcheck

SEEDS = 50


def check(case, dtype, seed, **options):
    args = case.draw(np.random.default_rng(seed), np.dtype(dtype))
    return gradcheck(case.f, case.vjp, args, rng=seed, elements=9, **options)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CASES)
def test_right_gradients(name, dtype):
    for seed in range(2):
        check(CASES[name], dtype, seed).raise_if_wrong()


@pytest.mark.slow
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CASES)
def test_right_gradients_many_times(name, dtype):
    for seed in range(SEEDS):
        check(CASES[name], dtype, seed).raise_if_wrong()


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if not case.kinks])
def test_everything_is_decided_in_float64(name):
    result = check(CASES[name], "float64", 7)
    assert result.undecided == 0, result


@pytest.mark.parametrize("name", ["conv", "exp", "linear", "matmul", "polynomial", "division"])
def test_everything_is_decided_in_float32(name):
    result = check(CASES[name], "float32", 7)
    assert result.undecided == 0, result


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex128"])
@pytest.mark.parametrize("name", CASES)
def test_right_gradients_along_directions(name, dtype):
    case = CASES[name]
    args = case.draw(np.random.default_rng(3), np.dtype(dtype))
    gradcheck(case.f, case.vjp, args, mode="projection", directions=3).raise_if_wrong()


@pytest.mark.skipif(
    bool(np.finfo(np.longdouble).eps >= np.finfo(np.float64).eps),
    reason="no type wider than float64",
)
@pytest.mark.parametrize("name", ["linear", "exp", "tanh", "polynomial", "norm", "sigmoid"])
def test_longdouble_is_checked_to_its_own_precision(name):
    case = CASES[name]
    (x,) = case.draw(np.random.default_rng(3), np.dtype(np.longdouble))
    tolerances = []
    for dtype in (np.longdouble, np.float64):
        result = gradcheck(case.f, case.vjp, (x.astype(dtype),))
        result.raise_if_wrong(undecided=True)
        tolerances.append(np.median(result.arguments[0].tolerance))
    assert tolerances[0] < tolerances[1] / 4


def test_a_kink_is_no_wrong_gradient():
    x = np.array([0.0, 1e-300, -1e-9, 1.0])
    for at_zero in (0.0, 0.5, 1.0):

        def vjp(g, x, at_zero=at_zero):
            return g * np.where(x == 0, at_zero, x > 0)

        verdicts = gradcheck(lambda x: np.maximum(x, 0), vjp, (x,)).arguments[0].verdict
        assert verdicts[0] == "not differentiable" if at_zero != 0.5 else verdicts[0] != "wrong"
        assert list(verdicts[2:]) == ["right", "right"]
        assert verdicts[1] != "wrong"


def test_what_is_no_subgradient_is_wrong_at_a_kink_too():
    result = gradcheck(lambda x: np.abs(x) + x, lambda g, x: g * 3 * (x >= 0), ([0.0, -1.0],))
    assert list(result.arguments[0].verdict) == ["wrong", "right"]


def test_a_step_beyond_the_domain_is_taken_back():
    x = np.array([1e-9, 1.0, 1e9])
    gradcheck(np.log, lambda g, x: g / x, (x,)).raise_if_wrong(undecided=True)

    def strict(x):
        if (x <= 0).any():
            raise ValueError("x must be positive")
        return np.log(x)

    gradcheck(strict, lambda g, x: g / x, (x,)).raise_if_wrong(undecided=True)


def test_at_the_edge_of_the_domain_nothing_is_decided():
    result = gradcheck(np.sqrt, lambda g, x: g * 0.5 / np.sqrt(x + (x == 0)), ([0.0, 1.0],))
    assert list(result.arguments[0].verdict) == ["undecided", "right"]
    assert "f is not finite around it" in str(result)


@pytest.mark.parametrize("mode", ["full", "projection", "complex-step"])
@pytest.mark.parametrize("f", [lambda x: x * x, lambda x: np.sum(x * x)], ids=["each", "sum"])
@pytest.mark.parametrize(
    "x",
    [
        np.array([1e-30, 2e-30], np.float32),  # all squares are 0
        np.array([1e-40, 2e-40], np.float32),  # and a complex step is
        np.array([1e-23, 3e-22], np.float32),  # of some there is a digit left
        np.array([1e-170, 2e-170]),
    ],
    ids=lambda x: str(x[0]),
)
def test_what_underflows_in_f_is_no_derivative_of_zero(x, f, mode):
    result = gradcheck(f, lambda grad_out, x: 2 * grad_out * x, (x,), mode=mode)
    result.raise_if_wrong()
    # (Along directions a gradient of 1e-170 itself underflows.)
    assert x[0] == 1e-170 or not (result.arguments[0].verdict == "right").any()


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("mode", ["full", "projection"])
def test_zeros_of_what_is_zero_all_around_are_right(mode, dtype):
    x = np.array([-1, -2, -3], dtype)
    result = gradcheck(lambda x: np.maximum(x, 0), lambda g, x: g * (x > 0), (x,), mode=mode)
    assert (result.arguments[0].verdict == "right").all()
    result = gradcheck(lambda x: 0 * np.sqrt(-x), lambda g, _: 0 * g, (x,), mode=mode)
    assert (result.arguments[0].verdict == "right").all()


def test_a_float32_function_of_float64_arguments():
    def f(x):
        return np.sin(x.astype(np.float32))

    result = gradcheck(f, lambda g, x: g * np.cos(x), (np.linspace(-2, 2, 9),))
    result.raise_if_wrong(undecided=True)


def test_functions_that_do_not_calculate_the_same_twice_are_not_called_wrong():
    rng = np.random.default_rng(0)

    def f(x):
        return np.sin(x) * (1 + 1e-9 * rng.standard_normal(x.shape))

    gradcheck(f, lambda g, x: g * np.cos(x), (np.linspace(-2, 2, 9),)).raise_if_wrong()


@pytest.mark.parametrize("number", [0.5, np.float32(0.5), 0.5 + 1j])
def test_a_number_by_itself_is_the_one_argument(number):
    result = gradcheck(np.exp, lambda g, x: g * np.conj(np.exp(x)), number)
    assert result, result
    assert len(result.arguments) == 1
    with pytest.raises(ValueError, match="args has 1 entries"):
        gradcheck(np.exp, np.exp, 2)  # which has no gradient
