"""`harvester plan`: what it shows, what would slip, and what would make it fit."""

import csv
import io
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from commands import Shell
from harvests import STILL, crowd
from sqlalchemy import Engine
from worlds import NOW, Bench

from harvester import bill, config, planned, remedies
from harvester.bill import Bill
from harvester.sandbox.world import World
from harvester.store import db, outlook
from harvester.store.known import KnownAchievement
from harvester.store.outlook import Outlook, Read
from harvester.store.polls import BACKFILL, Poll

DAY = timedelta(days=1)
TWO_GAMES = '[watch]\ngames = [1, 2]\nusers = ["Ann", "Bob"]\ndevelopers = ["Cid"]\n'
MANY_GAMES = f'[watch]\ngames = {list(range(1, 101))}\nusers = ["Ann", "Bob"]\n'


def drawn(text: str, known: Outlook = outlook.NOTHING) -> Bill:
    settings = config.parse(text, path=None, environ={})
    return bill.draw_up(settings, known, at=NOW)


def by_job(text: str, known: Outlook = outlook.NOTHING) -> dict[str, float]:
    return {
        job: round(per_day, 3) for job, per_day in bill.by_job(drawn(text, known).lines).items()
    }


def lists(*unlocks: int, is_listed: bool = True, **moved: int) -> Outlook:
    """Know game 1 with lists of so many unlocks, watched for a week."""
    own = range(11, 11 + len(unlocks))
    plan = {("unlocks", f"achievement {one}"): poll(one, is_listed=is_listed) for one in own}
    return Outlook(
        polls=plan,
        achievements=[KnownAchievement(one, 1) for one in own],
        titles={1: "Sonic"},
        unlocks=dict(zip(own, unlocks, strict=True)),
        moved=[Read(1, 11, requests, times=7) for requests in moved.values()],
        moved_since=NOW - 7 * DAY,
    )


def poll(achievement: int, *, is_listed: bool = True, **more: Any) -> Poll:  # noqa: ANN401
    row: dict[str, Any] = {
        "id": achievement,
        "job": "unlocks",
        "target": f"achievement {achievement}",
        "game_id": 1,
        "achievement_id": achievement,
        "watched_from": NOW - 7 * DAY,
        "priority": BACKFILL,
        "schedule": "on-change, sweep 604800s, full",
        "interval_seconds": 604_800,
        "due_at": NOW + DAY,
        "listed_at": NOW - DAY if is_listed else None,
        "failures": 0,
    }
    absent = {name: None for name in Poll.__dataclass_fields__ if name not in row}
    counted = {"churn": 0, "requests": 0, "rows_opened": 0, "rows_closed": 0}
    return Poll(**{**absent, **counted, **row, **more})


# --- the forecast ----------------------------------------------------------------------


def test_without_a_database_the_watchlist_alone_is_forecast() -> None:
    assert by_job(TWO_GAMES) == {
        "game-tickets": 48,
        "distribution": 0.571,
        "progress": 96,
        "developer-tickets": 24,
    }


def test_without_players_progress_is_asked_once_for_each_game() -> None:
    assert by_job("[watch]\ngames = [1, 2]")["progress"] == 48


def test_a_cron_expression_costs_as_often_as_it_fires() -> None:
    jobs = '[jobs.progress]\nevery = "0 6,18 * * 1-5"\n'
    assert by_job(f"{TWO_GAMES}{jobs}")["progress"] == round(4 * 10 / 7, 3)


def test_a_game_may_have_its_own_schedule_and_unofficial_achievements() -> None:
    own = '[[watch.game]]\nid = 3\nunofficial = true\nevery = { progress = "12h" }\n'
    told = by_job(f'[watch]\nusers = ["Ann", "Bob"]\n{own}')
    assert told["progress"] == 2 * 2 + 2  # the first player's looks ask twice
    assert told["game-tickets"] == 48
    assert told["distribution"] == round(2 / 7 + 2, 3)


