"""A database of three million unlocks and a year of 2,000 games, looked at hourly.

`fill` writes it into SQLite, always the same one, by statements: no harvest is to be measured.
`copy` hands it on to PostgreSQL. RA is never that regular, but indexes and plans do not care.
"""

import random
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import psycopg

from harvester.store import db, migrate, schema
from harvester.store.evidence import TOLERANCE

DAYS: Final = 365
NOW: Final = datetime(2026, 11, 1, tzinfo=UTC)
START: Final = NOW - timedelta(days=DAYS)
HOURS: Final = DAYS * 24
NEWS: Final = 0.02  # of the looks
PLAYERS, WATCHED, AUTHORS = 20_000, 50, 50
POPULAR = 15_000  # unlocks of the first achievement
Row = tuple[Any, ...]
Moments = Sequence[int]  # hours of the year in which something changed, the first one 0


@dataclass(frozen=True)
class Scale:
    """How large it is."""

    games: int = 2_000
    own: int = 50  # achievements of a game
    unlocks: int = 3_000_000
    played: int = 1_000  # games of the first two players, the others have a tenth

    @property
    def crowded(self) -> int:
        """The game that has more of everything."""
        return min(100, self.games)


def fill(path: Path, scale: Scale) -> None:
    """Make the database; ten million rows in two minutes."""
    engine = db.connect(f"sqlite:///{path}")
    migrate.upgrade(engine, now=NOW)
    db.log_ahead(engine)
    engine.dispose()
    with closing(sqlite3.connect(path)) as made:
        made.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;")
        for table, names, rows in _contents(scale):
            marks = ", ".join("?" * len(names.split()))
            columns = ", ".join(f'"{name}"' for name in names.split())
            made.executemany(f"INSERT OR IGNORE INTO {table} ({columns}) VALUES ({marks})", rows)
            made.commit()
        made.executescript(f"{_AS_TIME_WENT_BY} ANALYZE; PRAGMA journal_mode = WAL;")


# A year writes evidence in the order of time, not poll by poll.
_AS_TIME_WENT_BY: Final = """
CREATE TEMP TABLE told AS SELECT * FROM fetches ORDER BY first_at, id;
DELETE FROM fetches;
UPDATE told SET id = rowid;
INSERT INTO fetches SELECT * FROM told ORDER BY id;
DROP TABLE told;
"""


@cache
def _at(hour: int, second: int = 0) -> str:
    return f"{START + timedelta(hours=hour, seconds=second):%Y-%m-%d %H:%M:%S}"


def _contents(scale: Scale) -> Iterator[tuple[str, str, Iterator[Row]]]:
    """Tell every table with its columns and rows."""
    chance = random.Random(1)
    yield from _entities(scale)
    yield from _counters(scale, chance)
    yield from _tickets(scale, chance)
    yield "unlocks", "achievement_id user_id unlocked_at hardcore_at valid_from", _unlocks(scale)
    yield "progress", _names("progress"), _progress(scale, chance)
    yield "polls", _POLL, _polls(scale)
    yield "fetches", _FETCH, _fetches(scale, chance)
    yield "runs", _RUN, _runs()
    yield "interruptions", "id reason priority started_at ended_at", _kept()


def _names(table: str) -> str:
    history = schema.HISTORIES[table]
    return " ".join([*history.key, *history.values, "valid_from", "valid_to"])


# --- who and what there is -------------------------------------------------------------


