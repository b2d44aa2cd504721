"""Arrays of other libraries: results in kind, the same numbers, and no NumPy on the way."""

import warnings

import array_api_strict
import numpy as np
import oracles
import pytest
from calls import BACKWARD, FORWARD, KINDS, convolve
from oracles import MODES, Case, simple

import dxdw
from dxdw.engines import native_library

jax = pytest.mark.peers("jax")
torch = pytest.mark.peers("torch")


def strict(a):
    return array_api_strict.asarray(a)


def to_torch(a):
    from torch import from_numpy

    return from_numpy(np.ascontiguousarray(a))


def to_jax(a):
    import jax

    jax.config.update("jax_enable_x64", val=True)  # else there is no float64
    return jax.numpy.asarray(a)


LIBRARIES = [
    pytest.param(strict, id="array_api_strict"),
    pytest.param(to_torch, id="torch", marks=torch),
    pytest.param(to_jax, id="jax", marks=jax),
]
CASES = {
    "plain": simple((2, 3, 7, 6), (4, 3, 3, 2), pad=1),
    "strided": simple((2, 3, 11, 9), (4, 3, 3, 3), pad=2, stride=2),
    "dilated": simple((1, 2, 12, 9), (3, 2, 3, 2), pad=2, dilation=(2, 3)),
    "dilated and strided": simple((1, 2, 14, 13), (3, 2, 3, 3), pad=2, stride=3, dilation=(2, 2)),
    "grouped": simple((2, 4, 6, 5), (6, 2, 3, 3), pad=1, groups=2),
    "depthwise": simple((2, 4, 6, 5), (4, 1, 3, 3), pad=1, groups=4),
    "many channels": simple((2, 36, 5, 5), (40, 36, 3, 3), pad=1),
    "scattered": simple((2, 64, 5, 5), (2, 64, 3, 3), pad=1),
    "scattered dx": simple((2, 2, 5, 5), (64, 2, 3, 3), pad=1),
    "one axis": simple((2, 3, 12), (4, 3, 3), pad=1, stride=2),
    "three axes": simple((1, 2, 5, 4, 6), (3, 2, 2, 3, 2), pad=1),
    "empty": simple((0, 2, 5, 5), (3, 2, 3, 3)),
}


def assert_in_kind(results, like, expected):
    for result, wanted in zip(results, expected, strict=True):
        assert type(result) is type(like)
        assert result.dtype == like.dtype
        assert np.array_equal(np.asarray(result), wanted)


@pytest.mark.parametrize("convert", LIBRARIES)
@pytest.mark.parametrize("name", CASES)
def test_results_in_kind_and_exact(name, convert, ran):
    case = CASES[name]
    a = oracles.operands(case, 0)
    foreign = {operand: convert(v) for operand, v in a.items()}
    for kind in KINDS:
        first, second = (a[operand] for operand in oracles.OPERANDS[kind])
        result = convolve(kind, foreign, case, precision="highest")
        assert_in_kind([result], foreign["x"], [oracles.run(kind, first, second, case)])
    # In the computer's memory they are NumPy's too; a library that isn't known computes for itself.
    assert set(ran) <= {"array"} if convert is strict else "array" not in ran


@pytest.mark.parametrize("convert", LIBRARIES)
@pytest.mark.parametrize("mode", MODES)
def test_padding_modes_in_kind(mode, convert):
    case = Case((6, 5), (3, 2), (2, 1), (1, 2), ((2, 1), (3, 0)), mode, 2, 1, (2, 3))
    a = oracles.operands(case, 0)
    foreign = {operand: convert(v) for operand, v in a.items()}
    for kind in KINDS:
        first, second = (a[operand] for operand in oracles.OPERANDS[kind])
        expected = oracles.run(kind, first, second, case)
        assert_in_kind([convolve(kind, foreign, case)], foreign["x"], [expected])


