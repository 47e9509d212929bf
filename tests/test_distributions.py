"""When distributions are asked for: only when they can have moved."""

from datetime import timedelta

import pytest
from harvests import AND_ANN, DAY, STILL, BenchOf, asked, crowd, current, fetch, poll, rows
from worlds import NOW, Bench

from harvester.sandbox.world import World
from harvester.store import schema
from harvester.store.polls import Selection

ALONE = Selection(jobs=["distribution"])
UNOFFICIAL = '[[watch.game]]\nid = 1\nunofficial = true\n[watch]\nusers = ["Ann"]'


@pytest.fixture
def quiet(bench_of: BenchOf, database_url: str, ann: str) -> Bench:
    """Harvest game 1 once; nothing is left to be asked."""
    bench = bench_of(AND_ANN, database=database_url, api=STILL)
    fetch(bench)
    asked(bench.world)
    return bench


def looks(bench: Bench) -> int:
    """Count the requests for distributions since last asked."""
    return len(asked(bench.world, "Distribution"))


def days(bench: Bench, number: int) -> list[int]:
    """Harvest daily for so many days; count each day's requests for distributions."""
    counts = []
    for _ in range(number):
        bench.world.advance(days=1)
        fetch(bench)
        counts.append(looks(bench))
    return counts


@pytest.mark.no_cover  # what it does at length is measured elsewhere
def test_while_nothing_moves_they_are_asked_for_once_in_at_most(quiet: Bench) -> None:
    assert days(quiet, 21) == ([0] * 6 + [2]) * 3


def test_that_they_stood_still_is_on_record_without_a_request(quiet: Bench) -> None:
    days(quiet, 6)
    proofs = rows(quiet, schema.fetches, job="distribution", outcome="unchanged")
    assert [(row["times"], row["requests"], row["last_at"]) for row in proofs] == [
        (6, 0, NOW + 6 * DAY)
    ]
    assert poll(quiet, "distribution")["last_ok_at"] == NOW + 6 * DAY


def test_an_unlock_has_them_asked_for_at_the_next_due_time(quiet: Bench) -> None:
    quiet.world.advance(hours=1)
    quiet.world.unlock(quiet.world.add_user("Bob"), 12)
    fetch(quiet)
    assert looks(quiet) == 0
    assert days(quiet, 3) == [2, 0, 0]
    held = {
        (row["is_hardcore"], row["unlocked"]): row["players"]
        for row in current(quiet, schema.distribution)
    }
    assert held == {(True, 1): 2, (True, 2): 0, (False, 1): 0, (False, 2): 0}


def test_a_look_within_an_hour_of_a_movement_is_repeated_once(quiet: Bench) -> None:
    quiet.world.advance(days=1)
    quiet.world.unlock(quiet.world.add_user("Bob"), 12)
    fetch(quiet)
    assert looks(quiet) == 2
    assert days(quiet, 3) == [2, 0, 0]


def test_a_player_who_comes_or_goes_is_a_movement(quiet: Bench, ann: str) -> None:
    quiet.world.advance(hours=1)
    quiet.world.reset(ann, 11)
    fetch(quiet)
    assert days(quiet, 2) == [2, 0]


@pytest.mark.parametrize("change", ["demote", "extend"])
def test_a_set_that_changes_is_a_movement(quiet: Bench, change: str) -> None:
    quiet.world.advance(hours=1)
    if change == "demote":
        quiet.world.demote(12)
    else:
        quiet.world.add_achievement(1, "Deed 13", id=13)
    fetch(quiet)
    assert days(quiet, 2) == [2, 0]


def test_counters_that_are_due_are_looked_at_first(quiet: Bench) -> None:
    quiet.world.advance(days=1)
    quiet.world.unlock(quiet.world.add_user("Bob"), 12)
    fetch(quiet, Selection(jobs=["distribution", "progress"]))
    names = [one.name for one in asked(quiet.world)]
    assert names == ["API_GetGameInfoAndUserProgress", *["API_GetAchievementDistribution"] * 2]


def test_without_fresh_counters_they_are_asked_for(quiet: Bench) -> None:
    quiet.world.advance(days=1)
    fetch(quiet, ALONE)
    assert looks(quiet) == 2


def test_counters_that_cannot_be_read_spare_nothing(quiet: Bench) -> None:
    quiet.world.fail("502-html", only="API_GetGameInfoAndUserProgress")
    assert days(quiet, 1) == [2]


def test_force_asks_all_the_same_and_all_does_not(quiet: Bench) -> None:
    quiet.world.advance(minutes=1)
    fetch(quiet, is_all=True)
    assert looks(quiet) == 0
    fetch(quiet, is_forced=True)
    assert looks(quiet) == 2


def test_unofficial_ones_are_asked_for_at_every_due_time(
    bench_of: BenchOf, sqlite_url: str, world: World, ann: str
) -> None:
    world.demote(12)
    bench = bench_of(UNOFFICIAL, database=sqlite_url, api=STILL)
    fetch(bench)
    asked(world)
    for _ in range(3):
        world.advance(days=1)
        fetch(bench)
        assert [one.params["f"] for one in asked(world, "Distribution")] == ["5", "5"]


def test_a_round_in_a_still_world_asks_once_for_counters_and_once_for_tickets(
    bench_of: BenchOf, sqlite_url: str, world: World
) -> None:
    for game in (1, 2, 3):
        world.add_game(game, f"Game {game}", 1)
        for own in crowd(world, 3, prefix=f"G{game}"):
            world.unlock(own, world.add_achievement(game, f"Deed of {own}"))
    bench = bench_of("[watch]\ngames = [1, 2, 3]", database=sqlite_url, api=STILL)
    fetch(bench)
    asked(world)
    world.advance(days=1)
    fetch(bench, Selection(jobs=["progress", "game-tickets", "distribution"]))
    names = [one.name for one in asked(world)]
    assert sorted(names) == [*["API_GetGameInfoAndUserProgress"] * 3, *["API_GetTicketData"] * 3]


@pytest.mark.no_cover  # what it does at length is measured elsewhere
def test_a_look_that_was_late_does_not_stretch_at_most(quiet: Bench) -> None:
    seen = quiet.world.now
    for _ in range(60):
        quiet.world.advance(hours=5)
        fetch(quiet)
        if looks(quiet):
            assert quiet.world.now - seen <= timedelta(days=7)
            seen = quiet.world.now
    assert seen > NOW + 5 * DAY


@pytest.mark.no_cover  # what it does at length is measured elsewhere
def test_intervals_that_adapt_do_not_stretch_at_most(
    bench_of: BenchOf, sqlite_url: str, ann: str
) -> None:
    assert ann
    jobs = '[jobs.distribution]\nevery = "36h"\nadaptive = true'
    bench = bench_of(AND_ANN, database=sqlite_url, api=STILL, jobs=jobs)
    fetch(bench)
    seen, real = bench.world.now, [looks(bench)]
    for _ in range(35 * 4):
        bench.world.advance(hours=6)
        fetch(bench)
        real.append(looks(bench))
        if real[-1]:
            assert bench.world.now - seen <= timedelta(days=7)
            seen = bench.world.now
    assert bench.world.now - seen <= timedelta(days=7)
    assert sum(real) <= 2 * 10
