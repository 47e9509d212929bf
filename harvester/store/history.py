"""The one way to remember: told rows -> held rows -> decision -> intervals.

A decision is pure: it sees what was told and what is held, and says which rows begin,
which are overwritten because they began in this very second, and which end. Cost of a
step: O(rows told) index look-ups, whatever the length of the history.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from itertools import takewhile
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Table, Update, bindparam, func, select

from harvester.store import entities, many, schema
from harvester.store.rows import Batch, Changes, Row
from harvester.store.schema import Key

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

    opened: list[Row] = field(default_factory=list)
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
    held, ended = _known(conn, history, batch, told)
    _guard(held, ended, at)
    decision = decide(history, told, held, at=at, batch=batch)
    _write(conn, history, decision, at, fetch_id)
    tail = _known_tail(history, told, held, decision) if batch.table is schema.unlocks else 0
    return Changes(len(decision.opened) + len(decision.amended), len(decision.closed), tail)


def begin(
    conn: Connection, table: Table, rows: Sequence[Row], *, at: datetime, fetch_id: int | None
) -> Changes:
    """Open the first row of keys that never had one, whose entities show the values already."""
    stamp = {"valid_from": at, **schema.HISTORIES[table.name].end(None), "fetch_id": fetch_id}
    many.insert(conn, table, rows, stamp)
    return Changes(len(rows))


def _known_tail(
    history: schema.History, told: dict[Key, Row], held: Collection[Key], decision: Decision
) -> int:
    """Count the last told rows that were no news."""
    changed = {history.key_of(row) for row in (*decision.closed, *decision.amended)}
    return sum(1 for _ in takewhile(lambda key: key in held and key not in changed, reversed(told)))


def close(conn: Connection, table: Table, keys: Sequence[Row], *, at: datetime) -> Changes:
    """End the current rows of these full keys at `at`; a row that began then is taken back."""
    history = schema.HISTORIES[table.name]
    query = _current(history, history.key)
    held = {history.key_of(key): row for key in keys for row in _rows(conn, history, query, key)}
    _guard(held, None, at)
    _end(conn, history, [*held.values()], at)
    return Changes(closed=len(held))


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
        if key in held:
            _compare(decision, history, row, held[key], at)
        else:
            decision.opened.append(row)
    for key in held.keys() - told.keys() if batch.complete else ():
        if batch.absent is None:
            decision.closed.append(held[key])
        else:
            _compare(decision, history, batch.absent, held[key], at)
    return decision


def _compare(
    decision: Decision, history: schema.History, row: Row, held: Held, at: datetime
) -> None:
    told = _merged(history, held, row)
    if all(held[name] == told[name] for name in history.values if name in told):
        return
    values = {name: told.get(name, held[name]) for name in history.values}
    if held["valid_from"] == at:
        decision.amended.append({**held, **values})
        return
    decision.closed.append(held)
    decision.opened.append({**held, **values})


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
    full = ({**batch.within, **row} for row in batch.rows)
    return {history.key_of(row): row for row in full}


def _known(
    conn: Connection, history: schema.History, batch: Batch, told: Mapping[Key, Row]
) -> tuple[dict[Key, Held], datetime | None]:
    """Read the current rows that a batch bears on, and when told keys that have none last ended."""
    if history.is_large and not batch.complete:
        return _of_keys(conn, history, batch, told)
    held = _held(conn, history, batch, told)
    return held, _newest_end(conn, history, batch, told.keys() - held.keys())


def _of_keys(
    conn: Connection, history: schema.History, batch: Batch, told: Mapping[Key, Row]
) -> tuple[dict[Key, Held], datetime | None]:
    """Do so in one statement, where keys have few rows and no index leads to the current one."""
    query = _current(history, *_narrowed(history, batch), is_ended=True)
    rows = [*_rows(conn, history, query, _params(history, batch, told))]
    held = {history.key_of(row): row for row in rows if row["valid_to"] is None}
    ends = (row["valid_to"] for row in rows if row["valid_to"] and history.key_of(row) not in held)
    return held, max(ends, default=None)


def _held(
    conn: Connection, history: schema.History, batch: Batch, told: Collection[Key]
) -> dict[Key, Held]:
    """Read the current rows of the told keys, and of the whole scope of a complete batch."""
    held: dict[Key, Held] = {}
    if batch.complete:
        query = _current(history, tuple(batch.within))
        held |= {history.key_of(row): row for row in _rows(conn, history, query, batch.within)}
    if batch.complete and batch.within.keys() <= {*history.key}:
        return held  # the scope is made of key columns: it holds the told keys already
    query, params = _current(history, *_narrowed(history, batch)), _params(history, batch, told)
    return held | {history.key_of(row): row for row in _rows(conn, history, query, params)}


def _params(history: schema.History, batch: Batch, keys: Collection[Key]) -> Row:
    """Bind what a batch shares, and of these keys the part that varies within it."""
    _, free = _narrowed(history, batch)
    place = history.key.index(free) if free else 0
    return {**batch.within, "keys": [key[place] for key in keys]}


def _narrowed(history: schema.History, batch: Batch) -> tuple[tuple[str, ...], str | None]:
    """Tell the key columns that a batch shares, and the one that varies within it, if any."""
    same = tuple(name for name in history.key if name in batch.within)
    free = [name for name in history.key if name not in batch.within]
    return same, free[0] if free else None


def _rows(
    conn: Connection, history: schema.History, query: Select[Any], params: Row
) -> Iterator[Held]:
    names = history.table.c.keys()
    return (dict(zip(names, row, strict=True)) for row in conn.execute(query, params))


@cache
def _current(
    history: schema.History,
    same: tuple[str, ...],
    free: str | None = None,
    *,
    is_ended: bool = False,
) -> Select[Any]:
    """Select the current rows of one scope, and there of the keys that vary, if any do.

    With `is_ended` the rows that have ended, too.
    """
    current = [] if is_ended else [history.table.c.valid_to.is_(None)]
    return select(history.table).where(*current, *_scope(history, same, free))


def _scope(
    history: schema.History, same: tuple[str, ...], free: str | None
) -> Iterator[ColumnElement[bool]]:
    columns = history.table.c
    yield from (columns[name] == bindparam(name) for name in same)
    if free:
        yield many.among_told(columns[free], "keys")


def _guard(held: Mapping[Key, Held], ended: datetime | None, at: datetime) -> None:
    """Refuse an instant before one already written for these keys."""
    newest = max((row["valid_from"] for row in held.values()), default=at)
    newest = max(newest, ended) if ended else newest
    if newest > at:
        raise BehindHistory(newest)


def _newest_end(
    conn: Connection, history: schema.History, batch: Batch, fresh: Collection[Key]
) -> datetime | None:
    """Find the latest end of keys that hold no current row (they may have had one before)."""
    if not fresh:
        return None
    query = _last_end(history, *_narrowed(history, batch))
    found: datetime | None = conn.scalar(query, _params(history, batch, fresh))
    return found


@cache
def _last_end(history: schema.History, same: tuple[str, ...], free: str | None) -> Select[Any]:
    return select(func.max(history.table.c.valid_to)).where(*_scope(history, same, free))


def _write(
    conn: Connection,
    history: schema.History,
    decision: Decision,
    at: datetime,
    fetch_id: int | None,
) -> None:
    _end(conn, history, decision.closed, at)
    stamp = {"valid_from": at, **history.end(None), "fetch_id": fetch_id}
    many.insert(conn, history.table, decision.opened, stamp)
    if decision.amended:
        change = _changing(history).values({name: bindparam(name) for name in history.values})
        told = [{**_bound(history, row), **_values(history, row)} for row in decision.amended]
        conn.execute(change.values(fetch_id=fetch_id), told)
    entities.show(conn, history, [*decision.opened, *decision.amended])


def _end(conn: Connection, history: schema.History, rows: list[Held], at: datetime) -> None:
    """End rows at `at`; one that began at this very instant never was, and goes."""
    began_now = [_bound(history, row) for row in rows if row["valid_from"] == at]
    older = [_bound(history, row) for row in rows if row["valid_from"] != at]
    if began_now:
        conn.execute(history.table.delete().where(*_same(history)), began_now)
    if older:
        conn.execute(_changing(history).values(history.end(at)), older)


@cache
def _changing(history: schema.History) -> Update:
    return history.table.update().where(*_same(history))


def _same(history: schema.History) -> Iterator[ColumnElement[bool]]:
    """Mean one row of a history by parameters of its own (see `_bound`)."""
    names = (*history.key, "valid_from")
    return (history.table.c[name] == bindparam(f"b_{name}") for name in names)


def _bound(history: schema.History, row: Held) -> Held:
    return {f"b_{name}": row[name] for name in (*history.key, "valid_from")}


def _values(history: schema.History, row: Held) -> Held:
    return {name: row[name] for name in history.values}