@pytest.mark.parametrize("convert", LIBRARIES)
def test_bias_db_and_no_batch_axis_in_kind(convert):
    case = CASES["plain"]
    a = oracles.operands(case, 0)
    bias = np.arange(4.0)
    x, W, grad_out = convert(a["x"][0]), convert(a["W"]), convert(a["grad_out"][0])
    out = dxdw.conv2d(x, W, 1, bias=convert(bias))
    expected = oracles.forward(a["x"], a["W"], case)[0] + bias[:, None, None]
    assert_in_kind([out], x, [expected])
    results = dxdw.conv2d_backward(grad_out, x, W, 1, needs=("db", "dx"))
    expected = oracles.db(a["grad_out"][:1]), oracles.dx(a["grad_out"], a["W"], case)[0]
    assert_in_kind(results, x, expected)


@pytest.mark.parametrize("convert", LIBRARIES)
@pytest.mark.parametrize("dtype", ["float32", "complex64", "complex128"])
def test_dtypes_in_kind(dtype, convert):
    case = CASES["strided"]
    a = oracles.operands(case, 0, dtype=dtype)
    foreign = {operand: convert(v) for operand, v in a.items()}
    for kind in KINDS:
        first, second = (a[operand] for operand in oracles.OPERANDS[kind])
        expected = oracles.run(kind, first, second, case)
        assert_in_kind([convolve(kind, foreign, case)], foreign["x"], [expected])


@pytest.mark.parametrize("convert", LIBRARIES)
def test_integers_are_computed_in_float64_in_kind(convert):
    case = CASES["plain"]
    a = oracles.operands(case, 0)
    foreign = {operand: convert(v.astype(np.int32)) for operand, v in a.items()}
    like = convert(np.zeros(1))
    for kind in KINDS:
        first, second = (a[operand] for operand in oracles.OPERANDS[kind])
        expected = oracles.run(kind, first, second, case)
        assert_in_kind([convolve(kind, foreign, case)], like, [expected])


@pytest.mark.parametrize("convert", LIBRARIES)
def test_inputs_are_not_changed_and_results_are_fresh(convert):
    case = simple((1, 1, 4, 4), (1, 1, 1, 1))
    a = oracles.operands(case, 0)
    a["W"][:] = 1
    foreign = {operand: convert(v.copy()) for operand, v in a.items()}
    for kind in KINDS:
        convolve(kind, foreign, case)
        assert all(np.array_equal(np.asarray(foreign[n]), v) for n, v in a.items())


@pytest.mark.parametrize("convert", LIBRARIES)
@pytest.mark.parametrize("special", [np.nan, np.inf])
def test_specials_land_where_the_definition_puts_them(special, convert):
    for name in ("plain", "strided", "scattered", "scattered dx"):
        case = CASES[name]
        a = oracles.operands(case, 0)
        for operand in a:
            b = a | {operand: a[operand].copy()}
            b[operand].flat[0] = special
            foreign = {n: convert(v) for n, v in b.items()}
            with np.errstate(invalid="ignore"):
                for kind in KINDS:
                    first, second = (b[n] for n in oracles.OPERANDS[kind])
                    expected = oracles.run(kind, first, second, case)
                    result = np.asarray(convolve(kind, foreign, case))
                    assert np.array_equal(result, expected, equal_nan=True), (name, kind)


@pytest.mark.parametrize("convert", LIBRARIES)
def test_max_workspace_in_kind(convert):
    case = CASES["many channels"]
    a = oracles.operands(case, 0)
    foreign = {operand: convert(v) for operand, v in a.items()}
    for kind in KINDS:
        first, second = (a[operand] for operand in oracles.OPERANDS[kind])
        result = convolve(kind, foreign, case, max_workspace=1 << 20, precision="highest")
        assert_in_kind([result], foreign["x"], [oracles.run(kind, first, second, case)])
        with pytest.raises(ValueError, match=r"max_workspace is 100: .* at least [\d,]+ bytes"):
            convolve(kind, foreign, case, max_workspace=100)


