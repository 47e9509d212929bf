"""The one way to remember: told rows -> held rows -> decision -> intervals.

A decision is pure: it sees what was told and what is held, and says which rows begin,
which are overwritten because they began in this very second, and which end. Cost of a
step: O(rows told) index look-ups, whatever the length of the history.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import takewhile
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Table, Update, bindparam, func, select

from harvester.store import entities, schema
from harvester.store.rows import Batch, Changes, Row

CHUNK = 400  # bound parameters per statement: below every database's limit
Key = tuple[object, ...]
Held = dict[str, Any]


class BehindHistory(Exception):
    """The instant of a step lies before one already written; `newest` is that one.

    Clocks step back. The step is done again at `newest`, so that time never does.
    """

    def __init__(self, newest: datetime) -> None:
        super().__init__(f"history already reaches {newest}")
        self.newest = newest


@dataclass
class Decision:
    """What a batch comes to: rows to begin, to overwrite in their second, and to end."""

    opened: list[Held] = field(default_factory=list)
    amended: list[Held] = field(default_factory=list)
    closed: list[Held] = field(default_factory=list)


def record(conn: Connection, batch: Batch, *, at: datetime, fetch_id: int | None) -> Changes:
    """Remember what a batch told, as of `at`.

    Raises `BehindHistory` where a key of the batch was written later than `at`.
    """
    entities.ensure_referred(conn, batch, at)
    if batch.table.name not in schema.HISTORIES:
        return entities.upsert(conn, batch, at)
    history = schema.HISTORIES[batch.table.name]
    told = _told(history, batch)
    held = _held(conn, history, batch, told)
    _guard(conn, history, [key for key in told if key not in held], held, at)
    decision = decide(history, told, held, at=at, batch=batch)
    _write(conn, history, decision, at, fetch_id)
    known_tail = _known_tail(history, told, decision) if batch.table is schema.unlocks else 0
    return Changes(len(decision.opened) + len(decision.amended), len(decision.closed), known_tail)


def _known_tail(history: schema.History, told: Mapping[Key, Row], decision: Decision) -> int:
    """Count the last told rows that were no news."""
    news = {_key(history, row) for row in (*decision.opened, *decision.amended)}
    tail = takewhile(lambda key: key not in news, reversed(list(told)))
    return sum(1 for _ in tail)


def close(conn: Connection, table: Table, keys: Sequence[Row], *, at: datetime) -> Changes:
    """End the current rows of these full keys at `at`; a row that began then is taken back."""
    history = schema.HISTORIES[table.name]
    held = [row for key in keys for row in conn.execute(_current(history, key)).mappings()]
    rows = [dict(row) for row in held]
    _guard(conn, history, [], {_key(history, row): row for row in rows}, at)
    _end(conn, history, rows, at)
    return Changes(closed=len(rows))


def as_of(table: Table, at: datetime) -> Select[Any]:
    """Select the rows of a history table that held at an instant."""
    open_then = table.c.valid_to.is_(None) | (table.c.valid_to > at)
    return select(table).where(table.c.valid_from <= at, open_then)


def decide(
    history: schema.History,
    told: Mapping[Key, Row],
    held: Mapping[Key, Held],
    *,
    at: datetime,
    batch: Batch,
) -> Decision:
    """Compare what was told with what is held; see `Batch` for what absence means."""
    decision = Decision()
    for key, row in told.items():
        _decide_one(decision, history, key, row, held.get(key), at)
    for key in held.keys() - told.keys() if batch.complete else ():
        if batch.absent is None:
            decision.closed.append(held[key])
        else:
            _decide_one(decision, history, key, batch.absent, held[key], at)
    return decision


def _decide_one(
    decision: Decision, history: schema.History, key: Key, row: Row, held: Held | None, at: datetime
) -> None:
    if held is None:
        blank = dict.fromkeys(history.values)
        decision.opened.append({**dict(zip(history.key, key, strict=True)), **blank, **row})
        return
    values = {name: held[name] for name in history.values}
    merged = {**values, **_merged(history, held, row)}
    if merged == values:
        return
    if held["valid_from"] == at:
        decision.amended.append({**held, **merged})
        return
    decision.closed.append(held)
    decision.opened.append({**dict(zip(history.key, key, strict=True)), **merged})


def _merged(history: schema.History, held: Held, row: Row) -> Row:
    """Let a changed hardcore date make an untold first date unknown.

    An unlock that moved from one hardcore date to another was taken back and earned
    again: the first date that was known belonged to the row that is gone.
    """
    if history.table is not schema.unlocks or "unlocked_at" in row:
        return row
    again = held["hardcore_at"] is not None and row.get("hardcore_at") != held["hardcore_at"]
    return {**row, "unlocked_at": None} if again else row


def _told(history: schema.History, batch: Batch) -> dict[Key, Row]:
    """Index the told rows by key; the last one wins where a key is told twice."""
    told: dict[Key, Row] = {}
    for row in batch.rows:
        full = {**batch.within, **row}
        key = tuple(full[name] for name in history.key)
        told[key] = {name: full[name] for name in history.values if name in full}
    return told


def _key(history: schema.History, row: Row) -> Key:
    return tuple(row[name] for name in history.key)


def _held(
    conn: Connection, history: schema.History, batch: Batch, told: Mapping[Key, Row]
) -> dict[Key, Held]:
    """Read the current rows of the told keys, and of the whole scope of a complete batch."""
    table = history.table
    now_so = select(table).where(table.c.valid_to.is_(None))
    held: dict[Key, Held] = {}
    for condition in _conditions(history, batch, told):
        for row in conn.execute(now_so.where(*condition)).mappings():
            held[_key(history, dict(row))] = dict(row)
    return held


def _conditions(
    history: schema.History, batch: Batch, told: Mapping[Key, Row]
) -> Iterator[list[ColumnElement[bool]]]:
    columns = history.table.c
    if batch.complete:
        yield [columns[name] == value for name, value in batch.within.items()]
    fixed = [columns[name] == batch.within[name] for name in history.key if name in batch.within]
    free = [index for index, name in enumerate(history.key) if name not in batch.within]
    if batch.complete and len(fixed) == len(batch.within):
        return  # the scope is made of key columns: it holds the told keys already
    yield from _keyed(history, fixed, free, list(told))


def _keyed(
    history: schema.History, fixed: list[ColumnElement[bool]], free: list[int], keys: list[Key]
) -> Iterator[list[ColumnElement[bool]]]:
    """Narrow by the one key column that varies within a batch, a chunk of values at a time."""
    if not free:
        yield fixed
        return
    (index,) = free
    column = history.table.c[history.key[index]]
    for start in range(0, len(keys), CHUNK):
        yield [*fixed, column.in_([key[index] for key in keys[start : start + CHUNK]])]


def _current(history: schema.History, key: Row) -> Select[Any]:
    columns = history.table.c
    same = [columns[name] == key[name] for name in history.key]
    return select(history.table).where(columns.valid_to.is_(None), *same)


def _guard(
    conn: Connection,
    history: schema.History,
    fresh: list[Key],
    held: Mapping[Key, Held],
    at: datetime,
) -> None:
    """Refuse an instant before one already written for these keys."""
    newest = max((row["valid_from"] for row in held.values()), default=at)
    ended = _newest_end(conn, history, fresh)
    newest = max(newest, ended) if ended else newest
    if newest > at:
        raise BehindHistory(newest)


def _newest_end(conn: Connection, history: schema.History, fresh: list[Key]) -> datetime | None:
    """Find the latest end of keys that hold no current row (they may have had one before)."""
    ends = [
        end
        for start in range(0, len(fresh), CHUNK)
        if (end := _chunk_end(conn, history, fresh[start : start + CHUNK]))
    ]
    return max(ends, default=None)


def _chunk_end(conn: Connection, history: schema.History, keys: list[Key]) -> datetime | None:
    columns = history.table.c
    narrowed = [
        columns[name].in_({key[index] for key in keys}) for index, name in enumerate(history.key)
    ]
    found: datetime | None = conn.scalar(select(func.max(columns.valid_to)).where(*narrowed))
    return found


def _write(
    conn: Connection,
    history: schema.History,
    decision: Decision,
    at: datetime,
    fetch_id: int | None,
) -> None:
    _end(conn, history, decision.closed, at)
    stamp = {"valid_from": at, "valid_to": None, "fetch_id": fetch_id}
    if decision.opened:
        conn.execute(history.table.insert(), [{**row, **stamp} for row in decision.opened])
    for row in decision.amended:
        conn.execute(_at_key(history, row).values({**row, "fetch_id": fetch_id}))
    entities.show(conn, history, decision.opened + decision.amended)


def _at_key(history: schema.History, row: Row) -> Update:
    columns = history.table.c
    same = [columns[name] == row[name] for name in (*history.key, "valid_from")]
    return history.table.update().where(*same)


def _end(conn: Connection, history: schema.History, rows: list[Held], at: datetime) -> None:
    """End rows at `at`; one that began at this very instant never was, and goes."""
    columns = history.table.c
    names = (*history.key, "valid_from")
    same = [columns[name] == bindparam(f"b_{name}") for name in names]
    for began_now in (True, False):
        some = [
            {f"b_{name}": row[name] for name in names}
            for row in rows
            if (row["valid_from"] == at) is began_now
        ]
        if some:
            change = (
                history.table.delete() if began_now else history.table.update().values(valid_to=at)
            )
            conn.execute(change.where(*same), some)
