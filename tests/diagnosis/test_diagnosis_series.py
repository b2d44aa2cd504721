"""The other problems of the practice series: who is right, and classic mistakes by name."""

from collections.abc import Callable

import numpy as np
import pytest

import dxdw
from dxdw.core.arrays import Array
from dxdw.diagnosis import diagnose
from dxdw.diagnosis.exercises import exercise_causes, exercises
from dxdw.problem_names import PROBLEMS

NAMES = PROBLEMS[1:]


@pytest.mark.parametrize("name", NAMES)
def test_the_packages_own_are_right(name):
    report = diagnose(getattr(dxdw, name), problem=name)
    assert report.ok, str(report)


def loops(x: Array, W: Array, padding: int = 0, stride: int = 1) -> Array:
    x = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
    C_out, _, kH, kW = W.shape
    rows, columns = (x.shape[1] - kH) // stride + 1, (x.shape[2] - kW) // stride + 1
    out = np.zeros((C_out, rows, columns))
    for o in range(C_out):
        for i in range(rows):
            for j in range(columns):
                a, b = i * stride, j * stride
                out[o, i, j] = (x[:, a : a + kH, b : b + kW] * W[o]).sum()
    return out


def pool(x: Array, k: int, stride: int, start: float = -np.inf) -> Array:
    rows, columns = (x.shape[1] - k) // stride + 1, (x.shape[2] - k) // stride + 1
    out = np.full((x.shape[0], rows, columns), start)
    for c, i, j in np.ndindex(out.shape):
        for u, v in np.ndindex(k, k):
            out[c, i, j] = max(out[c, i, j], x[c, i * stride + u, j * stride + v])
    return out


def network(x: Array, W_conv: Array, W_fc: Array, order: str = "C") -> Array:
    hidden = pool(np.maximum(loops(x, W_conv), 0), 2, 2)
    if order == "channels last":
        hidden = hidden.transpose(1, 2, 0)
    scores = hidden.ravel() @ W_fc
    powers = np.exp(scores - scores.max())
    return powers / powers.sum()


def of_one_stride(x: Array, W: Array, padding: int = 0, stride: int = 1) -> Array:
    """As many windows as there should be, which lie one column apart."""
    rows, columns = loops(x, W, padding, stride).shape[1:]
    return loops(x, W, padding)[:, ::stride, :columns][:, :rows]


def pooled_one_apart(x: Array, W_conv: Array, W_fc: Array) -> Array:
    hidden = pool(np.maximum(loops(x, W_conv), 0), 2, 1)[:, :3, :3]
    scores = hidden.ravel() @ W_fc
    powers = np.exp(scores - scores.max())
    return powers / powers.sum()


def naive_softmax(z: Array) -> Array:
    return np.exp(z) / np.exp(z).sum(-1, keepdims=True)


def stable_softmax(z: Array) -> Array:
    z = z - np.max(z, axis=-1, keepdims=True)
    return np.exp(z) / np.exp(z).sum(-1, keepdims=True)


RIGHT: dict[str, Callable[..., Array]] = {
    "conv2d_naive": loops,
    "conv2d": loops,
    "max_pool_2d": pool,
    "relu": lambda x: x * (x > 0),
    "softmax": stable_softmax,
    "mini_cnn_forward": network,
}


@pytest.mark.parametrize("name", NAMES)
def test_right_solutions_are_not_accused(name):
    report = diagnose(RIGHT[name], problem=name)
    assert report.ok, str(report)


def padded_after(x: Array, W: Array, padding: int, stride: int) -> Array:
    return loops(np.pad(x, ((0, 0), (0, 2 * padding), (0, 2 * padding))), W, 0, stride)


