"""Steps during which no other thread of this process may fork.

A child has a copy of its parent's memory, and none of its other threads. What these had half done
stays so for ever, and a lock that they held stays locked.

Each thread has a lock of its own, and who forks takes all of them. So any number may be in a step
at once; a signal's handler that raises leaves none of them locked, and one that forks is in its own
thread's step. One set for the whole package, made when it is imported: handlers that are registered
while another thread forks would be called after it and not before.
"""

import os
from threading import Lock, RLock, local
from typing import Any
from weakref import WeakSet

_own = local()
_all: WeakSet[Any] = WeakSet()
_adding = Lock()
_taken: list[Any] = []


def whole() -> Any:
    """This thread's lock: `with whole():` is done whole before another thread forks."""
    try:
        return _own.lock
    except AttributeError:
        lock = RLock()
        with _adding:
            _all.add(lock)
        _own.lock = lock
        return lock


def _take() -> None:
    _adding.acquire()
    _taken[:] = _all
    for lock in _taken:
        lock.acquire()


def _give_back() -> None:
    for lock in _taken:
        lock.release()
    _taken.clear()
    _adding.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_take, after_in_parent=_give_back, after_in_child=_give_back)
