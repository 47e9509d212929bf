"""A wish to stop that work in hand survives: it interrupts waiting, never writing."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from harvester.errors import Stopped


class Stop:
    """Set by a signal handler, looked at between steps, and heeded while waiting.

    `interruptible` marks the stretches (a request, a pause) that a signal in the main
    thread may break off; everywhere else the wish waits for the next `check`.
    """

    def __init__(self) -> None:
        self._wish = threading.Event()
        self._is_interruptible = False

    @property
    def is_wished(self) -> bool:
        """Whether somebody asked to stop."""
        return self._wish.is_set()

    def request(self, *_signal: object) -> None:
        """Ask to stop; usable as a signal handler."""
        self._wish.set()
        if self._is_interruptible:
            raise Stopped

    def check(self) -> None:
        """Raise `Stopped` if somebody asked to stop."""
        if self.is_wished:
            raise Stopped

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Let `request` break off what happens inside."""
        self._is_interruptible = True
        try:
            self.check()
            yield
        finally:
            self._is_interruptible = False

    def wait(self, seconds: float) -> None:
        """Pause for so many seconds; raise `Stopped` as soon as somebody asks to stop."""
        with self.interruptible():
            self._wish.wait(max(0.0, seconds))
        self.check()
