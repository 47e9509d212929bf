"""A database as it is after a year: 2,000 games looked at hourly, 2 % of the looks with news.

`python -m benchmarks.years URL` fills an empty database (SQLite or PostgreSQL) with 3,000 polls
and tells how long the questions about all of it take: `status`, `gaps` and `top`.
"""

import random
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from statistics import median
from typing import Any, Final

from sqlalchemy import Connection, Engine, Table, func, select, text

from harvester.store import db, gaps, migrate, report, schema, top

GAMES, SET, POLLS, DAYS = 2000, 50, 3000, 365
NOW: Final = datetime(2026, 11, 1, tzinfo=UTC)
START: Final = NOW - timedelta(days=DAYS)
HOURS: Final = DAYS * 24
NEWS: Final = 0.02
Row = tuple[Any, ...]


def fill(engine: Engine) -> None:
    """Write a year of history, always the same one."""
    chance = random.Random(1)
    with engine.begin() as conn:
        _put(conn, schema.games, ("id", "title", "first_seen_at"), _games())
        own = ("id", "game_id", "title", "is_promoted", "first_seen_at")
        _put(conn, schema.achievements, own, _achievements())
        _put(conn, schema.users, ("id", "name", "first_seen_at"), [(1, "Ann", START)])
        _put(conn, schema.polls, _POLL, _polls())
        _history(conn, schema.game_counters, "players", _of_games(chance, ()))
        _history(conn, schema.game_ticket_counts, "reported", _of_games(chance, (True,)))
        _history(conn, schema.achievement_counters, "unlocks", _of_achievements(chance))
        _history(conn, schema.distribution, "players", _of_distributions(chance))
        _put(conn, schema.fetches, _FETCH, _fetches(chance))
        _put(conn, schema.runs, _RUN, _runs())
        _put(conn, schema.interruptions, _KEPT, _kept())
    with engine.connect() as conn:
        conn.execute(text("ANALYZE"))
        conn.commit()


def _put(conn: Connection, table: Table, names: tuple[str, ...], rows: Any) -> None:  # noqa: ANN401 - rows
    lines = iter(rows)
    while some := list(islice(lines, 50_000)):
        conn.execute(table.insert(), [dict(zip(names, row, strict=True)) for row in some])


def _games() -> Iterator[Row]:
    return ((game, f"Game {game}", START) for game in range(1, GAMES + 1))


def _achievements() -> Iterator[Row]:
    for game in range(1, GAMES + 1):
        for own in range(game * 100, game * 100 + SET):
            yield own, game, f"Deed {own}", True, START


_POLL: Final = (
    "id", "job", "target", "game_id", "watched_from", "schedule", "interval_seconds", "due_at",
    "priority", "last_ok_at",
)  # fmt: skip


def _polls() -> Iterator[Row]:
    for poll in range(1, POLLS + 1):
        game = (poll - 1) % GAMES + 1
        job = "game-tickets" if poll <= GAMES else "progress"
        yield poll, job, f"game {game}", game, START, "3600s", 3600, NOW, 0, NOW


def _moments(chance: random.Random, count: float) -> list[datetime]:
    """Choose the hours of a year in which something changed; the first one is its beginning."""
    some = max(1, round(chance.expovariate(1 / count))) if count else 1
    hours = sorted(chance.sample(range(1, HOURS), min(some, HOURS - 1)))
    return [START, *(START + timedelta(hours=hour, seconds=7) for hour in hours)]


def _history(conn: Connection, table: Table, column: str, keys: Iterator[Any]) -> None:
    history = schema.HISTORIES[table.name]
    names = (*history.key, column, "valid_from", "valid_to")
    _put(conn, table, names, (row for key, moments in keys for row in _rows(key, moments)))


def _rows(key: Row, moments: list[datetime]) -> Iterator[Row]:
    for value, (since, until) in enumerate(pairwise([*moments, None])):
        yield *key, 100 + value, since, until


def _of_games(chance: random.Random, more: Row) -> Iterator[tuple[Row, list[datetime]]]:
    for game in range(1, GAMES + 1):
        yield (game, *more), _moments(chance, HOURS * NEWS)


def _of_achievements(chance: random.Random) -> Iterator[tuple[Row, list[datetime]]]:
    for own, *_ in _achievements():
        yield (own,), _moments(chance, HOURS * NEWS * 3 / SET)


