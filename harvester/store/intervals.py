"""How history is kept: instants, and tables of intervals, each built by `versioned`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from operator import itemgetter
from typing import Any, TypeAlias

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Dialect,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    text,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import SchemaItem
from sqlalchemy.types import TypeDecorator, TypeEngine

Key: TypeAlias = tuple[Any, ...]

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Instant(TypeDecorator[datetime]):
    """A UTC instant to the second: aware in Python, text in SQLite, timestamptz(0) elsewhere."""

    impl = String(19)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose the column type of this database."""
        if dialect.name == "postgresql":
            # Not by `type_descriptor`: the driver's own type would forget the precision.
            return postgresql.TIMESTAMP(timezone=True, precision=0)
        return dialect.type_descriptor(String(19))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:  # noqa: ANN401 - text or datetime
        """Refuse instants without a zone: they would be stored as something they are not."""
        if value is None:
            return None
        utc = value if value.tzinfo is UTC else _in_utc(value)
        if dialect.name == "postgresql":
            return utc.replace(microsecond=0)
        day, time = (utc.year, utc.month, utc.day), (utc.hour, utc.minute, utc.second)
        return "%04d-%02d-%02d %02d:%02d:%02d" % (*day, *time)  # noqa: UP031 - a third of strftime's time

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any]:  # noqa: ARG002 - SQLAlchemy's hook
        """Hand out aware UTC instants, whatever the database keeps.

        `process_result_value` would cost a call more for each.
        """
        return _in_utc_if_any if dialect.name == "postgresql" else _parsed_if_any


def _parsed_if_any(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(f"{text}Z")


def _in_utc_if_any(value: datetime | None) -> datetime | None:
    return None if value is None else value.astimezone(UTC)


def _in_utc(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    return value.astimezone(UTC)


Id = BigInteger().with_variant(Integer(), "sqlite")  # INTEGER PRIMARY KEY is the rowid there


@dataclass(frozen=True)
class History:
    """How one history table is keyed, and which entity table shows its current values."""

    table: Table
    key: tuple[str, ...]
    values: tuple[str, ...]
    entity: Table | None = None

    @property
    def is_large(self) -> bool:
        """Whether the primary key alone says which row is current (see `_ended`)."""
        return "ended" in self.table.c

    def end(self, at: datetime | None) -> dict[str, Any]:
        """Tell the columns that say when a row ended, or with None that it holds."""
        ended = {"ended": int(at.timestamp()) if at else 0} if self.is_large else {}
        return {"valid_to": at, **ended}

    @cached_property
    def key_of(self) -> Callable[[Mapping[str, Any]], Key]:
        """What takes the key out of a row."""
        first, *others = self.key
        return itemgetter(*self.key) if others else lambda row: (row[first],)


HISTORIES: dict[str, History] = {}


def versioned(
    name: str,
    key: list[Column[Any]],
    values: list[Column[Any]],
    *,
    about: str,
    entity: Table | None = None,
    is_large: bool = False,
) -> Table:
    """Build a history table: one row per key and stretch of time in which nothing changed.

    Stretches are half-open, [valid_from, valid_to); null means still so. The database itself
    guarantees one current row per key: by a partial unique index, or, where there are so many
    rows that a second index would be most of the file, by the primary key (see `_ended`).
    """
    names = tuple(column.name for column in key)
    table = Table(
        name,
        metadata,
        *key,
        *(_ended() if is_large else ()),
        *values,
        Column("valid_from", Instant, nullable=False, doc="since when this holds"),
        Column("valid_to", Instant, doc="until when it held; null: still so"),
        Column("fetch_id", BigInteger, doc="the look in `fetches` that told it"),
        PrimaryKeyConstraint(*names, "ended" if is_large else "valid_from"),
        CheckConstraint("valid_to > valid_from", name="interval"),
        sqlite_with_rowid=False,
        info={"about": about},
    )
    if not is_large:
        _unique_now(table, names)
    HISTORIES[name] = History(table, names, tuple(column.name for column in values), entity)
    return table


def _unique_now(table: Table, key: Sequence[str]) -> None:
    now, columns = text("valid_to IS NULL"), [table.c[name] for name in key]
    name = f"uq_{table.name}_current"
    Index(name, *columns, unique=True, sqlite_where=now, postgresql_where=now)


def _ended() -> list[SchemaItem]:
    """Make a column that is 0 for the current row, so that a primary key allows one of them.

    `valid_to` is null then, and a null is equal to nothing; else `ended` is the same instant,
    in seconds since 1970. The column stands beside the key: where a key is scattered, SQLite's
    `integrity_check` takes other columns for null (seen in 3.40).
    """
    return [
        Column(
            "ended",
            BigInteger,
            nullable=False,
            server_default=text("0"),
            doc="`valid_to` in seconds since 1970; 0: still so",
        ),
        CheckConstraint("(ended = 0) = (valid_to IS NULL)", name="ended"),
    ]
