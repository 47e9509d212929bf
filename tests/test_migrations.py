"""What databases go through: made, upgraded after a backup, taken down, and refused."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing, nullcontext
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from looks import at, looked
from shapes import shape_of
from sqlalchemy import (
    CheckConstraint,
    DefaultClause,
    Engine,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    func,
    inspect,
    select,
    text,
)
from worlds import NOW

from harvester import app
from harvester.config import load
from harvester.errors import DatabaseUnfit
from harvester.store import audit, db, history, migrate, schema
from harvester.store.db import path_of
from harvester.store.rows import Batch

NewEngine = Callable[[], Engine]

NEXT = "9999"
NEXT_REVISION = """
from alembic import op
import sqlalchemy as sa

revision = {own!r}
down_revision = {before!r}
branch_labels = depends_on = None


def upgrade():
    op.create_table("novelties", sa.Column("id", sa.Integer(), primary_key=True))
    {trouble}


def downgrade():
    op.drop_table("novelties")
"""


@pytest.fixture
def engine(new_engine: NewEngine) -> Engine:
    """Make a migrated database of this test's own: these tests change more than its rows."""
    engine = new_engine()
    migrate.upgrade(engine, now=NOW)
    return engine


@pytest.fixture
def next_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Yield a function that makes the program one revision newer."""

    def released(trouble: str = "") -> None:
        before, newer = migrate.head(), tmp_path / "migrations"
        shutil.copytree(migrate.scripts(), newer)
        revision = NEXT_REVISION.format(own=NEXT, before=before, trouble=trouble)
        (newer / "versions" / "99991231_novelties.py").write_text(revision)
        monkeypatch.setattr(migrate, "scripts", lambda: newer)

    return released


def told(engine: Engine) -> str:
    with engine.connect() as conn:
        return migrate.state(conn)


def at_revision(engine: Engine, revision: str) -> None:
    with engine.begin() as conn:
        conn.execute(text("UPDATE alembic_version SET version_num = :own"), {"own": revision})


def with_a_console(engine: Engine) -> None:
    with engine.begin() as conn:
        conn.execute(schema.consoles.insert().values(id=1, name="Genesis/Mega Drive"))


def backups_beside(engine: Engine) -> list[Path]:
    path = path_of(str(engine.url))
    return sorted(Path(path).parent.glob("*.bak")) if path else []


# --- the schema against itself -------------------------------------------------------------------


def test_there_is_one_newest_revision_and_one_way_to_it() -> None:
    scripts = ScriptDirectory(str(migrate.scripts()))

    assert scripts.get_heads() == [migrate.head()]
    assert len(scripts.get_bases()) == 1


def test_migrations_import_nothing_of_the_application() -> None:
    for path in (migrate.scripts() / "versions").glob("*.py"):
        assert "harvester" not in path.read_text()


def test_an_upgraded_database_leaves_nothing_to_migrate(engine: Engine) -> None:
    with engine.connect() as conn:
        context = MigrationContext.configure(conn, opts={"compare_type": True})

        assert compare_metadata(context, schema.metadata) == []


def test_an_upgraded_database_has_the_very_shape_of_the_schema(new_engine: NewEngine) -> None:
    upgraded, made = new_engine(), new_engine()
    migrate.upgrade(upgraded, now=NOW)
    schema.metadata.create_all(made)

    assert shape_of(upgraded) == shape_of(made)
    assert shape_of(upgraded).keys() == schema.metadata.tables.keys()


def drop_where(tables: dict[str, Table]) -> None:
    (due,) = (index for index in tables["polls"].indexes if index.name == "ix_polls_due")
    for dialect in ("sqlite", "postgresql"):
        due.dialect_options[dialect]["where"] = None


def change_check(tables: dict[str, Table]) -> None:
    constraints = tables["unlocks"].constraints
    checks = (own for own in constraints if isinstance(own, CheckConstraint))
    (check,) = (own for own in checks if str(own.name).endswith("interval"))
    check.sqltext = text("valid_to >= valid_from")


def drop_foreign_key(tables: dict[str, Table]) -> None:
    polls = tables["polls"]
    (key,) = polls.foreign_key_constraints
    polls.constraints.discard(key)
    polls.foreign_keys.discard(key.elements[0])


def drop_unique(tables: dict[str, Table]) -> None:
    constraints = tables["users"].constraints
    constraints.discard(next(own for own in constraints if isinstance(own, UniqueConstraint)))


def let_be_null(tables: dict[str, Table]) -> None:
    tables["distribution"].c.players.nullable = True


def change_type(tables: dict[str, Table]) -> None:
    tables["runs"].c.requests.type = Text()


def change_default(tables: dict[str, Table]) -> None:
    tables["runs"].c.pace_factor.server_default = DefaultClause(text("2"))


@pytest.mark.parametrize(
    ("forgotten", "where"),
    [
        (drop_where, "polls"),
        (change_check, "unlocks"),
        (drop_foreign_key, "polls"),
        (drop_unique, "users"),
        (let_be_null, "distribution"),
        (change_type, "runs"),
        (change_default, "runs"),
    ],
)
def test_the_comparison_notices_what_a_migration_forgot(
    forgotten: Callable[[dict[str, Table]], None], where: str, new_engine: NewEngine
) -> None:
    made, changed = new_engine(), new_engine()
    schema.metadata.create_all(made)
    metadata = MetaData(naming_convention=schema.metadata.naming_convention)
    tables = {own.name: own.to_metadata(metadata) for own in schema.metadata.sorted_tables}
    metadata.create_all(changed)
    assert shape_of(changed) == shape_of(made)  # the copy itself changes nothing
    metadata.drop_all(changed)

    forgotten(tables)
    metadata.create_all(changed)

    before, after = shape_of(made), shape_of(changed)
    assert [name for name in before if before[name] != after[name]] == [where]


# --- up, down and up again -----------------------------------------------------------------------


def test_every_migration_goes_up_down_and_up_again(new_engine: NewEngine) -> None:
    engine = new_engine()
    migrate.upgrade(engine, now=NOW)
    shape = shape_of(engine)

    migrate.run(engine, "base")
    assert shape_of(engine) == {}

    migrate.run(engine, "head")
    assert shape_of(engine) == shape
    assert told(engine) == "current"


def test_a_database_that_was_taken_down_can_be_set_up_again(new_engine: NewEngine) -> None:
    engine = new_engine()
    migrate.upgrade(engine, now=NOW)
    migrate.run(engine, "base")

    migrate.upgrade(engine, now=NOW)

    assert told(engine) == "current"


def test_an_empty_database_is_made_without_a_backup(new_engine: NewEngine) -> None:
    engine = new_engine()
    assert told(engine) == "empty"

    assert migrate.upgrade(engine, now=NOW) is None
    assert told(engine) == "current"
    assert backups_beside(engine) == []


def test_a_current_database_is_left_alone(engine: Engine) -> None:
    with_a_console(engine)

    assert migrate.upgrade(engine, now=NOW) is None
    assert told(engine) == "current"
    assert backups_beside(engine) == []


def test_an_sqlite_file_says_whose_it_is(sqlite_engine: Engine) -> None:
    with sqlite_engine.connect() as conn:
        assert conn.exec_driver_sql("PRAGMA application_id").scalar() == migrate.APPLICATION_ID


@pytest.mark.parametrize("trouble", ["", "raise RuntimeError('of the migration')"])
def test_foreign_keys_are_on_again_whatever_came_of_an_upgrade(
    trouble: str, sqlite_engine: Engine, next_version: Callable[..., None]
) -> None:
    next_version(trouble)

    with pytest.raises(RuntimeError) if trouble else nullcontext():
        migrate.upgrade(sqlite_engine, now=NOW)

    with sqlite_engine.connect() as conn:
        assert conn.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


# --- older databases -----------------------------------------------------------------------------


def test_an_older_sqlite_database_is_upgraded_after_a_backup_beside_it(
    sqlite_engine: Engine, next_version: Callable[..., None]
) -> None:
    with_a_console(sqlite_engine)
    before = migrate.head()
    next_version()
    assert told(sqlite_engine) == "older"

    backup = migrate.upgrade(sqlite_engine, now=NOW)

    assert told(sqlite_engine) == "current"
    assert backups_beside(sqlite_engine) == [backup]
    assert backup is not None
    with closing(sqlite3.connect(backup)) as kept:
        assert kept.execute("SELECT version_num FROM alembic_version").fetchall() == [(before,)]
        assert kept.execute("SELECT name FROM consoles").fetchall() == [("Genesis/Mega Drive",)]
        assert kept.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_an_older_database_keeps_what_it_holds(
    engine: Engine, next_version: Callable[..., None]
) -> None:
    with_a_console(engine)
    next_version()

    migrate.upgrade(engine, now=NOW)

    assert "novelties" in shape_of(engine)
    with engine.connect() as conn:
        assert conn.scalar(select(func.count()).select_from(schema.consoles)) == 1


def test_the_newest_migration_can_be_taken_back(
    engine: Engine, next_version: Callable[..., None]
) -> None:
    shape = shape_of(engine)
    next_version()
    migrate.upgrade(engine, now=NOW)

    migrate.run(engine, "-1")

    assert shape_of(engine) == shape
    assert told(engine) == "older"


def test_a_migration_that_fails_leaves_the_database_as_it_was(
    engine: Engine, next_version: Callable[..., None]
) -> None:
    with_a_console(engine)
    shape = shape_of(engine)
    next_version("raise RuntimeError('of the migration')")

    with pytest.raises(RuntimeError, match="of the migration"):
        migrate.upgrade(engine, now=NOW)

    assert shape_of(engine) == shape
    assert told(engine) == "older"


def test_a_migration_that_would_orphan_rows_is_refused(
    sqlite_engine: Engine, next_version: Callable[..., None]
) -> None:
    values = "1, 1, 1, '2026-01-01 00:00:00', NULL, 1"
    next_version(f'op.execute("INSERT INTO game_counters VALUES ({values})")')

    with pytest.raises(DatabaseUnfit, match="leave 1 rows without their parent"):
        migrate.upgrade(sqlite_engine, now=NOW)

    assert told(sqlite_engine) == "older"


UNLOCKS = """
    SELECT achievement_id, user_id, unlocked_at, hardcore_at, valid_from, valid_to, fetch_id
    FROM unlocks ORDER BY achievement_id, user_id, valid_from
