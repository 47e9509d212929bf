"""Questions in SQL: one statement, only reading, bounded in time, stopped at once.

The first word is looked at so that the refusal is a helpful one; what makes it true is the
database. SQLite: a file opened read-only, `query_only`, and an authorizer asked about every
single thing a statement does. PostgreSQL: a read-only transaction that is rolled back, and
a cursor declared for the statement, which takes neither two of them nor one that writes.
The connection is thrown away afterwards, with every setting made for the query.
"""

import re
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from itertools import chain, islice
from typing import Any, TypeAlias

from sqlalchemy import Connection, Engine, inspect

from harvester.errors import DatabaseUnfit, QueryRefused, Stopped
from harvester.stop import Stop
from harvester.store import db, schema
from harvester.store.views import VIEWS

Line: TypeAlias = tuple[Any, ...]
Fetch: TypeAlias = Callable[[], Sequence[Line]]  # the next rows; empty at the end

READING = ("SELECT", "WITH", "VALUES")  # or EXPLAIN and one of these
CHUNK = 1_000  # rows fetched at a time
STEPS = 10_000  # of SQLite's machine between two looks at the clock: far below a millisecond
LONGEST_VALUE = 64 * 1024 * 1024  # bytes; SQLite makes a value in one step that nothing stops
LONGEST_PATTERN = 1_000  # bytes of a LIKE, which costs text times pattern, in one step too

_BEFORE = re.compile(r"(?:\s|--[^\n]*(?:\n|$)|/\*.*?\*/|\()*", re.DOTALL)
_EXPLAIN = re.compile(
    r"EXPLAIN\b(?:\s+(?:ANALYZE|VERBOSE|QUERY\s+PLAN)\b|\s*\(\s*(?!SELECT|WITH|VALUES)[^()]*\))*",
    re.IGNORECASE,
)
_MISSING = (
    re.compile(r"no such (?P<what>table|column): (?:\w+\.)?(?P<name>\w+)"),
    re.compile(r"(?P<what>relation|column) \"?(?:\w+\.)?(?P<name>\w+)\"? does not exist"),
)
_INTERRUPTED = ("SQLITE_INTERRUPT", "57014")
_BROKEN = (  # how the signs of a database in trouble begin; PostgreSQL's classes come last
    *("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_IOERR", "SQLITE_CANTOPEN", "SQLITE_BUSY"),
    *("08", "57P", "58", "XX"),
)
_READ_PRAGMAS = {  # what the table-valued functions `pragma_…` ask for
    "compile_options",
    "database_list",
    "foreign_key_list",
    "function_list",
    "index_info",
    "index_list",
    "index_xinfo",
    "table_info",
    "table_list",
    "table_xinfo",
}
_HARMLESS = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_RECURSIVE}


def run_query(
    engine: Engine,
    sql: str,
    *,
    seconds: float = 30,
    max_rows: int | None = None,
    stop: Stop | None = None,
) -> tuple[list[str], Iterator[Line]]:
    """Run one statement that reads; tell the names of its columns, and its rows as they come.

    `seconds` counts while the database works, not while the rows are being used. Values
    are what the driver makes of them: SQLite keeps instants as text and booleans as 0 and
    1. Ctrl-C ends the query in the database too, as does `stop`.

    Raises `QueryRefused` (also from the rows) for anything that writes, is not a single
    statement, makes no sense to the database or takes too long, and `DatabaseUnfit` where
    the database itself is in trouble.
    """
    lines = _lines(engine, _checked(sql), _Patience(seconds, stop or Stop()), max_rows)
    return list(next(lines)), lines


class _Patience:
    """How long the database may still work, and who may interrupt it."""

    def __init__(self, seconds: float, stop: Stop) -> None:
        self.seconds = seconds
        self.stop = stop
        self.left = seconds
        self._end = 0.0

    @contextmanager
    def working(self) -> Iterator[None]:
        """Count the time spent inside; `stop` interrupts it. Not entered when none is left."""
        if self.left <= 0:
            raise self.refusal()
        self._end = time.monotonic() + self.left
        try:
            with self.stop.interruptible():
                yield
        finally:
            self.left = self._end - time.monotonic()

    def is_over(self) -> bool:
        """Whether the database must stop working now."""
        return self.stop.is_wished or time.monotonic() > self._end

    def refusal(self) -> QueryRefused:
        """Say that it took too long, and what to do about it."""
        taken = f"the query took longer than {self.seconds:g} s and was stopped"
        return QueryRefused(f"{taken}; --timeout allows more")


def _checked(sql: str) -> str:
    words = _BEFORE.sub("", sql, count=1)
    plan = _EXPLAIN.match(words)
    verb = _first_word(words[plan.end() :] if plan else words)
    if verb not in READING:
        told = f"not {verb}" if verb else "and then something to read"
        raise QueryRefused(f"a query begins with SELECT, WITH, VALUES or EXPLAIN, {told}")
    if not re.fullmatch(r"[^\x00\ud800-\udfff]*", sql):
        raise QueryRefused("the query holds characters that are no text")
    return sql


def _first_word(sql: str) -> str:
    """Skip blanks, comments and opening brackets."""
    word: str = re.findall(r"\A\w*", _BEFORE.sub("", sql, count=1))[0]
    return word.upper()


def _lines(engine: Engine, sql: str, patience: _Patience, max_rows: int | None) -> Iterator[Line]:
    """Yield the names of the columns, then the rows."""
    with db.told_plainly(), engine.connect() as conn:
        begin = _sqlite if conn.dialect.name == "sqlite" else _postgresql
        dbapi: Any = conn.dialect.loaded_dbapi
        try:
            with begin(conn, sql, patience) as (columns, fetch):
                yield from _headed(columns, fetch, max_rows)
        except dbapi.Error as error:
            patience.stop.check()
            raise _trouble(engine, error, patience) from None
        finally:
            conn.invalidate()


