"""The tables. What is remembered is here, the harvest itself in `operation.py`.

Every history table is built by `versioned`, every instant is an `Instant` (`intervals.py`).
Whoever needs a table asks this module, which knows them all.
"""

from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    Float,
    ForeignKey,
    Index,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.schema import SchemaItem

from harvester.store.intervals import HISTORIES, History, Id, Instant, Key, metadata, versioned
from harvester.store.operation import OUTCOMES, fetches, polls, runs

__all__ = [  # made elsewhere, and part of the schema all the same
    "HISTORIES",
    "OUTCOMES",
    "History",
    "Instant",
    "Key",
    "fetches",
    "metadata",
    "polls",
    "runs",
]


def _entity(name: str, *columns: SchemaItem) -> Table:
    """Build an entity table: RA's id, current values, when it was first seen and gone."""
    own = Column("id", Id, primary_key=True, autoincrement=False)
    seen = Column("first_seen_at", Instant, nullable=False)
    return Table(name, metadata, own, *columns, seen)


def _gone() -> Column[Any]:
    return Column("gone_at", Instant)


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
