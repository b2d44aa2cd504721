"""How operands and results lie in memory: the same values give the same bits, and none is lost."""

import numpy as np
import oracles
import pytest
from calls import KINDS, convolve, cost_no_object, same_bits
from hypothesis import given, settings
from oracles import simple

from dxdw import conv2d, conv2d_backward


def stepped(a):
    big = np.full(tuple(3 * n for n in a.shape), 77, a.dtype)
    big[tuple(slice(None, None, 3) for _ in a.shape)] = a
    return big[tuple(slice(None, None, 3) for _ in a.shape)]


def shifted(a, offset):
    """The same values, so many bytes past a cache line."""
    raw = np.empty(a.nbytes + 64 + offset, np.uint8)
    start = -raw.ctypes.data % 64 + offset
    view = raw[start : start + a.nbytes].view(a.dtype).reshape(a.shape)
    view[...] = a
    return view


def misaligned(a):
    return shifted(a, 1)


def aligned_to_its_element(a):
    return shifted(a, a.itemsize)


def read_only(a):
    a = a.copy()
    a.flags.writeable = False
    return a


def reversed_everywhere(a):
    backwards = tuple(slice(None, None, -1) for _ in a.shape)
    return np.ascontiguousarray(a[backwards])[backwards]


LAYOUTS = {
    "fortran": np.asfortranarray,
    "channels last": lambda a: np.moveaxis(np.ascontiguousarray(np.moveaxis(a, 1, -1)), -1, 1),
    "axes swapped": lambda a: a.swapaxes(2, 3).copy().swapaxes(2, 3),
    "negative strides": reversed_everywhere,
    "every third element": stepped,
    "other byte order": lambda a: a.astype(a.dtype.newbyteorder()),
    "misaligned": misaligned,
    "aligned to its element alone": aligned_to_its_element,
    "read-only": read_only,
}

# One for each way of an engine: an index table, few channels, many, scattered, grouped, strided,
# transforms.
PROBLEMS = {
    "small": simple((2, 2, 6, 5), (3, 2, 3, 2), pad=1),
    "few channels": simple((3, 3, 40, 33), (8, 3, 3, 3), pad=1),
    "many channels": simple((2, 36, 14, 13), (40, 36, 3, 3), pad=1),
    "scattered": simple((2, 64, 16, 15), (2, 64, 3, 3), pad=1),
    "grouped and strided": simple((2, 8, 30, 31), (12, 2, 3, 3), pad=1, stride=2, groups=4),
    "one tap": simple((2, 16, 30, 31), (8, 16, 1, 1)),
    "one channel, one tap": simple((1, 1, 150, 100), (1, 1, 1, 1)),
    "one channel": simple((1, 1, 150, 100), (1, 1, 3, 3)),
    "large kernel": simple((1, 1, 90, 90), (1, 1, 25, 25), pad=3),
}


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64"])
@pytest.mark.parametrize("problem", PROBLEMS)
def test_bits_do_not_depend_on_the_layout(problem, dtype):
    case = PROBLEMS[problem]
    plain = oracles.operands(case, 0, dtype=dtype, draw=oracles.reals)
    expected = {kind: convolve(kind, plain, case) for kind in KINDS}
    for layout in LAYOUTS.values():
        laid = {name: layout(a) for name, a in plain.items()}
        for kind in KINDS:
            result = convolve(kind, laid, case)
            assert same_bits(result, expected[kind]), layout
        for name, a in plain.items():
            assert np.array_equal(laid[name], a), "an input was changed"


@pytest.mark.parametrize("operand", ["x", "W", "grad_out"])
@pytest.mark.parametrize("axis", range(4))
def test_zero_strides_give_the_bits_of_a_copy(operand, axis):
    case = PROBLEMS["few channels"]
    a = oracles.operands(case, 0, draw=oracles.reals)
    one = np.take(a[operand], [0], axis)
    broadcast = a | {operand: np.broadcast_to(one, a[operand].shape)}
    assert broadcast[operand].strides[axis] == 0
    copied = a | {operand: np.repeat(one, a[operand].shape[axis], axis)}
    for kind in KINDS:
        assert same_bits(convolve(kind, broadcast, case), convolve(kind, copied, case))


@settings(max_examples=60)
@given(oracles.cases(), oracles.seeds)
def test_bits_of_every_geometry_do_not_depend_on_the_layout(case, seed):
    plain = oracles.operands(case, seed, draw=oracles.reals)
    laid = {name: reversed_everywhere(a) for name, a in plain.items()}
    for kind in KINDS:
        assert same_bits(convolve(kind, laid, case), convolve(kind, plain, case))


# --- subclasses -----------------------------------------------------------------------------------


class Tagged(np.ndarray):
    """A subclass as libraries make them."""


def test_a_subclass_is_taken_for_its_values_and_plain_arrays_come_back(tmp_path):
    case = PROBLEMS["small"]
    a = oracles.operands(case, 0)
    mapped = np.memmap(tmp_path / "x", a["x"].dtype, "w+", shape=a["x"].shape)
    mapped[:] = a["x"]
    given_ = {"x": mapped, "W": a["W"].view(Tagged), "grad_out": a["grad_out"].view(Tagged)}
    for kind in KINDS:
        result = convolve(kind, given_, case)
        assert type(result) is np.ndarray
        assert np.array_equal(result, convolve(kind, a, case))


