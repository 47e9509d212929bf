"""Several pieces of work under way at once, each in a thread of its own that waits its turn.

choose -> begin -> land -> choose again. The thread that walks through what came of it also
chooses, so that what is most urgent begins as soon as there is a free place.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from harvester.errors import ApiError, BudgetSpent, Stopped
from harvester.stop import Stop
from harvester.turn import Turn

W = TypeVar("W")
T = TypeVar("T")
LOOK_AGAIN_SECONDS = 1.0  # something may have become due while there is a free place


@dataclass(frozen=True)
class _Landed(Generic[W, T]):
    """A piece of work that is over or broken off: what came of it, or how it failed."""

    piece: W
    told: T | None = None
    trouble: BaseException | None = None


@dataclass(eq=False)
class _Flight(Generic[W, T]):
    """What is under way, and what has landed and was not seen to yet."""

    work: Callable[[W], T | None]
    stop: Stop
    turn: Turn
    in_hand: list[W] = field(default_factory=list)
    arrivals: deque[_Landed[W, T]] = field(default_factory=deque)

    def begin(self, piece: W) -> None:
        self.in_hand.append(piece)
        threading.Thread(target=self._fly, args=(piece,), daemon=True).start()

    def _fly(self, piece: W) -> None:
        with self.turn.taken():
            self.arrivals.append(self._landed(piece))
            self.turn.ring()

    def _landed(self, piece: W) -> _Landed[W, T]:
        """Work; where that fails, let nothing more be begun before anybody can see to it."""
        if self.turn.is_over:
            return _Landed(piece)
        try:
            return _Landed(piece, self.work(piece))
        except Stopped:
            return _Landed(piece)
        except BaseException as trouble:  # noqa: BLE001 - it is raised where it is seen to
            self.turn.end()
            return _Landed(piece, trouble=trouble)

    def landings(self) -> Iterator[_Landed[W, T]]:
        """Wait for a landing, or for a moment; yield what has landed.

        A wish to stop abandons the rest, unless something worse has happened before it.
        """
        self.turn.listen(LOOK_AGAIN_SECONDS)
        while self.arrivals:
            landed = self.arrivals.popleft()
            self.in_hand.remove(landed.piece)
            yield landed
        if self.stop.is_wished:
            raise Stopped


def together(
    choose: Callable[[Sequence[W]], W | None],
    work: Callable[[W], T | None],
    *,
    most: int,
    stop: Stop,
) -> Iterator[T]:
    """Do what is chosen, up to `most` pieces at once; yield what came of each that tells.

    `choose` knows what is in hand, and may raise to end it all. The first trouble ends it:
    nothing more is asked, what is under way may arrive, then the trouble is raised. Raises
    `Stopped` as soon as somebody asks to stop; what is under way then is abandoned. Where the
    database fails, too: threads that are left behind never get their turn again.
    """
    with stop.shared() as turn:
        flight = _Flight(work, stop, turn)
        try:
            while _begun(flight, choose, most):
                yield from _told(flight.landings())
        except (ApiError, BudgetSpent):
            turn.end()
            with suppress(Stopped):  # the trouble is the better reason to end
                while flight.in_hand:
                    yield from (one.told for one in flight.landings() if one.told is not None)
            raise


def _begun(flight: _Flight[W, T], choose: Callable[[Sequence[W]], W | None], most: int) -> bool:
    """Begin what there is a place for; tell whether anything is under way."""
    while len(flight.in_hand) < most and (piece := choose(flight.in_hand)) is not None:
        flight.begin(piece)
    return bool(flight.in_hand)


def _told(landings: Iterator[_Landed[W, T]]) -> Iterator[T]:
    for landed in landings:
        if landed.told is not None:
            yield landed.told
        if landed.trouble is not None:
            raise landed.trouble
