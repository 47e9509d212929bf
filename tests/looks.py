"""Histories told by hand, and what is on record of looking: for trends that need no world."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, func, insert, select

from harvester.store import history, schema, series, trends
from harvester.store.evidence import TOLERANCE
from harvester.store.polls import Wanted, plan
from harvester.store.rows import Batch

START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = 1 / 24
SONIC, SPELUNKER, STUB = 1, 2, 3
RING, STAR = 11, 12
ALWAYS = (-9, 99)
ONCE = {"times": 1, "requests": 1, "rows_opened": 0, "rows_closed": 0}
polls, fetches = schema.polls, schema.fetches


def at(days: float) -> datetime:
    """Tell an instant in days after the start."""
    return START + timedelta(seconds=round(days * 86400))


def tell(
    conn: Connection,
    table: Any,  # noqa: ANN401 - any table
    days: float,
    *rows: dict[str, Any],
    within: dict[str, Any] | None = None,
    complete: bool = False,
    fetch: int | None = None,
) -> None:
    """Remember rows, as of so many days after the start."""
    batch = Batch(table, within or {}, rows, complete=complete)
    history.record(conn, batch, at=at(days), fetch_id=fetch)


def looked(  # noqa: PLR0913 - what a poll and its evidence say
    conn: Connection,
    job: str,
    *spans: tuple[float, float],
    game: int | None = None,
    user: int | None = None,
    name: str | None = None,
    outcome: str = "unchanged",
    error: str | None = None,
    hours: float = 1,
    now_hours: float | None = None,
) -> int:
    """Have it on record that a poll looked from first to last day of each span; tell its id.

    `hours` is the interval in force before each of them, `now_hours` the present one.
    """
    own = _poll(conn, job, game, user, name, now_hours or hours)
    for first, last in spans:
        seen = {"first_at": at(first), "last_at": at(last), "interval_seconds": int(hours * 3600)}
        row = {"poll_id": own, "job": job, "outcome": outcome, "error": error, **seen, **ONCE}
        prove(conn, id=_next(conn, fetches), **row)
    return own


def prove(conn: Connection, **row: Any) -> None:  # noqa: ANN401 - column values
    """Have evidence on record, the newest of its poll, as the harvest would write it."""
    (poll,) = conn.execute(select(polls).where(polls.c.id == row["poll_id"])).all()
    since = poll.last_ok_at or poll.watched_from
    is_success = row["outcome"] in schema.SUCCESSES
    promised = row.get("interval_seconds") or poll.interval_seconds
    is_late = is_success and (row["first_at"] - since).total_seconds() > TOLERANCE * promised
    conn.execute(insert(fetches).values(late_since_at=since if is_late else None, **row))
    if is_success:
        own = polls.update().where(polls.c.id == row["poll_id"])
        conn.execute(own.values(last_ok_at=row["last_at"]))


def _next(conn: Connection, table: Any) -> int:  # noqa: ANN401 - a table
    return (conn.scalar(select(func.max(table.c.id))) or 0) + 1


def _poll(
    conn: Connection, job: str, game: int | None, user: int | None, name: str | None, hours: float
) -> int:
    """Find the poll of a target, or plan it."""
    name = name or (f"U{user}" if user is not None else None)
    target = f"player {name}" if job == "progress" and game is None else f"{game} {name}"
    known = conn.scalar(select(polls.c.id).filter_by(job=job, target=target))
    if known:
        return int(known)
    seconds = int(hours * 3600)
    wanted = Wanted(job, target, f"{seconds}s", seconds, game_id=game, asked_as=name)
    plan(conn, [wanted], at=at(-9), within=polls.c.id < 0)
    own = _next(conn, polls) - 1
    conn.execute(polls.update().where(polls.c.id == own).values(user_id=user))
    return own


@pytest.fixture
def sonic(conn: Connection) -> Connection:
    """Tell of a game with two official achievements that nobody has looked at."""
    tell(conn, schema.game_versions, 0, {"game_id": SONIC, "title": "Sonic"}, fetch=1)
    deeds = (
        {"achievement_id": own, "game_id": SONIC, "title": title, "is_promoted": True}
        for own, title in ((RING, "Ring"), (STAR, "Star"))
    )
    tell(conn, schema.achievement_versions, 0, *deeds, fetch=1)
    return conn


def ask(conn: Connection, name: str, **options: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - as answer takes them
    """Ask a trend about three days."""
    asked = {"since": at(0), "until": at(3), "every": series.parse_every("1d"), **options}
    return trends.answer(conn, name, **asked).rows


def columns(rows: list[dict[str, Any]], *names: str) -> list[tuple[Any, ...]]:
    """Take some columns of rows."""
    return [tuple(row[name] for name in names) for row in rows]
