"""How fast the dashboard is on a large history: `python -m benchmarks.dashboard FOLDER [ROWS]`.

A database is filled with 2,000 games, a year of their history and so many unlocks (3 million),
by statements, because no harvest is to be measured here. Then the real server is asked for
every page one after the other, and for pages by several askers at once.
"""

import random
import re
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from harvester.clock import now
from harvester.store import db, migrate

GAMES = 2_000
OWN = 40  # achievements of a game
PLAYERS = 20_000
CHANGES = 180  # of a game's counters in the year
ASKERS = 4
SECONDS = 10.0
PAGES = (
    ("overview", "/"),
    ("overview, a year by weeks", "/?since=12mo&every=1w"),
    ("game", "/games/7"),
    ("game, a year", "/games/7?since=12mo"),
    ("popular achievement", "/achievements/1"),
    ("achievement", "/achievements/701"),
    ("player", "/players/Player5"),
    ("developer", "/developers/Player1"),
    ("coverage", "/coverage"),
    ("trend as JSON", "/api/trends/players?game=7&since=12mo"),
    ("chart as SVG", "/charts/players.svg?game=7&value=players"),
    ("chart as specification", "/charts/players.json?game=7&value=players"),
)


def main() -> None:
    """Fill, start, measure, tell."""
    folder, rows = Path(sys.argv[1]), int((sys.argv[2:] or ["3000000"])[0])
    path = folder / "dashboard.db"
    if not path.exists():
        fill(path, rows, at=now().replace(microsecond=0))
    with _served(path) as base:
        for name, place in PAGES:
            print(f"{name:28} {_once(base, place):7.1f} ms")
        print(f"{_many(base):.0f} pages a second, asked for by {ASKERS} at a time")


@contextmanager
def _served(path: Path) -> Iterator[str]:
    """Run the real server; yield its address."""
    command = [sys.executable, "-m", "harvester", "serve", "--port", "0"]
    environ = {"HARVESTER_DATABASE_URL": f"sqlite:///{path.resolve()}"}
    with subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True) as server:
        try:
            assert server.stderr
            found = re.search(r"http://\S+", server.stderr.readline())
            assert found
            time.sleep(SECONDS)  # the scripts for browsers are made in the background
            yield found[0].rstrip("/")
        finally:
            server.terminate()


def _once(base: str, place: str, times: int = 7) -> float:
    """Tell the median of the milliseconds that one answer took."""
    return median(_asked(base, place) for _ in range(times))


def _asked(base: str, place: str) -> float:
    began = time.perf_counter()
    with urllib.request.urlopen(base + place) as answer:  # noqa: S310 - our own server
        answer.read()
    return (time.perf_counter() - began) * 1000


def _many(base: str) -> float:
    """Tell how many pages a second there are for several at once, of all kinds in turn."""
    ends = time.perf_counter() + SECONDS

    def asker(seed: int) -> int:
        rng, done = random.Random(seed), 0
        while time.perf_counter() < ends:
            _asked(base, rng.choice(_MIXED)(rng))
            done += 1
        return done

    with ThreadPoolExecutor(ASKERS) as pool:
        return sum(pool.map(asker, range(ASKERS))) / SECONDS


_MIXED = (
    lambda rng: f"/?page={rng.randint(1, 20)}",
    lambda rng: f"/games/{rng.randint(1, GAMES)}",
    lambda rng: f"/achievements/{rng.randint(1, GAMES * OWN)}",
    lambda rng: f"/players/Player{rng.randint(1, 50)}",
)


# --- many rows, quickly ----------------------------------------------------------------


def fill(path: Path, unlocks: int, *, at: datetime) -> None:
    """Make the database."""
    engine = db.connect(f"sqlite:///{path}")
    migrate.upgrade(engine, now=at)
    db.log_ahead(engine)
    engine.dispose()
    began = at - timedelta(days=365)
    with closing(sqlite3.connect(path)) as made:
        made.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;")
        values = {"began": _text(began), "unlocks": unlocks, "at": _text(at)}
        for statement in STATEMENTS:
            used = {name: own for name, own in values.items() if f":{name}" in statement}
            made.execute(statement, used)
            made.commit()
        made.executescript("ANALYZE; PRAGMA journal_mode = WAL;")


def _text(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def _numbers(most: str) -> str:
    return f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {most}) "