def test_a_target_that_is_gone_is_asked_about_daily() -> None:
    wanted = poll(0, job="game-tickets", target="game 1", schedule="3600s", interval_seconds=3600)
    gone = poll(0, **{**vars(wanted), "gone_at": NOW})
    for one, per_day in ((wanted, 24), (gone, 1)):
        known = Outlook(polls={("game-tickets", "game 1"): one})
        assert by_job("[watch]\ngames = [1]", known)["game-tickets"] == per_day


def test_a_poll_is_forecast_by_the_interval_in_force_until_its_schedule_changes() -> None:
    stretched = poll(
        0, job="game-tickets", target="game 1", schedule="3600s", interval_seconds=7200
    )
    known = Outlook(polls={("game-tickets", "game 1"): stretched})
    assert by_job("[watch]\ngames = [1]", known)["game-tickets"] == 12
    jobs = '[jobs.game-tickets]\nevery = "30m"\n'
    assert by_job(f"{jobs}[watch]\ngames = [1]", known)["game-tickets"] == 48


def test_lists_are_swept_and_read_when_they_move_as_often_as_lately() -> None:
    told = drawn("[watch]\ngames = [1]", lists(1100, 20, a=1, b=2))
    assert told.needed["sweep"] == pytest.approx((3 + 1) / 7)
    assert told.needed["moved"] == pytest.approx(1 + 2)


def test_a_complete_listing_of_many_pages_is_no_sign_of_movement() -> None:
    assert drawn("[watch]\ngames = [1]", lists(1100, a=3)).needed["moved"] == 0


def test_lists_on_a_schedule_are_read_completely_and_not_on_change() -> None:
    jobs = '[jobs.unlocks]\nevery = "1d"\n[watch]\ngames = [1]'
    told = drawn(jobs, lists(1100, a=1))
    assert (told.needed["sweep"], told.needed["moved"]) == (3, 0)


def test_less_than_a_day_of_evidence_is_told_and_not_multiplied() -> None:
    known = lists(1100, a=1)
    young = Outlook(**{**vars(known), "moved_since": NOW - DAY / 24})
    told = drawn("[watch]\ngames = [1]", young)
    assert told.needed["moved"] == 7
    assert any("less than a day" in note for note in planned.notes(told))


# --- what is still to be listed --------------------------------------------------------


def test_first_listings_tell_what_is_done_and_what_is_left() -> None:
    known = lists(1100, 20, 3000, is_listed=False)
    begun = poll(13, is_listed=False, cursor='{"place": {"offset": 998}}')
    done = poll(12)
    plan = {(one.job, one.target): one for one in (poll(11, is_listed=False), done, begun)}
    told = drawn("[watch]\ngames = [1]", Outlook(**{**vars(known), "polls": plan}))
    (game, in_all) = planned.rows(told, "backfill")
    assert game == in_all | {"game": "1"}
    assert in_all == {
        "game": "all",
        "achievements_done": 1,
        "achievements_left": 2,
        "rows_done": 20 + 998,
        "rows_left": 1100 + 2002,
        "requests_left": 3 + 5,
    }


def test_games_never_asked_about_have_lists_of_unknown_length() -> None:
    told = drawn(TWO_GAMES)
    assert [row["game"] for row in planned.rows(told, "backfill")] == ["1", "2"]
    assert {row["requests_left"] for row in planned.rows(told, "backfill")} == {None}
    assert any("not known yet" in note for note in planned.notes(told))


def test_where_no_unlocks_are_wanted_nothing_is_to_be_listed() -> None:
    told = drawn(f'{TWO_GAMES}[jobs.unlocks]\nmode = "off"\n')
    assert planned.rows(told, "backfill") == []
    assert planned.notes(told) == []


