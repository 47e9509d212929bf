import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from commands import ROOT
from sqlalchemy import create_engine, text
from worlds import Bench

from harvester.cli.root import COMMANDS
from harvester.endpoints import ENDPOINTS
from harvester.sandbox.world import World
from harvester.store import schema
from harvester.store.views import VIEWS

README = (ROOT / "README.md").read_text()
CHANGELOG = (ROOT / "CHANGELOG.md").read_text()
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, re.DOTALL)


def blocks(language: str) -> list[str]:
    return [code for named, code in BLOCKS if named == language]


def test_the_first_two_commands_are_chores_of_the_makefile() -> None:
    assert blocks("sh")[0].split("\n")[:2] == ["make demo", "make test"]
    chores = re.findall(r"^([a-z]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert {"demo", "test"} <= set(chores)


def test_the_readme_lists_every_command_and_no_other() -> None:
    listed = re.findall(r"^\| `harvester (\w+)` \|", README, re.MULTILINE)
    assert listed == [name for name in listed if name in COMMANDS]
    assert set(listed) == set(COMMANDS)


def test_every_command_the_documents_mention_exists() -> None:
    for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), ROOT / "config.example.toml"):
        for name in re.findall(r"`harvester ([a-z]+)", path.read_text()):
            assert name in COMMANDS, f"{path.name} mentions harvester {name}"


def test_the_readme_lists_every_job_and_its_default_schedule() -> None:
    example = tomllib.loads((ROOT / "config.example.toml").read_text())
    for name in ENDPOINTS:
        assert f"`{name}`" in README
        assert name in example["jobs"]


def test_every_table_the_readme_names_is_in_the_schema() -> None:
    rows = re.findall(r"^\| [a-z ,]+ \| ((?:`\w+` ?)+)\|$", README, re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert named == set(schema.metadata.tables) - {"unlock_absences"}


def test_the_changelog_names_every_view_and_both_documents_count_them() -> None:
    assert set(re.findall(r"`(v_\w+)`", CHANGELOG)) == set(VIEWS)
    assert len(VIEWS) == 13
    assert "Thirteen views" in README
    assert "Thirteen views" in CHANGELOG


def test_both_documents_tell_how_many_questions_the_cookbook_answers_in_steps_of_five() -> None:
    questions = re.findall("^### ", (ROOT / "docs/cookbook.md").read_text(), re.MULTILINE)
    for document in (README, CHANGELOG):
        (told,) = re.findall(r"answers more than (\d+) questions", document)
        assert 0 < len(questions) - int(told) <= 5


@pytest.fixture
def newcomer(bench_of: Callable[..., Bench], world: World, tmp_path: Path) -> Bench:
    world.add_game(14402, "Dragster", 1)
    achievement = world.add_achievement(14402, "Novice Dragster Driver 1")
    world.unlock(world.add_user("alice"), achievement)
    return bench_of("", database=f"sqlite:///{tmp_path}/unused.db")


@pytest.mark.no_cover  # what it does at length is measured elsewhere
def test_a_newcomer_gets_from_nothing_to_a_trend_by_copying_five_commands(
    newcomer: Bench, tmp_path: Path
) -> None:
    folder = tmp_path / "home"
    folder.mkdir()
    (folder / "harvester").write_text(f'#!/bin/sh\nexec {sys.executable} -m harvester "$@"\n')
    (folder / "harvester").chmod(0o755)
    commands = blocks("sh")[1]
    assert len(commands.strip().split("\n")) == 5
    script = commands.replace("YourName", newcomer.world.username)
    done = subprocess.run(
        ["sh", "-e", "-c", script.replace("your web API key", newcomer.world.key)],
        cwd=folder,
        env={
            **os.environ,
            "PATH": f"{folder}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "HARVESTER_API_BASE_URL": newcomer.base_url,
            "HARVESTER_API_REQUESTS_PER_SECOND": "1000",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    last = done.stdout.strip().split("\n")[-1].split()
    assert last[-5:-1] == ["Dragster", "1", "1", "yes"]


def test_the_sql_of_the_readme_runs(sqlite_url: str) -> None:
    (query,) = blocks("sql")
    engine = create_engine(sqlite_url)
    with engine.connect() as conn:
        assert conn.execute(text(query)).all() == []
    engine.dispose()


def test_the_changelog_has_an_open_section() -> None:
    assert "## [Unreleased]" in (ROOT / "CHANGELOG.md").read_text()
