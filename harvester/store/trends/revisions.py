"""What was revised in a set: a row for each column that changed, the old value beside the new.

versions of games and achievements -> pairs that follow on each other -> the columns in which
they differ. A revision has the time at which it was seen. An achievement that came later than
its game, or left, is a change of `is_promoted` or `gone_at`.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any, Final, TypeAlias

from sqlalchemy import ColumnElement, Connection, Table, or_, select

from harvester.store import many, schema, subjects
from harvester.store.subjects import Label
from harvester.store.trends import held
from harvester.store.trends.asking import Question, Row

Version: TypeAlias = Mapping[str, Any]
Change: TypeAlias = tuple[str, Any, Any]  # a column, what it held before, and what then
Pair: TypeAlias = tuple[Version | None, Version]  # what held before, and what held then

VALUES: Final = ("column", "old", "new")
_LABELS: Final = ("game_id", "game", "achievement_id", "achievement")
NAMES: Final = {"author_id": schema.users, "console_id": schema.consoles}  # shown by name
games, achievements = schema.game_versions, schema.achievement_versions


def rows(question: Question) -> list[Row]:
    """Tell the revisions of these games and achievements that were seen in the range.

    Cost: O(versions of what is asked about).
    """
    own = question.subjects["game"].keys()
    found = [*_of_games(question, own), *_of_achievements(question, own)]
    since, until = question.spans[0].since, question.until
    told = [row for row in found if since < row["time"] <= until]
    _name(question.conn, told)
    return sorted(told, key=_order)


def missing(_question: Question, rows: Sequence[Row]) -> str | None:
    """Say that nothing was revised, which is not the same as nothing being known."""
    return None if rows else "no revision was seen in that time"


def _order(row: Row) -> tuple[Any, ...]:
    return row["time"], row["game_id"] or 0, row["achievement_id"] or 0, row["column"]


def _of_games(question: Question, own: Collection[int]) -> Iterator[Row]:
    """Tell what changed in what is said of games themselves."""
    conn, labels = question.conn, subjects.games(question.conn, own)
    for before, version in _pairs(conn, games, many.among(games.c.game_id, own)):
        changes = _differences(games, before, version) if before else ()
        yield from _told(version["valid_from"], changes, labels[version["game_id"]])
    for game, at in held.gone(question, schema.games, own).items():
        yield from _told(at, [("gone_at", None, at)], labels[game])


def _of_achievements(question: Question, own: Collection[int]) -> Iterator[Row]:
    """Tell what changed in achievements that are asked about, or were in a set that is."""
    conn, pairs = question.conn, _meant(question, own)
    ids = {version["achievement_id"] for _, version in pairs}
    sets = {version["game_id"] for _, version in pairs} - {None}
    labels, titles = subjects.achievements(conn, ids, of_games=()), subjects.games(conn, sets)
    begun = _begun(conn, sets)
    for before, version in pairs:
        changes = _differences(achievements, before, version) if before else _came(version, begun)
        label = {**labels[version["achievement_id"]], **titles.get(version["game_id"], {})}
        yield from _told(version["valid_from"], changes, label)
    for achievement, at in held.gone(question, schema.achievements, ids).items():
        yield from _told(at, [("gone_at", None, at)], labels[achievement])


def _meant(question: Question, own: Collection[int]) -> list[Pair]:
    column, named = achievements.c.achievement_id, question.subjects["achievement"]
    ever = select(column).where(many.among(achievements.c.game_id, own))
    pairs = _pairs(question.conn, achievements, or_(column.in_(ever), many.among(column, named)))
    return [pair for pair in pairs if _is_meant(question, own, *pair)]


def _is_meant(
    question: Question, own: Collection[int], before: Version | None, version: Version
) -> bool:
    """Whether an achievement was in a set that is asked about then, or is asked about itself."""
    sets = {version["game_id"], before["game_id"] if before else None}
    is_named = not own and version["achievement_id"] in question.subjects["achievement"]
    return is_named or bool(sets & set(own))


def _pairs(conn: Connection, table: Table, condition: ColumnElement[bool]) -> Iterator[Pair]:
    (key,) = schema.HISTORIES[table.name].key
    query = select(table).where(condition).order_by(table.c[key], table.c.valid_from)
    for _, group in groupby(conn.execute(query).mappings(), key=itemgetter(key)):
        versions = [dict(version) for version in group]
        yield from zip([None, *versions], versions, strict=False)


def _differences(table: Table, old: Version, new: Version) -> Iterator[Change]:
    names = schema.HISTORIES[table.name].values
    return ((name, old[name], new[name]) for name in names if old[name] != new[name])


def _begun(conn: Connection, ids: Collection[int]) -> Mapping[int, Version]:
    """Find the first version of each game."""
    pairs = _pairs(conn, games, many.among(games.c.game_id, ids))
    return {version["game_id"]: version for before, version in pairs if before is None}


def _came(version: Version, begun: Mapping[int, Version]) -> Iterable[Change]:
    """Tell of an achievement that was not there when its game was looked at first."""
    first = begun.get(version["game_id"])
    if first is None or first["fetch_id"] == version["fetch_id"] is not None:
        return []
    is_later = version["valid_from"] > first["valid_from"]
    return [("is_promoted", None, version["is_promoted"])] if is_later else []


def _told(at: datetime, changes: Iterable[Change], label: Label) -> Iterator[Row]:
    labels = {name: label.get(name) for name in _LABELS}
    for column, old, new in changes:
        yield {"time": at, **labels, "column": column, "old": old, "new": new, "is_observed": True}


def _name(conn: Connection, told: Iterable[Row]) -> None:
    """Show who and what is meant by an id of our own, or of RA's."""
    for column, table in NAMES.items():
        mine = [row for row in told if row["column"] == column]
        ids = {row[side] for row in mine for side in ("old", "new")} - {None}
        names = _names(conn, table, ids)
        for row in mine:
            row |= {side: names.get(row[side], row[side]) for side in ("old", "new")}
            row["column"] = column.removesuffix("_id")


def _names(conn: Connection, table: Table, ids: Collection[int]) -> Mapping[Any, str]:
    found = select(table.c.id, table.c.name).where(many.among(table.c.id, list(ids)))
    return {row[0]: row[1] for row in conn.execute(found.where(table.c.name.is_not(None)))}
