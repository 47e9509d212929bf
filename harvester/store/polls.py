"""The plan as data: one row per job and target, with when it is due and how it went."""

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from functools import cache, lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    Select,
    Update,
    bindparam,
    case,
    func,
    or_,
    select,
)

from harvester.schedule import Every, every_of, share, stretched_due
from harvester.schedule import next_due as slot_after
from harvester.store import schema
from harvester.store.instants import Seconds

polls = schema.polls
ROUTINE, MOVED, SWEEP, BACKFILL = range(4)  # what is asked first when several are due
ON_CHANGE = "on-change"  # how the schedule of a list begins that has no due time of its own
RECENT = ", recent"  # how the schedule of a list ends of which only what is new is wanted
UTC = ZoneInfo("UTC")


@dataclass(frozen=True)
class Wanted:
    """One poll that the watchlist asks for."""

    job: str
    target: str
    schedule: str
    interval_seconds: int
    game_id: int | None = None
    achievement_id: int | None = None
    asked_as: str | None = None
    priority: int = ROUTINE


@dataclass(frozen=True)
class Poll:
    """A row of `polls`: one job and target, with its plan and its memory."""

    id: int
    job: str
    target: str
    game_id: int | None
    achievement_id: int | None
    asked_as: str | None
    user_id: int | None
    watched_from: datetime
    watched_to: datetime | None
    priority: int
    schedule: str
    interval_seconds: int
    due_at: datetime
    last_attempt_at: datetime | None
    last_ok_at: datetime | None
    listed_at: datetime | None
    token: str | None
    failures: int
    denied: str | None
    last_error: str | None
    gone_at: datetime | None
    cursor: str | None
    fetch_id: int | None
    last_fetch_id: int | None
    listed_from_at: datetime | None = None
    churn: int = 0
    memory: str | None = None
    digests: str | None = None
    requests: int = 0
    rows_opened: int = 0
    rows_closed: int = 0

    @property
    def place(self) -> Any:  # noqa: ANN401 - opaque JSON of the endpoint
        """The cursor, decoded: where the endpoint stood in a look that is not over."""
        return json.loads(self.cursor) if self.cursor else None

    @property
    def remembered(self) -> Any:  # noqa: ANN401 - opaque JSON of the endpoint
        """The memory, decoded: what the endpoint keeps from its last finished look."""
        return json.loads(self.memory) if self.memory else None


@dataclass(frozen=True)
class Selection:
    """Which polls a round is about; empty means all."""

    jobs: Collection[str] = field(default_factory=tuple)
    games: Collection[int] = field(default_factory=tuple)
    users: Collection[str] = field(default_factory=tuple)

    def conditions(self) -> list[ColumnElement[bool]]:
        """Express the selection, and that the target is still watched, in SQL."""
        chosen: list[ColumnElement[bool]] = [polls.c.watched_to.is_(None)]
        if self.jobs:
            chosen.append(polls.c.job.in_(self.jobs))
        if self.games:
            chosen.append(polls.c.game_id.in_(self.games))
        if self.users:
            chosen.append(_is_about(self.users))
        return chosen


def _is_about(users: Collection[str]) -> ColumnElement[bool]:
    """Match polls by the watchlist's spelling of a user, or by any name he bore."""
    folded = [user.lower() for user in users]
    bearers = select(schema.user_names.c.user_id).where(schema.user_names.c.name.in_(users))
    return or_(func.lower(polls.c.asked_as).in_(folded), polls.c.user_id.in_(bearers))


def plan(
    conn: Connection,
    wanted: Iterable[Wanted],
    *,
    at: datetime,
    within: ColumnElement[bool] | None = None,
) -> None:
    """Make the plan follow the watchlist: new targets are due at once, left ones rest.

    `within` limits what may be put to rest, where only a part of the watchlist is planned.
    """
    held = {(row.job, row.target): row for row in _all(conn, within)}
    asked = {(poll.job, poll.target): poll for poll in wanted}
    _add(conn, [poll for key, poll in asked.items() if key not in held], at)
    for key, row in held.items():
        if key not in asked:
            _rest(conn, row, at)
        else:
            _follow(conn, row, asked[key], at)


def _all(conn: Connection, within: ColumnElement[bool] | None) -> list[Poll]:
    query = select(polls) if within is None else select(polls).where(within)
    return [of(row) for row in conn.execute(query).mappings()]


def of(row: RowMapping) -> Poll:
    """Make a poll of a row that holds all of its columns, and perhaps others."""
    return Poll(**{name: row[name] for name in _NAMES})


_NAMES: Final = tuple(column.name for column in fields(Poll))


def _add(conn: Connection, wanted: list[Wanted], at: datetime) -> None:
    last = conn.scalar(select(func.max(polls.c.id))) or 0
    since = {"watched_from": at, "listed_from_at": at, "due_at": at}
    rows = [
        {**vars(poll), "id": last + number, **since} for number, poll in enumerate(wanted, start=1)
    ]
    if rows:
        conn.execute(polls.insert(), rows)


