"""gradcheck's other modes, what it takes, and what it gives back."""

import doctest
import json

import numpy as np
import pytest

import dxdw
from dxdw import dot_test, gradcheck, gradchecks
from dxdw.core.documentation import more
from dxdw.layers import softmax_cross_entropy

X = np.linspace(-1, 2, 6).reshape(2, 3)


def vjp_of_sin(g, x):
    return g * np.cos(x)


def test_examples_in_the_documentation():
    for module in (gradchecks.check, gradchecks.adjoint):
        assert doctest.testmod(module).attempted
        assert not doctest.testmod(module).failed


# --- what it takes --------------------------------------------------------------------------------


def test_the_gradient_of_a_loss():
    labels = np.array([0, 2])
    gradcheck(
        lambda z: softmax_cross_entropy(z, labels)[0],
        lambda z: softmax_cross_entropy(z, labels)[1],
        (X,),
        takes_grad_out=False,
    ).raise_if_wrong(undecided=True)


def test_a_loss_must_be_one_number():
    with pytest.raises(ValueError, match=r"shapes \[\(2, 3\)\]: without grad_out it must be one"):
        gradcheck(np.sin, np.cos, (X,), takes_grad_out=False)


def test_several_outputs_and_several_arguments():
    def f(a, b):
        return a @ b, (a.sum(), b[0])

    def flat(a, b):
        return a @ b, a.sum(), b[0]

    def vjp(g, a, b):
        g0, g1, g2 = g
        db = a.T @ g0
        db[0] += g2
        return [g0 @ b.T + g1, db]

    gradcheck(flat, vjp, (X, X.T.copy())).raise_if_wrong(undecided=True)
    with pytest.raises(ValueError):  # noqa: PT011 - NumPy's own words: a tuple in a tuple is no array
        gradcheck(f, vjp, (X, X.T.copy()))


def test_lists_and_numbers():
    def f(x, scale):
        return [scale * v * v for v in x]

    def vjp(g, x, scale):
        return [[2 * scale * a * v for a, v in zip(g, x, strict=True)], np.dot(g, np.square(x))]

    gradcheck(f, vjp, ([1.0, 2.0, -3.0], 2.5)).raise_if_wrong(undecided=True)
    gradcheck(f, lambda *args: vjp(*args)[0], ([1.0, 2.0], 2.5), argnums=[0]).raise_if_wrong()
    gradcheck(f, lambda *args: vjp(*args)[:1], ([1.0, 2.0], 2.5), argnums=[0]).raise_if_wrong()


def test_integers_are_handed_through():
    def f(x, rows):
        assert rows.dtype == np.int64
        return x[rows]

    def vjp(g, x, rows):
        dx = np.zeros_like(x)
        np.add.at(dx, rows, g)
        return dx

    gradcheck(f, vjp, (X, np.array([1, 1, 0]))).raise_if_wrong(undecided=True)


def test_empty_arrays():
    result = gradcheck(np.sin, vjp_of_sin, (np.empty((0, 3)),))
    assert result
    assert result.worst is None


def test_layouts_of_memory_do_not_matter():
    whole = np.arange(48.0).reshape(6, 8) / 20
    for x in (
        whole[::2, ::-3],
        whole.T,
        np.asfortranarray(whole),
        whole.astype(">f8"),
        whole[:, :1],
    ):
        result = gradcheck(np.sin, vjp_of_sin, (x,))
        result.raise_if_wrong(undecided=True)
        assert result.arguments[0].got.shape == x.shape


def test_a_given_grad_out():
    seen = []

    def vjp(g, x):
        seen.append(g)
        return g * np.cos(x)

    gradcheck(np.sin, vjp, (X,), grad_out=np.ones((2, 3))).raise_if_wrong()
    assert (seen[0] == 1).all()
    with pytest.raises(ValueError, match=r"grad_out has the shapes \[\(3,\)\]"):
        gradcheck(np.sin, vjp, (X,), grad_out=np.ones(3))


