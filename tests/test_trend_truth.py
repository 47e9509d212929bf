"""Every trend against a brute-force reading of the world, in random worlds with holes.

A world lives, is looked at, left alone, looked at again, around the days on which clocks are
changed; the ledger notes what was true at every look and says what each row must be.
"""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from examples import examples
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from ledger import Ledger, Values, bounds, in_utc
from sqlalchemy import Engine
from worlds import Bench

from harvester import app, harvest
from harvester.errors import ApiError
from harvester.harvest import Harvest
from harvester.sandbox.activity import live
from harvester.sandbox.populate import populate
from harvester.sandbox.server import serve
from harvester.sandbox.world import World
from harvester.store import db, schema, series, trends
from harvester.store.polls import Selection

pytestmark = pytest.mark.no_cover  # what it simulates at length is measured elsewhere
Rows = list[dict[str, Any]]
INTERVAL = timedelta(hours=2)
GAMES = (1, 2)
CHANGES_OF_CLOCKS = {
    "Europe/Berlin": ("2026-03-27", "2026-10-23"),
    "America/St_Johns": ("2026-03-06", "2026-10-30"),
    "Australia/Lord_Howe": ("2026-04-03", "2026-10-02"),
    "UTC": ("2026-02-26",),
}
CLOCKS = [(zone, day) for zone, days in CHANGES_OF_CLOCKS.items() for day in days]
EVENTS = {
    "unlock": 30.0,
    "burst": 2,
    "upgrade": 5,
    "backdate": 4,
    "reset": 3,
    "unrank": 1,
    "rerank": 1,
    "playtime": 4,
    "ticket": 8,
    "ticket-state": 12,
    "ticket-delete": 1,
    "revise": 3,
    "revise-game": 1,
    "extend": 1,
    "demote": 1,
    "promote": 2,
    "move": 1,
}
JOBS = "\n".join(
    f'[jobs.{name}]\nevery = "2h"'
    + ('\nrecheck = "1h"\nrecheck_closed = "1h"' if name == "game-tickets" else "")
    for name in ("game-tickets", "developer-tickets", "progress", "distribution")
)
OFF = '\n[jobs.unlocks]\nmode = "off"\n'


@dataclass
class Asker:
    """Asks trends about a harvested world, and works out what they must answer."""

    bench: Bench
    engine: Engine
    ledger: Ledger
    zone: ZoneInfo
    since: datetime
    every: str

    @property
    def spans(self) -> list[tuple[datetime, datetime]]:
        """Tell the periods by the ledger's calendar."""
        ends = bounds(self.since, self.bench.world.now, self.every, self.zone)
        return list(zip([self.since, *ends], ends, strict=False))

    def rows(self, name: str, **options: Any) -> Rows:  # noqa: ANN401 - as `answer` takes them
        """Ask a trend."""
        every, until = series.parse_every(self.every), self.bench.world.now
        asked = {"since": self.since, "until": until, "every": every, "zone": self.zone, **options}
        with self.engine.begin() as conn:
            return trends.answer(conn, name, **asked).rows

    def expected(
        self, told: Callable[[datetime], Values], numbers: Sequence[str], names: Sequence[str]
    ) -> Iterator[dict[str, Any]]:
        """Work out the rows of one key: values, ranges and changes, period by period."""
        before: dict[str, tuple[datetime, Any]] = {}
        for since, until in self.spans:
            values = told(until)
            row = {name: values and values[name] for name in names}
            instants = [at for at in self.ledger.instants() if since <= at <= until]
            within = [told(at) for at in (since, *instants, until)]
            for name in numbers:
                seen = [one[name] for one in within if one and one[name] is not None]
                row |= {f"{name}_min": min(seen, default=None)}
                row |= {f"{name}_max": max(seen, default=None)}
                row |= _change(name, until, row[name], before)
            yield {"time": until, **row, "is_observed": values is not None}


