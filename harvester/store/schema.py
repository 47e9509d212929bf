"""The tables. What is remembered is here, the harvest itself in `operation.py`.

Every history table is built by `versioned`, every instant is an `Instant` (`intervals.py`).
Whoever needs a table asks this module, which knows them all. What a column means stands in its
`doc`, what a table is for in its `info`: `docs/schema.md` is made of them.
"""

from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
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
from harvester.store.operation import (
    OUTCOMES,
    SUCCESSES,
    fetches,
    interruptions,
    polls,
    runs,
    watched_before,
)

__all__ = [  # made elsewhere, and part of the schema all the same
    "HISTORIES",
    "OUTCOMES",
    "SUCCESSES",
    "History",
    "Instant",
    "Key",
    "fetches",
    "interruptions",
    "metadata",
    "polls",
    "runs",
    "watched_before",
]


def _entity(name: str, about: str, *columns: SchemaItem, doc: str = "RA's id") -> Table:
    """Build an entity table: RA's id, current values, when it was first seen and gone."""
    own = Column("id", Id, primary_key=True, autoincrement=False, doc=doc)
    seen = Column("first_seen_at", Instant, nullable=False, doc="when an answer first named it")
    return Table(name, metadata, own, *columns, seen, info={"about": about})


def _gone() -> Column[Any]:
    return Column("gone_at", Instant, doc="when RA no longer knew it; null: it does")


def _of(
    target: str, name: str | None = None, *, nullable: bool = False, doc: str | None = None
) -> Column[Any]:
    """Build a column that refers to an entity."""
    one = target.removesuffix("s")
    return Column(
        name or f"{one}_id",
        Id,
        ForeignKey(f"{target}.id"),
        nullable=nullable,
        doc=doc or f"the {one}",
    )


def _count(name: str, doc: str) -> Column[Any]:
    return Column(name, BigInteger, doc=doc)


def _is_promoted() -> Column[Any]:
    doc = "true: official achievements, false: unofficial ones"
    return Column("is_promoted", Boolean, nullable=False, doc=doc)


def _game_columns() -> list[Column[Any]]:
    return [
        Column("title", Text, doc="the title on RA"),
        _of("consoles", nullable=True),
        # No foreign key: the parent may not be watched.
        Column("parent_game_id", BigInteger, doc="the game that this one is a subset of"),
        Column("forum_topic_id", BigInteger, doc="the official topic in RA's forum"),
        Column("publisher", Text, doc="who published it"),
        Column("developer", Text, doc="who made the game (not the achievements)"),
        Column("genre", Text, doc="the genre, in RA's words"),
        Column("released_on", Date, doc="when it came out; filler below its granularity"),
        Column("released_granularity", Text, doc="how exact that is: day, month or year"),
        Column("image_icon", Text, doc="path of the icon on RA"),
        Column("image_title", Text, doc="path of the title screen on RA"),
        Column("image_ingame", Text, doc="path of a picture of the game on RA"),
        Column("image_box_art", Text, doc="path of the box art on RA"),
        Column("rich_presence_md5", Text, doc="hash of the rich presence script"),
    ]


def _achievement_columns() -> list[Column[Any]]:
    return [
        _of("games", nullable=True),
        Column("title", Text, doc="the title"),
        Column("description", Text, doc="what has to be done for it"),
        Column("points", BigInteger, doc="points that it is worth"),
        Column("type", Text, doc="progression, win_condition or missable; null: none of them"),
        _of("users", "author_id", nullable=True, doc="who made the achievement"),
        Column("badge_name", Text, doc="name of the badge's picture on RA"),
        Column("display_order", BigInteger, doc="its place in the list; not unique"),
        Column("mem_md5", Text, doc="hash of the logic that triggers it"),
        Column("is_promoted", Boolean, doc="true: official; false: unofficial, or taken out"),
        Column("created_at", Instant, doc="when it was made, as RA tells it"),
        Column("modified_at", Instant, doc="when it was last changed, as RA tells it"),
    ]