"""


def test_unlocks_survive_the_change_of_their_key_in_both_directions(
    new_engine: NewEngine,
) -> None:
    engine = new_engine()
    migrate.run(engine, "0005")
    with engine.begin() as conn:
        conn.execute(schema.users.insert().values(id=5, first_seen_at=NOW))
        for at, row in ((0, {"unlocked_at": NOW}), (60, {"hardcore_at": NOW})):
            batch = Batch(schema.unlocks, {"achievement_id": 9}, [{"user_id": 5, **row}])
            history.record(conn, batch, at=NOW + timedelta(seconds=at), fetch_id=1)

    def held() -> list[Any]:
        with engine.connect() as conn:
            return [tuple(row) for row in conn.execute(text(UNLOCKS))]

    before = held()
    migrate.run(engine, "-1")
    assert held() == before
    migrate.run(engine, "0005")

    assert held() == before
    with engine.connect() as conn:
        ends = conn.execute(text("SELECT ended FROM unlocks ORDER BY valid_from")).scalars().all()
    assert ends == [int(NOW.timestamp()) + 60, 0]
    with engine.connect() as conn:
        assert list(audit.CHECKS["file"](conn)) == []


def test_looks_that_came_late_before_are_marked_as_the_harvest_would_have(
    new_engine: NewEngine,
) -> None:
    engine = new_engine()
    migrate.upgrade(engine, now=NOW)
    with engine.begin() as conn:
        looked(conn, "game-tickets", (-8, -7), (-6, -5), (-4.95, -4), game=1)
        looked(conn, "game-tickets", (-3, -3), game=1, outcome="unavailable", error="HTTP 503")
        looked(conn, "game-tickets", (-2, -1), game=1)
        looked(conn, "progress", (-8.96, -8), (-7.96, -7), game=1)

    def late() -> list[Any]:
        with engine.connect() as conn:
            own = schema.fetches.c
            return conn.execute(select(own.id, own.late_since_at).order_by(own.id)).all()  # type: ignore[return-value]

    before = late()
    assert [since for _, since in before] == [at(-9), at(-7), None, None, at(-4), None, None]
    migrate.run(engine, "0009")
    columns = {column["name"] for column in inspect(engine).get_columns("fetches")}
    assert "late_since_at" not in columns
    migrate.run(engine, "0010")
    assert late() == before


def test_what_was_watched_before_a_return_is_told_by_its_evidence(new_engine: NewEngine) -> None:
    engine = new_engine()
    migrate.upgrade(engine, now=NOW)
    with engine.begin() as conn:
        looked(conn, "game-tickets", (-8, -7), (-6, -5), (-1, 0), game=1)
        looked(conn, "game-tickets", (-4.5, -4.5), game=1, outcome="unavailable", error="HTTP 503")
        looked(conn, "progress", (-8.96, -8), game=1)
        looked(conn, "distribution", (-5, 0), game=1)
        own = schema.polls.c
        back = schema.polls.update().values(watched_from=at(-1)).where(own.job != "progress")
        conn.execute(back)

    migrate.run(engine, "0011")
    assert "watched_before" not in inspect(engine).get_table_names()
    migrate.run(engine, "0012")
    with engine.connect() as conn:
        told = conn.execute(select(schema.watched_before)).all()
    assert sorted(told) == [
        (1, at(-9), at(-4.5), 3600, at(-5)),
        (3, at(-9), at(-1), 3600, at(0)),
    ]


# --- databases that are not ours to touch --------------------------------------------------------


def test_a_database_of_a_newer_program_is_refused(engine: Engine) -> None:
    at_revision(engine, "from-the-future")

    assert told(engine) == "newer"
    with pytest.raises(DatabaseUnfit, match="newer ra-harvester"):
        migrate.upgrade(engine, now=NOW)
    assert told(engine) == "newer"
    assert backups_beside(engine) == []


def test_foreign_tables_are_refused_and_left_alone(new_engine: NewEngine) -> None:
    engine = new_engine()
    with engine.begin() as conn:
        conn.execute(text("CREATE TABLE diary (entry TEXT)"))

    with pytest.raises(DatabaseUnfit, match="not ours"):
        migrate.upgrade(engine, now=NOW)

    assert shape_of(engine).keys() == {"diary"}


@pytest.mark.parametrize(
    ("auto_upgrade", "state"), [("", "current"), ("auto_upgrade = false", "older")]
)
def test_a_harvest_upgrades_an_older_database_only_where_that_is_wanted(
    auto_upgrade: str,
    state: str,
    sqlite_engine: Engine,
    next_version: Callable[..., None],
    tmp_path: Path,
) -> None:
    next_version()
    config = tmp_path / "config.toml"
    config.write_text(f"[database]\nurl = '{sqlite_engine.url}'\n{auto_upgrade}\n")
    settings = load(config, {})

    with nullcontext() if state == "current" else pytest.raises(DatabaseUnfit, match="db upgrade"):
        app.prepare(sqlite_engine, settings, now=NOW)

    assert told(sqlite_engine) == state
    assert len(backups_beside(sqlite_engine)) == (state == "current")


@pytest.mark.parametrize(
    ("made", "words"),
    [("empty", "no tables yet"), ("older", "older version"), ("newer", "newer ra-harvester")],
)
def test_only_a_current_database_is_read(
    made: str, words: str, sqlite_engine: Engine, tmp_path: Path, next_version: Callable[..., None]
) -> None:
    engine = sqlite_engine
    if made == "empty":
        engine = db.connect(f"sqlite:///{tmp_path}/nothing-yet.db")
    elif made == "older":
        next_version()
    else:
        at_revision(engine, "from-the-future")

    with engine.connect() as conn, pytest.raises(DatabaseUnfit, match=words):
        migrate.require_current(conn)
    engine.dispose()
