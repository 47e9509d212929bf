"""Where looks are missing: the holes in the evidence of every poll.

A hole is a distance between two successful looks that is longer than the tolerance allows for
the interval then in force: between them, before the first, or since the last. Whoever tells
how much was looked at, or when it was not, reckons with these.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
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

polls, fetches = schema.polls, schema.fetches
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
        stop = earlier(func.coalesce(polls.c.watched_to, instant(self.at)), instant(self.at))
        start, end = later(polls.c.watched_from, instant(self.since)), instant(self.until)
        own = [polls.c.id.label("poll_id"), polls.c.watched_from, polls.c.interval_seconds]
        time = [start.label("start"), earlier(stop, end).label("end"), stop.label("stop")]
        return select(*own, *time).where(start < earlier(stop, end), *self.about).cte("times")


def holes(window: Window) -> Subquery:
    """Select `poll_id`, `from_at`, `to_at` and `promised` (seconds) of every hole in a window.

    `began_at` and `ended_at` tell its ends where they lie outside of the window; `is_first`
    tells that the poll had not been looked at before.
    Cost: O(rows of `fetches` in the window, and one more for each poll).
    """
    looks = _looks(window)
    return union_all(_between(looks), _since_the_last(window.times)).subquery("holes")


def _looks(window: Window) -> CTE:
    """List the successful looks of the window, each with the end of the one before."""
    times = window.times
    before = func.lag(fetches.c.last_at).over(
        partition_by=fetches.c.poll_id, order_by=(fetches.c.last_at, fetches.c.first_at)
    )
    promised = func.coalesce(fetches.c.interval_seconds, times.c.interval_seconds)
    last = times.c.stop if window.until >= window.at else _next(times)
    return (
        select(
            fetches.c.poll_id,
            fetches.c.first_at,
            before.label("looked_at"),
            promised.label("promised"),
            *(times.c[name] for name in ("watched_from", "start", "end")),
        )
        .join(times, times.c.poll_id == fetches.c.poll_id)
        .where(_succeeded(fetches.c.outcome), fetches.c.last_at >= _edge(times))
        .where(fetches.c.last_at <= last)
        .cte("looks")
    )


def _between(looks: CTE) -> Select[Any]:
    """Select the holes that ended with a look."""
    since = func.coalesce(looks.c.looked_at, looks.c.watched_from, type_=schema.Instant)
    whole = Seconds(looks.c.first_at) - Seconds(since)
    return (
        select(
            looks.c.poll_id,
            later(since, looks.c.start).label("from_at"),
            earlier(looks.c.first_at, looks.c.end).label("to_at"),
            since.label("began_at"),
            looks.c.first_at.label("ended_at"),
            looks.c.promised,
            looks.c.looked_at.is_(None).label("is_first"),
        )
        .where(whole > TOLERANCE * looks.c.promised)
        .where(since < looks.c.end, looks.c.first_at > looks.c.start)
    )


def _since_the_last(times: CTE) -> Select[Any]:
    """Select the holes that no look has ended yet."""
    looked_at = _look(times, nearest.c.last_at <= times.c.stop, is_last=True)
    known = once(select(times, looked_at.label("looked_at")), "lasting")
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


def _edge(times: CTE) -> Moment:
    """Find the last look before the window: a hole may reach over its edge."""
    before = _look(times, nearest.c.last_at < times.c.start, is_last=True)
    return func.coalesce(before, times.c.start, type_=schema.Instant)


def _next(times: CTE) -> Moment:
    """Find the first look after the window, for the same reason."""
    after = [nearest.c.last_at >= times.c.end, nearest.c.last_at <= times.c.stop]
    return func.coalesce(_look(times, *after, is_last=False), times.c.stop, type_=schema.Instant)


def _look(times: CTE, *conditions: ColumnElement[bool], is_last: bool) -> Moment:
    """Find the last look that fulfils the conditions since the poll is watched, or the first."""
    order = nearest.c.last_at.desc() if is_last else nearest.c.last_at
    found = select(nearest.c.last_at).where(
        nearest.c.poll_id == times.c.poll_id,
        _succeeded(nearest.c.outcome),
        nearest.c.last_at >= times.c.watched_from,
        *conditions,
    )
    return found.correlate(times).order_by(order).limit(1).scalar_subquery()


def last_look(at: datetime) -> Moment:
    """Find when a poll was last seen well at an instant; later, where looks without news go on."""
    found = select(nearest.c.last_at).where(
        nearest.c.poll_id == polls.c.id, _succeeded(nearest.c.outcome), nearest.c.first_at <= at
    )
    order = nearest.c.last_at.desc()
    return found.correlate(polls).order_by(order).limit(1).scalar_subquery()


def _succeeded(outcome: ColumnElement[str]) -> ColumnElement[bool]:
    return outcome.in_(schema.SUCCESSES)


def once(told: Select[Any], name: str) -> CTE:
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
