"""dx and dW of a large image on Dask: over the kernel alone on one worker, and on several workers.

    python -m dxdw.benchmark.dask_workers --size 8192 --channels 8 --chunk 2048 2048

The image lies in the workers' memory, in bands of rows, and dx stays there. The kernel alone
computes the same in the first worker's process, on one thread, in one call. Both are told in the
time of a clock, which needs a quiet machine, and in processor time of the workers' processes, which
needs it less.

Workers keep here the memory that they have used. Where the system gives new pages for every result,
and on a virtual machine the host does, that was measured at 3 to 50 ns a pixel, where dx and dW
take 35: of the kernel alone as well as in chunks, but never twice the same.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..convolution import conv2d_backward
from ..core.arrays import Array
from ..extras import need

KEEP_MEMORY = {
    "MALLOC_ARENA_MAX": 1,
    "MALLOC_MMAP_MAX_": 0,
    "MALLOC_TRIM_THRESHOLD_": 1 << 40,
    "MALLOC_TOP_PAD_": 1 << 26,
}

SETTINGS = {
    "distributed.nanny.pre-spawn-environ": KEEP_MEMORY,
    # What is unknown is taken for half a second long otherwise, and chunks travel for nothing: five
    # of 134 MB here, with two workers.
    "distributed.scheduler.unknown-task-duration": "1ms",
}


class Times(NamedTuple):
    """Of one run: seconds of a clock, and of the processors in all workers."""

    clock: float
    processor: float


def main() -> None:
    """Measure, and print a table."""
    need("dask", "python -m dxdw.benchmark.dask_workers", "dask", "distributed")
    options = _arguments()
    import dask
    from distributed import Client, LocalCluster

    print(__doc__.splitlines()[0])
    shape = (options.channels, options.size, options.size)
    print(
        f"x {shape} float32, W 3×3, padding 1, {options.rounds} rounds, "
        f"chunks of {options.chunk[0]} × {options.chunk[1]}"
    )
    with dask.config.set(SETTINGS):
        for workers in options.workers:
            with (
                LocalCluster(
                    n_workers=workers,
                    threads_per_worker=1,
                    memory_limit=0,
                    dashboard_address=":0",
                ) as cluster,
                Client(cluster) as client,
            ):
                _measure(client, workers, shape, options)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=8192)
    parser.add_argument("--channels", type=int, default=8)
    parser.add_argument("--chunk", type=int, nargs=2, default=[2048, 2048])
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=5)
    return parser.parse_args()


def _measure(
    client: Any, workers: int, shape: tuple[int, int, int], options: argparse.Namespace
) -> None:
    from distributed import wait

    from ..interop.dask import conv2d_backward as conv2d_backward_in_chunks

    addresses = sorted(client.scheduler_info()["workers"])
    x, g = (_in_bands(client, addresses, shape, options.chunk, seed) for seed in (0, 1))
    wait([x, g])
    W = _kernels(shape[0])
    start = time.perf_counter()
    dx, dW = conv2d_backward_in_chunks(g, x, W, 1)
    built = time.perf_counter() - start
    first = addresses[0]
    client.run(_make_ready, shape, workers=[first])

    def in_chunks() -> None:
        results = client.persist([dx, dW])
        wait(results)

    def alone() -> None:
        client.submit(_alone, workers=[first], pure=False).result()

    before = sum(client.run(_sent).values())
    in_chunks()
    sent = sum(client.run(_sent).values()) - before
    rounds: dict[str, list[Times]] = {"alone": [], "in chunks": []}
    for _ in range(options.rounds):
        rounds["alone"].append(_timed(client, alone))
        rounds["in chunks"].append(_timed(client, in_chunks))
    kernel, chunks = (_median(rounds[name]) for name in ("alone", "in chunks"))
    per_round = zip(rounds["in chunks"], rounds["alone"], strict=True)
    ratio = statistics.median(a.processor / b.processor for a, b in per_round)
    print(
        f"{workers} worker{'s' * (workers > 1)} of one thread: "
        f"{chunks.clock:.2f} s ({chunks.processor:.2f} s of processors); "
        f"the kernel alone on one thread {kernel.clock:.2f} s ({kernel.processor:.2f} s)"
    )
    print(
        f"    over the kernel: {chunks.clock * workers / kernel.clock:.2f} × by the clock and "
        f"worker, {ratio:.2f} × of processors; graph made in {built:.2f} s; "
        f"{sent / 1e6:.1f} MB sent between workers"
    )


def _in_bands(
    client: Any, addresses: list[str], shape: tuple[int, int, int], chunk: list[int], seed: int
) -> Any:
    """Normal numbers in chunks, a band of rows on each worker."""
    import dask.array as da

    channels, height, width = shape
    rng, rows = da.random.default_rng(seed), height // len(addresses)
    bands = []
    for address in addresses:
        band = rng.standard_normal(
            (channels, rows, width), dtype=np.float32, chunks=(channels, *chunk)
        )
        bands.append(client.persist(band, workers=[address]))
    return da.concatenate(bands, axis=1)


def _timed(client: Any, run: Callable[[], None]) -> Times:
    """Processor time is read before and after: what a worker does in between counts."""
    processor, clock = sum(client.run(time.process_time).values()), time.perf_counter()
    run()
    clock = time.perf_counter() - clock
    return Times(clock, sum(client.run(time.process_time).values()) - processor)


def _median(times: list[Times]) -> Times:
    return Times(*(statistics.median(column) for column in zip(*times, strict=True)))


# --- in a worker ----------------------------------------------------------------------------------


def _kernels(channels: int) -> Array:
    rng = np.random.default_rng(2)
    return rng.standard_normal((channels, channels, 3, 3), dtype=np.float32)


def _make_ready(shape: tuple[int, ...], dask_worker: Any) -> None:
    rng = np.random.default_rng(0)
    dask_worker.operands = [rng.standard_normal(shape, dtype=np.float32) for _ in range(2)]


def _alone() -> None:
    from distributed import get_worker

    g, x = get_worker().operands
    conv2d_backward(g, x, _kernels(len(x)), 1, threads=1)


def _sent(dask_worker: Any) -> int:
    return int(dask_worker.transfer_outgoing_bytes_total)


if __name__ == "__main__":
    main()
