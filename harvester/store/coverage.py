"""Where looks are missing: the holes in the evidence of every poll.

A hole is a distance between two successful looks that is longer than the tolerance allows for
the interval then in force: between them, before the first, or since the last. The evidence
itself says which looks came late. Whoever tells how much was looked at, or when it was not,
reckons with these.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import chain
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    CompoundSelect,
    FromClause,
    Select,
    Subquery,
    case,
    func,
    literal,
    select,
    union_all,
)

from harvester.store import schema
from harvester.store.evidence import TOLERANCE
from harvester.store.instants import Seconds

polls, fetches, before = schema.polls, schema.fetches, schema.watched_before
nearest = fetches.alias("nearest")
Moment = ColumnElement[datetime]


@dataclass(frozen=True)
class Window:
    """The time that is asked about, [since, until], as seen at an instant `at` or before it.

    `about` narrows it to some polls: what is told of others is not even read.
    """

    since: datetime
    until: datetime
    at: datetime
    about: Sequence[ColumnElement[bool]] = ()

    @cached_property
    def times(self) -> CTE:
        """List the polls watched in the window: when it starts and ends for each of them.

        `stop` is when the poll was last watched: now, or when it left the watchlist.
        """
        stop = func.coalesce(polls.c.watched_to, instant(self.at))
        return self._times(polls, polls.c.id, stop).cte("times")

    @cached_property
    def times_before(self) -> CTE:
        """List the same of what was watched in the window, left, and came back."""
        times = self._times(before, before.c.poll_id, before.c.watched_to)
        return times.join(polls, polls.c.id == before.c.poll_id).cte("times_before")

    def _times(self, watched: FromClause, poll: ColumnElement[int], left_at: Moment) -> Select[Any]:
        own, stop = watched.c, earlier(left_at, instant(self.at))
        start, end = later(own.watched_from, instant(self.since)), instant(self.until)
        told = [poll.label("poll_id"), own.watched_from, own.interval_seconds, own.last_ok_at]
        time = [start.label("start"), earlier(stop, end).label("end"), stop.label("stop")]
        return select(*told, *time).where(start < earlier(stop, end), *self.about)


def holes(window: Window) -> Subquery:
    """Select `poll_id`, `from_at`, `to_at` and `promised` (seconds) of every hole in a window.

    `began_at` and `ended_at` tell its ends where they lie outside of the window; `is_first`
    tells that the poll had not been looked at before.
    What left the watchlist and came back is looked for in each of the times it was watched.
    Cost: O(polls, looks since the window began that came late or failed): one in time is not
    even read.
    """
    found = ((_between(one), _since_the_last(one)) for one in (window.times, window.times_before))
    return union_all(*chain.from_iterable(found)).subquery("holes")


def _between(times: CTE) -> Select[Any]:
    """Select the holes that ended with a look."""
    own = fetches.c
    since = later(own.late_since_at, times.c.watched_from)
    promised = func.coalesce(own.interval_seconds, times.c.interval_seconds)
    return (
        select(
            own.poll_id,
            later(since, times.c.start).label("from_at"),
            earlier(own.first_at, times.c.end).label("to_at"),
            since.label("began_at"),
            own.first_at.label("ended_at"),
            promised.label("promised"),
            _is_first(times).label("is_first"),
        )
        .join(times, times.c.poll_id == own.poll_id)
        .where(own.late_since_at.is_not(None), own.late_since_at < times.c.end)
        .where(own.first_at > times.c.start, own.first_at <= times.c.stop)
        .where(Seconds(own.first_at) - Seconds(since) > TOLERANCE * promised)
    )


def _is_first(times: CTE) -> ColumnElement[bool]:
    """Whether a late look was the first since its poll is watched."""
    since_then = [nearest.c.last_at >= times.c.watched_from, nearest.c.last_at < fetches.c.first_at]
    others = select(nearest.c.id).where(
        nearest.c.poll_id == fetches.c.poll_id, _succeeded(nearest.c.outcome), *since_then
    )
    is_waited_for = fetches.c.late_since_at > times.c.watched_from
    return case((is_waited_for, False), else_=~others.correlate(times, fetches).exists())


def _since_the_last(times: CTE) -> Select[Any]:
    """Select the holes that no look has ended yet."""
    known = once(select(times, _newest(times).label("looked_at")), f"lasting_{times.name}")
    since = func.coalesce(known.c.looked_at, known.c.watched_from, type_=schema.Instant)
    whole = Seconds(known.c.stop) - Seconds(since)
    return (
        select(
            known.c.poll_id,
            later(since, known.c.start).label("from_at"),
            known.c.end.label("to_at"),
            since.label("began_at"),
            known.c.stop.label("ended_at"),
            known.c.interval_seconds.label("promised"),
            known.c.looked_at.is_(None).label("is_first"),
        )
        .where(whole > TOLERANCE * known.c.interval_seconds)
        .where(since < known.c.end)
    )


def _newest(times: CTE) -> Moment:
    """Find the last look in the time that the poll is watched; null: there was none.

    The evidence is asked only where the plan knows of a later one: of a look in hand when its
    poll left the watchlist, or by a clock that stepped back.
    """
    looked = select(nearest.c.last_at).where(
        nearest.c.poll_id == times.c.poll_id,
        _succeeded(nearest.c.outcome),
        nearest.c.last_at >= times.c.watched_from,
        nearest.c.first_at <= times.c.stop,
    )
    found = looked.correlate(times).order_by(nearest.c.last_at.desc()).limit(1).scalar_subquery()
    own = times.c.last_ok_at
    return case((own < times.c.watched_from, None), (own <= times.c.stop, own), else_=found)


def last_look(at: Moment) -> Moment:
    """Find when a poll was last seen well at an instant; later, where looks without news go on.

    Two steps into the index for each poll, however much it looked since.
    """
    going_on = case((nearest.c.first_at <= at, nearest.c.last_at))
    following = _of_poll(going_on, nearest.c.last_at >= at)
    following = following.order_by(nearest.c.last_at, nearest.c.first_at)
    before = _of_poll(nearest.c.last_at, nearest.c.last_at < at).order_by(nearest.c.last_at.desc())
    found = (one.limit(1).scalar_subquery() for one in (following, before))
    return func.coalesce(*found, type_=schema.Instant)


def _of_poll(told: ColumnElement[datetime], when: ColumnElement[bool]) -> Select[datetime]:
    own = (nearest.c.poll_id == polls.c.id) & _succeeded(nearest.c.outcome)
    return select(told).where(own, when).correlate(polls)


def _succeeded(outcome: ColumnElement[str]) -> ColumnElement[bool]:
    return outcome.in_(schema.SUCCESSES)


def once(told: Select[Any] | CompoundSelect[Any], name: str) -> CTE:
    """Let a database work an answer out once; SQLite would for every mention of a column."""
    return told.cte(name).prefix_with("MATERIALIZED")


def later(one: Moment, other: Moment) -> Moment:
    """Tell the later of two instants."""
    return case((one > other, one), else_=other)


def earlier(one: Moment, other: Moment) -> Moment:
    """Tell the earlier of two instants."""
    return case((one < other, one), else_=other)


def instant(at: datetime) -> Moment:
    """Let an instant take part in a statement."""
    return literal(at, schema.Instant)
