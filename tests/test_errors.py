"""What is refused, and in which words: the argument, what it got, the rule, what would be right."""

import numpy as np
import pytest

import dxdw
from dxdw import conv1d, conv2d, conv2d_backward, conv3d, conv_transpose2d, explain
from dxdw.engines.problem import KINDS

X, W = np.ones((2, 3, 6, 5)), np.ones((4, 3, 3, 2))
G = np.ones((2, 4, 4, 4))


def refused(error, message, call, *args, **options):
    """Refused with exactly this text, whose … stands for anything."""
    with pytest.raises(error) as caught:
        call(*args, **options)
    start, _, end = message.partition("…")
    text = str(caught.value)
    assert text.startswith(start), text
    assert text.endswith(end), text
    assert len(text) >= len(message) - 1


# --- arrays ---------------------------------------------------------------------------------------

FLOATS = (
    "it must be an integer, float16, bfloat16, float32, float64, complex64 or complex128 array; "
)
WRONG_ARRAYS = {
    "None": (None, "is None: it must be an array or nested lists of numbers"),
    "bool": (np.ones((1, 3, 3), bool), f"has dtype bool: {FLOATS}convert it first"),
    "list of bool": ([[[True, False]]], f"has dtype bool: {FLOATS}convert it first"),
    "object": (
        np.array([[[1, None, 2]]], object),
        f"has dtype object: {FLOATS}convert it first",
    ),
    "string": ([[["1", "2", "3"]]], f"has dtype <U1: {FLOATS}convert it first"),
    "word": ("abc", f"has dtype <U3: {FLOATS}convert it first"),
    "date": (
        np.zeros((1, 3, 3), "M8[s]"),
        f"has dtype datetime64[s]: {FLOATS}convert it first",
    ),
    "duration": (
        np.zeros((1, 3, 3), "m8[s]"),
        f"has dtype timedelta64[s]: {FLOATS}convert it first",
    ),
    "record": (
        np.zeros((1, 3, 3), "f8,f8"),
        f"has dtype [('f0', '<f8'), ('f1', '<f8')]: {FLOATS}convert it first",
    ),
    "masked": (
        np.ma.masked_equal(np.ones((1, 3, 3)), 1),
        "is a masked array, whose mask would be lost: fill it first, as in …",
    ),
    "matrix": (np.ones((1, 2)).view(np.matrix), "is a np.matrix: convert it with np.asarray(…)"),
    "ragged": ([[[1, 2], [3]]], "can't be made an array: setting an array element with …"),
    "dictionary": ({1: 2}, f"has dtype object: {FLOATS}convert it first"),
}


@pytest.mark.parametrize("kind", WRONG_ARRAYS)
@pytest.mark.parametrize("argument", ["x", "W", "grad_out", "bias"])
def test_not_an_array_of_numbers(kind, argument):
    value, message = WRONG_ARRAYS[kind]
    error = ValueError if kind == "ragged" else TypeError
    if argument == "bias":
        if value is None:  # is no bias
            return
        refused(error, f"bias {message}", conv2d, X, W, bias=value)
        return
    given = {"grad_out": G, "x": X, "W": W} | {argument: value}
    refused(error, f"{argument} {message}", conv2d_backward, **given)
    if argument != "grad_out":
        del given["grad_out"]
        refused(error, f"{argument} {message}", conv2d, **given)
        refused(error, f"{argument} {message}", conv_transpose2d, **given)


@pytest.mark.parametrize("dtype", ["longdouble", "clongdouble"])
def test_extended_precision(dtype):
    name = np.dtype(dtype).name
    refused(
        TypeError,
        f"x has dtype {name}: {FLOATS}float64 is the widest dtype here",
        conv2d,
        X.astype(dtype),
        W,
    )


@pytest.mark.parametrize("name", ["float8_e5m2", "float8_e4m3fn", "int4"])
def test_floats_narrower_than_sixteen_bits(name):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    refused(
        TypeError, f"x has dtype {name}: {FLOATS}…", conv2d, X.astype(getattr(ml_dtypes, name)), W
    )


# --- shapes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(), (6,), (6, 5), (1, 2, 3, 6, 5)])
def test_x_with_a_wrong_number_of_axes(shape):
    message = f"x has shape {shape}: it must have 3 axes (C_in, H, W) or 4 axes (N, C_in, H, W)"
    refused(ValueError, message, conv2d, np.ones(shape), W)
    refused(ValueError, message, conv2d_backward, G, np.ones(shape), W)
    refused(ValueError, message, conv_transpose2d, np.ones(shape), W)


