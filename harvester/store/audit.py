"""Whether a database is what it claims to be, and what is in it.

Each check yields what it found wrong, in words; nothing means that all is well.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from sqlalchemy import Column, Connection, Table, and_, exc, func, or_, select, text

from harvester.store import db, migrate, schema
from harvester.store.schema import HISTORIES, History

Check = Callable[[Connection], Iterator[str]]


def file_damage(conn: Connection) -> Iterator[str]:
    """Let SQLite look through its whole file; PostgreSQL looks after itself."""
    if conn.dialect.name != "sqlite":
        return
    try:
        found = conn.exec_driver_sql("PRAGMA integrity_check").scalars().all()
    except exc.DatabaseError as error:  # damaged where it cannot even look
        found = [str(error.orig)]
    yield from (line for line in found if line != "ok")


def broken_references(conn: Connection) -> Iterator[str]:
    """Find rows that refer to what is not there; PostgreSQL cannot have any."""
    if conn.dialect.name == "sqlite":
        for table, row, parent, _ in conn.exec_driver_sql("PRAGMA foreign_key_check"):
            where = "" if row is None else f" (row {row})"
            yield f"{table}{where} refers to a row that is not in {parent}"


def overlaps(conn: Connection) -> Iterator[str]:
    """Find stretches of one key that overlap, or that end before they begin."""
    for history in HISTORIES.values():
        for row in conn.execute(_stretches(history)):
            key = _key(history.key, row)
            yield f"{history.table.name} {key}: what holds from {row.valid_from:%F %T} overlaps"


def stale_entities(conn: Connection) -> Iterator[str]:
    """Find entities that show something else than the row of their history that holds now."""
    for history in HISTORIES.values():
        if history.entity is not None:
            for row in conn.execute(_differing(history, history.entity)):
                yield f"{history.entity.name} {row.id} differs from {history.table.name}"


def lost_evidence(conn: Connection) -> Iterator[str]:
    """Find polls whose last look is not on record: coverage believes them."""
    polls, fetches = schema.polls, schema.fetches
    looks = select(fetches.c.id).where(
        fetches.c.poll_id == polls.c.id,
        fetches.c.outcome.in_(schema.SUCCESSES),
        fetches.c.last_at >= polls.c.last_ok_at,
    )
    lost = select(polls).where(polls.c.last_ok_at.is_not(None), ~looks.exists())
    for poll in conn.execute(lost.order_by(polls.c.id)):
        look = f"the look of {poll.job} at {poll.target}, {poll.last_ok_at:%F %T},"
        yield f"fetches lacks {look} or later ones"


CHECKS: Final[Mapping[str, Check]] = {
    "file": file_damage,
    "references": broken_references,
    "intervals": overlaps,
    "entities": stale_entities,
    "evidence": lost_evidence,
}
"""The checks by name, in the order in which they make sense."""


def findings(conn: Connection) -> Iterator[tuple[str, list[str]]]:
    """Make the checks: yield each one's name and what it found.

    Of a damaged file nothing else can be told.
    """
    for name, look in CHECKS.items():
        found = list(look(conn))
        yield name, found
        if found and look is file_damage:
            return


def info(conn: Connection) -> dict[str, object]:
    """Tell revision, size in bytes, first and last look, and the rows of every table.

    Cost: reads every table, as databases count by looking.
    """
    looked = select(func.min(schema.fetches.c.first_at), func.max(schema.fetches.c.last_at))
    first, last = conn.execute(looked).one()
    return {
        "revision": migrate.current(conn),
        "bytes": _size(conn),
        "first look": first,
        "last look": last,
        **{f"rows in {table.name}": count(conn, table) for table in _tables()},
    }


def is_replica(conn: Connection) -> bool:
    """Tell a PostgreSQL that follows another one: nobody can write to it."""
    if conn.dialect.name != "postgresql":
        return False
    return bool(conn.scalar(text("SELECT pg_is_in_recovery()")))


def _tables() -> list[Table]:
    return sorted(schema.metadata.tables.values(), key=lambda table: table.name)


def count(conn: Connection, table: Table) -> int:
    """Count the rows of a table."""
    return conn.scalar(select(func.count()).select_from(table)) or 0


def _size(conn: Connection) -> int:
    path = db.path_of(str(conn.engine.url))
    if path is None:
        return int(conn.scalar(text("SELECT pg_database_size(current_database())")) or 0)
    row = conn.exec_driver_sql("SELECT * FROM pragma_page_count, pragma_page_size").one()
    return int(row[0] * row[1])


def _key(names: tuple[str, ...], row: Any) -> str:  # noqa: ANN401 - a row of any table
    return ", ".join(f"{name} {getattr(row, name)}" for name in names)


def _stretches(history: History) -> Any:  # noqa: ANN401 - a select of any columns
    columns = history.table.c
    keys = [columns[name] for name in history.key]
    following = func.lead(columns.valid_from).over(partition_by=keys, order_by=columns.valid_from)
    rows = select(*keys, columns.valid_from, columns.valid_to, following.label("next_from"))
    held = rows.subquery()
    overlapping = and_(
        held.c.next_from.is_not(None),
        or_(held.c.valid_to.is_(None), held.c.valid_to > held.c.next_from),
    )
    return select(held).where(or_(overlapping, held.c.valid_to <= held.c.valid_from))


def _differing(history: History, entity: Table) -> Any:  # noqa: ANN401 - a select of any columns
    (key,) = history.key
    table = history.table
    current = and_(table.c[key] == entity.c.id, table.c.valid_to.is_(None))
    differs = [_is_distinct(entity.c[name], table.c[name]) for name in history.values]
    return select(entity.c.id).outerjoin_from(entity, table, current).where(or_(*differs))


def _is_distinct(one: Column[Any], other: Column[Any]) -> Any:  # noqa: ANN401 - a condition
    """Compare so that null equals null: a stub has no history, and shows nothing."""
    return one.is_distinct_from(other)