def _of_distributions(chance: random.Random) -> Iterator[tuple[Row, list[datetime]]]:
    for game in range(1, GAMES + 1):
        for unlocked in range(1, SET + 1):
            for is_hardcore in (True, False):
                yield (game, True, is_hardcore, unlocked), _moments(chance, 3)


_FETCH: Final = (
    "id", "poll_id", "job", "first_at", "last_at", "times", "outcome", "requests", "rows_opened",
    "rows_closed", "error", "interval_seconds",
)  # fmt: skip


def _fetches(chance: random.Random) -> Iterator[Row]:
    """Look hourly but for ten nights off; a look with news is a row, those between are one."""
    number = 0
    nights = {24 * day for day in chance.sample(range(DAYS), 10)}
    for poll in range(1, POLLS + 1):
        news = {round((at - START) / timedelta(hours=1)) for at in _moments(chance, HOURS * NEWS)}
        for first, last, outcome in _stretches(sorted(news | nights), nights):
            number += 1
            seen = START + timedelta(hours=first), START + timedelta(hours=last)
            error = "HTTP 503" if outcome == "unavailable" else None
            yield number, poll, "progress", *seen, last - first + 1, outcome, 1, 0, 0, error, 3600


def _stretches(news: list[int], nights: set[int]) -> Iterator[tuple[int, int, str]]:
    for hour, following in pairwise([*news, HOURS + 1]):
        if hour in nights:
            yield hour + 7, hour + 7, "unavailable"
        else:
            yield hour, hour, "changed"
        first = hour + 8 if hour in nights else hour + 1
        if first < following:
            yield first, following - 1, "unchanged"


_RUN: Final = (
    "id", "command", "version", "pid", "host", "started_at", "beat_at", "ended_at", "requests",
    "requests_that_day", "pace_factor",
)  # fmt: skip


def _runs() -> Iterator[Row]:
    """Let cron start a fetch every quarter of an hour."""
    for number in range(HOURS * 4):
        began = START + timedelta(minutes=15 * number)
        ended = began + timedelta(minutes=3)
        yield number + 1, "fetch", "1", 1, "box", began, ended, ended, 9, 9, 1.0


_KEPT: Final = ("id", "reason", "priority", "started_at", "ended_at")


def _kept() -> Iterator[Row]:
    for day in range(DAYS):
        began = START + timedelta(days=day, hours=20)
        yield day + 1, "budget", 3, began, began + timedelta(hours=4)


# --- how long the questions take -------------------------------------------------------


def _timed(question: Callable[[], Any]) -> float:
    """Ask three times; tell the median in milliseconds."""
    took = []
    for _ in range(3):
        began = time.perf_counter()
        question()
        took.append(time.perf_counter() - began)
    return median(took) * 1000


def measure(engine: Engine) -> Iterator[tuple[str, float, int]]:
    """Tell of every question how long it takes and how many rows it answers."""
    month: dict[str, Any] = {"since": NOW - timedelta(days=30), "until": NOW}
    year: dict[str, Any] = {"since": START, "until": NOW}
    with engine.connect() as conn:
        questions: dict[str, Callable[[], Any]] = {
            "status": lambda: report.status(conn, at=NOW),
            "gaps, 30 days": lambda: gaps.holes(conn, **month, at=NOW),
            "gaps, a year": lambda: gaps.holes(conn, **year, at=NOW),
        }
        for name in top.RANKINGS:
            questions[f"top {name}"] = lambda name=name: top.ranked(conn, name, **month)  # type: ignore[misc]
            questions[f"top {name}, a year"] = lambda name=name: top.ranked(conn, name, **year)  # type: ignore[misc]
        for name, question in questions.items():
            yield name, _timed(question), len(question())


def main(url: str) -> None:
    """Fill the database where it is empty, and measure."""
    engine = db.connect(url)
    with engine.connect() as conn:
        is_empty = migrate.state(conn) == "empty"
    if is_empty:
        migrate.upgrade(engine, now=NOW)
        fill(engine)
    with engine.connect() as conn:
        for table in (schema.fetches, *(one.table for one in schema.HISTORIES.values())):
            print(f"{table.name}: {conn.scalar(select(func.count()).select_from(table)):,} rows")
    for name, milliseconds, rows in measure(engine):
        print(f"{name}: {milliseconds:.0f} ms, {rows:,} rows")


if __name__ == "__main__":
    main(sys.argv[1])
