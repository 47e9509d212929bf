"""What an answer, a failure, the budget and a wish to stop do to a round."""

from datetime import timedelta

import pytest
from harvests import (
    AND_ANN,
    DAY,
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
    sizes,
    user,
)
from worlds import NOW, Bench

from harvester import harvest
from harvester.errors import BudgetSpent, GaveUp, Refused, Stopped
from harvester.sandbox.faults import Kind
from harvester.sandbox.records import Asked
from harvester.sandbox.world import World
from harvester.store import schema
from harvester.store.polls import Selection


def test_the_first_round_asks_all_jobs_and_lists_what_it_found(
    bench_of: BenchOf, database_url: str, ann: str
) -> None:
    watch = f'{AND_ANN}\ndevelopers = ["SandboxOwner"]'
    bench = bench_of(watch, database=database_url)
    assert outcomes(fetch(bench)) == {
        "game-tickets game 1": "changed",
        "distribution game 1": "changed",
        "progress game 1, player Ann": "changed",
        "developer-tickets developer SandboxOwner": "changed",
        "unlocks achievement 11": "unchanged",  # told by the progress already
        "unlocks achievement 12": "unchanged",
    }
    (unlock,) = current(bench, schema.unlocks)
    assert (unlock["achievement_id"], unlock["user_id"]) == (11, user(bench, ann))
    assert (unlock["unlocked_at"], unlock["hardcore_at"]) == (NOW - DAY, NOW - DAY)


def test_a_second_round_in_an_unchanged_world_adds_no_history(
    bench_of: BenchOf, database_url: str, ann: str
) -> None:
    bench = bench_of(AND_ANN, database=database_url)
    fetch(bench)
    before = sizes(bench)
    bench.world.advance(days=8)
    assert set(outcomes(fetch(bench)).values()) == {"unchanged"}
    assert sizes(bench) == before


def test_nothing_is_asked_again_before_it_is_due(bench: Bench) -> None:
    fetch(bench)
    asked(bench.world)
    assert fetch(bench) == []
    assert asked(bench.world) == []


# --- not found


def test_a_game_that_ra_never_knew_gets_no_row(bench_of: BenchOf, sqlite_url: str) -> None:
    bench = bench_of("[watch]\ngames = [99]", database=sqlite_url, api=STILL)
    told = outcomes(fetch(bench))
    assert told["progress game 99"] == told["game-tickets game 99"] == "not_found"
    assert rows(bench, schema.games) == []
    assert poll(bench, "progress", "game 99")["gone_at"] == NOW


def test_a_game_is_gone_when_ra_denied_it_in_two_rounds(bench: Bench) -> None:
    fetch(bench)
    before = sizes(bench)
    progress = Selection(jobs=["progress"])
    bench.world.games[1].is_deleted = True
    for gone_at in (None, NOW + 4 * HOURLY):
        bench.world.advance(hours=2)
        assert outcomes(fetch(bench, progress)) == {"progress game 1, player Ann": "not_found"}
        assert rows(bench, schema.games)[0]["gone_at"] == gone_at
    assert sizes(bench) == before


def test_what_is_gone_is_asked_daily_and_comes_back_by_itself(bench: Bench) -> None:
    fetch(bench)
    bench.world.games[1].is_deleted = True
    progress = Selection(jobs=["progress"])
    for wait in (2, 2):
        bench.world.advance(hours=wait)
        fetch(bench, progress)
    assert poll(bench, "progress", "game 1, player Ann")["due_at"] == bench.world.now + DAY
    bench.world.games[1].is_deleted = False
    bench.world.advance(days=1)
    fetch(bench, progress)
    found = poll(bench, "progress", "game 1, player Ann")
    assert (found["gone_at"], found["failures"], found["last_error"]) == (None, 0, None)
    assert found["due_at"] <= bench.world.now + HOURLY
    assert rows(bench, schema.games)[0]["gone_at"] is None