_STEP = 365 * 86400 // CHANGES
_FROM = f"datetime(:began, '+' || ((n.i - 1) * {_STEP}) || ' seconds')"
_TO = f"CASE WHEN n.i < {{most}} THEN datetime(:began, '+' || (n.i * {_STEP}) || ' seconds') END"
_A_GAME = f"(abs(n.i * 7919) % {GAMES} + 1)"
STATEMENTS = (
    "INSERT INTO consoles (id, name) VALUES (1, 'Genesis/Mega Drive')",
    _numbers(str(PLAYERS))
    + """INSERT INTO users (id, ulid, name, first_seen_at)
    SELECT i, printf('01HARVESTER%015d', i), 'Player' || i, :began FROM n""",
    "INSERT INTO user_names (user_id, name, valid_from) SELECT id, name, first_seen_at FROM users",
    _numbers(str(GAMES))
    + """INSERT INTO games (id, title, console_id, first_seen_at)
    SELECT i, 'Game ' || i, 1, :began FROM n""",
    """INSERT INTO game_versions (game_id, title, console_id, valid_from)
    SELECT id, title, console_id, first_seen_at FROM games""",
    _numbers(str(GAMES * OWN))
    + f"""INSERT INTO achievements
    (id, game_id, title, points, author_id, display_order, is_promoted, first_seen_at)
    SELECT i, (i - 1) / {OWN} + 1, 'Deed ' || i, 10, i % 50 + 1, i, 1, :began FROM n""",
    """INSERT INTO achievement_versions
    (achievement_id, game_id, title, points, author_id, display_order, is_promoted, valid_from)
    SELECT id, game_id, title, points, author_id, display_order, is_promoted, first_seen_at
    FROM achievements""",
    _numbers(str(CHANGES))
    + f"""INSERT INTO game_counters (game_id, players, achievements, valid_from, valid_to)
    SELECT games.id, 1000 + n.i, {OWN}, {_FROM}, {_TO.format(most=CHANGES)} FROM n, games""",
    _numbers("52")
    + f"""INSERT INTO game_ticket_counts
    (game_id, is_promoted, reported, open, request, resolved, closed, quarantined,
    valid_from, valid_to)
    SELECT games.id, 1, n.i, n.i % 9, 0, n.i % 4, n.i % 5, 0, {_FROM}, {_TO.format(most=52)}
    FROM n, games""",
    _numbers("12")
    + f"""INSERT INTO achievement_counters
    (achievement_id, unlocks, unlocks_hardcore, valid_from, valid_to)
    SELECT achievements.id, n.i * 30, n.i * 20, {_FROM}, {_TO.format(most=12)}
    FROM n, achievements""",
    f"""INSERT INTO distribution
    (game_id, is_promoted, is_hardcore, unlocked, players, valid_from, valid_to)
    WITH RECURSIVE
    n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12),
    b(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM b WHERE i < {OWN})
    SELECT games.id, 1, 1, b.i, n.i * ({OWN + 1} - b.i), {_FROM}, {_TO.format(most=12)}
    FROM games, b, n""",
    _numbers(":unlocks")
    + f"""INSERT OR IGNORE INTO unlocks
    (achievement_id, user_id, unlocked_at, hardcore_at, valid_from)
    SELECT CASE WHEN i <= 15000 THEN 1 ELSE (i / 37) % {GAMES * OWN} + 1 END,
    CASE WHEN i <= 15000 THEN i ELSE (i * 7) % {PLAYERS} + 1 END,
    datetime(:at, '-' || ((i * 31) % 31536000) || ' seconds'),
    datetime(:at, '-' || ((i * 31) % 31536000) || ' seconds'), :began FROM n""",
    """INSERT INTO progress
    (user_id, game_id, awarded, awarded_hardcore, completion, completion_hardcore, valid_from)
    SELECT users.id, games.id, 10, 5, 0.25, 0.125, :began
    FROM users, games WHERE users.id <= 50 AND games.id <= 100""",
    """INSERT INTO developer_ticket_counts (user_id, open, closed, resolved, total, valid_from)
    SELECT id, 3, 2, 1, 6, :began FROM users WHERE id <= 50""",
    *(
        f"""INSERT INTO polls
        (id, job, target, game_id, watched_from, priority, schedule, interval_seconds, due_at,
        last_ok_at)
        SELECT {offset} + id, '{job}', 'game ' || id, id, :began, 1, '1h', 3600, :at, :at
        FROM games"""
        for offset, job in ((0, "distribution"), (10_000, "game-tickets"), (20_000, "progress"))
    ),
    """INSERT INTO polls
    (id, job, target, game_id, achievement_id, watched_from, priority, schedule,
    interval_seconds, due_at, last_ok_at)
    SELECT 100000 + id, 'unlocks', 'achievement ' || id, game_id, id, :began, 2, 'on-change',
    604800, :at, :at FROM achievements""",
    """INSERT INTO polls
    (id, job, target, asked_as, user_id, watched_from, priority, schedule, interval_seconds,
    due_at, last_ok_at)
    SELECT 30000 + id, 'progress', 'player ' || name, name, id, :began, 1, '1h', 3600, :at, :at
    FROM users WHERE id <= 50""",
    """INSERT INTO polls
    (id, job, target, asked_as, user_id, watched_from, priority, schedule, interval_seconds,
    due_at, last_ok_at)
    SELECT 40000 + id, 'developer-tickets', 'developer ' || name, name, id, :began, 1, '1h', 3600,
    :at, :at FROM users WHERE id <= 50""",
    """INSERT INTO fetches
    (id, poll_id, job, first_at, last_at, times, outcome, requests, rows_opened, rows_closed)
    SELECT id, id, job, watched_from, last_ok_at, 9, 'unchanged', 9, 0, 0 FROM polls""",
)
"""What fills it; RA is never that regular, but indexes and plans do not care."""


if __name__ == "__main__":
    main()
