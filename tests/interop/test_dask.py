"""Convolutions of Dask arrays in this process, against those of NumPy arrays."""

import doctest
import time
from pathlib import Path

import numpy as np
import oracles
import pytest
from calls import BACKWARD, FORWARD, refused, same_bits
from hypothesis import given, settings
from hypothesis import strategies as st

import dxdw

pytestmark = pytest.mark.dask

dask = pytest.importorskip("dask", reason="needs the extra: pip install 'dxdw[dask]'")

import dask.array as da  # noqa: E402

import dxdw.interop.dask as bridge  # noqa: E402
from dxdw.interop.dask import convolution, fixed_tree, halo  # noqa: E402

CONV = {1: bridge.conv1d, 2: bridge.conv2d, 3: bridge.conv3d}
CONV_BACKWARD = {1: bridge.conv1d_backward, 2: bridge.conv2d_backward, 3: bridge.conv3d_backward}
NEEDS = ("dx", "dW", "db")


@pytest.fixture(autouse=True)
def one_thread():
    with dask.config.set(scheduler="sync"):
        yield


@st.composite
def chunks_of(draw, shape):
    """A chunking of each axis but the channels."""
    each = []
    for axis, n in enumerate(shape):
        ends = draw(st.sets(st.integers(1, max(n - 1, 1)))) if axis != 1 and n > 1 else set()
        each.append(tuple(np.diff([0, *sorted(ends), n]).tolist()))
    return tuple(each)


@st.composite
def chunked_cases(draw):
    case = draw(oracles.cases(modes=("zeros",), largest=9))
    return case, draw(chunks_of(case.x_shape)), draw(chunks_of(case.out_shape))


def options(case):
    return {k: v for k, v in case.options.items() if k != "padding_mode"}


def chunked(a, chunks):
    return da.from_array(a, chunks=chunks)


@settings(max_examples=200)
@given(chunked_cases(), oracles.seeds)
def test_any_chunks_give_the_same_sums(drawn, seed):
    case, x_chunks, out_chunks = drawn
    a = oracles.operands(case, seed)
    x, grad_out = chunked(a["x"], x_chunks), chunked(a["grad_out"], out_chunks)
    bias = np.arange(case.W_shape[0])
    out = CONV[case.ndim](x, a["W"], bias=bias, **options(case))
    expected = FORWARD[case.ndim](a["x"], a["W"], bias=bias, **case.options)
    np.testing.assert_array_equal(out.compute(), expected)
    assert out.chunks[0] == x.chunks[0]
    gradients = CONV_BACKWARD[case.ndim](grad_out, x, a["W"], needs=NEEDS, **options(case))
    expected = BACKWARD[case.ndim](a["grad_out"], a["x"], a["W"], needs=NEEDS, **case.options)
    assert gradients[0].chunks == x.chunks
    for name, got, right in zip(NEEDS, dask.compute(*gradients), expected, strict=True):
        np.testing.assert_array_equal(got, right, err_msg=name)


@settings(max_examples=30)
@given(chunked_cases(), oracles.seeds, st.sampled_from(("float16", "float32", "complex64")))
def test_reals_are_within_the_bound_of_the_direct_sum(drawn, seed, dtype):
    case, x_chunks, out_chunks = drawn
    a = oracles.operands(case, seed, dtype=dtype, draw=oracles.reals)
    x, g = chunked(a["x"], x_chunks), chunked(a["grad_out"], out_chunks)
    results = {
        "forward": CONV[case.ndim](x, a["W"], precision="highest", **options(case)),
        **dict(
            zip(
                ("dx", "dW"),
                CONV_BACKWARD[case.ndim](g, x, a["W"], precision="highest", **options(case)),
                strict=True,
            )
        ),
    }
    for kind, result in results.items():
        first, second = (a[name] for name in oracles.OPERANDS[kind])
        got = result.compute()
        assert got.dtype == result.dtype == dtype
        oracles.assert_within_direct_bound(got, kind, first, second, case)


