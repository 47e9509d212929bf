"""What a harvest endures: bugs of its own, clocks gone wrong, names that change hands."""

from datetime import timedelta

import pytest
from harvests import (
    HOURLY,
    ONE_GAME,
    STILL,
    BenchOf,
    asked,
    current,
    fetch,
    outcomes,
    poll,
    rows,
    user,
)
from sqlalchemy.exc import IntegrityError
from worlds import NOW, Bench

from harvester import harvest
from harvester.endpoints import ENDPOINTS, Ask, Endpoint, Get, Steps
from harvester.errors import GaveUp, Struck
from harvester.harvest import Told
from harvester.sandbox.world import World
from harvester.store import schema
from harvester.store.polls import Selection

LISTS = Selection(jobs=["unlocks"])


@pytest.mark.parametrize(
    "bug", [KeyError("a bug"), IntegrityError("INSERT", {}, Exception("UNIQUE"))]
)
def test_a_bug_in_one_poll_keeps_no_other_from_its_turn(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, bug: Exception
) -> None:
    def strike(_get: Get, _cursor: object, _ask: Ask) -> Steps:
        raise bug

    monkeypatch.setitem(ENDPOINTS, "progress", Endpoint("progress", ("game",), strike))
    told: list[Told] = []
    with bench.harvest() as made, pytest.raises(Struck, match="game 1, player Ann"):
        told.extend(harvest.round_of(made, Selection()))
    assert poll(bench, "distribution")["last_ok_at"] == NOW
    struck = poll(bench, "progress", "game 1, player Ann")
    assert struck["failures"] == 1
    assert "a bug" in struck["last_error"]
    assert struck["due_at"] > NOW


def test_a_clock_that_once_was_far_ahead_puts_nothing_off_for_ever(bench: Bench) -> None:
    bench.world.now = NOW + timedelta(days=400)
    fetch(bench)
    bench.world.now = NOW
    assert len(fetch(bench)) > 3
    asked(bench.world)
    fetch(bench)
    assert asked(bench.world) == []
    bench.world.advance(hours=1)
    assert "progress game 1, player Ann" in outcomes(fetch(bench))


@pytest.mark.no_cover  # what it does at length is measured elsewhere
def test_what_is_asked_by_hand_does_not_shift_the_grid(
    bench_of: BenchOf, sqlite_url: str, world: World
) -> None:
    for number in range(1, 21):
        world.add_game(number, f"Game {number}", 1)
    bench = bench_of(f"[watch]\ngames = {list(range(1, 21))}", database=sqlite_url, api=STILL)
    fetch(bench)
    fetch(bench, is_all=True)
    due = {row["due_at"] for row in rows(bench, schema.polls, job="game-tickets")}
    assert len(due) > 15


def test_what_a_cheaper_answer_proves_is_evidence_without_a_request(bench: Bench) -> None:
    fetch(bench)
    for _ in range(3):
        bench.world.advance(hours=1)
        fetch(bench)
    found = poll(bench, "unlocks", "achievement 11")
    (looked,) = rows(bench, schema.fetches, poll_id=found["id"])
    assert (looked["outcome"], looked["requests"], looked["times"]) == ("unchanged", 1, 4)
    assert found["last_ok_at"] == looked["last_at"] == bench.world.now


def test_the_first_proof_after_a_change_begins_a_row_of_its_own(bench: Bench) -> None:
    bench.world.unlock(bench.world.add_user("Bob"), 11)
    fetch(bench)
    bench.world.advance(hours=1)
    fetch(bench)
    found = poll(bench, "unlocks", "achievement 11")
    first, implied = rows(bench, schema.fetches, poll_id=found["id"])
    assert (first["outcome"], first["requests"]) == ("changed", 1)
    assert (implied["outcome"], implied["requests"], implied["times"]) == ("unchanged", 0, 1)


def test_a_list_that_was_to_be_read_by_hand_waits_again_once_it_is_proven_unchanged(
    bench: Bench,
) -> None:
    fetch(bench)
    before = poll(bench, "unlocks", "achievement 11")
    bench.world.advance(hours=1)
    fetch(bench, is_all=True)
    assert poll(bench, "unlocks", "achievement 11")["due_at"] == before["due_at"]


def test_all_asks_lists_that_no_counter_covers(bench: Bench) -> None:
    fetch(bench)
    bench.world.demote(11)
    bench.world.advance(hours=2)
    fetch(bench)
    bench.world.unlock(bench.world.add_user("Bob"), 11)
    told = outcomes(fetch(bench, is_all=True))
    assert told["unlocks achievement 11"] == "changed"
    assert "unlocks achievement 12" not in told


def test_lists_asked_without_their_counters_are_read(bench: Bench) -> None:
    fetch(bench)
    assert len(fetch(bench, LISTS, is_all=True)) == 2


def test_who_wants_full_lists_after_recent_ones_gets_them_at_once(
    bench_of: BenchOf, sqlite_url: str, ann: str
) -> None:
    recent = '[jobs.unlocks]\nmode = "recent"'
    bench = bench_of(ONE_GAME, database=sqlite_url, api=STILL, jobs=recent)
    fetch(bench)
    assert current(bench, schema.unlocks) == []
    bench.configure(ONE_GAME, api=STILL, database=sqlite_url)
    bench.world.advance(minutes=1)
    assert outcomes(fetch(bench))["unlocks achievement 11"] == "changed"
    assert [row["user_id"] for row in current(bench, schema.unlocks)] == [user(bench, ann)]


