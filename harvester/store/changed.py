"""What changed over a period, of all that there is: keys with the values before and after.

A short period is told by the rows that ended in it, so that nothing that stood still is read.
In a long one nearly everything moved, some of it a hundred times: there what holds at its end is
compared with what held when it began. Which period it is are parameters of the statements,
`since` and `until`, so that those need to be put together only once.
"""

from collections.abc import Callable, Sequence
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
    """Divide unlocks by the players of its game, then and now, where there were new ones.

    An achievement has rarity while a set has it: from the start, or from when it came, and none
    if it has left at the end.
    """
    playing = _playing()
    counted = _counted(length, playing)
    steady = select(counted).where(~counted.c.is_late, _is_more(counted)).subquery("steady")
    late = _since_it_came(_coming(counted), playing).subquery("late")
    told = union_all(select(*_shares(steady)), select(*_shares(late))).subquery("told")
    return select(told)


def _counted(length: Length, playing: CTE) -> CTE:
    """Select the achievements whose counters moved, with the players of the games they are in.

    `is_late` are those that came into a set when that was known, or left one: few do.
    """
    found, own = UNLOCKS.found(length).subquery("found"), achievements.c
    is_late = or_(
        playing.c.is_late,
        own.first_seen_at > later(playing.c.known_at, SINCE),
        or_(own.is_promoted.is_(False), own.gone_at.is_not(None)),
        _is_moving(length, later(playing.c.known_at, SINCE)),
    )
    players = playing.c.before.label("players_before"), playing.c.after.label("players_after")
    told = select(found, own.game_id, *players, playing.c.known_at.label("first_at"))
    told = told.add_columns(is_late.label("is_late")).join(
        achievements, own.id == found.c.achievement_id
    )
    return once(told.join(playing, playing.c.game_id == own.game_id), "counted")


def _is_more(counted: CTE) -> ColumnElement[bool]:
    return counted.c.before != counted.c.after


def _shares(of: Subquery) -> Sequence[ColumnElement[Any]]:
    before = of.c.before / cast(func.nullif(of.c.players_before, 0), Float)
    after = of.c.after / cast(func.nullif(of.c.players_after, 0), Float)
    return of.c.achievement_id, before.label("before"), after.label("after"), of.c.first_at


def _is_moving(length: Length, start: Instant) -> ColumnElement[bool]:
    """Whether an achievement was listed late, or its set was another; mostly one look says no."""
    is_moving = or_(_is_revised(length), _is_listed_late(length, start))
    if length == "long":
        return is_moving
    own = schema.achievement_versions.c
    its = own.achievement_id == achievements.c.id, own.valid_to.is_(None), own.valid_from <= SINCE
    is_unchanged = select(own.achievement_id).where(*its).correlate(achievements).exists()
    return case((is_unchanged, False), else_=is_moving)


def _is_revised(length: Length) -> ColumnElement[bool]:
    """Whether the set of an achievement was another, or none, in a period or after it."""
    if length == "short":
        return _revised(achievements).correlate(achievements).exists()
    every = once(_revised(achievements.alias("placed")), "revised")
    return achievements.c.id.in_(select(every.c.achievement_id))


def _revised(own: FromClause) -> Select[Any]:
    past = schema.achievement_versions.c
    is_other = past.game_id.is_distinct_from(own.c.game_id)
    is_other |= past.is_promoted.is_distinct_from(own.c.is_promoted)
    those = select(past.achievement_id).where(past.achievement_id == own.c.id, is_other)
    return those.where(past.valid_to > SINCE)


def _is_listed_late(length: Length, start: Instant) -> ColumnElement[bool]:
    """Whether no answer listed an achievement at first: a ticket may have named it before.

    In a long period only those are looked up that have tickets.
    """
    versions, tickets = schema.achievement_versions.c, schema.tickets.c
    first = select(func.min(versions.valid_from)).where(
        versions.achievement_id == achievements.c.id
    )
    began_at = first.correlate(achievements).scalar_subquery()
    is_late = func.coalesce(began_at, start) > start
    if length == "short":
        return is_late
    named = once(select(tickets.achievement_id).distinct(), "named")
    return case((achievements.c.id.in_(select(named.c.achievement_id)), is_late), else_=False)


