"""The shape of a database as the database itself tells it, to compare two of them."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Column, Connection, Engine, Inspector, Table, inspect
from sqlalchemy.engine.interfaces import ReflectedColumn

Shape = dict[str, object]
OURS = "alembic_version"  # Alembic's own table: in no metadata


def in_order(table: Table) -> list[Column[Any]]:
    """Sort the rows of a table by key, and those of one key as they followed each other."""
    key = [column for column in table.primary_key.columns if column.name != "ended"]
    return [*key, table.c.valid_from] if "valid_from" in table.c else key


def shape_of(engine: Engine) -> Shape:
    """Tell everything about the tables that a migration could forget, by table name."""
    with engine.connect() as conn:
        found = inspect(conn)
        tables = [name for name in found.get_table_names() if name != OURS]
        return {name: _table(found, conn, name) for name in tables}


def _table(found: Inspector, conn: Connection, name: str) -> Shape:
    return {
        "columns": {own["name"]: _column(conn, own) for own in found.get_columns(name)},
        "primary key": _plain(found.get_pk_constraint(name)),
        "foreign keys": _sorted(found.get_foreign_keys(name)),
        "unique": _sorted(found.get_unique_constraints(name)),
        "checks": _sorted(found.get_check_constraints(name)),
        "indexes": _sorted(found.get_indexes(name)),
        "kind": _kind(conn, name),
    }


def _column(conn: Connection, column: ReflectedColumn) -> Shape:
    plain = {name: _plain(value) for name, value in column.items()}
    return {**plain, "type": column["type"].compile(conn.dialect)}


def _kind(conn: Connection, name: str) -> object:
    """Tell whether an SQLite table is WITHOUT ROWID, and STRICT."""
    if conn.dialect.name != "sqlite":
        return None
    return conn.exec_driver_sql("SELECT wr, strict FROM pragma_table_list(?)", (name,)).one()


def _sorted(found: Iterable[object]) -> list[object]:
    return sorted((_plain(own) for own in found), key=repr)


def _plain(value: object) -> object:
    """Write what was reflected, SQL expressions among it, in words that compare."""
    if isinstance(value, Mapping):
        return {key: _plain(own) for key, own in sorted(value.items())}
    return value if isinstance(value, str | int | list | tuple | type(None)) else str(value)
