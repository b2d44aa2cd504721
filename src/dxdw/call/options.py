"""The options of a call: what a caller writes, checked number by number."""

from collections.abc import Sequence
from operator import index
from typing import Any, NamedTuple

import numpy as np

from ..core.documentation import refused
from ..core.problem import PLAIN, Execution
from ..engines.native_library import MOST_THREADS
from . import plan

PADDING_MODES = ("zeros", "reflect", "replicate", "circular")
PRECISIONS = ("high", "highest")
# What NumPy's pad and SciPy's ndimage call them, where that is another name for the same.
_OTHER_NAMES = {
    "constant": "zeros",
    "edge": "replicate",
    "nearest": "replicate",
    "mirror": "reflect",
    "wrap": "circular",
    "grid-wrap": "circular",
}
AXIS_NAMES = {1: ("L",), 2: ("H", "W"), 3: ("D", "H", "W")}

Pairs = tuple[tuple[int, int], ...]


class Options(NamedTuple):
    """Everything that a call is given beside its arrays, as the caller wrote it."""

    padding: Any = 0
    stride: Any = 1
    dilation: Any = 1
    groups: int = 1
    padding_mode: str = "zeros"
    precision: str = "high"
    engine: str | None = None
    threads: int | None = None
    max_workspace: int | None = None
    output_padding: Any = 0  # of a transposed convolution alone


def execution(options: Options) -> Execution:
    """How to run, checked."""
    precision, engine, threads, max_workspace = options[5:9]
    if not is_one_of(precision, PRECISIONS):
        raise refused(
            ValueError, f"precision is {precision!r}: it must be one of {listed(PRECISIONS)}"
        )
    if precision == "high" and engine is None and threads is None and max_workspace is None:
        return PLAIN
    if engine is not None and not isinstance(engine, str):
        raise refused(TypeError, f"engine is {engine!r}: it must be None or the name of an engine")
    if engine is not None:
        plan.check_name(engine)
    if threads is not None:
        threads = min(whole(threads, "threads", least=1), MOST_THREADS)
    if max_workspace is not None:
        max_workspace = whole(max_workspace, "max_workspace", least=1)
    return Execution(precision, engine, threads, max_workspace)


def per_axis(value: Any, ndim: int, name: str, *, least: int) -> tuple[int, ...]:
    """An integer for each axis, from one or from one each."""
    if type(value) is int and value >= least:
        return (value,) * ndim
    value = _as_written(value)
    if isinstance(value, (tuple, list)):
        if len(value) != ndim:
            raise refused(
                ValueError,
                f"{name} is {value!r}: it must be an integer or {ndim} of them, one for each of "
                f"{listed(AXIS_NAMES[ndim])}",
            )
        return tuple(whole(v, name, least=least) for v in value)
    return (whole(value, name, least=least),) * ndim


def stride_argument(value: Any, ndim: int) -> tuple[int, ...]:
    """The stride of a convolution, for each axis."""
    if isinstance(value, str):  # where JAX has its padding
        raise refused(
            TypeError,
            f"stride is {value!r}: it must be an integer; the order is x, W, padding, stride",
        )
    return per_axis(value, ndim, "stride", least=1)


def padding_argument(value: Any, ndim: int) -> str | Pairs:
    """Padding as "same", "valid", "full" or a pair (before, after) for each axis."""
    if type(value) is int and value >= 0:
        return ((value, value),) * ndim
    if isinstance(value, str):
        word = value.lower() if value in ("SAME", "VALID") else value  # as JAX and TensorFlow say
        if word not in ("valid", "same", "full"):
            of_border = f"; padding_mode={value!r} is the border's kind"
            hint = of_border if value in PADDING_MODES else ""
            raise refused(
                ValueError,
                f"padding is {value!r}: as a word it must be 'valid', 'same' or 'full'{hint}",
            )
        return word
    shape = getattr(value, "shape", ())
    whole_numbers = isinstance(value, np.ndarray) and value.dtype.kind in "iu"
    if value is None or (shape != () and not whole_numbers):
        what = "None, a NoneType" if value is None else f"an array of shape {tuple(shape)}"
        raise refused(
            TypeError,
            f"padding is {what}: it must be an integer; the order is x, W, padding, stride, and "
            "what stands third in PyTorch is bias=",
        )
    value = _as_written(value)
    if not isinstance(value, (tuple, list)):
        p = whole(value, "padding", least=0)
        return ((p, p),) * ndim
    if len(value) != ndim:
        raise refused(
            ValueError,
            f"padding is {value!r}: it must be an integer, {ndim} of them (one for each of "
            f"{listed(AXIS_NAMES[ndim])}), or {ndim} pairs (before, after)",
        )
    pairs = []
    for entry in map(_as_written, value):
        if isinstance(entry, (tuple, list)):
            if len(entry) != 2:
                raise refused(
                    ValueError, f"padding has the entry {entry!r}: a pair is (before, after)"
                )
            before, after = (whole(p, "padding", least=0) for p in entry)
        else:
            before = after = whole(entry, "padding", least=0)
        pairs.append((before, after))
    return tuple(pairs)


def check_padding_mode(mode: Any) -> None:
    """That it is the name of one."""
    if is_one_of(mode, PADDING_MODES):
        return
    known = _OTHER_NAMES.get(mode) if isinstance(mode, str) else None
    hint = f"; NumPy's and SciPy's {mode!r} is {known!r} here" if known else ""
    raise refused(
        ValueError, f"padding_mode is {mode!r}: it must be one of {listed(PADDING_MODES)}{hint}"
    )


def is_one_of(value: Any, words: Sequence[str]) -> bool:
    """Whether it is one of these words. An array is none, and not to be compared with any."""
    return isinstance(value, str) and value in words


def _as_written(value: Any) -> Any:
    """An array of NumPy's as the lists that would have done, another sequence as a tuple; anything
    else as it is."""
    if isinstance(value, np.ndarray) and value.ndim:
        return value.tolist()
    as_it_is = isinstance(value, (tuple, list, str, bytes)) or not isinstance(value, Sequence)
    return value if as_it_is else tuple(value)


def whole(value: Any, name: str, *, least: int) -> int:
    """An integer of at least so much; a bool is none."""
    if isinstance(value, (bool, np.bool_)):
        raise refused(TypeError, f"{name} is {value!r}: it must be an integer, not a bool")
    try:
        number = index(value)
    except TypeError:
        kind = type(value).__name__
        raise refused(TypeError, f"{name} is {value!r}, a {kind}: it must be an integer") from None
    if number < least:
        raise refused(ValueError, f"{name} is {number}: it must be at least {least}")
    return number


def listed(names: Any) -> str:
    """Names in words: 'a', 'b' or 'c'."""
    *head, last = map(repr, names)
    return f"{', '.join(head)} or {last}" if head else last