def pool_beyond(x: Array, k: int, stride: int) -> Array:
    rows, columns = (-(-(n - k) // stride) + 1 for n in x.shape[1:])
    out = np.zeros((len(x), rows, columns))
    for c, i, j in np.ndindex(out.shape):
        out[c, i, j] = x[c, i * stride : i * stride + k, j * stride : j * stride + k].max()
    return out


def relu_in_place(x: Array) -> Array:
    x[x < 0] = 0
    return x


def summed_without_end(x: Array, W: Array, padding: int = 0, stride: int = 1) -> Array:
    """A running sum that is set to 0 once, before all loops."""
    out = loops(x, W, padding, stride)
    return out.ravel().cumsum().reshape(out.shape)


def every_second_output(x: Array, W: Array, padding: int, stride: int) -> Array:
    """for i in range(0, outH, stride): out[o, i, j] = the window at i."""
    out, dense = loops(x, W, padding, stride), loops(x, W, padding)
    kept = np.zeros_like(out)
    for o, i, j in np.ndindex(out.shape):
        if i % stride == j % stride == 0:
            kept[o, i, j] = dense[o, i, j]
    return kept


def first_row_of_a_window(x: Array, k: int, stride: int) -> Array:
    out = pool(x, k, stride)
    for c, i, j in np.ndindex(out.shape):
        out[c, i, j] = x[c, i * stride, j * stride : j * stride + k].max()
    return out


def place_of_the_largest(x: Array, k: int, stride: int) -> Array:
    out = pool(x, k, stride)
    for c, i, j in np.ndindex(out.shape):
        a, b = i * stride, j * stride
        out[c, i, j] = np.argmax(x[c, a : a + k, b : b + k])
    return out


def returned_in_the_loop(x: Array, W: Array) -> Array:
    out = loops(x, W)
    out[1:] = 0
    return out


def whole_numbers(fn: Callable[..., Array]) -> Callable[..., Array]:
    return lambda *arguments: fn(*arguments).astype(int)


def end_of_the_network(last: Callable[[Array], Array]) -> Callable[..., Array]:
    def forward(x: Array, W_conv: Array, W_fc: Array) -> Array:
        return last(pool(np.maximum(loops(x, W_conv), 0), 2, 2).ravel() @ W_fc)

    return forward


def softmax_of_two_axes(z: Array) -> Array:
    """Along the second axis, which is the last one of a matrix and of no larger array."""
    axis = min(1, z.ndim - 1)
    powers = np.exp(z - z.max(axis, keepdims=True))
    return powers / powers.sum(axis, keepdims=True)


def log_softmax(z: Array) -> Array:
    z = z - z.max()
    return z - np.log(np.exp(z).sum())


WRONG: list[tuple[str, str, Callable[..., Array]]] = [
    ("conv2d_naive", "kernel-flipped", lambda x, W: loops(x, W[:, :, ::-1, ::-1])),
    ("conv2d_naive", "kernel-channel-fixed", lambda x, W: loops(x, np.stack([W[0]] * len(W)))),
    ("conv2d_naive", "input-channels-lost", lambda x, W: loops(x[:1], W[:, :1])),
    ("conv2d_naive", "last-position-skipped", lambda x, W: loops(x, W)[:, :-1, :-1]),
    ("conv2d_naive", "scaled", lambda x, W: loops(x, W / W[0].size)),
    ("conv2d", "padding-ignored", lambda x, W, _, stride: loops(x, W, 0, stride)),
    ("conv2d", "padding-one-sided", padded_after),
    ("conv2d", "stride-ignored", lambda x, W, padding, _: loops(x, W, padding)),
    ("conv2d", "stride-of-one-axis", lambda x, W, p, s: loops(x, W, p)[:, ::s]),
    ("conv2d", "stride-of-one-axis", of_one_stride),
    ("conv2d", "kernel-flipped", lambda x, W, p, s: loops(x, W[:, :, ::-1, ::-1], p, s)),
    ("max_pool_2d", "maximum-from-zero", lambda x, k, s: pool(x, k, s, start=0)),
    ("max_pool_2d", "stride-ignored", lambda x, k, _: pool(x, k, k)),
    ("max_pool_2d", "options-exchanged", lambda x, k, s: pool(x, s, k)),
    ("max_pool_2d", "windows-past-the-edge", pool_beyond),
    ("relu", "relu-absolute", np.abs),
    ("relu", "relu-step", lambda x: 1.0 * (x > 0)),
    ("softmax", "softmax-overflows", naive_softmax),
    ("softmax", "softmax-overflows", lambda z: naive_softmax(z - z.mean(-1, keepdims=True))),
    ("softmax", "softmax-overflows", lambda z: naive_softmax(z - z[..., :1])),
    ("softmax", "softmax-axis", lambda z: np.exp(z - z.max()) / np.exp(z - z.max()).sum()),
    ("softmax", "softmax-not-normalised", lambda z: np.exp(z - z.max(-1, keepdims=True))),
    ("softmax", "softmax-axis", lambda z: np.exp(z - z.max()) / sum(np.exp(z - z.max()))),
    ("softmax", "softmax-shared-shift", lambda z: naive_softmax(z - z.max())),
    ("conv2d_naive", "carried-over", summed_without_end),
    ("conv2d_naive", "returned-too-early", returned_in_the_loop),
    ("conv2d_naive", "integer-truncated", whole_numbers(loops)),
    ("conv2d", "integer-truncated", whole_numbers(loops)),
    ("conv2d", "carried-over", summed_without_end),
    ("conv2d", "stride-ignored", every_second_output),
    ("conv2d", "padding-ignored",
     lambda x, W, p, s: np.pad(loops(x, W, 0, s), ((0, 0), (p, p), (p, p)))),
    ("max_pool_2d", "integer-truncated", whole_numbers(pool)),
    ("max_pool_2d", "mean-for-max", place_of_the_largest),
    ("max_pool_2d", "windows-cut-short", first_row_of_a_window),
    ("mini_cnn_forward", "relu-on-scores",
     end_of_the_network(lambda z: stable_softmax(np.maximum(z, 0)))),
    ("mini_cnn_forward", "sigmoid-for-softmax", end_of_the_network(lambda z: 1 / (1 + np.exp(-z)))),
    ("mini_cnn_forward", "flatten-order", lambda x, a, b: network(x, a, b, "channels last")),
    ("mini_cnn_forward", "stride-ignored", pooled_one_apart),
    ("mini_cnn_forward", "kernel-flipped", lambda x, a, b: network(x, a[..., ::-1, ::-1], b)),
    *(("max_pool_2d", "maximum-from-zero", lambda x, k, s, start=start: pool(x, k, s, start))
      for start in (-1.0, -10.0, -100.0, -999.0, -1e6, -1e9)),
    ("relu", "relu-saturates", lambda x: np.clip(x, 0, 10)),
    ("relu", "relu-saturates", lambda x: np.clip(x, 0, 255)),
    ("softmax", "softmax-axis", softmax_of_two_axes),
    ("mini_cnn_forward", "softmax-overflows", end_of_the_network(naive_softmax)),
    ("mini_cnn_forward", "softmax-logarithm", end_of_the_network(log_softmax)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "cause", "fn"),
    WRONG,
    ids=[f"{name}-{cause}-{n}" for n, (name, cause, _) in enumerate(WRONG)],
)
def test_a_classic_mistake_is_named(name, cause, fn):
    report = diagnose(fn, problem=name)
    assert report.causes == (cause,), str(report)
    assert str(report)
    assert report._repr_html_()
    assert report.to_json()


def test_an_argument_changed_in_place():
    report = diagnose(relu_in_place, problem="relu")
    assert report.failed == ("arguments",)
    assert report.summary.startswith("the call changes x: make new arrays")


def test_an_if_for_a_whole_array_is_told_in_other_words_than_numpys():
    def one_if(x):
        if x > 0:
            return x
        return 0 * x

    report = diagnose(one_if, problem="relu")
    assert report.summary == "it stops with a ValueError in every case"
    assert report.crash.means.endswith("each needs a decision of its own")
    assert report.crash.means in str(report)


def test_what_is_not_recognised_is_said_to_be():
    report = diagnose(lambda x: np.maximum(x, 0) + 0.125, problem="relu")
    assert not report.ok
    assert report.causes == ()
    assert report.summary.startswith("not recognised")


def test_every_slip_has_its_words_and_the_other_way_round():
    used = {slip.cause for exercise in exercises().values() for slip in exercise.slips}
    assert used == set(exercise_causes())


# Those of problem 02 take half a minute; tests/practice names each of them too.
@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow if n == "conv2d" else ()) for n in NAMES]
)
def test_every_slip_is_told_from_the_others(name):
    exercise = exercises()[name]
    for slip in exercise.slips:
        report = diagnose(slip.function, problem=name)
        assert not report.ok, slip.cause
        assert not report.causes or slip.cause in report.causes, slip.cause
        assert len(report.causes) < 2 or report.either


