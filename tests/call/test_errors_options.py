"""Refused options: of transposed convolutions, how to run, needs and out, and derivatives."""

import numpy as np
import pytest
from calls import refused

import dxdw
from dxdw import conv2d, conv2d_backward, conv_transpose2d, explain
from dxdw.call.plan import engines
from dxdw.core.problem import KINDS

X, W = np.ones((2, 3, 6, 5)), np.ones((4, 3, 3, 2))
G = np.ones((2, 4, 4, 4))
CALLS = {
    "forward": (conv2d, (X, W)),
    "backward": (conv2d_backward, (G, X, W)),
    "transposed": (conv_transpose2d, (np.ones((4, 6, 5)), W)),
}


# --- transposed -----------------------------------------------------------------------------------


def test_transposed_padding_by_a_word_that_says_too_little():
    x, w = np.ones((4, 6, 5)), W
    for word in ("same", "full"):
        message = f"padding is {word!r}: a transposed convolution takes numbers …"
        refused(ValueError, message, conv_transpose2d, x, w, word)
    assert np.array_equal(conv_transpose2d(x, w, "valid"), conv_transpose2d(x, w))


def test_output_padding_past_stride_and_dilation():
    message = (
        "output_padding is 2 along H: it must be less than the stride 2 or the dilation 1 there"
    )
    refused(ValueError, message, conv_transpose2d, np.ones((4, 6, 5)), W, 0, 2, output_padding=2)


def test_transposed_padding_that_crops_everything():
    message = "padding is (4, 4) along H: it leaves 0 of the output's 8 there; at least 1 must stay"
    refused(ValueError, message, conv_transpose2d, np.ones((4, 6, 5)), W, 4)


# --- how to run -----------------------------------------------------------------------------------


@pytest.mark.parametrize("call", CALLS)
def test_how_to_run(call):
    function, operands = CALLS[call]
    cases = [
        (
            ValueError,
            "precision is 'low': it must be one of 'high' or 'highest'",
            {"precision": "low"},
        ),
        (
            ValueError,
            "precision is None: it must be one of 'high' or 'highest'",
            {"precision": None},
        ),
        (
            ValueError,
            "precision is array(['high', 'high'], dtype='<U4'): it must be one of …",
            {"precision": np.array(["high", "high"])},
        ),
        (TypeError, "engine is 3: it must be None or the name of an engine", {"engine": 3}),
        (ValueError, "threads is 0: it must be at least 1", {"threads": 0}),
        (TypeError, "threads is 1.5, a float: it must be an integer", {"threads": 1.5}),
        (TypeError, "threads is True: it must be an integer, not a bool", {"threads": True}),
        (ValueError, "max_workspace is 0: it must be at least 1", {"max_workspace": 0}),
        (TypeError, "max_workspace is '1', a str: it must be an integer", {"max_workspace": "1"}),
        (
            ValueError,
            f"engine is 'best': it must be one of {', '.join(map(repr, engines()))}",
            {"engine": "best"},
        ),
    ]
    for error, message, options in cases:
        refused(error, message, function, *operands, **options)


def test_an_engine_that_is_none_is_refused_also_where_nothing_is_summed():
    x, W, message = np.ones((1, 4, 4)), np.ones((1, 1, 2, 2)), "engine is 'best': it must be one …"
    for call in (
        lambda: conv2d(x[None, :0], W[:, :0], engine="best"),
        lambda: conv2d_backward(np.ones((1, 3, 3)), x, W, needs=("db",), engine="best"),
        lambda: dxdw.conv2d_jvp(x, W, None, None, engine="best"),
        lambda: conv_transpose2d(x[None][:0], W, engine="best"),
    ):
        refused(ValueError, message, call)


def test_engine_by_name_that_declines_says_why():
    refused(
        ValueError,
        "engine 'small' declines this forward: takes one group only",
        conv2d,
        np.ones((2, 4, 4)),
        np.ones((2, 1, 2, 2)),
        engine="small",
        groups=2,
    )
    refused(
        ValueError,
        "engine 'fft' declines this dW: takes stride 1 only",
        conv2d_backward,
        np.ones((1, 2, 2)),
        np.ones((1, 4, 4)),
        np.ones((1, 1, 2, 2)),
        0,
        2,
        needs=("dW",),
        engine="fft",
    )
    refused(
        ValueError,
        "engine 'fft' declines this forward: its error is relative to a tile's norm, not to each "
        "element",
        conv2d,
        X,
        W,
        engine="fft",
        precision="highest",
    )


