"""A limit on the threads of NumPy's matrix products, for the time of a call.

A BLAS library has one number of threads for the whole process. Where calls of several threads
overlap, each restoring what it found would leave another's limit behind. So the least limit of the
calls under way is in force, and the last of them to end restores what the first found.

A Ctrl-C can come between any two steps of this, and again while it is answered. So whether a call
is under way is what a lock tells, which the call holds by `with`: nothing can come between a lock's
entry or exit and the next step. Limits whose lock is free are over; whoever comes by takes them
back. No other thread forks amid that, for whoever sets a BLAS's threads holds locks that a child
could never open.
"""

import os
import threading
from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar

from ..core.forks import whole

Result = TypeVar("Result")

_lock = threading.RLock()  # a signal's handler may call again
# Of the calls under way, each by the lock that it holds: the limit, and the call's thread.
_limits: dict[threading.Lock, tuple[int, int]] = {}
_found: list[Any] = []  # what threadpoolctl told of each library before the first of them


def limited(threads: int | None, call: Callable[..., Result], *args: Any) -> Result:
    """`call(*args)`, with NumPy's matrix products limited where threadpoolctl is there to do it."""
    controller = None if threads is None else threadpool_controller()
    if controller is None or threads is None:
        return call(*args)
    under_way = threading.Lock()
    try:
        with under_way:
            _begin(controller, under_way, threads)
            return call(*args)
    finally:
        try:
            _settle(controller, under_way)
        except BaseException:  # interrupted, perhaps twice
            try:
                _settle(controller, under_way)
            finally:
                _settle(controller, under_way)
            raise


def _begin(controller: Any, under_way: Any, threads: int) -> None:
    with _lock, whole():
        _settle(controller)
        if not _limits:
            _found[:] = controller.info()
        _limits[under_way] = threads, threading.get_ident()
        _set(controller, min(limit for limit, _ in list(_limits.values())))


def _settle(controller: Any, mine: Any = None) -> None:
    """Takes back the limits of calls that are over, and this one's. Done twice, it is done once."""
    with _lock, whole():
        # A handler between two steps may call, or fork, whereupon more of them are over.
        while over := [lock for lock in list(_limits) if lock is mine or not lock.locked()]:
            left = [limit for lock, (limit, _) in list(_limits.items()) if lock not in over]
            _set(controller, min(left) if left else list(_found))
            for lock in over:  # known until everything is done
                _limits.pop(lock, None)


@lru_cache(maxsize=1)
def threadpool_controller() -> Any:
    """Finds the BLAS libraries that are loaded: tens of milliseconds, so once."""
    try:
        with whole():
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
    """In a forked process the other threads are gone, and with them their calls."""
    global _lock  # noqa: PLW0603
    # A signal's handler forked there, which then goes on. (Condition asks its locks the same.)
    amid_a_step = _lock._is_owned()  # type: ignore[attr-defined]
    if not amid_a_step:
        _lock = threading.RLock()
    this = threading.get_ident()
    lost = [lock for lock, (_, of) in _limits.items() if of != this and lock.locked()]
    for lock in lost:
        lock.release()
    if lost and not amid_a_step:
        _settle(threadpool_controller())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