consoles = Table(
    "consoles",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False, doc="RA's id"),
    Column("name", Text, doc="the name on RA"),
    info={"about": "consoles of the games"},
)
users = _entity(
    "users",
    "players and developers, by a number of our own",
    Column("ulid", String(26), doc="RA's stable id; null until RA tells it"),
    Column("name", Text, doc="the name he bears now; names change hands"),
    UniqueConstraint("ulid"),
    doc="our own number; RA's id is `ulid`",
)
games = _entity("games", "games as they are now", *_game_columns(), _gone())
achievements = _entity(
    "achievements", "achievements as they are now", *_achievement_columns(), _gone()
)
tickets = _entity(
    "tickets",
    "tickets on achievements; their states are in `ticket_states`",
    _of("games"),
    _of("achievements"),
    Column("report_type", Text, doc="what is reported to be wrong, in RA's words"),
    Column("is_hardcore", Boolean, doc="whether the reporter played hardcore; null: unknown"),
    Column("notes", Text, doc="what the reporter wrote"),
    _of("users", "reporter_id", nullable=True, doc="who reported it"),
    _of("users", "assignee_id", nullable=True, doc="who maintained the achievement then"),
    Column("reported_at", Instant, doc="when it was reported, as RA tells it"),
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
Index(None, tickets.c.assignee_id)

game_versions = versioned(
    "game_versions",
    [_of("games")],
    _game_columns(),
    entity=games,
    about="what was revised in games; `games` has what holds now",
)
achievement_versions = versioned(
    "achievement_versions",
    [_of("achievements")],
    _achievement_columns(),
    entity=achievements,
    about="what was revised in achievements; `achievements` has what holds now",
)
Index(  # which achievements a complete map should have mentioned
    "ix_achievement_versions_game_current",
    achievement_versions.c.game_id,
    sqlite_where=text("valid_to IS NULL"),
    postgresql_where=text("valid_to IS NULL"),
)
user_names = versioned(
    "user_names",
    [_of("users")],
    [Column("name", Text, doc="the name he bore")],
    entity=users,
    about="the names that users bore",
)
Index(None, user_names.c.name)
game_counters = versioned(
    "game_counters",
    [_of("games")],
    [
        _count("players", "ranked players with one unlock of the game or more"),
        _count("achievements", "official achievements of the game, as RA counts them"),
    ],
    about="counters of a game",
)
achievement_counters = versioned(
    "achievement_counters",
    [_of("achievements")],
    [
        _count("unlocks", "ranked players who unlocked it in any mode"),
        _count("unlocks_hardcore", "ranked players who unlocked it in hardcore"),
    ],
    about="counters of an achievement",
)
achievement_ratios = versioned(
    "achievement_ratios",
    [_of("achievements")],
    [_count("true_ratio", "RA's weighted points (RetroPoints)")],
    about="RetroPoints of an achievement, which move whenever player numbers do",
)
game_ticket_counts = versioned(
    "game_ticket_counts",
    [_of("games"), _is_promoted()],
    [
        _count("reported", "tickets in every state, as RA counts them"),
        _count("open", "listed tickets that are open; null where tickets are not listed"),
        _count("request", "listed tickets that wait for the reporter"),
        _count("resolved", "listed tickets that are resolved"),
        _count("closed", "listed tickets that are closed"),
        _count("quarantined", "listed tickets that wait for a review"),
    ],
    about="tickets of a game, counted by state",
)
developer_ticket_counts = versioned(
    "developer_ticket_counts",
    [_of("users")],
    [
        _count("open", "open tickets; those that wait for the reporter do not count"),
        _count("closed", "closed tickets"),
        _count("resolved", "resolved tickets"),
        _count("total", "open, closed and resolved ones together, as RA counts them"),
    ],
    about="tickets on a developer's official achievements, as RA counts them",
)
ticket_states = versioned(
    "ticket_states",
    [_of("tickets")],
    [
        Column(
            "state",
            Text,
            nullable=False,
            doc="open, request, resolved, closed or quarantined",
        ),
        Column("resolved_at", Instant, doc="when it was resolved or closed, as RA tells it"),
        _of("users", "resolver_id", nullable=True, doc="who resolved or closed it"),
    ],
    about="the states that tickets went through",
)
distribution = versioned(
    "distribution",
    [
        _of("games"),
        _is_promoted(),
        Column(
            "is_hardcore",
            Boolean,
            nullable=False,
            doc="true: hardcore unlocks, false: those that are casual only",
        ),
        Column("unlocked", BigInteger, nullable=False, doc="how many achievements"),
    ],
    [Column("players", BigInteger, nullable=False, doc="ranked players who hold exactly so many")],
    about="how many players hold 1, 2, 3 … achievements of a game",
)
unlocks = versioned(
    "unlocks",
    [_of("achievements"), _of("users")],
    [
        Column("unlocked_at", Instant, doc="first unlock in any mode; null: RA has not told it"),
        Column("hardcore_at", Instant, doc="unlock in hardcore; null: casual only"),
    ],
    is_large=True,
    about="who unlocked what",
)
progress = versioned(
    "progress",
    [_of("users"), _of("games")],
    [
        _count("awarded", "achievements unlocked in any mode"),
        _count("awarded_hardcore", "achievements unlocked in hardcore"),
        Column("completion", Float, doc="share of the set unlocked in any mode, 0 to 1"),
        Column("completion_hardcore", Float, doc="share unlocked in hardcore, 0 to 1"),
        Column("playtime_seconds", BigInteger, doc="seconds played, subsets included"),
        Column(
            "award_kind",
            Text,
            doc="mastered, completed, beaten-hardcore, beaten-softcore; null: none",
        ),
        Column("award_at", Instant, doc="when the award was earned, as RA tells it"),
    ],
    about="how far a player is in a game",
)


def _index_of_the_past(table: Table, *columns: str) -> None:
    """Find what ended in a period without reading the rest; it only ever grows at its end."""
    past = text("valid_to IS NOT NULL")
    own = (table.c[name] for name in ("valid_to", *columns))
    Index(f"ix_{table.name}_ended", *own, sqlite_where=past, postgresql_where=past)


# With all that a ranking (`top`) needs of a row, so that it need not look the row up.
_index_of_the_past(game_counters, "game_id", "valid_from", "players")
_index_of_the_past(achievement_counters, "achievement_id", "valid_from", "unlocks")
_index_of_the_past(game_ticket_counts, "game_id", "is_promoted", "valid_from", "reported")
_index_of_the_past(distribution, "game_id", "is_promoted", "is_hardcore")
_index_of_the_past(progress, "user_id", "game_id", "valid_from", "awarded")
_index_of_the_past(achievement_versions, "achievement_id", "game_id")

unlock_absences = Table(  # unlocks that one complete listing lacked: a second one closes them
    "unlock_absences",
    metadata,
    _of("achievements"),
    _of("users"),
    Column("missed_at", Instant, nullable=False, doc="when a complete listing first lacked it"),
    PrimaryKeyConstraint("achievement_id", "user_id"),
    sqlite_with_rowid=False,
    info={"about": "unlocks that one complete listing lacked; a second one closes them"},
)

FIRST_OWN_NOTE = 1000  # ids below it are the program's

discontinuities = Table(
    "discontinuities",
    metadata,
    Column(
        "id",
        Id,
        primary_key=True,
        autoincrement=False,
        doc=f"below {FIRST_OWN_NOTE}: shipped with the program",
    ),
    Column("at", Instant, nullable=False, doc="the day, or the instant, from which it holds"),
    Column(
        "scope",
        Text,
        nullable=False,
        doc="what it is about: all, game:ID, achievement:ID, user:ID, job:NAME or trend:NAME",
    ),
    Column("title", Text, nullable=False, doc="what happened, in a few words"),
    Column("note", Text, doc="what that means for the numbers"),
    Column("source", Text, nullable=False, doc="ra: RA changed its numbers; user: noted by you"),
    CheckConstraint(f"(source = 'user') = (id >= {FIRST_OWN_NOTE})", name="source"),
    info={"about": "dated remarks: when a number began to mean something else"},
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
