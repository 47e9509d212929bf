"""What the plan makes of watchlists, schedules, wishes and clocks; and what proves a look."""

from datetime import datetime

from harvests import (
    AND_ANN,
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
)
from worlds import NOW, Bench

from harvester.sandbox.world import World
from harvester.store import schema
from harvester.store.polls import Selection

# --- watchlist and schedules


def test_a_target_that_leaves_the_watchlist_keeps_its_history(bench: Bench) -> None:
    fetch(bench)
    before = sizes(bench)
    bench.configure("[watch]\ngames = []", api=STILL, database=bench.settings.database.url)
    bench.world.advance(days=1)
    assert fetch(bench) == []
    assert sizes(bench) == before
    assert {row["watched_to"] for row in rows(bench, schema.polls)} == {bench.world.now}
    assert len(current(bench, schema.unlocks)) == 1


def test_a_target_that_comes_back_is_due_at_once(bench: Bench) -> None:
    fetch(bench)
    url = bench.settings.database.url
    bench.configure("[watch]\ngames = []", api=STILL, database=url)
    bench.world.advance(minutes=1)
    fetch(bench)
    bench.configure(AND_ANN, api=STILL, database=url)
    bench.world.advance(minutes=1)
    assert len(fetch(bench)) == 5
    found = poll(bench, "game-tickets")
    assert (found["watched_from"], found["watched_to"]) == (bench.world.now, None)


def test_a_shorter_interval_takes_effect_at_once(bench: Bench) -> None:
    fetch(bench)
    jobs = '[jobs.game-tickets]\nevery = "10m"'
    bench.configure(AND_ANN, jobs=jobs, api=STILL, database=bench.settings.database.url)
    bench.world.advance(minutes=10)
    assert list(outcomes(fetch(bench))) == ["game-tickets game 1"]


def test_a_game_may_have_an_interval_of_its_own(
    bench_of: BenchOf, sqlite_url: str, ann: str
) -> None:
    watch = '[[watch.game]]\nid = 1\nevery = { game-tickets = "10m" }'
    bench = bench_of(watch, database=sqlite_url, api=STILL)
    fetch(bench)
    bench.world.advance(minutes=10)
    assert list(outcomes(fetch(bench))) == ["game-tickets game 1"]


# --- fetch --all and --force


def test_all_asks_everything_but_what_counters_prove_unchanged(bench: Bench) -> None:
    fetch(bench)
    bench.world.advance(minutes=1)
    asked(bench.world)
    fetch(bench, is_all=True)
    assert [one.name for one in asked(bench.world)] == [
        "API_GetTicketData",
        "API_GetGameInfoAndUserProgress",
    ]


def test_force_asks_everything(bench: Bench) -> None:
    fetch(bench)
    bench.world.advance(minutes=1)
    assert len(fetch(bench, is_forced=True)) == 5


def test_all_asks_only_what_is_selected(bench: Bench) -> None:
    fetch(bench)
    bench.world.advance(minutes=1)
    chosen = Selection(jobs=["progress"], games=[1], users=["ann"])
    assert list(outcomes(fetch(bench, chosen, is_all=True))) == ["progress game 1, player Ann"]


def test_all_ignores_postponements_of_sweeps_too(bench: Bench) -> None:
    fetch(bench)
    bench.world.advance(days=8)
    bench.world.fail("502-html", only="API_GetAchievementUnlocks")
    told = outcomes(fetch(bench))
    (failed,) = [target for target, outcome in told.items() if outcome == "unavailable"]
    bench.world.advance(minutes=1)
    assert failed in outcomes(fetch(bench, is_all=True))


# --- time


def test_a_clock_that_steps_back_writes_nothing_before_what_is_written(
    bench_of: BenchOf, database_url: str, ann: str
) -> None:
    bench = bench_of(AND_ANN, database=database_url, api=STILL)
    fetch(bench)
    bench.world.now -= HOURLY
    bench.world.revise(11, title="New")
    fetch(bench, is_forced=True)
    found = rows(bench, schema.achievement_versions, achievement_id=11)
    assert [(row["title"], row["valid_from"]) for row in found] == [("New", NOW)]
    assert poll(bench, "progress", "game 1, player Ann")["last_ok_at"] == NOW


