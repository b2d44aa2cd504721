"""Dask arrays and training on a cluster of processes, one of which may die."""

import os
import resource
import signal
import time

import numpy as np
import oracles
import pytest
from calls import refused, same_bits

import dxdw

pytestmark = pytest.mark.dask

dask = pytest.importorskip("dask", reason="needs the extra: pip install 'dxdw[dask]'")
distributed = pytest.importorskip("distributed")

import dask.array as da  # noqa: E402

import dxdw.interop.dask as bridge  # noqa: E402
from dxdw.classifier import training  # noqa: E402
from dxdw.classifier.digits import Digits, split_digits  # noqa: E402
from dxdw.classifier.tinycnn import TinyCNN  # noqa: E402


@pytest.fixture(scope="module")
def client():
    """Two workers, each a process with one thread and a gigabyte at most."""
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 10}),
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            memory_limit="1GB",
            dashboard_address=":0",
            silence_logs=50,  # that a worker was killed
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def problem():
    """dx and dW of small integers in chunks, and as one process computes them."""
    case = oracles.simple((2, 3, 90, 70), (4, 3, 3, 5), pad=2, stride=2)
    a = oracles.operands(case, 0, dtype=np.float32)
    x, g = (da.from_array(a[n], chunks=(1, -1, 16, 16)) for n in ("x", "grad_out"))
    right = dxdw.conv2d_backward(a["grad_out"], a["x"], a["W"], 2, 2)
    return bridge.conv2d_backward(g, x, a["W"], 2, 2), right


def slowly(block):
    time.sleep(0.1)
    return block


def kill_the_busiest(client):
    """The process of the worker that holds the most results is gone, without a word."""
    held = client.has_what()
    worker = max(held, key=lambda address: len(held[address]))
    pid = client.run(os.getpid, workers=[worker])[worker]
    os.kill(pid, signal.SIGKILL)
    return pid


def test_workers_run_the_kernels_of_this_process(client):
    from dxdw.engines import native_library

    assert set(client.run(native_library.isa).values()) == {native_library.isa()}


def test_same_answers_as_in_one_process(client, problem):
    lazy, right = problem
    for got, expected in zip(client.gather(client.compute(lazy)), right, strict=True):
        np.testing.assert_array_equal(got, expected)


def test_same_bits_in_every_order_of_completion(client):
    rng = np.random.default_rng(0)

    def late(block):
        time.sleep(0.005 * np.random.default_rng().integers(4))
        return block

    numbers = [rng.standard_normal((3, 96, 96)) for _ in range(2)]
    g, x = (da.from_array(a, chunks=(3, 24, 24)) for a in numbers)
    W = np.ones((3, 3, 3, 3))
    first = dask.compute(*bridge.conv2d_backward(g, x, W, 1), scheduler="sync")
    for _ in range(2):
        g_late, x_late = (a.map_blocks(late, dtype=a.dtype) for a in (g, x))
        again = client.gather(client.compute(bridge.conv2d_backward(g_late, x_late, W, 1)))
        assert all(same_bits(a, b) for a, b in zip(first, again, strict=True))


def test_killed_worker_loses_nothing(client):
    rng = np.random.default_rng(1)
    numbers = [rng.standard_normal((2, 120, 120)) for _ in range(2)]
    g, x = (da.from_array(a, chunks=(2, 24, 24)) for a in numbers)
    W = rng.standard_normal((2, 2, 5, 5))
    right = dask.compute(*bridge.conv2d_backward(g, x, W, 2), scheduler="sync")
    lazy = bridge.conv2d_backward(g, x.map_blocks(slowly, dtype=x.dtype), W, 2)
    futures = client.compute(lazy)
    while sum(map(len, client.has_what().values())) < 10:
        time.sleep(0.01)
    assert not any(f.done() for f in futures), "25 blocks of 0.1 s, two at a time"
    pid = kill_the_busiest(client)
    for got, expected in zip(client.gather(futures), right, strict=True):
        assert same_bits(got, expected)
    client.wait_for_workers(2, timeout=30)
    assert pid not in client.run(os.getpid).values()