def test_a_player_whom_ra_does_not_know_costs_the_game_nothing(bench: Bench) -> None:
    fetch(bench)
    bench.world.delete_user(bench.world.people.find("Ann").ulid, is_reset=False)  # type: ignore[union-attr]
    bench.world.revise_game(1, title="Sonic 2")
    bench.world.advance(hours=2)
    assert outcomes(fetch(bench))["progress game 1, player Ann"] == "not_found"
    (game,) = rows(bench, schema.games)
    assert (game["title"], game["gone_at"]) == ("Sonic 2", None)
    found = poll(bench, "progress", "game 1, player Ann")
    assert found["gone_at"] == bench.world.now
    assert "player" in found["last_error"]


def test_a_player_whom_ra_does_not_know_is_asked_for_daily_and_comes_back(bench: Bench) -> None:
    fetch(bench)
    ann = bench.world.people.find("Ann")
    assert ann is not None
    ann.is_deleted = True
    for _ in range(2):
        bench.world.advance(hours=2)
        assert outcomes(fetch(bench))["progress game 1, player Ann"] == "not_found"
    assert poll(bench, "progress", "game 1, player Ann")["due_at"] == bench.world.now + DAY
    ann.is_deleted = False
    bench.world.advance(days=1)
    assert outcomes(fetch(bench))["progress game 1, player Ann"] == "unchanged"
    assert poll(bench, "progress", "game 1, player Ann")["gone_at"] is None


def test_a_misspelt_player_costs_the_game_nothing(
    bench_of: BenchOf, sqlite_url: str, ann: str
) -> None:
    bench = bench_of(f'{ONE_GAME}\nusers = ["Ahn"]', database=sqlite_url, api=STILL)
    told = outcomes(fetch(bench))
    assert told["progress game 1, player Ahn"] == "not_found"
    assert rows(bench, schema.games)[0]["title"] == "Sonic"
    assert told["unlocks achievement 11"] == "changed"


def test_an_achievement_is_gone_when_ra_denied_it_in_two_rounds(bench: Bench) -> None:
    fetch(bench)
    bench.world.delete_achievement(12)
    unlocks = Selection(jobs=["unlocks"])
    for gone_at in (None, NOW + 4 * HOURLY):
        bench.world.advance(hours=2)
        told = outcomes(fetch(bench, unlocks, is_forced=True))
        assert told["unlocks achievement 12"] == "not_found"
        assert rows(bench, schema.achievements)[1]["gone_at"] == gone_at


def test_a_developer_whom_ra_does_not_know_is_not_found(bench_of: BenchOf, sqlite_url: str) -> None:
    bench = bench_of('[watch]\ndevelopers = ["Nobody"]', database=sqlite_url)
    assert outcomes(fetch(bench)) == {"developer-tickets developer Nobody": "not_found"}
    assert rows(bench, schema.users) == []


# --- RA's program fails on a game


def test_a_game_on_which_ras_program_fails_keeps_its_counters(bench: Bench) -> None:
    fetch(bench)
    bench.world.drop_author(12)
    bench.world.unlock(bench.world.add_user("Bob"), 11)
    bench.world.advance(hours=2)
    told = outcomes(fetch(bench))
    assert told["progress game 1, player Ann"] == "changed"
    assert told["unlocks achievement 11"] == "changed"
    (counters, _) = current(bench, schema.achievement_counters)
    assert counters["unlocks"] == 2
    found = poll(bench, "progress", "game 1, player Ann")
    assert found["failures"] == 0
    assert found["due_at"] <= bench.world.now + HOURLY
    assert "without the player's part" in found["last_error"]


@pytest.mark.no_cover  # what it does at length is measured elsewhere
def test_the_players_part_is_tried_again_after_a_day_of_fallbacks(bench: Bench) -> None:
    fetch(bench)
    bench.world.drop_author(12)
    progress = Selection(jobs=["progress"])
    asked(bench.world)
    for _ in range(25):
        bench.world.advance(hours=1)
        fetch(bench, progress)
    assert len(asked(bench.world, "UserProgress")) == 4  # three, and one a day later
    bench.world.achievements[12].author = bench.world.owner
    for _ in range(24):
        bench.world.advance(hours=1)
        fetch(bench, progress)
    assert poll(bench, "progress", "game 1, player Ann")["failures"] == 0


