"""The package's functions as the tests call them: by kind, on the operands of a case."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast
from unittest.mock import patch

import numpy as np
import pytest
from oracles import Array, Case

import dxdw
from dxdw.call import known, plan
from dxdw.engines import fft, native_library, tuning
from dxdw.typing import Kind, Need

ROOT = Path(__file__).parents[2]

FORWARD = {1: dxdw.conv1d, 2: dxdw.conv2d, 3: dxdw.conv3d}
BACKWARD = {1: dxdw.conv1d_backward, 2: dxdw.conv2d_backward, 3: dxdw.conv3d_backward}
KINDS: tuple[Kind, ...] = ("forward", "dx", "dW")


def convolve(kind: str, a: Mapping[str, Array], case: Case, **options: Any) -> Array:
    """One pass on a["x"], a["W"] and a["grad_out"]."""
    given = case.options | options
    if kind == "forward":
        return FORWARD[case.ndim](a["x"], a["W"], **given)
    return BACKWARD[case.ndim](a["grad_out"], a["x"], a["W"], needs=(cast(Need, kind),), **given)[0]


def least_workspace(kind: str, a: Mapping[str, Array], case: Case, **options: Any) -> int:
    """What the error for a max_workspace of one byte says is needed, for the array engine."""
    try:
        convolve(kind, a, case, max_workspace=1, **options)
    except ValueError as error:
        found = re.search(r"needs at least ([\d,]+) bytes", str(error))
        if found is None:
            raise
        return int(found[1].replace(",", ""))
    return 1


@contextmanager
def cost_no_object() -> Iterator[None]:
    """Engines take what they otherwise decline for its estimated cost or its size alone."""
    free = patch.object(fft, "_cost", lambda _: 0.0), patch.object(tuning, "LEAST_FOR_FFT_NS", 0)
    with free[0], free[1], patch.object(tuning, "SMALL_COLUMNS", 1 << 40):
        forget_decisions()
        yield
    forget_decisions()


@contextmanager
def no_kernels() -> Iterator[None]:
    """As where no compiler was: the engines in Python alone."""
    with patch.object(native_library, "why_missing", lambda: "left out by a test"):
        forget_decisions()
        yield
    forget_decisions()


def forget_decisions() -> None:
    known.forget()
    plan.prepared.cache_clear()


def same_bits(a: Array, b: Array) -> bool:
    """Equal in dtype, shape and every bit, the signs of zeros and the payloads of NaN included."""
    return bool(
        a.dtype == b.dtype
        and a.shape == b.shape
        and np.ascontiguousarray(a).tobytes() == np.ascontiguousarray(b).tobytes()
    )


def refused(
    error: type[Exception], message: str, call: Callable[..., Any], *args: Any, **options: Any
) -> str:
    """Refused with exactly this text, whose … stands for anything, and a page that has more.

    Returns:
        The page, as in "docs/reference/errors.md"; "" where an error has none.
    """
    with pytest.raises(error) as caught:
        call(*args, **options)
    text = str(caught.value)
    start, _, end = message.partition("…")
    assert text.startswith(start), text
    assert text.endswith(end), text
    assert text == message or "…" in message, text
    if error in (TypeError, ValueError):
        (note,) = caught.value.__notes__
        page: str = note.split()[3]
        assert (ROOT / page).is_file(), note
        return page
    return ""
