"""dxdw.interop.jax: under jit, vmap and grad, beside XLA's own convolution."""

import subprocess
import sys

import numpy as np
import oracles
import pytest
from calls import refused
from oracles import MODES, Case, simple

import dxdw

pytestmark = pytest.mark.peers("jax")

CASES = {
    "plain": simple((2, 3, 7, 6), (4, 3, 3, 2), pad=1),
    "winograd": simple((2, 16, 12, 13), (16, 16, 3, 3), pad=1),
    "strided": simple((2, 3, 11, 9), (4, 3, 3, 3), pad=2, stride=2),
    "grouped": simple((2, 4, 6, 5), (6, 2, 3, 3), pad=1, groups=2),
    "depthwise": simple((2, 8, 6, 5), (8, 1, 3, 3), pad=1, groups=8),
    "one axis": simple((2, 3, 12), (4, 3, 3), pad=1, stride=2),
    "three axes": simple((1, 2, 5, 4, 6), (3, 2, 2, 3, 2), pad=1),
    "empty": simple((0, 2, 5, 5), (3, 2, 3, 3)),
}
ODD = Case((6, 5), (3, 2), (2, 1), (1, 2), ((2, 1), (3, 0)), "zeros", 2, 1, (2, 3))


@pytest.fixture(autouse=True)
def double_precision():
    import jax

    jax.config.update("jax_enable_x64", val=True)  # else there is no float64


def ours(case):
    from dxdw.interop import jax as bridge

    convolve = getattr(bridge, f"conv{case.ndim}d")
    return lambda x, W, **more: convolve(x, W, **case.options, **more)


def theirs(case):
    from jax import lax

    return lambda x, W: lax.conv_general_dilated(
        x, W, case.stride, case.padding, rhs_dilation=case.dilation, feature_group_count=case.groups
    )


def arrays(case, dtype="float64"):
    from jax import numpy as jnp

    a = oracles.operands(case, 0, dtype=dtype)
    return [jnp.asarray(a[name]) for name in ("x", "W", "grad_out")]


def assert_same(mine, expected, exact=True):
    """Exactly, or as far as rounding goes, in units of the largest element."""
    mine, expected = np.asarray(mine), np.asarray(expected)
    assert mine.shape == expected.shape
    assert mine.dtype == expected.dtype
    if exact:
        assert np.array_equal(mine, expected)
    else:
        off, largest = np.abs(mine - expected).max(), np.abs(expected).max()
        assert off <= 100 * np.finfo(mine.dtype).eps * largest