def test_a_look_is_never_dated_before_what_it_wrote(
    bench_of: BenchOf, sqlite_url: str, ann: str, world: World
) -> None:
    bench = bench_of(ONE_GAME, database=sqlite_url, api=STILL)
    fetch(bench)
    world.advance(hours=1)
    world.rename(world.owner.ulid, "Second")
    fetch(bench)
    newest = world.now
    world.advance(minutes=-30)
    world.rename(world.owner.ulid, "Third")
    watch = '[watch]\ndevelopers = ["Third"]'
    bench.configure(watch, api=STILL, database=bench.settings.database.url)
    fetch(bench)
    (name,) = current(bench, schema.user_names, name="Third")
    assert name["valid_from"] == newest
    assert poll(bench, "developer-tickets", "developer Third")["last_ok_at"] == newest


def test_a_list_is_not_dated_before_the_look_that_an_answer_implied(
    bench_of: BenchOf, database_url: str, ann: str
) -> None:
    bench = bench_of(ONE_GAME, database=database_url, api=STILL)
    fetch(bench)
    bench.world.advance(hours=2)
    fetch(bench)
    (implied,) = {row["last_ok_at"] for row in rows(bench, schema.polls, job="unlocks")}
    assert implied == bench.world.now
    bench.world.advance(hours=-1)
    fetch(bench, Selection(jobs=["unlocks"]), is_forced=True)
    assert {row["last_ok_at"] for row in rows(bench, schema.polls, job="unlocks")} == {implied}


# --- evidence


def test_unchanged_looks_extend_one_row_of_evidence(bench: Bench) -> None:
    tickets = Selection(jobs=["game-tickets"])
    for _ in range(5):
        fetch(bench, tickets, is_all=True)
        bench.world.advance(hours=1)
    first, second = rows(bench, schema.fetches)
    assert (first["outcome"], first["times"], first["rows_opened"]) == ("changed", 1, 1)
    assert (second["outcome"], second["times"], second["requests"]) == ("unchanged", 4, 4)
    assert (second["first_at"], second["last_at"]) == (NOW + HOURLY, NOW + 4 * HOURLY)


def test_a_hole_in_looking_begins_a_new_row_of_evidence(bench: Bench) -> None:
    tickets = Selection(jobs=["game-tickets"])
    for wait in (1, 1, 2, 1, 0):
        fetch(bench, tickets, is_all=True)
        bench.world.advance(hours=wait)
    unchanged = rows(bench, schema.fetches, outcome="unchanged")
    spans = [(row["first_at"], row["last_at"]) for row in unchanged]
    assert spans == [
        (NOW + HOURLY, NOW + 2 * HOURLY),
        (NOW + 4 * HOURLY, NOW + 5 * HOURLY),
    ]


def test_a_failure_between_unchanged_looks_stays_visible(bench: Bench) -> None:
    tickets = Selection(jobs=["game-tickets"])
    for number in range(4):
        if number == 2:
            bench.world.fail("502-html")
        fetch(bench, tickets, is_all=True)
        bench.world.advance(hours=1)
    found = [row["outcome"] for row in rows(bench, schema.fetches)]
    assert found == ["changed", "unchanged", "unavailable", "unchanged"]


def test_a_look_at_every_firing_of_an_uneven_cron_leaves_no_hole(
    bench_of: BenchOf, sqlite_url: str, ann: str
) -> None:
    jobs = '[jobs.game-tickets]\nevery = "0 8 * * 1-5"'
    bench = bench_of(ONE_GAME, jobs=jobs, database=sqlite_url, api=STILL)
    tickets = Selection(jobs=["game-tickets"])
    looks: list[datetime] = []
    for _ in range(12):
        fetch(bench, tickets)
        looks.append(bench.world.now)
        bench.world.now = poll(bench, "game-tickets")["due_at"]
    (unchanged,) = rows(bench, schema.fetches, outcome="unchanged")
    assert (unchanged["first_at"], unchanged["last_at"]) == (looks[1], looks[-1])


def test_every_history_row_names_the_look_that_wrote_it(bench: Bench) -> None:
    fetch(bench)
    bench.world.unlock(bench.world.add_user("Bob"), 12)
    bench.world.advance(hours=1)
    fetch(bench)
    looks = {row["id"]: row for row in rows(bench, schema.fetches)}
    for history in schema.HISTORIES.values():
        for row in rows(bench, history.table):
            assert looks[row["fetch_id"]]["outcome"] == "changed"
            assert looks[row["fetch_id"]]["first_at"] == row["valid_from"]
