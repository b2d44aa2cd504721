"""What a learner's code prints: in batches, and up to a length."""

import io
from collections.abc import Callable
from time import monotonic

MOST = 20_000  # characters of a call
PAUSE = 0.1  # seconds between two batches


class Printed(io.TextIOBase):
    """A text stream that hands on what is written as `send(text, dropped)`.

    `text` is new; `dropped` is how many characters have come after the first MOST, so far.
    """

    def __init__(self, send: Callable[[str, int], object]) -> None:
        self._send = send
        self._parts: list[str] = []
        self._written = 0
        self._told = (0, 0.0)  # how much had been written when something was sent, and when

    def writable(self) -> bool:
        return True

    def write(self, text: str, /) -> int:
        room = MOST - self._written
        if room > 0:
            self._parts.append(text[:room])
        self._written += len(text)
        if monotonic() - self._told[1] > PAUSE:
            self.flush()
        return len(text)

    def flush(self) -> None:
        """Send what has been written since the last time, if anything."""
        if self._written > self._told[0]:
            text = "".join(self._parts)
            self._parts.clear()
            self._told = self._written, monotonic()
            self._send(text, max(0, self._written - MOST))