def test_with_nobody_watched_a_failing_program_is_no_trouble(
    bench_of: BenchOf, sqlite_url: str, ann: str, world: World
) -> None:
    world.drop_author(12)
    bench = bench_of(ONE_GAME, database=sqlite_url, api=STILL)
    assert outcomes(fetch(bench))["progress game 1"] == "changed"


# --- unavailable, invalid, refused


def test_one_failing_poll_does_not_stop_the_others(bench: Bench) -> None:
    bench.world.fail("502-html", only="API_GetTicketData")
    told = outcomes(fetch(bench))
    assert told["game-tickets game 1"] == "unavailable"
    assert {told[name] for name in told if name.startswith("unlocks")} == {"unchanged"}


def test_three_unusable_answers_in_a_row_end_the_round(bench: Bench) -> None:
    bench.world.fail("503-maintenance", times=9)
    with pytest.raises(GaveUp, match="three times in a row"):
        fetch(bench)
    assert len(asked(bench.world)) == 3
    assert all(row["last_ok_at"] is None for row in rows(bench, schema.polls))
    bench.world.faults.clear()
    bench.world.advance(minutes=5)
    assert "unavailable" not in outcomes(fetch(bench)).values()


def test_a_failing_poll_rests_five_minutes_doubling_to_a_day(bench: Bench) -> None:
    tickets = Selection(jobs=["game-tickets"])
    bench.world.fail("502-html", times=99)
    pauses = []
    for _ in range(11):
        fetch(bench, tickets)
        due_at = poll(bench, "game-tickets")["due_at"]
        pauses.append(due_at - bench.world.now)
        bench.world.now = due_at
    for number, pause in enumerate(pauses):
        doubled = min(timedelta(minutes=5) * 2**number, DAY)
        assert doubled * 0.79 <= pause <= doubled


def test_failures_that_postpone_nothing_do_not_lengthen_later_pauses(bench: Bench) -> None:
    fetch(bench)
    bench.world.drop_author(12)
    progress = Selection(jobs=["progress"])
    for _ in range(6):
        bench.world.advance(hours=1)
        fetch(bench, progress)
    bench.world.fail("502-html", times=2)
    bench.world.advance(hours=1)
    fetch(bench, progress)
    found = poll(bench, "progress", "game 1, player Ann")
    assert found["due_at"] <= bench.world.now + timedelta(minutes=10)


def test_a_short_429_is_waited_for_and_asked_again(bench: Bench) -> None:
    bench.world.fail("429", retry_after=90)
    assert outcomes(fetch(bench))["game-tickets game 1"] == "changed"
    assert NOW + timedelta(seconds=90) <= bench.world.now <= NOW + timedelta(seconds=120)


def test_a_long_429_ends_the_round_and_binds_the_next_process(bench: Bench) -> None:
    bench.world.fail("429", retry_after=7200)
    with pytest.raises(GaveUp, match="14:00:00 UTC"):
        fetch(bench)
    asked(bench.world)
    bench.world.advance(hours=1)
    with pytest.raises(GaveUp, match="14:00:00 UTC"):
        fetch(bench, is_forced=True)
    assert asked(bench.world) == []
    bench.world.advance(hours=1)
    assert outcomes(fetch(bench))["game-tickets game 1"] == "changed"


@pytest.mark.parametrize("kind", ["401", "403-json"])
def test_a_refusal_stops_everything_and_changes_no_plan(bench: Bench, kind: Kind) -> None:
    bench.world.fail(kind, times=9)
    with pytest.raises(Refused):
        fetch(bench)
    assert len(asked(bench.world)) == 1
    (fetched,) = rows(bench, schema.fetches)
    assert (fetched["outcome"], fetched["requests"]) == ("refused", 1)
    assert poll(bench, "game-tickets")["due_at"] == NOW
    assert poll(bench, "game-tickets")["failures"] == 0


