"""Who may ask when the day's budget is short: the urgent always, the rest what they leave.

routine and lists that moved > sweeps > backfill. What is asked for by hand may use all that is
left. The forecast goes until midnight UTC, when the budget is renewed.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from statistics import fmean
from typing import Final

from sqlalchemy import Connection

from harvester.config import Settings
from harvester.meter import Meter
from harvester.store import demand, runs
from harvester.store.demand import Planned, Room, list_requests
from harvester.store.polls import BACKFILL, MOVED, ROUTINE, SWEEP, Selection

ENDLESS: Final = Room()
EVERYTHING: Final = Selection()
NAMES: Final = {ROUTINE: "routine", MOVED: "moved lists", SWEEP: "sweeps", BACKFILL: "backfill"}
FORECAST_HOLDS: Final = timedelta(minutes=1)
USUAL_REQUESTS = 2  # of a look at what was never looked at


@dataclass(frozen=True)
class Need:
    """How many requests are still needed until midnight UTC: by the urgent, by each sweep."""

    urgent: int
    sweeps: tuple[int, ...] = ()


@dataclass(frozen=True)
class Waiting:
    """Polls of one priority (see `NAMES`) that are due and wait for budget: why, until when.

    `until_at` is None where the budget of a whole day does not leave enough either.
    """

    priority: int
    polls: int
    why: str
    until_at: datetime | None


class Admission:
    """Remembers the forecast for a minute, for it goes through the whole plan."""

    def __init__(self) -> None:
        self.is_by_hand = False
        self._need: Need | None = None
        self._made_at: datetime | None = None

    def room(self, conn: Connection, meter: Meter, *, at: datetime) -> Room:
        """Tell what may be asked now. Cost: O(1), and once a minute O(polls).

        Where nothing at all is left, the meter has the word.
        """
        if not meter.left or self.is_by_hand:
            return ENDLESS
        if self._need is None or not self._holds(at):
            self._need, self._made_at = need(conn, at=at), at
        return room(meter.left, self._need)

    def waiting(
        self, conn: Connection, meter: Meter, selection: Selection, *, at: datetime
    ) -> list[Waiting]:
        """Tell what is due and has to wait; of what may be asked, all has been.

        Cost: O(polls) where anything waits.
        """
        short = self.room(conn, meter, at=at)
        if short.is_endless or self._need is None:
            return []
        why = _why(meter.budget, meter.left or 0, self._need)
        return _waiting(conn, selection, meter.budget, short, why, at)

    def held_back(self, conn: Connection, meter: Meter, *, at: datetime) -> list[int]:
        """Tell polls of which priorities are due and have to wait. Cost: O(due polls)."""
        short = self.room(conn, meter, at=at)
        return list(demand.waiting(conn, EVERYTHING, short, at=at))

    def _holds(self, at: datetime) -> bool:
        made_at = self._made_at or at
        is_same_day = made_at.date() == at.date()
        return is_same_day and timedelta() <= at - made_at < FORECAST_HOLDS


def need(conn: Connection, *, at: datetime) -> Need:
    """Forecast what the plan will still ask until midnight UTC."""
    until = midnight(at)
    rows = list(demand.planned(conn, until=until))
    urgent = _routine(rows, at, until) + _moved(rows, at, until)
    sweeps = (row for row in rows if row.priority == SWEEP and row.due_at < until)
    return Need(ceil(urgent), tuple(list_requests(row.unlocks or 0) for row in sweeps))


def room(left: int, need: Need) -> Room:
    """Divide what is left of the day: sweeps get what the urgent will not need, backfill the rest.

    A sweep that cannot be finished today needs nothing of today.
    """
    for_sweeps = max(0, left - need.urgent)
    for_backfill = for_sweeps - sum(one for one in need.sweeps if one <= for_sweeps)
    return Room(for_sweeps, max(0, for_backfill))


def waiting(
    conn: Connection, settings: Settings, *, at: datetime, selection: Selection = EVERYTHING
) -> list[Waiting]:
    """Tell what is due and waits for budget, as the database has it: most urgent first.

    Cost: O(polls).
    """
    budget = settings.api.daily_budget
    if not budget:
        return []
    left, forecast = max(0, budget - runs.asked_on(conn, at.date())), need(conn, at=at)
    why = _why(budget, left, forecast)
    return _waiting(conn, selection, budget, room(left, forecast), why, at)


def _waiting(
    conn: Connection, selection: Selection, budget: int, short: Room, why: str, at: datetime
) -> list[Waiting]:
    counts = demand.waiting(conn, selection, short, at=at)
    if not counts:
        return []
    until_at = midnight(at)
    tomorrow = room(budget, need(conn, at=until_at))
    never = demand.waiting(conn, selection, tomorrow, at=at)
    return [
        Waiting(one, counts[one], why, None if never.get(one) == counts[one] else until_at)
        for one in sorted(counts)
    ]


def midnight(at: datetime) -> datetime:
    """Tell when the budget is renewed: at the next midnight UTC."""
    return (at + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)


def told(waits: Iterable[Waiting]) -> str:
    """Say in one line, without figures that change, what waits; "" where nothing does."""
    some = list(waits)
    names = [NAMES[one.priority] for one in some]
    if not names:
        return ""
    waits_for = f"{' and '.join(names)} wait{'s' if names == ['backfill'] else ''} for"
    if any(one.until_at is None for one in some):
        return f"{waits_for} a higher api.daily_budget: what is more urgent leaves too little of it"
    return (
        f"{waits_for} the next UTC day; what is left of the daily budget is kept for what is "
        "more urgent (see api.daily_budget)"
    )


def shortage(conn: Connection, settings: Settings, *, at: datetime) -> str:
    """Say in one line what today's budget, as the database has it, leaves waiting; "": nothing."""
    budget = settings.api.daily_budget
    if budget and runs.asked_on(conn, at.date()) >= budget:
        spent = f"the daily budget of {budget} requests is spent"
        return f"{spent}; what is due waits for the next UTC day"
    return told(waiting(conn, settings, at=at))


