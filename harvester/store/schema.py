"""The tables. Every history table is built by `versioned`, every instant is an `Instant`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, cached_property
from operator import itemgetter
from typing import Any, TypeAlias

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
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

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ANN401, ARG002 - as above
        """Hand out aware UTC instants, whatever the database keeps."""
        if value is None:
            return None
        if isinstance(value, str):
            return datetime.fromisoformat(f"{value}Z")
        return value.astimezone(UTC)  # type: ignore[no-any-return]


def _in_utc(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    return value.astimezone(UTC)


Id = BigInteger().with_variant(Integer(), "sqlite")  # INTEGER PRIMARY KEY is the rowid there


def _entity(name: str, *columns: SchemaItem) -> Table:
    """Build an entity table: RA's id, current values, when it was first seen and gone."""
    own = Column("id", Id, primary_key=True, autoincrement=False)
    seen = Column("first_seen_at", Instant, nullable=False)
    return Table(name, metadata, own, *columns, seen)


def _gone() -> Column[Any]:
    return Column("gone_at", Instant)


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
        Column("valid_from", Instant, nullable=False),
        Column("valid_to", Instant),
        Column("fetch_id", BigInteger),
        PrimaryKeyConstraint(*names, "ended" if is_large else "valid_from"),
        CheckConstraint("valid_to > valid_from", name="interval"),
        sqlite_with_rowid=False,
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
        Column("ended", BigInteger, nullable=False, server_default=text("0")),
        CheckConstraint("(ended = 0) = (valid_to IS NULL)", name="ended"),
    ]


def _of(target: str, name: str | None = None, *, nullable: bool = False) -> Column[Any]:
    """Build a column that refers to an entity."""
    name = name or f"{target.removesuffix('s')}_id"
    return Column(name, Id, ForeignKey(f"{target}.id"), nullable=nullable)


def _count(name: str) -> Column[Any]:
    return Column(name, BigInteger)


def _game_columns() -> list[Column[Any]]:
    return [
        Column("title", Text),
        _of("consoles", nullable=True),
        Column("parent_game_id", BigInteger),  # no foreign key: the parent may not be watched
        Column("forum_topic_id", BigInteger),
        Column("publisher", Text),
        Column("developer", Text),
        Column("genre", Text),
        Column("released_on", Date),
        Column("released_granularity", Text),
        Column("image_icon", Text),
        Column("image_title", Text),
        Column("image_ingame", Text),
        Column("image_box_art", Text),
        Column("rich_presence_md5", Text),
    ]


def _achievement_columns() -> list[Column[Any]]:
    return [
        _of("games", nullable=True),
        Column("title", Text),
        Column("description", Text),
        Column("points", BigInteger),
        Column("type", Text),
        _of("users", "author_id", nullable=True),
        Column("badge_name", Text),
        Column("display_order", BigInteger),
        Column("mem_md5", Text),
        Column("is_promoted", Boolean),
        Column("created_at", Instant),
        Column("modified_at", Instant),
    ]


consoles = Table(
    "consoles",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("name", Text),
)
users = _entity("users", Column("ulid", String(26)), Column("name", Text), UniqueConstraint("ulid"))
games = _entity("games", *_game_columns(), _gone())
achievements = _entity("achievements", *_achievement_columns(), _gone())
tickets = _entity(
    "tickets",
    _of("games"),
    _of("achievements"),
    Column("report_type", Text),
    Column("is_hardcore", Boolean),
    Column("notes", Text),
    _of("users", "reporter_id", nullable=True),
    _of("users", "assignee_id", nullable=True),
    Column("reported_at", Instant),
    _gone(),
)
# Who is known only by name is looked for whenever a new ULID turns up.
Index(
    "ix_users_nameless",
    users.c.name,
    sqlite_where=text("ulid IS NULL"),
    postgresql_where=text("ulid IS NULL"),
)
Index(None, achievements.c.game_id)
Index(None, tickets.c.game_id)

game_versions = versioned("game_versions", [_of("games")], _game_columns(), entity=games)
achievement_versions = versioned(
    "achievement_versions", [_of("achievements")], _achievement_columns(), entity=achievements
)
Index(  # which achievements a complete map should have mentioned
    "ix_achievement_versions_game_current",
    achievement_versions.c.game_id,
    sqlite_where=text("valid_to IS NULL"),
    postgresql_where=text("valid_to IS NULL"),
)
user_names = versioned("user_names", [_of("users")], [Column("name", Text)], entity=users)
Index(None, user_names.c.name)
game_counters = versioned(
    "game_counters", [_of("games")], [_count("players"), _count("achievements")]
)
achievement_counters = versioned(
    "achievement_counters", [_of("achievements")], [_count("unlocks"), _count("unlocks_hardcore")]
)
achievement_ratios = versioned("achievement_ratios", [_of("achievements")], [_count("true_ratio")])
game_ticket_counts = versioned(
    "game_ticket_counts",
    [_of("games"), Column("is_promoted", Boolean, nullable=False)],
    [_count(name) for name in ("reported", "open", "request", "resolved", "closed", "quarantined")],
)
developer_ticket_counts = versioned(
    "developer_ticket_counts",
    [_of("users")],
    [_count(name) for name in ("open", "closed", "resolved", "total")],
)
ticket_states = versioned(
    "ticket_states",
    [_of("tickets")],
    [
        Column("state", Text, nullable=False),
        Column("resolved_at", Instant),
        _of("users", "resolver_id", nullable=True),
    ],
)
distribution = versioned(
    "distribution",
    [
        _of("games"),
        Column("is_promoted", Boolean, nullable=False),
        Column("is_hardcore", Boolean, nullable=False),
        Column("unlocked", BigInteger, nullable=False),
    ],
    [Column("players", BigInteger, nullable=False)],
)
unlocks = versioned(
    "unlocks",
    [_of("achievements"), _of("users")],
    [Column("unlocked_at", Instant), Column("hardcore_at", Instant)],
    is_large=True,
)
progress = versioned(
    "progress",
    [_of("users"), _of("games")],
    [
        _count("awarded"),
        _count("awarded_hardcore"),
        Column("completion", Float),
        Column("completion_hardcore", Float),
        Column("playtime_seconds", BigInteger),
        Column("award_kind", Text),
        Column("award_at", Instant),
    ],
)

