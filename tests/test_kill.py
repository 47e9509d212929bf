"""kill -9 at any moment of a harvest: nothing is lost, invented, doubled or dated too early."""

import multiprocessing
import random
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

import pytest
import victims
from harvests import Rows, crowd, current, rows
from oracle import served
from worlds import NOW, Bench

from harvester import clock
from harvester.sandbox.records import Asked
from harvester.sandbox.world import World
from harvester.store import audit, db, schema

pytestmark = pytest.mark.no_cover  # what it does at length is measured elsewhere
KILLS = 50
PLAYERS = 1300  # three pages of each list, and one second that holds many of them
MOST_REQUESTS = 12  # about as many as a whole round sends
HOURS = 2.0  # that pass, for the harvests, between two of them
Fact = tuple[str, tuple[Any, ...], tuple[Any, ...]]


@pytest.fixture(scope="session")
def processes() -> ForkServerContext:
    """Yield a context whose processes start with everything imported."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["harvester.app"])
    return context


@dataclass
class Hunt:
    """Starts harvests one after the other, kills them, and notes when each fact was first told."""

    bench: Bench = field(repr=False)
    processes: ForkServerContext = field(repr=False)
    hours: float = 0.0
    asked: int = 0
    aim: int = 0
    seen: threading.Event = field(default_factory=threading.Event)
    first_told: dict[Fact, datetime] = field(default_factory=dict, repr=False)

    def hear(self, asked: Asked) -> None:
        """Note what is told; let the hunter know when the aimed-at request has come."""
        at = clock.now() + timedelta(hours=self.hours)
        for job in ("progress", "developer-tickets"):
            for facts in served(self.bench.world, asked, job):
                for key, row in facts.rows.items():
                    self.first_told.setdefault((facts.table, key, shown(facts.table, row)), at)
        self.asked += 1
        if self.asked == self.aim:
            self.seen.set()

    def start(self) -> Any:  # noqa: ANN401 - a process of some context
        """Start a harvest, some hours after the one before."""
        process = self.processes.Process(
            target=victims.fetch, args=(self.bench.path, self.hours), daemon=True
        )
        process.start()
        return process

    def kill(self, rng: random.Random) -> bool:
        """Kill a harvest some moments after some request; tell whether it was still at work."""
        self.asked, self.aim = 0, rng.randint(1, MOST_REQUESTS)
        self.seen.clear()
        process = self.start()
        while process.is_alive() and not self.seen.wait(0.02):
            pass
        time.sleep(rng.uniform(0, 0.03))
        process.kill()
        process.join()
        with closing(process):
            return bool(process.exitcode)

    def let_finish(self) -> None:
        """Let a harvest come to its end."""
        self.aim, process = 0, self.start()
        process.join()
        with closing(process):
            assert process.exitcode == 0


@pytest.fixture(params=[1, 4])
def bench(
    request: pytest.FixtureRequest, bench_of: Callable[..., Bench], world: World, sqlite_url: str
) -> Bench:
    """Watch a game with two achievements that many hold, many of them since one second."""
    world.add_game(1, "Sonic", 1)
    players = crowd(world, PLAYERS)
    for number in (11, 12):
        world.add_achievement(1, f"Deed {number}", id=number)
        for place, ulid in enumerate(players):
            at = NOW - timedelta(days=number, seconds=min(place, 700))
            world.unlock(ulid, number, is_hardcore=place % 3 > 0, at=at)
    for place in range(130):
        world.open_ticket(11, players[place], reported_at=NOW - timedelta(days=place))
    watch = '[watch]\ngames = [1]\nusers = ["P00001"]\ndevelopers = ["SandboxOwner"]'
    return bench_of(watch, database=sqlite_url, api=f"in_flight = {request.param}")


def stir(world: World, rng: random.Random) -> None:
    """Let some things happen: unlocks, upgrades, resets, a rename, a ticket's end."""
    with world.lock:
        people = [f"P{rng.randrange(PLAYERS):05}" for _ in range(6)]
        ulids = [user.ulid for name in people if (user := world.people.find(name))]
        own = rng.choice((11, 12))
        for ulid in ulids[:2]:
            if ulid in world.achievements[own].unlocks:
                world.reset(ulid, own)
        for ulid in ulids[2:4]:
            world.unlock(ulid, own)
        world.set_ticket_state(rng.randint(1, 130), rng.randint(0, 3))
        world.advance(minutes=1)


