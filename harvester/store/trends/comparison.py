"""A distribution at two instants side by side: bucket by bucket, and what it comes to.

Rows have the labels of the game, `is_hardcore`, a `measure`, for "players" how many achievements
they have `unlocked`, and its value `at` the one instant, `vs` the other, and the `difference`.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection

from harvester.store import schema, subjects
from harvester.store.series import Span, sample
from harvester.store.subjects import Label
from harvester.store.trends import looked
from harvester.store.trends.asking import Question, Row
from harvester.store.trends.courses import is_seen
from harvester.store.trends.distributions import by_kind
from harvester.store.trends.held import Key, Steps, steps

COLUMNS: Final = (
    "game_id", "game", "is_hardcore", "measure", "unlocked", "at", "vs", "difference",
)  # fmt: skip
MEASURES: Final = ("holders", "median", "mastered_share", "zero_share")

Then = Mapping[int, int] | None  # players by how many they unlocked; None: not known
Number = float | None


def compare(
    conn: Connection,
    games: Collection[int],
    *,
    at: datetime,
    vs: datetime | None = None,
    now: datetime | None = None,
) -> list[Row]:
    """Tell the official distributions of games at one instant, and how it was at another.

    The measures are the players who hold any ("holders"), how many achievements the median of
    those holds, and which share of all players of the game masters the set and holds nothing.
    A value is None where nobody had looked; by `now`, the present (left out: the later of the
    two), is told whether a look is late. Raises `ConfigError` for an unknown game.
    """
    labels = subjects.games(conn, games)
    instants = [at] if vs is None else [at, vs]
    told = [_at(conn, labels, one, now or max(instants)) for one in instants]
    return [
        row
        for game, label in labels.items()
        for is_hardcore in (True, False)
        for row in _rows({**label, "is_hardcore": is_hardcore}, told, (game, True, is_hardcore))
    ]


class _Moment(NamedTuple):
    """Distributions and players of games at one instant; none where nobody had looked."""

    kinds: Mapping[Key, Then]
    players: Mapping[int, int | None]


def _at(conn: Connection, labels: subjects.Labels, at: datetime, now: datetime) -> _Moment:
    question = Question(conn, {"game": labels}, [Span(at - timedelta(seconds=1), at)], now)
    official = schema.distribution.c.is_promoted.is_(True)
    kinds = by_kind(steps(question, schema.distribution, labels, official))
    looks = looked.at_games(question, "distribution", labels)
    known = {game for game in labels if is_seen(looks[game], [at])[0]}
    held = {key: _held(buckets, at) for key, buckets in kinds.items() if key[0] in known}
    return _Moment(held, _players(question, at))


def _held(buckets: Sequence[tuple[int, Steps]], at: datetime) -> Then:
    sampled = ((unlocked, sample(own, [at])[0]) for unlocked, own in buckets)
    return {unlocked: values["players"] for unlocked, values in sampled if values}


def _players(question: Question, at: datetime) -> Mapping[int, int | None]:
    games = question.subjects["game"]
    counters = steps(question, schema.game_counters, games)
    looks = looked.at_games(question, "progress", games)
    held = {game: sample(counters[game,], [at])[0] for game in games}
    return {
        game: values["players"] if values and is_seen(looks[game], [at])[0] else None
        for game, values in held.items()
    }


def _rows(label: Label, moments: Sequence[_Moment], key: Key) -> Iterator[Row]:
    """Tell the buckets that there were at either instant, then the measures."""
    told = [moment.kinds.get(key) for moment in moments]
    for unlocked in sorted({bucket for one in told for bucket in one or {}}):
        own = {"measure": "players", "unlocked": unlocked}
        yield {**label, **own, **_beside([one and one.get(unlocked) for one in told])}
    players = [moment.players.get(key[0]) for moment in moments]
    measured = list(map(_measured, told, players))
    for name in MEASURES:
        own = {"measure": name, "unlocked": None}
        yield {**label, **own, **_beside([one.get(name) for one in measured])}


def _beside(values: Sequence[Any]) -> dict[str, Any]:
    at, vs = values[0], values[-1] if len(values) > 1 else None
    difference = None if at is None or vs is None else vs - at
    return {"at": at, "vs": vs, "difference": difference}


def _measured(told: Then, players: int | None) -> dict[str, Number]:
    """Work out what a distribution comes to."""
    if not told:
        return {}
    holders = sum(told.values())
    return {
        "holders": holders,
        "median": _median(told),
        "mastered_share": told[max(told)] / players if players else None,
        "zero_share": max(players - holders, 0) / players if players else None,
    }


def _median(told: Mapping[int, int]) -> float | None:
    """Tell how many achievements the player in the middle holds; between two, their mean."""
    buckets = sorted(told)
    up_to = list(accumulate(told[bucket] for bucket in buckets))
    if not up_to[-1]:
        return None
    middles = ((up_to[-1] - 1) // 2, up_to[-1] // 2)
    one, other = (
        next(bucket for bucket, count in zip(buckets, up_to, strict=True) if count > place)
        for place in middles
    )
    return (one + other) / 2