# --- what a Dask array is beside its numbers ------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "W", "expected"),
    [
        ("float32", "float32", "float32"),
        ("float32", "float64", "float64"),
        ("int16", "float32", "float32"),
        ("float16", "float16", "float16"),
        (">f4", "float32", "float32"),
        ("complex64", "float64", "complex128"),
    ],
)
def test_dtype_and_meta_are_known_before_anything_is_computed(x, W, expected):
    x = da.ones((2, 1, 6, 6), dtype=x, chunks=(1, 1, 3, 4))
    W = np.ones((2, 1, 3, 3), W)
    out = bridge.conv2d(x, W, padding=1)
    dx, dW, db = bridge.conv2d_backward(out, x, W, padding=1, needs=NEEDS)
    for a in (out, dx, dW, db):
        assert a.dtype == expected
        assert type(a._meta) is np.ndarray
        assert a._meta.shape == (0,) * a.ndim
        computed = a.compute()
        assert computed.dtype == expected
        assert computed.shape == a.shape


def test_nothing_is_computed_before_it_is_asked_for():
    def never(*_):
        raise AssertionError("computed")

    x = da.ones((1, 8, 8), chunks=(1, 4, 4)).map_blocks(never, dtype=float)
    W = da.ones((1, 1, 3, 3)).map_blocks(never, dtype=float)
    out = bridge.conv2d(x, W)
    bridge.conv2d_backward(out, x, W, needs=NEEDS)


def test_dx_reads_no_x_and_dW_no_W_and_db_neither():
    def never(*_):
        raise AssertionError("computed")

    numbers = np.ones((1, 8, 8))
    x, g = (chunked(numbers, (1, 3, 3)) for _ in range(2))
    W = da.ones((1, 1, 3, 3))
    no_x, no_W = (a.map_blocks(never, dtype=float) for a in (x, W))
    (dx,) = bridge.conv2d_backward(g, no_x, W, 1, needs=("dx",))
    (dW,) = bridge.conv2d_backward(g, x, no_W, 1, needs=("dW",))
    (db,) = bridge.conv2d_backward(g, no_x, no_W, 1, needs=("db",))
    assert dask.compute(dx.sum(), dW.sum(), db) == (22 * 22, 22 * 22, [64])


def test_one_image_needs_no_batch_axis():
    a = oracles.operands(oracles.simple((1, 2, 7, 8), (3, 2, 3, 3), pad=1), 0)
    x, g = chunked(a["x"][0], (2, 3, 3)), chunked(a["grad_out"][0], (3, 4, 4))
    out = bridge.conv2d(x, a["W"], 1)
    assert out.chunks == ((3,), (3, 3, 1), (3, 3, 2))
    np.testing.assert_array_equal(out, dxdw.conv2d(a["x"][0], a["W"], 1))
    for got, right in zip(
        bridge.conv2d_backward(g, x, a["W"], 1),
        dxdw.conv2d_backward(a["grad_out"][0], a["x"][0], a["W"], 1),
        strict=True,
    ):
        np.testing.assert_array_equal(got, right)


@pytest.mark.parametrize("shape", [(0, 2, 5, 5), (2, 2, 5, 5)], ids=["no_images", "some"])
def test_empty_batches_and_empty_chunks(shape):
    x, W = np.ones(shape), np.ones((3, 2, 3, 3))
    out = bridge.conv2d(da.from_array(x, chunks=((shape[0], 0), 2, (0, 3, 2), 5)), W, padding=1)
    right = dxdw.conv2d(x, W, padding=1)
    np.testing.assert_array_equal(out, right)
    g = np.ones(right.shape)
    lazy = [da.from_array(a, chunks=((0, len(a)), a.shape[1], (2, 0, 3), 5)) for a in (g, x)]
    expected = dxdw.conv2d_backward(g, x, W, padding=1, needs=NEEDS)
    gradients = bridge.conv2d_backward(*lazy, W, padding=1, needs=NEEDS)
    assert gradients[0].chunks == lazy[1].chunks
    for got, want in zip(gradients, expected, strict=True):
        np.testing.assert_array_equal(got, want)


def test_infinities_go_where_they_go_in_one_piece():
    """Between chunks there is no zero padding for a kernel's infinity to meet."""
    x, W = np.ones((1, 8, 8)), np.ones((1, 1, 3, 3))
    W[0, 0, 0, 0] = np.inf
    lazy = chunked(x, (1, 3, 3))
    np.testing.assert_array_equal(bridge.conv2d(lazy, W), dxdw.conv2d(x, W))
    np.testing.assert_array_equal(
        bridge.conv2d_backward(lazy, lazy, W, 1, needs=("dx",))[0],
        dxdw.conv2d_backward(x, x, W, 1, needs=("dx",))[0],
    )
    g = x.copy()
    g[0, 3, 3] = np.inf
    np.testing.assert_array_equal(
        bridge.conv2d_backward(chunked(g, (1, 3, 3)), lazy, W, 1, needs=("dW",))[0],
        dxdw.conv2d_backward(g, x, W, 1, needs=("dW",))[0],
    )


