"""What the plan will ask of a day's budget, and which due polls fit into what is left of it.

Nothing here reads history: every figure stands in the rows of `polls`, in their newest
evidence and in the current counters of achievements.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, func, not_, or_, select

from harvester.store import schema
from harvester.store.polls import BACKFILL, MOVED, ROUTINE, SWEEP, Selection

NEW_ROWS_A_PAGE = 499  # one row of a full page overlaps with the page before

polls, fetches, counters = schema.polls, schema.fetches, schema.achievement_counters
URGENT = (polls.c.priority <= MOVED,)  # asked as long as a single request is left


@dataclass(frozen=True)
class Room:
    """How many requests of today are free for sweeps, and for backfill; None: any number."""

    for_sweeps: int | None = None
    for_backfill: int | None = None

    @property
    def is_endless(self) -> bool:
        """Whether everything may be asked."""
        return self.for_sweeps is None

    def less(self, requests: int) -> "Room":
        """Tell what is left beside looks in hand that may still send so many requests."""
        if self.for_sweeps is None or self.for_backfill is None:
            return self
        return Room(max(0, self.for_sweeps - requests), max(0, self.for_backfill - requests))


@dataclass(frozen=True)
class Planned:
    """What bears on what a poll will still cost; `unlocks` counts the rows of its list."""

    job: str
    game_id: int | None
    priority: int
    due_at: datetime
    interval_seconds: int
    listed_at: datetime | None
    churn: int
    unlocks: int | None
    requests: int | None
    times: int | None


def list_requests(rows: int) -> int:
    """Tell how many requests a complete reading of a list takes.

    A list of several pages may move meanwhile; then its head is read once more.
    """
    pages = max(1, -(-rows // NEW_ROWS_A_PAGE))
    return pages + (pages > 1)


def planned(conn: Connection, *, until: datetime) -> Iterator[Planned]:
    """List the polls that may be asked until an instant, but for the first listings.

    Cost: O(polls that are asked routinely, that are due by then, or whose list moves).
    """
    by_then = or_(polls.c.priority == ROUTINE, polls.c.due_at < until, polls.c.churn > 0)
    own = [polls.c[name] for name in ("job", "game_id", "priority", "due_at", "interval_seconds")]
    query = (
        select(*own, polls.c.listed_at, polls.c.churn, counters.c.unlocks)
        .add_columns(fetches.c.requests, fetches.c.times)
        .outerjoin_from(polls, fetches, fetches.c.id == polls.c.last_fetch_id)
        .outerjoin(counters, _of_the_list())
        .where(polls.c.watched_to.is_(None), polls.c.priority < BACKFILL, by_then)
    )
    for row in conn.execute(query).mappings():
        yield Planned(**{column.name: row[column.name] for column in fields(Planned)})


def fitting(room: Room) -> list[ColumnElement[bool]]:
    """Express in SQL which polls may be asked: a sweep only if its whole list fits."""
    if room.for_sweeps is None or room.for_backfill is None:
        return []
    has_backfill = room.for_backfill > 0
    small = _rows() <= _most_rows(room.for_sweeps)
    fits = [or_(polls.c.priority != SWEEP, small)]
    return fits if has_backfill else [*fits, polls.c.priority < BACKFILL]


def waiting(conn: Connection, selection: Selection, room: Room, *, at: datetime) -> dict[int, int]:
    """Count the due polls that do not fit, by priority. Cost: O(due polls)."""
    if room.is_endless:
        return {}
    due = [*selection.conditions(), polls.c.due_at <= at, not_(and_(*fitting(room)))]
    query = select(polls.c.priority, func.count()).where(*due).group_by(polls.c.priority)
    return {row[0]: row[1] for row in conn.execute(query)}


def _most_rows(requests: int) -> int:
    """Tell the longest list that so many requests can read; -1: none."""
    if list_requests(NEW_ROWS_A_PAGE + 1) > requests:
        return NEW_ROWS_A_PAGE if requests > 0 else -1
    return (requests - 1) * NEW_ROWS_A_PAGE


def _rows() -> ColumnElement[int]:
    own = select(counters.c.unlocks).where(_of_the_list()).correlate(polls)
    return func.coalesce(own.scalar_subquery(), 0)


def _of_the_list() -> ColumnElement[bool]:
    is_own = counters.c.achievement_id == polls.c.achievement_id
    return and_(is_own, counters.c.valid_to.is_(None), polls.c.job == "unlocks")
