import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Engine, exc, text
from worlds import NOW

from harvester.errors import DatabaseUnfit
from harvester.store import db, migrate

WRITE = "INSERT INTO consoles (id, name) VALUES (1, 'Genesis')"


def write(engine: Engine, *before: str) -> None:
    with db.told_plainly(), engine.begin() as conn:
        for words in (*before, WRITE):
            conn.execute(text(words))


def test_a_server_that_only_reads_is_told_in_one_line(postgres_url: str) -> None:
    engine = db.connect(postgres_url)
    with pytest.raises(DatabaseUnfit, match=r"^the database cannot .* read-only .*set not to"):
        write(engine, "SET TRANSACTION READ ONLY")
    engine.dispose()


@pytest.mark.parametrize("is_read_only", [True, False])
def test_a_server_is_not_to_compile_short_statements(
    postgres_url: str, *, is_read_only: bool
) -> None:
    engine = db.connect(postgres_url, is_read_only=is_read_only)
    with engine.connect() as conn:
        assert conn.scalar(text("SHOW jit")) == "off"
    engine.dispose()


def test_a_role_that_may_not_write_is_told_in_one_line(postgres_url: str) -> None:
    engine = db.connect(postgres_url)
    with pytest.raises(DatabaseUnfit, match=r"^the database cannot .* denied .*grant it"):
        write(engine, "CREATE ROLE weak", "SET LOCAL ROLE weak")
    engine.dispose()


@pytest.mark.parametrize(
    ("code", "told"),
    [("53100", "cannot be used"), ("53400", "cannot be used"), ("XX001", "damaged")],
)
def test_a_server_that_is_full_or_damaged_is_told_in_one_line(
    postgres_url: str, code: str, told: str
) -> None:
    engine = db.connect(postgres_url)
    with pytest.raises(DatabaseUnfit, match=f"^the database .*{told}: no luck$"):
        write(engine, f"DO 'BEGIN RAISE ''no luck'' USING ERRCODE = ''{code}''; END'")
    engine.dispose()


def test_a_file_that_somebody_else_writes_to_is_told_within_ten_seconds(
    sqlite_engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert db.BUSY_TIMEOUT_MS < 10_000
    monkeypatch.setattr(db, "BUSY_TIMEOUT_MS", 10)
    engine = db.connect(str(sqlite_engine.url))
    with closing(sqlite3.connect(tmp_path / "harvester.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseUnfit, match=r"database is locked \(another program"):
            write(engine)
    engine.dispose()


def test_a_backup_that_cannot_be_made_is_told_in_one_line(
    sqlite_engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "state", lambda _conn: "older")
    name = f"harvester.db.before-{migrate.head()}-from-{migrate.head()}-{NOW:%Y%m%dT%H%M%SZ}.bak"
    (tmp_path / name).mkdir()
    with pytest.raises(DatabaseUnfit, match="unable to open"), db.told_plainly():
        migrate.upgrade(sqlite_engine, now=NOW)


def test_a_file_of_another_kind_is_told_as_damage(tmp_path: Path) -> None:
    (tmp_path / "notes.db").write_bytes(b"no database, just words " * 50)
    engine = db.connect(f"sqlite:///{tmp_path}/notes.db")
    with pytest.raises(DatabaseUnfit, match=r"^the database is damaged: .*another kind"):
        write(engine)
    engine.dispose()


def test_a_bug_of_ours_is_not_told_as_the_databases_trouble(engine: Engine) -> None:
    with pytest.raises(exc.IntegrityError):
        write(engine, WRITE)
    with (
        closing(sqlite3.connect(":memory:")) as other,
        pytest.raises(sqlite3.ProgrammingError),
        db.told_plainly(),
    ):
        other.execute("SELECT ?")