def _headed(columns: Line, fetch: Fetch, max_rows: int | None) -> Iterator[Line]:
    """Fetch the first rows before the header goes out: most trouble shows itself by then."""
    first = fetch()
    yield columns
    yield from islice(chain(first, chain.from_iterable(iter(fetch, []))), max_rows)


@contextmanager
def _sqlite(conn: Connection, sql: str, patience: _Patience) -> Iterator[tuple[Line, Fetch]]:
    driver: Any = conn.connection.driver_connection
    driver.execute("PRAGMA query_only = ON")
    driver.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST_VALUE)
    driver.setlimit(sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH, LONGEST_PATTERN)
    driver.set_authorizer(_verdict)
    driver.set_progress_handler(patience.is_over, STEPS)
    with patience.working():
        cursor = driver.execute(sql)

    def fetch() -> Sequence[Line]:
        with patience.working():
            rows: Sequence[Line] = cursor.fetchmany(CHUNK)
            return rows

    yield tuple(column[0] for column in cursor.description), fetch


def _verdict(
    action: int, name: str | None, detail: str | None, _database: str | None, _by: str | None
) -> int:
    """Allow what only reads; `name` and `detail` are what SQLite says of the action."""
    is_reading = (
        action in _HARMLESS
        or (action == sqlite3.SQLITE_FUNCTION and detail != "load_extension")
        or (action == sqlite3.SQLITE_PRAGMA and name in _READ_PRAGMAS)
        # How a table-valued function comes in; SQLite keeps that table from real updates.
        or (action == sqlite3.SQLITE_UPDATE and name == "sqlite_master")
    )
    return sqlite3.SQLITE_OK if is_reading else sqlite3.SQLITE_DENY


@contextmanager
def _postgresql(conn: Connection, sql: str, patience: _Patience) -> Iterator[tuple[Line, Fetch]]:
    driver: Any = conn.connection.driver_connection
    driver.execute("SET TRANSACTION READ ONLY")
    driver.execute("SET LOCAL cursor_tuple_fraction = 1")  # all rows soon, not just the first
    is_plan = _first_word(sql) == "EXPLAIN"  # for which no cursor can be declared
    with driver.cursor() if is_plan else driver.cursor("harvester_query") as cursor:
        with _bounded(driver, patience):
            # To prepare or to declare takes one statement; plain sending would take many.
            cursor.execute(sql, **({"prepare": True} if is_plan else {}))

        def fetch() -> Sequence[Line]:
            with _bounded(driver, patience):
                rows: Sequence[Line] = cursor.fetchmany(CHUNK)
                return rows

        yield tuple(column.name for column in cursor.description), fetch


@contextmanager
def _bounded(driver: Any, patience: _Patience) -> Iterator[None]:  # noqa: ANN401 - psycopg is an extra
    """Let the server itself end what takes too long, or what nobody waits for any more."""
    left = max(1, round(patience.left * 1000))
    driver.execute("SELECT set_config('statement_timeout', %s, true)", [str(left)])
    try:
        with patience.working():
            yield
    except Stopped:
        driver.cancel_safe(timeout=5)
        raise


def _trouble(engine: Engine, error: Exception, patience: _Patience) -> BaseException:
    """Tell in one line what the database said, and what to do about it."""
    sign = getattr(error, "sqlite_errorname", None) or getattr(error, "sqlstate", None)
    words = (str(error).splitlines() or [type(error).__name__])[0]
    if sign in _INTERRUPTED:
        return _interrupted(sign, patience)
    if _is_broken(engine, error, sign):
        return DatabaseUnfit(f"the database cannot be used: {words}")
    if sign == "SQLITE_AUTH":
        return QueryRefused(f"the query was refused: {words}; a query can only read")
    return QueryRefused(f"the query was refused: {words}{_hint(engine, words)}")


def _interrupted(sign: str, patience: _Patience) -> BaseException:
    """Tell who stopped it: SQLite swallows the Ctrl-C that comes while it works."""
    if sign == "SQLITE_INTERRUPT" and patience.left > 0:
        return KeyboardInterrupt()
    return patience.refusal()


def _is_broken(engine: Engine, error: Exception, sign: str | None) -> bool:
    """Tell a database in trouble from a query in trouble; a lost server gives no sign."""
    if sign is not None:
        return sign.startswith(_BROKEN)
    dbapi: Any = engine.dialect.loaded_dbapi
    return engine.dialect.name == "postgresql" and isinstance(error, dbapi.OperationalError)


def _hint(engine: Engine, words: str) -> str:
    """Name what is called nearly as what is missing; what other tables have is no slip."""
    missing = next((found for sign in _MISSING if (found := sign.search(words))), None)
    if missing is None:
        return ""
    is_column = missing["what"] == "column"
    known = _columns() if is_column else _tables(engine)
    near = get_close_matches(missing["name"], known, n=1)
    if near and near[0] != missing["name"]:
        return f", did you mean {near[0]}?"
    return "" if is_column else f"; there are {', '.join(sorted(known))}"


def _tables(engine: Engine) -> set[str]:
    inspector = inspect(engine)
    return {*inspector.get_table_names(), *inspector.get_view_names()}


def _columns() -> set[str]:
    told = {column.name for table in schema.metadata.sorted_tables for column in table.c}
    return told.union(*(view.columns for view in VIEWS.values()))
