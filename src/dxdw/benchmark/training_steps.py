"""Training steps of whole networks in PyTorch, beside the same with `accelerate`.

    python -m dxdw.benchmark.training_steps --threads 1 2

Of each network the loss curves are compared first, of the same weights, batches and learning rate.
Rounding makes them differ, and training makes that grow; how much is told by PyTorch itself, in its
other memory layout, which sums in another order, and from weights and batches that are changed by a
rounding, at random. With dxdw they must differ no more than a few times that. Then forward and
backward are timed in both memory layouts, plain and with an example for `accelerate`: beside each
layout's own, and beside PyTorch's faster one. The optimizer's step, which is the same in all, is
left out. On one thread CPU time is taken, which other programs on the machine do not add to; on
more, wall-clock time, which wants a quiet machine.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from ctypes import c_ubyte
from dataclasses import asdict, dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

import numpy as np

from . import machine
from .others import undisturbed

T = TypeVar("T")

NETWORKS = ("lenet5", "resnet20", "resnet18", "unet", "mobilenet_v2", "convnext_tiny")
LAYOUTS = {"NCHW": "contiguous_format", "channels_last": "channels_last"}
DTYPES = ("float32", "float64")
# Steps whose losses are compared; how many times as far apart as PyTorch's own they may be, and how
# many roundings of the loss besides, where those happen to agree.
STEPS = 8
TIMES, ROUNDINGS = 10, 1000
# Curves from values that are rounded otherwise, which are as far apart as chance has it.
CURVES = 3
ACCELERATED = "dxdw "  # before the layout
# A way's turn lasts so long at least, in seconds: a step of LeNet-5 takes 6 ms.
TURN = 0.05


class DifferentLosses(ArithmeticError):
    """The two loss curves are further apart than rounding makes them."""


@dataclass(frozen=True)
class Seconds:
    """Of one step."""

    forward: float
    backward: float

    @property
    def both(self) -> float:
        return self.forward + self.backward


@dataclass(frozen=True)
class Result:
    """One network in one dtype on so many threads."""

    network: str
    dtype: str
    threads: int
    losses_differ: float  # with dxdw, at the most, in parts of the loss
    pytorchs_differ: float  # the same of PyTorch's own
    seconds: dict[str, Seconds]  # of each way: a layout, "dxdw " before it where accelerated
    crowded: bool  # other programs had CPUs that it needed

    def faster(self, before: str) -> str:
        """The layout in which PyTorch, or dxdw, is faster, by the name of its way."""
        ways = [before + layout for layout in LAYOUTS]
        return min(ways, key=lambda way: self.seconds[way].both)

    def ratio(self, part: str, layout: str | None = None) -> float:
        """How many times as fast the accelerated one is: in this layout, or each in its faster."""
        plain, ours = (
            self.faster(before) if layout is None else before + layout
            for before in ("", ACCELERATED)
        )
        return float(getattr(self.seconds[plain], part) / getattr(self.seconds[ours], part))

    def __str__(self) -> str:
        plain, ours = self.faster(""), self.faster(ACCELERATED)
        ratios = "  ".join(f"{self.ratio(p):5.2f}" for p in ("forward", "backward", "both"))
        own = "  ".join(f"{self.ratio('both', layout):5.2f}" for layout in LAYOUTS)
        note = "  CROWDED" if self.crowded else ""
        return (
            f"{self.network:13} {self.dtype} {self.threads:7} "
            f"{self.seconds[plain].both * 1e3:9.2f} {plain:14}"
            f"{self.seconds[ours].both * 1e3:9.2f} {ours.removeprefix(ACCELERATED):14}"
            f"{ratios}   {own}  "
            f"{self.losses_differ:.1e} ({self.pytorchs_differ:.1e}){note}"
        )


HEADING = (
    "network       dtype   threads   PyTorch ms, layout    dxdw ms, layout   times as fast: "
    "forward, backward, both; in NCHW, in channels_last; losses differ by (PyTorch's own by)"
)


class Step:
    """A network with its batch, ready for one step after another."""

    def __init__(self, network: str, dtype: str, layout: str, accelerated: bool) -> None:
        import torch

        from ..interop.torch import accelerate
        from . import networks

        torch.manual_seed(0)
        made = networks.NETWORKS[network]
        options = {"dtype": getattr(torch, dtype), "memory_format": getattr(torch, layout)}
        self.model = made.make().to(**options)
        x = torch.randn(made.x_shape, dtype=options["dtype"])
        self.x = x.contiguous(memory_format=options["memory_format"])
        self.target = torch.randint(made.classes, made.target_shape)
        if accelerated:
            accelerate(self.model, self.x)

    def __call__(self, clock: Callable[[], float]) -> Seconds:
        from torch.nn.functional import cross_entropy

        self.model.zero_grad()
        start = clock()
        loss = cross_entropy(self.model(self.x), self.target)
        middle = clock()
        loss.backward()
        return Seconds(middle - start, clock() - middle)

    def round_otherwise(self, seed: int) -> None:
        """Changes the weights and the batch by a rounding each, at random."""
        import torch

        random = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for values in (*self.model.parameters(), self.x):
                signs = torch.rand(values.shape, generator=random, dtype=values.dtype).sub_(0.5)
                values.mul_(signs.sign_().mul_(torch.finfo(values.dtype).eps).add_(1))

    def losses(self, steps: int) -> Iterator[float]:
        """Of so many steps of gradient descent, on a part of the batch each."""
        from torch.nn.functional import cross_entropy
        from torch.optim import SGD

        optimizer = SGD(self.model.parameters(), lr=0.01, momentum=0.9)
        for _ in range(steps):
            optimizer.zero_grad()
            loss = cross_entropy(self.model(self.x), self.target)
            loss.backward()
            optimizer.step()
            yield loss.item()


def measure(network: str, dtype: str, threads: int, rounds: int) -> Result:
    """One line of the table.

    Raises:
        DifferentLosses: with dxdw they are not the same within rounding.
    """
    import torch

    torch.set_num_threads(threads)

    def ways() -> dict[str, Step]:
        return {
            before + layout: Step(network, dtype, format_, accelerated=bool(before))
            for before in ("", ACCELERATED)
            for layout, format_ in LAYOUTS.items()
        }

    def rounded_otherwise(seed: int) -> Step:
        step = Step(network, dtype, LAYOUTS["NCHW"], accelerated=False)
        step.round_otherwise(seed)
        return step

    def apart_from(curve: list[float], step: Step) -> float:
        losses = step.losses(STEPS)
        return max(abs(a - b) / abs(a) for a, b in zip(curve, losses, strict=True))

    first, other_layout, *accelerated = ways().values()
    curve = list(first.losses(STEPS))
    ours = max(apart_from(curve, step) for step in accelerated)
    rounded = (apart_from(curve, rounded_otherwise(seed)) for seed in range(CURVES))
    theirs = max(apart_from(curve, other_layout), *rounded)
    if not ours <= TIMES * theirs + ROUNDINGS * float(np.finfo(dtype).eps):
        raise DifferentLosses(
            f"{network} in {dtype}: the losses differ by {ours:.1e} of the loss, PyTorch's own "
            f"by {theirs:.1e}"
        )
    clock = time.process_time if threads == 1 else time.perf_counter
    seconds, share = undisturbed(lambda: interleaved(ways(), rounds, clock), threads)
    return Result(network, dtype, threads, ours, theirs, seconds, share.crowded and threads > 1)


def interleaved(
    ways: dict[str, Step], rounds: int, clock: Callable[[], float]
) -> dict[str, Seconds]:
    """Medians of each way, in turn, to and fro; a turn begins with a step that isn't counted."""
    found: dict[str, list[Seconds]] = {name: [] for name in ways}
    for i in range(rounds):
        for name in list(ways)[:: 1 if i % 2 == 0 else -1]:
            first = ways[name](clock).both
            repeats = max(1, int(TURN / first))
            found[name] += [ways[name](clock) for _ in range(repeats)]
    return {
        name: Seconds(median(s.forward for s in each), median(s.backward for s in each))
        for name, each in found.items()
    }