def test_operands_are_not_written_into():
    x = np.random.default_rng(0).standard_normal((2, 3, 8, 8))
    W = np.ones((3, 3, 3, 3))
    kept = x.copy()
    lazy = chunked(x, (1, 3, 4, 4))
    g = bridge.conv2d(lazy, W, 1).persist()
    before = g.compute()
    dask.compute(*bridge.conv2d_backward(g, lazy, W, 1, needs=NEEDS))
    assert same_bits(x, kept)
    assert same_bits(g.compute(), before)


def test_same_arguments_have_the_same_name_and_others_another():
    x = da.ones((1, 8, 8), chunks=(1, 4, 4))
    W = np.ones((1, 1, 3, 3))
    assert bridge.conv2d(x, W).name == bridge.conv2d(x, W).name
    others = [bridge.conv2d(x, W, **o).name for o in ({}, {"padding": 1}, {"precision": "highest"})]
    others.append(bridge.conv2d(x, 2 * W).name)
    assert len(set(others)) == 4


# --- bits -----------------------------------------------------------------------------------------


def test_dW_has_the_same_bits_on_one_thread_and_on_many():
    rng = np.random.default_rng(0)
    x, g = (chunked(rng.standard_normal((2, 2, 64, 64)), (1, 2, 9, 16)) for _ in range(2))
    dW = bridge.conv2d_backward(g, x, np.ones((2, 2, 3, 3)), 1, needs=("dW", "db"))
    first = dask.compute(*dW)
    for threads in (1, 2, 5):
        again = dask.compute(*dW, scheduler="threads", num_workers=threads)
        assert all(same_bits(a, b) for a, b in zip(first, again, strict=True))


