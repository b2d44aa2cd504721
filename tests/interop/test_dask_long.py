"""dx and dW of an image of 40,000 × 40,000 pixels, by two workers of 2 GB each: 20 GB of disk."""

import os
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest

import dxdw

pytestmark = [pytest.mark.dask, pytest.mark.slow]

dask = pytest.importorskip("dask", reason="needs the extra: pip install 'dxdw[dask]'")
distributed = pytest.importorskip("distributed")
zarr = pytest.importorskip("zarr")

import dask.array as da  # noqa: E402

import dxdw.interop.dask as bridge  # noqa: E402

SIZE, CHUNK, LIMIT = 40_000, 2_500, 2_000_000_000
W = np.arange(1, 10, dtype=np.float32).reshape(1, 1, 3, 3)


def pattern(rows, columns, shift):
    """Whole numbers −3 … 3 that repeat every 7 rows and columns."""
    return (((3 * rows[:, None] + 5 * columns + shift) % 7) - 3).astype(np.float32)[None]


def block(block_info, shift):
    _, rows, columns = block_info[None]["array-location"]
    return pattern(np.arange(*rows), np.arange(*columns), shift)


def image(shift):
    chunks = ((1,), *[(CHUNK,) * (SIZE // CHUNK)] * 2)
    return da.map_blocks(
        block, shift=shift, chunks=chunks, dtype="f4", meta=np.empty((0,) * 3, "f4")
    )


def exact_dW():
    """In integers: how often each pair of residues meets along each axis, times what is there."""
    dW = np.zeros((3, 3), object)
    values = pattern(np.arange(7), np.arange(7), 0)[0], pattern(np.arange(7), np.arange(7), 1)[0]
    x, g = (v.astype(int) for v in values)
    for u, v in np.ndindex(3, 3):
        rows, columns = (
            np.bincount(np.arange(max(0, 1 - t), SIZE - max(0, t - 1)) % 7, minlength=7)
            for t in (u, v)
        )
        seen = np.roll(x, (1 - u, 1 - v), axis=(0, 1))
        dW[u, v] = sum(
            int(rows[i]) * int(columns[j]) * int(g[i, j] * seen[i, j]) for i, j in np.ndindex(7, 7)
        )
    return dW


def exact_dx(row, column, n):
    """Of n × n pixels: by one call on what reaches them."""
    low = [max(at - 1, 0) for at in (row, column)]
    high = [min(at + n + 1, SIZE) for at in (row, column)]
    g = pattern(np.arange(low[0], high[0]), np.arange(low[1], high[1]), 1)
    (dx,) = dxdw.conv2d_backward(g, g, W, padding=1, needs=("dx",))
    top, left = row - low[0], column - low[1]
    return dx[:, top : top + n, left : left + n]


def peak_bytes():
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def sent_bytes(dask_worker):
    return dask_worker.transfer_outgoing_bytes_total


def test_image_of_6_gigabytes_by_two_workers_of_2():
    with (
        tempfile.TemporaryDirectory() as folder,
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, memory_limit=LIMIT, dashboard_address=":0"
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        stored = {
            name: zarr.create_array(
                Path(folder) / name,
                shape=(1, SIZE, SIZE),
                chunks=(1, CHUNK, CHUNK),
                dtype="f4",
                compressors=None,
            )
            for name in ("x", "g", "dx")
        }
        start = time.perf_counter()
        da.store([image(0), image(1)], [stored["x"], stored["g"]], lock=False)
        print(f"made in {time.perf_counter() - start:.0f} s")

        pids, sent = set(client.run(os.getpid).values()), sum(client.run(sent_bytes).values())
        start = time.perf_counter()
        x, g = (da.from_zarr(stored[name]) for name in ("x", "g"))
        dx, dW = bridge.conv2d_backward(g, x, W, padding=1)
        print(f"graph in {time.perf_counter() - start:.1f} s")
        _, dW = dask.compute(da.store([dx], [stored["dx"]], lock=False, compute=False), dW)
        seconds = time.perf_counter() - start
        peaks = client.run(peak_bytes).values()
        sent = sum(client.run(sent_bytes).values()) - sent
        print(f"computed in {seconds:.0f} s, {sent / 1e6:.0f} MB between workers, peaks of", *peaks)

        assert max(peaks) < LIMIT
        assert set(client.run(os.getpid).values()) == pids, "no worker was ended for its memory"
        right = exact_dW()
        assert len(set(right.ravel().tolist())) > 5, "taps are told apart"
        np.testing.assert_allclose(dW[0, 0], right.astype(float), rtol=1e-5, atol=1e-6 * SIZE**2)
        rng = np.random.default_rng(0)
        corners = [(0, 0), (SIZE - 8, SIZE - 8), (0, CHUNK - 4), (CHUNK - 4, 2 * CHUNK - 4)]
        for row, column in [*corners, *rng.integers(0, SIZE - 8, (40, 2)).tolist()]:
            got = stored["dx"][:, row : row + 8, column : column + 8]
            np.testing.assert_array_equal(got, exact_dx(row, column, 8))
