"""What the counters hide: no list is read for it before its sweep, which finds it."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from harvests import BenchOf, asked, crowd, current, fetch, outcomes, poll, rows
from worlds import NOW, Bench

from harvester.sandbox.world import World
from harvester.store import schema

DAY = timedelta(days=1)
LIST = "unlocks achievement 11"
ASKED = "API_GetAchievementUnlocks"
API = "burst = 100000"


@pytest.fixture
def bench(bench_of: BenchOf, sqlite_url: str, world: World) -> Bench:
    """Watch a game of two achievements; all lists were read before this day."""
    world.add_game(1, "Sonic", 1)
    for own in (11, 12):
        world.add_achievement(1, f"Deed {own}", id=own)
    for place, ulid in enumerate(crowd(world, 40)):
        world.unlock(ulid, 11, at=NOW - 20 * DAY - timedelta(hours=place))
    bench = bench_of("[watch]\ngames = [1]", database=sqlite_url, api=API)
    fetch(bench)
    world.advance(days=1)
    asked(world)
    return bench


def holders(bench: Bench) -> dict[str, object]:
    """Tell by name who holds achievement 11 now, with the date that counts."""
    names = {row["id"]: row["name"] for row in rows(bench, schema.users)}
    held = current(bench, schema.unlocks, achievement_id=11)
    return {names[row["user_id"]]: row["hardcore_at"] or row["unlocked_at"] for row in held}


def is_asked_for(bench: Bench) -> bool:
    """Ask what is due; tell whether list 11 was."""
    asked(bench.world)
    fetch(bench)
    return any(one.params["a"] == "11" for one in asked(bench.world, ASKED))


def sweep(bench: Bench) -> None:
    """Let an interval of the sweep pass, and ask what is due then."""
    bench.world.advance(days=7)
    told = outcomes(fetch(bench))
    assert LIST in told


def assert_only_the_sweep_finds(bench: Bench, name: str) -> None:
    """Check that the counters tell nothing of somebody's unlock, and that the sweep does."""
    assert not is_asked_for(bench)
    assert name not in holders(bench)
    (look,) = rows(
        bench, schema.fetches, id=poll(bench, "unlocks", "achievement 11")["last_fetch_id"]
    )
    assert (look["outcome"], look["last_at"]) == ("unchanged", bench.world.now)
    sweep(bench)
    assert name in holders(bench)


def assert_only_two_sweeps_find_gone(bench: Bench, name: str) -> None:
    """Check that the counters tell nothing of a row taken back, and that two sweeps do."""
    for _ in range(2):
        assert not is_asked_for(bench)
        assert name in holders(bench)
        sweep(bench)
    assert name not in holders(bench)


def test_the_unlock_of_a_player_who_is_not_ranked_waits_for_the_sweep(bench: Bench) -> None:
    ann = bench.world.add_user("Ann")
    bench.world.unrank(ann)
    bench.world.unlock(ann, 11)
    assert_only_the_sweep_finds(bench, "Ann")


def test_the_unlock_of_a_player_unranked_before_the_next_poll_waits_for_the_sweep(
    bench: Bench,
) -> None:
    ann = bench.world.add_user("Ann")
    bench.world.unlock(ann, 11)
    bench.world.unrank(ann)
    assert_only_the_sweep_finds(bench, "Ann")


def test_the_upgrade_of_a_player_who_is_not_ranked_waits_for_the_sweep(bench: Bench) -> None:
    ann, world = bench.world.add_user("Ann"), bench.world
    world.unlock(ann, 11, is_hardcore=False)
    world.advance(hours=1)
    assert is_asked_for(bench)
    first = holders(bench)["Ann"]
    world.unrank(ann)
    world.advance(hours=1)
    assert is_asked_for(bench)  # the counters fell: all of it is read
    world.unlock(ann, 11)
    world.advance(hours=1)
    assert not is_asked_for(bench)
    assert holders(bench)["Ann"] == first
    sweep(bench)
    assert holders(bench)["Ann"] == first + timedelta(hours=2)  # type: ignore[operator]


@pytest.mark.parametrize("is_reset_first", [False, True])
def test_an_unlock_and_a_reset_between_two_polls_wait_for_the_sweep(
    bench: Bench, *, is_reset_first: bool
) -> None:
    world = bench.world
    old = next(user.ulid for user in world.people if user.name == "P00007")
    ann = world.add_user("Ann")
    happen: list[Callable[[], object]] = [
        lambda: world.unlock(ann, 11),
        lambda: world.reset(old, 11),
    ]
    for happens in reversed(happen) if is_reset_first else happen:
        happens()
    assert_only_the_sweep_finds(bench, "Ann")
    assert "P00007" in holders(bench)
    sweep(bench)
    assert "P00007" not in holders(bench)


def test_counters_left_too_high_after_a_reset_leave_the_row_to_two_sweeps(bench: Bench) -> None:
    world = bench.world
    world.freeze_counters(11)
    world.reset(next(user.ulid for user in world.people if user.name == "P00007"), 11)
    assert_only_two_sweeps_find_gone(bench, "P00007")


def test_an_unlock_that_only_sets_right_counters_left_too_high_waits_for_the_sweep(
    bench: Bench,
) -> None:
    world = bench.world
    world.freeze_counters(11)
    world.reset(next(user.ulid for user in world.people if user.name == "P00007"), 11)
    world.advance(hours=1)
    assert not is_asked_for(bench)
    world.unlock(world.add_user("Ann"), 11)
    world.advance(hours=1)
    assert_only_the_sweep_finds(bench, "Ann")


def test_rows_copied_in_with_old_dates_are_not_at_the_head_and_wait_for_the_sweep(
    bench: Bench,
) -> None:
    world = bench.world
    world.unlock(world.add_user("Copied"), 11, at=NOW - 300 * DAY)
    world.advance(hours=1)
    assert is_asked_for(bench)  # one page at the head, where nothing is new
    assert "Copied" not in holders(bench)
    world.advance(hours=1)
    assert not is_asked_for(bench)
    sweep(bench)
    assert holders(bench)["Copied"] == NOW - 300 * DAY


def test_of_an_achievement_that_left_the_map_only_the_sweep_learns(bench: Bench) -> None:
    world = bench.world
    world.demote(11)
    world.unlock(world.add_user("Ann"), 11)
    world.advance(hours=1)
    assert not is_asked_for(bench)
    assert "Ann" not in holders(bench)
    looked_at = poll(bench, "unlocks", "achievement 11")["last_ok_at"]
    assert looked_at == NOW  # its frozen counters are no proof of looking
    sweep(bench)
    assert "Ann" in holders(bench)


def test_of_an_achievement_that_comes_back_to_the_map_the_counters_tell_again(
    bench: Bench,
) -> None:
    world = bench.world
    world.demote(11)
    world.unlock(world.add_user("Ann"), 11)
    world.advance(hours=1)
    assert not is_asked_for(bench)
    world.promote(11)
    world.advance(hours=1)
    assert is_asked_for(bench)
    assert "Ann" in holders(bench)