def test_axes_of_one_and_three_dimensions_are_named():
    refused(
        ValueError,
        "x has shape (3,): it must have 2 axes (C_in, L) or 3 axes (N, C_in, L)",
        conv1d,
        np.ones(3),
        np.ones((1, 1, 1)),
    )
    refused(
        ValueError,
        "W has shape (1, 1, 1, 1): it must have 5 axes (C_out, C_in/groups, kD, kH, kW)",
        conv3d,
        np.ones((1, 2, 2, 2)),
        np.ones((1, 1, 1, 1)),
    )


@pytest.mark.parametrize("shape", [(), (3, 2), (3, 3, 2), (4, 3, 3, 2, 1)])
def test_W_with_a_wrong_number_of_axes(shape):
    refused(
        ValueError,
        f"W has shape {shape}: it must have 4 axes (C_out, C_in/groups, kH, kW)",
        conv2d,
        X,
        np.ones(shape),
    )
    refused(
        ValueError,
        f"W has shape {shape}: it must have 4 axes (C_in, C_out/groups, kH, kW)",
        conv_transpose2d,
        X,
        np.ones(shape),
    )


def test_W_for_other_channels_than_those_of_x():
    refused(
        ValueError,
        "W has shape (4, 2, 3, 2): its axis 1 must be C_in/groups = 3/1 = 3, for x of shape "
        "(2, 3, 6, 5)",
        conv2d,
        X,
        W[:, :2],
    )
    refused(
        ValueError,
        "W has shape (4, 3, 3, 2): its axis 0 must be C_in = 3, for x of shape (2, 3, 6, 5)",
        conv_transpose2d,
        X,
        W,
    )


@pytest.mark.parametrize("shape", [(4, 3, 0, 2), (4, 3, 3, 0)])
def test_kernel_without_taps(shape):
    message = f"W has shape {shape}: a kernel needs at least 1 tap along each axis"
    refused(ValueError, message, conv2d, X, np.ones(shape))
    refused(ValueError, message, conv2d, X, np.ones(shape), "full")


def test_kernel_larger_than_the_padded_input_with_both_sizes():
    refused(
        ValueError,
        "W is larger than x along W: 4 taps with dilation 3 span 10, and x with its padding is "
        "5 + 1 + 2 = 8; x has shape (2, 3, 6, 5), W (4, 3, 3, 4)",
        conv2d,
        X,
        np.ones((4, 3, 3, 4)),
        ((0, 0), (1, 2)),
        dilation=(1, 3),
    )


@pytest.mark.parametrize(
    "shape", [(2, 4, 4, 3), (2, 4, 3, 4), (2, 3, 4, 4), (1, 4, 4, 4), (4, 4, 4), (2, 4, 16), ()]
)
def test_grad_out_of_another_shape_than_the_output(shape):
    refused(
        ValueError,
        f"grad_out has shape {shape}: it must be (2, 4, 4, 4), the output's shape for "
        "x (2, 3, 6, 5), W (4, 3, 3, 2), padding ((0, 0), (0, 0)), stride (1, 1), dilation (1, 1)",
        conv2d_backward,
        np.ones(shape),
        X,
        W,
    )


@pytest.mark.parametrize("shape", [(), (3,), (4, 1), (1, 4, 1, 1)])
def test_bias_of_another_shape_than_one_for_each_channel(shape):
    message = f"bias has shape {shape}: it must be (4,), one for each of the output's channels"
    refused(ValueError, message, conv2d, X, W, bias=np.ones(shape))


# --- numbers --------------------------------------------------------------------------------------

