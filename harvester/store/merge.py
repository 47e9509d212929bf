"""Two users that turn out to be one: their histories become one history."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from sqlalchemy import Connection, Table, select

from harvester.store import schema

Held = dict[str, Any]
FOR_EVER = datetime.max.replace(tzinfo=UTC)


def users(conn: Connection, stand_in: int, *, into: int) -> None:
    """Make everything of a stand-in (a user known by name alone) that of `into`.

    In histories keyed by user, the earliest `valid_from` is kept and, where both held a
    value, the newer one wins.
    """
    for table in reversed(schema.metadata.sorted_tables):
        for column in schema.naming_users(table):
            _hand_over(conn, table, column, stand_in, into)
    conn.execute(schema.users.delete().where(schema.users.c.id == stand_in))
    _show_name(conn, into)


def _show_name(conn: Connection, own: int) -> None:
    """Let the user bear the name that holds now: it may have been the stand-in's."""
    names, him = schema.user_names.c, schema.users.c.id == own
    name = select(names.name).where(names.user_id == own, names.valid_to.is_(None))
    conn.execute(schema.users.update().where(him).values(name=name.scalar_subquery()))


def _hand_over(conn: Connection, table: Table, column: str, stand_in: int, into: int) -> None:
    his = table.c[column] == stand_in
    history = schema.HISTORIES.get(table.name)
    if history is not None and column in history.key:
        _join_histories(conn, history, column, stand_in, into)
    elif table is schema.unlock_absences:
        conn.execute(table.delete().where(his))  # a suspicion about the stand-in is no proof
    else:
        conn.execute(table.update().where(his).values({column: into}))


def _join_histories(
    conn: Connection, history: schema.History, column: str, stand_in: int, into: int
) -> None:
    """Rewrite, key by key, the rows of both users as rows of one."""
    table = history.table
    his = [dict(row) for row in conn.execute(_rows(table, column, stand_in)).mappings()]
    others = [name for name in history.key if name != column]
    for part in {tuple(row[name] for name in others) for row in his}:
        same = [table.c[name] == value for name, value in zip(others, part, strict=True)]
        mine = conn.execute(_rows(table, column, into).where(*same)).mappings()
        theirs = [row for row in his if tuple(row[name] for name in others) == part]
        joined = [
            {**row, column: into, **history.end(row["valid_to"])}
            for row in join([*map(dict, mine), *theirs], history)
        ]
        conn.execute(table.delete().where(table.c[column].in_([stand_in, into]), *same))
        conn.execute(table.insert(), joined)


def _rows(table: Table, column: str, user: int) -> Any:  # noqa: ANN401 - a Select of whole rows
    return select(table).where(table.c[column] == user)


def join(rows: Sequence[Held], history: schema.History) -> list[Held]:
    """Lay histories of one key over each other: at any instant the newest value holds."""
    joined: list[Held] = []
    for row in _pieces(rows):
        same = joined and all(joined[-1][name] == row[name] for name in history.values)
        if same and joined[-1]["valid_to"] == row["valid_from"]:
            joined[-1]["valid_to"] = row["valid_to"]
        else:
            joined.append(row)
    return joined


def _pieces(rows: Sequence[Held]) -> Iterator[Held]:
    """Cut the time at every boundary and take the row that holds in each piece."""
    bounds = {row["valid_from"] for row in rows} | {row["valid_to"] or FOR_EVER for row in rows}
    for start, end in pairwise(sorted(bounds)):
        holding = [
            row for row in rows if row["valid_from"] <= start < (row["valid_to"] or FOR_EVER)
        ]
        if holding:
            yield {
                **_newest(holding),
                "valid_from": start,
                "valid_to": None if end == FOR_EVER else end,
            }


def _newest(holding: Sequence[Held]) -> Held:
    """Take the newest row; a first unlock date it was not told comes from the older one."""
    newest, *older = sorted(holding, key=lambda row: row["valid_from"], reverse=True)
    if newest.get("unlocked_at", ...) is None:
        first = [row["unlocked_at"] for row in older if row["unlocked_at"] is not None]
        return {**newest, "unlocked_at": min(first, default=None)}
    return newest