@pytest.mark.parametrize("name", ["float16", "float32", "complex64"])
def test_functions_get_what_they_were_given(name):
    def f(x):
        assert x.dtype == name
        return x * 2

    def vjp(g, x):
        assert g.dtype == x.dtype == name
        return g * 2

    gradcheck(f, vjp, (X.astype(name),)).raise_if_wrong()


@pytest.mark.parametrize(
    ("args", "options", "error", "words"),
    [
        ((X,), {"mode": "fast"}, ValueError, "mode is 'fast': it must be one of 'full', "),
        ((X,), {"rtol": -1}, ValueError, "rtol is -1: it must be finite and at least 0"),
        ((X,), {"visible": 0}, ValueError, "visible is 0: it must be more than 0"),
        ((X,), {"directions": 0}, ValueError, "directions is 0"),
        ((X,), {"elements": 0}, ValueError, "elements is 0"),
        ((X,), {"elements": 2, "mode": "projection"}, ValueError, "projection has directions"),
        ((X,), {"argnums": [1]}, ValueError, "argnums has 1: it must be from 0 to 0"),
        ((X,), {"argnums": []}, ValueError, "at least one"),
        (
            (np.arange(3),),
            {},
            ValueError,
            r"1 entries \(int64\) and no floating",
        ),
        ((np.arange(3),), {"argnums": [0]}, TypeError, "dtype int64: only float16"),
        ((np.array([1, np.nan]),), {}, ValueError, r"args\[0\] isn't finite"),
        ((np.ma.masked_array([1.0], [True]),), {}, TypeError, "MaskedArray"),
        (None, {}, TypeError, "^args is None, a NoneType: it must be a tuple of what f is called"),
        ((X,), {"mode": np.array(["full"] * 2)}, ValueError, "^mode is array"),
        ((X,), {"argnums": 0}, TypeError, r"^argnums is 0, a int: .* integers, as in \(0,\)"),
        ((X,), {"argnums": (0.0,)}, TypeError, "^an entry of argnums is 0.0, a float: it must be"),
        ((X,), {"argnums": (True,)}, TypeError, "^an entry of argnums is True: .* not a bool"),
        ((X,), {"elements": 1.5}, TypeError, "^elements is 1.5, a float: it must be an integer"),
        ((X,), {"elements": True}, TypeError, "^elements is True: it must be an integer, not a b"),
        ((X,), {"directions": None}, TypeError, "^directions is None, a NoneType: it must be an"),
        ((X,), {"rtol": None}, TypeError, "^rtol is None, a NoneType: it must be a number"),
        ((X,), {"rtol": "0.1"}, TypeError, "^rtol is '0.1', a str: it must be a number"),
        ((X,), {"rtol": 10**400}, ValueError, "^rtol is 10+: it must be finite and at least 0"),
        ((X,), {"visible": "a"}, TypeError, "^visible is 'a', a str: it must be a number"),
        ((X,), {"visible": True}, TypeError, "^visible is True, a bool: it must be a number"),
        ((X,), {"rng": -1}, ValueError, "^rng is -1: it must be a numpy.random.Generator or a s"),
        ((X,), {"rng": "a"}, TypeError, "^rng is 'a': it must be a numpy.random.Generator or a s"),
        ((X,), {"progress": 1}, TypeError, "^progress is 1, a int: it must be a function"),
        ((X,), {"takes_grad_out": "no"}, TypeError, "^takes_grad_out is 'no': it must be True or"),
        ((X,), {"grad_out": 1j * X}, TypeError, "^grad_out is complex where f's output is real"),
        ((X,), {"grad_out": np.nan * X}, ValueError, "^grad_out isn't finite"),
        ((X,), {"grad_out": np.ma.masked_array(X, X > 1)}, TypeError, "^grad_out is a MaskedArray"),
        ((X,), {"grad_out": [[1], [1, 2]]}, ValueError, "^grad_out can't be made an array: "),
    ],
)
def test_refusals(args, options, error, words):
    with pytest.raises(error, match=words) as refusal:
        gradcheck(np.sin, vjp_of_sin, args, **options)
    assert refusal.value.__notes__ == [more("gradchecks")]


