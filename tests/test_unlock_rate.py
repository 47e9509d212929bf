"""How many unlocks fell into each period: by their own dates, and only where all are known."""

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from examples import examples
from harvests import STILL, crowd, fetch, poll
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from worlds import NOW, Bench

from harvester.errors import BudgetSpent
from harvester.sandbox.server import serve
from harvester.sandbox.world import World
from harvester.store import db, schema, series, trends
from harvester.store.polls import Selection

BenchOf = Callable[..., Bench]
Rows = list[dict[str, Any]]
DAY = timedelta(days=1)
WATCH = "[watch]\ngames = [1]"
LISTS = Selection(jobs=["progress", "unlocks"])


@pytest.fixture
def game(world: World) -> World:
    """Put game 1 with achievements 11 and 12 into the world."""
    return populated(world)


@pytest.fixture
def bench(bench_of: BenchOf, sqlite_url: str, game: World) -> Bench:
    """Watch game 1, in rounds that take no time."""
    return bench_of(WATCH, database=sqlite_url, api=STILL)


def populated(world: World) -> World:
    world.add_game(1, "Sonic", 1)
    for number in (11, 12):
        world.add_achievement(1, f"Deed {number}", id=number)
    return world


def ask(
    bench: Bench,
    *achievements: int,
    since: datetime = NOW - 3 * DAY,
    until: datetime | None = None,
    every: str = "1d",
) -> trends.Answer:
    engine = db.connect(bench.settings.database.url)
    with engine.begin() as conn:
        answer = trends.answer(
            conn,
            "unlock-rate",
            games=() if achievements else [1],
            achievements=achievements,
            since=since,
            until=until or bench.world.now,
            every=series.parse_every(every),
        )
    engine.dispose()
    return answer


def told(rows: Rows) -> list[tuple[object, ...]]:
    return [(row["unlocks"], row["unlocks_hardcore"], row["is_observed"]) for row in rows]


UNKNOWN = (None, None, False)


# --- what is counted


def test_unlocks_are_counted_by_their_own_dates_back_before_the_first_look(
    bench_of: BenchOf, database_url: str, game: World
) -> None:
    bench = bench_of(WATCH, database=database_url, api=STILL)
    midnight = NOW.replace(hour=0)
    for days, name in ((1, "Ann"), (2, "Bob"), (2.5, "Cat")):
        game.unlock(game.add_user(name), 11, is_hardcore=name != "Cat", at=midnight - days * DAY)
    fetch(bench)

    answer = ask(bench, 11)

    labels = {"game_id": 1, "game": "Sonic", "achievement_id": 11, "achievement": "Deed 11"}
    assert answer.rows[1] == {
        "time": midnight - DAY,
        **labels,
        "unlocks": 1,
        "unlocks_hardcore": 1,
        "counted": None,
        "is_observed": True,
        "basis": "reconstructed",
    }
    assert told(answer.rows) == [(1, 0, True), (1, 1, True), (1, 1, True), (0, 0, True)]
    assert answer.missing is None


def test_each_achievement_of_a_game_is_told_period_by_period(bench: Bench, game: World) -> None:
    game.unlock(game.add_user("Ann"), 12, at=NOW - DAY)
    fetch(bench)

    rows = ask(bench, since=NOW - 2 * DAY, every="1mo").rows

    assert [(row["achievement_id"], row["unlocks"]) for row in rows] == [
        (11, 0),
        (12, 1),
        (11, 0),
        (12, 0),
    ]


def test_an_upgrade_moves_an_unlock_to_its_hardcore_date(bench: Bench, game: World) -> None:
    ann = game.add_user("Ann")
    game.unlock(ann, 11, is_hardcore=False, at=NOW - 2 * DAY)
    fetch(bench)
    assert told(ask(bench, 11).rows) == [(0, 0, True), (1, 0, True), (0, 0, True), (0, 0, True)]
    game.unlock(ann, 11, at=NOW - DAY)
    game.advance(hours=1)
    fetch(bench)

    rows = ask(bench, 11).rows

    assert told(rows) == [(0, 0, True), (0, 0, True), (1, 1, True), (0, 0, True)]


def test_an_unlock_on_a_bound_belongs_to_the_period_that_begins_there(
    bench: Bench, game: World
) -> None:
    game.unlock(game.add_user("Ann"), 11, at=NOW.replace(hour=0) - DAY)
    fetch(bench)

    assert [row["unlocks"] for row in ask(bench, 11).rows] == [0, 0, 1, 0]