def test_two_slips_at_once_are_both_named():
    def axis_and_overflow(z):
        powers = np.exp(z)
        return powers / sum(powers)

    report = diagnose(axis_and_overflow, problem="softmax")
    assert report.causes == ("softmax-axis", "softmax-overflows")
    assert not report.either


def test_a_last_window_that_ends_with_the_image_is_missed():
    def up_to_the_last(x, k, s):
        H, W = x.shape[1:]
        return np.array([[[c[i : i + k, j : j + k].max() for j in range(0, W - k, s)]
                          for i in range(0, H - k, s)] for c in x])  # fmt: skip

    report = diagnose(up_to_the_last, problem="max_pool_2d")
    assert report.causes == ("last-position-skipped",)


def test_where_the_search_begins_is_told():
    def hundred(x, k, s):
        return pool(x, k, s, start=-100.0)

    def ones_in_an_array_of_integers(x, k, s):
        return pool(x, k, s, start=-1)

    assert diagnose(hundred, problem="max_pool_2d").summary.endswith("number begins at -100")
    report = diagnose(ones_in_an_array_of_integers, problem="max_pool_2d")
    assert report.causes == ("integer-truncated", "maximum-from-zero")
    assert report.summary.endswith("the search for the largest number begins too high")


@pytest.mark.parametrize("threshold", [0.01, 0.1, 0.5, 1])
def test_a_relu_leaves_small_numbers_too(threshold):
    assert not diagnose(lambda x: np.where(x > threshold, x, 0), problem="relu").ok