def _why(budget: int, left: int, need: Need) -> str:
    return (
        f"{left} of today's {budget} requests are left, "
        f"and {need.urgent} of them will be needed for what is more urgent"
    )


def _routine(rows: Iterable[Planned], at: datetime, until: datetime) -> float:
    """Sum up the looks that fall due until then, at what such looks cost lately."""
    some = [row for row in rows if row.priority == ROUTINE]
    costs = {job: _cost(row for row in some if row.job == job) for job in {row.job for row in some}}
    return sum(_looks(row, at, until) * costs[row.job] for row in some)


def _cost(rows: Iterable[Planned]) -> float:
    """Average what the newest looks at the targets of a job took."""
    known = [row.requests / row.times for row in rows if row.requests is not None and row.times]
    return fmean(known) if known else USUAL_REQUESTS


def _looks(row: Planned, at: datetime, until: datetime) -> int:
    first = max(row.due_at, at)
    if first >= until:
        return 0
    return ceil((until - first).total_seconds() / row.interval_seconds)


def _moved(rows: Iterable[Planned], at: datetime, until: datetime) -> float:
    """Expect a request for each list that moved, and for as many as moved lately per time.

    A list is read no more often than the counters of its game are looked at.
    """
    some = list(rows)
    looks = {row.game_id: row.interval_seconds for row in some if row.job == "progress"}
    seconds = (until - at).total_seconds()
    due = sum(row.priority == MOVED for row in some)
    moving = (row for row in some if row.priority == SWEEP and row.churn and row.listed_at)
    return due + sum(
        min(_rate(row, at) * seconds, seconds / looks.get(row.game_id, seconds)) for row in moving
    )


def _rate(row: Planned, at: datetime) -> float:
    """Tell how many rows of a list moved per second since it was read completely."""
    age = (at - (row.listed_at or at)).total_seconds()
    return row.churn / max(age, row.interval_seconds / 10)
