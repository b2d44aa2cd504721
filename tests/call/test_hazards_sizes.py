"""Sizes and shapes at their ends: nothing to sum, nothing to hold, and far too much of both."""

import time

import numpy as np
import oracles
import pytest
from calls import BACKWARD, FORWARD, KINDS, convolve, cost_no_object
from oracles import Case, simple

import dxdw
from dxdw import conv1d, conv2d, conv2d_backward
from dxdw.engines import array_api, gather, native_library

EMPTY = {
    "no images": simple((0, 2, 5, 4), (3, 2, 3, 2), pad=1),
    "no input channels": simple((2, 0, 5, 4), (3, 0, 3, 2), pad=1),
    "no output channels": simple((2, 2, 5, 4), (0, 2, 3, 2), pad=1),
    "no channels in groups": simple((2, 0, 5, 4), (4, 0, 3, 2), pad=1, groups=2),
    "no channels at all": simple((0, 0, 5, 4), (0, 0, 3, 2)),
    "no pixels but padding": simple((2, 3, 0, 4), (2, 3, 3, 2), pad=2),
    "no pixels, stride": simple((1, 2, 0), (2, 2, 3), pad=4, stride=2),
    "no pixels in groups": simple((2, 4, 0), (6, 2, 3), pad=2, groups=2),
    "no columns in groups": simple((2, 4, 5, 0), (6, 2, 3, 2), pad=2, stride=2, groups=2),
    "no columns, depthwise": simple((1, 8, 5, 0), (8, 1, 3, 2), pad=1, groups=8),
    "no columns in three dimensions": simple((1, 4, 3, 4, 0), (4, 2, 2, 2, 1), pad=1, groups=2),
    "no pixels in three dimensions": simple((1, 2, 3, 0, 2), (2, 2, 2, 2, 2), pad=1),
}


@pytest.mark.parametrize("engine", [None, "small", "array", "reference"])
@pytest.mark.parametrize("name", EMPTY)
def test_empty_operands_give_empty_results_and_exact_zeros(name, engine):
    case = EMPTY[name]
    if engine == "small" and case.groups > 1:
        case = case._replace(groups=1, channels=(0, 4))
    a = oracles.operands(case, 0)
    for kind in KINDS:
        first, second = (a[operand] for operand in oracles.OPERANDS[kind])
        result = convolve(kind, a, case, engine=engine)
        assert np.array_equal(result, oracles.run(kind, first, second, case)), kind
        assert result.flags.c_contiguous


def test_no_pixels_are_declined_by_fft():
    case = simple((2, 3, 0, 4), (2, 3, 3, 2), pad=2)
    a = oracles.operands(case, 0)
    with cost_no_object():
        for kind in KINDS:
            with pytest.raises(ValueError, match=r"engine 'fft' declines .*: x has no elements"):
                convolve(kind, a, case, engine="fft")


def test_bias_alone_where_there_are_no_input_channels():
    out = conv2d(np.ones((2, 0, 3, 3)), np.ones((2, 0, 2, 2)), bias=[5, 7])
    assert np.array_equal(out[:, 0], np.full((2, 2, 2), 5))
    assert np.array_equal(out[:, 1], np.full((2, 2, 2), 7))


def test_db_of_no_images_is_exactly_zero():
    grad_out, x, W = np.ones((0, 3, 2, 2)), np.ones((0, 2, 3, 3)), np.ones((3, 2, 2, 2))
    dx, dW, db = conv2d_backward(grad_out, x, W, needs=("dx", "dW", "db"))
    assert dx.shape == (0, 2, 3, 3)
    assert np.array_equal(dW, np.zeros((3, 2, 2, 2)))
    assert np.array_equal(db, np.zeros(3))


@pytest.mark.parametrize("engine", [None, "array", "reference"])
@pytest.mark.parametrize(("stride", "taps"), [(2, 3), (3, 2), (4, 1), (7, 3)])
def test_dx_is_exactly_zero_where_no_window_comes(stride, taps, engine):
    case = simple((1, 2, 12, 11), (3, 2, taps, taps), stride=stride)
    a = oracles.operands(case, 0)
    a["grad_out"][:] = np.nan  # so that only what is never touched stays zero
    dx = convolve("dx", a, case, engine=engine)
    covered = np.zeros((12, 11), bool)
    for i, j in np.ndindex(*case.outs):
        covered[i * stride : i * stride + taps, j * stride : j * stride + taps] = True
    assert not covered.all()
    assert np.array_equal(np.isnan(dx), np.broadcast_to(covered, dx.shape))
    assert not dx[..., ~covered].any()


def test_dilated_taps_jump_over_pixels_whose_dx_is_exactly_zero():
    grad_out, x, W = np.full((1, 1, 1), np.inf), np.ones((1, 5, 5)), np.ones((1, 1, 2, 2))
    (dx,) = conv2d_backward(grad_out, x, W, dilation=4, needs=("dx",))
    corners = np.zeros((5, 5), bool)
    corners[::4, ::4] = True
    assert np.array_equal(np.isinf(dx[0]), corners)
    assert not dx[0, ~corners].any()