def _entities(scale: Scale) -> Iterator[tuple[str, str, Iterator[Row]]]:
    yield "consoles", "id name", iter([(1, "Genesis/Mega Drive")])
    people = [(own, f"01HARVESTER{own:015d}", f"Player{own}") for own in range(1, PLAYERS + 1)]
    yield "users", "id ulid name first_seen_at", ((*one, _at(0)) for one in people)
    yield "user_names", "user_id name valid_from", ((own, name, _at(0)) for own, _, name in people)
    games = [(game, f"Game {game}", 1, _at(0)) for game in range(1, scale.games + 1)]
    yield "games", "id title console_id first_seen_at", iter(games)
    yield "game_versions", "game_id title console_id valid_from", iter(games)
    own = "game_id title points author_id display_order is_promoted"
    yield "achievements", f"id {own} first_seen_at", _achievements(scale)
    yield "achievement_versions", f"achievement_id {own} valid_from valid_to", _versions(scale)


def _achievements(scale: Scale) -> Iterator[Row]:
    for own in _ids(scale):
        yield own, _game_of(scale, own), f"Deed {own}", 10, own % AUTHORS + 1, own, True, _at(0)


def _ids(scale: Scale) -> range:
    return range(1, scale.games * scale.own + 1)


def _game_of(scale: Scale, achievement: int) -> int:
    return (achievement - 1) // scale.own + 1