# --- results --------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", [None, "small", "fft", "array", "reference"])
def test_results_are_fresh_whole_and_writable(engine):
    """Also where the result equals an operand, or scratch memory is kept between calls."""
    cases = [simple((1, 1, 4, 4), (1, 1, 1, 1)), simple((2, 3, 9, 8), (3, 3, 3, 3), pad=1)]
    for case in cases:
        a = oracles.operands(case, 0)
        a["W"][:] = 1
        copies = {name: v.copy() for name, v in a.items()}
        with cost_no_object():
            results = [convolve(k, a, case, engine=engine) for k in KINDS for _ in range(2)]
        kept = [r.copy() for r in results]
        for i, r in enumerate(results):
            assert r.flags.writeable
            assert r.flags.c_contiguous
            assert not any(np.may_share_memory(r, other) for other in results[:i])
            assert not any(np.may_share_memory(r, v) for v in a.values())
            np.add(r, 1, out=r)  # must reach no other result
        assert all(np.array_equal(r, k + 1) for r, k in zip(results, kept, strict=True))
        assert all(np.array_equal(a[name], copies[name]) for name in a)


def test_results_do_not_hold_more_memory_than_their_own():
    """A view of a padded or a scratch array would keep all of it."""
    for case in (
        *PROBLEMS.values(),
        simple((1, 2, 8, 8), (2, 2, 3, 3), pad=4)._replace(mode="circular"),
    ):
        a = oracles.operands(case, 0)
        for kind in KINDS:
            result = convolve(kind, a, case)
            owner = result
            while owner.base is not None:
                owner = owner.base
            assert owner.nbytes == result.nbytes, (case, kind)


# --- out= -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", ["contiguous", "fortran", "every third element", "misaligned"])
@pytest.mark.parametrize("problem", PROBLEMS)
def test_out_of_any_layout_gets_the_bits_of_a_fresh_result(problem, layout):
    case = PROBLEMS[problem]
    a = oracles.operands(case, 0, dtype=np.float32, draw=oracles.reals)

    def poisoned(shape):
        return LAYOUTS.get(layout, np.copy)(np.full(shape, np.nan, np.float32))

    out = poisoned(case.out_shape)
    assert conv2d(a["x"], a["W"], **case.options, out=out) is out
    assert same_bits(out, convolve("forward", a, case))
    dx, dW = poisoned(case.x_shape), poisoned(case.W_shape)
    returned = conv2d_backward(a["grad_out"], a["x"], a["W"], **case.options, out=(dx, dW))
    assert returned[0] is dx
    assert returned[1] is dW
    assert same_bits(dx, convolve("dx", a, case))
    assert same_bits(dW, convolve("dW", a, case))


def test_out_with_none_for_some():
    case = PROBLEMS["small"]
    a = oracles.operands(case, 0)
    dW = np.full(case.W_shape, np.nan)
    needs = ("db", "dW", "dx")
    results = conv2d_backward(
        a["grad_out"], a["x"], a["W"], **case.options, needs=needs, out=(None, dW, None)
    )
    assert results[1] is dW
    assert np.array_equal(results[0], oracles.db(a["grad_out"]))
    assert np.array_equal(dW, oracles.dW(a["grad_out"], a["x"], case))
    assert np.array_equal(results[2], oracles.dx(a["grad_out"], a["W"], case))


@pytest.mark.parametrize("problem", ["small", "few channels", "many channels", "large kernel"])
def test_out_that_is_an_operand_is_as_if_it_had_been_copied(problem):
    case = PROBLEMS[problem]
    a = oracles.operands(case, 0, draw=oracles.reals)
    dx, dW = (convolve(kind, a, case) for kind in ("dx", "dW"))
    x, W = a["x"].copy(), a["W"].copy()
    conv2d_backward(a["grad_out"], x, W, **case.options, out=(x, W))
    assert same_bits(x, dx)
    assert same_bits(W, dW)


def test_out_that_overlaps_an_operand_in_part():
    case = simple((1, 1, 6, 6), (1, 1, 3, 3), pad=1)
    a = oracles.operands(case, 0)
    for offset in (-7, -1, 1, 8):
        buffer = np.zeros(64)
        x = buffer[10:46].reshape(case.x_shape)
        out = buffer[10 + offset : 46 + offset].reshape(case.x_shape)
        x[...] = a["x"]
        conv2d(x, a["W"], **case.options, out=out)
        assert np.array_equal(out, oracles.forward(a["x"], a["W"], case))


def test_out_in_the_other_byte_order():
    case = PROBLEMS["small"]
    a = oracles.operands(case, 0)
    out = np.full(case.out_shape, np.nan).astype(np.dtype(float).newbyteorder())
    with pytest.raises(ValueError, match=r"out has dtype .f8: it must be float64, the result's"):
        conv2d(a["x"], a["W"], **case.options, out=out)


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex128", "float16"])
def test_accumulate_adds_into_out(dtype):
    case = PROBLEMS["small"]
    a = oracles.operands(case, 0, dtype=dtype)
    needs = ("dW", "db", "dx")
    first = conv2d_backward(a["grad_out"], a["x"], a["W"], **case.options, needs=needs)
    out = tuple(np.full(r.shape, 100, dtype) for r in first)
    for _ in range(2):
        returned = conv2d_backward(
            a["grad_out"], a["x"], a["W"], **case.options, needs=needs, out=out, accumulate=True
        )
        assert all(r is o for r, o in zip(returned, out, strict=True))
    assert all(np.array_equal(o, 100 + 2 * f) for o, f in zip(out, first, strict=True))


def test_accumulate_into_an_operand_adds_to_what_it_was():
    case = PROBLEMS["small"]
    a = oracles.operands(case, 0)
    x, W = a["x"].copy(), a["W"].copy()
    conv2d_backward(a["grad_out"], x, W, **case.options, out=(x, W), accumulate=True)
    assert np.array_equal(x, a["x"] + oracles.dx(a["grad_out"], a["W"], case))
    assert np.array_equal(W, a["W"] + oracles.dW(a["grad_out"], a["x"], case))
