"""What changed most over a period: changes of all that there is (`changed`) -> ranks.

Each ranking is one statement; when the values were seen is added to its few rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from difflib import get_close_matches
from functools import cache
from typing import Any, Final, TypeAlias

from sqlalchemy import (
    CTE,
    ColumnCollection,
    ColumnElement,
    Connection,
    Float,
    Integer,
    Select,
    Subquery,
    bindparam,
    cast,
    func,
    select,
)

from harvester.errors import ConfigError
from harvester.store import changed, coverage, schema
from harvester.store.changed import MASTERED, RARE, UNLOCKS, Changes, Length, of_column
from harvester.store.coverage import once
from harvester.store.series import Span

Seen: TypeAlias = Mapping[tuple[Any, ...], datetime]

VALUES: Final = ("before", "after", "change", "relative", "per_day", "from_at", "to_at", "is_whole")
A_DAY: Final = timedelta(days=1)

games, achievements, users = schema.games, schema.achievements, schema.users


@dataclass(frozen=True)
class Ranking:
    """A question about what changed most: `key` names its subjects, `job` who looks at them.

    `polled` are the columns by which the polls that told them are found.
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
    Raises `ConfigError` for an unknown name. Cost: O(rows that ended in a short period, or
    keys in a long one).
    """
    ranking, span = _ranking(name), Span(since, until)
    length: Length = "short" if until - since <= changed.SHORT else "long"
    statement = _statement(name, length, is_relative=is_relative)
    period = {"since": since, "until": until, "most": limit}
    found = [dict(row) for row in conn.execute(statement, period).mappings()]
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


@cache
def _statement(name: str, length: Length, *, is_relative: bool) -> Select[Any]:
    """Put the statement together that finds the `most` largest changes of a period."""
    ranking = RANKINGS[name]
    found = once(ranking.changes.found(length), "changed")
    return _labelled(_largest(found, ranking, is_relative=is_relative), ranking)


def _largest(found: CTE, ranking: Ranking, *, is_relative: bool) -> Subquery:
    size = func.abs(found.c.after - found.c.before)
    share = size / cast(func.nullif(found.c.before, 0), Float)
    told = select(found, size.label("size"), (share if is_relative else size).label("weight"))
    order, most = _order(told.selected_columns, ranking), bindparam("most", type_=Integer)
    return told.where(size > 0).order_by(*order).limit(most).subquery("largest")


def _order(columns: ColumnCollection[str, Any], ranking: Ranking) -> Sequence[Any]:
    """Order by size; what is alike by its key, so that the answer is always the same."""
    keys = (columns[name] for name in ranking.key)
    return (columns.weight.desc().nulls_last(), columns.size.desc(), *keys)


def _labelled(largest: Subquery, ranking: Ranking) -> Select[Any]:
    """Add since when the values are known, titles and names."""
    query: Select[Any] = select(largest, ranking.changes.known_at(largest).label("known_at"))
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
    these = {name: list({row[name] for row in found}) for name in ranking.polled}
    seen: dict[tuple[Any, ...], datetime] = {}
    asked = {"job": ranking.job, "at": at, **these}
    for *key, looked in conn.execute(_looks(ranking.polled), asked):
        if looked is not None:
            then = min(looked, at)
            seen[tuple(key)] = max(then, seen.get(tuple(key), then))
    return seen


@cache
def _looks(polled: tuple[str, ...]) -> Select[Any]:
    """Put the statement together that finds the last looks of a `job` at an instant `at`."""
    own = schema.polls.c
    looked_at = coverage.last_look(bindparam("at", type_=schema.Instant))
    these = (own[name].in_(bindparam(name, expanding=True)) for name in polled)
    query = select(*(own[name] for name in polled), looked_at.label("looked_at"))
    return query.where(own.job == bindparam("job"), *these)


_GAME, _ACHIEVEMENT = ("game_id",), ("achievement_id",)
_OFFICIAL = schema.game_ticket_counts.c.is_promoted

_ALL: Final = (
    Ranking(
        "tickets",
        "tickets reported on a game's official achievements, in any state",
        "game-tickets",
        _GAME,
        of_column(schema.game_ticket_counts, "reported", _OFFICIAL),
    ),
    Ranking(
        "developers",
        "tickets on a developer's achievements that are open",
        "developer-tickets",
        ("user_id",),
        of_column(schema.developer_ticket_counts, "open"),
        ("user_id",),
    ),
    Ranking(
        "mastery", "players who hold all of a game in hardcore", "distribution", _GAME, MASTERED
    ),
    Ranking(
        "players",
        "players of a game",
        "progress",
        _GAME,
        of_column(schema.game_counters, "players"),
    ),
    Ranking(
        "unlocks",
        "unlocks of an achievement",
        "progress",
        _ACHIEVEMENT,
        UNLOCKS,
    ),
    Ranking(
        "rarity",
        "fraction of a game's players who unlocked an achievement, where some did",
        "progress",
        _ACHIEVEMENT,
        RARE,
    ),
    Ranking(
        "progress",
        "achievements that a player holds in a game",
        "progress",
        ("user_id", "game_id"),
        of_column(schema.progress, "awarded"),
        ("user_id", "game_id"),
    ),
)
RANKINGS: Final[Mapping[str, Ranking]] = {one.name: one for one in _ALL}
