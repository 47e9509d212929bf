"""What a forecast starts from: the plan, how long the lists are, and what was asked lately."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, and_, func, select

from harvester.store import known, polls, runs, schema
from harvester.store.known import KnownAchievement
from harvester.store.polls import Poll, Selection

LOOKED_BACK: Final = timedelta(days=7)
_UNSETTLED: Final = ("open", "request", "quarantined")  # states that are looked at more often

Names = Mapping[str, str]  # as the watchlist has a user -> the name he bears


@dataclass(frozen=True)
class Tickets:
    """How many tickets a game has, and how many a list shows down to its oldest unsettled one."""

    listed: int
    down_to_unsettled: int = 0


@dataclass(frozen=True)
class UnlockList:
    """One list of who unlocked an achievement, as far as its first reading has come.

    `unlocks` is how many its counters tell of, `offset` where a reading stands.
    """

    game_id: int
    achievement_id: int
    unlocks: int
    is_listed: bool = False
    is_recent: bool = False
    offset: int = 0


@dataclass(frozen=True)
class Read:
    """Readings of lists that had moved: so many `times` took so many `requests` each."""

    game_id: int
    achievement_id: int
    requests: int
    times: int


@dataclass(frozen=True)
class Outlook:
    """What the database knows that bears on what will be asked.

    `unlocks` tells by achievement how many its counters say there are, `tickets` those of a
    game, official (True) or not. `moved` are the readings of lists since `moved_since`.
    """

    polls: Mapping[tuple[str, str], Poll] = field(default_factory=dict)
    achievements: Sequence[KnownAchievement] = ()
    titles: Mapping[int, str] = field(default_factory=dict)
    names: Names = field(default_factory=dict)
    unlocks: Mapping[int, int] = field(default_factory=dict)
    tickets: Mapping[tuple[int, bool], Tickets] = field(default_factory=dict)
    moved: Sequence[Read] = ()
    moved_since: datetime | None = None
    requests_today: int = 0
    not_before_at: datetime | None = None


NOTHING: Final = Outlook()


def read(conn: Connection, *, at: datetime) -> Outlook:
    """Read it all: nine statements, O(polls + tickets + evidence of unlock lists)."""
    planned = {(poll.job, poll.target): poll for poll in polls.chosen(conn, Selection())}
    legacy = runs.legacy(conn, at=at)
    since = _since(planned.values(), at)
    return Outlook(
        polls=planned,
        achievements=known.achievements(conn),
        titles=dict(_pairs(conn, select(schema.games.c.id, schema.games.c.title))),
        names=dict(_pairs(conn, _bearers())),
        unlocks=dict(_pairs(conn, _counters())),
        tickets=_tickets(conn),
        moved=[Read(*row) for row in conn.execute(_moved(since))] if since else (),
        moved_since=since,
        requests_today=legacy.requests_today,
        not_before_at=legacy.not_before_at,
    )


def unlock_lists(conn: Connection) -> list[UnlockList]:
    """List the watched unlock lists: one statement, O(lists)."""
    own, counted = schema.polls, schema.achievement_counters
    same = and_(counted.c.achievement_id == own.c.achievement_id, counted.c.valid_to.is_(None))
    wanted = ("game_id", "achievement_id", "listed_at", "schedule", "cursor")
    columns = [own.c[name] for name in wanted]
    query = select(*columns, func.coalesce(counted.c.unlocks, 0).label("unlocks"))
    there = query.outerjoin_from(own, counted, same).where(own.c.watched_to.is_(None))
    found: Iterable[Row[Any]] = conn.execute(there.where(own.c.job == "unlocks"))
    return [listed(row, row.unlocks) for row in found]


def is_any_unlisted(conn: Connection) -> bool:
    """Whether a watched unlock list was never read to its end."""
    own = schema.polls.c
    first = select(own.id).where(own.job == "unlocks", own.listed_at.is_(None))
    return conn.scalar(first.where(own.watched_to.is_(None)).limit(1)) is not None


def listed(poll: Poll | Row[Any], unlocks: int) -> UnlockList:
    """Tell how far the list of a poll is, given how many unlocks it has."""
    return UnlockList(
        poll.game_id or 0,
        poll.achievement_id or 0,
        unlocks,
        is_listed=poll.listed_at is not None,
        is_recent=poll.schedule.endswith(polls.RECENT),
        offset=_offset(poll.cursor),
    )


def _offset(cursor: str | None) -> int:
    return int(json.loads(cursor)["place"]["offset"]) if cursor else 0


def _pairs(conn: Connection, query: Select[Any]) -> list[tuple[Any, Any]]:
    return [(row[0], row[1]) for row in conn.execute(query)]


def _since(planned: Iterable[Poll], at: datetime) -> datetime | None:
    """Tell since when there is evidence of lists that move; None: of none."""
    begun = [poll.watched_from for poll in planned if poll.job == "unlocks"]
    return max(min(begun), at - LOOKED_BACK) if begun else None


def _bearers() -> Select[Any]:
    own, who = schema.polls, schema.users
    joined = select(own.c.asked_as, who.c.name).join(who, who.c.id == own.c.user_id)
    return joined.where(own.c.asked_as.is_not(None), own.c.watched_to.is_(None)).distinct()


def _counters() -> Select[Any]:
    own = schema.achievement_counters.c
    return select(own.achievement_id, func.coalesce(own.unlocks, 0)).where(own.valid_to.is_(None))


def _tickets(conn: Connection) -> dict[tuple[int, bool], Tickets]:
    """Count the tickets that are listed; RA shows the newest first."""
    own, of = schema.tickets, schema.achievements
    official = func.coalesce(of.c.is_promoted, True)
    oldest = _oldest_unsettled()
    is_shown = and_(oldest.c.id.is_not(None), own.c.id >= oldest.c.id)
    query = (
        select(own.c.game_id, official, func.count(), func.count(own.c.id).filter(is_shown))
        .join(of, of.c.id == own.c.achievement_id, isouter=True)
        .join(
            oldest,
            and_(oldest.c.game_id == own.c.game_id, oldest.c.official == official),
            isouter=True,
        )
        .where(own.c.gone_at.is_(None))
        .group_by(own.c.game_id, official)
    )
    rows = conn.execute(query)
    return {(row[0], bool(row[1])): Tickets(row[2], row[3]) for row in rows}


def _oldest_unsettled() -> Any:  # noqa: ANN401 - a subquery
    own, of, state = schema.tickets, schema.achievements, schema.ticket_states
    official = func.coalesce(of.c.is_promoted, True)
    return (
        select(own.c.game_id, official.label("official"), func.min(own.c.id).label("id"))
        .join(state, and_(state.c.ticket_id == own.c.id, state.c.valid_to.is_(None)))
        .join(of, of.c.id == own.c.achievement_id, isouter=True)
        .where(own.c.gone_at.is_(None), state.c.state.in_(_UNSETTLED))
        .group_by(own.c.game_id, official)
        .subquery()
    )


def _moved(since: datetime) -> Select[Any]:
    """Select the readings that found a list changed, but for the first ones."""
    own, poll = schema.fetches, schema.polls
    before = own.alias("before")
    is_read_before = (
        select(before.c.id)
        .where(before.c.poll_id == own.c.poll_id, before.c.id < own.c.id)
        .where(before.c.outcome.in_(schema.SUCCESSES))
        .exists()
    )
    return (
        select(poll.c.game_id, poll.c.achievement_id, own.c.requests, func.count())
        .join(poll, poll.c.id == own.c.poll_id)
        .where(poll.c.job == "unlocks", poll.c.watched_to.is_(None))
        .where(own.c.outcome == "changed", own.c.requests > 0, own.c.last_at >= since)
        .where(is_read_before)
        .group_by(poll.c.game_id, poll.c.achievement_id, own.c.requests)
    )
