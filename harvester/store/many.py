"""Many rows or keys in one statement, which costs the same on either database.

A list of keys travels as one parameter, so that a statement is written and compiled once,
however many keys it is about; rows are bound column by column. Neither is what SQLAlchemy
does by itself, which takes longer than the databases do.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Dialect,
    Table,
    Text,
    TypeDecorator,
    bindparam,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import NullType, TypeEngine


class _Keys(TypeDecorator[Collection[Any]]):
    """A list of keys as one parameter: JSON for SQLite, an array for PostgreSQL."""

    impl = Text
    cache_ok = True

    def __init__(self, item: TypeEngine[Any]) -> None:
        super().__init__()
        self.item = item

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose the parameter type of this database."""
        if dialect.name == "postgresql":
            return postgresql.ARRAY(self.item)
        return dialect.type_descriptor(Text())

    def process_bind_param(self, value: Collection[Any] | None, dialect: Dialect) -> Any:  # noqa: ANN401 - text or list
        """Write the keys down as this database takes them."""
        keys = list(value or ())
        return keys if dialect.name == "postgresql" else json.dumps(keys)


class _Among(FunctionElement[Any]):
    """Whether a column holds one of the keys of a list.

    Not a `Boolean` by type: SQLAlchemy would compare it with 1, and SQLite use no index.
    """

    type = NullType()
    inherit_cache = True


@compiles(_Among, "sqlite")
def _among_in_sqlite(element: _Among, compiler: SQLCompiler, **kw: Any) -> str:  # noqa: ANN401 - SQLAlchemy's hook
    column, keys = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({keys}))"  # noqa: S608 - made of compiled parts


@compiles(_Among, "postgresql")
def _among_in_postgresql(element: _Among, compiler: SQLCompiler, **kw: Any) -> str:  # noqa: ANN401 - SQLAlchemy's hook
    column, keys = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"{column} = ANY ({keys})"


def among(column: ColumnElement[Any], keys: Collection[Any]) -> ColumnElement[bool]:
    """Say that a column holds one of these keys."""
    return _Among(column, bindparam(None, keys, _Keys(column.type)))


def among_told(column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """Say that a column holds one of the keys that a parameter of this name will tell."""
    return _Among(column, bindparam(name, type_=_Keys(column.type)))


def insert(
    conn: Connection, table: Table, rows: Sequence[Mapping[str, Any]], shared: Mapping[str, Any]
) -> None:
    """Insert rows; what a row lacks is null, what is `shared` holds for all of them."""
    if not rows:
        return
    columns = [
        _bound(column, [shared[column.name]], conn.dialect) * len(rows)
        if column.name in shared
        else _bound(column, [row.get(column.name) for row in rows], conn.dialect)
        for column in table.c
    ]
    conn.exec_driver_sql(_insertion(table, conn.dialect), [*zip(*columns, strict=True)])


def _bound(column: Column[Any], values: list[Any], dialect: Dialect) -> list[Any]:
    """Turn the values of a column into what the driver of this database takes."""
    bind = column.type.dialect_impl(dialect).bind_processor(dialect)
    if bind is None:
        return values
    return [None if value is None else bind(value) for value in values]


@cache
def _insertion(table: Table, dialect: Dialect) -> str:
    mark = "?" if dialect.paramstyle == "qmark" else "%s"
    marks = ", ".join([mark] * len(table.c))
    names = ", ".join(map(dialect.identifier_preparer.format_column, table.c))
    return f"INSERT INTO {table.name} ({names}) VALUES ({marks})"  # noqa: S608 - our own names
