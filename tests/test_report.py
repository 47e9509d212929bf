import os
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from looks import prove
from sqlalchemy import Connection

from harvester.store import polls, report, runs, schema
from harvester.store.polls import Wanted

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
TICKETS = Wanted("game-tickets", "game 1", "3600s", 3600, game_id=1)


def plan(conn: Connection, *wanted: Wanted, since: timedelta) -> None:
    polls.plan(conn, wanted or (TICKETS,), at=NOW - since)


def look(
    conn: Connection,
    first: timedelta,
    last: timedelta | None = None,
    *,
    outcome: str = "changed",
    poll: int = 1,
) -> None:
    """Write proof of looks from so long ago to so long ago."""
    count = conn.scalar(schema.fetches.select().with_only_columns(schema.fetches.c.id).limit(1))
    number = len(conn.execute(schema.fetches.select()).all()) + 1 if count else 1
    row = {
        "id": number,
        "poll_id": poll,
        "job": "game-tickets",
        "first_at": NOW - first,
        "last_at": NOW - (first if last is None else last),
        "times": 1,
        "outcome": outcome,
        "requests": 1,
        "rows_opened": 0,
        "rows_closed": 0,
    }
    prove(conn, **row)


def coverage(conn: Connection) -> float | None:
    (row,) = report.status(conn, at=NOW)
    told: float | None = row["coverage"]
    return told


def test_a_poll_that_was_looked_at_as_planned_is_covered(conn: Connection) -> None:
    plan(conn, since=10 * HOUR)
    look(conn, 10 * HOUR, 5 * HOUR, outcome="unchanged")
    look(conn, 4 * HOUR)
    look(conn, 3 * HOUR, 1 * HOUR, outcome="unchanged")
    assert coverage(conn) == 1


def test_a_hole_between_two_looks_is_not_covered(conn: Connection) -> None:
    plan(conn, since=10 * HOUR)
    look(conn, 10 * HOUR, 8 * HOUR, outcome="unchanged")
    look(conn, 4 * HOUR, timedelta(0), outcome="unchanged")
    assert coverage(conn) == 0.6


def test_a_failed_look_covers_nothing(conn: Connection) -> None:
    plan(conn, since=10 * HOUR)
    look(conn, 10 * HOUR, 8 * HOUR, outcome="unchanged")
    look(conn, 6 * HOUR, outcome="unavailable")
    look(conn, 4 * HOUR, timedelta(0), outcome="unchanged")
    assert coverage(conn) == 0.6


def test_the_time_before_the_first_look_and_since_the_last_counts(conn: Connection) -> None:
    plan(conn, since=10 * HOUR)
    look(conn, 8 * HOUR, 6 * HOUR, outcome="unchanged")
    assert coverage(conn) == 0.2


def test_a_look_that_is_a_little_late_leaves_no_hole(conn: Connection) -> None:
    plan(conn, since=3 * HOUR)
    look(conn, 1.5 * HOUR)
    assert coverage(conn) == 1


def test_what_was_never_looked_at_is_not_covered(conn: Connection) -> None:
    plan(conn, since=10 * HOUR)
    assert coverage(conn) == 0


def test_what_is_watched_since_just_now_has_no_coverage_yet(conn: Connection) -> None:
    plan(conn, since=timedelta(0))
    assert coverage(conn) is None


def test_only_the_last_thirty_days_count(conn: Connection) -> None:
    plan(conn, since=timedelta(days=90))
    look(conn, timedelta(days=90), timedelta(days=80), outcome="unchanged")
    look(conn, timedelta(days=15), timedelta(0), outcome="unchanged")
    assert coverage(conn) == 0.5


def test_a_hole_that_reaches_over_the_edge_of_the_thirty_days_counts_inside(
    conn: Connection,
) -> None:
    plan(conn, since=timedelta(days=90))
    look(conn, timedelta(days=40), timedelta(days=30, hours=1), outcome="unchanged")
    look(conn, timedelta(days=29, hours=23), timedelta(0), outcome="unchanged")
    assert coverage(conn) == round(1 - 1 / 720, 4)


def test_what_was_watched_before_a_return_counts_and_the_time_away_does_not(
    conn: Connection,
) -> None:
    plan(conn, since=timedelta(days=20))
    look(conn, timedelta(days=20), timedelta(days=10), outcome="unchanged")
    polls.plan(conn, [], at=NOW - timedelta(days=10))
    plan(conn, since=10 * HOUR)
    assert coverage(conn) == 240 / (240 + 10)


