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
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import chain, islice
from typing import Any, TypeAlias

from sqlalchemy import Connection, Engine, inspect, text

from harvester.errors import DatabaseUnfit, QueryRefused, Stopped
from harvester.stop import Stop
from harvester.store import db, schema
from harvester.store.views import VIEWS

Line: TypeAlias = tuple[Any, ...]
Fetch: TypeAlias = Callable[[], Sequence[Line]]  # the next rows; empty at the end

READING = ("SELECT", "WITH", "VALUES")  # or EXPLAIN and one of these
CHUNK = 1_000  # rows fetched at a time
STEPS = 100  # of SQLite's machine between two looks at the clock: each may make a long value
LONGEST_VALUE = 64 * 1024 * 1024  # bytes; SQLite makes a value in one step that nothing stops
LONGEST_PATTERN = 1_000  # bytes of a LIKE, which costs text times pattern, in one step too
# Where the answer is bounded: a row is there before it can be weighed, and some functions
# (trim, instr, replace) cost text times text in one step.
MOST_COLUMNS = 100
LONGEST_SHORT_VALUE = 20_000  # bytes

_BEFORE = re.compile(r"(?:\s|--[^\n]*(?:\n|$)|/\*.*?\*/|\()*", re.DOTALL)
_EXPLAIN = re.compile(
    r"EXPLAIN\b(?:\s+(?:ANALYZE|VERBOSE|QUERY\s+PLAN)\b|\s*\(\s*(?!SELECT|WITH|VALUES)[^()]*\))*",
    re.IGNORECASE,
)
_MISSING = (
    re.compile(r"no such (?P<what>table|column): (?:\w+\.)?(?P<name>\w+)"),
    re.compile(r"(?P<what>relation|column) \"?(?:\w+\.)?(?P<name>\w+)\"? does not exist"),
)
_IS_MIGHTY = """
    SELECT coalesce(bool_or(pg_has_role(rolname, 'MEMBER')), false) FROM pg_roles WHERE rolname IN
    ('pg_read_server_files', 'pg_write_server_files', 'pg_execute_server_program')
"""
_TOO_MIGHTY = (
    "the user of database.url is a superuser, whose queries reach the server's files: "
    "take one who can only read, made by GRANT pg_read_all_data"
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
_FORBIDDEN = {"load_extension", "fts3_tokenizer"}  # the second one tells and takes addresses
_HARMLESS = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_RECURSIVE}


def run_query(
    engine: Engine,
    sql: str,
    *,
    seconds: float = 30,
    max_rows: int | None = None,
    max_bytes: int | None = None,
    stop: Stop | None = None,
) -> tuple[list[str], Iterator[Line]]:
    """Run one statement that reads; tell the names of its columns, and its rows as they come.

    `seconds` counts while the database works, not while the rows are being used. Values
    are what the driver makes of them: SQLite keeps instants as text and booleans as 0 and
    1. Ctrl-C ends the query in the database too, as does `stop`, from whichever thread. With
    `max_bytes` rows are fetched one at a time, so that no more of them is ever in memory.

    Raises `QueryRefused` (also from the rows) for anything that writes, is not a single
    statement, makes no sense to the database, takes too long or answers too much, and
    `DatabaseUnfit` where the database itself is in trouble.
    """
    patience = _Patience(seconds, stop or Stop())
    lines = _lines(engine, _checked(sql), patience, _Bounds(max_rows, max_bytes))
    return list(next(lines)), lines


def require_modest(engine: Engine) -> None:
    """Raise `QueryRefused` where functions could reach beyond the database.

    No read-only transaction keeps a superuser of PostgreSQL from the files and processes of
    the server.
    """
    if engine.dialect.name == "postgresql":
        with db.told_plainly(), engine.connect() as conn:
            if conn.scalar(text(_IS_MIGHTY)):
                raise QueryRefused(_TOO_MIGHTY)