def test_a_harvest_killed_fifty_times_ends_like_one_left_in_peace(
    bench: Bench, processes: ForkServerContext, tmp_path: Path
) -> None:
    rng, hunt = random.Random(20), Hunt(bench, processes)
    bench.world.before_answer = hunt.hear
    kills = 0
    while kills < KILLS:
        is_killed = hunt.kill(rng)
        kills += is_killed
        wrong = complaints(bench)
        assert wrong == []
        if not is_killed:
            hunt.hours += HOURS
            stir(bench.world, rng)
    for _ in range(3):  # what was begun, then two proofs of absence
        hunt.hours += 24 * 8
        hunt.let_finish()
    wrong = [*complaints(bench), *invented(bench, hunt.first_told), *dangling(bench)]
    assert wrong == []
    with in_peace(bench, tmp_path) as other:
        Hunt(other, processes, hours=hunt.hours).let_finish()
        now, undisturbed = held(bench), held(other)
    assert now == undisturbed


def complaints(bench: Bench) -> list[str]:
    """Check the database as `db check` does."""
    engine = db.connect(bench.settings.database.url)
    with engine.begin() as conn:
        found = [wrong for check in audit.CHECKS.values() for wrong in check(conn)]
    engine.dispose()
    return found


@contextmanager
def in_peace(bench: Bench, tmp_path: Path) -> Iterator[Bench]:
    """Set up the same harvest over an empty database."""
    path = tmp_path / "peace" / "config.toml"
    path.parent.mkdir()
    url = bench.settings.database.url
    shutil.copy(bench.path, path)
    path.write_text(path.read_text().replace(url, f"sqlite:///{path.parent}/peace.db"))
    yield Bench(bench.world, path, bench.base_url)


def values(table: str, row: Mapping[str, Any]) -> tuple[Any, ...]:
    """Write the values of a row in the order of its table; of an unlock what its list shows."""
    if table == "unlocks":
        return (row.get("awarded_at") or row.get("hardcore_at") or row["unlocked_at"],)
    return tuple(row[name] for name in schema.HISTORIES[table].values)


def shown(table: str, row: Mapping[str, Any]) -> tuple[Any, ...]:
    """Write what one answer can tell of a row: states of tickets are counted from several."""
    return (row["reported"],) if table == "game_ticket_counts" else values(table, row)


def plain(found: Rows, ulids: dict[int, str]) -> Rows:
    """Write users as ULIDs."""
    people = ("user_id", "author_id", "resolver_id")
    return [
        {**row, **{name: ulids.get(row[name]) for name in people if name in row}} for row in found
    ]


def fact(table: str, row: Mapping[str, Any]) -> Fact:
    """Write a row as key and values."""
    return table, tuple(row[name] for name in schema.HISTORIES[table].key), values(table, row)


def held(bench: Bench) -> dict[str, set[Fact]]:
    """Read all rows that hold now."""
    ulids = {row["id"]: row["ulid"] for row in rows(bench, schema.users)}
    return {
        name: {fact(name, row) for row in plain(current(bench, record.table), ulids)}
        for name, record in schema.HISTORIES.items()
    }


def invented(bench: Bench, first_told: dict[Fact, datetime]) -> list[str]:
    """Find intervals that begin before their value was first told."""
    ulids = {row["id"]: row["ulid"] for row in rows(bench, schema.users)}
    found = []
    for name, record in schema.HISTORIES.items():
        for row in plain(rows(bench, record.table), ulids):
            told_at = first_told.get((*fact(name, row)[:2], shown(name, row)))
            if told_at is None or row["valid_from"] < told_at:
                found.append(f"{fact(name, row)} from {row['valid_from']}, told at {told_at}")
    return found


def dangling(bench: Bench) -> list[str]:
    """Find looks that history rows name but that were never written down."""
    looks = {row["id"] for row in rows(bench, schema.fetches)}
    return [
        f"{name} names look {row['fetch_id']}, which is not there"
        for name, record in schema.HISTORIES.items()
        for row in rows(bench, record.table)
        if row["fetch_id"] not in looks
    ]
