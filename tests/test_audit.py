from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from looks import START, looked
from sqlalchemy import Connection, Engine

from harvester.store import audit, history, schema
from harvester.store.rows import Batch

DAY = timedelta(days=1)
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def found(conn: Connection) -> dict[str, list[str]]:
    return {name: lines for name, lines in audit.findings(conn) if lines}


@pytest.fixture
def filled(conn: Connection) -> Connection:
    """Remember a game whose title and counters changed once, and a stub."""
    for days, title, players in ((0, "Sonic", 10), (1, "Sonic 2", 11)):
        at = NOW + timedelta(days=days)
        for table, row in (
            (schema.game_versions, {"title": title, "parent_game_id": 9}),
            (schema.game_counters, {"players": players}),
        ):
            history.record(conn, Batch(table, {"game_id": 1}, [row]), at=at, fetch_id=1)
    conn.execute(schema.games.insert().values(id=2, first_seen_at=NOW))
    return conn


def test_a_sound_database_gives_no_finding(filled: Connection) -> None:
    assert found(filled) == {}


def test_an_overlap_is_found(filled: Connection) -> None:
    closed = schema.game_counters.c.valid_to.is_not(None)
    late = schema.game_counters.update().where(closed)
    filled.execute(late.values(valid_to=NOW + timedelta(days=2)))
    line = "game_counters game_id 1: what holds from 2026-03-01 12:00:00 overlaps"
    assert found(filled) == {"intervals": [line]}


@pytest.mark.parametrize("title", ["another", None])
def test_an_entity_that_shows_something_else_is_found(
    filled: Connection, title: str | None
) -> None:
    filled.execute(schema.games.update().where(schema.games.c.id == 1).values(title=title))
    assert found(filled) == {"entities": ["games 1 differs from game_versions"]}


def test_an_entity_without_history_must_be_a_stub(filled: Connection) -> None:
    filled.execute(schema.games.update().where(schema.games.c.id == 2).values(title="invented"))
    assert found(filled) == {"entities": ["games 2 differs from game_versions"]}


def test_a_look_that_is_not_on_record_is_found(filled: Connection) -> None:
    looked(filled, "game-tickets", (0, 1), (1.5, 2), game=1)
    assert found(filled) == {}

    filled.execute(schema.fetches.delete().where(schema.fetches.c.first_at > START + DAY))
    line = "the look of game-tickets at 1 None, 2026-03-03 00:00:00, or later ones"
    assert found(filled) == {"evidence": [f"fetches lacks {line}"]}


def test_a_broken_reference_is_found(sqlite_engine: Engine) -> None:
    with sqlite_engine.connect() as conn:
        conn.exec_driver_sql("COMMIT")
        conn.exec_driver_sql("PRAGMA foreign_keys = OFF")
        conn.exec_driver_sql("BEGIN IMMEDIATE")
        row = {"valid_from": NOW, "players": 1, "achievements": 1}
        conn.execute(schema.game_counters.insert().values(game_id=77, **row))
        conn.execute(schema.achievements.insert().values(id=5, game_id=77, first_seen_at=NOW))
        told = found(conn)
    assert min(told["references"]).startswith("achievements (row 5) refers to a row that")
    assert "not in games" in told["references"][1]


def test_a_damaged_file_is_found(sqlite_url: str, sqlite_engine: Engine) -> None:
    with sqlite_engine.begin() as conn:
        rows = [{"id": number, "name": "x" * 2000} for number in range(1, 200)]
        conn.execute(schema.consoles.insert(), rows)
    with sqlite_engine.connect() as conn:
        conn.exec_driver_sql("COMMIT")
        conn.exec_driver_sql("PRAGMA journal_mode = DELETE")
        conn.exec_driver_sql("BEGIN")
    sqlite_engine.dispose()
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    content = bytearray(path.read_bytes())
    content[-40 * 4096 : -39 * 4096] = b"\xff" * 4096
    path.write_bytes(content)
    with sqlite_engine.connect() as conn:
        assert list(found(conn)) == ["file"]


def test_the_contents_are_told(filled: Connection) -> None:
    told = audit.info(filled)
    assert told["rows in game_versions"] == 2
    assert told["rows in games"] == 2
    assert told["first look"] is told["last look"] is None
    assert isinstance(told["bytes"], int)
    assert told["bytes"] > 10_000
    assert told["revision"]


def test_no_database_here_is_a_replica(conn: Connection) -> None:
    assert not audit.is_replica(conn)