@pytest.mark.parametrize("engine", ["small", "fft", "reference"])
def test_engines_of_numpy_alone_decline(engine):
    case = CASES["plain"]
    foreign = {operand: strict(v) for operand, v in oracles.operands(case, 0).items()}
    with pytest.raises(ValueError, match=f"engine '{engine}' declines .*: takes NumPy arrays, not"):
        convolve("forward", foreign, case, engine=engine)


@pytest.mark.parametrize("convert", LIBRARIES)
def test_transposed_and_derivatives_in_kind(convert):
    case = CASES["strided"]
    a = oracles.operands(case, 0)
    x, W, grad_out = (convert(a[n]) for n in ("x", "W", "grad_out"))
    options = {"padding": 2, "stride": 2}
    dx = dxdw.conv_transpose2d(grad_out, W, 2, 2)
    assert_in_kind([dx], x, [oracles.dx(a["grad_out"], a["W"], case)])
    got = dxdw.conv_transpose2d_backward(x, grad_out, W, 2, 2)
    wanted = oracles.forward(a["x"], a["W"], case), oracles.dW(a["grad_out"], a["x"], case)
    assert_in_kind(got, x, wanted)
    doubled = dxdw.conv2d_double_backward(x, W, grad_out, x, W, **options)
    assert_in_kind(doubled[:1], x, [2 * oracles.forward(a["x"], a["W"], case)])
    tangent = dxdw.conv2d_jvp(x, W, x, None, **options)
    assert_in_kind([tangent], x, [oracles.forward(a["x"], a["W"], case)])
    each = dxdw.conv2d_per_sample_dW(grad_out, x, W, **options)
    assert_in_kind([each[0, ...] + each[1, ...]], x, wanted[1:])


# --- arrays that are lent -------------------------------------------------------------------------


@pytest.mark.parametrize("convert", LIBRARIES[1:])
@pytest.mark.parametrize("engine", ["direct", "small", "reference"])
def test_engines_compute_where_arrays_in_memory_lie(engine, convert, ran):
    if engine == "direct" and native_library.load() is None:
        pytest.skip("there are no compiled kernels")
    case = CASES["plain"]
    a = oracles.operands(case, 0)
    foreign = {operand: convert(v) for operand, v in a.items()}
    for kind in KINDS:
        first, second = (a[operand] for operand in oracles.OPERANDS[kind])
        result = convolve(kind, foreign, case, engine=engine)
        assert_in_kind([result], foreign["x"], [oracles.run(kind, first, second, case)])
    assert ran == [engine] * 3


@torch
def test_torch_tensors_in_any_layout_are_lent():
    a = oracles.operands(CASES["plain"], 0)
    x, W = to_torch(a["x"]), to_torch(a["W"])
    expected = oracles.forward(a["x"], a["W"], CASES["plain"])
    import torch

    for layout in (torch.contiguous_format, torch.channels_last):
        out = dxdw.conv2d(x.contiguous(memory_format=layout), W, 1)
        assert_in_kind([out], x, [expected])
    wide = x.repeat_interleave(2, -1)[..., ::2]
    assert_in_kind([dxdw.conv2d(wide, W, 1)], x, [expected])