@pytest.mark.parametrize("stride", [10**6, 10**18, 2**60, 2**62 + 1, 2**63 - 1, 2**63, 2**70])
@pytest.mark.parametrize("pad", [0, 1])
@pytest.mark.parametrize("channels", [(1, 1), (20, 40)])
def test_stride_far_past_the_image(stride, pad, channels):
    """There is one output, and positions are computed within 64 bits, whatever the stride."""
    sizes = (700, 900) if channels == (1, 1) else (20, 30)
    case = simple((1, channels[0], *sizes), (*channels[::-1], 2, 2), pad=pad, stride=stride)
    a = oracles.operands(case, 0)
    for kind in KINDS:
        first, second = (a[operand] for operand in oracles.OPERANDS[kind])
        right = oracles.run(kind, first, second, case)
        for engine in (None, "array"):
            assert np.array_equal(convolve(kind, a, case, engine=engine), right), (kind, engine)


def test_stride_far_past_the_image_along_one_axis():
    case = simple((2, 3, 9, 9), (4, 3, 3, 3), pad=1)._replace(stride=(2**70, 2))
    a = oracles.operands(case, 0)
    for kind in KINDS:
        first, second = (a[operand] for operand in oracles.OPERANDS[kind])
        assert np.array_equal(convolve(kind, a, case), oracles.run(kind, first, second, case))


def test_stride_as_long_as_the_image_takes_no_time_for_its_phases():
    """3000 × 3000 stride phases, of which 4 hold a tap."""
    x, W = np.ones((1, 3001, 3001), np.float32), np.ones((1, 1, 2, 2), np.float32)
    grad_out = np.ones((1, 2, 2), np.float32)[:, :1, :1]
    (dx,) = conv2d_backward(grad_out, x, W, stride=3000, needs=("dx",), engine="array")
    assert dx.sum() == 4


@pytest.mark.parametrize("channels", [1, 3, 64])
def test_dilation_far_past_the_image(channels):
    """What lies between the taps is made nowhere: here 32,768² zeros."""
    x_shape, W_shape = (2, channels, 5, 4), (3, channels, 3, 3)
    rng = np.random.default_rng(channels)
    x, W, grad_out = (
        rng.integers(-9, 10, shape).astype(float) for shape in (x_shape, W_shape, (2, 3, 5, 4))
    )
    for dilation in (2, 5, 2**15):
        how = {"padding": "same", "dilation": dilation}
        for kind in KINDS:
            found = dxdw.explain(kind, x_shape, W_shape, **how, engine="array")
            assert found.workspace < 8 * (x.size + W.size + grad_out.size) + (8 << 20)
        # (From 5 on the taps in the middle alone reach anything. The reference makes all zeros.)
        like = {"padding": "same", "dilation": min(dilation, 5), "engine": "reference"}
        got, expected = (
            (conv2d(x, W, **options), *conv2d_backward(grad_out, x, W, **options))
            for options in (how | {"engine": "array"}, like)
        )
        for one, other in zip(got, expected, strict=True):
            assert np.array_equal(one, other)


@pytest.mark.parametrize("kind", KINDS)
def test_rows_as_many_as_their_dilation_are_explained_without_a_look_at_each(kind, monkeypatch):
    """Of the parts that a dilated pass is run in, the largest says what memory it takes."""
    seen = []
    tile = gather.gather_tile
    monkeypatch.setattr(array_api, "gather_tile", lambda *given: seen.append(0) or tile(*given))
    array_api._peak.cache_clear()
    shapes = (1, 1, 4096, 4096), (1, 1, 2, 2)
    dxdw.explain(kind, *shapes, padding="same", dilation=2047, engine="array")
    assert len(seen) <= 2


@pytest.mark.parametrize(
    ("x_shape", "W_shape"),
    [
        ((1, 1, 20_000, 20_000), (1, 1, 8000, 8000)),
        ((1, 1, 4 * 10**7), (1, 1, 3 * 10**7)),
        ((4, 64, 4096, 4096), (64, 64, 2000, 2000)),
    ],
)
def test_kernels_of_millions_of_taps_are_explained_at_once(x_shape, W_shape):
    """A plan that lists each tap took ten seconds and three gigabytes, and was kept."""
    start = time.process_time()
    for kind in KINDS:
        found = dxdw.explain(kind, x_shape, W_shape, dtype="float32")
        assert found.engine == "fft"
        declined = {verdict.engine: verdict.declined for verdict in found.verdicts}
        if native_library.load() is not None:
            assert "places of taps" in declined["direct"]
    # A third of a second on a quiet machine, all three together.
    assert time.process_time() - start < 6


