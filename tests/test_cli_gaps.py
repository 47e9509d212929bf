"""`harvester gaps` from the outside."""

import json
import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from commands import Shell
from sqlalchemy import Engine

from harvester import clock
from harvester.store import db, polls, runs
from harvester.store.polls import Wanted

NOW = clock.now()
DAY = timedelta(days=1)
TICKETS = Wanted("game-tickets", "game 1", "3600s", 3600, game_id=1)


@pytest.fixture
def planned(shell: Shell, migrated_file: Path) -> Shell:
    """Let a game be watched for two days, a day of which a process was there."""
    shell("init")
    shutil.copy(migrated_file, "harvester.db")
    engine: Engine = db.connect(f"sqlite:///{shell.folder}/harvester.db")
    with engine.begin() as conn:
        polls.plan(conn, [TICKETS], at=NOW - 2 * DAY)
        runs.end(conn, runs.start(conn, "run", at=NOW - 2 * DAY), at=NOW - DAY)
    engine.dispose()
    return shell


def test_holes_are_listed_with_their_reasons(planned: Shell) -> None:
    told = planned("gaps", "--format", "json")
    first, second = json.loads(told.out)
    assert (first["job"], first["target"], first["reason"]) == (
        "game-tickets",
        "game 1",
        "not yet looked at",
    )
    assert second["from_at"] == f"{NOW - DAY:%Y-%m-%dT%H:%M:%SZ}"
    assert second["reason"] == "down"
    assert first["duration"] == "24:00:00"
    assert (told.code, told.err) == (0, "")


def test_a_time_without_holes_is_said_in_a_line(planned: Shell) -> None:
    told = planned("gaps", "--until", "60d", "--since", "70d", "--format", "csv")
    assert "not yet watched" in told.out
    told = planned("gaps", "--until", "29d", "--format", "csv")
    assert told.out == "job,target,from_at,to_at,duration,reason\n"
    assert told.err.startswith("no holes between ")


def test_the_time_before_it_was_watched_is_listed_where_that_is_asked_for(planned: Shell) -> None:
    rows = json.loads(planned("gaps", "--since", "5d", "--format", "json").out)
    assert [row["reason"] for row in rows] == ["not yet watched", "not yet looked at", "down"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--since", "yesterday"], "--since yesterday: must be a date"),
        (["--until", "0001-01-01"], "--until 0001-01-01: must lie between"),
        (["--since", "1d", "--until", "2d"], "--since is to be before --until"),
        (["--since", "2099-01-01"], "--since 2099-01-01 lies in the future"),
        (["--game", "7"], "nothing that is watched fits that"),
        (["--user", "%"], "nothing that is watched fits that"),
        (["--job", "ticket"], "did you mean 'game-tickets'"),
        (["--game", "x"], "is no id"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_line(
    planned: Shell, arguments: list[str], words: str
) -> None:
    told = planned("gaps", *arguments)
    assert told.code == 2
    assert words in told.err
    assert told.out == ""


def test_without_a_plan_there_is_nothing_to_tell(shell: Shell, migrated_file: Path) -> None:
    shell("init")
    shutil.copy(migrated_file, "harvester.db")
    told = shell("gaps")
    assert (told.code, told.out) == (2, "")
    assert "nothing was planned yet" in told.err
