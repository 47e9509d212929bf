"""How things changed: intervals -> what held at the end of every period -> rows.

`answer` finds the subjects (`subjects.py`), reads the intervals that overlap the range, one
statement per table and 400 keys, and samples each key at the end of every period
(`series.py`). A new trend whose values are the columns of one table is one line in `TRENDS`;
any other is one function that tells, for each label, what there is to say of every period.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from itertools import product
from typing import Any, NamedTuple, TypeAlias

from sqlalchemy import ColumnElement, Connection, Select, Table, or_, select

from harvester.errors import ConfigError
from harvester.store import many, schema, subjects
from harvester.store.series import Period, Span, Stretch, periods, sample
from harvester.store.subjects import Label, Labels
from harvester.store.trends import listed
from harvester.store.trends import unlock_rate as rates

Key: TypeAlias = tuple[Any, ...]
Values: TypeAlias = dict[str, Any]
Subjects: TypeAlias = Mapping[str, Labels]  # by option: "game", "achievement", "user", "developer"
Spans: TypeAlias = Sequence[Span]
Sampled: TypeAlias = Mapping[Key, Sequence[Values | None]]  # what held at the end of each period
Bucket: TypeAlias = tuple[int, Sequence[Values | None]]  # how many unlocked, who held so many
# A label, and the rows of each period (none: nothing was known).
Curve: TypeAlias = tuple[Label, Sequence[Sequence[Values]]]
Curves: TypeAlias = Callable[[Connection, Subjects, Spans], Iterable[Curve]]
Missing: TypeAlias = Callable[[Connection, Subjects, Spans], str | None]


def _nothing(_conn: Connection, _asked: Subjects, _spans: Spans) -> None:
    """Have nothing to add to rows that speak for themselves."""


@dataclass(frozen=True)
class Trend:
    """A question about change: `keys` are the options it takes, one of `needs` must be given.

    Rows have `time`, labels for the keys, and the columns in `values`; `missing` tells in one
    line what the rows cannot tell yet, and how far it is.
    """

    name: str
    help: str
    keys: tuple[str, ...]
    needs: tuple[str, ...]
    values: tuple[str, ...]
    curves: Curves
    missing: Missing = _nothing


class Answer(NamedTuple):
    """The rows, in the order of time, then of the keys, and what they cannot tell yet."""

    rows: list[dict[str, Any]]
    missing: str | None


def answer(  # noqa: PLR0913 - the options of the command, one each
    conn: Connection,
    name: str,
    *,
    games: Collection[int] = (),
    achievements: Collection[int] = (),
    users: Collection[str] = (),
    developers: Collection[str] = (),
    since: datetime,
    until: datetime,
    every: Period,
) -> Answer:
    """Tell how it stood at the end of every period in (since, until], the last one at `until`.

    A value is None where nothing was known; a trend may tell what happened in the period.
    `until` must not lie in the future: what holds now would be told for then.
    Cost: reads the index entries of the keys asked, fetches the rows that overlap the range.

    Raises `ConfigError` for an unknown name or key, a missing one, and an empty range.
    """
    trend = _trend(name)
    given = {"game": games, "achievement": achievements, "user": users, "developer": developers}
    _check(trend, [key for key, those in given.items() if those])
    spans = _spans(since, until, every)
    asked = {
        "game": subjects.games(conn, games),
        "achievement": _achievements(conn, trend, achievements, games),
        "user": subjects.people(conn, users, called="user"),
        "developer": subjects.people(conn, developers, called="developer"),
    }
    rows = list(_rows(trend, list(trend.curves(conn, asked, spans)), spans))
    return Answer(rows, trend.missing(conn, asked, spans))


def _trend(name: str) -> Trend:
    if name not in TRENDS:
        near = get_close_matches(name, TRENDS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(TRENDS)}"
        raise ConfigError(f"no trend is called {name!r}, {hint}")
    return TRENDS[name]


def _check(trend: Trend, given: Collection[str]) -> None:
    for key in given:
        if key not in trend.keys:
            raise ConfigError(f"trend {trend.name} takes {_options(trend.keys)}, not --{key}")
    if not any(key in given for key in trend.needs):
        raise ConfigError(f"trend {trend.name} needs {_options(trend.needs)}")


def _options(keys: Iterable[str]) -> str:
    return " or ".join(f"--{key}" for key in keys)


def _spans(since: datetime, until: datetime, every: Period) -> Spans:
    try:
        return periods(since, until, every)
    except ValueError as error:
        raise ConfigError(str(error)) from None


def _achievements(
    conn: Connection, trend: Trend, own: Collection[int], games: Collection[int]
) -> Labels:
    """Find the achievements asked for: named ones, and all those of named games."""
    if "achievement" not in trend.keys:
        return {}
    return subjects.achievements(conn, own, of_games=games)


def _rows(trend: Trend, curves: Sequence[Curve], spans: Spans) -> Iterator[dict[str, Any]]:
    nothing: Values = dict.fromkeys(trend.values)
    for index, span in enumerate(spans):
        for label, held in curves:
            for values in held[index] or [nothing]:
                yield {"time": span.until, **label, **values}


def _sampled(
    conn: Connection,
    table: Table,
    ids: Iterable[int],
    spans: Spans,
    *narrowed: ColumnElement[bool],
) -> Sampled:
    """Sample the keys of a history table whose first column is one of `ids`."""
    history, instants = schema.HISTORIES[table.name], [span.until for span in spans]
    held: dict[Key, list[Stretch[Values]]] = defaultdict(list)
    first = many.among(table.c[history.key[0]], list(ids))
    for row in conn.execute(_overlapping(history, instants).where(first, *narrowed)):
        key, (start, end, *values) = row[: len(history.key)], row[len(history.key) :]
        held[key].append((start, end, dict(zip(history.values, values, strict=True))))
    unknown: Sequence[Values | None] = [None] * len(instants)
    sampled = {key: sample(stretches, instants) for key, stretches in held.items()}
    return defaultdict(lambda: unknown, sampled)


def _overlapping(history: schema.History, instants: Sequence[datetime]) -> Select[Any]:
    """Select key, bounds and values of what held at some time between first and last instant."""
    columns = history.table.c
    key = [columns[name] for name in history.key]
    values = [columns[name] for name in history.values]
    return (
        select(*key, columns.valid_from, columns.valid_to, *values)
        .where(columns.valid_from <= instants[-1])
        .where(or_(columns.valid_to.is_(None), columns.valid_to > instants[0]))
        .order_by(*key, columns.valid_from)
    )


def _singly(samples: Iterable[Values | None]) -> list[list[Values]]:
    return [[] if values is None else [values] for values in samples]


def _columns(table: Table, key: str) -> Curves:
    """Make the curves of a trend that shows the columns of a table keyed by one subject."""

    def curves(conn: Connection, asked: Subjects, spans: Spans) -> Iterator[Curve]:
        held = _sampled(conn, table, asked[key], spans)
        for own, label in asked[key].items():
            yield label, _singly(held[own,])

    return curves


def _game_tickets(conn: Connection, asked: Subjects, spans: Spans) -> Iterator[Curve]:
    """Show unofficial achievements too, where the tickets of any were counted."""
    held = _sampled(conn, schema.game_ticket_counts, asked["game"], spans)
    for game, label in asked["game"].items():
        for is_promoted in (True, False) if (game, False) in held else (True,):
            yield {**label, "is_promoted": is_promoted}, _singly(held[game, is_promoted])


def _distribution(conn: Connection, asked: Subjects, spans: Spans) -> Iterator[Curve]:
    """Show hardcore, casual, and both again for unofficial achievements where any are known."""
    held = _sampled(conn, schema.distribution, asked["game"], spans)
    kinds = _by_kind(held)
    for game, label in asked["game"].items():
        for is_promoted, is_hardcore in product((True, False), repeat=2):
            buckets = kinds.get((game, is_promoted, is_hardcore), [])
            if buckets or is_promoted:
                kind = {"is_promoted": is_promoted, "is_hardcore": is_hardcore}
                yield {**label, **kind}, _buckets(buckets, spans)


def _by_kind(held: Sampled) -> Mapping[Key, list[Bucket]]:
    """Sort the buckets of many distributions by distribution: game, official, hardcore."""
    kinds: dict[Key, list[Bucket]] = defaultdict(list)
    for (*kind, unlocked), samples in held.items():
        kinds[tuple(kind)].append((unlocked, samples))
    return kinds


def _buckets(buckets: Sequence[Bucket], spans: Spans) -> list[list[Values]]:
    """Tell the buckets that one distribution had at the end of each period, in order."""
    return [
        [
            {"unlocked": unlocked, **held}
            for unlocked, samples in buckets
            if (held := samples[index])
        ]
        for index in range(len(spans))
    ]


def _mastery(conn: Connection, asked: Subjects, spans: Spans) -> Iterator[Curve]:
    """Take the last bucket: every bucket is sent, empty ones too, up to the size of the set."""
    columns = schema.distribution.c
    official = columns.is_promoted.is_(True), columns.is_hardcore.is_(True)
    kinds = _by_kind(_sampled(conn, schema.distribution, asked["game"], spans, *official))
    for game, label in asked["game"].items():
        held = _buckets(kinds.get((game, True, True), []), spans)
        yield label, [[_mastered(buckets[-1])] if buckets else [] for buckets in held]


def _mastered(last: Values) -> Values:
    return {"achievements": last["unlocked"], "mastered": last["players"]}


def _rarity(conn: Connection, asked: Subjects, spans: Spans) -> Iterator[Curve]:
    """Divide counters by the players of the game that an achievement belonged to then."""
    own = asked["achievement"]
    counters = _sampled(conn, schema.achievement_counters, own, spans)
    ratios = _sampled(conn, schema.achievement_ratios, own, spans)
    players = _players_then(conn, own, spans)
    for achievement, label in own.items():
        key = (achievement,)
        then = zip(counters[key], ratios[key], players[achievement], strict=True)
        yield label, [_rare(*these) for these in then]


def _players_then(
    conn: Connection, achievements: Labels, spans: Spans
) -> Mapping[int, Sequence[int | None]]:
    versions = _sampled(conn, schema.achievement_versions, achievements, spans)
    games = {own: _column("game_id", versions[own,]) for own in achievements}
    ids = {game for then in games.values() for game in then if game is not None}
    counters = _sampled(conn, schema.game_counters, ids, spans)
    players = {game: _column("players", counters[game,]) for game in ids}
    return {
        own: [game and players[game][index] for index, game in enumerate(then)]
        for own, then in games.items()
    }


def _column(name: str, samples: Iterable[Values | None]) -> list[int | None]:
    return [None if values is None else values[name] for values in samples]


def _rare(counters: Values | None, ratio: Values | None, players: int | None) -> list[Values]:
    if counters is None and ratio is None:
        return []
    counters = counters or {}
    return [
        {
            "rarity": _share(counters.get("unlocks"), players),
            "rarity_hardcore": _share(counters.get("unlocks_hardcore"), players),
            "true_ratio": ratio and ratio["true_ratio"],
        }
    ]


def _share(part: int | None, whole: int | None) -> float | None:
    return part / whole if part is not None and whole else None


def _progress(conn: Connection, asked: Subjects, spans: Spans) -> Iterator[Curve]:
    """Show these games, or without any all those the player is known to have played."""
    table, games = schema.progress, asked["game"]
    narrowed = [table.c.game_id.in_(games)] if games else []
    held = _sampled(conn, table, asked["user"], spans, *narrowed)
    games = games or subjects.games(conn, sorted({game for _, game in held}))
    for user, name in asked["user"].items():
        for game, title in games.items():
            if asked["game"] or (user, game) in held:
                yield {**name, **title}, _singly(held[user, game])


_GAME, _ANY_ACHIEVEMENT = ("game",), ("game", "achievement")

_ALL = (
    Trend(
        "game-tickets",
        "tickets of a game, by state",
        _GAME,
        _GAME,
        schema.HISTORIES["game_ticket_counts"].values,
        _game_tickets,
    ),
    Trend(
        "developer-tickets",
        "tickets on a developer's achievements, by state",
        ("developer",),
        ("developer",),
        schema.HISTORIES["developer_ticket_counts"].values,
        _columns(schema.developer_ticket_counts, "developer"),
    ),
    Trend(
        "distribution",
        "how many players hold 1, 2, 3 … achievements of a game",
        _GAME,
        _GAME,
        ("unlocked", "players"),
        _distribution,
    ),
    Trend(
        "mastery",
        "how many players hold all achievements of a game in hardcore",
        _GAME,
        _GAME,
        ("achievements", "mastered"),
        _mastery,
    ),
    Trend(
        "players",
        "players and achievements of a game",
        _GAME,
        _GAME,
        schema.HISTORIES["game_counters"].values,
        _columns(schema.game_counters, "game"),
    ),
    Trend(
        "unlocks",
        "how many players unlocked an achievement, or each one of a game",
        _ANY_ACHIEVEMENT,
        _ANY_ACHIEVEMENT,
        schema.HISTORIES["achievement_counters"].values,
        _columns(schema.achievement_counters, "achievement"),
    ),
    Trend(
        "unlock-rate",
        "how many unlocks fall into each period, by their own dates",
        _ANY_ACHIEVEMENT,
        _ANY_ACHIEVEMENT,
        rates.VALUES,
        rates.curves,
        listed.missing,
    ),
    Trend(
        "rarity",
        "which fraction of a game's players unlocked an achievement, and its true ratio",
        _ANY_ACHIEVEMENT,
        _ANY_ACHIEVEMENT,
        ("rarity", "rarity_hardcore", "true_ratio"),
        _rarity,
    ),
    Trend(
        "progress",
        "how far a player is in a game, or in every game known of him",
        ("user", "game"),
        ("user",),
        schema.HISTORIES["progress"].values,
        _progress,
    ),
)
TRENDS: Mapping[str, Trend] = {trend.name: trend for trend in _ALL}