@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_without_a_batch_axis(ndim):
    case = Case(
        (4,) * ndim, (2,) * ndim, (1,) * ndim, (1,) * ndim, ((1, 0),) * ndim, channels=(2, 3)
    )
    a = oracles.operands(case, 0)
    out = FORWARD[ndim](a["x"][0], a["W"], **case.options)
    assert np.array_equal(out, oracles.forward(a["x"], a["W"], case)[0])
    dx, dW, db = BACKWARD[ndim](
        a["grad_out"][0], a["x"][0], a["W"], needs=("dx", "dW", "db"), **case.options
    )
    assert np.array_equal(dx, oracles.dx(a["grad_out"], a["W"], case)[0])
    assert np.array_equal(dW, oracles.dW(a["grad_out"], a["x"], case))
    assert np.array_equal(db, oracles.db(a["grad_out"]))


def test_axes_of_different_options_each():
    case = Case(
        (9, 10, 11), (3, 1, 2), (2, 3, 1), (1, 4, 5), ((0, 2), (3, 0), (1, 1)), channels=(2, 2)
    )
    a = oracles.operands(case, 0)
    for kind in KINDS:
        first, second = (a[operand] for operand in oracles.OPERANDS[kind])
        assert np.array_equal(convolve(kind, a, case), oracles.run(kind, first, second, case))


# --- products past what can be addressed: an error that names them, and nothing allocated ---------


def huge(*shape):
    """Of any shape, in eight bytes."""
    return np.broadcast_to(np.float64(1), shape)


def test_output_past_2_to_the_63():
    with pytest.raises(ValueError, match=r"the output would have 1 × 1 × \d+ × \d+ = \d+ elements"):
        conv2d(np.ones((1, 2, 2)), np.ones((1, 1, 2, 2)), 2**31)


def test_batch_of_outputs_past_2_to_the_63():
    x, W = huge(2**20, 1, 2**10, 2**10), huge(2**24, 1, 1, 1)
    with pytest.raises(ValueError, match=rf"the output would have {2**20} × {2**24} × 1024 × 1024"):
        conv2d(x, W)


def test_padded_input_past_2_to_the_63():
    with pytest.raises(ValueError, match="x with its padding would have 2 × 1 × "):
        conv2d(np.ones((2, 1, 2, 2)), np.ones((1, 1, 1, 1)), 2**32, 2**31)


def test_padding_past_2_to_the_63():
    with pytest.raises(ValueError, match="elements: more than can be addressed"):
        conv1d(np.ones((1, 2)), np.ones((1, 1, 1)), 2**70)


def test_transposed_output_past_2_to_the_63():
    with pytest.raises(ValueError, match=r"the output would have .* elements: more than can be"):
        dxdw.conv_transpose2d(np.ones((1, 2, 2)), np.ones((1, 1, 2, 2)), stride=2**31)


def test_empty_arrays_whose_other_axes_are_past_2_to_the_63():
    """NumPy makes no array of them either."""
    told = "elements beside an axis of length 0: more than can be addressed"
    x, W = np.ones((0, 1, 4, 4)), np.ones((1, 1, 2, 2))
    for padding in (2**31, 2**62):
        n = 3 + 2 * padding
        with pytest.raises(ValueError, match=f"^the output would have 1 × {n} × {n} = .* {told}"):
            conv2d(x, W, padding)
    with pytest.raises(ValueError, match=f"^the output would have 1 × .* {told}"):
        dxdw.conv_transpose2d(np.ones((1, 2, 4, 4)), np.ones((2, 0, 2, 2)), stride=2**40)
    assert conv2d(x, W, 2**20).shape == (0, 1, 2**21 + 3, 2**21 + 3)


@pytest.mark.parametrize("mode", ["zeros", "replicate"])
def test_more_than_the_machine_has_is_a_memory_error_in_bytes(mode):
    x, W = np.ones((1, 2, 2)), np.ones((1, 1, 2, 2))
    p = 2**22
    with pytest.raises(
        MemoryError, match=r"not enough memory: .* take 562,[\d,]+ bytes as float64"
    ):
        conv2d(x, W, p, padding_mode=mode)


def test_dilation_past_2_to_the_63_where_one_tap_does_not_feel_it():
    assert np.array_equal(conv1d([[1, 2]], [[[3]]], dilation=2**80), [[3, 6]])


def test_products_past_2_to_the_31_are_right():
    """2^32 positions of the output are stepped over; three stay."""
    x, W = np.arange(1.0, 4.0)[None], np.array([[[1.0, 10.0]]])
    out = conv1d(x, W, ((0, 2**33),), 2**32)
    assert np.array_equal(out, [[21, 0, 0]])
    dx, dW = dxdw.conv1d_backward([[1, 2, 4]], x, W, ((0, 2**33),), 2**32)
    assert np.array_equal(dx, [[1, 10, 0]])
    assert np.array_equal(dW, [[[1, 2]]])