@pytest.mark.parametrize("none", [None, 3])
def test_functions_that_are_none(none):
    rule = f"is {none!r}, a {type(none).__name__}: it must be a function"
    with pytest.raises(TypeError, match=f"^f {rule}"):
        gradcheck(none, vjp_of_sin, (X,))
    with pytest.raises(TypeError, match=f"^vjp {rule}"):
        gradcheck(np.sin, none, (X,))
    with pytest.raises(TypeError, match=f"^forward {rule}"):
        dot_test(none, np.negative, (3,))
    with pytest.raises(TypeError, match=f"^adjoint {rule}"):
        dot_test(np.negative, none, (3,))


def test_refusals_of_what_functions_return():
    with pytest.raises(ValueError, match=r"f\(\*args\) isn't finite"):
        gradcheck(np.log, vjp_of_sin, (X - 5,))
    with pytest.raises(ValueError, match="vjp returned 1 gradients, and 2 arguments are checked"):
        gradcheck(np.multiply, lambda g, _, b: g * b, (X, X))
    with pytest.raises(TypeError, match="f's output has the dtype object"):
        gradcheck(lambda _: None, vjp_of_sin, (X,))
    with pytest.raises(TypeError, match=r"vjp's gradient of args\[0\] has the dtype object"):
        gradcheck(np.sin, lambda *_: None, (X,))
    with pytest.raises(ValueError, match=r"^f returned an empty tuple: it must "):
        gradcheck(lambda _: (), vjp_of_sin, (X,))


def test_a_shape_that_changes_is_refused_in_every_mode():
    def at_another_point(x):
        return x if x[0, 0] == X[0, 0] else x[:1]

    def where_complex(x):
        return x[:1] if np.iscomplexobj(x) else x

    modes = {"full": at_another_point, "projection": at_another_point}
    for mode, f in (modes | {"complex-step": where_complex}).items():
        with pytest.raises(ValueError, match=r"^f returned shapes \[\(1, 3\)\] after \[\(2, 3\)\]"):
            gradcheck(f, lambda g, _: g, (X,), mode=mode)


# --- what it gives back ---------------------------------------------------------------------------


def wrong_twice(g, x):
    return g * np.cos(x) * [[1, 1, 1.01], [1, 1.5, 1]]


def test_maps_and_words():
    result = gradcheck(np.sin, wrong_twice, (X,))
    (argument,) = result.arguments
    assert np.argwhere(argument.verdict == "wrong").tolist() == [[0, 2], [1, 1]]
    right = argument.verdict == "right"
    np.testing.assert_allclose(argument.got[right], argument.expected[right], rtol=1e-9)
    assert argument.worst == result.worst
    assert result.worst.index == (1, 1)
    assert result.worst.error / abs(result.worst.expected) == pytest.approx(0.5)
    text = str(result)
    assert text.startswith("the gradient is wrong (full mode, ")
    assert "args[0] (2, 3) float64: 2 wrong, 4 right of 6 elements" in text
    assert "(0.5 of it)" in text
    assert "rounding in f" in text
    assert text.index("[1, 1]") < text.index("[0, 2]")


def test_json():
    z = np.array([1j, 2.0])
    data = json.loads(json.dumps(gradcheck(np.exp, lambda g, z: g * np.exp(z), (z,)).to_json()))
    assert set(data) == {
        "ok", "mode", "undecided", "evaluations", "complaints", "notes", "arguments",
    }  # fmt: skip
    assert data["ok"] is False
    assert data["mode"] == "full"
    (argument,) = data["arguments"]
    assert argument["verdict"] == ["wrong", "right"]
    assert argument["counts"] == {"wrong": 1, "right": 1}
    assert argument["shape"] == [2]
    assert np.shape(argument["got"]) == (2, 2)
    assert argument["worst"]["index"] == [0]
    some = gradcheck(np.sin, vjp_of_sin, (X,), elements=2).to_json()
    assert sum(row.count(None) for row in some["arguments"][0]["expected"]) == 4


