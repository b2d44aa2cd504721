"""A wrong gradient is called wrong, or the element undecided: it never passes in silence."""

import numpy as np
import pytest
from gradcheck_cases import CASES

import dxdw
from dxdw import gradcheck

SMOOTH = [name for name, case in CASES.items() if not case.kinks and name != "constant"]


def spoiled(vjp, place, k, factor):
    """The vjp with one element of one gradient changed."""

    def wrong(grad_out, *args):
        gradients = vjp(grad_out, *args)
        gradients = [
            np.array(g) for g in (gradients if isinstance(gradients, tuple) else (gradients,))
        ]
        gradients[place].flat[k] *= factor
        return tuple(gradients)

    return wrong


@pytest.mark.parametrize("factor", [1.01, 0.99])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", SMOOTH)
def test_one_element_one_percent_off(name, dtype, factor):
    case = CASES[name]
    args = case.draw(np.random.default_rng(11), np.dtype(dtype))
    right = gradcheck(case.f, case.vjp, args, elements=40)
    decided = 0
    for place, argument in enumerate(right.arguments):
        rng = np.random.default_rng(place)
        for k in rng.permutation(np.flatnonzero(argument.verdict != "not checked"))[:6]:
            if argument.got.flat[k] == 0:  # 1 % of nothing
                continue
            wrong = gradcheck(case.f, spoiled(case.vjp, place, k, factor), args, elements=40)
            verdicts = wrong.arguments[place].verdict
            assert verdicts.flat[k] != "right"
            if argument.verdict.flat[k] == "right":
                decided += 1
                assert verdicts.flat[k] == "wrong"
                assert not wrong
                assert wrong.worst.index == np.unravel_index(k, argument.shape)
    assert decided or (dtype == "float32" and name == "cancellation")


@pytest.fixture(scope="module")
def layer():
    rng = np.random.default_rng(0)
    return rng.standard_normal((2, 6, 7)), rng.standard_normal((3, 2, 3, 3))


def corner_zeroed(grad_out, x, W):
    dx, dW = dxdw.conv2d_backward(grad_out, x, W)
    dx[0, 0, 0] = 0
    return dx, dW


def one_dW_off(grad_out, x, W):
    dx, dW = dxdw.conv2d_backward(grad_out, x, W)
    dW[1, 0, 2, 1] *= 1.01
    return dx, dW


def dx_off(grad_out, x, W):
    dx, dW = dxdw.conv2d_backward(grad_out, x, W)
    return dx * 1.001, dW


def through_float32(grad_out, x, W):
    single = (a.astype(np.float32) for a in (grad_out, x, W))
    return tuple(a.astype(np.float64) for a in dxdw.conv2d_backward(*single))


@pytest.mark.parametrize(
    ("vjp", "place", "count", "index"),
    [
        (corner_zeroed, 0, 1, (0, 0, 0)),
        (one_dW_off, 1, 1, (1, 0, 2, 1)),
        (dx_off, 0, 84, None),
    ],
)
def test_what_other_checkers_pass(layer, vjp, place, count, index):
    result = gradcheck(dxdw.conv2d, vjp, layer)
    assert not result
    assert result.arguments[place].count("wrong") == count
    assert result.arguments[1 - place].count("right") == result.arguments[1 - place].verdict.size
    if index is not None:
        assert result.worst.index == index
    with pytest.raises(AssertionError, match="the gradient is wrong"):
        result.raise_if_wrong()


def test_what_other_checkers_refuse(layer):
    single = tuple(a.astype(np.float32) for a in layer)
    gradcheck(dxdw.conv2d, dxdw.conv2d_backward, single).raise_if_wrong(undecided=True)


def test_precision_lost_inside_vjp_is_noted(layer):
    result = gradcheck(dxdw.conv2d, through_float32, layer)
    assert any("narrower" in note for note in result.notes)
    assert max(a.tolerance.max() for a in result.arguments) < 1e-4


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_gradient_wrong_in_every_element(dtype):
    x = np.linspace(0.5, 2, 7).astype(dtype)
    for wrong in (lambda g, x: -g * np.cos(x), lambda g, _: g, lambda g, x: g * np.sin(x)):
        assert gradcheck(np.sin, wrong, (x,)).arguments[0].count("wrong") >= 6


@pytest.mark.parametrize("mode", ["full", "projection"])
@pytest.mark.parametrize("size", [1e-160, 1e-170, 1e-300])
def test_two_percent_of_gradients_whose_squares_underflow(size, mode):
    x = np.array([0.3, -1.1, 0.7])
    f, vjp = (lambda x: np.sin(x) * size), (lambda grad_out, x: grad_out * np.cos(x) * size)
    gradcheck(f, vjp, (x,), mode=mode).raise_if_wrong()
    result = gradcheck(f, lambda grad_out, x: 1.02 * vjp(grad_out, x), (x,), mode=mode)
    assert (result.arguments[0].verdict == "wrong").all()


