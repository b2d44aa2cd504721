"""Times of a model's convolutions by dxdw and by PyTorch, as an example has them."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from ...core.torch_memory import dense
from ...engines import this_cpu
from ..bilinear import PULLBACKS, Case
from . import kernels, layouts, pytorch_passes
from .ways import Ways

# Seconds for which passes are timed over and over, once each has been run twice; those where one
# takes so many times as long as the other are not run again. A first run has memory and plans to
# make, less than a millisecond of them: it decides where it took longer, and the other as many
# times.
ENOUGH, CLEAR = 0.4, 1.5
LONG, CLEAR_AT_ONCE = 2e-3, 2.0
# dxdw computes where it is ahead by so much: a tie stays with PyTorch, whose calls take less in
# Python.
AHEAD = 1.03


class Setting(NamedTuple):
    """What a time depends on; calls of one setting are computed alike."""

    case: Case
    dtype: torch.dtype
    x_last: bool  # whether the channels of x lie last in memory
    W_last: bool
    threads: int

    def __str__(self) -> str:
        x, W = self.case.shape("dx"), self.case.shape("dW")
        layout = ", channels last" if self.x_last or self.W_last else ""
        name = str(self.dtype).removeprefix("torch.")
        return f"{'×'.join(map(str, x))} by {'×'.join(map(str, W))}, {name}{layout}"


def setting(case: Case, x: Tensor, W: Tensor) -> Setting:
    """That of a call."""
    lie = layouts.lies_last(x), layouts.lies_last(W)
    return Setting(case, x.dtype, *lie, torch.get_num_threads())


class Seen(NamedTuple):
    """A call of the example."""

    setting: Setting
    kind: str  # "dx" where it is transposed
    x: Tensor
    W: Tensor
    bias: Tensor | None


class Times(NamedTuple):
    """Seconds of a forward pass, and of the gradients that its operands need: the least of some.

    Those of gradients are None where nothing needs any.
    """

    forward: tuple[float, float]  # dxdw's and PyTorch's
    backward: tuple[float, float] | None

    @property
    def ways(self) -> Ways:
        """The faster ones; of gradients that nobody needed whoever was faster forward."""
        forward = _ahead(*self.forward)
        return Ways(forward, forward if self.backward is None else _ahead(*self.backward))


def _ahead(ours: float, theirs: float) -> bool:
    return ours * AHEAD <= theirs


class Measured:
    """What was timed of a model on one CPU."""

    def __init__(self, times: dict[Setting, Times]) -> None:
        self.cpu, self.times = this_cpu.name(), times

    def ways(self, case: Case, x: Tensor, W: Tensor) -> Ways | None:
        """Who was faster at such a call; None where that is not known."""
        if self.cpu != this_cpu.name():
            return None
        times = self.times.get(setting(case, x, W))
        return None if times is None else times.ways


def measure(model: nn.Module, parts: dict[str, Any], example: Any) -> None:
    """Times every convolution that the example comes by; each part remembers its own."""
    calls = _seen(model, parts, example)
    # (Where one of them needs fewer gradients, the others tell.)
    ordered = sorted((call for seen in calls.values() for call in seen.values()), key=_needed)
    distinct = {call.setting: call for call in ordered}
    times = _timed(distinct)
    for name, seen in calls.items():
        parts[name].measured = Measured({key: times[key] for key in times if key in seen})


def note(call: Seen, seen: dict[Setting, Seen]) -> None:
    """Keeps one call of each setting, that with most gradients, for it keeps its operands too."""
    held = seen.get(call.setting)
    if held is None or _needed(held) <= _needed(call):
        seen[call.setting] = call


def _seen(model: nn.Module, parts: dict[str, Any], example: Any) -> dict[str, dict[Setting, Seen]]:
    """The calls of each part; the model and the random numbers are left as they were."""
    args: tuple[Any, ...] = example if isinstance(example, tuple) else (example,)
    named: dict[str, Any] = {}
    if isinstance(example, dict):
        args, named = (), example
    for part in parts.values():
        part.seen = {}
    try:
        with _unchanged(model), torch.random.fork_rng(devices=[]):
            model(*args, **named)
        return {name: part.seen for name, part in parts.items()}
    finally:
        for part in parts.values():
            part.seen = None


@contextmanager
def _unchanged(model: nn.Module) -> Iterator[None]:
    """What a call changes of a model's parameters, buffers and gradients is undone.

    What it leaves alone is not written to: a graph may wait for its backward pass. Tensors that
    lazy modules make stay, and so do new names, which a flag of the model's may say are there.
    """
    entries = [
        (named, dict(named)) for m in model.modules() for named in (m._parameters, m._buffers)
    ]
    found = {id(a): a for _, before in entries for a in before.values() if a is not None}
    tensors = [a for a in found.values() if not is_lazy(a)]
    gradients = [(a, a.grad) for a in tensors if a.is_leaf]
    with torch.no_grad():
        values = [(a, a.clone()) for a in (*tensors, *(g for _, g in gradients if g is not None))]
    try:
        yield
    finally:
        for named, before in entries:
            named.update(before)
        for a, gradient in gradients:
            if a.grad is not gradient:
                a.grad = gradient
        for a, value in values:
            with torch.inference_mode(a.is_inference()), torch.no_grad():
                _put_back(a, value)


def _put_back(a: Tensor, value: Tensor) -> None:
    """The values of a tensor as they were, written where they are others alone."""
    try:
        if a.shape != value.shape or a.dtype != value.dtype:
            a.data = value
            return
        once = tuple(slice(None if step else 1) for step in a.stride())  # of what is expanded
        if not bool(((a == value) | (a.isnan() & value.isnan())).all()):
            a[once].copy_(value[once])
    except RuntimeError:  # which has no strides, or nothing compares: sparse, nested, quantized, …
        a.copy_(value)


Pair = tuple[Callable[[], Any], Callable[[], Any]]  # dxdw's and PyTorch's


def _timed(calls: dict[Setting, Seen]) -> dict[Setting, Times]:
    """All contenders in turn, so that what disturbs the machine disturbs them alike."""
    with torch.no_grad():
        each = ((key, _rivals(call)) for key, call in calls.items())
        rivals = {key: pairs for key, pairs in each if pairs}
        open_ = [pair for pairs in rivals.values() for pair in pairs if pair]
        least = {run: float("inf") for pair in open_ for run in pair}
        begin, rounds = time.perf_counter(), 0
        while open_ and (rounds < 2 or time.perf_counter() - begin < ENOUGH):
            for run in (run for pair in open_ for run in pair):
                start = time.perf_counter()
                run()
                least[run] = min(least[run], time.perf_counter() - start)
            rounds += 1
            open_ = [pair for pair in open_ if not _clear(least[pair[0]], least[pair[1]], rounds)]

    def of(pair: Pair) -> tuple[float, float]:
        return least[pair[0]], least[pair[1]]

    return {
        key: Times(of(forward), of(backward) if backward else None)
        for key, (forward, backward) in rivals.items()
    }


def _clear(one: float, other: float, rounds: int) -> bool:
    least, most = sorted((one, other))
    return most > CLEAR * least if rounds > 1 else least > LONG and most > CLEAR_AT_ONCE * least


def _needed(call: Seen) -> tuple[bool, bool]:
    """Which gradients, of x and of W."""
    return call.x.requires_grad, call.W.requires_grad


def _still_there(a: Tensor, shape: tuple[int, ...]) -> bool:
    """Whether an operand of the example has its memory yet, which may be lent for a call alone."""
    try:
        return dense(a, a.dtype, shape, a.nbytes, a.stride()) is not None
    except RuntimeError:
        return False


def _rivals(call: Seen) -> tuple[Pair, Pair | None] | None:
    """Forward and, where they are needed, the gradients.

    None where PyTorch has no such padding, or an operand is no longer there.
    """
    case, kind = call.setting.case, call.kind
    given = pytorch_passes.arguments(kind, case)
    if given is None:
        return None
    x, W = call.x.detach(), call.W.detach()
    if not _still_there(x, case.shape("forward" if kind == "dx" else "dx")) or not _still_there(
        W, case.shape("dW")
    ):
        return None
    needed = (*_needed(call), False)
    out = pytorch_passes.forward(x, W, None, given)  # for a gradient as good as any
    forward = (
        lambda: kernels.run(kind, x, W, case),
        lambda: pytorch_passes.forward(x, W, None, given),
    )
    if not any(needed):
        return forward, None

    def ours() -> None:
        if kind == "forward" and needed[0] and needed[1]:
            kernels.run_both(out, x, W, case)
            return
        operands = (out, x, W)
        for wanted, (pullback, (a, b)) in zip(needed, PULLBACKS[kind], strict=False):
            if wanted:
                kernels.run(pullback, operands[a], operands[b], case)

    return forward, (ours, lambda: pytorch_passes.gradients(out, x, W, given, needed))
