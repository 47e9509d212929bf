"""`harvester top` from the outside."""

import json
import re
import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from commands import Shell

from harvester import clock
from harvester.store import db, history, schema
from harvester.store.rows import Batch
from harvester.store.top import RANKINGS

NOW = clock.now()
HOSTILE = "=Sonic\x1b[2J <b>"


@pytest.fixture
def remembering(shell: Shell, migrated_file: Path) -> Shell:
    """Give the shell a database in which a game won players and unlocks."""
    shell("init")
    shutil.copy(migrated_file, "harvester.db")
    engine = db.connect(f"sqlite:///{shell.folder}/harvester.db")
    with engine.begin() as conn:
        for days, many in ((40, 10), (20, 30), (1, 12)):
            for table, key, row in (
                (schema.game_versions, {"game_id": 1}, {"title": HOSTILE}),
                (schema.game_counters, {"game_id": 1}, {"players": many, "achievements": 5}),
                (schema.achievement_versions, {"achievement_id": 11}, {"game_id": 1}),
                (schema.achievement_counters, {"achievement_id": 11}, {"unlocks": many - 3}),
            ):
                at = NOW - timedelta(days=days)
                history.record(conn, Batch(table, key, [row]), at=at, fetch_id=1)
    engine.dispose()
    return shell


def test_a_ranking_is_told_with_its_columns(remembering: Shell) -> None:
    told = remembering("top", "players", "--format", "json")
    (row,) = json.loads(told.out)
    assert tuple(row) == RANKINGS["players"].columns
    assert (row["before"], row["after"], row["change"], row["is_whole"]) == (10, 12, 2, True)
    assert (told.code, told.err) == (0, "")


def test_without_a_name_the_first_of_every_ranking_are_shown(remembering: Shell) -> None:
    rows = json.loads(remembering("top", "--format", "json").out)
    assert [(row["ranking"], row["rank"]) for row in rows] == [
        ("players", 1),
        ("unlocks", 1),
        ("rarity", 1),
    ]
    assert rows[0]["what"] == HOSTILE
    assert rows[1]["what"] == f"11 ({HOSTILE})"


def test_what_has_the_same_title_is_told_apart_by_its_id(remembering: Shell) -> None:
    engine = db.connect(f"sqlite:///{remembering.folder}/harvester.db")
    with engine.begin() as conn:
        for days, many in ((40, 10), (1, 13)):
            for table, key, row in (
                (schema.game_versions, {"game_id": 2}, {"title": HOSTILE}),
                (schema.game_versions, {"game_id": 3}, {"title": f"{HOSTILE} (2)"}),
                (schema.game_counters, {"game_id": 2}, {"players": many}),
                (schema.game_counters, {"game_id": 3}, {"players": many}),
            ):
                at = NOW - timedelta(days=days)
                history.record(conn, Batch(table, key, [row]), at=at, fetch_id=1)
    engine.dispose()

    rows = json.loads(remembering("top", "--format", "json").out)

    told = {row["what"] for row in rows if row["ranking"] == "players"}
    assert told == {f"{HOSTILE} (1)", f"{HOSTILE} (2)", f"{HOSTILE} (2) (3)"}


def test_hostile_titles_stay_text(remembering: Shell) -> None:
    assert "\x1b" not in remembering("top").out
    assert ",'=Sonic" in remembering("top", "players", "--format", "csv").out


def test_a_period_without_changes_is_said_in_a_line(remembering: Shell) -> None:
    told = remembering("top", "--until", "100d", "--since", "200d")
    assert told.code == 0
    assert re.fullmatch(r"no change was seen between [-\d]{10} \d\d:\d\d and .* UTC\n", told.err)


def test_the_rankings_are_listed(shell: Shell) -> None:
    rows = json.loads(shell("top", "--list", "--format", "json").out)
    assert [row["name"] for row in rows] == list(RANKINGS)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["player"], "did you mean 'players'?"),
        (["--limit", "0"], "--limit"),
        (["--limit", "10001"], "--limit"),
        (["--by", "size"], "there are change, relative"),
        (["--since", "soon"], "--since soon: must be a date"),
        (["--since", "now"], "--since is to be before --until"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_line(
    remembering: Shell, arguments: list[str], words: str
) -> None:
    told = remembering("top", *arguments)
    assert (told.code, told.out) == (2, "")
    assert words in told.err


@pytest.mark.parametrize("columns", [30, 60, 200])
@pytest.mark.parametrize("command", [["top"], ["top", "unlocks"], ["gaps", "--since", "60d"]])
def test_tables_fit_into_a_small_terminal(
    remembering: Shell, monkeypatch: pytest.MonkeyPatch, columns: int, command: list[str]
) -> None:
    monkeypatch.setattr("harvester.render.terminal_width", lambda _out: columns)
    told = remembering(*command)
    assert all(len(line) <= columns for line in told.out.split("\n"))
