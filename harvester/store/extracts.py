"""Whole tables and views, row by row: what an export reads, all of it as of one moment.

Nothing is held: rows come from a cursor of the database, a chunk at a time, so that memory
does not grow with a table. Views are looked up in the database, tables in the schema. What
only serves the program (places in a list, digests, answers kept for a bug report, the host
it runs on) stays inside.
"""

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from functools import cache
from typing import Any, Final, Literal, TypeAlias

import sqlalchemy as sa
from sqlalchemy import Connection, Engine, FromClause, Select, inspect, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.types import TypeEngine

from harvester.errors import ConfigError, Stopped
from harvester.stop import Stop
from harvester.store import schema
from harvester.store.schema import Instant

Kind: TypeAlias = Literal["text", "integer", "real", "boolean", "instant", "day"]
Line: TypeAlias = tuple[Any, ...]
Chunk: TypeAlias = Sequence[Line]

ROWS_AT_ONCE: Final = 5_000
STEPS: Final = 100_000  # of SQLite's machine between two looks whether to stop

_INSIDE: Final[Mapping[str, set[str]]] = {
    "polls": {
        *("token", "denied", "cursor", "memory", "digests", "fetch_id", "last_fetch_id"),
        *("requests", "rows_opened", "rows_closed"),
    },
    "fetches": {"payload"},
    "runs": {"pid", "host"},
    "unlocks": {"ended"},
}
_NOT_FOR_USERS: Final = {"unlock_absences"}
_VIEW: Final = "v_"
_TYPES: Final[Mapping[Kind, TypeEngine[Any]]] = {
    "text": sa.Text(),
    "integer": sa.BigInteger(),
    "real": sa.Float(),
    "boolean": sa.Boolean(),
    "instant": Instant(),
    "day": sa.Date(),
}
_KINDS: Final[Sequence[tuple[type[TypeEngine[Any]], Kind]]] = (  # the first that fits
    (Instant, "instant"),
    (sa.DateTime, "instant"),
    (sa.Date, "day"),
    (sa.Boolean, "boolean"),
    (sa.Integer, "integer"),
    (sa.Float, "real"),
    (sa.Numeric, "real"),
)
_DATES: Final[Mapping[str, tuple[str, ...]]] = {  # what happened has a date of its own
    "unlocks": ("hardcore_at", "unlocked_at"),
    "tickets": ("reported_at", "first_seen_at"),
    "fetches": ("first_at",),
    "discontinuities": ("at",),
}
_WORKED_OUT: Final[Mapping[str, Kind]] = {  # by views; SQLite tells no types of such columns
    "mastered": "integer",
    "rarity": "real",
    "rarity_hardcore": "real",
    "covered_seconds": "integer",
    "hole_seconds": "integer",
    "developer_id": "integer",
}


@dataclass(frozen=True)
class Relation:
    """A table or view: its columns, and what tells when a row belongs and was last written.

    `dated` are the columns that date a row, the first that is not null. `stamps` are those
    that tell when a row was last written: a row moves one of them with every change. Without
    any (entities, the plan), a row may change and leave no trace.
    """

    name: str
    columns: Mapping[str, Kind]
    dated: tuple[str, ...] = ()
    stamps: tuple[str, ...] = ()

    @property
    def is_view(self) -> bool:
        """Whether it is a view, whose rows are made of those of tables."""
        return self.name.startswith(_VIEW)


@contextmanager
def snapshot(engine: Engine, stop: Stop) -> Iterator[Connection]:
    """Open one transaction that sees the database as it is now, whatever is written meanwhile.

    A wish to stop breaks off even a statement that the database is at work on.
    """
    level = {} if engine.dialect.name == "sqlite" else {"isolation_level": "REPEATABLE READ"}
    with engine.connect().execution_options(**level) as conn:
        heed = _sqlite_heeding if engine.dialect.name == "sqlite" else _postgresql_heeding
        try:
            with heed(conn.connection.driver_connection, stop), stop.interruptible():
                yield conn
        finally:
            conn.invalidate()


@contextmanager
def _sqlite_heeding(driver: Any, stop: Stop) -> Iterator[None]:  # noqa: ANN401 - any of a driver's
    driver.set_progress_handler(lambda: stop.is_wished, STEPS)
    try:
        yield
    except OperationalError:
        stop.check()  # SQLite swallows what a signal raises while it works
        raise


