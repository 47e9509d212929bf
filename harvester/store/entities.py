"""Entity rows: stubs for what is only known by its id, current values for the rest."""

from collections.abc import Collection
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, Select, Table, Update, select

from harvester.store import many, schema
from harvester.store.rows import Batch, Changes, Row


def ensure(conn: Connection, table: Table, ids: Collection[int], at: datetime) -> None:
    """Give every id an entity row; what is only known by its id gets a stub."""
    missing = sorted(set(ids) - known(conn, table, ids))
    many.insert(conn, table, [{"id": own} for own in missing], {"first_seen_at": at})


def known(conn: Connection, table: Table, ids: Collection[int]) -> set[int]:
    """Tell which of these ids have a row."""
    return set(conn.scalars(_known(table), {"keys": ids})) if ids else set()


@cache
def _known(table: Table) -> Select[tuple[int]]:
    return select(table.c.id).where(many.among_told(table.c.id, "keys"))


def ensure_referred(conn: Connection, batch: Batch, at: datetime) -> None:
    """Give every entity that a batch refers to a row; users have theirs already."""
    for name, entity in schema.referring(batch.table):
        if entity is not schema.users:
            ensure(conn, entity, _referred(batch, name), at)
    for entity in _told_about(batch):
        _bring_back(conn, entity, batch)


def _referred(batch: Batch, name: str) -> set[int]:
    """Collect the ids that a batch puts into a referring column."""
    if name in batch.within:
        told = {batch.within[name]} if batch.rows else set()
    else:
        told = {row.get(name) for row in batch.rows}
    return told - {None}


def _told_about(batch: Batch) -> list[Table]:
    """Tell which entity, of those that can be gone, the rows of a batch are about."""
    history = schema.HISTORIES.get(batch.table.name)
    entity = history.entity if history else batch.table
    return [entity] if entity is not None and "gone_at" in entity.c else []


def _bring_back(conn: Connection, entity: Table, batch: Batch) -> None:
    """Whatever an answer tells about is there (again)."""
    name = "id" if batch.table is entity else f"{entity.name.removesuffix('s')}_id"
    ids = {row[name] for row in batch.rows if name in row} | _shared(batch, name)
    if ids:
        conn.execute(_back(entity), {"keys": ids})


@cache
def _back(entity: Table) -> Update:
    gone = many.among_told(entity.c.id, "keys") & entity.c.gone_at.is_not(None)
    return entity.update().where(gone).values(gone_at=None)


def _shared(batch: Batch, name: str) -> set[int]:
    return {batch.within[name]} if batch.rows and name in batch.within else set()


def upsert(conn: Connection, batch: Batch, at: datetime) -> Changes:
    """Write rows of an entity that keeps no versions (consoles, tickets)."""
    held = _held(conn, batch.table, [row["id"] for row in batch.rows])
    told = [{**batch.within, **row} for row in batch.rows]
    fresh = [row for row in told if row["id"] not in held]
    moved = [row for row in told if row["id"] in held and _differs(row, held[row["id"]])]
    many.insert(conn, batch.table, fresh, {"first_seen_at": at})
    for row in moved:
        conn.execute(batch.table.update().where(batch.table.c.id == row["id"]).values(row))
    return Changes(len(fresh) + len(moved))


def _held(conn: Connection, table: Table, ids: Collection[int]) -> dict[Any, Row]:
    found = conn.execute(_whole(table), {"keys": ids}).mappings()
    return {row["id"]: dict(row) for row in found}


@cache
def _whole(table: Table) -> Select[Any]:
    return select(table).where(many.among_told(table.c.id, "keys"))


def _differs(row: Row, held: Row) -> bool:
    return any(held[name] != value for name, value in row.items())


def show(conn: Connection, history: schema.History, rows: Collection[Row]) -> None:
    """Let entity rows show the values that hold now."""
    if history.entity is not None and rows:
        (key,) = history.key
        conn.execute(_showing(history), {"keys": [row[key] for row in rows]})


@cache
def _showing(history: schema.History) -> Update:
    own, versions, (key,) = history.entity, history.table.c, history.key
    assert own is not None  # noqa: S101
    holds = (versions[key] == own.c.id) & versions.valid_to.is_(None)
    values = {name: versions[name] for name in history.values}
    return own.update().values(values).where(holds, many.among_told(own.c.id, "keys"))
