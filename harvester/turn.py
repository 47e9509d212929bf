"""Whose turn it is where several threads work at one harvest: one at a time, as if there were one.

A thread that runs has the turn, and passes it on only while it waits: for an answer, for the
pace, or because RA said so. So nothing but waiting happens at the same time, and whatever a
thread reads or writes is as safe as it would be alone.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue


class Turn:
    """Belongs to the thread that makes it; others take it when that one passes it on.

    Once it `is_over`, nothing more is begun, and who pauses is woken; once it `is_left`, nothing
    more may be done at all, and whoever still waits for an answer drops it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()
        self._over = threading.Event()
        self._bell: SimpleQueue[None] = SimpleQueue()
        self.is_left = False

    @property
    def is_over(self) -> bool:
        """Whether nothing more may be begun."""
        return self._over.is_set()

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Wait for the turn, and have it."""
        with self._lock:
            yield

    @contextmanager
    def passed_on(self) -> Iterator[None]:
        """Let others have the turn that one has; wait to get it back."""
        self._lock.release()
        try:
            yield
        finally:
            self._lock.acquire()

    def pause(self, seconds: float) -> None:
        """Wait so long, or until it is over."""
        self._over.wait(seconds)

    def ring(self) -> None:
        """Wake the thread that listens; a signal handler may do so at any time."""
        self._bell.put(None)

    def listen(self, seconds: float) -> None:
        """Let others have the turn until one of them rings, or for so long."""
        with self.passed_on(), suppress(Empty):
            self._bell.get(timeout=seconds)

    def end(self) -> None:
        """Let nothing more be begun."""
        self._over.set()

    def leave(self) -> None:
        """Let nothing more be done, by the thread that has the turn."""
        self.is_left = True
        self.end()
        self._lock.release()
