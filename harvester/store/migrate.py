"""The schema's own history: create, upgrade after a backup, and tell what is wrong.

Alembic is imported where something is to be migrated: that takes longer than all that a
program does which finds its schema current.
"""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, column, inspect, select, table

from harvester.errors import DatabaseUnfit
from harvester.store import notes
from harvester.store.db import path_of

if TYPE_CHECKING:
    from alembic.config import Config

APPLICATION_ID = 0x52414856  # "RAHV" in the SQLite header: what `file` can look at


def scripts() -> Path:
    """Find the migrations: inside an installed wheel, beside the package in a checkout."""
    package = Path(__file__).parents[1]
    inside = package / "migrations"
    return inside if inside.is_dir() else package.parent / "migrations"


def _revisions() -> dict[str, str | None]:
    """Read from the migrations which revision follows on which."""
    told = (_REVISION.findall(path.read_text()) for path in (scripts() / "versions").glob("*.py"))
    return {words["revision"]: words.get("down_revision") for words in map(dict, told)}


_REVISION = re.compile(r"""^(revision|down_revision) = ["'](.+)["']$""", re.MULTILINE)


def head() -> str:
    """Tell the newest revision this program knows."""
    revisions = _revisions()
    (newest,) = revisions.keys() - set(revisions.values())
    return newest


def current(conn: Connection) -> str | None:
    """Tell the revision of a database; None where it was never set up."""
    if not inspect(conn).has_table("alembic_version"):
        return None
    revision: str | None = conn.scalar(select(column("version_num")).select_from(_VERSION))
    return revision


_VERSION = table("alembic_version")


def state(conn: Connection) -> str:
    """Sort a database into "empty", "current", "older", "newer" or "foreign"."""
    revision = current(conn)
    if revision is None:
        others = set(inspect(conn).get_table_names()) - {"alembic_version"}
        return "foreign" if others else "empty"
    if revision == head():
        return "current"
    return "older" if revision in _revisions() else "newer"


def require_current(conn: Connection) -> None:
    """Raise `DatabaseUnfit` unless the schema is the one this program works with."""
    advice = {
        "empty": "the database has no tables yet: run `harvester fetch` or `harvester db upgrade`",
        "older": "the database is of an older version: run `harvester db upgrade`",
        "newer": "the database was made by a newer ra-harvester: upgrade the program",
        "foreign": "the database holds tables that are not ours: use one of its own",
    }
    found = state(conn)
    if found != "current":
        raise DatabaseUnfit(advice[found])


def upgrade(engine: Engine, *, now: datetime) -> Path | None:
    """Bring a database to the newest schema; tell the backup made beside an older one.

    Raises `DatabaseUnfit` where the database is newer than the program or not ours.
    """
    with engine.connect() as conn:
        found = state(conn)
        revision = current(conn)
    if found in {"newer", "foreign"}:
        with engine.connect() as conn:
            require_current(conn)
    backup = _backup(engine, f"before-{head()}-from-{revision}", now) if found == "older" else None
    if found != "current":
        run(engine, "head")
    with engine.begin() as conn:
        notes.ship(conn)
    return backup


def run(engine: Engine, revision: str) -> None:
    """Walk the migrations up or down to a revision.

    SQLite rebuilds tables, which foreign keys would forbid: they are off meanwhile and
    looked at afterwards.
    """
    from alembic import command  # noqa: PLC0415 - see above

    with engine.connect() as conn, _without_foreign_keys(conn), conn.begin():
        step = command.downgrade if _is_down(conn, revision) else command.upgrade
        step(_config(conn), revision)
        _check_references(conn)


def _config(conn: Connection) -> "Config":
    from alembic.config import Config  # noqa: PLC0415 - see above

    config = Config()
    config.set_main_option("script_location", str(scripts()).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = conn
    return config


@contextmanager
def _without_foreign_keys(conn: Connection) -> Iterator[None]:
    """Switch foreign keys off in SQLite, and sign the file when all went well."""
    if conn.dialect.name != "sqlite":
        yield
        return
    _pragma(conn, "foreign_keys = OFF")
    try:
        yield
        _pragma(conn, f"application_id = {APPLICATION_ID}")
    finally:
        _pragma(conn, "foreign_keys = ON")


def _is_down(conn: Connection, revision: str) -> bool:
    """Whether a revision lies behind: they are numbered, and upwards Alembic would pass it by."""
    now = current(conn)
    return now is not None and (revision in {"base", "-1"} or revision < now)


def _pragma(conn: Connection, words: str) -> None:
    """Set a pragma outside any transaction, where alone some of them work."""
    driver = conn.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)  # noqa: S101 - the caller looked
    driver.execute(f"PRAGMA {words}")


def _check_references(conn: Connection) -> None:
    if conn.dialect.name == "sqlite":
        broken = conn.exec_driver_sql("PRAGMA foreign_key_check").all()
        if broken:
            raise DatabaseUnfit(
                f"the migration would leave {len(broken)} rows without their parent"
            )


def _backup(engine: Engine, label: str, now: datetime) -> Path | None:
    """Copy an SQLite database beside itself, as one consistent file."""
    path = path_of(str(engine.url))
    if path is None:
        return None
    target = Path(f"{path}.{label}-{now:%Y%m%dT%H%M%SZ}.bak")
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(target)) as copy:
        source.backup(copy)
    return target