def _versions(scale: Scale) -> Iterator[Row]:
    """Let a tenth of the achievements be worth less at first."""
    for own, *told, _ in _achievements(scale):
        if own % 10 == 0:
            early = [5 if place == 2 else value for place, value in enumerate(told)]
            yield own, *early, _at(0), _at(HOURS // 2)
        yield own, *told, _at(HOURS // 2 if own % 10 == 0 else 0), None


# --- what changed ----------------------------------------------------------------------


def _moments(chance: random.Random, count: float) -> Moments:
    some = max(1, round(chance.expovariate(1 / count)))
    return [0, *sorted(chance.sample(range(1, HOURS), min(some, HOURS - 1)))]


def _steps(moments: Moments) -> Iterator[tuple[int, str, str | None]]:
    """Tell the interval of each value: its number, since when it holds, and until when."""
    for number, (since, until) in enumerate(pairwise([*moments, None])):
        assert since is not None
        yield number, _at(since, 7), None if until is None else _at(until, 7)


def _counters(scale: Scale, chance: random.Random) -> Iterator[tuple[str, str, Iterator[Row]]]:
    games, often = range(1, scale.games + 1), HOURS * NEWS
    yield (
        "game_counters",
        _names("game_counters"),
        (
            (game, 1_000 + number, scale.own, *time)
            for game in games
            for number, *time in _steps(_moments(chance, often))
        ),
    )
    yield (
        "game_ticket_counts",
        _names("game_ticket_counts"),
        (
            (game, True, number, number % 9, 0, number % 4, number % 5, 0, *time)
            for game in games
            for number, *time in _steps(_moments(chance, often))
        ),
    )
    yield (
        "achievement_counters",
        _names("achievement_counters"),
        (
            (own, number * 30, number * 20, *time)
            for own in _ids(scale)
            for number, *time in _steps(_moments(chance, often * 3 / scale.own))
        ),
    )
    yield (
        "achievement_ratios",
        _names("achievement_ratios"),
        (
            (own, 10 + number, *time)
            for own in _ids(scale)
            for number, *time in _steps(_moments(chance, often * 3 / scale.own))
        ),
    )
    yield (
        "distribution",
        _names("distribution"),
        (
            (game, True, is_hardcore, unlocked, number * (scale.own + 1 - unlocked), *time)
            for game in games
            for is_hardcore in (True, False)
            for unlocked in range(1, scale.own + 1)
            for number, *time in _steps(_moments(chance, 3 if game % scale.crowded else 60))
        ),
    )


def _tickets(scale: Scale, chance: random.Random) -> Iterator[tuple[str, str, Iterator[Row]]]:
    yield (
        "developer_ticket_counts",
        _names("developer_ticket_counts"),
        (
            (user, number % 9, number, number, 2 * number + number % 9, *time)
            for user in range(1, AUTHORS + 1)
            for number, *time in _steps(_moments(chance, HOURS * NEWS))
        ),
    )
    own = "id game_id achievement_id report_type is_hardcore notes reporter_id assignee_id"
    yield "tickets", f"{own} reported_at first_seen_at", _reported(scale)
    names = "ticket_id state resolved_at valid_from valid_to"
    yield "ticket_states", names, _states(scale)


def _reported(scale: Scale) -> Iterator[Row]:
    """Let every game have twenty tickets, and some two hundred."""
    for number in range(1, scale.games * 21 + 1):
        crowd = number > scale.games * 20
        game = scale.crowded if crowd and number % 2 else number % scale.games + 1
        achievement = (game - 1) * scale.own + number % scale.own + 1
        told = game, achievement, "Did not trigger", True, "It did not", number % PLAYERS + 1
        yield number, *told, achievement % AUTHORS + 1, _at(number * 7 % HOURS), _at(0)


def _states(scale: Scale) -> Iterator[Row]:
    for number, *_, reported_at, _ in _reported(scale):
        done = (number * 7 % HOURS + 300) % HOURS
        if _at(done) <= reported_at:
            yield number, "open", None, reported_at, None
        else:
            yield number, "open", None, reported_at, _at(done)
            yield number, "resolved", _at(done), _at(done), None


def _unlocks(scale: Scale) -> Iterator[Row]:
    most = scale.games * scale.own
    popular = min(POPULAR, scale.unlocks // 100)
    for number in range(1, scale.unlocks + 1):
        at = _at(number * 31 % HOURS, number % 3600)
        own = 1 if number <= popular else number // 37 % most + 1
        user = number if number <= popular else number * 7 % PLAYERS + 1
        yield own, user, at, at if number % 4 else None, _at(0)


def _pairs(scale: Scale) -> Iterator[tuple[int, int]]:
    for user in range(1, WATCHED + 1):
        many = scale.played if user <= 2 else scale.played // 10
        for game in range(1, min(many, scale.games) + 1):
            yield user, game


def _progress(scale: Scale, chance: random.Random) -> Iterator[Row]:
    for user, game in _pairs(scale):
        for number, *time in _steps(_moments(chance, 5)):
            share = min(number / scale.own, 1.0)
            yield (
                user,
                game,
                number,
                number // 2,
                share,
                share / 2,
                number * 3600,
                None,
                None,
                *time,
            )


# --- the harvest -----------------------------------------------------------------------

_POLL: Final = (
    "id job target game_id achievement_id asked_as user_id watched_from priority schedule "
    "interval_seconds due_at last_ok_at listed_at token memory"
)
_HOURLY: Final = ("3600s", 3600)


def _polls(scale: Scale) -> Iterator[Row]:
    """Tell the polls; their numbers go by their kind, and so does the evidence."""
    own: Row
    slow: Row
    for game in range(1, scale.games + 1):
        for kind, job in enumerate(("game-tickets", "progress", "distribution")):
            listed = "[]" if kind == 0 else None
            own = kind * 100_000 + game, job, f"game {game}", game, None, None, None
            yield *own, _at(0), 0, *_HOURLY, _at(HOURS), _at(HOURS), None, None, listed
    for place, (user, game) in enumerate(_pairs(scale)):
        name = f"Player{user}"
        slow = _HOURLY if user == 1 else ("full round, 604800s", 604_800)
        own = 300_000 + place, "progress", f"game {game}, player {name}", game, None, name, user
        yield *own, _at(0), 0, *slow, _at(HOURS), _at(HOURS), _at(HOURS - 9), None, None
    for user in range(1, WATCHED + 1):
        name = f"Player{user}"
        for base, job, target in _OF_PEOPLE[0 if user > 1 else 1 :]:
            own = base + user, job, f"{target} {name}", None, None, name, user
            yield *own, _at(0), 0, *_HOURLY, _at(HOURS), _at(HOURS), None, None, None
    for achievement in _ids(scale):
        own = 1_000_000 + achievement, "unlocks", f"achievement {achievement}"
        game = _game_of(scale, achievement)
        slow = "on-change", 604_800, _at(HOURS), _at(HOURS), _at(HOURS), "1/1", None
        yield *own, game, achievement, None, None, _at(0), 2, *slow


_OF_PEOPLE: Final = (
    (400_000, "progress", "player"),  # a survey; the first player has none
    (410_000, "developer-tickets", "developer"),
)
_FETCH: Final = (
    "id poll_id job first_at last_at times outcome requests rows_opened rows_closed error "
    "interval_seconds late_since_at"
)


def _fetches(scale: Scale, chance: random.Random) -> Iterator[Row]:
    """Look hourly but for ten nights off; a look with news is a row, those between are one."""
    number = 0
    nights = {24 * day for day in chance.sample(range(DAYS), 10)}
    for poll, job, *_, seconds, _, _, _, _, _ in _polls(scale):
        often = {3600: HOURS * NEWS, 604_800: 50 if poll < 1_000_000 else 3}[seconds]
        news = set(_moments(chance, 10 if job == "distribution" else often))
        dark = nights if poll < 400_000 else set[int]()
        seen = 0
        for first, last, outcome in _stretches(sorted(news | dark), dark):
            number += 1
            is_failure = outcome == "unavailable"
            is_late = not is_failure and (first - seen) * 3600 > TOLERANCE * seconds
            late = "HTTP 503" if is_failure else None, seconds, _at(seen) if is_late else None
            yield (
                number,
                poll,
                job,
                _at(first),
                _at(last),
                last - first + 1,
                outcome,
                1,
                0,
                0,
                *late,
            )
            seen = seen if is_failure else last


def _stretches(news: list[int], nights: set[int]) -> Iterator[tuple[int, int, str]]:
    for hour, following in pairwise([*news, HOURS + 1]):
        is_dark = hour in nights
        if is_dark:
            yield hour + 7, hour + 7, "unavailable"
        else:
            yield hour, hour, "changed"
        first = hour + 8 if is_dark else hour + 1
        if first < following:
            yield first, following - 1, "unchanged"


_RUN: Final = (
    "id command version pid host started_at beat_at ended_at requests requests_that_day pace_factor"
)


def _runs() -> Iterator[Row]:
    """Let cron start a fetch every quarter of an hour."""
    for number in range(HOURS * 4):
        began = number // 4, number % 4 * 900
        ended = _at(began[0], began[1] + 180)
        yield number + 1, "fetch", "1", 1, "box", _at(*began), ended, ended, 9, 9, 1.0


def _kept() -> Iterator[Row]:
    for day in range(DAYS):
        yield day + 1, "budget", 3, _at(24 * day + 20), _at(24 * day + 24)


# --- the same in PostgreSQL ------------------------------------------------------------


def copy(path: Path, url: str) -> None:
    """Write what an SQLite file holds into an empty PostgreSQL database, as it left COPY."""
    engine = db.connect(url)
    migrate.upgrade(engine, now=NOW)
    engine.dispose()
    with closing(sqlite3.connect(path)) as source, psycopg.connect(url) as target:
        target.execute("SET timezone TO 'UTC'")
        for table in schema.metadata.sorted_tables:
            if table.name != "discontinuities":  # they came with the schema
                _copied(source, target, table.name)
        target.execute("ANALYZE")


def _copied(source: sqlite3.Connection, target: psycopg.Connection, name: str) -> None:
    """Copy a table; history in the order of time, as it came about."""
    order = " ORDER BY valid_from" if name in schema.HISTORIES else ""
    rows = source.execute(f"SELECT * FROM {name}{order}")
    columns = ", ".join(f'"{column[0]}"' for column in rows.description)
    statement = f"COPY {name} ({columns}) FROM STDIN"
    with target.cursor().copy(statement) as into:
        for row in rows:
            into.write_row(row)