@contextmanager
def _postgresql_heeding(driver: Any, _stop: Stop) -> Iterator[None]:  # noqa: ANN401 - psycopg is an extra
    at_work = driver.pgconn.get_cancel()  # outlives the connection, which is closed by then
    try:
        yield
    except Stopped:
        at_work.cancel()  # else the server would work on for nobody
        raise


def known(conn: Connection) -> dict[str, Relation]:
    """Describe every table and view there is to export, by name."""
    return _tables() | {name: _view(conn, name) for name in _views(conn)}


def relations(conn: Connection, names: Sequence[str] = ()) -> list[Relation]:
    """Describe what is asked for by name; without names, every table that says something.

    Raises `ConfigError` for a name that there is not.
    """
    there = known(conn)
    if not names:
        return [one for one in there.values() if not one.is_view]
    missing = next((name for name in names if name not in there), None)
    if missing is not None:
        near = get_close_matches(missing, there, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(there)}"
        raise ConfigError(f"there is no table {missing!r} to export; {hint}")
    return [there[name] for name in dict.fromkeys(names)]


def chunks(
    conn: Connection, relation: Relation, *, since: datetime | None = None, is_dated: bool = False
) -> Generator[Chunk, None, None]:
    """Yield the rows, a chunk at a time: those written since, or all.

    With `is_dated` they come in the order of their date, which is one more value at the end.
    """
    query = _query(relation, since=since, is_dated=is_dated)
    with conn.execute(query.execution_options(yield_per=ROWS_AT_ONCE)) as result:
        yield from result.partitions()


def _query(relation: Relation, *, since: datetime | None, is_dated: bool) -> Select[Any]:
    table = _from(relation)
    query = select(*(_value(table, name, kind) for name, kind in relation.columns.items()))
    if since is not None:
        query = query.where(sa.or_(*(table.c[name] >= since for name in relation.stamps)))
    if is_dated:
        dates = [table.c[name] for name in relation.dated]
        date = dates[0] if len(dates) == 1 else sa.func.coalesce(*dates, type_=Instant())
        query = query.add_columns(date.label("dated")).order_by(date)
    return query


def _from(relation: Relation) -> FromClause:
    columns = (sa.column(name, _TYPES[kind]) for name, kind in relation.columns.items())
    return sa.table(relation.name, *columns)


def _value(table: FromClause, name: str, kind: Kind) -> sa.ColumnElement[Any]:
    """Select a column; what a view works out as a decimal number becomes a plain one."""
    column = table.c[name]
    is_made = kind == "real" and table.description.startswith(_VIEW)
    return sa.cast(column, sa.Double()).label(name) if is_made else column


def _tables() -> dict[str, Relation]:
    tables = schema.metadata.tables
    return {name: _table(tables[name]) for name in sorted(tables.keys() - _NOT_FOR_USERS)}


def _table(table: sa.Table) -> Relation:
    inside = _INSIDE.get(table.name, set())
    columns = {own.name: _kind(own.type) for own in table.c if own.name not in inside}
    is_history = table.name in schema.HISTORIES
    dated = (*_DATES.get(table.name, ()), *(("valid_from",) if is_history else ()))
    stamps = ("valid_from", "valid_to") if is_history else ()
    return Relation(table.name, columns, dated, ("last_at",) if table.name == "fetches" else stamps)


def _kind(type_: TypeEngine[Any]) -> Kind:
    return next((kind for own, kind in _KINDS if isinstance(type_, own)), "text")


def _views(conn: Connection) -> list[str]:
    return sorted(name for name in inspect(conn).get_view_names() if name.startswith(_VIEW))


def _view(conn: Connection, name: str) -> Relation:
    """Describe a view; what SQLite does not tell of a column, its name does."""
    found = inspect(conn).get_columns(name)
    columns = {own["name"]: kind_named(own["name"]) or _kind(own["type"]) for own in found}
    dates = tuple(own for own in ("time", "valid_to") if own in columns)
    return Relation(name, columns, dates[:1], dates)


def kind_named(name: str) -> Kind | None:
    """Tell the kind of a column by its name, which means the same thing everywhere here."""
    if name.startswith("is_"):
        return "boolean"
    if name in {"time", "at", "valid_from", "valid_to"} or name.endswith(("_at", "_to")):
        return "instant"
    return _WORKED_OUT.get(name) or _kinds_of_tables().get(name)


@cache
def _kinds_of_tables() -> Mapping[str, Kind]:
    tables = schema.metadata.sorted_tables
    return {column.name: _kind(column.type) for table in tables for column in table.c}