def _coming(counted: CTE) -> CTE:
    """Tell since when a set had the late ones, and in which games they were then and at the end."""
    came_at = later(UNLOCKS.known_at(counted), _official_at(counted)).label("came_at")
    told = select(counted.c.achievement_id, counted.c.after, counted.c.game_id, came_at)
    own = once(told.where(counted.c.is_late, _is_more(counted)), "coming")
    was_in, is_in = (_game_at(own, at) for at in (own.c.came_at, UNTIL))
    placed = select(own, was_in.label("was_in"), is_in.label("is_in"))
    return once(placed.where(_is_official_at(own, UNTIL)), "placed")


def _since_it_came(placed: CTE, playing: CTE) -> Select[Any]:
    """Tell their unlocks and the players of their games from when both are known."""
    then, now = playing.alias("played_then"), playing.alias("played_now")
    first_at = later(placed.c.came_at, then.c.known_at).label("first_at")
    told = select(placed.c.achievement_id, placed.c.after, placed.c.was_in.label("game_id"))
    own = once(
        told.add_columns(first_at, now.c.after.label("players_after"))
        .join(then, then.c.game_id == placed.c.was_in)
        .join(now, now.c.game_id == placed.c.is_in),
        "came",
    )
    before = _value_at(schema.achievement_counters, "unlocks", own, own.c.first_at)
    players = _value_at(schema.game_counters, "players", own, own.c.first_at)
    return select(own, before.label("before"), players.label("players_before"))


def _official_at(of: FromClause) -> ColumnElement[datetime]:
    """Find since when, in a period, a set had an achievement: null where none did."""
    own = schema.achievement_versions.alias()
    its = own.c.achievement_id == of.c.achievement_id, own.c.is_promoted.is_not(False)
    last = or_(own.c.valid_to.is_(None), own.c.valid_to > SINCE)
    began = select(later(own.c.valid_from, SINCE)).where(*its, last, own.c.valid_from <= UNTIL)
    return began.order_by(own.c.valid_from).limit(1).correlate(of).scalar_subquery()


def _is_official_at(of: FromClause, at: Instant) -> ColumnElement[bool]:
    own = schema.achievement_versions.alias()
    its = own.c.achievement_id == of.c.achievement_id, own.c.is_promoted.is_not(False)
    holds = own.c.valid_from <= at, or_(own.c.valid_to.is_(None), own.c.valid_to > at)
    is_known = or_(achievements.c.gone_at.is_(None), achievements.c.gone_at > at)
    known = achievements.c.id == of.c.achievement_id, is_known
    return select(own.c.achievement_id).where(*its, *holds, *known).correlate(of).exists()


def _game_at(of: FromClause, at: Instant) -> ColumnElement[int]:
    return func.coalesce(_value_at(schema.achievement_versions, "game_id", of, at), of.c.game_id)


def _playing() -> CTE:
    """Select the players of every game that had any: since when in a period, and at its end.

    `is_late` tells that it was known before, without any.
    """
    own = schema.game_counters
    begun, empty = own.alias("begun"), own.alias("empty")
    every = select(games.c.id.label("game_id")).subquery("every")
    has_any = begun.c.game_id == every.c.game_id, begun.c.players > 0
    first = select(func.min(begun.c.valid_from)).where(*has_any, begun.c.valid_from > SINCE)
    is_there = _value_at(own, "players", every, SINCE) > 0
    known_at = case((is_there, SINCE), else_=first.correlate(every).scalar_subquery())
    known = once(select(every, known_at.label("known_at")), "known")
    before = _value_at(own, "players", known, known.c.known_at)
    after = _value_at(own, "players", known, UNTIL)
    was_empty = select(empty.c.game_id).where(
        empty.c.game_id == known.c.game_id, empty.c.valid_from < known.c.known_at
    )
    is_late = and_(known.c.known_at > SINCE, was_empty.correlate(known).exists())
    told = select(known, before.label("before"), after.label("after"), is_late.label("is_late"))
    return once(told, "playing")


RARE: Final = Changes(_rare, lambda of: later(UNLOCKS.known_at(of), of.c.first_at))