@torch
@pytest.mark.parametrize("name", [n for n in CASES if n != "empty"])
@pytest.mark.parametrize("padding", ["even", "odd"])
def test_torchs_own_convolution_as_on_a_device(name, padding):
    """What a CUDA tensor would be given to, on the CPU: no GPU is at hand."""
    from dxdw.call import geometries
    from dxdw.call.options import Options
    from dxdw.core.problem import BOTH, Problem
    from dxdw.engines import vendor

    case = CASES[name]
    if padding == "odd":
        case = case._replace(padding=tuple((before + 1, before) for before, _ in case.padding))
    a = oracles.operands(case, 0)
    given = {k: v for k, v in case.options.items() if k != "padding_mode"}
    geometry, _ = geometries.convolution(case.ndim, case.x_shape, case.W_shape, Options(**given))
    shapes = dict(
        zip(
            ("x", "W", "grad_out"),
            (geometry.x_shape, geometry.W_shape, geometry.out_shape),
            strict=True,
        )
    )
    for kind in KINDS:
        names = oracles.OPERANDS[kind]
        pair = (to_torch(a[n].reshape(shapes[n])) for n in names)
        result = vendor.run(Problem(kind, geometry, np.dtype(float), "torch"), *pair)
        expected = oracles.run(kind, *(a[n] for n in names), case)
        assert np.array_equal(result.numpy().reshape(expected.shape), expected)
    three = (to_torch(a[n].reshape(shapes[n])) for n in ("grad_out", "x", "W"))
    both = vendor.run(Problem(BOTH, geometry, np.dtype(float), "torch"), *three)
    for kind, result in zip(("dx", "dW"), both, strict=True):
        expected = oracles.run(kind, *(a[n] for n in oracles.OPERANDS[kind]), case)
        assert np.array_equal(result.numpy().reshape(expected.shape), expected)


@torch
def test_a_device_is_the_vendors_unless_more_is_promised():
    import torch

    from dxdw.call import geometries, plan
    from dxdw.call.options import Options
    from dxdw.core.problem import BOTH, Execution, Problem

    geometry, _ = geometries.convolution(2, (1, 1, 4, 4), (1, 1, 2, 2), Options())
    away = Problem("forward", geometry, torch.float32, "torch", device="cuda")
    assert plan.prepared(away).names[0] == "vendor"
    assert plan.prepared(away._replace(kind=BOTH)).names[0] == "vendor"
    highest, limited = Execution("highest"), Execution(max_workspace=1 << 20)
    for other in ({"device": "cpu"}, {"how": highest}, {"how": limited}):
        assert "vendor" not in plan.prepared(away._replace(**other)).names


class Lent:
    """An array of a library that has DLPack and nothing else."""

    def __init__(self, a, device=(1, 0)):
        self.a, self.device = a, device

    def __dlpack__(self, **how):
        if self.device[0] != 1:
            raise BufferError("it lies on another device")
        return self.a.__dlpack__(**how)

    def __dlpack_device__(self):
        return self.device


def test_arrays_with_dlpack_alone_are_read_where_they_lie():
    case = CASES["plain"]
    a = oracles.operands(case, 0)
    out = dxdw.conv2d(Lent(a["x"]), Lent(a["W"]), 1)
    assert type(out) is np.ndarray
    assert np.array_equal(out, oracles.forward(a["x"], a["W"], case))


def test_arrays_with_dlpack_on_a_device_that_numpy_cannot_read():
    with pytest.raises(ValueError, match="x can't be made an array: it lies on another device"):
        dxdw.conv2d(Lent(np.ones((1, 3, 3)), device=(2, 0)), np.ones((1, 1, 2, 2)))


# --- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize("convert", LIBRARIES[:2])  # JAX's take NumPy's: test_neighbours.py
def test_mixed_libraries_are_refused_by_name(convert):
    case = CASES["plain"]
    a = oracles.operands(case, 0)
    mixed = a | {"W": convert(a["W"])}
    for kind in KINDS:
        with pytest.raises(TypeError, match=r"arrays of different libraries .*x a numpy\.ndarray"):
            convolve(kind, mixed, case)


@pytest.mark.parametrize("convert", LIBRARIES)
def test_bool_and_wrong_shapes_are_refused(convert):
    x, W = np.ones((1, 4, 4)), np.ones((1, 1, 2, 2))
    with pytest.raises(TypeError, match="dtype bool can't be convolved"):
        dxdw.conv2d(convert(x > 0), convert(W))
    with pytest.raises(ValueError, match=r"W has shape \(1, 2, 2\)"):
        dxdw.conv2d(convert(x), convert(W[0]))
    with pytest.raises(ValueError, match=r"grad_out has shape \(1, 2, 2\): it must be \(1, 3, 3\)"):
        dxdw.conv2d_backward(convert(np.ones((1, 2, 2))), convert(x), convert(W))