def test_from_recent_to_full_all_of_the_past_is_to_be_listed() -> None:
    recent = poll(11, schedule="on-change, sweep 604800s, recent")
    known = Outlook(**{**vars(lists(1100)), "polls": {(recent.job, recent.target): recent}})
    assert drawn("[watch]\ngames = [1]", known).backlog.requests_left == 3
    kept = '[watch]\ngames = [1]\n[jobs.unlocks]\nmode = "recent"\n'
    assert drawn(kept, known).backlog.requests_left == 0


def test_first_listings_end_when_what_is_left_of_the_pace_is_enough() -> None:
    told = drawn("[watch]\ngames = [1]", lists(500_000, is_listed=False))
    ends_at = told.ends_at(told.backlog.requests_left)
    assert ends_at is not None
    taken = 1003 / (1 - told.requests / 86_400)
    assert (ends_at - NOW).total_seconds() == pytest.approx(taken, abs=1)


# --- what would slip -------------------------------------------------------------------


def test_what_fits_is_never_late_and_needs_no_other_settings() -> None:
    told = drawn(TWO_GAMES)
    assert told.is_fitting
    assert {row["late_hours"] for row in planned.rows(told, "slips")} == {0}
    assert planned.rows(told, "settings") == []


def test_where_the_budget_is_short_the_least_urgent_goes_without() -> None:
    api = "[api]\ndaily_budget = 50\n"
    told = drawn(f"{api}[watch]\ngames = [1]", lists(200_000, 100_000, a=1))
    shown = {(row["work"], row["job"]): row for row in planned.rows(told, "slips")}
    assert shown["routine", "progress"]["late_hours"] == 0
    sweep = shown["sweep", "unlocks"]
    assert sweep["requests_per_day"] == round((401 + 201) / 7, 1)
    assert sweep["granted_per_day"] == pytest.approx(50 - 48 - 2 / 7 - 1, abs=0.1)
    assert sweep["late_hours"] > 7 * 24


def test_first_listings_for_which_nothing_is_left_are_never_through() -> None:
    api = "[api]\ndaily_budget = 40\n"
    told = drawn(f"{api}[watch]\ngames = [1]", lists(1100, is_listed=False))
    (backfill,) = [row for row in planned.rows(told, "slips") if row["work"] == "backfill"]
    assert (backfill["granted_per_day"], backfill["late_hours"]) == (0, None)
    assert any("never through" in note for note in planned.notes(told))
    assert planned.document(told)["backfill_ends_at"] is None


def test_a_budget_that_the_routine_takes_to_the_last_request_leaves_nothing_for_the_past() -> None:
    watch = "[watch]\ngames = [1]\n[jobs.distribution]\nevery = '1d'\nat_most = '1d'\n"
    sweeps = "[jobs.unlocks]\nsweep = '1d'\n"
    exactly = f"[api]\ndaily_budget = 51\n{watch}{sweeps}"
    assert drawn(exactly, lists(20)).is_fitting
    told = drawn(exactly, lists(20, is_listed=False))
    assert not told.is_fitting
    assert "this does not fit: nothing is left for first listings" in planned.notes(told)


def test_a_wait_that_ra_asked_for_is_told() -> None:
    told = drawn(TWO_GAMES, Outlook(not_before_at=NOW + DAY))
    assert "RA asked us to wait until 2026-03-02 12:00 UTC" in planned.notes(told)


TOO_MUCH = {
    "budget": ("daily_budget = 3000", lists()),
    "pace": ("requests_per_second = 0.05", lists()),
    "both": ("requests_per_second = 0.05\ndaily_budget = 4000", lists()),
    "sweeps": ("daily_budget = 6700", lists(*[400_000] * 20)),
    "first listings": ("daily_budget = 4878", lists(9000, is_listed=False)),
}


@pytest.mark.parametrize("case", TOO_MUCH)
def test_every_setting_that_is_advised_is_enough_by_itself(case: str) -> None:
    api, known = TOO_MUCH[case]
    told = drawn(f"[api]\n{api}\n{MANY_GAMES}", known)
    advised = remedies.remedies(told)
    assert not told.is_fitting
    assert advised
    for one in advised:
        assert drawn(_configured(one.setting, api), known).is_fitting, one.setting


