"""Steps during which no other thread of this process may fork.

A child has a copy of its parent's memory, and none of its other threads. What these had half done
stays so for ever, and a lock that they held stays locked.
"""

import os
from threading import Lock, RLock, local
from typing import Any
from weakref import WeakSet


class Steps:
    """`with steps.whole():` is done whole before another thread forks; many may be in one at once.

    Each thread has a lock of its own, and who forks takes all of them. A signal's handler that
    raises leaves none of them locked, and one that forks is in its own thread's step.
    """

    def __init__(self) -> None:
        self._own = local()
        self._all: WeakSet[Any] = WeakSet()
        self._adding = Lock()
        self._taken: list[Any] = []
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(
                before=self._take, after_in_parent=self._give_back, after_in_child=self._give_back
            )

    def whole(self) -> Any:
        """This thread's lock."""
        try:
            return self._own.lock
        except AttributeError:
            lock = RLock()
            with self._adding:
                self._all.add(lock)
            self._own.lock = lock
            return lock

    def _take(self) -> None:
        self._adding.acquire()
        taken = list(self._all)
        for lock in taken:
            lock.acquire()
        self._taken = taken

    def _give_back(self) -> None:
        for lock in self._taken:
            lock.release()
        self._taken = []
        self._adding.release()
