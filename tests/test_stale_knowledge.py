"""What is known may be old, broken off, or dated by a clock gone wrong: it is not believed then."""

from datetime import timedelta

import pytest
from harvests import (
    AND_ANN,
    STILL,
    BenchOf,
    asked,
    crowd,
    current,
    fetch,
    outcomes,
    poll,
    rows,
)
from worlds import NOW, Bench

from harvester.errors import BudgetSpent, GaveUp
from harvester.meter import Meter
from harvester.sandbox.world import World
from harvester.store import schema
from harvester.store.polls import Selection

DISTRIBUTION, PROGRESS = Selection(jobs=["distribution"]), Selection(jobs=["progress"])
LISTS = Selection(jobs=["unlocks"])


def masters(bench: Bench) -> dict[int, int]:
    """Tell the hardcore distribution that is held."""
    held = current(bench, schema.distribution, is_hardcore=True)
    return {row["unlocked"]: row["players"] for row in held}


def test_an_old_answer_is_read_where_a_look_was_broken_off_in_between(
    bench: Bench, world: World
) -> None:
    fetch(bench)
    world.advance(days=1)
    fetch(bench, DISTRIBUTION, is_forced=True)
    url, bob = bench.settings.database.url, world.add_user("Bob")
    world.advance(days=1)
    world.unlock(bob, 12)
    fetch(bench, PROGRESS, is_all=True)
    sent = sum(one.at.date() == world.now.date() for one in world.asked)
    bench.configure(AND_ANN, api=f"{STILL}\ndaily_budget = {sent + 1}", database=url)
    with pytest.raises(BudgetSpent):
        fetch(bench, DISTRIBUTION, is_all=True)
    assert masters(bench) == {1: 2, 2: 0}
    bench.configure(AND_ANN, api=STILL, database=url)
    world.advance(days=1)
    world.reset(bob, 12)
    fetch(bench, PROGRESS, is_all=True)
    fetch(bench, DISTRIBUTION, is_all=True)
    assert masters(bench) == {1: 1, 2: 0}


def test_distributions_are_asked_for_again_after_a_clock_was_far_ahead(
    bench: Bench, world: World
) -> None:
    world.now = NOW + timedelta(days=365)
    fetch(bench)
    world.now = NOW + timedelta(hours=1)
    asked(world)
    for ulid in crowd(world, 5):
        world.unlock(ulid, 12)
        fetch(bench)
        world.advance(days=1)
    assert len(asked(world, "Distribution")) >= 2 * 4
    assert masters(bench) == {1: 6, 2: 0}


def test_counters_older_than_a_distributions_own_interval_imply_nothing(
    bench_of: BenchOf, sqlite_url: str, ann: str, world: World
) -> None:
    jobs = '[jobs.distribution]\nevery = "1h"\n[jobs.progress]\nevery = "7d"'
    bench = bench_of(AND_ANN, jobs=jobs, database=sqlite_url, api=STILL)
    fetch(bench)
    world.advance(hours=3)
    world.unlock(world.add_user("Bob"), 12)
    fetch(bench)
    assert masters(bench) == {1: 2, 2: 0}


def test_an_empty_answer_is_never_taken_for_the_last_one(
    bench_of: BenchOf, sqlite_url: str, world: World
) -> None:
    world.add_game(1, "Sonic", 1)
    bench = bench_of("[watch]\ngames = [1]", database=sqlite_url, api=STILL)
    fetch(bench)
    world.add_achievement(1, "Deed", id=11)
    world.advance(days=1)
    world.fail("empty-list", only="API_GetAchievementDistribution")
    assert outcomes(fetch(bench))["distribution game 1"] == "invalid"


def test_a_list_newer_than_the_counters_is_read_at_its_head(
    bench: Bench, world: World, ann: str
) -> None:
    for number, ulid in enumerate(crowd(world, 700)):
        world.unlock(ulid, 11, at=NOW - timedelta(days=30, minutes=number))
    fetch(bench)
    world.advance(minutes=10)
    world.unlock(world.add_user("Bob"), 11)
    for _ in range(2):  # by hand, which no cheaper answer of the round disproves
        asked(world)
        fetch(bench, LISTS, is_all=True)
        pages = [one.params["o"] for one in asked(world) if one.params["a"] == "11"]
        assert pages in (["0"], ["0", "20"])  # 19 known rows are one too few


def test_a_first_listing_reads_the_head_of_a_list_that_grew_only_once(
    bench: Bench, world: World
) -> None:
    for number, ulid in enumerate(crowd(world, 1700)):
        world.unlock(ulid, 12, at=NOW - timedelta(days=30, minutes=number))
    fetch(bench, PROGRESS)
    world.unlock(world.add_user("Bob"), 12)  # after the counters were told
    asked(world)
    fetch(bench)
    pages = [one.params["o"] for one in asked(world) if one.params.get("a") == "12"]
    assert pages == ["0", "499", "998", "1497"]
    assert len(current(bench, schema.unlocks, achievement_id=12)) == 1701


def test_counters_that_fell_are_not_forgotten_when_they_rise_again(
    bench: Bench, world: World, ann: str
) -> None:
    zoe = world.add_user("Zoe")
    world.unlock(zoe, 11)
    fetch(bench)
    world.advance(hours=1)
    world.reset(zoe, 11)
    world.fail("502-html", only="API_GetAchievementUnlocks")
    fetch(bench)
    for name in ("Bob", "Cid"):
        world.unlock(world.add_user(name), 11)
    world.advance(hours=1)
    fetch(bench)
    assert poll(bench, "unlocks", "achievement 11")["token"] == "3/3"
    (suspected,) = rows(bench, schema.unlock_absences)
    assert suspected["achievement_id"] == 11


def test_a_clock_that_steps_back_over_midnight_renews_no_budget() -> None:
    now = NOW
    meter = Meter(10, clock=lambda: now)
    for _ in range(10):
        meter.admit()
    now = NOW - timedelta(days=1)
    with pytest.raises(BudgetSpent):
        meter.admit()


def test_a_wait_that_a_wrong_clock_put_months_ahead_is_forgotten(
    bench: Bench, world: World
) -> None:
    world.now = NOW + timedelta(days=365)
    world.fail("429", retry_after=20_000)
    with pytest.raises(GaveUp):
        fetch(bench)
    world.now = NOW
    assert len(fetch(bench)) >= 3
