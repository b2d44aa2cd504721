"""Forks: both processes end their calls, wherever in a call one of the threads forks.

tests/support/forks.py, which is what is tried, says how.
"""

import os
import sys

import pytest
from programs import succeeds

from dxdw.engines import native_library

SANITIZED = "san.so" in os.environ.get("LD_PRELOAD", "")

pytestmark = [
    # Apple's BLAS, which NumPy takes there, does not bear to be called in a child.
    pytest.mark.skipif(sys.platform != "linux", reason="needs os.fork, and a BLAS that bears it"),
    pytest.mark.skipif(
        native_library.load() is None, reason=native_library.why_missing() or "no kernels"
    ),
]
unchecked = pytest.mark.skipif(SANITIZED, reason="Python's steps are the same without a sanitizer")


@unchecked
def test_at_one_step_of_29():
    succeeds("forks", "steps", 29)


@unchecked
@pytest.mark.slow
def test_at_every_step_of_python():
    succeeds("forks", "steps", 1)


@pytest.mark.skipif(
    not hasattr(native_library.load(), "dxdw_signal_at"),
    reason="needs a library built with -DDXDW_TESTING, in DXDW_LIBRARY",
)
def test_at_every_boundary_inside_the_kernels():
    # A sanitizer's own allocator may be locked by another thread when the process forks: its child
    # waits for ever then, and is ended by SIGALRM. Without a sanitizer there is no second try.
    for tries_left in (2, 1, 0) if SANITIZED else (0,):
        try:
            return succeeds("forks", "boundaries")
        except AssertionError as error:
            if not tries_left or "exit status -14" not in str(error):
                raise
    return None