def cost_of_a_call() -> dict[str, float]:
    """Seconds of CPU time that a call takes beside the kernel, on a small convolution, one thread.

    Backward beside that of an autograd.Function that does nothing: the walk over the graph is
    PyTorch's own.
    """
    import torch
    from torch.autograd import Function

    from ..interop import numpy_passes
    from ..interop.torch import conv2d, kernels

    torch.set_num_threads(1)
    x, W = torch.randn(1, 4, 8, 8), torch.randn(4, 4, 3, 3)
    g = torch.randn(1, 4, 8, 8)
    case = kernels.convolution(2, x.shape, W.shape, 1, 1, 1, 1)
    operands = {"forward": (x, W), "dx": (g, W), "dW": (g, x)}
    alone = {}
    for kind, pair in operands.items():
        tensors = (*pair, torch.empty(case.shape(kind)))
        buffers = [c_ubyte.from_address(t.data_ptr()) for t in tensors]
        kernel = numpy_passes.kernel(kind, case, np.dtype(np.float32), 1)
        if kernel is None:
            raise SystemExit("there are no compiled kernels: `dxdw --version` says why")
        alone[kind] = least(partial(kernel, *buffers))
    leaves = x.requires_grad_(), W.requires_grad_()

    class Nothing(Function):
        @staticmethod
        def forward(ctx: Any, x: torch.Tensor, W: torch.Tensor) -> torch.Tensor:
            ctx.save_for_backward(x, W)
            return g.view_as(g)

        @staticmethod
        def backward(ctx: Any, _: torch.Tensor) -> Any:
            return ctx.saved_tensors

    def backward(out: torch.Tensor) -> float:
        return least(lambda: torch.autograd.grad(out, leaves, g, retain_graph=True))

    walk = backward(Nothing.apply(*leaves))
    return {
        "forward": least(lambda: conv2d(*leaves, None, 1, 1)) - alone["forward"],
        "backward, of dx and dW": backward(conv2d(*leaves, None, 1, 1))
        - walk
        - alone["dx"]
        - alone["dW"],
        "backward of a function that does nothing, which is left out": walk,
    }


