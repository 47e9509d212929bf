import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from harvester import demo
from harvester.errors import ConfigError


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "DAYS", 3)


@pytest.mark.no_cover  # what it does at length is measured elsewhere
@pytest.mark.usefixtures("short")
def test_a_demo_remembers_what_its_world_went_through(tmp_path: Path) -> None:
    days: list[int] = []
    told = demo.run(tmp_path, tell=days.append)
    assert days == [1, 2, 3]
    assert set(told.outcomes) == {"changed", "unchanged"}
    assert all(told.rows.values())
    assert told.requests > told.outcomes.total()
    assert told.players[-1]["players"] > 0
    assert told.tickets[-1]["reported"] > 0


def test_a_demo_shows_a_hole_in_what_was_observed_and_what_moved_most(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(demo, "DAYS", 7)
    monkeypatch.setattr(demo, "DAYS_OFF", range(2, 5))
    told = demo.run(tmp_path)
    (hole,) = told.holes
    assert hole["reason"] == "down"
    assert hole["to_at"] - hole["from_at"] > timedelta(days=3)
    assert told.since < hole["from_at"] < hole["to_at"] < told.until
    assert [row["rank"] for row in told.moved] == [1, 2, 3]
    assert told.requests > told.outcomes.total()


@pytest.mark.no_cover  # what it does at length is measured elsewhere
@pytest.mark.usefixtures("short")
def test_the_queries_that_a_demo_proposes_have_answers(tmp_path: Path) -> None:
    path = demo.run(tmp_path).path
    with closing(sqlite3.connect(path)) as conn:
        for query in demo.QUERIES[:2]:
            assert conn.execute(query).fetchall(), query


@pytest.mark.no_cover  # what it does at length is measured elsewhere
@pytest.mark.usefixtures("short")
def test_a_second_demo_takes_the_place_of_the_first(tmp_path: Path) -> None:
    first = demo.run(tmp_path)
    assert demo.run(tmp_path).rows == first.rows


@pytest.mark.parametrize("content", [b"mine", b""])
def test_a_file_that_no_demo_made_is_left_alone(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "demo.db").write_bytes(content)
    with pytest.raises(ConfigError, match="not made by a demo"):
        demo.run(tmp_path)
    assert (tmp_path / "demo.db").read_bytes() == content


def test_a_real_harvest_called_demo_db_is_left_alone(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "demo.db")) as conn:
        conn.execute("CREATE TABLE runs (command TEXT)")
        conn.execute("INSERT INTO runs VALUES ('fetch'), ('demo')")
        conn.commit()
    with pytest.raises(ConfigError, match="not made by a demo"):
        demo.run(tmp_path)