def test_a_short_form_and_a_table():
    x = np.arange(6.0).reshape(1, 2, 3)
    right = gradcheck(np.sin, lambda g, x: g * np.cos(x), (x,))
    assert repr(right) == "<GradCheck: the gradient is right>"
    assert "6 right" in right._repr_html_()
    assert "<th" not in right._repr_html_()

    def vjp(g, x):
        dx = g * np.cos(x)
        dx[0, 1, 2] += 1
        return dx

    wrong = gradcheck(np.sin, vjp, (x,))
    assert repr(wrong) == "<GradCheck: the gradient is wrong>"
    html = wrong._repr_html_()
    assert html.startswith('<div class="dxdw-gradcheck"')
    assert "1 wrong" in html
    assert "<code>[0, 1, 2]</code>" in html
    assert html.count('<td title="wrong"') == 1
    assert html.count('<td title="right"') == 5


def test_the_same_seed_gives_the_same_result():
    one, two, other = (
        gradcheck(np.sin, wrong_twice, (X,), rng=seed).to_json() for seed in (3, 3, 4)
    )
    assert one == two
    assert one != other
    rng = np.random.default_rng(3)
    assert gradcheck(np.sin, wrong_twice, (X,), rng=rng).to_json() == one


def test_some_elements():
    calls = []
    result = gradcheck(
        np.sin,
        vjp_of_sin,
        (X,),
        elements=2,
        progress=lambda done, total: calls.append((done, total)),
    )
    (argument,) = result.arguments
    assert argument.count("right") == 2
    assert argument.count("not checked") == 4
    assert np.isnan(argument.expected).sum() == 4
    assert calls == [(1, 2), (2, 2)]


def test_warnings_of_steps_beyond_the_domain_stay_inside():
    gradcheck(np.log, lambda g, x: g / x, ([1e-300, 1.0],)).raise_if_wrong()
    # Beyond it this one is complex, and no warning tells that a half of it is lost.
    gradcheck(np.emath.sqrt, lambda g, x: g / 2 / np.sqrt(x), ([1e-9, 1.0],)).raise_if_wrong()


# --- projection -----------------------------------------------------------------------------------


def test_projection_costs_the_same_for_any_size():
    small, large = (
        gradcheck(np.sin, vjp_of_sin, (np.linspace(-1, 2, n),), mode="projection")
        for n in (20, 20000)
    )
    assert small
    assert large
    assert large.evaluations == pytest.approx(small.evaluations, rel=0.5)
    assert large.arguments[0].verdict.shape == (8,)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_projection_catches_an_element_where_it_says_that_it_will(dtype):
    x = np.linspace(-1, 2, 50).astype(dtype)

    def wrong(g, x):
        dx = g * np.cos(x)
        dx[7] += np.float32(0.5)
        return dx

    (argument,) = gradcheck(np.sin, vjp_of_sin, (x,), mode="projection").arguments
    assert argument.escape_probability(0.5) < 1e-6
    assert not gradcheck(np.sin, wrong, (x,), mode="projection")


def test_errors_escape_no_more_often_than_is_said():
    """Of a function rounded so coarsely that an error shows in some directions only."""
    n, tries = 20, 60
    x = np.linspace(0.5, 1.5, n)
    slopes = np.linspace(1, 3, n)

    def f(x):
        return np.rint(np.dot(slopes, x) * 1e4) / 1e4

    for elements, share in ((1, 0.05), (n, 0.01)):
        error = np.zeros(n)
        error[:elements] = share * np.sqrt(np.mean(slopes**2))
        escaped, said = 0, 0.0
        for seed in range(tries):
            result = gradcheck(
                f,
                lambda g, _, error=error: g * (slopes + error),
                (x,),
                mode="projection",
                directions=1,
                rng=seed,
            )
            escaped += result.ok
            said += result.arguments[0].escape_probability(share, elements)
        assert 0 < escaped <= said + 3 * np.sqrt(tries)
        assert said < 0.9 * tries


