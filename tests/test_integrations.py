import codecs
import csv
import io
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from commands import Shell
from exports import ROOT, duck, recipes
from harvests import STILL, fetch
from panels import DASHBOARDS, FOLDER, Range, instant, targets
from sqlalchemy import Engine
from worlds import NOW, Bench

from harvester.sandbox.world import World
from harvester.store import db, notes, views
from harvester.store.sql import run_query

DAY = timedelta(days=1)
RANGE = Range(NOW - 60 * DAY, NOW + 30 * DAY, NOW + 2 * DAY)
WATCH = '[watch]\ngames = [1]\nusers = ["Ann"]\ndevelopers = ["SandboxOwner"]'
Row = dict[str, Any]
DATASETTE = json.loads((FOLDER / "datasette.json").read_text("utf-8"))


@pytest.fixture
def lived_in(
    bench_of: Callable[..., Bench], world: World, database_url: str
) -> Iterator[tuple[str, Engine]]:
    """Harvest a game for some days in which all sorts of things happen."""
    world.add_game(1, "Sonic", 1)
    for number in (11, 12):
        world.add_achievement(1, f"Deed {number}", id=number)
    ann = world.add_user("Ann")
    world.unlock(ann, 11, at=NOW - 40 * DAY)
    world.open_ticket(11, ann, reported_at=NOW - DAY)
    bench = bench_of(WATCH, database=database_url, api=STILL)
    fetch(bench)
    world.advance(days=2)
    world.unlock(ann, 12)
    world.achievements[12].points = 50
    world.open_ticket(12, ann, reported_at=world.now)
    fetch(bench, is_all=True)
    engine = db.connect(database_url)
    with engine.begin() as conn:
        notes.add(conn, at=NOW + DAY, title="set revised", scope="game:1")
    yield database_url, engine
    engine.dispose()


# --- Grafana


def answered(engine: Engine, url: str) -> dict[str, list[Row]]:
    """Run every query of the dashboard of this database, as a reader."""
    reader = db.connect(url, is_read_only=True)
    told = {}
    for title, target in targets(engine.dialect.name):
        columns, lines = run_query(reader, RANGE.filled_in(target))
        told[title] = [dict(zip(columns, line, strict=True)) for line in lines]
    reader.dispose()
    return told


def test_every_panel_of_the_dashboard_shows_what_happened(lived_in: tuple[str, Engine]) -> None:
    told = answered(lived_in[1], lived_in[0])

    assert [title for title, rows in told.items() if not rows] == []
    tickets = told["Tickets by state"]
    assert (instant(tickets[0]["time"]), tickets[0]["open"]) == (NOW, 1)
    assert tickets[-1]["open"] == 2
    assert instant(tickets[-1]["time"]) == RANGE.now
    assert sum(row["hardcore"] + row["casual"] for row in told["Unlocks per day"]) == 2
    assert {row["metric"] for row in told["Completion by player"]} == {"Ann"}
    assert {row["metric"] for row in told["Open tickets by developer"]} == {"SandboxOwner"}
    assert [row["ticket_id"] for row in told["Oldest open tickets"]] == [1, 2]
    changed = [(row["changed"], row["old"], row["new"]) for row in told["What was revised"]]
    assert ("points", "5", "50") in changed
    assert all(0 <= row["covered"] <= 1 for row in told["Coverage by job"])
    assert told["game"] == [{"__value": 1, "__text": "Sonic"}]


def test_discontinuities_are_annotations(lived_in: tuple[str, Engine]) -> None:
    told = answered(lived_in[1], lived_in[0])["Discontinuities"]

    assert {(instant(row["time"]), row["title"]) for row in told} >= {(NOW + DAY, "set revised")}
    assert {tuple(row) for row in told} == {("time", "title", "text", "tags")}


def test_a_series_has_one_value_at_a_time(lived_in: tuple[str, Engine]) -> None:
    for title, rows in answered(lived_in[1], lived_in[0]).items():
        if (rows and {"time", "metric"} <= rows[0].keys()) or title == "Players":
            keys = [(instant(row["time"]), row.get("metric")) for row in rows]
            assert keys == sorted(keys)
            assert len(set(keys)) == len(keys)


def test_both_dashboards_are_the_same_but_for_the_words_of_their_database() -> None:
    shapes = []
    for board in DASHBOARDS.values():
        panels = [{**panel, "targets": None, "datasource": None} for panel in board["panels"]]
        titles = [title for title, _ in targets(board["uid"].removeprefix("ra-harvester-"))]
        shapes.append((panels, titles))

    assert shapes[0] == shapes[1]


# --- Datasette


# In a process of its own: what Datasette is made of changes how SQLite reports errors in all of it.
ASKING = """
import asyncio, json, sys
from datasette.app import Datasette

async def answers(file, metadata, *paths):
    served = Datasette([file], metadata=json.load(open(metadata)))
    return [(await served.client.get(path)).text for path in paths]

print(json.dumps(asyncio.run(answers(*sys.argv[1:]))))
"""