def _change(
    name: str,
    at: datetime,
    value: Any,  # noqa: ANN401 - a number
    before: dict[str, tuple[datetime, Any]],
) -> dict[str, Any]:
    change = per_day = None
    if value is not None and name in before:
        since, last = before[name]
        change, days = value - last, (at - since).total_seconds() / 86400
        per_day = change / days
    if value is not None:
        before[name] = (at, value)
    return {f"{name}_change": change, f"{name}_per_day": per_day}


@contextmanager
def a_world(url: str, path: Path, seed: int, start: datetime) -> Iterator[Bench]:
    """Make a fresh world of three games, two of them watched, and an empty database."""
    engine = db.connect(url)
    with engine.begin() as conn:
        for table in reversed(schema.metadata.sorted_tables):
            conn.execute(table.delete())
    engine.dispose()
    world = World(now=start)
    populate(world, seed=seed, games=3, achievements=3, users=9, tickets=6, days=30)
    with serve(world) as base_url:
        yield Bench(world, path, base_url)


def watch(bench: Bench, url: str, games: Sequence[int], players: Sequence[str]) -> None:
    maker = bench.world.achievements[1].author
    assert maker is not None
    quoted = ", ".join(f'"{name}"' for name in players)
    watched = f'[watch]\ngames = {list(games)}\nusers = [{quoted}]\ndevelopers = ["{maker.name}"]'
    bench.configure(watched, jobs=JOBS + OFF, database=url, api="burst = 100000")


def look(made: Harvest, ledger: Ledger) -> None:
    """Ask what is due, and note what is true of whatever answered."""
    with suppress(ApiError):
        for told in harvest.round_of(made, Selection()):
            if told.attempt and told.attempt.outcome in {"changed", "unchanged"}:
                is_implied = told.attempt.requests == 0
                poll, at = told.poll, told.attempt.at
                ledger.note(poll.job, poll.target, at, is_implied=is_implied)


def days_pass(bench: Bench, url: str, ledger: Ledger, rng: random.Random) -> None:
    """Let the world live for some days, looked at in time, late, or not at all."""
    watch(bench, url, GAMES, ledger.players)
    stop, time = bench.stop, bench.time
    with app.harvesting(lambda: bench.settings, "run", stop=stop, time_of=time) as made:
        for _ in range(5):
            some_looks(bench, made, url, ledger, rng)


def some_looks(bench: Bench, made: Harvest, url: str, ledger: Ledger, rng: random.Random) -> None:
    """Look some times in time, or not quite, at one game or both; then rest for a while."""
    games = GAMES if rng.random() < 0.8 else GAMES[:1]
    watch(bench, url, games, ledger.players)
    left = {game: bench.world.now for game in GAMES if game not in games}
    ledger.ends = {game: ledger.ends.get(game, at) for game, at in left.items()}
    if rng.random() < 0.2:
        only = rng.choice(("API_GetTicketData", "API_GetGameInfoAndUserProgress"))
        bench.world.fail("503-maintenance", only=only, times=rng.randint(1, 2))
    for _ in range(rng.randint(1, 3)):
        look(made, ledger)
        live(bench.world, rng, rng.choice((1, 2, 2.5)), per_hour=2, weights=EVENTS)
    live(bench.world, rng, rng.choice((0.5, 3, 20, 31)), per_hour=1, weights=EVENTS)


def players_of(world: World) -> list[str]:
    """Choose two who play."""
    return [user.name for user in list(world.people)[4:6]]


@settings(max_examples=examples(2), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 2**32),
    clock=st.sampled_from(CLOCKS),
    every=st.sampled_from(["1h", "6h", "1d", "1w", "1mo"]),
)
@example(seed=1179, clock=("Europe/Berlin", "2026-03-27"), every="1h")  # a set is emptied
def test_every_trend_says_what_was_true_when_somebody_had_looked(
    database_url: str, tmp_path: Path, *, seed: int, clock: tuple[str, str], every: str
) -> None:
    zone, rng = ZoneInfo(clock[0]), random.Random(seed)
    start = in_utc(clock[1], zone) + timedelta(hours=rng.randint(0, 30))
    with a_world(database_url, tmp_path / "config.toml", seed, start) as bench:
        ledger = Ledger(bench.world, INTERVAL, players_of(bench.world))
        days_pass(bench, database_url, ledger, rng)
        engine, since = db.connect(database_url), start - timedelta(hours=30, seconds=7)
        asker = Asker(bench, engine, ledger, zone, since, every)
        for assert_true in (assert_states, assert_distributions, assert_flow, assert_changes):
            assert_true(asker)
        engine.dispose()