def peak_bytes():
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def test_memory_of_a_worker_is_that_of_its_chunks(client, tmp_path):
    """Three images of 107 MB, in chunks of 7."""
    zarr = pytest.importorskip("zarr")
    size, rows, W = 5_184, 324, np.ones((1, 1, 3, 3), np.float32)
    shape, chunks = (1, size, size), (1, rows, size)
    stored = {
        name: zarr.create_array(tmp_path / name, shape=shape, chunks=chunks, dtype="f4")
        for name in ("x", "g", "dx")
    }
    down = da.arange(size, chunks=rows, dtype="f4") % 7
    x = da.broadcast_to(down[:, None], shape, chunks=chunks)
    client.restart()
    before = client.run(peak_bytes)
    da.store([x, da.ones(shape, chunks=chunks, dtype="f4")], [stored["x"], stored["g"]], lock=False)
    x, g = (da.from_zarr(stored[name]) for name in ("x", "g"))
    dx, dW = bridge.conv2d_backward(g, x, W, 1)
    _, dW = dask.compute(da.store([dx], [stored["dx"]], lock=False, compute=False), dW)
    after = client.run(peak_bytes)
    grown = [after[worker] - before[worker] for worker in before]
    assert max(grown) < 150e6, [f"{n / 1e6:.0f} MB" for n in grown]
    assert dW[0, 0, 1, 1] == pytest.approx(size * (np.arange(size) % 7).sum(), rel=1e-6)
    assert float(stored["dx"][0, 0, 0]) == 4
    assert float(stored["dx"][0, rows - 1 : rows + 1, 5].min()) == 9


# --- training -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def digits():
    train, held_out = split_digits()
    return Digits(train.images[:200], train.labels[:200]), held_out


def trained(digits, shards, **options):
    model = TinyCNN.initial(3)
    history = bridge.train(
        model, *digits, training.Adam(), epochs=2, seed=3, shards=shards, **options
    )
    return model.parameters, history


def same_parameters(a, b):
    return all(same_bits(a[name], b[name]) for name in a)


@pytest.mark.usefixtures("client")
def test_training_on_the_cluster_has_the_bits_of_one_process(digits):
    with dask.config.set(scheduler="sync"):
        here, history = trained(digits, 4)
    there, same_history = trained(digits, 4)
    assert same_parameters(here, there)
    assert history == same_history


def test_one_shard_is_training_without_dask_and_several_differ_by_rounding(digits):
    model = TinyCNN.initial(3)
    history = training.train(model, *digits, training.Adam(), epochs=2, seed=3)
    with dask.config.set(scheduler="sync"):
        one, one_history = trained(digits, 1)
        several, several_history = trained(digits, 4)
    assert same_parameters(model.parameters, one)
    assert one_history == history
    assert not same_parameters(model.parameters, several)
    np.testing.assert_allclose(several_history.losses, history.losses, rtol=1e-3)


def test_training_goes_on_when_a_worker_is_killed(client, digits):
    with dask.config.set(scheduler="sync"):
        right, _ = trained(digits, 3)
    killed = []

    def kill_once(history):
        if len(history.losses) == 4:
            killed.append(kill_the_busiest(client))

    parameters, _ = trained(digits, 3, after_batch=kill_once)
    assert killed
    assert same_parameters(parameters, right)


@pytest.mark.usefixtures("client")
def test_a_loss_that_is_not_finite_ends_the_training(digits):
    with pytest.raises(FloatingPointError, match="a learning rate of 1e\\+20 is too large"):
        bridge.train(TinyCNN.initial(0), *digits, training.SGD(1e20), epochs=1, seed=0, shards=2)


@pytest.mark.parametrize(
    ("shards", "error"), [(0, ValueError), (1.5, TypeError), (True, TypeError), ((2,), TypeError)]
)
def test_shards_are_refused(digits, shards, error):
    assert refused(error, "shards is …", trained, digits, shards) == "docs/howto/dask.md"