@pytest.mark.usefixtures("without_kernels")
def test_engine_by_name_for_values_it_cannot_carry():
    x = np.ones((1, 200, 200))
    x[0, 3, 3] = np.nan
    refused(
        ValueError,
        "engine 'fft' declines this forward: it takes finite values only, whose sums do not "
        "overflow",
        conv2d,
        x,
        np.ones((1, 1, 31, 31)),
        engine="fft",
    )


# --- needs, out and accumulate --------------------------------------------------------------------


def test_needs_in_wrong_forms():
    for word in ("dx", "dW", "x"):
        message = f"needs is {word!r}: it must be a tuple of names, as in ({word!r},)"
        refused(TypeError, message, conv2d_backward, G, X, W, needs=word)
    for value in (None, 3):
        message = f"needs is {value!r}: it must be a tuple of names"
        refused(TypeError, message, conv2d_backward, G, X, W, needs=value)
    for value in ((), ("dx", "dx"), ("dx", "dw"), ("dx", None), [["dx"]], (1,)):
        message = f"needs is {value!r}: it must name one or more of 'dx', 'dW' or 'db', once"
        refused(ValueError, message, conv2d_backward, G, X, W, needs=value)


def read_only(shape):
    a = np.zeros(shape)
    a.flags.writeable = False
    return a


def test_out_of_a_forward():
    shape = (2, 4, 4, 4)
    cases = [
        (TypeError, "out is a list: it must be an array", [[1.0]]),
        (ValueError, f"out has shape (4, 4): it must be {shape}", np.zeros((4, 4))),
        (
            ValueError,
            "out has dtype float32: it must be float64, the result's",
            np.zeros(shape, "f"),
        ),
        (
            ValueError,
            "out has dtype int64: it must be float64, the result's",
            np.zeros(shape, "i8"),
        ),
        (ValueError, "out is read-only: it must be writable", read_only(shape)),
        (ValueError, "out is read-only: it must be writable", np.broadcast_to(0.0, shape)),
    ]
    for error, message, out in cases:
        refused(error, message, conv2d, X, W, out=out)


def test_out_of_a_backward_before_anything_is_written():
    dx = np.full(X.shape, np.nan)
    cases = [
        (ValueError, "out must be a tuple with an entry (or None) for each of …", dx),
        (ValueError, "out must be a tuple with an entry (or None) for each of …", (dx,)),
        (ValueError, "out for dW has shape (4,): it must be (4, 3, 3, 2)", (dx, np.zeros(4))),
        (
            ValueError,
            "out for dW has dtype complex128: it must be float64, the result's",
            (dx, np.zeros(W.shape, complex)),
        ),
        (ValueError, "out for dW is read-only: it must be writable", (dx, read_only(W.shape))),
        (TypeError, "out for dW is a float: it must be an array", (dx, 0.0)),
    ]
    for error, message, out in cases:
        refused(error, message, conv2d_backward, G, X, W, out=out)
    assert np.isnan(dx).all()


def test_needs_that_name_nothing_after_a_forward_of_the_same_shapes():
    """What is remembered of small calls is each call's own."""
    x, w = np.ones((1, 1, 5, 5)), np.ones((1, 1, 3, 3))
    conv2d(x, w)
    message = "needs is (): it must name one or more of 'dx', 'dW' or 'db', once"
    refused(ValueError, message, conv2d_backward, x, w, w, needs=())


def test_out_whose_elements_share_memory():
    shape = (2, 4, 4, 4)
    message = "out has elements that share memory: each of them needs its own, as in a copy"
    for strides in ((0, 0, 0, 0), (0, 128, 32, 8), (512, 128, 8, 8), (-512, 128, 24, 8)):
        out = np.lib.stride_tricks.as_strided(np.zeros(2000)[1000:], shape, strides)
        refused(ValueError, message, conv2d, X, W, out=out)
    of_one_image = np.lib.stride_tricks.as_strided(np.zeros(2000), (1, *shape[1:]), (8, 128, 8, 8))
    refused(ValueError, message, conv2d, X[:1], W, out=of_one_image)
    nothing = np.lib.stride_tricks.as_strided(np.zeros(1), (0, *shape[1:]), (0, 0, 0, 0))
    assert conv2d(X[:0], W, out=nothing) is nothing
    masked = np.ma.array(np.zeros(shape), mask=True, hard_mask=True)
    message = (
        "out is a masked array, whose mask would keep results out: give its data, as in out.data"
    )
    refused(TypeError, message, conv2d, X, W, out=masked)


def test_out_by_any_other_view():
    """Steps, negative ones and other orders of axes: every element has memory of its own."""
    expected = conv2d(X, W)
    whole = np.zeros((4, 8, 8, 12))
    for out in (
        whole[::2, ::2, ::2, ::3],
        whole[1::-1, 3::-1, 3::-1, 3::-1],
        np.zeros((4, 4, 4, 2)).T,
        np.zeros((2, 4, 4, 4), order="F"),
    ):
        assert conv2d(X, W, out=out) is out
        assert np.array_equal(out, expected)
    one = np.zeros((4, 4, 4))[np.newaxis]
    assert one.strides[0] == 0  # a step that nobody takes
    assert np.array_equal(conv2d(X[:1], W, out=one), expected[:1])