def _rest(conn: Connection, row: Poll, at: datetime) -> None:
    if row.watched_to is None:
        change(conn, row, watched_to=max(at, row.watched_from))


def _follow(conn: Connection, row: Poll, wanted: Wanted, at: datetime) -> None:
    """Take over what the watchlist says now; what is watched again is due at once."""
    values: dict[str, Any] = {}
    if row.watched_to is not None:
        since = _again(conn, row, row.watched_to, at)
        values |= {"watched_to": None, "watched_from": since, "due_at": at}
    if row.schedule != wanted.schedule:
        values |= _rescheduled(row, wanted, at) | values
    if row.game_id != wanted.game_id:
        values["game_id"] = wanted.game_id
    if values:
        change(conn, row, **values)


def _again(conn: Connection, row: Poll, left_at: datetime, at: datetime) -> datetime:
    """Tell since when a poll is watched that comes back; what was before it left is kept.

    What was away for no time, or by a clock that has stepped back since, was never away.
    """
    if left_at >= at:
        return min(row.watched_from, at)
    if row.watched_from < left_at:
        _keep(conn, row, left_at)
    return at


def _keep(conn: Connection, row: Poll, left_at: datetime) -> None:
    own, since = schema.watched_before, row.watched_from
    # A clock that stepped back may have watched since the same instant before.
    same = own.c.poll_id == row.id, own.c.watched_from >= since
    conn.execute(own.delete().where(*same))
    kept = {"interval_seconds": row.interval_seconds, "last_ok_at": row.last_ok_at}
    watched = {"poll_id": row.id, "watched_from": since, "watched_to": left_at}
    conn.execute(own.insert().values(watched | kept))


def _rescheduled(row: Poll, wanted: Wanted, at: datetime) -> dict[str, Any]:
    """Tell what a changed schedule changes; where more is wanted than before, it is due at once."""
    taken = {"schedule": wanted.schedule, "interval_seconds": wanted.interval_seconds}
    if row.schedule.endswith(RECENT) and not wanted.schedule.endswith(RECENT):
        return {**taken, **_unlisted(at)}
    looked_at = (row.listed_at if is_on_change(row) else None) or row.last_attempt_at or at
    soonest = looked_at + timedelta(seconds=wanted.interval_seconds)
    return {**taken, "due_at": min(row.due_at, max(soonest, at))}


def _unlisted(at: datetime) -> dict[str, Any]:
    """Tell what a list is like that has to be listed from the beginning."""
    blank = dict.fromkeys(("token", "memory", "cursor", "listed_at"))
    return {**blank, "listed_from_at": at, "due_at": at, "priority": BACKFILL}


def on_grid(poll: Poll, at: datetime, *, is_longer: bool = False) -> datetime:
    """Tell the next due time after `at` of a poll that is asked at intervals.

    The grid belongs to the target: it begins when the target was first watched, less the
    target's own share of the interval, and nothing that is asked by hand shifts it. Sweeps
    take their share of the whole interval: those of a game are spread evenly over it. Adaptive
    polls skip slots; `is_longer` says that the interval in force has just been doubled.
    """
    every, target = every_of(poll.schedule), f"{poll.job} {poll.target}"
    every = every or Every(poll.interval_seconds)
    if is_on_change(poll):
        slot = poll.watched_from - share(target, every.seconds)
    else:
        slot = slot_after(every, poll.watched_from, due_at=None, target=target, timezone=UTC)
    seconds = poll.interval_seconds
    return stretched_due(every, at, interval=seconds, slot=slot, target=target, is_longer=is_longer)


def is_on_change(poll: Poll) -> bool:
    """Whether a list is read when its counters moved, and completely once in its interval."""
    return poll.schedule.startswith(ON_CHANGE)


def pull_back(conn: Connection, *, at: datetime) -> None:
    """Make due what a clock that once was far ahead has put off too far."""
    was_ahead = or_(polls.c.last_attempt_at > at, polls.c.watched_from > at)
    ahead = [polls.c.watched_to.is_(None), was_ahead, polls.c.due_at > at]
    for row in conn.execute(select(polls).where(*ahead)).mappings():
        poll = of(row)
        longest = max(timedelta(seconds=poll.interval_seconds), timedelta(days=1))
        if poll.due_at > at + longest:
            change(conn, poll, due_at=at)


def change(conn: Connection, poll: Poll, **values: Any) -> Poll:  # noqa: ANN401 - column values
    """Write columns of one poll; tell what it is like now."""
    conn.execute(_changing(tuple(values)), {"own": poll.id, **values})
    return replace(poll, **values)


@cache
def _changing(names: tuple[str, ...]) -> Update:
    told: dict[str, Any] = {name: bindparam(name) for name in names}
    return polls.update().where(polls.c.id == bindparam("own")).values(told)


def again(conn: Connection, poll: Poll) -> Poll:
    """Read a poll again, where others may have written to it meanwhile."""
    (now,) = matching(conn, polls.c.id == poll.id)
    return now