def _configured(setting: str, api: str) -> str:
    """Write the configuration that the advice asks for."""
    key, _, table = setting.partition(" under ")
    changes = "\n".join(key.split(" and "))
    if table != "[api]":
        return f"[api]\n{api}\n{MANY_GAMES}{table}\n{changes}\n"
    names = [line.partition(" ")[0] for line in changes.splitlines()]
    kept = [line for line in api.splitlines() if line.partition(" ")[0] not in names]
    return "\n".join(["[api]", *kept, changes, MANY_GAMES])


def test_advice_says_what_it_saves_and_the_cheapest_loss_comes_first() -> None:
    told = drawn(f"[api]\ndaily_budget = 3000\n{MANY_GAMES}")
    rows = planned.rows(told, "settings")
    assert [(row["setting"], row["saves_requests_per_day"]) for row in rows] == [
        ("daily_budget = 5000 under [api]", None),
        ('every = "6h" under [jobs.game-tickets]', 2000),
        ('every = "6h" under [jobs.progress]', 2040),
    ]


def test_where_no_setting_is_enough_less_must_be_watched() -> None:
    told = drawn(f"[api]\nrequests_per_second = 0.001\n{MANY_GAMES}", lists(*[9_000_000] * 150))
    (row,) = planned.rows(told, "settings")
    assert row["setting"] == "fewer games and players under [watch]"


def test_sweeps_that_do_not_fit_are_made_rarer() -> None:
    told = drawn(f"[api]\ndaily_budget = 6700\n{MANY_GAMES}", lists(*[400_000] * 20))
    settings = [row["setting"] for row in planned.rows(told, "settings")]
    assert 'sweep = "14d" under [jobs.unlocks]' in {one.replace("2w", "14d") for one in settings}
    assert settings[-1] == 'mode = "recent" under [jobs.unlocks]'


# --- what things cost ------------------------------------------------------------------


def test_games_players_and_developers_are_told_with_their_names_and_costs() -> None:
    known = Outlook(**{**vars(lists(20)), "names": {"Ann": "Annabel"}})
    rows = planned.rows(drawn(TWO_GAMES, known), "targets")
    assert [(row["kind"], row["id"], row["name"]) for row in rows] == [
        ("game", 1, "Sonic"),
        ("game", 2, None),
        ("user", "Ann", "Annabel"),
        ("user", "Bob", None),
        ("developer", "Cid", None),
    ]
    assert [row["requests_per_day"] for row in rows] == [72.4, 72.3, 48, 48, 24]
    assert rows[2]["budget_share"] == round(48 / 20_000, 4)


def test_jobs_are_told_by_hour_and_day_and_as_shares() -> None:
    *_, in_all = planned.rows(drawn(TWO_GAMES), "jobs")
    assert in_all == {
        "job": "all",
        "requests_per_hour": 7.0,
        "requests_per_day": 168.6,
        "pace_share": round(168.57 / 86_400, 4),
        "budget_share": round(168.57 / 20_000, 4),
    }


def test_without_a_budget_there_is_no_share_of_it() -> None:
    told = drawn(f"[api]\ndaily_budget = 0\n{TWO_GAMES}")
    assert {row["budget_share"] for row in planned.rows(told, "jobs")} == {None}
    assert planned.document(told)["daily_budget"] is None


# --- the command -----------------------------------------------------------------------


@pytest.fixture
def watching(shell: Shell) -> Shell:
    """Give the shell a watchlist, and neither a key nor a database."""
    Path("config.toml").write_text(TWO_GAMES)
    return shell


def test_it_needs_no_key_and_no_database_and_makes_none(watching: Shell) -> None:
    told = watching("plan")
    assert told.code == 0
    assert "Requests by job" in told.out
    assert "not known yet" in told.err
    assert list(Path().iterdir()) == [Path("config.toml")]


