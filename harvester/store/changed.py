"""What changed over a period, of all that there is: keys with the values before and after.

A short period is told by the rows that ended in it, so that nothing that stood still is read.
In a long one nearly everything moved, some of it a hundred times: there what holds at its end is
compared with what held when it began. Which period it is are parameters of the statements,
`since` and `until`, so that those need to be put together only once.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal, TypeAlias

from sqlalchemy import (
    CTE,
    ColumnElement,
    Float,
    FromClause,
    Select,
    Subquery,
    Table,
    and_,
    bindparam,
    case,
    cast,
    func,
    or_,
    select,
    union_all,
)

from harvester.store import schema
from harvester.store.coverage import later, once

Instant: TypeAlias = ColumnElement[datetime]
Length: TypeAlias = Literal["short", "long"]

SHORT: Final = timedelta(days=45)  # at the most
SINCE: Final = bindparam("since", type_=schema.Instant)
UNTIL: Final = bindparam("until", type_=schema.Instant)

games, achievements = schema.games, schema.achievements


@dataclass(frozen=True)
class Changes:
    """How to find what changed.

    `found` selects for a period, short or long, the keys, the values `before` and `after`, of
    all that changed and may be some that did not. `known_at` tells of some of these rows since
    when the first value is known: the start of the period, or an instant in it.
    """

    found: Callable[[Length], Select[Any]]
    known_at: Callable[[FromClause], Instant]


def of_column(table: Table, column: str, *only: Any) -> Changes:  # noqa: ANN401 - conditions
    """Compare the values of one column of a history table; cost: see this module."""

    def found(length: Length) -> Select[Any]:
        find = _by_what_ended if length == "short" else _by_what_holds
        return find(table, column, *only)

    def known_at(of: FromClause) -> Instant:
        is_held = _value_at(table, column, of, SINCE).is_not(None)
        return case((is_held, SINCE), else_=_first(table, "valid_from", column, of))

    return Changes(found, known_at)


def _by_what_ended(table: Table, column: str, *only: Any) -> Select[Any]:  # noqa: ANN401 - conditions
    """Compare the first value that ended in a period with that at its end."""
    key, value = [table.c[name] for name in schema.HISTORIES[table.name].key], table.c[column]
    place = func.row_number().over(partition_by=key, order_by=table.c.valid_to)
    ended = (table.c.valid_to > SINCE, table.c.valid_to <= UNTIL, value.is_not(None))
    told = select(*key, value.label("before"), place.label("place")).where(*ended, *only).subquery()
    first = select(told).where(told.c.place == 1).subquery()
    after = _value_at(table, column, first, UNTIL)
    return select(*(first.c[one.name] for one in key), first.c.before, after.label("after"))


def _by_what_holds(table: Table, column: str, *only: Any) -> Select[Any]:  # noqa: ANN401 - conditions
    """Compare what holds at the end of a period with the first value that ended in it."""
    held = _held(table, column, *only)
    then = _value_at(table, column, held, SINCE)
    before = func.coalesce(then, _first(table, column, column, held))
    return select(held, before.label("before"))


def _held(table: Table, column: str, *only: Any) -> Subquery:  # noqa: ANN401 - conditions
    """Select the keys whose values at the end of a period began in it, from two indexes.

    They are in order, so that one step after the other into an index of theirs stays near.
    """
    own, key = table.c, schema.HISTORIES[table.name].key
    began = (own.valid_from > SINCE, own.valid_from <= UNTIL)
    told = select(*(own[name] for name in key), own[column].label("after")).where(*began, *only)
    held = union_all(told.where(own.valid_to.is_(None)), told.where(own.valid_to > UNTIL))
    return held.order_by(*(held.selected_columns[name] for name in key)).subquery("held")


def _value_at(table: Table, column: str, of: FromClause, at: Instant) -> ColumnElement[Any]:
    """Find what the keys of `of` held at an instant: one step into the index for each."""
    own = table.alias()
    is_held = or_(own.c.valid_to.is_(None), own.c.valid_to > at)
    same = (own.c[name] == of.c[name] for name in schema.HISTORIES[table.name].key)
    newest = select(case((is_held, own.c[column]))).where(*same, own.c.valid_from <= at)
    return newest.order_by(own.c.valid_from.desc()).limit(1).correlate(of).scalar_subquery()


def _first(table: Table, told: str, column: str, of: FromClause) -> ColumnElement[Any]:
    """Find what the first row within a period tells in which a column is known.

    What still holds at its end is none: nothing is known from before it.
    """
    own = table.alias()
    same = (own.c[name] == of.c[name] for name in schema.HISTORIES[table.name].key)
    within = own.c.valid_from > SINCE, own.c.valid_to <= UNTIL
    known = select(own.c[told]).where(*same, *within)
    first = known.where(own.c[column].is_not(None)).order_by(own.c.valid_from).limit(1)
    return first.correlate(of).scalar_subquery()


# --- what is put together out of several rows ------------------------------------------


def _mastered(_length: Length) -> Select[Any]:
    """Compare the last buckets that a distribution had: the set may have grown meanwhile."""
    own = schema.distribution
    official = and_(own.c.is_promoted, own.c.is_hardcore)
    ended = (own.c.valid_to > SINCE, own.c.valid_to <= UNTIL)
    moved = select(own.c.game_id).where(official, *ended).distinct().subquery("moved")
    begun = own.alias("begun")
    of_game = and_(begun.c.game_id == moved.c.game_id, begun.c.is_promoted, begun.c.is_hardcore)
    smallest = select(func.min(begun.c.valid_from)).where(of_game, begun.c.unlocked == 1)
    known_at = smallest.correlate(moved).scalar_subquery()
    known = select(moved.c.game_id, known_at.label("known_at")).subquery("known")
    start = later(known.c.known_at, SINCE)
    before, after = _last_bucket(known, start), _last_bucket(known, UNTIL)
    first_at = known.c.known_at.label("first_at")
    return select(known.c.game_id, before.label("before"), after.label("after"), first_at)


def _last_bucket(known: Subquery, at: ColumnElement[datetime]) -> ColumnElement[int]:
    own = schema.distribution.alias()
    holds = and_(own.c.valid_from <= at, or_(own.c.valid_to.is_(None), own.c.valid_to > at))
    of_game = and_(own.c.game_id == known.c.game_id, own.c.is_promoted, own.c.is_hardcore)
    found = select(own.c.players).where(of_game, holds).order_by(own.c.unlocked.desc()).limit(1)
    return found.correlate(known).scalar_subquery()


MASTERED: Final = Changes(_mastered, lambda of: of.c.first_at)
UNLOCKS: Final = of_column(schema.achievement_counters, "unlocks")


def _rare(length: Length) -> Select[Any]:
    """Divide unlocks by the players of its game, then and now, where there were new ones."""
    moved, playing = _placed(length).subquery("moved"), _playing()
    then, now = playing.alias("played_then"), playing.alias("played_now")
    before = moved.c.before / cast(func.nullif(then.c.before, 0), Float)
    after = moved.c.after / cast(func.nullif(now.c.after, 0), Float)
    return (
        select(
            moved.c.achievement_id,
            before.label("before"),
            after.label("after"),
            then.c.known_at.label("first_at"),
        )
        .join(then, then.c.game_id == moved.c.was_in)
        .join(now, now.c.game_id == moved.c.is_in)
    )


def _placed(length: Length) -> Select[Any]:
    """Add to the unlocks of achievements in which game each was then, and in which it is now."""
    counted = UNLOCKS.found(length).subquery("counted")
    ends = UNLOCKS.known_at(counted), UNTIL
    elsewhere = _moved()
    was_in, is_in = (_game_at(counted, at, elsewhere) for at in ends)
    told = select(counted, was_in.label("was_in"), is_in.label("is_in"))
    return told.join(achievements, achievements.c.id == counted.c.achievement_id)


def _game_at(counted: Subquery, at: Instant, moved: CTE) -> ColumnElement[int]:
    """Find the game of an achievement at an instant: its game now unless it has moved since."""
    now = achievements.c.game_id
    then = func.coalesce(_value_at(schema.achievement_versions, "game_id", counted, at), now)
    has_moved = achievements.c.id.in_(select(moved.c.achievement_id))
    return case((has_moved, then), else_=now)


def _moved() -> CTE:
    """Select the achievements that were in another game after an instant: few ever are."""
    past, own = schema.achievement_versions.c, achievements.alias("placed").c
    other = past.game_id.is_distinct_from(own.game_id)
    those = select(past.achievement_id).where(past.achievement_id == own.id, other)
    return once(those.where(past.valid_to > SINCE), "elsewhere")


def _playing() -> CTE:
    """Select the players of every game, when they were first known in a period and at its end."""
    own = schema.game_counters
    begun = own.alias("begun")
    first = select(func.min(begun.c.valid_from)).where(begun.c.game_id == games.c.id)
    known_at = first.correlate(games).scalar_subquery()
    known = once(select(games.c.id.label("game_id"), known_at.label("known_at")), "known")
    start = later(known.c.known_at, SINCE)
    before = _value_at(own, "players", known, start)
    after = _value_at(own, "players", known, UNTIL)
    return once(select(known, before.label("before"), after.label("after")), "playing")


RARE: Final = Changes(_rare, lambda of: later(UNLOCKS.known_at(of), of.c.first_at))