@pytest.mark.parametrize("jit", [False, True], ids=["eager", "jit"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", CASES)
def test_forward_and_gradients_are_exact_on_integers(name, dtype, jit):
    import jax

    case = CASES[name]
    x, W, g = arrays(case, dtype)

    def everything(x, W, g):
        out, vjp = jax.vjp(ours(case), x, W)
        return out, *vjp(g)

    results = (jax.jit(everything) if jit else everything)(x, W, g)
    a = [np.asarray(v) for v in (x, W, g)]
    expected = (
        oracles.forward(a[0], a[1], case),
        oracles.dx(a[2], a[1], case),
        oracles.dW(a[2], a[0], case),
    )
    for mine, wanted in zip(results, expected, strict=True):
        assert_same(mine, wanted, exact=name != "winograd")


@pytest.mark.parametrize("mode", MODES)
def test_padding_modes(mode):
    import jax

    case = ODD._replace(mode=mode)
    x, W, g = arrays(case)
    out, vjp = jax.vjp(jax.jit(ours(case)), x, W)
    a = [np.asarray(v) for v in (x, W, g)]
    assert_same(out, oracles.forward(a[0], a[1], case))
    dx, dW = vjp(g)
    assert_same(dx, oracles.dx(a[2], a[1], case))
    assert_same(dW, oracles.dW(a[2], a[0], case))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", ["forward", "dx", "dW"])
def test_what_other_devices_run_is_the_same(kind, mode):
    """XLA's own convolution and its derivatives, on the CPU: no other device is at hand."""
    from dxdw.call import geometries
    from dxdw.call.options import Options
    from dxdw.interop import jax as bridge
    from dxdw.interop.bilinear import Case as Passes

    case = ODD._replace(mode=mode)
    x, W, g = arrays(case)
    o = case.options
    options = Options(o["padding"], o["stride"], o["dilation"], o["groups"], mode)
    geometry, _ = geometries.convolution(2, x.shape, W.shape, options)
    pair = {"forward": (x, W), "dx": (g, W), "dW": (g, x)}[kind]
    mine = bridge._by_kernels(kind, Passes(geometry, 2), *pair)
    assert_same(mine, bridge._by_xla(kind, Passes(geometry, 2), *pair))


def test_second_and_third_derivatives():
    import jax

    case = simple((1, 2, 5, 4), (2, 2, 2, 2), pad=1)
    x, W, _ = arrays(case)
    x, W = x / 8, W / 8

    def of(convolve):
        def loss(W):
            return (jax.numpy.tanh(convolve(x, W)) ** 2).sum()

        hessian = jax.jacrev(jax.grad(loss))
        return hessian(W), jax.grad(lambda W: (hessian(W) ** 2).sum())(W)

    for mine, expected in zip(of(ours(case)), of(theirs(case)), strict=True):
        assert_same(mine, expected, exact=False)


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("mapped", [(0, None), (None, 0), (2, 1)])
def test_vmap_of_forward_and_of_gradients(mapped, groups):
    import jax
    from jax import numpy as jnp

    case = simple((2, 4, 6, 5), (6, 4 // groups, 3, 2), pad=1, groups=groups)
    rng = np.random.default_rng(0)
    operands = []
    for shape, axis in zip((case.x_shape, case.W_shape), mapped, strict=True):
        a = oracles.integers(rng, shape if axis is None else (3, *shape))
        operands.append(jnp.asarray(a if axis is None else np.moveaxis(a, 0, axis)))

    def both(convolve):
        def loss(x, W):
            return (convolve(x, W) ** 2).sum()

        gradients = jax.vmap(jax.grad(loss, (0, 1)), mapped)(*operands)
        return jax.vmap(convolve, mapped)(*operands), *gradients

    for mine, expected in zip(both(ours(case)), both(theirs(case)), strict=True):
        assert_same(mine, expected)


def test_vmap_in_vmap():
    import jax

    case = simple((1, 2, 5, 4), (3, 2, 2, 2))
    rng = np.random.default_rng(0)
    x = jax.numpy.asarray(oracles.integers(rng, (2, *case.x_shape)))
    W = jax.numpy.asarray(oracles.integers(rng, (3, *case.W_shape)))

    def each(convolve):
        return jax.jit(jax.vmap(lambda x: jax.vmap(lambda W: convolve(x, W))(W)))(x)

    assert_same(each(ours(case)), each(theirs(case)))


def test_bias_and_no_batch_axis():
    import jax
    from jax import numpy as jnp

    case = CASES["plain"]
    x, W, _ = arrays(case)
    bias = jnp.arange(4.0)
    out = jax.jit(ours(case))(x[0], W, bias=bias)
    assert_same(
        out, oracles.forward(*map(np.asarray, (x, W)), case)[0] + np.asarray(bias)[:, None, None]
    )
    db = jax.grad(lambda b: ours(case)(x, W, bias=b).sum())(bias)
    assert_same(db, np.full(4, 2.0 * 7 * 7))


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "complex64", "int32"])
def test_other_dtypes(dtype):
    from jax import numpy as jnp

    case = CASES["plain"]
    x, W, _ = (a.astype(dtype) for a in arrays(case))
    out = ours(case)(x, W)
    assert out.dtype == (jnp.float64 if dtype == "int32" else dtype)
    wide = [
        np.asarray(a.astype("complex128" if dtype == "complex64" else "float64")) for a in (x, W)
    ]
    assert np.array_equal(np.asarray(out.astype(wide[0].dtype)), oracles.forward(*wide, case))


def test_a_gradient_that_nobody_needs_is_not_computed():
    import jax

    case = CASES["plain"]
    x, W, _ = arrays(case)
    only_dW = jax.jit(jax.grad(lambda W: ours(case)(x, W).sum()))
    assert only_dW.lower(W).compile().as_text().count('custom_call_target="dxdw_pass"') == 1


def test_forward_mode():
    """It is the product rule, of the pass itself."""
    import jax
    import numpy as np

    case = CASES["plain"]
    x, W, _ = arrays(case)
    convolve = ours(case)
    out, tangent = jax.jvp(convolve, (x, W), (x, W))
    np.testing.assert_allclose(tangent, 2 * out, rtol=1e-12)
    linear = jax.linearize(convolve, x, W)[1]
    np.testing.assert_allclose(linear(x, W), 2 * out, rtol=1e-12)
    hessian = jax.hessian(lambda W: (convolve(x, W) ** 2).sum())(W)
    by_reverse = jax.jacrev(jax.grad(lambda W: (convolve(x, W) ** 2).sum()))(W)
    np.testing.assert_allclose(hessian, by_reverse, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize(
    ("error", "message", "given"),
    [
        (ValueError, "W is larger than x along H", {"W": np.ones((1, 1, 4, 4))}),
        (ValueError, r"bias has shape \(2,\): it must be \(1,\)", {"bias": np.ones(2)}),
        (
            TypeError,
            "x has dtype bool: .* as in jnp.asarray\\(x, float\\)",
            {"x": np.ones((1, 3, 3)) > 0},
        ),
        (TypeError, "bias has dtype bool: ", {"bias": [True]}),
        (TypeError, "x can't be made an array of JAX's: ", {"x": "abc"}),
        (TypeError, "W can't be made an array of JAX's: ", {"W": None}),
        (TypeError, "W can't be made an array of JAX's: .* object", {"W": np.array([None])}),
        (ValueError, "W can't be made an array of JAX's: ", {"W": [[1, 2], [3]]}),
    ],
)
def test_refusals_name_the_argument_and_the_bridges_page(error, message, given, jit):
    import jax

    from dxdw.core.documentation import more
    from dxdw.interop.jax import conv2d

    given = {"x": np.ones((1, 3, 3)), "W": np.ones((1, 1, 2, 2))} | given

    def call():
        return conv2d(**given)

    with pytest.raises(error, match=message) as caught:
        (jax.jit(call) if jit else call)()
    assert caught.value.__notes__[0] == more("jax")


@pytest.mark.parametrize("name", ["x", "W", "bias"])
def test_dtypes_that_no_pass_has_are_refused_by_name(name):
    import jax
    from jax import numpy as jnp

    from dxdw.interop.jax import conv2d

    shapes = {"x": (1, 3, 3), "W": (1, 1, 2, 2), "bias": (1,)}
    keys = jax.random.split(jax.random.key(0), shapes[name])
    narrow = [jnp.zeros(shapes[name], d) for d in ("float8_e4m3fn", "float8_e5m2", "float4_e2m1fn")]
    for wrong, rule in [(keys, "an array of numbers, as"), *((a, "of 16 bits") for a in narrow)]:
        given = {key: jnp.ones(shape) for key, shape in shapes.items()} | {name: wrong}
        message = f"{name} has dtype {wrong.dtype}: it must be {rule}…"
        assert refused(TypeError, message, conv2d, **given) == "docs/howto/jax.md"
    same = {key: jnp.ones(shape, narrow[0].dtype) for key, shape in shapes.items()}
    with pytest.raises(TypeError, match="x has dtype float8_e4m3fn: "):
        jax.jit(conv2d)(**same)


class Lazy(np.ndarray):
    """Of Dask, by its name: what it has would be loaded."""

    __module__ = "dask.array.core"


class Recorded:
    """As a tensor of PyTorch's is that wants a gradient."""

    def __array__(self, *_, **__):
        raise RuntimeError("Can't call numpy() on Tensor that requires grad")


@pytest.mark.parametrize("name", ["x", "W", "bias"])
def test_arrays_of_others_are_refused_by_name(name):
    from dxdw.interop.jax import conv2d

    given = {"x": np.ones((1, 3, 3)), "W": np.ones((1, 1, 2, 2)), "bias": np.ones(1)}
    lazy = given | {name: given[name].view(Lazy)}
    message = f"{name} is a dask.array.core.Lazy: it would be loaded whole: …"
    assert refused(TypeError, message, conv2d, **lazy) == "docs/howto/jax.md"
    message = f"{name} can't be made an array of JAX's: Can't call numpy() on Tensor that …"
    recorded = given | {name: Recorded()}
    assert refused(TypeError, message, conv2d, **recorded) == "docs/howto/jax.md"


def test_errors_of_jaxs_own_arrays_are_jaxs():
    from jax import numpy as jnp

    from dxdw.interop.jax import conv2d

    x = jnp.ones((1, 3, 3))
    x.delete()
    with pytest.raises(RuntimeError, match="Array has been deleted"):
        conv2d(x, np.ones((1, 1, 2, 2)))


def test_a_bias_is_added_where_ranks_are_not_promoted():
    import jax

    from dxdw.interop.jax import conv1d, conv2d, conv3d

    with jax.numpy_rank_promotion("raise"):
        for ndim, convolve in enumerate((conv1d, conv2d, conv3d), start=1):
            for lead in ((), (2,)):
                x, W = np.ones((*lead, 1, *[3] * ndim)), np.ones((1, 1, *[2] * ndim))
                assert np.all(convolve(x, W, bias=[1.0]) == 2**ndim + 1)


@pytest.mark.parametrize("jit", [False, True])
def test_numpys_arrays_may_have_the_other_order_of_bytes(jit):
    import jax

    from dxdw.interop.jax import conv2d

    def call():
        return conv2d(*(a.astype(a.dtype.newbyteorder()) for a in (x, W)), bias=[1])

    x, W = np.ones((1, 3, 3), "float32"), np.ones((1, 1, 2, 2), "float32")
    assert np.array_equal((jax.jit(call) if jit else call)(), np.full((1, 2, 2), 5))
    swapped = W.astype(W.dtype.newbyteorder())
    assert np.array_equal(dxdw.conv2d(jax.numpy.asarray(x), swapped), np.full((1, 2, 2), 4))


def test_symbolic_shapes_are_refused():
    import jax
    from jax import export

    from dxdw.core.documentation import more
    from dxdw.interop.jax import conv2d

    images = jax.ShapeDtypeStruct((*export.symbolic_shape("n"), 1, 4, 4), "float32")
    message = r"x has the symbolic shape \(n, 1, 4, 4\): its sizes must be numbers; "
    with pytest.raises(ValueError, match=message) as caught:
        jax.eval_shape(conv2d, images, np.ones((1, 1, 2, 2)))
    assert more("jax") in caught.value.__notes__


def test_a_traced_option_is_refused():
    import jax

    from dxdw.interop.jax import conv2d

    x, W = np.ones((1, 3, 3)), np.ones((1, 1, 2, 2))
    with pytest.raises(TypeError, match=r"padding is .* it must be an integer"):
        jax.jit(conv2d)(x, W, padding=1)
    assert jax.jit(conv2d, static_argnames="padding")(x, W, padding=1).shape == (1, 4, 4)


def test_what_goes_wrong_inside_is_told(monkeypatch):
    import jax

    from dxdw.interop import xla_handler

    def fails(*_):
        raise MemoryError("no 5 bytes")

    case = CASES["plain"]
    x, W, _ = arrays(case)
    monkeypatch.setattr(xla_handler, "_compute", fails)
    with pytest.raises(Exception, match="dxdw: MemoryError: no 5 bytes"):
        jax.block_until_ready(ours(case)(x, W))


EXPORTED = """
import jax, dxdw.interop.jax
result = jax.ShapeDtypeStruct((1, 1, 2, 2), "float32")
call = jax.jit(lambda x, W: jax.ffi.ffi_call("dxdw_pass", result)(x, W, call=%r))
print(call(jax.numpy.ones((1, 1, 3, 3)), jax.numpy.ones((1, 1, 2, 2))).sum())
"""


def test_an_exported_program_runs_in_a_process_that_calls_nothing_before():
    from dxdw.call import geometries
    from dxdw.call.options import Options
    from dxdw.interop import xla_handler
    from dxdw.interop.bilinear import Case as Passes

    geometry, _ = geometries.convolution(2, (1, 1, 3, 3), (1, 1, 2, 2), Options())
    program = EXPORTED % xla_handler.text("forward", Passes(geometry, 2))
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout == "16.0\n", done.stderr


def test_a_pass_in_words_and_back():
    from dxdw.call import geometries
    from dxdw.call.options import Options
    from dxdw.interop import xla_handler
    from dxdw.interop.bilinear import Case as Passes

    options = Options(((2, 1),), 2, 2, 2, "reflect")
    geometry, _ = geometries.convolution(1, (2, 4, 9), (6, 2, 3), options)
    said = xla_handler.text("dW", Passes(geometry, 1))
    assert xla_handler._told(said.encode()) == ("dW", Passes(geometry, 1))


def test_examples_of_the_docstrings():
    import doctest

    import jax

    from dxdw.interop import jax as bridge

    jax.config.update("jax_enable_x64", val=False)
    failed, attempted = doctest.testmod(bridge)
    assert attempted
    assert not failed


def test_a_version_that_would_end_the_process_is_refused():
    program = "import jax; jax.__version_info__ = (0, 8, 0); import dxdw.interop.jax"
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "dxdw.extras.MissingExtra: dxdw.interop.jax needs jax 0.8.1 or later" in done.stderr