def test_an_empty_database_is_as_good_as_none(watching: Shell) -> None:
    Path("harvester.db").touch()
    assert watching("plan", "--json").code == 0


def test_json_is_one_object_with_everything(watching: Shell) -> None:
    told = json.loads(watching("plan", "--json").out)
    assert set(told) == {
        "at", "requests_per_second", "daily_budget", "requests_today", "requests_per_hour",
        "requests_per_day", "is_fitting", "backfill_requests_left", "backfill_ends_at", "notes",
        *planned.COLUMNS,
    }  # fmt: skip
    assert told["requests_per_day"] == 168.6
    for section, columns in planned.COLUMNS.items():
        for row in told[section]:
            assert tuple(row) == columns


def test_other_formats_have_the_polls_or_one_section(watching: Shell) -> None:
    rows = json.loads(watching("plan", "--format", "json").out)
    assert len(rows) == 9
    assert tuple(rows[0]) == planned.COLUMNS["polls"]
    text = watching("plan", "--section", "jobs", "--format", "csv").out
    assert [row["job"] for row in csv.DictReader(io.StringIO(text))][-1] == "all"
    table = watching("plan", "--section", "targets").out
    assert table.startswith("kind")


def test_an_unknown_section_is_told_with_those_there_are(watching: Shell) -> None:
    told = watching("plan", "--section", "job")
    assert told.code == 2
    assert "did you mean 'jobs'?" in told.err


def test_who_watches_nothing_is_told_how_to_begin(shell: Shell) -> None:
    shell("init")
    told = shell("plan")
    assert told.code == 0
    assert "nothing is watched" in told.err


def test_a_database_of_another_program_is_not_taken_for_an_empty_one(watching: Shell) -> None:
    Path("harvester.db").write_text("this is no database, however long it is made" * 30)
    assert watching("plan").code == 7


@pytest.fixture
def halfway(
    bench_of: Callable[..., Bench], world: World, shell: Shell
) -> Iterator[tuple[Shell, Bench, Engine]]:
    """Plan everything of a game with one long list, and ask nothing."""
    world.add_game(1, "Sonic", 1)
    own = world.add_achievement(1, "Deed", id=11)
    for number, ulid in enumerate(crowd(world, 600)):
        world.unlock(ulid, own, at=NOW - DAY - timedelta(minutes=number))
    url = f"sqlite:///{shell.folder}/harvester.db"
    bench = bench_of("[watch]\ngames = [1]", database=url, api=STILL)
    assert shell("fetch", "progress").code == 0
    engine = db.connect(url)
    yield shell, bench, engine
    engine.dispose()


@pytest.mark.usefixtures("halfway")
def test_unlock_lists_are_folded_by_game_unless_each_is_wanted(shell: Shell) -> None:
    def targets(*options: str) -> list[str]:
        rows = json.loads(shell("plan", "--format", "json", *options).out)
        return [row["target"] for row in rows if row["job"] == "unlocks"]

    assert targets() == ["game 1: 0 of 1 achievements listed"]
    assert targets("--each") == ["achievement 11"]


@pytest.mark.usefixtures("halfway")
def test_status_and_fetch_say_how_far_first_listings_are(shell: Shell) -> None:
    status = shell("status", "--format", "json")
    assert "backfill: 0 of 1 achievements, 0 of 600 rows; 2 requests left; through" in status.err
    assert len(json.loads(status.out)) == 4
    fetched = shell("fetch", "game-tickets")
    assert "backfill: 0 of 1 achievements" in fetched.err
    assert "backfill" not in shell("fetch").err
    assert "backfill" not in shell("status").err


def test_status_says_what_a_budget_that_is_spent_leaves_waiting(
    halfway: tuple[Shell, Bench, Engine],
) -> None:
    shell, bench, engine = halfway
    bench.configure("[watch]\ngames = [1]", api="daily_budget = 1", database=str(engine.url))
    told = shell("status").err
    assert "the daily budget of 1 requests is spent; what is due waits for the next UTC day" in told
