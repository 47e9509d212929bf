"""A wish to stop that work in hand survives: it interrupts waiting, never writing."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from harvester.errors import Stopped
from harvester.turn import Turn


class Stop:
    """Set by a signal handler, looked at between steps, and heeded while waiting.

    `interruptible` marks the stretches (a request, a pause) that a signal in the main
    thread may break off; everywhere else the wish waits for the next `check`. Where several
    threads work (`shared`), they are the stretches in which another thread has its turn.
    """

    def __init__(self) -> None:
        self._wish = threading.Event()
        self._interruptible: set[int] = set()  # threads
        self._turn: Turn | None = None
        self._elsewhere: dict[int, Callable[[], None]] = {}  # by the thread that works

    @property
    def is_wished(self) -> bool:
        """Whether somebody asked to stop."""
        return self._wish.is_set()

    def request(self, *_signal: object) -> None:
        """Ask to stop; usable as a signal handler."""
        self._wish.set()
        if self._turn is not None:
            self._turn.ring()
        for thread, break_off in list(self._elsewhere.items()):
            if thread != threading.get_ident():
                break_off()
        if threading.get_ident() in self._interruptible:
            raise Stopped

    def check(self) -> None:
        """Raise `Stopped` if somebody asked to stop, or if nothing more may be begun."""
        if self.is_wished or (self._turn is not None and self._turn.is_over):
            raise Stopped

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Let `request` break off what happens inside."""
        if self._turn is not None:
            with self._passed_on(self._turn):
                yield
            return
        own = threading.get_ident()
        self._interruptible.add(own)
        try:
            self.check()
            yield
        finally:
            self._interruptible.discard(own)

    @contextmanager
    def breaking(self, break_off: Callable[[], None]) -> Iterator[None]:
        """Have `break_off` called when another thread asks to stop what happens inside."""
        own = threading.get_ident()
        self._elsewhere[own] = break_off
        try:
            self.check()
            yield
        finally:
            del self._elsewhere[own]

    def wait(self, seconds: float) -> None:
        """Pause for so many seconds; raise `Stopped` as soon as somebody asks to stop."""
        turn = self._turn
        with self.interruptible():
            (self._wish.wait if turn is None else turn.pause)(max(0.0, seconds))
        self.check()

    @contextmanager
    def shared(self) -> Iterator[Turn]:
        """Let other threads work while one waits; afterwards they can do nothing any more."""
        self._turn = turn = Turn()
        try:
            yield turn
        finally:
            self._turn = None
            turn.leave()

    @contextmanager
    def _passed_on(self, turn: Turn) -> Iterator[None]:
        """Let others work; what came of the wait counts only while somebody is there to use it."""
        self.check()
        try:
            with turn.passed_on():
                yield
        finally:
            if turn.is_left or self.is_wished:
                raise Stopped