def forget_answers(conn: Connection, poll: Poll) -> None:
    """Let no equal answer be believed by the other polls of a game of which this one told news."""
    others = (polls.c.game_id == poll.game_id) & (polls.c.job == poll.job) & (polls.c.id != poll.id)
    conn.execute(polls.update().where(others, polls.c.digests.is_not(None)).values(digests=None))


def matching(
    conn: Connection,
    *conditions: ColumnElement[bool],
    order: Collection[ColumnElement[Any]] = (polls.c.id,),
) -> list[Poll]:
    """List the polls that fulfil some conditions."""
    query = select(polls).where(*conditions).order_by(*order)
    return [of(row) for row in conn.execute(query).mappings()]


def user_of(conn: Connection, asked_as: str) -> int | None:
    """Tell whom RA named when it was last asked for this name of the watchlist."""
    known = [polls.c.asked_as == asked_as, polls.c.user_id.is_not(None)]
    return conn.scalar(select(polls.c.user_id).where(*known, polls.c.watched_to.is_(None)).limit(1))


def chosen(conn: Connection, selection: Selection) -> list[Poll]:
    """List the watched polls of a selection, the most urgent class first."""
    by_class = (polls.c.priority, polls.c.due_at, polls.c.id)
    query = select(polls).where(*selection.conditions()).order_by(*by_class)
    return [of(row) for row in conn.execute(query).mappings()]


def _order() -> tuple[ColumnElement[Any], ...]:
    """Tell in which order polls are asked of which all are due `at` an instant, a parameter.

    A sweep that is overdue by more than its whole interval goes before all others: else one
    with little churn would never be its turn where the budget never suffices.
    """
    own = polls.c
    overdue = Seconds(bindparam("at", type_=schema.Instant)) - Seconds(own.due_at)
    is_starved = (own.priority == SWEEP) & (overdue > own.interval_seconds)
    return (
        own.priority,
        case((is_starved, 0), else_=1),
        case((is_starved, 0), (own.priority == SWEEP, own.churn), else_=0).desc(),
        case((own.priority == BACKFILL, own.listed_from_at)).desc(),  # which came back the least
        own.due_at,
        own.id,
    )


def next_due(
    conn: Connection,
    selection: Selection,
    *,
    at: datetime,
    only: Iterable[ColumnElement[bool]] = (),
) -> Poll | None:
    """Find the poll to ask now: the most urgent class, and in it the most overdue; `only` of some.

    Sweeps go by what came and went since the last one, first listings so that all of them
    come back to the same instant. Cost: O(polls that are due).
    """
    chosen = (tuple(own) for own in (selection.jobs, selection.games, selection.users))
    row = conn.execute(_due(*chosen, tuple(only)), {"at": at}).mappings().first()
    return None if row is None else of(row)


@lru_cache(maxsize=16)  # asked before every request, and mostly about the same
def _due(
    jobs: tuple[str, ...],
    games: tuple[int, ...],
    users: tuple[str, ...],
    only: tuple[ColumnElement[bool], ...],
) -> Select[Any]:
    """Select the most urgent poll of those due `at` an instant, a parameter."""
    chosen = Selection(jobs, games, users).conditions()
    query = select(polls).where(*chosen, polls.c.due_at <= bindparam("at"), *only)
    return query.order_by(*_order()).limit(1)


def count_due(conn: Connection, selection: Selection, *, at: datetime) -> int:
    """Count the polls that are due."""
    query = select(func.count()).where(*selection.conditions(), polls.c.due_at <= at)
    return conn.scalar(query) or 0


def make_due(conn: Connection, selection: Selection, *, at: datetime, is_forced: bool) -> None:
    """Count everything selected as due.

    Lists that are read on change are asked as if they had moved, which a cheaper answer of
    the same round may still disprove (`moving`); when forced, they are read completely, and
    what earlier looks left to other polls is forgotten.
    """
    listed = polls.c.schedule.startswith(ON_CHANGE) & polls.c.listed_at.is_not(None)
    chosen = selection.conditions()
    asked = ROUTINE if is_forced else MOVED
    conn.execute(polls.update().where(*chosen, listed).values(priority=asked))
    if is_forced:
        blank = dict.fromkeys(("memory", "digests"))
        conn.execute(polls.update().where(*chosen, polls.c.job != "unlocks").values(blank))
    conn.execute(polls.update().where(*chosen, polls.c.due_at > at).values(due_at=at))


def rests(poll: Poll, at: datetime, *, is_longer: bool = False) -> dict[str, Any]:
    """Tell when a list that was just read is due again: for its sweep, or to be read on.

    `at` is the present: a listing dated later, by a clock that went wrong, counts as of now.
    """
    if poll.listed_at is None:
        return {"priority": BACKFILL, "due_at": at}
    if not is_on_change(poll):
        return {"priority": MOVED}  # its head is read by the clock
    swept_at = min(poll.listed_at, at)
    return {"priority": SWEEP, "due_at": on_grid(poll, swept_at, is_longer=is_longer)}
