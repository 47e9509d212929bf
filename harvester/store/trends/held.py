"""What the history tables say of a range: intervals by key, in the order of time."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Select, Table, or_, select

from harvester.store import many, schema
from harvester.store.series import Stretch
from harvester.store.trends.asking import Question, Values

Key: TypeAlias = tuple[Any, ...]
Steps: TypeAlias = Sequence[Stretch[Any]]  # of one key: what held from when to when


def steps(
    question: Question, table: Table, ids: Collection[int], *narrowed: ColumnElement[bool]
) -> Mapping[Key, list[Stretch[Values]]]:
    """Read the keys of a history table whose first column is one of `ids`.

    Cost: the index entries of these keys, and the rows that overlap the range.
    """
    history, held = schema.HISTORIES[table.name], defaultdict[Key, list[Stretch[Values]]](list)
    first, width = many.among(table.c[history.key[0]], list(ids)), len(history.key)
    query = _overlapping(question, history).where(first, *narrowed)
    for row in question.conn.execute(query).all():
        start, end, *values = row[width:]
        held[row[:width]].append((start, end, dict(zip(history.values, values, strict=True))))
    return held


def _overlapping(question: Question, history: schema.History) -> Select[Any]:
    columns = history.table.c
    key = [columns[name] for name in history.key]
    values = [columns[name] for name in history.values]
    return (
        select(*key, columns.valid_from, columns.valid_to, *values)
        .where(columns.valid_from <= question.until)
        .where(or_(columns.valid_to.is_(None), columns.valid_to > question.since))
        .order_by(*key, columns.valid_from)
    )


def gone(question: Question, entity: Table, ids: Collection[int]) -> Mapping[int, datetime]:
    """Tell since when RA no longer knows some games or achievements; others are left out."""
    own = entity.c
    query = select(own.id, own.gone_at).where(many.among(own.id, list(ids)))
    return {row[0]: row[1] for row in question.conn.execute(query.where(own.gone_at.is_not(None)))}


def narrowed(these: Iterable[Stretch[Values]], *names: str) -> list[Stretch[Values]]:
    """Keep some values of the steps of a key, and let those follow on that are now the same."""
    kept: list[Stretch[Values]] = []
    for since, until, values in these:
        some = {name: values[name] for name in names}
        if kept and kept[-1][1:] == (since, some):
            kept[-1] = (kept[-1][0], until, some)
        else:
            kept.append((since, until, some))
    return kept
