"""Thirty days of a living world, harvested several times a day: nothing lost, nothing invented."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import pytest
from harvests import current, rows, sizes
from oracle import Facts, Key, Values, served
from sqlalchemy import Connection, select
from worlds import Bench

from harvester import harvest
from harvester.harvest import Harvest, Told
from harvester.sandbox.activity import live
from harvester.sandbox.populate import populate
from harvester.sandbox.records import Asked
from harvester.sandbox.world import World
from harvester.store import audit, db, history, schema
from harvester.store.polls import Selection

pytestmark = pytest.mark.no_cover  # what it simulates at length is measured elsewhere
ROUNDS_A_DAY = 3
EVENTS = {
    "unlock": 60.0,
    "burst": 3,
    "upgrade": 10,
    "backdate": 8,
    "reset": 6,
    "playtime": 8,
    "newcomer": 2,
    "rename": 3,
    "unrank": 1,
    "rerank": 1,
    "leave": 0.2,
    "ticket": 4,
    "ticket-state": 5,
    "ticket-delete": 1,
    "revise": 3,
    "revise-game": 1,
    "extend": 0.5,
    "demote": 1,
    "promote": 1.5,
    "move": 0.5,
}
JOBS = """
[jobs.game-tickets]
every = "15h"
[jobs.developer-tickets]
every = "15h"
[jobs.progress]
every = "7h"
"""


@dataclass
class Observer:
    """Listens to the server: what the world told since the last look began."""

    world: World = field(repr=False)
    job: str = ""
    told: list[Facts] = field(default_factory=list)
    looks: list[tuple[datetime, list[Facts]]] = field(default_factory=list)

    def begin(self, told: Told) -> None:
        """Begin a look."""
        self.job, self.told = told.poll.job, []

    def hear(self, asked: Asked) -> None:
        """Note what a request is about to be told."""
        self.told += served(self.world, asked, self.job)


def populated(world: World, seed: int) -> str:
    """Fill the world with three games, two of them watched; return the watchlist."""
    populate(world, seed=seed, games=3, achievements=4, users=20, tickets=12, days=200)
    one, other = (user.name for user in list(world.people)[8:10])
    maker = world.achievements[1].author
    assert maker is not None
    return f"""
[watch]
games = [1]
users = ["{one}", "{other}"]
developers = ["{maker.name}"]
[[watch.game]]
id = 2
unofficial = true
"""


def users_of(conn: Connection) -> dict[int, str]:
    """Map the store's own ids to ULIDs."""
    found = conn.execute(select(schema.users.c.id, schema.users.c.ulid))
    return {row.id: row.ulid for row in found}


def plain(row: dict[str, Any], ulids: dict[int, str]) -> dict[str, Any]:
    """Write users as ULIDs, and add the date that lists show."""
    people = ("user_id", "author_id", "resolver_id")
    named = {name: ulids.get(row[name]) for name in people if name in row}
    if "hardcore_at" in row:
        named["awarded_at"] = row["hardcore_at"] or row["unlocked_at"]
    return {**row, **named}


def held(conn: Connection, facts: Facts, at: datetime, ulids: dict[int, str]) -> dict[Key, Values]:
    """Read what a history says of an instant about the facts, in plain values."""
    record = schema.HISTORIES[facts.table]
    query = history.as_of(record.table, at)
    first = record.key[0]
    wanted = {key[0] for key in facts.rows}
    if first == "user_id":
        wanted = {own for own, ulid in ulids.items() if ulid in wanted}
    column = record.table.c[first]
    some = query if facts.is_complete else query.where(column.in_(sorted(wanted, key=str)))
    found = [plain(dict(row), ulids) for row in conn.execute(some).mappings()]
    return {tuple(row[name] for name in record.key): row for row in found}