@torch
@pytest.mark.filterwarnings("ignore:ComplexHalf support is experimental:UserWarning")
@pytest.mark.parametrize("dtype", ["float8_e5m2", "float8_e4m3fn", "complex32"])
def test_torchs_other_dtypes_are_refused_as_numpys_are(dtype):
    import torch

    x, W = torch.ones((1, 4, 4)), torch.ones((1, 1, 2, 2))
    narrow = W.to(getattr(torch, dtype))
    for first, second, name in ((x, narrow, "W"), (narrow, narrow, "x")):
        message = (
            rf"^{name} has dtype torch\.{dtype}: it must be an integer, float16, .* convert it"
        )
        with pytest.raises(TypeError, match=message):
            dxdw.conv2d(first, second)


@jax
def test_jaxs_other_dtypes_are_refused_as_numpys_are():
    """They were summed in 8 bits, where 16 + 1 is 16."""
    import jax

    x, W = to_jax(np.ones((1, 4, 4))), to_jax(np.ones((1, 1, 2, 2)))
    for other in (W.astype("float8_e4m3fn"), jax.random.key(0)):
        with pytest.raises(TypeError, match=r"^W has dtype \S+: it must be an integer, float16, "):
            dxdw.conv2d(x, other)
    with pytest.raises(TypeError, match=r"^x has dtype float8_e4m3fn: it must be an integer"):
        dxdw.conv2d(x.astype("float8_e4m3fn"), W.astype("float8_e4m3fn"))


# --- one library's own ways -----------------------------------------------------------------------


@jax
def test_numpys_among_jaxs_become_jaxs():
    """As in all of JAX, where other libraries' arrays beside each other are refused."""
    x, W = np.arange(32.0).reshape(2, 4, 4), np.arange(12.0).reshape(1, 2, 2, 3)
    out = dxdw.conv2d(to_jax(x), W)
    assert type(out) is type(to_jax(x))
    assert np.array_equal(np.asarray(out), dxdw.conv2d(x, W))
    dx, dW = dxdw.conv2d_backward(np.ones(out.shape), x, to_jax(W))
    assert type(dx) is type(dW) is type(out)


@jax
@pytest.mark.parametrize("mode", MODES)
def test_jax_under_jit(mode):
    import jax

    case = Case((6, 5), (3, 2), (2, 1), (1, 2), ((2, 1), (3, 0)), mode, 2, 1, (2, 3))
    a = oracles.operands(case, 0)

    @jax.jit
    def both(grad_out, x, W):
        out = FORWARD[2](x, W, **case.options)
        return out, *BACKWARD[2](grad_out, x, W, **case.options)

    results = both(*(to_jax(a[n]) for n in ("grad_out", "x", "W")))
    expected = [oracles.run(kind, *(a[n] for n in oracles.OPERANDS[kind]), case) for kind in KINDS]
    assert_in_kind(results, to_jax(a["x"]), expected)


def test_a_kernel_by_name_says_whose_arrays_it_does_not_take():
    x, W = strict(np.ones((1, 4, 4))), strict(np.ones((1, 1, 2, 2)))
    message = "takes NumPy arrays, not those of array_api_strict"
    with pytest.raises(dxdw.EngineDeclined, match=message):
        dxdw.conv2d(x, W, engine="direct")


def test_outs_whose_memory_nobody_tells(monkeypatch):
    """As on another device: two are the same where they are one object."""

    def refuse(_):
        raise BufferError("on another device")

    operands = [strict(np.full((1, 1, 1, 1), value)) for value in (2.0, 3.0, 5.0)]
    dx, dW = (strict(np.zeros((1, 1, 1, 1))) for _ in "ab")
    monkeypatch.setattr(np, "from_dlpack", refuse)
    dxdw.conv2d_backward(*operands, out=(dx, dW))
    assert (float(dx[0, 0, 0, 0]), float(dW[0, 0, 0, 0])) == (10.0, 6.0)
    with pytest.raises(ValueError, match="out for dx and out for dW share memory"):
        dxdw.conv2d_backward(*operands, out=(dx, dx))