def test_what_left_the_watchlist_is_not_listed(conn: Connection) -> None:
    plan(conn, since=10 * HOUR)
    polls.plan(conn, [], at=NOW)
    assert report.status(conn, at=NOW) == []


def unlock(number: int, game: int = 1) -> Wanted:
    target = f"achievement {number}"
    return Wanted("unlocks", target, "on-change", 604800, game_id=game, achievement_id=number)


@pytest.fixture
def lists(conn: Connection) -> Connection:
    """Plan three unlock lists of game 1, the second of which failed, and one of game 2."""
    plan(conn, TICKETS, unlock(1), unlock(2), unlock(3), unlock(4, game=2), since=10 * HOUR)
    listed = schema.polls.update().where(schema.polls.c.achievement_id == 1)
    conn.execute(listed.values(last_ok_at=NOW - HOUR, due_at=NOW + HOUR))
    failed = schema.polls.update().where(schema.polls.c.achievement_id == 2)
    conn.execute(failed.values(failures=2, last_error="no answer in time"))
    return conn


def test_the_unlock_lists_of_a_game_are_one_row(lists: Connection) -> None:
    tickets, first, second = report.status(lists, at=NOW)
    assert tickets["job"] == "game-tickets"
    assert {name: first[name] for name in report.COLUMNS} == {
        "job": "unlocks",
        "target": "game 1: 1 of 3 achievements listed",
        "last_ok_at": NOW - HOUR,
        "last_error": "no answer in time",
        "failures": 2,
        "due_at": NOW - 10 * HOUR,
        "coverage": 1,
    }
    assert second["target"] == "game 2: 0 of 1 achievements listed"


def test_every_unlock_list_is_shown_where_that_is_asked_for(lists: Connection) -> None:
    targets = [row["target"] for row in report.status(lists, at=NOW, is_each=True)]
    assert targets == ["game 1", *(f"achievement {number}" for number in (1, 2, 3, 4))]


def test_lists_planned_just_now_have_no_coverage(conn: Connection) -> None:
    plan(conn, unlock(1), since=timedelta(0))
    assert coverage(conn) is None


def test_the_next_due_time_is_told_for_every_job(lists: Connection) -> None:
    due = NOW - 10 * HOUR
    assert report.next_due(lists) == {"game-tickets": due, "unlocks": due}


def pulse(conn: Connection, **run: Any) -> tuple[bool, str]:  # noqa: ANN401 - column values
    number = runs.start(conn, run.pop("command", "run"), at=NOW - 10 * HOUR)
    change = schema.runs.update().where(schema.runs.c.id == number)
    conn.execute(change.values({"beat_at": NOW - HOUR, "pid": 7, "host": "box", **run}))
    return report.health(conn, at=NOW, within=2 * HOUR)


def test_a_daemon_that_gave_a_sign_of_life_is_healthy(conn: Connection) -> None:
    expected = "process 7 on box, last sign of life at 2026-03-01 11:00:00 UTC"
    assert pulse(conn) == (True, expected)


@pytest.mark.parametrize(
    ("run", "words"),
    [
        ({"beat_at": NOW - 3 * HOUR}, "last sign of life"),
        ({"ended_at": NOW}, "no daemon"),
        ({"command": "fetch"}, "`harvester fetch` was here last"),
    ],
)
def test_any_other_run_is_not_healthy(conn: Connection, run: dict[str, Any], words: str) -> None:
    is_healthy, told = pulse(conn, **run)
    assert not is_healthy
    assert words in told


@pytest.fixture(scope="module")
def dead() -> int:
    """Yield the number of a process that is over."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def test_a_daemon_that_was_killed_on_this_machine_is_not_healthy(
    conn: Connection, dead: int
) -> None:
    expected = f"the daemon (process {dead}) is dead; last sign of life at 2026-03-01 11:00:00 UTC"
    assert pulse(conn, pid=dead, host=socket.gethostname()) == (False, expected)


def test_a_daemon_on_another_machine_is_known_by_its_signs_of_life(
    conn: Connection, dead: int
) -> None:
    assert pulse(conn, pid=dead, host="elsewhere")[0]


def test_a_daemon_of_another_user_is_alive(
    conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(*_arguments: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "kill", denied)
    assert pulse(conn, host=socket.gethostname())[0]


def test_without_any_run_nothing_is_healthy(conn: Connection) -> None:
    assert report.health(conn, at=NOW, within=HOUR) == (False, "nothing ever ran on this database")