def disagreements(conn: Connection, at: datetime, told: list[Facts]) -> Iterator[str]:
    """Compare what was told in one look with what the history says of that instant."""
    ulids = users_of(conn)
    for facts in told:
        now = held(conn, facts, at, ulids)
        yield from _wrong(facts, now)
        if facts.is_complete:
            scope = [key for key, row in now.items() if facts.within.items() <= row.items()]
            yield from (f"{facts.table} {key} is too much" for key in set(scope) - set(facts.rows))


def together(told: list[Facts]) -> list[Facts]:
    """Put the facts about one table together, unless they are complete lists."""
    joined = [facts for facts in told if facts.is_complete]
    tables: dict[str, dict[Key, Values]] = {}
    for facts in told:
        if not facts.is_complete:
            tables.setdefault(facts.table, {}).update(facts.rows)
    return joined + [Facts(table, rows) for table, rows in tables.items() if rows]


def _wrong(facts: Facts, now: dict[Key, Values]) -> Iterator[str]:
    for key, row in facts.rows.items():
        said = {name: now.get(key, {}).get(name, "nothing") for name in row}
        if said != row:
            yield f"{facts.table} {key}: told {row}, says {said}"


def unproven(conn: Connection, observer: Observer, told: Told) -> Iterator[str]:
    """Compare a list just read completely: who is held but not listed awaits his second proof."""
    own, attempt = told.poll.achievement_id, told.attempt
    if told.poll.job != "unlocks" or own is None or attempt is None:
        return
    listed_at = select(schema.polls.c.listed_at).where(schema.polls.c.id == told.poll.id)
    if conn.scalar(listed_at) != attempt.at:
        return  # its head alone
    ulids, table, suspects = users_of(conn), schema.unlocks, schema.unlock_absences
    query = history.as_of(table, attempt.at).where(table.c.achievement_id == own)
    known = {ulids[row.user_id]: (row.unlocked_at, row.hardcore_at) for row in conn.execute(query)}
    missed = select(suspects.c.user_id).where(suspects.c.achievement_id == own)
    waiting = {ulids[one] for one in conn.scalars(missed)}
    truth = observer.world.unlock_truth(own)
    if known.keys() - truth.keys() != waiting:
        yield f"{own}: {known.keys() - truth.keys()} held, {waiting} suspected"
    for ulid, (_, hardcore) in truth.items():
        if ulid not in known or known[ulid][1] != hardcore:
            yield f"{own} {ulid}: holds {known.get(ulid)}, truth {truth[ulid]}"


def round_of(made: Harvest, observer: Observer) -> None:
    """Ask what is due; after each successful look, hold the history against the world."""
    for told in harvest.round_of(made, Selection()):
        attempt = told.attempt
        assert attempt is not None
        if attempt.outcome not in {"changed", "unchanged"}:
            continue
        facts = together(observer.told)
        with made.engine.connect() as conn:
            wrong = [*disagreements(conn, attempt.at, facts), *unproven(conn, observer, told)]
        assert wrong == [], f"{told.poll.job} {told.poll.target} at {attempt.at}"
        observer.looks.append((attempt.at, facts))


def quiet_round(made: Harvest, bench: Bench, observer: Observer) -> None:
    """Ask everything twice in a world that stands still: the second time adds no row."""
    before: dict[str, int] = {}
    for _ in range(2):
        before = sizes(bench)
        bench.world.advance(seconds=30)
        harvest.make_due(made, Selection(), is_forced=True)
        round_of(made, observer)
    assert sizes(bench) == before


def days_pass(bench: Bench, observer: Observer, rng: random.Random, days: int) -> None:
    """Let days pass, each round in a process of its own."""
    for number in range(days * ROUNDS_A_DAY):
        with bench.harvest() as kept:
            made = listening(kept, observer)
            round_of(made, observer)
            if number % 40 == 15:
                quiet_round(made, bench, observer)
        live(bench.world, rng, 24 / ROUNDS_A_DAY, per_hour=1.5, weights=EVENTS)


def listening(made: Harvest, observer: Observer) -> Harvest:
    """Let the observer know when a look begins."""
    return replace(made, tell=observer.begin)


