"""Which poll is asked now: the most urgent, unless an answer about another may spare it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from harvester.admission import Admission
from harvester.meter import Meter
from harvester.store import beside, demand, pairs, polls
from harvester.store.beside import Conditions
from harvester.store.polls import Poll, Selection


@dataclass(frozen=True)
class Choice:
    """What there is to choose from at an instant, and what limits it."""

    selection: Selection
    meter: Meter
    admission: Admission
    at: datetime

    def next(self, conn: Connection) -> Poll | None:
        """Choose what to ask now, or what may spare us the asking."""
        poll = self._most_urgent(conn)
        return pairs.first(conn, poll, self.selection, at=self.at) if poll else None

    def beside(self, conn: Connection, in_hand: Sequence[Poll]) -> Poll | None:
        """Choose what to ask while other polls are in hand.

        None: nothing is due, or what is waits for them. Nothing of a less urgent class goes
        before what waits, so that nothing waits for ever. Cost: O(polls that are due).
        """
        first = self._most_urgent(conn, beside.others(in_hand), len(in_hand))
        fit = beside.fitting(in_hand, first) if first else []
        while first and (poll := self._most_urgent(conn, fit, len(in_hand))):
            found = pairs.first(conn, poll, self.selection, at=self.at)
            if beside.is_apart(conn, found, in_hand):
                return found
            fit = [*fit, *beside.of_another_job(poll)]  # else one try for each of many such polls
        return None

    def _most_urgent(
        self, conn: Connection, only: Conditions = (), in_hand: int = 0
    ) -> Poll | None:
        """Choose the most urgent of what is due, but for what has to wait for budget."""
        if self.meter.left is None:
            return polls.next_due(conn, self.selection, at=self.at, only=only)
        urgent = [*demand.URGENT, *only]
        if poll := polls.next_due(conn, self.selection, at=self.at, only=urgent):
            return poll
        room = self.admission.room(conn, self.meter, at=self.at).less(in_hand)
        fitting = [*demand.fitting(room), *only]
        return polls.next_due(conn, self.selection, at=self.at, only=fitting)