unlock_absences = Table(  # unlocks that one complete listing lacked: a second one closes them
    "unlock_absences",
    metadata,
    _of("achievements"),
    _of("users"),
    Column("missed_at", Instant, nullable=False),
    PrimaryKeyConstraint("achievement_id", "user_id"),
    sqlite_with_rowid=False,
)

polls = Table(
    "polls",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("job", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("game_id", BigInteger),  # no foreign key: RA may never have answered for it
    Column("achievement_id", BigInteger),
    Column("asked_as", Text),  # the name or ULID as the watchlist has it
    _of("users", nullable=True),
    Column("watched_from", Instant, nullable=False),
    Column("watched_to", Instant),
    Column("priority", SmallInteger, nullable=False),
    Column("schedule", Text, nullable=False),
    Column("interval_seconds", BigInteger, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("last_attempt_at", Instant),
    Column("last_ok_at", Instant),
    Column("listed_at", Instant),  # the last complete look, for what is asked only when it moved
    Column("listed_from_at", Instant),  # a first listing has come back to this instant so far
    Column("token", Text),  # what the cheaper answer said at that look
    Column("churn", BigInteger, nullable=False, server_default=text("0")),  # rows moved since then
    Column("failures", Integer, nullable=False, server_default=text("0")),
    Column("denied", Text),  # what RA denied at the last attempt: game, user or achievement
    Column("last_error", Text),
    Column("gone_at", Instant),
    Column("cursor", Text),  # where a look that is not over stands
    Column("memory", Text),  # what a look that is over leaves to the next one
    Column("digests", Text),  # of the last answers: an equal one need not be read
    Column("fetch_id", BigInteger),  # evidence id reserved by the attempt in hand
    Column("requests", BigInteger, nullable=False, server_default=text("0")),  # of that attempt
    Column("rows_opened", BigInteger, nullable=False, server_default=text("0")),
    Column("rows_closed", BigInteger, nullable=False, server_default=text("0")),
    Column("last_fetch_id", BigInteger),  # the newest evidence
    UniqueConstraint("job", "target"),
)
Index(
    "ix_polls_due",
    polls.c.priority,
    polls.c.due_at,
    sqlite_where=text("watched_to IS NULL"),
    postgresql_where=text("watched_to IS NULL"),
)
Index(None, polls.c.achievement_id)

OUTCOMES = ("changed", "unchanged", "not_found", "unavailable", "invalid", "refused")

fetches = Table(
    "fetches",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("poll_id", Id, ForeignKey("polls.id"), nullable=False),
    Column("job", Text, nullable=False),
    Column("first_at", Instant, nullable=False),
    Column("last_at", Instant, nullable=False),
    Column("times", BigInteger, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("requests", BigInteger, nullable=False),
    Column("rows_opened", BigInteger, nullable=False),
    Column("rows_closed", BigInteger, nullable=False),
    Column("error", Text),
    Column("payload", Text),  # the newest invalid answer of a poll, for the bug report
    Column("interval_seconds", BigInteger),  # promised before the first look of the row
    CheckConstraint(f"outcome IN {OUTCOMES}", name="outcome"),
)
Index(None, fetches.c.poll_id, fetches.c.last_at)

runs = Table(
    "runs",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("command", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("pid", BigInteger, nullable=False),
    Column("host", Text, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("beat_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("requests", BigInteger, nullable=False, server_default=text("0")),
    Column("requests_on", Date),  # the UTC day that requests_that_day counts
    Column("requests_that_day", BigInteger, nullable=False, server_default=text("0")),
    Column("pace_factor", Float, nullable=False, server_default=text("1")),
    Column("quiet_since_at", Instant),  # the last 429, or doubling of the pace since
    Column("not_before_at", Instant),  # RA asked us to wait until then
)


@cache
def referring(table: Table) -> tuple[tuple[str, Table], ...]:
    """List the columns of a table that refer to an entity, and which one."""
    return tuple(
        (column.name, key.column.table) for column in table.c for key in column.foreign_keys
    )


@cache
def naming_users(table: Table) -> tuple[str, ...]:
    """List the columns of a table that name users."""
    return tuple(name for name, entity in referring(table) if entity is users)
