"""One writer per database: a lock that dies with its process, and ends its process if it dies."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import AcquireReturnProxy, FileLock, Timeout
from sqlalchemy import Connection, Engine, event, exc, text

from harvester.errors import DatabaseHeld, DatabaseUnfit
from harvester.store import db, runs

ADVISORY_KEY = 0x52414856  # "RAHV", the same in every database


@contextmanager
def hold(engine: Engine) -> Iterator[None]:
    """Be the only harvester on this database, or raise `DatabaseHeld` with who is.

    Raises `DatabaseUnfit` where no lock can be taken, and at the first commit after it was lost.
    """
    path = db.path_of(str(engine.url))
    with _file_lock(engine, path) if path is not None else _advisory_lock(engine):
        yield


@contextmanager
def _file_lock(engine: Engine, path: str) -> Iterator[None]:
    file = Path(os.path.realpath(path))  # one file, one lock, whatever links lead to it
    if not file.parent.is_dir():  # the lock would make it, and a slip of the pen become a harvest
        raise DatabaseUnfit(f"there is no folder {file.parent}; make it, or mend database.url")
    with _acquired(engine, FileLock(f"{file}.lock", timeout=0)):
        yield


def _acquired(engine: Engine, lock: FileLock) -> AcquireReturnProxy[FileLock]:
    try:
        return lock.acquire()
    except Timeout:
        raise _held(engine) from None
    except OSError as error:
        why = error.strerror or str(error)
        raise DatabaseUnfit(
            f"the lock {lock.lock_file} cannot be made ({why}); "
            "check who owns it and its folder, and that both can be written"
        ) from None


@contextmanager
def _advisory_lock(engine: Engine) -> Iterator[None]:
    """Hold a session lock on a connection of its own: it goes when the session goes."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        taken = conn.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": ADVISORY_KEY})
        if not taken:
            raise _held(engine)
        with _guarded(engine, conn):
            yield
        if not conn.invalidated:  # else it went with its session
            conn.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": ADVISORY_KEY})


@contextmanager
def _guarded(engine: Engine, session: Connection) -> Iterator[None]:
    """Commit nothing once the session is gone: another harvester may hold the lock by then."""

    def look(_committing: Connection) -> None:
        try:
            session.execute(text("SELECT 1"))
        except exc.SQLAlchemyError:
            raise DatabaseUnfit(
                "the connection that kept other harvesters out of the database was lost; "
                "nothing more is written, start again"
            ) from None

    event.listen(engine, "commit", look)
    try:
        yield
    finally:
        event.remove(engine, "commit", look)


def _held(engine: Engine) -> DatabaseHeld:
    try:
        with engine.connect() as conn:
            who = runs.holder(conn)
    except exc.DatabaseError:  # no tables yet: the other one is making them
        who = "another harvester"
    return DatabaseHeld(f"this database is in use by {who}; stop it first, or let it do the work")
