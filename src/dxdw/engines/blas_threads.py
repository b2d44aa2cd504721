"""A limit on the threads of NumPy's matrix products, for the time of a call.

A BLAS library has one number of threads for the whole process. Where calls of several threads
overlap, each restoring what it found would leave another's limit behind. So the least limit of the
calls under way is in force, and the last of them to end restores what the first found.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

_lock = threading.RLock()  # a signal's handler may call again
_limits: list[int] = []  # of the calls under way
_found: list[Any] = []  # what threadpoolctl told of each library before the first of them


@contextmanager
def at_most(threads: int) -> Iterator[None]:
    """Limits NumPy's matrix products where threadpoolctl is there to do it."""
    controller = threadpool_controller()
    if controller is None:
        yield
        return
    with _lock:
        if not _limits:
            _found[:] = controller.info()
        _limits.append(threads)
        _set(controller, min(_limits))
    try:
        yield
    finally:
        with _lock:
            if threads in _limits:  # or the process has forked meanwhile
                _limits.remove(threads)
            _set(controller, min(_limits) if _limits else list(_found))


@lru_cache(maxsize=1)
def threadpool_controller() -> Any:
    """Finds the BLAS libraries that are loaded: tens of milliseconds, so once."""
    try:
        from threadpoolctl import ThreadpoolController
    except ImportError:
        return None
    return ThreadpoolController().select(user_api="blas")


def _set(controller: Any, limits: Any) -> None:
    controller.limit(limits=limits)
    # threadpoolctl lets one thread alone set limits, until it leaves a context of its own.
    with controller.limit(limits=None):
        pass


def _forget() -> None:
    """In a forked process the other threads are gone: with their calls, perhaps with the lock."""
    global _lock  # noqa: PLW0603
    _lock = threading.RLock()
    _limits.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
