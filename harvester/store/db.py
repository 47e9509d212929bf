"""Connections: how this program opens SQLite and PostgreSQL, for writing and for reading.

SQLite: WAL so that readers never wait for the writer, foreign keys on, a busy timeout, and
`BEGIN IMMEDIATE` for writers, which takes the write lock at once instead of failing in the
middle. PostgreSQL: sessions in UTC. Readers cannot write: the database itself refuses.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from sqlalchemy import Engine, create_engine, event, exc, make_url

from harvester.errors import DatabaseUnfit

BUSY_TIMEOUT_MS = 5_000  # no signal is heeded meanwhile, and a stop may take 10 seconds

DAMAGE = ("SQLITE_CORRUPT", "SQLITE_NOTADB", "XX001", "XX002")
NOT_WRITABLE = ("25006", "42501")  # read-only, no privilege; a full disk is operational


def connect(url: str, *, is_read_only: bool = False) -> Engine:
    """Open a database. The engine does not connect before it is used."""
    if make_url(url).get_backend_name() == "sqlite":
        return _sqlite(url, is_read_only=is_read_only)
    return _postgresql(url, is_read_only=is_read_only)


def path_of(url: str) -> str | None:
    """Tell the file of an SQLite database; None for others."""
    parsed = make_url(url)
    return parsed.database if parsed.get_backend_name() == "sqlite" else None


def _sqlite(url: str, *, is_read_only: bool) -> Engine:
    path = path_of(url)
    if is_read_only:
        url = f"sqlite:///file:{_quoted(path or '')}?mode=ro&uri=true"
    engine = create_engine(
        url, hide_parameters=True, connect_args={"timeout": BUSY_TIMEOUT_MS / 1000}
    )
    event.listen(engine, "connect", _prepare_reader if is_read_only else _prepare_writer)
    event.listen(engine, "begin", _begin if is_read_only else _begin_immediate)
    return engine


def log_ahead(engine: Engine) -> None:
    """Switch an SQLite file to write-ahead logging, so that readers never wait for the writer.

    The file remembers it: only what is known to be ours is switched.
    """
    if engine.dialect.name == "sqlite":
        with closing(engine.raw_connection()) as raw:
            raw.cursor().execute("PRAGMA journal_mode = WAL")


def _quoted(path: str) -> str:
    """Escape what would end the path part of an SQLite URI."""
    return path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")


def _prepare_writer(dbapi: sqlite3.Connection, _record: object) -> None:
    dbapi.isolation_level = None  # transactions begin where we say so
    dbapi.execute("PRAGMA synchronous = NORMAL")
    dbapi.execute("PRAGMA foreign_keys = ON")


def _prepare_reader(dbapi: sqlite3.Connection, _record: object) -> None:
    dbapi.isolation_level = None
    dbapi.execute("PRAGMA query_only = ON")


def _begin(conn: Any) -> None:  # noqa: ANN401 - SQLAlchemy's event signature
    conn.exec_driver_sql("BEGIN")


def _begin_immediate(conn: Any) -> None:  # noqa: ANN401 - SQLAlchemy's event signature
    if not conn.get_execution_options().get(_JUST_READS):
        conn.exec_driver_sql("BEGIN IMMEDIATE")


_JUST_READS = "harvester_just_reads"


def reads(engine: Engine) -> Engine:
    """Make an engine of the same connections for the one writer's looks at what it wrote.

    On SQLite it takes no lock and begins no transaction: nobody else writes what is harvested.
    """
    return engine.execution_options(**{_JUST_READS: True})


def _postgresql(url: str, *, is_read_only: bool) -> Engine:
    # Statements are short: compiling one (JIT) takes longer than what it would save.
    options = "-c timezone=UTC -c jit=off" + (" -c default_transaction_read_only=on" * is_read_only)
    return create_engine(
        url,
        hide_parameters=True,
        pool_pre_ping=True,
        connect_args={"options": options, "connect_timeout": 10},
    )


@contextmanager
def told_plainly() -> Iterator[None]:
    """Turn a database's own trouble into one line that says what to do (exit 7)."""
    try:
        yield
    except (exc.DBAPIError, sqlite3.Error) as error:  # backups and pragmas go past SQLAlchemy
        trouble = _trouble(error)
        if trouble is None:
            raise
        raise trouble from None


def _trouble(error: exc.DBAPIError | sqlite3.Error) -> DatabaseUnfit | None:
    """Say what is wrong with the database; None where the error is a bug of ours."""
    driver = error.orig if isinstance(error, exc.DBAPIError) else error
    code = str(getattr(driver, "sqlite_errorname", None) or getattr(driver, "sqlstate", None))
    if code.startswith(DAMAGE):
        return DatabaseUnfit(f"the database is damaged: {_reason(driver)}")
    if isinstance(error, exc.OperationalError | sqlite3.OperationalError) or code in NOT_WRITABLE:
        return DatabaseUnfit(f"the database cannot be used: {_reason(driver)}")
    return None


def _reason(error: BaseException | None) -> str:
    """Take the first line of the driver's words and add what usually mends it."""
    words = (str(error).splitlines() or ["no reason given"])[0]
    remedies = {
        "unable to open": "check that the folder of database.url exists and can be written",
        "readonly": "check who owns the file and its folder",
        "read-only": "the server or this role is set not to write; use the one that does",
        "permission denied": "grant it to the user of database.url",
        "is full": "free some space and start again; nothing that was stored is lost",
        "locked": "another program has it open for writing; close that and try again",
        "malformed": "restore a backup",
        "not a database": "database.url points at a file of another kind",
        "connection": "check that the server runs and that database.url is right",
    }
    hint = next((remedy for sign, remedy in remedies.items() if sign in words), None)
    return f"{words} ({hint})" if hint else words