def test_outs_that_share_memory():
    dx, dW = conv2d_backward(G, X, W)
    memory = np.full(1000, np.nan)
    message = "out for dx and out for dW share memory: each result needs its own"
    for start in (0, 1, dx.size - 1):
        out = memory[: dx.size].reshape(X.shape), memory[start:][: dW.size].reshape(W.shape)
        refused(ValueError, message, conv2d_backward, G, X, W, out=out)
    assert np.isnan(memory).all()
    side_by_side = memory[: dx.size].reshape(X.shape), memory[dx.size :][: dW.size].reshape(W.shape)
    in_turns = np.zeros((*X.shape, 2))[..., 0], np.zeros((*W.shape, 2))[..., 1]
    one = np.zeros((2, *X.shape[1:], 2))
    same_memory = one[..., 0], np.zeros(W.shape)
    for out in (side_by_side, in_turns, same_memory):
        results = conv2d_backward(G, X, W, out=out)
        assert all(map(np.array_equal, results, (dx, dW)))


def test_accumulate_without_an_array_for_each():
    message = "accumulate=True adds into out, which has no array for dW"
    out = np.zeros(X.shape), None
    refused(ValueError, message, conv2d_backward, G, X, W, out=out, accumulate=True)
    message = "accumulate=True adds into out, which has no array for dx"
    refused(ValueError, message, conv2d_backward, G, X, W, accumulate=True)
    message = "accumulate is 1: it must be True or False"
    refused(TypeError, message, conv2d_backward, G, X, W, accumulate=1)


# --- derivatives and explain ----------------------------------------------------------------------


def test_directions_of_another_shape():
    refused(
        ValueError,
        "ggx has shape (3, 6, 5): it must be (2, 3, 6, 5), the shape of x",
        dxdw.conv2d_double_backward,
        X[0],
        W,
        G,
        X,
        W,
    )
    refused(
        ValueError,
        "tW has shape (4, 3, 3): it must be (4, 3, 3, 2), the shape of W",
        dxdw.conv2d_jvp,
        X,
        W,
        None,
        W[..., 0],
    )
    refused(
        ValueError,
        "bias_tangent has shape (1,): it must be (4,), one for each of the output's channels",
        dxdw.conv2d_jvp,
        X,
        W,
        None,
        None,
        bias_tangent=[1.0],
    )
    message = "needs is ('db',): it must name one or more of 'dgrad_out', 'dx' or 'dW', once"
    refused(ValueError, message, dxdw.conv2d_double_backward, X, W, G, X, W, needs=("db",))
    message = "grad_out has shape (4, 4, 4): it must be (2, 4, 4, 4), the output's shape for …"
    refused(ValueError, message, dxdw.conv2d_per_sample_dW, G[0], X, W)


def test_explain_refuses_what_the_convolution_would():
    for kind in ("backward", np.array(["dx", "dW"])):
        message = f"kind is {kind!r}: it must be one of {', '.join(map(repr, KINDS))}"
        refused(ValueError, message, explain, kind, X.shape, W.shape)
    message = "W_shape is (4, 3): it must have 3, 4 or 5 entries"
    refused(ValueError, message, explain, "dx", X.shape, (4, 3))
    message = "W has shape (4, 2, 3, 2): its axis 1 must be C_in/groups = 3/1 = 3, for x of shape …"
    refused(ValueError, message, explain, "dx", X.shape, (4, 2, 3, 2))


# --- nothing is lost ------------------------------------------------------------------------------


@pytest.mark.parametrize("function", ["conv2d", "conv2d_backward", "conv_transpose2d"])
def test_required_arguments_are_required(function):
    with pytest.raises(TypeError, match="missing"):
        getattr(dxdw, function)(X)


def test_options_after_stride_are_by_name_alone():
    with pytest.raises(TypeError, match="positional"):
        conv2d(X, W, 0, 1, 1)


def test_refusals_leave_operands_and_later_calls_alone():
    x, w = X.copy(), W.copy()
    for options in ({"stride": 0}, {"padding": "no"}, {"groups": 2}, {"engine": "none"}):
        with pytest.raises(ValueError, match=next(iter(options))):
            conv2d(x, w, **options)
    assert np.array_equal(x, X)
    assert np.array_equal(w, W)
    assert np.array_equal(conv2d(x, w), np.full((2, 4, 4, 4), 18))