@pytest.mark.parametrize("n", [1, 2, 7, 8, 9, 64, 65, 200])
def test_tree_of_tasks_is_the_tree_of_one_sum(n):
    rng = np.random.default_rng(n)
    terms = {("term", i): (rng.standard_normal(3), rng.standard_normal()) for i in range(n)}
    tasks, total = fixed_tree.sum_in_tree("sum", list(terms))
    assert len(tasks) == sum(-(-n // 8**level) for level in range(1, 9) if 8 ** (level - 1) < n)
    got = dask.get(terms | tasks, total)
    right = fixed_tree.pairwise_sum(list(terms.values()))
    assert same_bits(got[0], right[0])
    assert got[1] == right[1]


# --- what travels, and how much there is of it ----------------------------------------------------


def cuts_of(array):
    """The cut-out pieces in an array's graph: index, by task."""
    return [
        task[0].index
        for key, task in array.dask.items()
        if isinstance(task, tuple) and isinstance(task[0], halo.Cut)
    ]


def test_of_neighbours_only_the_halo_is_taken():
    x = da.zeros((4, 300, 200), chunks=(4, 100, 100), dtype="float32")
    out = bridge.conv2d(x, np.ones((4, 4, 5, 3), "float32"), padding="same", dilation=(2, 1))
    assert out.chunks == x.chunks
    sizes = {tuple(s.stop - s.start for s in index[1:]) for index in cuts_of(out)}
    assert sizes == {(4, 100), (100, 1), (4, 1)}
    # 3×2 chunks: 4 boundaries of rows, 3 of columns, 2 crossings of 4 chunks, each in both ways.
    assert len(cuts_of(out)) == 2 * (4 + 3) + 2 * 4


def test_what_is_read_for_dx_and_dW_is_read_in_pairs():
    """By one task, which so is on one worker: two would be on any two."""
    g, x = (da.full((1, 12, 12), n, chunks=(1, 4, 4)) for n in range(2))
    graph = dask.optimize(*bridge.conv2d_backward(g, x, np.ones((1, 1, 3, 3)), 1))[0].dask
    reads = [key for key in graph if isinstance(key, tuple) and key[0] in (g.name, x.name)]
    pairs = [key for key in graph if isinstance(key, tuple) and key[0].startswith("pair-")]
    assert not reads
    assert len(pairs) == 9


def halo_bytes(size, channels, taps, p, q):
    """As docs/howto/dask.md has it: of x or of grad_out, float32, padding "same"."""
    h = taps - 1
    return 4 * channels * (h * ((p - 1) * size + (q - 1) * size) + h * h * (p - 1) * (q - 1))


@pytest.mark.parametrize(("p", "q"), [(1, 2), (2, 4), (8, 8)])
@pytest.mark.parametrize("taps", [3, 7])
def test_traffic_is_what_the_documentation_says(p, q, taps):
    """What is cut out of one chunk for another, each on a worker of its own."""
    size, channels, W = 32 * p * q, 3, np.ones((3, 3, taps, taps), "f4")
    x = da.zeros((channels, size, size), dtype="f4", chunks=(channels, size // p, size // q))
    right = halo_bytes(size, channels, taps, p, q)
    for result in bridge.conv2d_backward(x, x, W, "same"):
        cuts = [[s.stop - s.start for s in index[1:]] for index in cuts_of(result)]
        assert sum(4 * channels * rows * columns for rows, columns in cuts) == right


def test_tables_of_the_documentation_are_those_of_its_formulas():
    page = (Path(__file__).parents[2] / "docs" / "howto" / "dask.md").read_text(encoding="utf-8")
    for p, q in ((1, 2), (2, 4), (8, 8), (16, 32)):
        both = (2 * halo_bytes(8_192, 8, 3, p, q), 2 * halo_bytes(40_000, 1, 3, p, q))
        both += (2 * halo_bytes(40_000, 1, 31, p, q),)
        rows = [line for line in page.splitlines() if f"| {p} × {q} |" in line]
        for row, totals in zip(rows, (both[:1], both[1:]), strict=True):
            for total in totals:
                assert f" {in_words(total)} " in row


def in_words(n):
    """Three digits, in kB or MB."""
    value, unit = (n / 1e6, "MB") if n >= 1e6 else (n / 1e3, "kB")
    return f"{value:.{max(0, 2 - int(np.log10(value)))}f} {unit}"


def test_stride_takes_no_more_than_windows_reach():
    x = da.zeros((1, 64), chunks=(1, 16))
    out = bridge.conv1d(x, np.ones((1, 1, 4)), stride=4)
    assert out.chunks == ((1,), (4, 4, 4, 4))
    assert not cuts_of(out)
    dx, dW = bridge.conv1d_backward(out, x, np.ones((1, 1, 4)), stride=4)
    assert not cuts_of(dx)
    assert not cuts_of(dW)


def test_graph_is_small_and_made_quickly():
    """40 × 40 chunks: for each a pair, cuts of its neighbours, a task for dx, one for dW."""
    x = da.zeros((1, 40_000, 40_000), chunks=(1, 1_000, 1_000), dtype="float32")
    start = time.thread_time()
    dx, dW = bridge.conv2d_backward(x, x, np.ones((1, 1, 3, 3), "float32"), 1)
    seconds = time.thread_time() - start
    own = {k for a in (dx, dW) for k in a.dask.to_dict()} - set(x.dask.to_dict())
    assert len(own) < 1_600 * (3 + 8 + 8 + 2 + 1 / 7) + 50
    assert seconds < 5, "0.6 s where it was measured"


# --- larger than memory ---------------------------------------------------------------------------


def test_memory_maps_in_and_out(tmp_path):
    shape, W = (2, 50, 60), np.arange(2 * 2 * 3 * 3.0).reshape(2, 2, 3, 3)
    maps = [np.lib.format.open_memmap(tmp_path / n, "w+", float, shape) for n in ("x", "g", "dx")]
    rng = np.random.default_rng(0)
    for a in maps[:2]:
        a[:] = oracles.integers(rng, shape)
    x, g = (da.from_array(a, chunks=(2, 16, 16)) for a in maps[:2])
    dx, dW = bridge.conv2d_backward(g, x, W, 1)
    _, dW = dask.compute(da.store([dx], [maps[2]], compute=False), dW)
    right = dxdw.conv2d_backward(maps[1], maps[0], W, 1)
    np.testing.assert_array_equal(maps[2], right[0])
    np.testing.assert_array_equal(dW, right[1])


def test_zarr_in_and_out(tmp_path):
    zarr = pytest.importorskip("zarr")
    rng = np.random.default_rng(0)
    numbers = oracles.integers(rng, (3, 40, 40), "float32")
    stored = zarr.create_array(tmp_path / "x", shape=numbers.shape, chunks=(3, 16, 16), dtype="f4")
    stored[:] = numbers
    x, W = da.from_zarr(tmp_path / "x"), np.ones((3, 1, 5, 5), "float32")
    out = bridge.conv2d(x, W, "same", groups=3)
    out.to_zarr(tmp_path / "out")
    right = dxdw.conv2d(numbers, W, "same", groups=3)
    np.testing.assert_array_equal(da.from_zarr(tmp_path / "out"), right)


# --- refusals -------------------------------------------------------------------------------------

X = da.ones((1, 4, 6, 6), chunks=(1, 4, 3, 3))
KERNEL = np.ones((2, 4, 3, 3))
PAGE = "docs/howto/dask.md"


@pytest.mark.parametrize(
    ("error", "message", "x"),
    [
        (
            TypeError,
            "x is a numpy.ndarray: it must be a Dask array, as dask.array.from_array(x, chunks=…",
            np.ones((1, 4, 6, 6)),
        ),
        (
            ValueError,
            (
                "x has 2 chunks (2, 2) along its channels, axis 1: they must be one, for a "
                "convolution sums over them; x.rechunk({1: -1}) makes it so, of as many times the "
                "memory"
            ),
            X.rechunk((1, 2, 6, 6)),
        ),
        (
            ValueError,
            "x has chunks of unknown size: they must be known, as after x.compute_chunk_sizes()",
            X[X[:, 0, 0, 0] > 0],
        ),
        (
            TypeError,
            "x has dtype bool: …",
            X > 0,
        ),
        (
            ValueError,
            "x has shape (4, 6): it must have 3 axes (C_in, H, W) or 4 axes (N, C_in, H, W)…",
            X[0, :, 0],
        ),
        (
            TypeError,
            "x is a masked array, whose mask would be lost: …",
            da.ma.masked_array(X, X > 1),
        ),
    ],
    ids=["in_memory", "channels", "unknown", "bool", "rank", "masked"],
)
def test_x_is_refused(error, message, x):
    assert refused(error, message, bridge.conv2d, x, KERNEL) == PAGE
    g = da.ones((1, 2, 4, 4))
    assert refused(error, message, bridge.conv2d_backward, g, x, KERNEL) == PAGE


def test_other_operands_are_refused():
    g = da.ones((1, 2, 4, 4), chunks=(1, 1, 4, 4))
    refused(
        ValueError,
        "grad_out has 2 chunks (1, 1) along its channels, axis 1: …",
        bridge.conv2d_backward,
        g,
        X,
        KERNEL,
    )
    refused(
        ValueError,
        "grad_out has shape (1, 2, 5, 4): it must be (1, 2, 4, 4), the output's shape for …",
        bridge.conv2d_backward,
        da.ones((1, 2, 5, 4)),
        X,
        KERNEL,
    )
    refused(
        ValueError,
        "bias has shape (3,): it must be (2,), …",
        bridge.conv2d,
        X,
        KERNEL,
        bias=[1, 2, 3],
    )
    refused(TypeError, "W is None: …", bridge.conv2d, X, None)
    strict = pytest.importorskip("array_api_strict")
    message = "W is a array_api_strict._array_object.Array: it must be a NumPy array; …"
    refused(TypeError, message, bridge.conv2d, X, strict.asarray(KERNEL))
    message = message.replace("W", "bias")
    refused(TypeError, message, bridge.conv2d, X, KERNEL, bias=strict.ones(2))
    refused(
        ValueError,
        "needs is ('dx', 'dy'): …",
        bridge.conv2d_backward,
        da.ones((1, 2, 4, 4)),
        X,
        KERNEL,
        needs=("dx", "dy"),
    )
    page = refused(ValueError, "precision is 'low': …", bridge.conv2d, X, KERNEL, precision="low")
    assert page == PAGE
    refused(ValueError, "stride is 0: it must be at least 1", bridge.conv2d, X, KERNEL, stride=0)


@pytest.mark.parametrize("module", [convolution, bridge.train.__module__])
def test_examples_run(module):
    if isinstance(module, str):
        module = __import__(module, fromlist=["train"])
    failed, attempted = doctest.testmod(module)
    assert attempted
    assert not failed
