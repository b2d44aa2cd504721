"""What is refused, and in which words: the argument, what it got, the rule, what would be right."""

import numpy as np
import pytest
from calls import refused

from dxdw import conv1d, conv2d, conv2d_backward, conv3d, conv_transpose2d

X, W = np.ones((2, 3, 6, 5)), np.ones((4, 3, 3, 2))
G = np.ones((2, 4, 4, 4))


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
    "number that is a date": (
        np.datetime64("2020"),
        f"has dtype datetime64[Y]: {FLOATS}convert it first",
    ),
    "number that is bytes": (np.void(b"abc"), f"has dtype |V3: {FLOATS}convert it first"),
    "number that is a bool": (np.bool_(1), f"has dtype bool: {FLOATS}convert it first"),
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


ONE_CHANNEL = "; x[None] adds the axis of a single channel"
ONE_KERNEL = "; W[None, None] adds the two of one kernel"


@pytest.mark.parametrize("shape", [(), (6,), (6, 5), (1, 2, 3, 6, 5)])
def test_x_with_a_wrong_number_of_axes(shape):
    message = f"x has shape {shape}: it must have 3 axes (C_in, H, W) or 4 axes (N, C_in, H, W)"
    message += ONE_CHANNEL if len(shape) == 2 else ""
    refused(ValueError, message, conv2d, np.ones(shape), W)
    refused(ValueError, message, conv2d_backward, G, np.ones(shape), W)
    refused(ValueError, message, conv_transpose2d, np.ones(shape), W)
    if shape == ():
        refused(ValueError, message, conv2d, np.float64(1), W)  # a number of NumPy's is as such


def test_axes_of_one_and_three_dimensions_are_named():
    refused(
        ValueError,
        "x has shape (3,): it must have 2 axes (C_in, L) or 3 axes (N, C_in, L)" + ONE_CHANNEL,
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
    more = ONE_KERNEL if len(shape) == 2 else ""
    refused(
        ValueError,
        f"W has shape {shape}: it must have 4 axes (C_out, C_in/groups, kH, kW){more}",
        conv2d,
        X,
        np.ones(shape),
    )
    refused(
        ValueError,
        f"W has shape {shape}: it must have 4 axes (C_in, C_out/groups, kH, kW){more}",
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

NO_BIAS = "; the order is x, W, padding, stride, and what stands third in PyTorch is bias="
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
        message += NO_BIAS if (name, value) == ("padding", None) else ""
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


@pytest.mark.parametrize(
    ("order", "places"),
    [((1, 2, 0), ("third", "first", "second")), ((0, 2, 1), ("first", "third", "second"))],
)
def test_operands_in_the_order_of_another_library(order, places):
    with pytest.raises(ValueError, match=r"^W (has shape|is larger)") as caught:
        conv2d_backward(*[(G, X, W)[i] for i in order])
    assert caught.value.__notes__[-1] == (
        "The order is grad_out, x, W. These would fit with the {} array as grad_out, the {} as x "
        "and the {} as W.".format(*places)
    )
    with pytest.raises(ValueError, match=r"^grad_out has shape") as caught:
        conv2d_backward(G[..., 1:], X, W)  # which fits in no order
    assert not any("order" in note for note in caught.value.__notes__)


@pytest.mark.parametrize("word", ["Same", "FULL", "half", ""])
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
    for bias, kind in [(None, "None, a NoneType"), (np.ones(4), "an array of shape (4,)")]:
        message = f"padding is {kind}: it must be an integer{NO_BIAS}"
        refused(TypeError, message, conv2d, X, W, bias, 1)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [("wrap", "circular"), ("mirror", "reflect"), ("edge", "replicate"), ("constant", "zeros")],
)
def test_padding_mode_by_the_name_that_numpy_or_scipy_gives_it(theirs, ours):
    message = (
        f"padding_mode is {theirs!r}: it must be one of 'zeros', 'reflect', 'replicate' or "
        f"'circular'; NumPy's and SciPy's {theirs!r} is {ours!r} here"
    )
    refused(ValueError, message, conv2d, X, W, 1, padding_mode=theirs)


def test_stride_and_padding_in_the_order_of_jax():
    message = "stride is 'SAME': it must be an integer; the order is x, W, padding, stride"
    refused(TypeError, message, conv2d, X, W, (2, 2), "SAME")


def test_a_padding_mode_given_as_the_padding():
    message = (
        "padding is 'reflect': as a word it must be 'valid', 'same' or 'full'; "
        "padding_mode='reflect' is the border's kind"
    )
    refused(ValueError, message, conv2d, X, W, "reflect")


@pytest.mark.parametrize(
    "mode", ["constants", "Reflect", None, 0, ["zeros"], np.array(["zeros"] * 2)]
)
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
