"""Driving a harvest of the sandbox, and looking at what it left behind."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from shapes import in_order
from sqlalchemy import Table, func, select
from worlds import NOW, Bench

from harvester import harvest
from harvester.harvest import Told
from harvester.sandbox.records import Asked
from harvester.sandbox.world import World
from harvester.store import db, schema
from harvester.store.polls import Selection

STILL = "burst = 100000"  # no request has to wait, so that a round takes no simulated time
HOURLY = timedelta(hours=1)
EVERYTHING = Selection()
BenchOf = Callable[..., Bench]
DAY = timedelta(days=1)
ONE_GAME = "[watch]\ngames = [1]"
AND_ANN = f'{ONE_GAME}\nusers = ["Ann"]'
Rows = list[dict[str, Any]]


@pytest.fixture
def ann(world: World) -> str:
    """Put game 1 with achievements 11 and 12 into the world; Ann holds the first."""
    world.add_game(1, "Sonic", 1)
    for number in (11, 12):
        world.add_achievement(1, f"Deed {number}", id=number)
    ulid = world.add_user("Ann")
    world.unlock(ulid, 11, at=NOW - DAY)
    return ulid


@pytest.fixture
def bench(bench_of: BenchOf, sqlite_url: str, ann: str) -> Bench:
    """Watch game 1 through Ann's eyes, in rounds that take no time."""
    return bench_of(AND_ANN, database=sqlite_url, api=STILL)


def fetch(
    bench: Bench,
    selection: Selection = EVERYTHING,
    *,
    is_all: bool = False,
    is_forced: bool = False,
) -> list[Told]:
    """Do as `fetch`, `fetch --all` or `fetch --force` does."""
    with bench.harvest() as made:
        if is_all or is_forced:
            harvest.make_due(made, selection, is_forced=is_forced)
        return list(harvest.round_of(made, selection))


def outcomes(told: Sequence[Told]) -> dict[str, str]:
    """Tell what came of each poll, by job and target."""
    return {f"{one.poll.job} {one.poll.target}": one.attempt.outcome for one in told if one.attempt}


def rows(bench: Bench, table: Table, **where: object) -> Rows:
    """Read a table, in the order of its primary key."""
    same = [table.c[name] == value for name, value in where.items()]
    query = select(table).where(*same).order_by(*in_order(table))
    engine = db.connect(bench.settings.database.url)
    with engine.begin() as conn:
        found = [dict(row) for row in conn.execute(query).mappings()]
    engine.dispose()
    return found


def current(bench: Bench, table: Table, **where: object) -> Rows:
    """Read the rows of a history table that hold now."""
    return [row for row in rows(bench, table, **where) if row["valid_to"] is None]


def poll(bench: Bench, job: str, target: str = "game 1") -> dict[str, Any]:
    """Read one poll."""
    (found,) = rows(bench, schema.polls, job=job, target=target)
    return found


def user(bench: Bench, name_or_ulid: str) -> int:
    """Tell the store's id of a user, by ULID or by his present name."""
    people = rows(bench, schema.users)
    (found,) = [row["id"] for row in people if name_or_ulid in (row["ulid"], row["name"])]
    return int(found)


def sizes(bench: Bench) -> dict[str, int]:
    """Count the rows of every history table."""
    engine = db.connect(bench.settings.database.url)
    with engine.begin() as conn:
        tables = {name: history.table for name, history in schema.HISTORIES.items()}
        counted = {
            name: conn.scalar(select(func.count()).select_from(table))
            for name, table in tables.items()
        }
    engine.dispose()
    return {name: count or 0 for name, count in counted.items()}


def asked(world: World, name: str = "") -> list[Asked]:
    """Take the requests that a script was asked, and forget the log."""
    taken = [one for one in world.asked if name in one.name]
    world.asked.clear()
    return taken


def crowd(world: World, size: int, *, prefix: str = "P") -> list[str]:
    """Sign up so many people; return their ULIDs."""
    return [world.add_user(f"{prefix}{number:05}") for number in range(size)]