@jax
def test_jax_arrays_are_immutable_so_out_is_refused():
    x, W = to_jax(np.ones((1, 4, 4))), to_jax(np.ones((1, 1, 2, 2)))
    with pytest.raises(
        TypeError, match="out can't be written: arrays of its library are immutable"
    ):
        dxdw.conv2d(x, W, out=to_jax(np.zeros((1, 3, 3))))


@torch
def test_torch_out_and_accumulate():
    case = CASES["plain"]
    a = oracles.operands(case, 0)
    x, W, grad_out = (to_torch(a[n]) for n in ("x", "W", "grad_out"))
    dx, dW = to_torch(np.full(case.x_shape, np.nan)), to_torch(np.full(case.W_shape, np.nan))
    results = dxdw.conv2d_backward(grad_out, x, W, 1, out=(dx, dW))
    assert results[0] is dx
    assert results[1] is dW
    dxdw.conv2d_backward(grad_out, x, W, 1, out=(dx, dW), accumulate=True)
    assert np.array_equal(dx.numpy(), 2 * oracles.dx(a["grad_out"], a["W"], case))
    assert np.array_equal(dW.numpy(), 2 * oracles.dW(a["grad_out"], a["x"], case))


@torch
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("wanted", [False, True])
def test_torch_outs_that_share_memory_are_refused(dtype, wanted):
    """NumPy takes neither bfloat16 nor what wants a gradient: nobody told where they lie."""
    import torch

    x, W, grad_out = (
        torch.ones(shape, dtype=getattr(torch, dtype))
        for shape in ((1, 4, 4), (1, 1, 3, 3), (1, 2, 2))
    )
    both = torch.zeros(17, dtype=x.dtype, requires_grad=wanted) * 1
    dx, apart, within = both[:16].view(1, 4, 4), both[16:], both[15:16]
    dxdw.conv2d_backward(grad_out, x, W, needs=("dx", "db"), out=(dx, apart))
    assert (dx[0, 3, 3].item(), apart.item()) == (1, 4)
    with pytest.raises(ValueError, match="out for dx and out for db share memory"):
        dxdw.conv2d_backward(grad_out, x, W, needs=("dx", "db"), out=(dx, within))


@torch
def test_the_loops_read_tensors_or_say_which_they_can_not():
    import torch

    x = torch.tensor([[[1 + 2j, 3 - 1j]]]).conj()
    W = torch.ones((1, 1, 1, 1))
    assert np.array_equal(dxdw.conv2d_naive(x, W), x.resolve_conj().numpy())
    assert np.array_equal(dxdw.conv2d_naive(x.imag, W), x.imag.resolve_neg().numpy())
    for other in (W.bfloat16(), W.to("meta"), torch.nn.Parameter(W)):
        with pytest.raises(TypeError, match=r"^W is a torch\..* NumPy can't read: the loops take"):
            dxdw.conv2d_naive(np.ones((1, 2, 2)), other)


@torch
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_torch_narrow_floats_are_summed_in_float32(dtype):
    import torch

    x = torch.full((1, 1, 4097), 0.25, dtype=getattr(torch, dtype))
    W = torch.ones((1, 1, 4097), dtype=getattr(torch, dtype))
    out = dxdw.conv1d(x, W)
    assert out.dtype == x.dtype
    assert out.item() == 1024.0  # 1024.25 rounded once; summed in 16 bits it would stop growing


@torch
def test_torch_tensor_that_wants_gradients_is_taken_for_its_values():
    import torch

    x, W = torch.ones((1, 4, 4), requires_grad=True), torch.ones((1, 1, 2, 2))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        out = dxdw.conv2d(x, W)
    assert out.shape == (1, 3, 3)
    assert bool((out == 4).all())