@pytest.mark.parametrize("name", ["relu", "softmax"])
def test_an_axis_of_one_element_stays(name):
    right = exercises()[name].right
    assert diagnose(right, problem=name).ok
    assert not diagnose(lambda x: right(np.squeeze(x)), problem=name).ok


@pytest.mark.parametrize("start", [-1e15, -(2.0**60)])
def test_a_search_for_the_largest_number_begins_below_all_of_them(start):
    assert not diagnose(lambda x, k, s: pool(x, k, s, start), problem="max_pool_2d").ok


@pytest.mark.parametrize("start", [-np.inf, np.finfo(float).min])
def test_a_search_may_begin_at_the_least_number_there_is(start):
    assert diagnose(lambda x, k, s: pool(x, k, s, start), problem="max_pool_2d").ok


@pytest.mark.parametrize(
    ("fn", "said"),
    [
        (lambda x, W, p, s: loops(x, W, p, s)[:], "conv2d(x, W, 0) must do too: TypeError: "),
        (lambda x, W, padding=1, stride=1: loops(x, W, padding, stride),
         "conv2d(x, W) must give what conv2d(x, W, 0, 1) gives"),
        (lambda x, W, padding=0, stride=2: loops(x, W, padding, stride),
         "conv2d(x, W, 0) must give what conv2d(x, W, 0, 1) gives"),
    ],
    ids=["none", "another padding", "another stride"],
)  # fmt: skip
def test_padding_and_stride_may_be_left_out_as_the_statement_has_it(fn, said):
    report = diagnose(fn, problem="conv2d")
    assert report.failed == ("signature",)
    assert report.summary.startswith(said)


def test_an_unknown_problem_and_options_that_do_not_fit():
    with pytest.raises(
        ValueError, match="problem is '07': it must be one of conv2d_backward, conv"
    ):
        diagnose(np.abs, problem="07")
    with pytest.raises(ValueError, match="the problem relu has no options"):
        diagnose(np.abs, problem="relu", stride=2)
