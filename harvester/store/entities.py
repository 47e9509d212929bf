"""Entity rows: stubs for what is only known by its id, current values for the rest."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, Table, bindparam, select

from harvester.store import schema
from harvester.store.rows import Batch, Changes, Row

CHUNK = 400  # bound parameters per statement: below every database's limit


def ensure(conn: Connection, table: Table, ids: Collection[int], at: datetime) -> None:
    """Give every id an entity row; what is only known by its id gets a stub."""
    missing = sorted(set(ids) - known(conn, table, ids))
    stamp = {"first_seen_at": at} if "first_seen_at" in table.c else {}
    if missing:
        conn.execute(table.insert(), [{"id": own, **stamp} for own in missing])


def known(conn: Connection, table: Table, ids: Collection[int]) -> set[int]:
    """Tell which of these ids have a row."""
    found: set[int] = set()
    for chunk in chunks(sorted(set(ids))):
        found.update(conn.scalars(select(table.c.id).where(table.c.id.in_(chunk))))
    return found


def chunks(items: Sequence[int]) -> Iterable[Sequence[int]]:
    """Cut a list into pieces that fit one statement."""
    return (items[start : start + CHUNK] for start in range(0, len(items), CHUNK))


def ensure_referred(conn: Connection, batch: Batch, at: datetime) -> None:
    """Give every entity that a batch refers to a row; users have theirs already."""
    for column in batch.table.c:
        for key in column.foreign_keys:
            if key.column.table is not schema.users:
                ensure(conn, key.column.table, _referred(batch, column), at)
    for entity in _told_about(batch):
        _bring_back(conn, entity, batch)


def _referred(batch: Batch, column: Column[object]) -> set[int]:
    """Collect the ids that a batch puts into a referring column."""
    shared = batch.within.get(column.name)
    told = {row.get(column.name) for row in batch.rows} | {shared if batch.rows else None}
    return {own for own in told if isinstance(own, int)}


def _told_about(batch: Batch) -> list[Table]:
    """Tell which entity, of those that can be gone, the rows of a batch are about."""
    history = schema.HISTORIES.get(batch.table.name)
    entity = history.entity if history else batch.table
    return [entity] if entity is not None and "gone_at" in entity.c else []


def _bring_back(conn: Connection, entity: Table, batch: Batch) -> None:
    """Whatever an answer tells about is there (again)."""
    name = "id" if batch.table is entity else f"{entity.name.removesuffix('s')}_id"
    ids = sorted({row[name] for row in batch.rows if name in row} | _shared(batch, name))
    for chunk in chunks(ids):
        gone = entity.c.id.in_(chunk) & entity.c.gone_at.is_not(None)
        conn.execute(entity.update().where(gone).values(gone_at=None))


def _shared(batch: Batch, name: str) -> set[int]:
    return {batch.within[name]} if batch.rows and name in batch.within else set()


def upsert(conn: Connection, batch: Batch, at: datetime) -> Changes:
    """Write rows of an entity that keeps no versions (consoles, tickets)."""
    held = _held(conn, batch.table, [row["id"] for row in batch.rows])
    told = [{**batch.within, **row} for row in batch.rows]
    fresh = [row for row in told if row["id"] not in held]
    moved = [row for row in told if row["id"] in held and _differs(row, held[row["id"]])]
    _insert(conn, batch.table, fresh, at)
    for row in moved:
        conn.execute(batch.table.update().where(batch.table.c.id == row["id"]).values(row))
    return Changes(len(fresh) + len(moved))


def _held(conn: Connection, table: Table, ids: list[Any]) -> dict[Any, Row]:
    rows = (
        row
        for chunk in chunks(ids)
        for row in conn.execute(select(table).where(table.c.id.in_(chunk))).mappings()
    )
    return {row["id"]: dict(row) for row in rows}


def _differs(row: Row, held: Row) -> bool:
    return any(held[name] != value for name, value in row.items())


def _insert(conn: Connection, table: Table, rows: Iterable[Row], at: datetime) -> None:
    stamp = {"first_seen_at": at} if "first_seen_at" in table.c else {}
    for row in rows:
        conn.execute(table.insert().values({**row, **stamp}))


def show(conn: Connection, history: schema.History, rows: list[dict[str, Any]]) -> None:
    """Let entity rows show the values that hold now."""
    if history.entity is None or not rows:
        return
    own, (key,) = history.entity.c.id, history.key
    change = history.entity.update().where(own == bindparam("b_key"))
    values = [{"b_key": row[key], **{name: row[name] for name in history.values}} for row in rows]
    conn.execute(change.values({name: bindparam(name) for name in history.values}), values)
