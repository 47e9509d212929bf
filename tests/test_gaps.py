"""When something was not observed although it was watched, and why."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from looks import prove
from sqlalchemy import Connection

from harvester.store import audit, evidence, gaps, interruptions, polls, report, runs, schema
from harvester.store.gaps import About
from harvester.store.polls import BACKFILL, SWEEP, Wanted

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
TICKETS = Wanted("game-tickets", "game 1", "3600s", 3600, game_id=1)
Told = list[tuple[float, float, str]]  # from so many hours ago, to so many hours ago, why


def plan(conn: Connection, *wanted: Wanted, since: float) -> None:
    polls.plan(conn, wanted or (TICKETS,), at=NOW - since * HOUR)


def look(
    conn: Connection,
    first: float,
    last: float | None = None,
    *,
    outcome: str = "unchanged",
    error: str | None = None,
    poll: int = 1,
    promised: int | None = None,
) -> None:
    """Write proof of looks from so many hours ago to so many hours ago."""
    row = {
        "id": len(conn.execute(schema.fetches.select()).all()) + 1,
        "poll_id": poll,
        "job": "game-tickets",
        "first_at": NOW - first * HOUR,
        "last_at": NOW - (first if last is None else last) * HOUR,
        "times": 1,
        "outcome": outcome,
        "requests": 1,
        "rows_opened": 0,
        "rows_closed": 0,
        "error": error,
        "interval_seconds": promised,
    }
    prove(conn, **row)


def ran(conn: Connection, since: float, until: float | None, *, beat: float = 0) -> None:
    """Write down that a process lived; None: it still does, and gave a sign of life."""
    own = runs.start(conn, "run", at=NOW - since * HOUR)
    ended = None if until is None else NOW - until * HOUR
    seen = NOW - (beat if until is None else until) * HOUR
    change = schema.runs.update().where(schema.runs.c.id == own)
    conn.execute(change.values(ended_at=ended, beat_at=seen))


def kept(conn: Connection, reason: str, since: float, until: float, priority: int = 0) -> None:
    interruptions.begin(conn, reason, at=NOW - since * HOUR, priority=priority)
    if priority:
        interruptions.settle(conn, [], at=NOW - until * HOUR)
    else:
        interruptions.end(conn, at=NOW - until * HOUR)


def ask(
    conn: Connection,
    since: float = 240,
    until: float = 0,
    *,
    about: About = gaps.EVERYTHING,
    is_each: bool = False,
) -> list[dict[str, Any]]:
    ends = {"since": NOW - since * HOUR, "until": NOW - until * HOUR}
    found = gaps.holes(conn, **ends, at=NOW, about=about, is_each=is_each)
    return [row for row in found if row["reason"] not in gaps.UNPROMISED]


def told(rows: Sequence[dict[str, Any]]) -> Told:
    return [
        ((NOW - row["from_at"]) / HOUR, (NOW - row["to_at"]) / HOUR, row["reason"]) for row in rows
    ]


@pytest.fixture
def alive(conn: Connection) -> Connection:
    """Let a process live all the time, and a poll be watched for 20 hours."""
    ran(conn, 100, None)
    plan(conn, since=20)
    return conn


def test_what_was_looked_at_as_planned_has_no_holes(alive: Connection) -> None:
    look(alive, 20, 0)
    assert ask(alive) == []


def test_a_row_says_what_was_not_looked_at_from_when_to_when_and_why(alive: Connection) -> None:
    look(alive, 20, 10)
    look(alive, 4, 0)
    assert ask(alive) == [
        {
            "job": "game-tickets",
            "target": "game 1",
            "game_id": 1,
            "achievement_id": None,
            "from_at": NOW - 10 * HOUR,
            "to_at": NOW - 4 * HOUR,
            "duration": 6 * HOUR,
            "reason": "not asked",
        }
    ]


def test_a_hole_without_any_process_was_down(conn: Connection) -> None:
    plan(conn, since=20)
    ran(conn, 20, 9)
    ran(conn, 4, None)
    look(conn, 20, 9.5)
    look(conn, 4, 0)
    assert told(ask(conn)) == [(9.5, 4, "down")]


def test_a_process_that_was_killed_was_there_until_its_last_sign_of_life(conn: Connection) -> None:
    plan(conn, since=20)
    ran(conn, 20, None, beat=8)
    look(conn, 20, 8.5)
    assert told(ask(conn)) == [(8.5, 0, "down")]


def test_a_hole_is_cut_where_its_reason_changed(conn: Connection) -> None:
    plan(conn, since=20)
    ran(conn, 20, 9)
    ran(conn, 5, None)
    look(conn, 20, 9)
    kept(conn, interruptions.UNAVAILABLE, 5, 4)
    look(conn, 4, 0)
    assert told(ask(conn)) == [(9, 5, "down"), (5, 4, "API unavailable")]


@pytest.mark.parametrize(
    ("outcome", "error", "reason"),
    [
        ("unavailable", "HTTP 503", "API unavailable"),
        ("unavailable", "HTTP 429: asked too fast; to wait 60 s", "rate-limited"),
        ("unavailable", "RetroAchievements wants no request before noon", "rate-limited"),
        ("invalid", "no number", "invalid answer"),
        ("refused", "the key", "key refused"),
        ("not_found", "no such game", "not found"),
    ],
)
def test_a_failed_look_is_the_reason_until_the_next_one(
    alive: Connection, outcome: str, error: str, reason: str
) -> None:
    look(alive, 20, 10)
    look(alive, 9, outcome=outcome, error=error)
    look(alive, 4, 0)
    assert told(ask(alive)) == [(10, 4, reason)]


def test_failures_of_one_kind_in_a_row_are_one_stretch(alive: Connection) -> None:
    look(alive, 20, 10)
    for hours, outcome in ((9, "unavailable"), (8, "unavailable"), (6, "invalid")):
        look(alive, hours, outcome=outcome, error="HTTP 500")
    look(alive, 4, 0)
    assert told(ask(alive)) == [(10, 6, "API unavailable"), (6, 4, "invalid answer")]


def test_failures_of_another_poll_are_no_reason(alive: Connection) -> None:
    other = Wanted("game-tickets", "game 2", "3600s", 3600, game_id=2)
    plan(alive, TICKETS, other, since=20)
    look(alive, 20, 10)
    look(alive, 9, outcome="unavailable", error="HTTP 500", poll=2)
    look(alive, 4, 0)
    assert told(ask(alive, about=About(games=[1]))) == [(10, 4, "not asked")]


def test_what_was_not_asked_for_long_is_told_apart_from_the_trouble_before(
    alive: Connection,
) -> None:
    look(alive, 20, 15)
    kept(alive, interruptions.BUDGET, 14.5, 12)
    look(alive, 4, 0)
    assert told(ask(alive)) == [(15, 12, "budget"), (12, 4, "not asked")]


def test_the_short_pauses_between_two_processes_of_cron_are_not_called_down(
    conn: Connection,
) -> None:
    plan(conn, since=20)
    for quarters in range(80, 0, -1):
        ran(conn, quarters / 4, quarters / 4 - 0.02)
    look(conn, 20, 10)
    kept(conn, interruptions.UNAVAILABLE, 9, 4)
    look(conn, 4, 0.2)
    assert told(ask(conn)) == [(10, 4, "API unavailable")]


def test_a_process_that_comes_too_seldom_is_down_in_between(conn: Connection) -> None:
    plan(conn, since=20)
    ran(conn, 20, 19.9)
    ran(conn, 8, 7.9)
    look(conn, 20)
    look(conn, 8)
    assert told(ask(conn)) == [(20, 8, "down"), (8, 0, "down")]


def test_while_a_refused_key_keeps_everybody_away_nobody_is_called_down(conn: Connection) -> None:
    plan(conn, since=20)
    ran(conn, 20, 10)
    look(conn, 20, 10.5)
    interruptions.begin(conn, interruptions.REFUSED, at=NOW - 10 * HOUR)
    assert told(ask(conn)) == [(10.5, 0, "key refused")]


def unlock(number: int, game: int = 1) -> Wanted:
    target = f"achievement {number}"
    return Wanted("unlocks", target, "on-change", 7200, game_id=game, achievement_id=number)


def test_a_budget_that_waits_for_first_listings_delays_nothing_else(alive: Connection) -> None:
    plan(alive, TICKETS, unlock(11), unlock(12), since=20)
    interruptions.begin(alive, interruptions.BUDGET, at=NOW - 20 * HOUR, priority=BACKFILL)
    look(alive, 20, 12, poll=2)
    assert [(row["target"], row["reason"]) for row in ask(alive, is_each=True)] == [
        ("game 1", "not yet looked at"),
        ("achievement 11", "not asked"),
        ("achievement 12", "budget"),
    ]


def test_a_budget_that_sweeps_wait_for_delays_first_listings_too(alive: Connection) -> None:
    plan(alive, TICKETS, unlock(11), unlock(12), since=20)
    interruptions.begin(alive, interruptions.BUDGET, at=NOW - 20 * HOUR, priority=SWEEP)
    look(alive, 20, 12, poll=2)
    found = ask(alive, is_each=True, about=About(jobs=["unlocks"]))
    assert [row["reason"] for row in found] == ["budget", "budget"]


def test_a_first_look_that_never_came_is_told_apart(alive: Connection) -> None:
    assert told(ask(alive)) == [(20, 0, "not yet looked at")]


def test_the_time_before_it_was_watched_is_told_too(alive: Connection) -> None:
    look(alive, 20, 0)
    since, until = NOW - 50 * HOUR, NOW
    found = gaps.holes(alive, since=since, until=until, at=NOW)
    assert told(found) == [(50, 20, "not yet watched")]


def pause(conn: Connection, since: float, until: float) -> None:
    """Take everything off the watchlist, and put it back."""
    polls.plan(conn, [], at=NOW - since * HOUR)
    plan(conn, since=until)


def whole(conn: Connection, since: float) -> Told:
    return told(gaps.holes(conn, since=NOW - since * HOUR, until=NOW, at=NOW))


def test_what_was_taken_off_the_watchlist_and_put_back_keeps_the_record_of_its_outages(
    alive: Connection,
) -> None:
    look(alive, 20, 15)
    look(alive, 14, outcome="unavailable", error="HTTP 503")
    look(alive, 10, 6)
    pause(alive, 5.5, 2)
    look(alive, 2, 0)
    before, outage = (30, 20, "not yet watched"), (15, 10, "API unavailable")
    assert whole(alive, 30) == [before, outage, (5.5, 2, "not watched")]
    assert whole(alive, 12) == [(12, 10, "API unavailable"), (5.5, 2, "not watched")]
    assert whole(alive, 4) == [(4, 2, "not watched")]
    assert whole(alive, 1) == []
    assert report.status(alive, at=NOW)[0]["coverage"] == round(1 - 5 / 16.5, 4)


def test_an_outage_lasts_until_its_target_leaves_the_watchlist_and_from_when_it_is_back(
    alive: Connection,
) -> None:
    look(alive, 20, 15)
    pause(alive, 12, 10)
    look(alive, 7, 0)
    assert told(ask(alive)) == [(15, 12, "not asked"), (10, 7, "not yet looked at")]
    assert report.status(alive, at=NOW)[0]["coverage"] == round(1 - 6 / 18, 4)


def test_every_time_away_is_on_record(alive: Connection) -> None:
    look(alive, 20, 18)
    pause(alive, 18, 15)
    pause(alive, 12, 10)
    look(alive, 10, 9)
    pause(alive, 9, 8)
    look(alive, 8, 0)
    away = [(18, 15, "not watched"), (12, 10, "not watched"), (9, 8, "not watched")]
    hole = (15, 12, "not yet looked at")
    assert sorted(whole(alive, 20), reverse=True) == sorted([*away, hole], reverse=True)
    assert report.status(alive, at=NOW)[0]["coverage"] == round(1 - 3 / 14, 4)


def test_what_comes_back_by_a_clock_that_stepped_back_is_watched_from_then(
    alive: Connection,
) -> None:
    look(alive, 20, 6)
    for back in (10, 10, 25, 20, 20):
        pause(alive, 5, back)
    look(alive, 5, 0)
    assert report.status(alive, at=NOW)[0]["coverage"] == 1


def test_only_what_lies_in_the_time_asked_about_is_told(alive: Connection) -> None:
    look(alive, 20, 15)
    kept(alive, interruptions.BUDGET, 15, 10)
    look(alive, 4, 2.9)
    look(alive, 0.5, 0)
    assert told(ask(alive, 12, 6)) == [(12, 10, "budget"), (10, 6, "not asked")]


def test_a_hole_that_lasts_is_seen_from_an_earlier_time_too(alive: Connection) -> None:
    look(alive, 20, 10)
    assert told(ask(alive, 15, 9)) == [(10, 9, "not asked")]


def test_what_left_the_watchlist_is_told_for_the_time_it_was_watched(alive: Connection) -> None:
    look(alive, 20, 10)
    polls.plan(alive, [], at=NOW - 5 * HOUR)
    assert told(ask(alive)) == [(10, 5, "not asked")]


def test_a_long_interval_that_was_in_force_leaves_no_hole(alive: Connection) -> None:
    look(alive, 20, 15)
    look(alive, 5, promised=36000)
    look(alive, 4, 0)
    assert ask(alive) == []


def test_questions_are_narrowed_by_job_game_player_and_developer(alive: Connection) -> None:
    others = [
        Wanted("game-tickets", "game 2", "3600s", 3600, game_id=2),
        Wanted("progress", "game 1 Ann", "3600s", 3600, game_id=1, asked_as="Ann"),
        Wanted("developer-tickets", "Ann", "3600s", 3600, asked_as="Ann"),
    ]
    plan(alive, TICKETS, *others, since=20)

    def targets(about: About) -> set[str]:
        return {row["target"] for row in ask(alive, about=about)}

    assert targets(About(games=[2])) == {"game 2"}
    assert targets(About(jobs=["progress"])) == {"game 1 Ann"}
    assert targets(About(users=["ann"])) == {"game 1 Ann"}
    assert targets(About(developers=["Ann"])) == {"Ann"}
    assert targets(About(users=["Ann"], developers=["Ann"])) == {"Ann", "game 1 Ann"}
    assert targets(About(jobs=["progress"], games=[2])) == set()


def test_the_unlock_lists_of_a_game_are_told_together(alive: Connection) -> None:
    plan(alive, TICKETS, *(unlock(number) for number in (11, 12, 13)), since=20)
    look(alive, 20, 0)
    for poll, last in ((2, 15), (3, 14), (4, 13.5)):
        look(alive, 20, last, poll=poll)
        look(alive, 10, 5, poll=poll)
    look(alive, 1, 0, poll=2)
    rows = ask(alive)
    assert told(rows) == [(15, 10, "not asked"), (5, 0, "not asked")]
    assert [row["target"] for row in rows] == ["game 1: 3 unlock lists"] * 2


# --- what the harvest writes down ------------------------------------------------------


def test_an_interruption_is_noted_once_however_often_it_is_met(conn: Connection) -> None:
    for hours in (3, 2, 1):
        interruptions.begin(conn, interruptions.BUDGET, at=NOW - hours * HOUR)
    (row,) = conn.execute(schema.interruptions.select())
    assert (row.started_at, row.ended_at) == (NOW - 3 * HOUR, None)


def test_an_interruption_of_a_clock_that_stepped_back_took_no_time(conn: Connection) -> None:
    interruptions.begin(conn, interruptions.BUDGET, at=NOW)
    interruptions.end(conn, at=NOW - HOUR)
    (row,) = conn.execute(schema.interruptions.select())
    assert (row.started_at, row.ended_at) == (NOW, NOW)


def test_the_newest_holes_are_told_alone_and_as_all_tell_them(conn: Connection) -> None:
    plan(conn, TICKETS, replace(TICKETS, target="game 2", game_id=2), since=40)
    for poll, looks in ((1, (40, 30, 20, 1)), (2, (40, 25, 5, 1))):
        for ago in looks:
            look(conn, ago, poll=poll)
    asked: dict[str, Any] = {
        "since": NOW - 40 * HOUR,
        "until": NOW,
        "at": NOW,
        "about": About(games=[1, 2]),
    }

    every = gaps.newest(conn, **asked)
    assert [row["to_at"] for row in every] == sorted((row["to_at"] for row in every), reverse=True)
    assert sorted(every, key=str) == sorted(gaps.holes(conn, **asked), key=str)
    assert gaps.newest(conn, **asked, most=2) == every[:2]
    assert [(row["game_id"], row["to_at"]) for row in every[:2]] == [
        (1, NOW - HOUR),
        (2, NOW - HOUR),
    ]


def test_a_look_that_was_in_hand_when_its_poll_left_the_watchlist_covers_it(
    alive: Connection,
) -> None:
    look(alive, 20, 4.9)
    polls.plan(alive, [], at=NOW - 5 * HOUR)
    assert ask(alive) == []


def test_looks_implied_while_the_clock_had_stepped_back_make_no_hole(alive: Connection) -> None:
    ids = evidence.ids(alive)
    for hours in (19, 18, 4, 17, 3, 2, 1, 0):
        evidence.imply(alive, polls.matching(alive), ids, at=NOW - hours * HOUR)
    assert told(ask(alive)) == [(18, 4, "not asked")]
    assert report.status(alive, at=NOW)[0]["coverage"] == 0.3
    assert list(audit.lost_evidence(alive)) == []
