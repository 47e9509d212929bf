"""The demo: the real harvester on a simulated RetroAchievements, weeks in seconds.

populate a world -> serve it on loopback -> let it live and harvest it, day after day, on
simulated time -> show what is remembered. Client, harvest, history and trends are the ones
that everybody uses; only players, games and the clock are made up.
"""

import random
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from harvester import app, config, harvest
from harvester.config import Settings
from harvester.errors import ConfigError
from harvester.sandbox.activity import live
from harvester.sandbox.populate import populate
from harvester.sandbox.server import serve
from harvester.sandbox.world import World
from harvester.stop import Stop
from harvester.store import audit, gaps, schema, top, trends
from harvester.store.polls import Selection
from harvester.store.series import Span, parse_every

FILE = "demo.db"
DAYS = 28
DAYS_OFF = range(16, 19)  # on which nobody harvests, so that there is a hole to be seen
ROUNDS_A_DAY = 2
EVENTS_AN_HOUR = 2
SEED = 7
COUNTED = ("games", "achievements", "users", "tickets", "unlocks", "distribution", "fetches")

QUERIES = (
    "SELECT state, count(*) AS tickets FROM ticket_states WHERE valid_to IS NULL GROUP BY state",
    """SELECT name, count(*) AS unlocks FROM unlocks JOIN users ON id = user_id
WHERE valid_to IS NULL GROUP BY user_id ORDER BY unlocks DESC LIMIT 5""",
    """SELECT title, points, valid_from, valid_to FROM achievement_versions
WHERE valid_to IS NOT NULL ORDER BY valid_to DESC LIMIT 5""",
)


@dataclass(frozen=True)
class Demo:
    """What a demo came to: what was asked and found between two instants, and what it tells.

    `game` is the one that the trends and `holes` are about; `moved` is of all games.
    """

    path: Path
    since: datetime
    until: datetime
    game: int
    requests: int
    outcomes: Counter[str]
    rows: dict[str, int]
    tickets: list[dict[str, Any]]
    players: list[dict[str, Any]]
    moved: list[dict[str, Any]]
    holes: list[dict[str, Any]]


@dataclass
class _Tally:
    """What the harvests of a demo come to."""

    requests: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)


def run(directory: Path, *, tell: Callable[[int], None] = lambda _day: None) -> Demo:
    """Harvest four simulated weeks into demo.db; `tell` hears of every day that is over.

    Raises `ConfigError` where demo.db is there and no demo made it.
    """
    path = directory / FILE
    _make_room(path)
    world = World()
    populate(world, seed=SEED, games=3, achievements=14, users=60, tickets=14)
    since = world.now
    with serve(world) as base_url:
        settings = _settings(world, base_url, path)
        tally = _weeks(world, settings, tell)
    with app.reading(settings) as engine, engine.connect() as conn:
        return _told(conn, world, path, since, tally)


def _make_room(path: Path) -> None:
    """Remove the demo.db of an earlier demo, and nothing else."""
    if path.exists() and not _is_of_a_demo(path):
        raise ConfigError(f"{path} is there and was not made by a demo; move it out of the way")
    for suffix in ("", "-wal", "-shm", ".lock"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _is_of_a_demo(path: Path) -> bool:
    try:
        with closing(sqlite3.connect(path)) as conn:
            return conn.execute("SELECT DISTINCT command FROM runs").fetchall() == [("demo",)]
    except sqlite3.DatabaseError:
        return False


@contextmanager
def _harvest(world: World, settings: Settings) -> Iterator[harvest.Harvest]:
    """Put a harvest together that takes its time from the world."""
    time_of = app.Time(
        now=lambda: world.now,
        monotonic=lambda: world.now.timestamp(),  # noqa: PLW0108 - time goes on
        wait=lambda seconds: world.advance(seconds=int(seconds) + 1),
    )
    with app.harvesting(lambda: settings, "demo", stop=Stop(), time_of=time_of) as made:
        yield made


def _settings(world: World, base_url: str, path: Path) -> Settings:
    text = _config(world, base_url, path)
    return config.parse(text, path=path.with_suffix(".toml"), environ={})


def _config(world: World, base_url: str, path: Path) -> str:
    player, maker = list(world.people)[1].name, world.username
    return f"""
        [api]
        username = "{world.username}"
        key = "{world.key}"
        base_url = "{base_url}"
        [database]
        url = "sqlite:///{path.resolve()}"
        [watch]
        games = {sorted(world.games)}
        users = ["{player}"]
        developers = ["{maker}"]
        [jobs.game-tickets]
        every = "12h"
        [jobs.developer-tickets]
        every = "12h"
        [jobs.progress]
        every = "12h"
        """


def _weeks(world: World, settings: Settings, tell: Callable[[int], None]) -> _Tally:
    """Let days pass, harvested by one process before those off, and by another one after."""
    rng, tally = random.Random(SEED), _Tally()  # noqa: S311 - a made-up world
    for is_off, days in groupby(range(DAYS), DAYS_OFF.__contains__):
        with nullcontext() if is_off else _harvest(world, settings) as made:
            for day in days:
                _day(world, rng, made, tally)
                tell(day + 1)
            tally.requests += made.client.sent if made else 0
    return tally


def _day(world: World, rng: random.Random, made: harvest.Harvest | None, tally: _Tally) -> None:
    """Let the world live for a day, and harvest it where there is a harvest."""
    for _ in range(ROUNDS_A_DAY):
        tally.outcomes.update(_round(made) if made else ())
        live(world, rng, 24 / ROUNDS_A_DAY, per_hour=EVENTS_AN_HOUR)


def _round(made: harvest.Harvest) -> Iterator[str]:
    return (told.attempt.outcome for told in harvest.round_of(made, Selection()) if told.attempt)


def _told(conn: Connection, world: World, path: Path, since: datetime, tally: _Tally) -> Demo:
    game, until = min(world.games), world.now
    whose = gaps.About(jobs=("game-tickets",), games=(game,))
    return Demo(
        path,
        since,
        until,
        game,
        tally.requests,
        tally.outcomes,
        {name: audit.count(conn, schema.metadata.tables[name]) for name in COUNTED},
        _trend(conn, game, "game-tickets", Span(since, until)),
        _trend(conn, game, "players", Span(since, until)),
        top.ranked(conn, "unlocks", since=since, until=until, limit=3),
        gaps.holes(conn, since=since, until=until, at=until, about=whose),
    )


def _trend(conn: Connection, game: int, name: str, span: Span) -> list[dict[str, Any]]:
    every = parse_every("1w")
    asked = trends.answer(conn, name, games=[game], since=span.since, until=span.until, every=every)
    return asked.rows