def assert_states(asker: Asker) -> None:
    ledger, maker = asker.ledger, asker.bench.world.achievements[1].author
    assert maker is not None
    every_game: Mapping[str, Any] = {"games": GAMES}
    developer, deeds = maker.name, "achievement_id"
    questions: list[tuple[str, Any, str, Callable[[Any, datetime], Values]]] = [
        ("game-tickets", every_game, "game_id", ledger.game_tickets),
        ("mastery", every_game, "game_id", ledger.mastery),
        ("players", every_game, "game_id", ledger.counters),
        ("unlocks", every_game, deeds, ledger.unlocks),
        ("rarity", every_game, deeds, ledger.rarity),
        ("developer-tickets", {"developers": [developer]}, "developer", ledger.developer_tickets),
    ]
    for name in ledger.players:
        by_game = {"users": [name], "games": GAMES}
        questions.append(("progress", by_game, "game_id", _of(ledger, name)))
    for name, options, key, told in questions:
        rows = asker.rows(name, is_range=True, is_delta=True, **options)
        assert_rows(asker, name, rows, key, told)


def _of(ledger: Ledger, name: str) -> Callable[[Any, datetime], Values]:
    return lambda game, at: ledger.progress(name, game, at)


def assert_rows(
    asker: Asker, name: str, rows: Rows, key: str, told: Callable[[Any, datetime], Values]
) -> None:
    trend = trends.TRENDS[name]
    for own in {row[key] for row in rows}:
        mine = [row for row in rows if row[key] == own]
        right = list(asker.expected(lambda at: told(own, at), trend.numbers, trend.values))  # noqa: B023
        for row, expected in zip(mine, right, strict=True):
            assert {key: row[key] for key in expected} == expected, (
                f"{name} {own}: {row}, not {expected}"
            )


def assert_distributions(asker: Asker) -> None:
    ledger = asker.ledger
    rows = asker.rows("distribution", games=GAMES)
    for game in GAMES:
        for is_hardcore in (True, False):
            kind = [r for r in rows if (r["game_id"], r["is_hardcore"]) == (game, is_hardcore)]
            for _, until in asker.spans:
                truth = ledger.buckets(game, is_hardcore, until)
                mine = [row for row in kind if row["time"] == until]
                held = {r["unlocked"]: r["players"] for r in mine if r["unlocked"] is not None}
                assert held == (truth or {}), f"game {game} at {until}: {held}, not {truth}"
                assert {row["is_observed"] for row in mine} == {truth is not None}


def assert_flow(asker: Asker) -> None:
    """Check that what was before the first look is told, and what was after the last is not."""
    for game in GAMES:
        looks = [at for at, _ in asker.ledger.looks.get(("game-tickets", f"game {game}"), [])]
        for row, (since, until) in zip(
            asker.rows("ticket-flow", games=[game]), asker.spans, strict=True
        ):
            is_last = until == asker.bench.world.now
            is_known = bool(looks) and (since < looks[-1] if is_last else until <= looks[-1])
            assert row["is_observed"] == is_known, f"game {game} until {until}"
            told = {name: row[name] for name in ("opened", "closed", "resolved", "reopened")}
            right: dict[str, Any] = asker.ledger.flow(game, since, until)
            if row["basis"] == "reconstructed":
                right = {**right, "reopened": None}
            right = right if is_known else dict.fromkeys(told)
            assert told == right, f"game {game} until {until}: {told}, not {right}"


def assert_changes(asker: Asker) -> None:
    for game in GAMES:
        rows = asker.rows("changes", games=[game])
        names = ("time", "achievement_id", "column", "old", "new")
        told = [tuple(row[name] for name in names) for row in rows]
        assert len(told) == len(set(told))
        assert set(told) == asker.ledger.changes(game)