def test_a_newly_watched_name_is_who_bears_it_now(
    bench_of: BenchOf, sqlite_url: str, world: World, ann: str
) -> None:
    bench = bench_of(ONE_GAME, database=sqlite_url, api=STILL)
    world.rename(ann, "Mid")
    fetch(bench)
    world.rename(ann, "Anna")
    other = world.add_user("Mid")
    world.advance(hours=2)
    bench.configure(f'{ONE_GAME}\nusers = ["Mid"]', api=STILL, database=sqlite_url)
    fetch(bench)
    assert poll(bench, "progress", "game 1, player Mid")["user_id"] == user(bench, other)


def test_a_name_is_looked_up_once_for_all_games(
    bench_of: BenchOf, sqlite_url: str, world: World, ann: str
) -> None:
    world.add_game(2, "Golden Axe", 1)
    bench = bench_of('[watch]\ngames = [1, 2]\nusers = ["Ann"]', database=sqlite_url, api=STILL)
    fetch(bench)
    named = [one for one in asked(world, "Ticket") if one.params.get("u") == "Ann"]
    assert len(named) == 1


def test_a_player_may_be_watched_by_ulid(
    bench_of: BenchOf, sqlite_url: str, world: World, ann: str
) -> None:
    bench = bench_of(f'{ONE_GAME}\nusers = ["{ann}"]', database=sqlite_url, api=STILL)
    fetch(bench)
    (row,) = current(bench, schema.progress)
    assert (row["user_id"], row["awarded"]) == (user(bench, ann), 1)


def test_a_game_denied_once_after_its_player_was_denied_is_not_gone(bench: Bench) -> None:
    fetch(bench)
    bench.world.advance(hours=1)
    bench.world.fail("empty-list", only="API_GetGameInfoAndUserProgress", times=2)
    fetch(bench)
    bench.world.fail("empty-list", only="API_GetGameExtended")
    bench.world.advance(days=2)
    fetch(bench)
    assert rows(bench, schema.games)[0]["gone_at"] is None


def test_an_achievement_that_answers_again_is_no_longer_gone(bench: Bench) -> None:
    fetch(bench)
    bench.world.demote(12)
    bench.world.advance(hours=2)
    fetch(bench)
    row = bench.world.achievements[12]
    row.is_deleted = True
    for _ in range(2):
        bench.world.advance(days=8)
        fetch(bench)
    assert rows(bench, schema.achievements)[1]["gone_at"] is not None
    row.is_deleted = False
    bench.world.advance(days=8)
    fetch(bench)
    assert rows(bench, schema.achievements)[1]["gone_at"] is None


def test_a_target_that_comes_back_on_another_schedule_is_due_at_once(bench: Bench) -> None:
    fetch(bench)
    url = bench.settings.database.url
    bench.configure("[watch]\ngames = []", api=STILL, database=url)
    fetch(bench)
    weekly = '[jobs.distribution]\nevery = "7d"'
    bench.configure(ONE_GAME, api=STILL, database=url, jobs=weekly)
    bench.world.advance(minutes=1)
    assert "distribution game 1" in outcomes(fetch(bench))


def test_a_game_read_without_its_player_is_evidence_that_does_not_grow(bench: Bench) -> None:
    fetch(bench)
    bench.world.drop_author(12)
    for _ in range(4):
        bench.world.advance(hours=1)
        fetch(bench)
    found = poll(bench, "progress", "game 1, player Ann")
    assert "without the player's part" in found["last_error"]
    assert found["last_ok_at"] >= bench.world.now - HOURLY
    errors = [row["error"] for row in rows(bench, schema.fetches, poll_id=found["id"])]
    assert len([error for error in errors if error]) <= 2


def test_one_passing_failure_of_ras_program_does_not_blind_a_player(bench: Bench) -> None:
    fetch(bench)
    bench.world.fail("500", only="API_GetGameInfoAndUserProgress")
    bench.world.advance(hours=1)
    fetch(bench)
    bench.world.unlock(bench.world.people.find("Ann").ulid, 12)  # type: ignore[union-attr]
    bench.world.advance(hours=1)
    fetch(bench)
    (row,) = current(bench, schema.progress)
    assert row["awarded"] == 2


def test_giving_up_names_the_last_trouble(bench: Bench) -> None:
    bench.world.fail("503-maintenance", times=3)
    with pytest.raises(GaveUp, match=r"the last: .*503"):
        fetch(bench)


def test_every_failure_in_a_row_is_counted(
    bench_of: BenchOf, sqlite_url: str, world: World
) -> None:
    bench = bench_of('[watch]\ndevelopers = ["Nobody"]', database=sqlite_url, api=STILL)
    for _ in range(3):
        fetch(bench)
        world.advance(days=2)
    assert poll(bench, "developer-tickets", "developer Nobody")["failures"] == 3