WHOLE = ("stride", "dilation", "groups", "padding")
CALLS = {
    "forward": (conv2d, (X, W)),
    "backward": (conv2d_backward, (G, X, W)),
    "transposed": (conv_transpose2d, (np.ones((4, 6, 5)), W)),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("name", WHOLE)
def test_whole_numbers_are_whole(name, call):
    function, operands = CALLS[call]
    for value, kind in [
        (1.0, "float"),
        (np.float32(2), "float32"),
        (None, "NoneType"),
        (1j, "complex"),
    ]:
        message = f"{name} is {value!r}, a {kind}: it must be an integer"
        refused(TypeError, message, function, *operands, **{name: value})
    for value in (True, np.True_):
        message = f"{name} is {value!r}: it must be an integer, not a bool"
        refused(TypeError, message, function, *operands, **{name: value})
    least = 0 if name == "padding" else 1
    for value in (least - 1, -7):
        message = f"{name} is {value}: it must be at least {least}"
        refused(ValueError, message, function, *operands, **{name: value})


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("name", ["stride", "dilation"])
def test_whole_numbers_for_each_axis(name, call):
    function, operands = CALLS[call]
    for value in ((1,), (1, 1, 1), [], ()):
        message = (
            f"{name} is {value!r}: it must be an integer or 2 of them, one for each of 'H' or 'W'"
        )
        refused(ValueError, message, function, *operands, **{name: value})
    refused(
        ValueError, f"{name} is 0: it must be at least 1", function, *operands, **{name: (1, 0)}
    )
    message = f"{name} is True: it must be an integer, not a bool"
    refused(TypeError, message, function, *operands, **{name: (1, True)})


def test_whole_numbers_of_any_kind_are_taken():
    for one in (np.int8(1), np.uint64(1), np.array(1)):
        options = {"stride": one, "dilation": (one, one), "groups": one, "padding": one}
        assert np.array_equal(conv2d(X, W, **options), conv2d(X, W, 1))


def test_groups_that_do_not_divide():
    refused(ValueError, "groups is 2: it must divide C_in = 3", conv2d, X, W, groups=2)
    refused(
        ValueError,
        "groups is 3: it must divide C_out = 4",
        conv2d,
        X,
        np.ones((4, 1, 3, 2)),
        groups=3,
    )
    refused(
        ValueError,
        "W has shape (3, 3, 3, 2): its axis 1 must be C_in/groups = 3/3 = 1, for x of shape "
        "(2, 3, 6, 5)",
        conv2d,
        X,
        W[:3],
        groups=3,
    )


@pytest.mark.parametrize("word", ["SAME", "half", ""])
def test_padding_in_an_unknown_word(word):
    message = f"padding is {word!r}: as a word it must be 'valid', 'same' or 'full'"
    refused(ValueError, message, conv2d, X, W, word)


def test_padding_of_a_wrong_form():
    axes = "(one for each of 'H' or 'W'), or 2 pairs (before, after)"
    for value in ((1,), (1, 1, 1), ((1, 1),), [1, 2, 3, 4]):
        message = f"padding is {value!r}: it must be an integer, 2 of them {axes}"
        refused(ValueError, message, conv2d, X, W, value)
    message = "padding has the entry (1, 2, 3): a pair is (before, after)"
    refused(ValueError, message, conv2d, X, W, ((1, 2, 3), (1, 2)))
    refused(ValueError, "padding is -1: it must be at least 0", conv2d, X, W, ((1, -1), (0, 0)))
    refused(
        TypeError, "padding is 0.5, a float: it must be an integer", conv2d, X, W, ((1, 0.5), 0)
    )
    refused(TypeError, "padding is None, a NoneType: it must be an integer", conv2d, X, W, None)


@pytest.mark.parametrize("mode", ["constant", "Reflect", None, 0, ["zeros"]])
def test_padding_mode_that_is_none(mode):
    message = (
        f"padding_mode is {mode!r}: it must be one of 'zeros', 'reflect', 'replicate' or 'circular'"
    )
    refused(ValueError, message, conv2d, X, W, 1, padding_mode=mode)


@pytest.mark.parametrize(("mode", "padding", "most"), [("reflect", 5, 4), ("circular", 6, 5)])
def test_padding_past_what_a_mode_can_copy(mode, padding, most):
    message = (
        f"padding is (0, {padding}) along W: with padding_mode {mode!r} it can be at most {most} "
        "where x is 5 long"
    )
    refused(ValueError, message, conv2d, X, W, (0, (0, padding)), padding_mode=mode)


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
def test_padding_of_nothing_by_its_own_copies(mode):
    least = -1 if mode == "reflect" else 0
    message = (
        f"padding is (4, 4) along H: with padding_mode {mode!r} it can be at most {least} "
        "where x is 0 long"
    )
    refused(ValueError, message, conv2d, np.ones((3, 0, 5)), W, 4, padding_mode=mode)


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
        (TypeError, "engine is 3: it must be None or the name of an engine", {"engine": 3}),
        (ValueError, "threads is 0: it must be at least 1", {"threads": 0}),
        (TypeError, "threads is 1.5, a float: it must be an integer", {"threads": 1.5}),
        (TypeError, "threads is True: it must be an integer, not a bool", {"threads": True}),
        (ValueError, "max_workspace is 0: it must be at least 1", {"max_workspace": 0}),
        (TypeError, "max_workspace is '1', a str: it must be an integer", {"max_workspace": "1"}),
        (
            ValueError,
            "engine is 'best': it must be one of 'small', 'fft', 'array', 'reference'",
            {"engine": "best"},
        ),
    ]
    for error, message, options in cases:
        refused(error, message, function, *operands, **options)


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
    message = f"kind is 'backward': it must be one of {', '.join(map(repr, KINDS))}"
    refused(ValueError, message, explain, "backward", X.shape, W.shape)
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