def swept_twice(bench: Bench, observer: Observer) -> None:
    """Read every list completely, twice, far enough apart to prove absence."""
    for _ in range(2):
        bench.world.advance(hours=2)
        with bench.harvest() as kept:
            made = listening(kept, observer)
            harvest.make_due(made, Selection(), is_forced=True)
            round_of(made, observer)


@pytest.mark.parametrize(("seed", "days"), [(1, 30), (2, 8)])
def test_every_look_at_a_living_world_is_remembered_as_it_was_served(
    bench_of: Callable[..., Bench], world: World, sqlite_url: str, seed: int, days: int
) -> None:
    bench = bench_of(populated(world, seed), jobs=JOBS, database=sqlite_url)
    observe(bench, seed, days)


def test_postgresql_remembers_a_living_world_as_it_was_served(
    bench_of: Callable[..., Bench], world: World, postgres_url: str
) -> None:
    bench = bench_of(populated(world, 3), jobs=JOBS, database=postgres_url)
    observe(bench, 3, 4)


def observe(bench: Bench, seed: int, days: int) -> None:
    """Harvest a living world for some days; then hold everything against what was told."""
    observer = Observer(bench.world)
    bench.world.before_answer = observer.hear
    days_pass(bench, observer, random.Random(seed), days)
    swept_twice(bench, observer)
    assert len(observer.looks) > days * ROUNDS_A_DAY * 6
    assert_unlocks_are_the_worlds(bench)
    assert_looks_are_remembered(bench, observer)
    assert_database_is_sound(bench)


def assert_unlocks_are_the_worlds(bench: Bench) -> None:
    """After two sweeps the rows that hold are exactly those that the world has."""
    ulids = {row["id"]: row["ulid"] for row in rows(bench, schema.users)}
    found = {
        (row["achievement_id"], ulids[row["user_id"]]): (
            row["hardcore_at"] or row["unlocked_at"],
            row["hardcore_at"] is not None,
        )
        for row in current(bench, schema.unlocks)
    }
    listed = {row["achievement_id"] for row in rows(bench, schema.polls, job="unlocks")}
    truth = {
        (own, ulid): (hardcore or first, hardcore is not None)
        for own in listed
        for ulid, (first, hardcore) in bench.world.unlock_truth(own).items()
    }
    assert found == truth
    assert rows(bench, schema.unlock_absences) == []


def assert_looks_are_remembered(bench: Bench, observer: Observer) -> None:
    """Check that the history still says of every instant what was told then."""
    kept = {name: by_key(bench, record) for name, record in schema.HISTORIES.items()}
    for at, told in observer.looks:
        for facts in told:
            for key, row in facts.rows.items():
                then = next(
                    one
                    for one in kept[facts.table][key]
                    if one["valid_from"] <= at and (one["valid_to"] is None or one["valid_to"] > at)
                )
                assert {name: then[name] for name in row} == row


def by_key(bench: Bench, record: schema.History) -> dict[Key, list[dict[str, Any]]]:
    """Read a whole history, newest first, by its key."""
    ulids = {row["id"]: row["ulid"] for row in rows(bench, schema.users)}
    found: dict[Key, list[dict[str, Any]]] = {}
    for row in reversed(rows(bench, record.table)):
        own = plain(row, ulids)
        found.setdefault(tuple(own[name] for name in record.key), []).append(own)
    return found


def assert_database_is_sound(bench: Bench) -> None:
    """No damage, no overlaps, no entity that differs from its history, no row without a look."""
    engine = db.connect(bench.settings.database.url)
    with engine.begin() as conn:
        assert [wrong for check in audit.CHECKS.values() for wrong in check(conn)] == []
    engine.dispose()
    looks = {row["id"] for row in rows(bench, schema.fetches)}
    for record in schema.HISTORIES.values():
        assert {row["fetch_id"] for row in rows(bench, record.table)} <= looks
