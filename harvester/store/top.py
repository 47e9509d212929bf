"""What changed most over a period: intervals that ended in it -> changes -> ranks.

Only what changed has a row that ended in the period, so nothing that stood still is read.
Each ranking is one statement; when the values were seen is added to its few rows.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import Any, Final, TypeAlias

from sqlalchemy import (
    CTE,
    ColumnCollection,
    ColumnElement,
    Connection,
    Float,
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

from harvester.errors import ConfigError
from harvester.store import coverage, schema
from harvester.store.coverage import later, once
from harvester.store.series import Span

Changes: TypeAlias = Callable[[Span], Select[Any]]
Instant: TypeAlias = ColumnElement[datetime]
Seen: TypeAlias = Mapping[tuple[Any, ...], datetime]

VALUES: Final = ("before", "after", "change", "relative", "per_day", "from_at", "to_at", "is_whole")
A_DAY: Final = timedelta(days=1)
SHORT: Final = timedelta(
    days=10
)  # after which most keys have changed: what ended are many times more

games, achievements, users = schema.games, schema.achievements, schema.users


@dataclass(frozen=True)
class Ranking:
    """A question about what changed most: `key` names its subjects, `job` who looks at them.

    `changes` selects for a period the key, the values `before` and `after`, and since when the
    first one is known (`known_at`), of all that changed. `polled` are the columns by which the
    polls that told them are found.
    """

    name: str
    help: str
    job: str
    key: tuple[str, ...]
    changes: Changes
    polled: tuple[str, ...] = ("game_id",)

    @property
    def labels(self) -> tuple[str, ...]:
        """Name the columns that say what a row is about."""
        by_key = {
            "game_id": ("game_id", "game"),
            "achievement_id": ("game_id", "game", "achievement_id", "achievement"),
            "user_id": ("user",),
        }
        return tuple(name for key in self.key for name in by_key[key])

    @property
    def columns(self) -> tuple[str, ...]:
        """Name the columns of its rows."""
        return ("rank", *self.labels, *VALUES)


def ranked(
    conn: Connection,
    name: str,
    *,
    since: datetime,
    until: datetime,
    limit: int = 10,
    is_relative: bool = False,
) -> list[dict[str, Any]]:
    """Return the `limit` largest changes of a ranking in (since, until], largest first.

    Up or down, by their size, or by their share of the value before (`relative`, None where
    that was 0). A value counts from `since` on, or from when it was first seen where that is
    later: then `is_whole` is false, for what was first seen did not come from nothing.
    `per_day` goes by the time between the looks that saw the values, `from_at` and `to_at`.
    Raises `ConfigError` for an unknown name. Cost: O(rows that ended since `since`).
    """
    ranking, span = _ranking(name), Span(since, until)
    largest = _largest(ranking, span, limit, is_relative=is_relative)
    found = [dict(row) for row in conn.execute(_labelled(largest, ranking)).mappings()]
    first, last = (_seen(conn, ranking, found, at) for at in span)
    return [_row(ranking, rank, row, span, (first, last)) for rank, row in enumerate(found, 1)]


def _ranking(name: str) -> Ranking:
    if name not in RANKINGS:
        near = get_close_matches(name, RANKINGS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(RANKINGS)}"
        raise ConfigError(f"no ranking is called {name!r}, {hint}")
    return RANKINGS[name]


def _row(
    ranking: Ranking, rank: int, row: Mapping[str, Any], span: Span, seen: tuple[Seen, Seen]
) -> dict[str, Any]:
    """Tell a change by the time that passed between the looks that saw both values."""
    key = tuple(row[name] for name in ranking.polled)
    is_whole = row["known_at"] <= span.since
    from_at = seen[0].get(key, span.since) if is_whole else row["known_at"]
    to_at = max(seen[1].get(key, span.until), from_at)
    change, days = row["after"] - row["before"], (to_at - from_at) / A_DAY
    return {
        "rank": rank,
        **{name: row[name] for name in ranking.labels},
        "before": row["before"],
        "after": row["after"],
        "change": change,
        "relative": change / row["before"] if row["before"] else None,
        "per_day": change / days if days else None,
        "from_at": from_at,
        "to_at": to_at,
        "is_whole": is_whole,
    }


# --- the largest changes ---------------------------------------------------------------


def _largest(ranking: Ranking, span: Span, limit: int, *, is_relative: bool) -> Subquery:
    found = once(ranking.changes(span), "changed")
    size = func.abs(found.c.after - found.c.before)
    share = size / cast(func.nullif(found.c.before, 0), Float)
    told = select(found, size.label("size"), (share if is_relative else size).label("weight"))
    order = _order(told.selected_columns, ranking)
    return told.where(size > 0).order_by(*order).limit(limit).subquery("largest")


def _order(columns: ColumnCollection[str, Any], ranking: Ranking) -> Sequence[Any]:
    """Order by size; what is alike by its key, so that the answer is always the same."""
    keys = (columns[name] for name in ranking.key)
    return (columns.weight.desc().nulls_last(), columns.size.desc(), *keys)


def _labelled(largest: Subquery, ranking: Ranking) -> Select[Any]:
    """Add titles and names."""
    query: Select[Any] = select(largest)
    source: Any = largest
    game: ColumnElement[int] | None = None
    if "achievement_id" in ranking.key:
        source = source.outerjoin(achievements, achievements.c.id == largest.c.achievement_id)
        query = query.add_columns(achievements.c.title.label("achievement"), achievements.c.game_id)
        game = achievements.c.game_id
    elif "game_id" in ranking.key:
        game = largest.c.game_id
    if game is not None:
        source = source.outerjoin(games, games.c.id == game)
        query = query.add_columns(games.c.title.label("game"))
    if "user_id" in ranking.key:
        source = source.outerjoin(users, users.c.id == largest.c.user_id)
        query = query.add_columns(func.coalesce(users.c.name, users.c.ulid).label("user"))
    return query.select_from(source).order_by(*_order(largest.c, ranking))


def _seen(
    conn: Connection, ranking: Ranking, found: list[dict[str, Any]], at: datetime
) -> dict[tuple[Any, ...], datetime]:
    """Tell when the subjects of some rows were last looked at before an instant."""
    own = schema.polls.c
    looked_at = coverage.last_look(at)
    query = select(*(own[column] for column in ranking.polled), looked_at.label("looked_at"))
    these = (own[name].in_({row[name] for row in found}) for name in ranking.polled)
    chosen = query.where(own.job == ranking.job, *these)
    seen: dict[tuple[Any, ...], datetime] = {}
    for *key, looked in conn.execute(chosen):
        if looked is not None:
            then = min(looked, at)
            seen[tuple(key)] = max(then, seen.get(tuple(key), then))
    return seen


# --- what changed ----------------------------------------------------------------------


def _value_at(table: Table, column: str, of: Subquery | CTE, at: Instant) -> ColumnElement[Any]:
    """Find what the keys of `of` held at an instant: one step into the index for each."""
    own = table.alias()
    is_held = or_(own.c.valid_to.is_(None), own.c.valid_to > at)
    same = (own.c[name] == of.c[name] for name in schema.HISTORIES[table.name].key)
    newest = select(case((is_held, own.c[column]))).where(*same, own.c.valid_from <= at)
    return newest.order_by(own.c.valid_from.desc()).limit(1).correlate(of).scalar_subquery()


def _columns(table: Table, column: str, *only: Any) -> Changes:  # noqa: ANN401 - conditions
    """Make the changes of one column of a history table."""

    def changes(span: Span) -> Select[Any]:
        find = _by_what_ended if span.until - span.since <= SHORT else _by_what_holds
        return find(table, column, span, *only)

    return changes


def _by_what_ended(table: Table, column: str, span: Span, *only: Any) -> Select[Any]:  # noqa: ANN401 - conditions
    """Compare the first value that ended in a period with that at its end."""
    first = _first(table, table.c[column], span, *only)
    key = (first.c[name] for name in schema.HISTORIES[table.name].key)
    after = _value_at(table, column, first, coverage.instant(span.until))
    return select(*key, first.c.value.label("before"), after.label("after"), first.c.known_at)


def _first(table: Table, value: ColumnElement[Any], span: Span, *only: Any) -> Subquery:  # noqa: ANN401 - conditions
    """Select of every key that changed the first value of a period, and since when it is known."""
    history = schema.HISTORIES[table.name]
    key = [table.c[name] for name in history.key]
    place = func.row_number().over(partition_by=key, order_by=table.c.valid_to)
    ended = (table.c.valid_to > span.since, table.c.valid_to <= span.until, value.is_not(None))
    told = [*key, value.label("value"), table.c.valid_from.label("known_at"), place.label("place")]
    ranked = select(*told).where(*ended, *only).subquery()
    return select(ranked).where(ranked.c.place == 1).subquery()


def _by_what_holds(table: Table, column: str, span: Span, *only: Any) -> Select[Any]:  # noqa: ANN401 - conditions
    """Compare what holds at the end of a period with the first value that was known in it."""
    since, held = coverage.instant(span.since), _held(table, column, span, *only)
    began = once(select(held, _value_at(table, column, held, since).label("at_first")), "began")
    seen = _first_seen(table, column, began, since)
    known_at = case((began.c.at_first.is_(None), seen), else_=since)
    known = once(select(began, known_at.label("known_at")), "known")
    before = func.coalesce(known.c.at_first, _value_at(table, column, known, known.c.known_at))
    key = (known.c[name] for name in schema.HISTORIES[table.name].key)
    return select(*key, before.label("before"), known.c.after, known.c.known_at)


def _first_seen(table: Table, column: str, of: CTE, since: Instant) -> ColumnElement[datetime]:
    """Find when the keys of `of` were first known after an instant."""
    own = table.alias()
    same = (own.c[name] == of.c[name] for name in schema.HISTORIES[table.name].key)
    known = select(own.c.valid_from).where(*same, own.c.valid_from > since)
    first = known.where(own.c[column].is_not(None)).order_by(own.c.valid_from).limit(1)
    return first.correlate(of).scalar_subquery()


def _held(table: Table, column: str, span: Span, *only: Any) -> Subquery:  # noqa: ANN401 - conditions
    """Select the keys whose values at the end of a period began in it, from two indexes."""
    own = table.c
    began = (own.valid_from > span.since, own.valid_from <= span.until)
    value = own[column].label("after")
    told = select(*(own[name] for name in schema.HISTORIES[table.name].key), value)
    current, past = own.valid_to.is_(None), own.valid_to > span.until
    return union_all(*(told.where(*began, one, *only) for one in (current, past))).subquery("held")


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
    return select(known.c.game_id, before.label("before"), after.label("after"), known.c.known_at)


def _last_bucket(known: Subquery, at: ColumnElement[datetime]) -> ColumnElement[int]:
    own = schema.distribution.alias()
    holds = and_(own.c.valid_from <= at, or_(own.c.valid_to.is_(None), own.c.valid_to > at))
    of_game = and_(own.c.game_id == known.c.game_id, own.c.is_promoted, own.c.is_hardcore)
    found = select(own.c.players).where(of_game, holds).order_by(own.c.unlocked.desc()).limit(1)
    return found.correlate(known).scalar_subquery()


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
            later(moved.c.known_at, then.c.known_at).label("known_at"),
        )
        .join(then, then.c.game_id == moved.c.was_in)
        .join(now, now.c.game_id == moved.c.is_in)
    )


def _placed(span: Span) -> Select[Any]:
    """Add to the unlocks of achievements in which game each was then, and in which it is now."""
    moved = _columns(schema.achievement_counters, "unlocks")(span).subquery("counted")
    ends = later(moved.c.known_at, coverage.instant(span.since)), coverage.instant(span.until)
    versions, own = schema.achievement_versions, achievements.c
    was_in, is_in = (
        func.coalesce(_value_at(versions, "game_id", moved, at), own.game_id) for at in ends
    )
    told = select(moved, was_in.label("was_in"), is_in.label("is_in"))
    return told.join(achievements, own.id == moved.c.achievement_id)


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


_GAME, _ACHIEVEMENT = ("game_id",), ("achievement_id",)
_OFFICIAL = schema.game_ticket_counts.c.is_promoted

_ALL: Final = (
    Ranking(
        "tickets",
        "tickets reported on a game's official achievements, in any state",
        "game-tickets",
        _GAME,
        _columns(schema.game_ticket_counts, "reported", _OFFICIAL),
    ),
    Ranking(
        "developers",
        "tickets on a developer's achievements that are open",
        "developer-tickets",
        ("user_id",),
        _columns(schema.developer_ticket_counts, "open"),
        ("user_id",),
    ),
    Ranking(
        "mastery", "players who hold all of a game in hardcore", "distribution", _GAME, _mastered
    ),
    Ranking(
        "players",
        "players of a game",
        "progress",
        _GAME,
        _columns(schema.game_counters, "players"),
    ),
    Ranking(
        "unlocks",
        "unlocks of an achievement",
        "progress",
        _ACHIEVEMENT,
        _columns(schema.achievement_counters, "unlocks"),
    ),
    Ranking(
        "rarity",
        "fraction of a game's players who unlocked an achievement, where some did",
        "progress",
        _ACHIEVEMENT,
        _rare,
    ),
    Ranking(
        "progress",
        "achievements that a player holds in a game",
        "progress",
        ("user_id", "game_id"),
        _columns(schema.progress, "awarded"),
        ("user_id", "game_id"),
    ),
)
RANKINGS: Final[Mapping[str, Ranking]] = {one.name: one for one in _ALL}