@dataclass(frozen=True)
class _Bounds:
    """How much an answer may come to."""

    rows: int | None
    bytes: int | None

    @property
    def chunk(self) -> int:
        """How many rows are fetched at a time."""
        return CHUNK if self.bytes is None else 1

    @property
    def limits(self) -> Mapping[int, int]:
        """What SQLite itself is to refuse."""
        longest, pattern = sqlite3.SQLITE_LIMIT_LENGTH, sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH
        if self.bytes is None:
            return {longest: LONGEST_VALUE, pattern: LONGEST_PATTERN}
        few = {sqlite3.SQLITE_LIMIT_COLUMN: MOST_COLUMNS}
        return {longest: LONGEST_SHORT_VALUE, pattern: LONGEST_PATTERN, **few}

    def weighed(self, lines: Iterable[Line]) -> Iterator[Line]:
        """Pass rows on, until they are too many or too heavy."""
        weight = 0
        for line in islice(lines, self.rows):
            weight += sum(len(own) if isinstance(own, str | bytes) else 8 for own in line)
            if self.bytes is not None and weight > self.bytes:
                raise QueryRefused(f"the answer is more than {self.bytes:,} bytes: ask for less")
            yield line


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


def _lines(engine: Engine, sql: str, patience: _Patience, bounds: _Bounds) -> Iterator[Line]:
    """Yield the names of the columns, then the rows."""
    with db.told_plainly(), engine.connect() as conn:
        begin = _sqlite if conn.dialect.name == "sqlite" else _postgresql
        dbapi: Any = conn.dialect.loaded_dbapi
        try:
            with begin(conn, sql, patience, bounds) as (columns, fetch):
                yield from _headed(columns, fetch, bounds)
        except dbapi.Error as error:
            patience.stop.check()
            raise _trouble(engine, error, patience) from None
        finally:
            conn.invalidate()


def _headed(columns: Line, fetch: Fetch, bounds: _Bounds) -> Iterator[Line]:
    """Fetch the first rows before the header goes out: most trouble shows itself by then."""
    first = fetch()
    yield columns
    yield from bounds.weighed(chain(first, chain.from_iterable(iter(fetch, []))))


@contextmanager
def _sqlite(
    conn: Connection, sql: str, patience: _Patience, bounds: _Bounds
) -> Iterator[tuple[Line, Fetch]]:
    driver: Any = conn.connection.driver_connection
    driver.execute("PRAGMA query_only = ON")
    for limit, most in bounds.limits.items():
        driver.setlimit(limit, most)
    driver.set_authorizer(_verdict)
    driver.set_progress_handler(patience.is_over, STEPS)
    with patience.working():
        cursor = driver.execute(sql)

    def fetch() -> Sequence[Line]:
        with patience.working():
            rows: Sequence[Line] = cursor.fetchmany(bounds.chunk)
            return rows

    yield tuple(column[0] for column in cursor.description), fetch


def _verdict(
    action: int, name: str | None, detail: str | None, _database: str | None, _by: str | None
) -> int:
    """Allow what only reads; `name` and `detail` are what SQLite says of the action."""
    is_reading = (
        action in _HARMLESS
        or (action == sqlite3.SQLITE_FUNCTION and detail not in _FORBIDDEN)
        or (action == sqlite3.SQLITE_PRAGMA and name in _READ_PRAGMAS)
        # How a table-valued function comes in; SQLite keeps that table from real updates.
        or (action == sqlite3.SQLITE_UPDATE and name == "sqlite_master")
    )
    return sqlite3.SQLITE_OK if is_reading else sqlite3.SQLITE_DENY


@contextmanager
def _postgresql(
    conn: Connection, sql: str, patience: _Patience, bounds: _Bounds
) -> Iterator[tuple[Line, Fetch]]:
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
                rows: Sequence[Line] = cursor.fetchmany(bounds.chunk)
                return rows

        yield tuple(column.name for column in cursor.description), fetch


@contextmanager
def _bounded(driver: Any, patience: _Patience) -> Iterator[None]:  # noqa: ANN401 - psycopg is an extra
    """Let the server itself end what takes too long, or what nobody waits for any more."""
    left = max(1, round(patience.left * 1000))
    driver.execute("SELECT set_config('statement_timeout', %s, true)", [str(left)])
    try:
        with patience.stop.breaking(driver.cancel_safe), patience.working():
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