def test_an_answer_that_makes_no_sense_is_kept_for_the_bug_report_and_not_stored(
    bench_of: BenchOf, database_url: str, ann: str
) -> None:
    bench = bench_of(ONE_GAME, database=database_url, api=STILL)
    bench.world.fail("wrong-shape", body=b'{"GameID":1,"Nul":"\\u0000"}')
    assert outcomes(fetch(bench))["game-tickets game 1"] == "invalid"
    (fetched,) = rows(bench, schema.fetches, outcome="invalid")
    assert fetched["payload"].startswith('{"GameID":1')
    assert current(bench, schema.game_ticket_counts) == []


def test_only_the_newest_answer_that_makes_no_sense_is_kept(bench: Bench) -> None:
    tickets = Selection(jobs=["game-tickets"])
    for body in (b"[1]", b"[2]"):
        bench.world.fail("wrong-shape", body=body)
        fetch(bench, tickets, is_forced=True)
        bench.world.advance(hours=1)
    payloads = [row["payload"] for row in rows(bench, schema.fetches, outcome="invalid")]
    assert payloads == [None, "[2]"]


def test_a_game_answered_with_the_site_wide_list_is_invalid(bench: Bench) -> None:
    bench.world.fail("recent-fallthrough", only="API_GetTicketData")
    assert outcomes(fetch(bench))["game-tickets game 1"] == "invalid"


# --- budget and stop


def test_a_spent_budget_ends_the_round_and_the_next_day_goes_on(
    bench_of: BenchOf, sqlite_url: str, ann: str
) -> None:
    bench = bench_of(ONE_GAME, database=sqlite_url, api=f"{STILL}\ndaily_budget = 3")
    with pytest.raises(BudgetSpent):
        fetch(bench, is_all=True)
    assert len(asked(bench.world)) == 3
    with pytest.raises(BudgetSpent):
        fetch(bench, is_all=True)
    assert asked(bench.world) == []
    bench.world.advance(hours=12)
    with pytest.raises(BudgetSpent):
        fetch(bench, is_all=True)
    assert len(asked(bench.world)) == 3


def test_requests_of_yesterday_are_not_charged_to_today(
    bench_of: BenchOf, sqlite_url: str, ann: str
) -> None:
    bench = bench_of(ONE_GAME, database=sqlite_url, api=f"{STILL}\ndaily_budget = 6")
    with bench.harvest() as made:
        list(harvest.round_of(made, Selection()))
        bench.world.advance(hours=12)  # ends after midnight
    asked(bench.world)
    fetch(bench)
    assert asked(bench.world)


def test_what_a_broken_off_poll_found_is_listed_by_the_same_process(
    bench_of: BenchOf, sqlite_url: str, ann: str, world: World
) -> None:
    watch = "[[watch.game]]\nid = 1\nunofficial = true"
    bench = bench_of(watch, database=sqlite_url, api=f"{STILL}\ndaily_budget = 2")
    progress = Selection(jobs=["progress", "unlocks"])
    with bench.harvest() as made:
        world.before_answer = lambda one: _spend(bench, one)
        with pytest.raises(BudgetSpent):
            list(harvest.round_of(made, progress))
        world.before_answer = None
        world.advance(days=1)
        with pytest.raises(BudgetSpent):
            list(harvest.round_of(made, progress))
    assert poll(bench, "unlocks", "achievement 11")["last_attempt_at"] is None


def _spend(bench: Bench, one: Asked) -> None:
    if one.name == "API_GetGameInfoAndUserProgress":
        bench.world.fail("429", retry_after=1, only="API_GetGameExtended")


def test_a_wish_to_stop_is_heeded_between_two_polls(bench: Bench) -> None:
    bench.world.before_answer = lambda _one: bench.stop._wish.set()
    with pytest.raises(Stopped):
        fetch(bench)
    assert len(asked(bench.world)) == 1
    assert poll(bench, "game-tickets")["last_ok_at"] == NOW
    (run,) = rows(bench, schema.runs)
    assert run["ended_at"] == NOW