def test_projection_says_how_likely_an_error_escapes():
    result = gradcheck(np.sin, vjp_of_sin, (X,), mode="projection")
    assert "escapes with a probability of at most" in str(result)
    (argument,) = result.arguments
    likely = [argument.escape_probability(10.0**-e) for e in range(2, 15, 3)]
    assert likely == sorted(likely)
    assert likely[0] < 1e-12
    assert likely[-1] > 0.9


# --- complex step ---------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_complex_step_is_exact_to_rounding(dtype):
    x = np.linspace(0.5, 2, 6).astype(dtype)

    def f(x):
        return np.exp(x) / np.sqrt(np.sin(x) ** 3 + np.cos(x) ** 3 + 2)

    def vjp(g, x):
        s, c = np.sin(x), np.cos(x)
        inner = s**3 + c**3 + 2
        return g * np.exp(x) * (inner**-0.5 - 1.5 * (s * s * c - c * c * s) * inner**-1.5)

    result = gradcheck(f, vjp, (x,), mode="complex-step")
    result.raise_if_wrong()
    (argument,) = result.arguments
    if dtype == "float64":
        assert (argument.tolerance < 1e-13 * np.abs(argument.got)).all()
        assert result.undecided == 0
    wrong = gradcheck(f, lambda g, x: vjp(g, x) * x.dtype.type(1.03), (x,), mode="complex-step")
    assert not wrong


def test_complex_step_of_what_is_not_analytic():
    with pytest.raises(ValueError, match="f isn't analytic"):
        gradcheck(np.abs, lambda g, x: g * np.sign(x), (X,), mode="complex-step")
    with pytest.raises(TypeError, match=r"args\[0\] is complex"):
        gradcheck(np.sin, vjp_of_sin, (X + 1j,), mode="complex-step")
    with pytest.raises(TypeError, match="output is complex"):
        gradcheck(lambda x: x * 1j, lambda g, _: (g * -1j).real, (X,), mode="complex-step")


# --- dot_test -------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "complex64", "complex128"])
def test_adjoints(dtype):
    rng = np.random.default_rng(2)
    A = rng.standard_normal((40, 30)).astype(dtype)
    if A.dtype.kind == "c":
        A = A + (1j * rng.standard_normal(A.shape)).astype(dtype)
    for seed in range(20):
        result = dot_test(lambda x: A @ x, lambda y: A.conj().T @ y, (30,), dtype=dtype, rng=seed)
        result.raise_if_wrong()
        wrong = dot_test(
            lambda x: A @ x, lambda y: 1.1 * (A.T.conj() @ y), (30,), dtype=dtype, rng=seed
        )
        assert not wrong
    assert str(result).startswith("the adjoint: ")
    assert str(wrong).startswith("not the adjoint: ")
    with pytest.raises(AssertionError, match="not the adjoint"):
        wrong.raise_if_wrong()
    assert json.loads(json.dumps(wrong.to_json()))["ok"] is False


def test_the_transpose_without_the_conjugate_is_no_adjoint():
    A = np.array([[1 + 1j, 2], [0, 3j]])
    assert not dot_test(lambda x: A @ x, lambda y: A.T @ y, (2,), dtype=complex)


@pytest.mark.parametrize("size", [1e-160, 1e-300, 1e-320])
def test_adjoints_whose_squares_underflow(size):
    A = np.random.default_rng(0).standard_normal((7, 9)) * size
    assert dot_test(lambda x: A @ x, lambda y: A.T @ y, (9,))
    assert not dot_test(lambda x: A @ x, lambda y: A.T @ y * 1.01, (9,))


