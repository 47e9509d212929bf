"""Dated remarks on the data: those that the program ships, and those of the user.

`discontinuities` -> notes, for charts to draw and trends to list. Ids below `FIRST_OWN_NOTE`
are the program's: `ship` makes them what `shipped.py` says, and nobody removes them. All
others are the user's: no version of the program touches them.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, Connection, func, or_, select, text

from harvester.errors import ConfigError
from harvester.store import schema, subjects
from harvester.store.shipped import SHIPPED
from harvester.text import one_line

ALL: Final = "all"  # the scope of what concerns everything
LONGEST_TITLE: Final = 200
LONGEST_NOTE: Final = 2_000

table = schema.discontinuities
_IS_SHIPPED = table.c.id < schema.FIRST_OWN_NOTE


@dataclass(frozen=True)
class Note:
    """A remark: since `at` something is different, in `scope` (all, game:1, job:unlocks …).

    `source` is "ra" where RA changed what its numbers mean, and "user" for your own.
    """

    id: int
    at: datetime
    scope: str
    title: str
    note: str | None
    source: str


COLUMNS: Final = tuple(field.name for field in fields(Note))


def scopes(
    *,
    games: Iterable[int] = (),
    achievements: Iterable[int] = (),
    users: Iterable[int] = (),
    jobs: Iterable[str] = (),
    trends: Iterable[str] = (),
) -> list[str]:
    """Name the scopes of these things; users by the store's own ids."""
    kinds = {
        "game": games,
        "achievement": achievements,
        "user": users,
        "job": jobs,
        "trend": trends,
    }
    return [f"{kind}:{one}" for kind, those in kinds.items() for one in those]


def about(
    conn: Connection,
    *,
    games: Collection[int] = (),
    achievements: Collection[int] = (),
    users: Collection[str] = (),
    developers: Collection[str] = (),
    jobs: Collection[str] = (),
) -> list[str]:
    """Name the scopes of what somebody asks about; `ConfigError` where it is not known."""
    people = (
        *subjects.people(conn, users, called="user"),
        *subjects.people(conn, developers, called="developer"),
    )
    return scopes(
        games=subjects.games(conn, games),
        achievements=subjects.achievements(conn, achievements, of_games=()),
        users=dict.fromkeys(people),
        jobs=jobs,
    )


def within(
    conn: Connection, since: datetime, until: datetime, scopes: Collection[str]
) -> list[Note]:
    """List the notes from `since` to `until` on these scopes, and those on everything."""
    return listed(conn, since=since, until=until, scopes=scopes)


def listed(
    conn: Connection,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    scopes: Collection[str] | None = None,
) -> list[Note]:
    """List notes in the order of time; without `scopes` all of them, else as `within`."""
    query = select(table).where(*_conditions(since, until, scopes)).order_by(table.c.at, table.c.id)
    return [Note(**row) for row in conn.execute(query).mappings()]


def _conditions(
    since: datetime | None, until: datetime | None, scopes: Collection[str] | None
) -> Iterable[ColumnElement[bool]]:
    if since is not None:
        yield table.c.at >= since
    if until is not None:
        yield table.c.at <= until
    if scopes is not None:
        yield or_(table.c.scope == ALL, table.c.scope.in_(scopes))


def add(
    conn: Connection, *, at: datetime, title: str, scope: str = ALL, note: str | None = None
) -> Note:
    """Write down a note of the user's.

    Raises `ConfigError` where title or note is too long, or the title says nothing.
    """
    words = _bounded("the title", title, LONGEST_TITLE)
    if not words:
        raise ConfigError("the title is empty; say in a few words what happened")
    told = _bounded("the note", note or "", LONGEST_NOTE) or None
    added = Note(_next_id(conn), at.replace(microsecond=0), scope, words, told, "user")
    conn.execute(table.insert().values(vars(added)))
    return added


def _bounded(what: str, told: str, longest: int) -> str:
    """Return a text on one line, without what a terminal would obey."""
    line = one_line(told).strip()
    if len(line) > longest:
        raise ConfigError(f"{what} has {len(line):,} characters; at most {longest:,} are kept")
    return line


def _next_id(conn: Connection) -> int:
    """Take the next number; nobody else takes one before this transaction is over."""
    if conn.dialect.name == "postgresql":  # an SQLite transaction has the database for itself
        conn.execute(text("LOCK TABLE discontinuities IN SHARE ROW EXCLUSIVE MODE"))
    last = conn.scalar(select(func.max(table.c.id)))
    return max(last or 0, schema.FIRST_OWN_NOTE - 1) + 1


def remove(conn: Connection, own: int) -> Note:
    """Remove a note of the user's; tell what it said.

    Raises `ConfigError` for one that is not there, or that the program ships.
    """
    row = conn.execute(select(table).where(table.c.id == own)).mappings().first()
    if row is None:
        raise ConfigError(f"there is no note {own}; `harvester note list` shows them")
    if own < schema.FIRST_OWN_NOTE:
        raise ConfigError(f"note {own} came with the program and stays: RA's numbers did change")
    conn.execute(table.delete().where(table.c.id == own))
    return Note(**row)


def ship(conn: Connection) -> None:
    """Make the program's own notes what they are in this version; leave the user's alone.

    Cost: one short query where they are so already, as they mostly are.
    """
    wanted = [Note(**one._asdict(), source="ra") for one in SHIPPED]
    held = select(table).where(_IS_SHIPPED).order_by(table.c.id)
    if [Note(**row) for row in conn.execute(held).mappings()] != wanted:
        conn.execute(table.delete().where(_IS_SHIPPED))
        conn.execute(table.insert(), [vars(one) for one in wanted])
