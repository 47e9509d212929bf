"""The overview: what is watched and how it stands now, and how each job is doing.

The number of statements does not grow with the watchlist; games are told a page at a time.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Integer, and_, cast, func, literal_column, select

from harvester.store import schema

Rows = list[dict[str, Any]]

polls, games, users = schema.polls, schema.games, schema.users
counters, tickets = schema.game_counters, schema.game_ticket_counts
_WATCHED = polls.c.watched_to.is_(None)
_FAILS = polls.c.failures > literal_column("0")  # not bound: else no partial index serves
_A_GAME = and_(polls.c.job == "distribution", _WATCHED)  # asked for every watched game, once


def count_games(conn: Connection) -> int:
    """Count the watched games."""
    return conn.scalar(select(func.count()).select_from(polls).where(_A_GAME)) or 0


def watched_games(conn: Connection, *, limit: int, offset: int = 0) -> Rows:
    """Tell watched games by title: how many players, achievements and open tickets they have.

    What RA has not told yet is None. Cost: O(watched games) index entries.
    """
    now = polls.outerjoin(games, games.c.id == polls.c.game_id)
    now = now.outerjoin(schema.consoles, schema.consoles.c.id == games.c.console_id)
    now = now.outerjoin(counters, _current(counters, polls.c.game_id))
    official = and_(_current(tickets, polls.c.game_id), tickets.c.is_promoted.is_(True))
    query = (
        select(
            polls.c.game_id,
            games.c.title.label("game"),
            schema.consoles.c.name.label("console"),
            counters.c.players,
            counters.c.achievements,
            tickets.c.open.label("open_tickets"),
            games.c.gone_at,
        )
        .select_from(now.outerjoin(tickets, official))
        .where(_A_GAME)
        .order_by(func.lower(games.c.title), polls.c.game_id)
        .limit(limit)
        .offset(offset)
    )
    return [dict(row) for row in conn.execute(query).mappings()]


def _current(table: Any, game: ColumnElement[Any]) -> ColumnElement[bool]:  # noqa: ANN401 - a table
    return and_(table.c.game_id == game, table.c.valid_to.is_(None))


def watched_players(conn: Connection) -> Rows:
    """Tell the watched players as `who` (how they are asked for) and `user` (what they are called).

    Cost: O(polls of progress).
    """
    return _people(conn, "progress")


def watched_developers(conn: Connection) -> Rows:
    """Tell the watched developers, like players, with the tickets that are open now."""
    found = _people(conn, "developer-tickets")
    counts, own = schema.developer_ticket_counts, [row["user_id"] for row in found]
    query = select(counts.c.user_id, counts.c.open).where(
        counts.c.user_id.in_(own), counts.c.valid_to.is_(None)
    )
    held = {row.user_id: row.open for row in conn.execute(query)}
    return [{**row, "open_tickets": held.get(row["user_id"])} for row in found]


def _people(conn: Connection, job: str) -> Rows:
    query = (
        select(
            func.coalesce(users.c.name, polls.c.asked_as).label("user"),
            func.coalesce(users.c.ulid, polls.c.asked_as).label("who"),
            polls.c.user_id,
        )
        .select_from(polls.outerjoin(users, users.c.id == polls.c.user_id))
        .where(_WATCHED, polls.c.job == job, polls.c.asked_as.is_not(None))
        .distinct()
    )
    rows = [dict(row) for row in conn.execute(query).mappings()]
    return sorted(rows, key=lambda row: str(row["user"]).lower())


def jobs(conn: Connection, *, at: datetime) -> Rows:
    """Tell of each job how many polls are watched, fail, are late, and were never answered.

    A poll is late when it should have been asked before `at`. Cost: O(watched polls).
    """
    query = (
        select(
            polls.c.job,
            func.count().label("polls"),
            _counted(_FAILS).label("failing"),
            _counted(polls.c.due_at < at).label("late"),
            _counted(polls.c.last_ok_at.is_(None)).label("never"),
            func.max(polls.c.last_ok_at, type_=schema.Instant).label("last_ok_at"),
            func.min(polls.c.due_at, type_=schema.Instant).label("next_due_at"),
        )
        .where(_WATCHED)
        .group_by(polls.c.job)
        .order_by(polls.c.job)
    )
    return [dict(row) for row in conn.execute(query).mappings()]


def _counted(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(cast(condition, Integer)), 0)


def count_failing(conn: Connection) -> int:
    """Count the polls that fail. Cost: O(those)."""
    query = select(func.count()).select_from(polls).where(_WATCHED, _FAILS)
    return conn.scalar(query) or 0


def failing(conn: Connection, *, limit: int) -> Rows:
    """Tell the polls that fail, most often failed first. Cost: O(polls that fail)."""
    columns: Sequence[str] = ("job", "target", "failures", "last_error", "last_ok_at", "due_at")
    query = (
        select(*(polls.c[name] for name in columns))
        .where(_WATCHED, _FAILS)
        .order_by(polls.c.failures.desc(), polls.c.id)
        .limit(limit)
    )
    return [dict(row) for row in conn.execute(query).mappings()]
