"""What changed over a period, of all that there is: keys with the values before and after.

A short period is told by the rows that ended in it, so that nothing that stood still is read.
In a long one nearly everything moved, some of it a hundred times: there what holds at its end is
compared with what held when it began.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias

from sqlalchemy import (
    CTE,
    ColumnElement,
    Float,
    FromClause,
    Select,
    Subquery,
    Table,
    and_,
    case,
    cast,
    func,
    or_,
    select,
    union_all,
)

from harvester.store import coverage, schema
from harvester.store.coverage import later, once
from harvester.store.series import Span

Instant: TypeAlias = ColumnElement[datetime]

SHORT: Final = timedelta(days=45)

games, achievements = schema.games, schema.achievements


@dataclass(frozen=True)
class Changes:
    """How to find what changed.

    `found` selects for a period the keys, the values `before` and `after`, of all that changed
    and may be some that did not. `known_at` tells of some of these rows since when the first
    value is known: the start of the period, or an instant in it.
    """

    found: Callable[[Span], Select[Any]]
    known_at: Callable[[FromClause, Span], Instant]


def of_column(table: Table, column: str, *only: Any) -> Changes:  # noqa: ANN401 - conditions
    """Compare the values of one column of a history table; cost: see this module."""

    def found(span: Span) -> Select[Any]:
        find = _by_what_ended if span.until - span.since <= SHORT else _by_what_holds
        return find(table, column, span, *only)

    def known_at(of: FromClause, span: Span) -> Instant:
        since = coverage.instant(span.since)
        is_held = _value_at(table, column, of, since).is_not(None)
        return case((is_held, since), else_=_first(table, "valid_from", column, of, span))

    return Changes(found, known_at)


def _by_what_ended(table: Table, column: str, span: Span, *only: Any) -> Select[Any]:  # noqa: ANN401 - conditions
    """Compare the first value that ended in a period with that at its end."""
    key, value = [table.c[name] for name in schema.HISTORIES[table.name].key], table.c[column]
    place = func.row_number().over(partition_by=key, order_by=table.c.valid_to)
    ended = (table.c.valid_to > span.since, table.c.valid_to <= span.until, value.is_not(None))
    told = select(*key, value.label("before"), place.label("place")).where(*ended, *only).subquery()
    first = select(told).where(told.c.place == 1).subquery()
    after = _value_at(table, column, first, coverage.instant(span.until))
    return select(*(first.c[one.name] for one in key), first.c.before, after.label("after"))


def _by_what_holds(table: Table, column: str, span: Span, *only: Any) -> Select[Any]:  # noqa: ANN401 - conditions
    """Compare what holds at the end of a period with the first value that ended in it."""
    held = _held(table, column, span, *only)
    then = _value_at(table, column, held, coverage.instant(span.since))
    before = func.coalesce(then, _first(table, column, column, held, span))
    return select(held, before.label("before"))


def _held(table: Table, column: str, span: Span, *only: Any) -> Subquery:  # noqa: ANN401 - conditions
    """Select the keys whose values at the end of a period began in it, from two indexes."""
    own = table.c
    began = (own.valid_from > span.since, own.valid_from <= span.until)
    value = own[column].label("after")
    told = select(*(own[name] for name in schema.HISTORIES[table.name].key), value)
    current, past = own.valid_to.is_(None), own.valid_to > span.until
    return union_all(*(told.where(*began, one, *only) for one in (current, past))).subquery("held")


def _value_at(table: Table, column: str, of: FromClause, at: Instant) -> ColumnElement[Any]:
    """Find what the keys of `of` held at an instant: one step into the index for each."""
    own = table.alias()
    is_held = or_(own.c.valid_to.is_(None), own.c.valid_to > at)
    same = (own.c[name] == of.c[name] for name in schema.HISTORIES[table.name].key)
    newest = select(case((is_held, own.c[column]))).where(*same, own.c.valid_from <= at)
    return newest.order_by(own.c.valid_from.desc()).limit(1).correlate(of).scalar_subquery()


def _first(table: Table, told: str, column: str, of: FromClause, span: Span) -> ColumnElement[Any]:
    """Find what the first row within a period tells in which a column is known.

    What still holds at its end is none: nothing is known from before it.
    """
    own = table.alias()
    same = (own.c[name] == of.c[name] for name in schema.HISTORIES[table.name].key)
    within = own.c.valid_from > span.since, own.c.valid_to <= span.until
    known = select(own.c[told]).where(*same, *within)
    first = known.where(own.c[column].is_not(None)).order_by(own.c.valid_from).limit(1)
    return first.correlate(of).scalar_subquery()


# --- what is put together out of several rows ------------------------------------------


def _mastered(span: Span) -> Select[Any]:
    """Compare the last buckets that a distribution had: the set may have grown meanwhile."""
    own = schema.distribution
    official = and_(own.c.is_promoted, own.c.is_hardcore)
    ended = (own.c.valid_to > span.since, own.c.valid_to <= span.until)
    moved = select(own.c.game_id).where(official, *ended).distinct().subquery("moved")
    begun = own.alias("begun")
    of_game = and_(begun.c.game_id == moved.c.game_id, begun.c.is_promoted, begun.c.is_hardcore)
    smallest = select(func.min(begun.c.valid_from)).where(of_game, begun.c.unlocked == 1)
    known_at = smallest.correlate(moved).scalar_subquery()
    known = select(moved.c.game_id, known_at.label("known_at")).subquery("known")
    start = later(known.c.known_at, coverage.instant(span.since))
    before, after = _last_bucket(known, start), _last_bucket(known, coverage.instant(span.until))
    first_at = known.c.known_at.label("first_at")
    return select(known.c.game_id, before.label("before"), after.label("after"), first_at)


def _last_bucket(known: Subquery, at: ColumnElement[datetime]) -> ColumnElement[int]:
    own = schema.distribution.alias()
    holds = and_(own.c.valid_from <= at, or_(own.c.valid_to.is_(None), own.c.valid_to > at))
    of_game = and_(own.c.game_id == known.c.game_id, own.c.is_promoted, own.c.is_hardcore)
    found = select(own.c.players).where(of_game, holds).order_by(own.c.unlocked.desc()).limit(1)
    return found.correlate(known).scalar_subquery()


MASTERED: Final = Changes(_mastered, lambda of, _: of.c.first_at)
UNLOCKS: Final = of_column(schema.achievement_counters, "unlocks")


def _rare(span: Span) -> Select[Any]:
    """Divide unlocks by the players of its game, then and now, where there were new ones."""
    moved, playing = once(_placed(span), "moved"), _playing(span)
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


def _placed(span: Span) -> Select[Any]:
    """Add to the unlocks of achievements in which game each was then, and in which it is now."""
    counted = UNLOCKS.found(span).subquery("counted")
    ends = UNLOCKS.known_at(counted, span), coverage.instant(span.until)
    was_in, is_in = (_game_at(counted, at, _moved(span.since)) for at in ends)
    told = select(counted, was_in.label("was_in"), is_in.label("is_in"))
    return told.join(achievements, achievements.c.id == counted.c.achievement_id)


def _game_at(counted: Subquery, at: Instant, moved: Select[int]) -> ColumnElement[int]:
    """Find the game of an achievement at an instant: its game now unless it has moved since."""
    now = achievements.c.game_id
    then = func.coalesce(_value_at(schema.achievement_versions, "game_id", counted, at), now)
    return case((achievements.c.id.in_(moved), then), else_=now)


def _moved(since: datetime) -> Select[int]:
    """Select the achievements that were in another game after an instant: few ever are."""
    past, own = schema.achievement_versions.c, achievements.alias("placed").c
    other = past.game_id.is_distinct_from(own.game_id)
    return select(past.achievement_id).where(
        past.valid_to > since, past.achievement_id == own.id, other
    )


def _playing(span: Span) -> CTE:
    """Select the players of every game, when they were first known in a period and at its end."""
    own = schema.game_counters
    begun = own.alias("begun")
    first = select(func.min(begun.c.valid_from)).where(begun.c.game_id == games.c.id)
    known_at = first.correlate(games).scalar_subquery()
    known = select(games.c.id.label("game_id"), known_at.label("known_at")).subquery("known")
    start = later(known.c.known_at, coverage.instant(span.since))
    before = _value_at(own, "players", known, start)
    after = _value_at(own, "players", known, coverage.instant(span.until))
    return once(select(known, before.label("before"), after.label("after")), "playing")


RARE: Final = Changes(_rare, lambda of, span: later(UNLOCKS.known_at(of, span), of.c.first_at))