def datasette(folder: Path, *paths: str) -> list[str]:
    """Ask Datasette as the document starts it; without a socket."""
    about = (str(folder / "harvester.db"), str(FOLDER / "datasette.json"))
    done = subprocess.run(
        [sys.executable, "-c", ASKING, *about, *paths], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    told: list[str] = json.loads(done.stdout)
    return told


@pytest.fixture
def sqlite_file(
    bench_of: Callable[..., Bench], world: World, sqlite_url: str, tmp_path: Path
) -> Path:
    """Harvest a small world into `harvester.db`; yield its folder."""
    world.add_game(1, "Sonic", 1)
    world.add_achievement(1, "Deed 11", id=11)
    ann = world.add_user("Ann")
    world.unlock(ann, 11, at=NOW - 40 * DAY)
    world.open_ticket(11, ann, reported_at=NOW - DAY)
    fetch(bench_of(WATCH, database=sqlite_url, api=STILL))
    return tmp_path


def test_datasette_runs_every_query_it_is_given(sqlite_file: Path) -> None:
    queries = DATASETTE["databases"]["harvester"]["queries"]
    form = "json?game=1&user=Ann&at=2026-03-01+12:00:00&_shape=array"
    pages = datasette(sqlite_file, *(f"/harvester/{name}.{form}" for name in queries))
    told = [json.loads(page) for page in pages]

    assert [rows for rows in told if not isinstance(rows, list)] == []  # what went wrong
    assert [name for name, rows in zip(queries, told, strict=True) if not rows] == []


def test_datasette_describes_every_view_and_hides_the_inside(sqlite_file: Path) -> None:
    page, all_ = datasette(sqlite_file, "/harvester/v_players", "/harvester.json")

    assert views.VIEWS["v_players"].about in page
    hidden = {table["name"] for table in json.loads(all_)["tables"] if table["hidden"]}
    assert {"polls", "fetches", "runs", "unlock_absences", "alembic_version"} <= hidden


def test_the_metadata_says_of_views_what_the_schema_says() -> None:
    told = DATASETTE["databases"]["harvester"]["tables"]
    for name, view in views.VIEWS.items():
        assert told[name]["description"] == view.about
        assert told[name]["columns"] == {own: view.meaning(own) for own in view.columns}


# --- the recipes of the document


@pytest.fixture
def exported(sqlite_file: Path, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Export as the document says, into `out` of the present folder."""
    monkeypatch.setenv("HARVESTER_DATABASE_URL", "sqlite:///harvester.db")
    blocks = recipes("integrations.md", "sh")
    commands = [line for own in blocks for line in own.splitlines() if "harvester export" in line]
    assert len(commands) >= 3
    for command in commands:
        told = shell(*shlex.split(command)[1:])
        assert (told.code, told.err) == (0, "")
    return sqlite_file


def run_in_a_shell(lines: str) -> str:
    """Run a block of the document in the present folder."""
    bin_ = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{bin_}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["sh", "-euc", lines], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_query_for_duckdb_answers(exported: Path) -> None:
    queries = recipes("integrations.md", "sql")

    assert len(queries) >= 3
    for query in queries:
        assert duck(query.replace("out/", f"{exported}/out/")), query


def test_every_python_recipe_runs(exported: Path) -> None:
    scripts = recipes("integrations.md", "python")

    assert len(scripts) >= 2
    for script in scripts:
        done = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert "Deed 11" in done.stdout or "Sonic" in done.stdout


def test_every_line_for_sqlite_utils_runs(exported: Path) -> None:
    (block,) = (own for own in recipes("integrations.md", "sh") if "sqlite-utils" in own)

    assert "Deed 11" in run_in_a_shell(block)


def test_the_lines_for_cron_are_five_fields_and_commands_that_there_are() -> None:
    (block,) = recipes("integrations.md", "cron")
    lines = [line for line in block.splitlines() if line and not line.startswith("#")]

    assert len(lines) >= 2
    for line in lines:
        assert re.match(r"([\d*/,-]+ ){5}cd \S+ && harvester (fetch|export) ", line)


def test_the_line_for_datasette_is_the_one_that_is_tested() -> None:
    words = (ROOT / "docs" / "integrations.md").read_text("utf-8")

    assert "datasette harvester.db --metadata " in words
    named = set(re.findall(r"integrations/([\w.-]+\.json)", words))
    assert named == {path.name for path in FOLDER.iterdir()}


# --- a spreadsheet


def test_the_line_for_excel_puts_a_byte_order_mark_before_the_very_file(
    sqlite_file: Path, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARVESTER_DATABASE_URL", "sqlite:///harvester.db")
    (block,) = (own for own in recipes("integrations.md", "sh") if "printf" in own)

    run_in_a_shell(block)

    mark, text = codecs.BOM_UTF8, shell("trend", "players", "--game", "1", "--format", "csv").out
    assert (sqlite_file / "players.csv").read_bytes().splitlines()[0] == (
        mark + text.splitlines()[0].encode()
    )
    assert text.startswith("time,game_id,game,")


def test_a_trend_as_csv_opens_in_a_spreadsheet_as_it_is(
    bench_of: Callable[..., Bench],
    world: World,
    sqlite_url: str,
    shell: Shell,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world.add_game(1, '=HYPERLINK("http://example.org","Sonic, 2")', 1)
    world.add_achievement(1, "Deed 11", id=11)
    fetch(bench_of("[watch]\ngames = [1]", database=sqlite_url))
    monkeypatch.setenv("HARVESTER_DATABASE_URL", sqlite_url)
    told = shell("trend", "players", "--game", "1", "--since", "2026-02-28", "--format", "csv")

    first, *rows = csv.reader(io.StringIO(told.out, newline=""))
    assert told.code == 0
    assert first[:3] == ["time", "game_id", "game"]
    assert {len(row) for row in rows} == {len(first)}
    assert {row[2] for row in rows} == {'\'=HYPERLINK("http://example.org","Sonic, 2")'}
    assert rows[0][0] == "2026-03-01 00:00:00"