def test_an_unlock_that_was_taken_back_does_not_count(bench: Bench, game: World) -> None:
    ann = game.add_user("Ann")
    game.unlock(ann, 11, at=NOW - DAY)
    fetch(bench)
    game.reset(ann, 11)
    for _ in range(2):
        assert sum(row["unlocks"] for row in ask(bench, 11).rows) == 1
        game.advance(hours=1)
        fetch(bench, is_forced=True)

    assert sum(row["unlocks"] for row in ask(bench, 11).rows) == 0


def test_an_achievement_that_changed_games_brings_its_unlocks_along(
    bench_of: BenchOf, sqlite_url: str, game: World
) -> None:
    bench = bench_of("[watch]\ngames = [1, 2]", database=sqlite_url, api=STILL)
    game.add_game(2, "Tails", 1)
    game.add_achievement(2, id=21)
    game.unlock(game.add_user("Ann"), 11, at=NOW - DAY)
    fetch(bench)
    game.advance(hours=1)
    game.move(11, 2)
    game.unlock(game.add_user("Bob"), 11)
    game.advance(hours=1)
    fetch(bench)

    answer = ask(bench, 11, since=NOW - 2 * DAY)

    assert {row["game"] for row in answer.rows} == {"Tails"}
    assert told(answer.rows) == [(0, 0, True), (1, 1, True), (1, 1, True)]
    assert {row["achievement_id"] for row in ask(bench).rows} == {12}


# --- what is not known


def test_a_period_that_a_first_listing_has_not_come_back_to_is_not_told(
    bench_of: BenchOf, sqlite_url: str, game: World
) -> None:
    bench = bench_of(WATCH, database=sqlite_url, api=f"{STILL}\ndaily_budget = 3")
    for number, ulid in enumerate(crowd(game, 600)):
        game.unlock(ulid, 11, at=NOW - number * timedelta(minutes=10))
    with pytest.raises(BudgetSpent):
        fetch(bench, LISTS, is_all=True)

    answer = ask(bench, since=NOW - timedelta(days=3, hours=12))

    by_list = [[row for row in answer.rows if row["achievement_id"] == own] for own in (11, 12)]
    assert told(by_list[0])[0] == UNKNOWN
    assert told(by_list[0])[1:] == [(144, 144, True), (144, 144, True), (72, 72, True)]
    assert [row["unlocks"] for row in by_list[1]] == [0] * 4
    assert answer.missing == (
        "achievements whose unlocks are not all known: "
        "1 of 2 listed back to 2026-02-26 00:50 only, the first listing is under way"
    )