def test_zeros_are_no_gradient():
    result = gradcheck(np.sin, lambda _, x: 0 * x, (np.linspace(-1, 1, 5),))
    assert result.arguments[0].count("wrong") == 5


def test_a_gradient_where_there_is_none():
    result = gradcheck(lambda x: x[:2] * 1.0, lambda g, _: np.append(g, 1e-9), ([1.0, 2.0, 3.0],))
    assert list(result.arguments[0].verdict) == ["right", "right", "wrong"]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_numbers_that_are_none(bad):
    result = gradcheck(np.sin, lambda g, x: g * np.cos(x) + [0, bad], ([1.0, 2.0],))
    assert list(result.arguments[0].verdict) == ["right", "wrong"]


def test_noise_that_hides_an_error_is_told():
    """(x + 10⁶) − 10⁶ in float32 knows x to 1/16."""

    def f(x):
        return np.sin((x + np.float32(1e6)) - np.float32(1e6))

    def wrong(g, x):
        return g * np.cos(x) * np.float32(1.01)

    result = gradcheck(f, wrong, (np.array([0.3, 1.0, 2.0], np.float32),))
    argument = result.arguments[0]
    assert list(argument.verdict) == ["undecided"] * 3
    assert result.undecided == 3
    assert "nothing could be decided" in str(result)
    assert "an error below" in str(result)
    for element in argument.elements(["undecided"]):
        assert element.smallest_visible > 0.01 * abs(element.expected)
    with pytest.raises(AssertionError):
        result.raise_if_wrong(undecided=True)


def test_rtol_is_what_counts_as_equal():
    x = np.linspace(0.5, 2, 7)
    assert not gradcheck(np.exp, lambda g, x: g * np.exp(x) * 1.001, (x,))
    assert gradcheck(np.exp, lambda g, x: g * np.exp(x) * 1.001, (x,), rtol=0.002)
    assert not gradcheck(np.exp, lambda g, x: g * np.exp(x) * 1.003, (x,), rtol=0.002)


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
def test_the_other_convention_for_complex_gradients(dtype):
    z = np.array([0.3 + 0.4j, -1 + 0.2j, 2j], dtype)
    right = gradcheck(np.exp, lambda g, z: g * np.exp(z).conj(), (z,))
    right.raise_if_wrong(undecided=True)
    other = gradcheck(np.exp, lambda g, z: g * np.exp(z), (z,))
    assert not other
    assert any("JAX" in note for note in other.notes)

    def adjoint(g, z):
        return np.conj(np.conj(g) * np.exp(z))

    assert gradcheck(np.exp, adjoint, (z,))
    neither = gradcheck(np.exp, lambda g, z: 2 * g * np.exp(z), (z,))
    assert not neither
    assert not neither.notes


# --- what is wrong but for the numbers ------------------------------------------------------------


def test_arguments_changed_in_place():
    def f(x):
        x *= 2
        return x / 2

    def vjp(g, _):
        g += 1
        return g - 1

    x = np.ones(3)
    result = gradcheck(f, vjp, (x,))
    assert not result
    assert result.complaints == ("f changed args[0] in place", "vjp changed grad_out in place")
    assert (x == 1).all()


def test_state_kept_between_calls():
    kept = np.zeros(3)

    def vjp(g, x):
        kept[:] += g * np.cos(x)
        return kept

    result = gradcheck(np.sin, vjp, (np.ones(3),))
    assert not result
    assert "a second call of vjp" in str(result)


def test_a_buffer_that_is_handed_out_again_is_no_harm():
    out, back = np.empty(3), np.empty(3)
    gradcheck(
        lambda x: np.sin(x, out=out),
        lambda g, x: np.multiply(g, np.cos(x), out=back),
        (np.ones(3),),
    ).raise_if_wrong(undecided=True)


def test_a_gradient_of_another_shape():
    result = gradcheck(
        lambda x, y: x * y.sum(), lambda g, _, y: (g * y.sum(), g), (np.ones(3), np.ones(2))
    )
    assert not result
    first, second = result.arguments
    assert first.count("right") == 3
    assert second.complaint == "its shape is (3,), that of args[1] (2,)"


def test_a_complex_gradient_of_a_real_argument():
    result = gradcheck(lambda x: x * 1j, lambda g, _: g * -1j, (np.ones(3),))
    assert "complex and args[0] real" in result.arguments[0].complaint
    assert gradcheck(lambda x: x * 1j, lambda g, _: (g * -1j).real, (np.ones(3),))