def least(call: Callable[[], object], calls: int = 2000) -> float:
    """Seconds of a call: of the best of ten blocks, for others only add to it."""
    blocks = []
    for _ in range(10):
        start = time.thread_time()
        for _ in range(calls // 10):
            call()
        blocks.append((time.thread_time() - start) / (calls // 10))
    return min(blocks)


def main() -> None:
    """Measure, print each line as soon as it is there, and write all of it if asked to."""
    parser = argparse.ArgumentParser(
        prog="python -m dxdw.benchmark.training_steps", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=NETWORKS)
    parser.add_argument("--dtype", nargs="+", choices=DTYPES, default=DTYPES)
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2], metavar="N")
    parser.add_argument("--rounds", type=int, default=7, help="turns of each way (default: 7)")
    parser.add_argument("--json", type=Path, metavar="FILE.json", help="write the figures there")
    args = parser.parse_args()
    if args.rounds < 1 or min(args.threads) < 1:
        parser.error("--rounds and --threads must be at least 1")

    told = machine.description()
    print(f"{told['cpu']}, {told['cpus']} CPUs, load {told['load']:.1f}, kernels {told['isa']}")
    cost = apart(cost_of_a_call)
    print("a call costs beside the kernel:")
    print("\n".join(f"  {what}: {seconds * 1e6:.1f} µs" for what, seconds in cost.items()))
    print(HEADING)
    results = []
    for threads in args.threads:
        for dtype in args.dtype:
            for network in args.networks:
                result = apart(measure, network, dtype, threads, args.rounds)
                results.append(result)
                print(result, flush=True)
    if args.json:
        each = [asdict(result) for result in results]
        told |= {"cost_of_a_call": cost, "results": each}
        args.json.write_text(json.dumps(told, indent=1), encoding="utf-8")


def apart(function: Callable[..., T], *args: object) -> T:
    """What a function returns in a process of its own, whose memory nobody used before."""
    with ProcessPoolExecutor(1, get_context("spawn")) as process:
        return process.submit(function, *args).result()


if __name__ == "__main__":
    main()