def test_the_second_a_first_listing_stands_at_may_go_on_at_its_next_page(
    bench_of: BenchOf, sqlite_url: str, game: World
) -> None:
    bench = bench_of(WATCH, database=sqlite_url, api=f"{STILL}\ndaily_budget = 2")
    for number, ulid in enumerate(crowd(game, 600)):
        game.unlock(ulid, 11, at=NOW - number // 3 * timedelta(hours=1))
    with pytest.raises(BudgetSpent):
        fetch(bench, LISTS, is_all=True)

    rows = ask(bench, 11, since=NOW - timedelta(hours=167), every="1h").rows

    assert told(rows)[:3] == [UNKNOWN, UNKNOWN, (3, 3, True)]


def test_lists_that_were_never_read_are_told_apart_from_lists_without_unlocks(
    bench: Bench, game: World
) -> None:
    game.unlock(game.add_user("Ann"), 11, at=NOW - DAY)
    fetch(bench, Selection(jobs=["progress"]))

    answer = ask(bench)

    assert set(told(answer.rows)) == {UNKNOWN}
    assert answer.missing == "achievements whose unlocks are not all known: 2 of 2 not listed yet"


def test_where_only_recent_unlocks_are_read_nothing_is_told_of_before(
    bench_of: BenchOf, sqlite_url: str, game: World
) -> None:
    jobs = '[jobs.unlocks]\nmode = "recent"'
    bench = bench_of(WATCH, jobs=jobs, database=sqlite_url, api=STILL)
    game.unlock(game.add_user("Ann"), 11, at=NOW - DAY)
    fetch(bench)
    game.advance(days=1)
    game.unlock(game.add_user("Bob"), 11)
    fetch(bench)

    answer = ask(bench, 11, since=NOW - DAY, every="12h")

    assert told(answer.rows) == [UNKNOWN, UNKNOWN, (0, 0, True), (0, 0, True)]
    assert answer.missing == (
        "achievements whose unlocks are not all known: "
        "1 of 1 listed from 2026-03-01 12:00 on only (mode recent)"
    )


def test_where_no_lists_are_read_nothing_is_told_though_a_players_unlocks_are_known(
    bench_of: BenchOf, sqlite_url: str, game: World
) -> None:
    watch, jobs = f'{WATCH}\nusers = ["Ann"]', '[jobs.unlocks]\nmode = "off"'
    bench = bench_of(watch, jobs=jobs, database=sqlite_url, api=STILL)
    game.unlock(game.add_user("Ann"), 11, at=NOW - DAY)
    fetch(bench)

    answer = ask(bench)

    assert set(told(answer.rows)) == {UNKNOWN}
    assert answer.missing == (
        "achievements whose unlocks are not all known: "
        "2 of 2 not read (unlocks are off, or the game is not watched)"
    )


def test_nothing_is_told_of_periods_that_were_not_over_at_the_last_look(
    bench: Bench, game: World
) -> None:
    game.unlock(game.add_user("Ann"), 11, at=NOW - timedelta(hours=1))
    fetch(bench)
    game.advance(days=2)
    game.unlock(game.add_user("Bob"), 11, at=NOW + timedelta(hours=1))

    answer = ask(bench, 11, since=NOW - DAY)

    assert told(answer.rows) == [(0, 0, True), UNKNOWN, UNKNOWN, UNKNOWN]
    assert answer.missing == (
        "achievements whose unlocks are not all known: 1 of 1 not looked at since 2026-03-01 12:00"
    )


def test_the_last_period_tells_what_came_until_the_last_look(bench: Bench, game: World) -> None:
    game.unlock(game.add_user("Ann"), 11, at=NOW - timedelta(hours=1))
    fetch(bench)
    game.advance(minutes=20)

    answer = ask(bench, 11, since=NOW - DAY / 2)

    assert (told(answer.rows), answer.missing) == ([(1, 1, True)], None)


def test_counters_that_stand_still_prove_the_head_of_a_list_that_is_not_read_through(
    bench_of: BenchOf, sqlite_url: str, game: World
) -> None:
    bench = bench_of(WATCH, database=sqlite_url, api=f"{STILL}\ndaily_budget = 2")
    for number, ulid in enumerate(crowd(game, 600)):
        game.unlock(ulid, 11, at=NOW - number * timedelta(minutes=10))
    with pytest.raises(BudgetSpent):
        fetch(bench, LISTS, is_all=True)
    game.advance(days=2)
    fetch(bench, Selection(jobs=["progress"]))
    assert poll(bench, "unlocks", "achievement 11")["last_ok_at"] is None

    rows = ask(bench, 11, since=NOW + DAY / 2).rows

    assert told(rows) == [(0, 0, True), (0, 0, True)]
    game.unlock(game.add_user("Late"), 11)
    game.advance(hours=1)
    fetch(bench, Selection(jobs=["progress"]))
    assert set(told(ask(bench, 11, since=NOW + DAY / 2).rows)) == {UNKNOWN}


def test_counters_of_a_demoted_achievement_prove_nothing(
    bench_of: BenchOf, sqlite_url: str, game: World
) -> None:
    bench = bench_of(WATCH, database=sqlite_url, api=f"{STILL}\ndaily_budget = 2")
    for number, ulid in enumerate(crowd(game, 600)):
        game.unlock(ulid, 11, at=NOW - number * timedelta(minutes=10))
    with pytest.raises(BudgetSpent):
        fetch(bench, LISTS, is_all=True)
    game.demote(11)
    game.advance(hours=1)
    game.unlock(game.add_user("Late"), 11)
    game.advance(days=1)
    fetch(bench, Selection(jobs=["progress"]))
    assert set(told(ask(bench, 11, since=NOW).rows)) == {UNKNOWN}
    bench.configure(WATCH, database=sqlite_url, api=STILL)
    fetch(bench, is_forced=True)  # completes the first listing
    fetch(bench, is_forced=True)  # sees what came to its head meanwhile

    assert told(ask(bench, 11, since=NOW).rows) == [(2, 2, True), (0, 0, True)]


# --- random worlds


@contextmanager
def a_bench(url: str, path: Path) -> Iterator[Bench]:
    """Make a fresh world and an empty database to harvest it into."""
    engine = db.connect(url)
    with engine.begin() as conn:
        for table in reversed(schema.metadata.sorted_tables):
            conn.execute(table.delete())
    engine.dispose()
    world = World(now=NOW)
    world.add_console(1, "Genesis/Mega Drive")
    with serve(world) as base_url:
        yield Bench(populated(world), path, base_url)


def play(world: World, rng: random.Random, players: Sequence[str], days: float) -> None:
    """Let these players unlock something in the last days, some again in hardcore."""
    for ulid in players:
        own, at = rng.choice((11, 11, 11, 12)), world.now - rng.random() * days * DAY
        world.unlock(ulid, own, is_hardcore=rng.random() < 0.5, at=at)
        if rng.random() < 0.2:
            world.unlock(ulid, own, at=at + (world.now - at) * rng.random())


def dates(world: World, achievement: int) -> list[tuple[datetime, bool]]:
    """Tell the date of every unlock, and whether it is that of hardcore."""
    truth = world.unlock_truth(achievement).values()
    return [(hardcore or first, hardcore is not None) for first, hardcore in truth]


def expected(world: World, row: dict[str, Any], start: datetime) -> tuple[int, int]:
    those = [one for one in dates(world, row["achievement_id"]) if start <= one[0] < row["time"]]
    return len(those), sum(is_hardcore for _, is_hardcore in those)


def edges(bench: Bench) -> dict[int, datetime]:
    """Tell how far back each list came, worked out from the rows that are there."""
    engine, unlocks = db.connect(bench.settings.database.url), schema.unlocks
    with engine.begin() as conn:
        rows = conn.execute(unlocks.select().where(unlocks.c.valid_to.is_(None))).all()
    engine.dispose()
    came_to = {}
    for own in (11, 12):
        held = [row.hardcore_at or row.unlocked_at for row in rows if row.achievement_id == own]
        is_whole = len(held) == len(dates(bench.world, own))
        came_to[own] = datetime.min.replace(tzinfo=NOW.tzinfo) if is_whole else min(held)
    return came_to


def check(bench: Bench, since: datetime, every: str) -> bool:
    """Hold every row against the world; tell whether anything was missing."""
    answer, came_to = ask(bench, since=since, every=every), edges(bench)
    starts = {11: since, 12: since}
    for row in answer.rows:
        own, start = row["achievement_id"], starts[row["achievement_id"]]
        assert row["is_observed"] == (start > came_to[own])
        right = expected(bench.world, row, start) if row["is_observed"] else (None, None)
        assert (row["unlocks"], row["unlocks_hardcore"]) == right
        starts[own] = row["time"]
    is_known = all(row["is_observed"] for row in answer.rows)
    assert is_known == ("not all known" not in (answer.missing or ""))
    return not is_known


@pytest.mark.no_cover  # what it does at length is measured elsewhere
@settings(max_examples=examples(5), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 2**32),
    pages=st.integers(1, 2),
    back=st.floats(5, 300),
    every=st.sampled_from(["7h", "1d", "1w", "1mo"]),
)
def test_rates_agree_with_the_world_while_its_lists_are_read_and_afterwards(
    database_url: str, tmp_path: Path, *, seed: int, pages: int, back: float, every: str
) -> None:
    rng, since = random.Random(seed), (NOW - back * DAY).replace(microsecond=0)
    with a_bench(database_url, tmp_path / "config.toml") as bench:
        bench.configure(WATCH, database=database_url, api=f"{STILL}\ndaily_budget = {3 + pages}")
        play(bench.world, rng, crowd(bench.world, 1500), days=250)
        for day in range(2):
            with suppress(BudgetSpent):
                fetch(bench, LISTS, is_all=True)  # by hand, which may spend all there is
            check(bench, since, every)
            bench.world.advance(days=1)
            play(bench.world, rng, crowd(bench.world, 15, prefix=f"D{day}"), days=13)
        bench.configure(WATCH, database=database_url, api=STILL)
        fetch(bench, LISTS)
        assert not check(bench, since, every)