def test_the_adjoint_of_a_convolution():
    W = np.random.default_rng(0).standard_normal((3, 2, 3, 3))

    def adjoint(y):
        return dxdw.conv2d_backward(y, np.empty((2, 8, 7)), W, padding=1, needs=("dx",))[0]

    def corner_lost(y):
        dx = adjoint(y)
        dx[0, 0, 0] = 0
        return dx

    def forward(x):
        return dxdw.conv2d(x, W, padding=1)

    assert dot_test(forward, adjoint, (2, 8, 7))
    assert not dot_test(forward, corner_lost, (2, 8, 7))
    x, y = np.ones((2, 8, 7)), np.ones((3, 8, 7))
    given = dot_test(forward, adjoint, x, y)
    assert given
    assert given.trials == 1
    assert given.forward_side == pytest.approx(forward(x).sum())


def test_refusals_of_dot_test():
    with pytest.raises(ValueError, match="trials is 0"):
        dot_test(np.negative, np.negative, (3,), trials=0)
    for options, error, words in (
        ({"trials": None}, TypeError, "^trials is None, a NoneType: it must be an integer"),
        ({"trials": 1.5}, TypeError, "^trials is 1.5, a float: it must be an integer"),
        ({"rng": -1}, ValueError, "^rng is -1: it must be a numpy.random.Generator or a seed"),
        ({"rng": "a"}, TypeError, "^rng is 'a': it must be a numpy.random.Generator or a seed"),
        ({"dtype": "foo"}, TypeError, "^dtype is 'foo': it must be a dtype of NumPy's"),
        ({"x": (-1,)}, ValueError, r"^x\[0\] is -1: it must be at least 0"),
        ({"y": 1j * np.ones(3)}, TypeError, "^y is complex where forward's output is real"),
        ({"y": np.ones(2)}, ValueError, r"^y has the shapes \[\(2,\)\]: forward's outputs have"),
        ({"y": np.ma.masked_array([1.0, 2, 3], [0, 0, 1])}, TypeError, "^y is a MaskedArray: it m"),
        ({"x": np.ma.masked_array([1.0, 2, 3], [0, 0, 1])}, TypeError, "^x is a MaskedArray: it m"),
        ({"x": "abc"}, TypeError, "^x has the dtype <U3: it must be a real or complex array"),
        ({"adjoint": lambda _: None}, TypeError, "^adjoint's gradient of x has the dtype object"),
        ({"adjoint": lambda y: (y, y)}, ValueError, "^adjoint returned 2 arrays: it must return"),
        ({"forward": lambda _: None}, TypeError, "^forward's output has the dtype object"),
    ):
        with pytest.raises(error, match=words) as refusal:
            dot_test(**{"forward": np.negative, "adjoint": np.negative, "x": (3,)} | options)
        assert refusal.value.__notes__ == [more("gradchecks")]
    with pytest.raises(ValueError, match=r"no x: its shape is \(2,\)"):
        dot_test(np.negative, lambda y: y[:2], (3,))
    with pytest.raises(ValueError, match="isn't finite"):
        dot_test(lambda x: x * np.inf, np.negative, (3,))


def test_a_shape_may_be_of_numpys_integers():
    A = np.arange(6.0).reshape(2, 3)
    shape = (np.prod((3, 1)),)
    assert dot_test(lambda x: A @ x, lambda y: A.T @ y, shape)
    assert dot_test(lambda x: A @ x, lambda y: A.T @ y, (3,)) == dot_test(
        lambda x: A @ x, lambda y: A.T @ y, shape
    )


def test_an_array_by_itself_is_the_one_argument():
    assert gradcheck(lambda x: x**2, lambda g, x: 2 * g * x, np.ones((3, 4)))
    assert not gradcheck(lambda x: x**2, lambda g, x: 3 * g * x, np.ones((3, 4)))
