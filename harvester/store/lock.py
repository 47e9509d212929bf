"""One writer per database: a lock that dies with its process."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout
from sqlalchemy import Engine, exc, text

from harvester.errors import DatabaseHeld, DatabaseUnfit
from harvester.store import db, runs

ADVISORY_KEY = 0x52414856  # "RAHV", the same in every database


@contextmanager
def hold(engine: Engine) -> Iterator[None]:
    """Be the only harvester on this database, or raise `DatabaseHeld` with who is."""
    path = db.path_of(str(engine.url))
    with _file_lock(engine, path) if path is not None else _advisory_lock(engine):
        yield


@contextmanager
def _file_lock(engine: Engine, path: str) -> Iterator[None]:
    folder = Path(path).parent
    if not folder.is_dir():  # the lock would make it, and a slip of the pen become a harvest
        raise DatabaseUnfit(f"there is no folder {folder}; make it, or mend database.url")
    try:
        with FileLock(f"{path}.lock", timeout=0):
            yield
    except Timeout:
        raise _held(engine) from None


@contextmanager
def _advisory_lock(engine: Engine) -> Iterator[None]:
    """Hold a session lock on a connection of its own: it goes when the session goes."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        taken = conn.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": ADVISORY_KEY})
        if not taken:
            raise _held(engine)
        yield
        conn.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": ADVISORY_KEY})


def _held(engine: Engine) -> DatabaseHeld:
    try:
        with engine.connect() as conn:
            who = runs.holder(conn)
    except exc.DatabaseError:  # no tables yet: the other one is making them
        who = "another harvester"
    return DatabaseHeld(f"this database is in use by {who}; stop it first, or let it do the work")
