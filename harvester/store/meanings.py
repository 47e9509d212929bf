"""What the columns of answers hold: kind, meaning and unit, in the words of tables and views.

Where a number is worked out and neither a table nor a view has it, its words stand here.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, TypeAlias, get_args

from sqlalchemy import Column, Table

from harvester.store import extracts, schema
from harvester.store.top import Ranking
from harvester.store.trends import Trend
from harvester.store.trends.asking import Basis
from harvester.store.view import COMMON
from harvester.store.views_of_games import MASTERY
from harvester.store.views_of_people import UNLOCKS_PER_DAY
from harvester.store.views_of_sets import RARITY, SET_CHANGES

Kind: TypeAlias = extracts.Kind | Literal["length", "any"]


@dataclass(frozen=True)
class Meaning:
    """What one column holds; `choices` are the words there are, where there are few."""

    kind: Kind
    words: str
    is_nullable: bool = True
    choices: tuple[str, ...] = ()


Meanings: TypeAlias = Mapping[str, Meaning]


def _never_null(kind: Kind, words: str, *choices: str) -> Meaning:
    return Meaning(kind, words, is_nullable=False, choices=choices)


def _as_stored(column: Column[Any]) -> Meaning:
    """Take over what a table says of a column."""
    return Meaning(_kind(column.name), str(column.doc), is_nullable=bool(column.nullable))


def _kind(name: str) -> Kind:
    return extracts.kind_named(name) or "text"


# --- trends ----------------------------------------------------------------------------

_LABELS: Final[Mapping[str, tuple[str, ...]]] = {
    "game": ("game_id", "game"),
    "achievement": ("game_id", "game", "achievement_id", "achievement"),
    "user": ("user",),
    "developer": ("developer",),
}
_SORTS: Final[Mapping[str, tuple[Column[Any], ...]]] = {  # several series of one game
    "game-tickets": (schema.game_ticket_counts.c.is_promoted,),
    "distribution": (schema.distribution.c.is_promoted, schema.distribution.c.is_hardcore),
}
_TOLD_BY: Final[Mapping[str, Table]] = {
    "game-tickets": schema.game_ticket_counts,
    "developer-tickets": schema.developer_ticket_counts,
    "distribution": schema.distribution,
    "players": schema.game_counters,
    "unlocks": schema.achievement_counters,
    "progress": schema.progress,
}
_COUNTED: Final = Meaning(
    "integer", "by how much RA's own counter moved; null where it was not seen at both ends"
)
_WORKED_OUT: Final[Mapping[str, Meanings]] = {
    "ticket-flow": {
        "opened": Meaning("integer", "tickets reported in the period, by their own dates"),
        "closed": Meaning("integer", "tickets closed in the period, by their own dates"),
        "resolved": Meaning("integer", "tickets resolved in the period, by their own dates"),
        "reopened": Meaning(
            "integer", "tickets opened again, when that was seen; null before they were watched"
        ),
        "counted": _COUNTED,
    },
    "mastery": {
        name: Meaning("integer", MASTERY.meaning(name)) for name in ("mastered", "achievements")
    },
    "unlock-rate": {
        "unlocks": Meaning("integer", "unlocks dated in the period, in any mode"),
        "unlocks_hardcore": Meaning("integer", UNLOCKS_PER_DAY.meaning("unlocks_hardcore")),
        "counted": _COUNTED,
    },
    "rarity": {
        name: Meaning(_kind(name), RARITY.meaning(name))
        for name in ("rarity", "rarity_hardcore", "true_ratio")
    },
    "changes": {
        "time": _never_null("instant", SET_CHANGES.meaning("time")),
        "achievement_id": Meaning("integer", SET_CHANGES.meaning("achievement_id")),
        "column": _never_null(
            "text", "the column of `games` or `achievements` that changed; ids are told by name"
        ),
        "old": Meaning("any", "what it was; null: nothing, or the achievement is new"),
        "new": Meaning("any", "what it became"),
    },
}
_OF_TRENDS: Final[Meanings] = {
    "time": _never_null("instant", "the end of the period"),
    "game_id": _never_null("integer", COMMON["game_id"]),
    "achievement_id": _never_null("integer", COMMON["achievement_id"]),
    "user": _never_null("text", COMMON["user"]),
    "developer": _never_null("text", COMMON["developer"]),
    "is_observed": _never_null(
        "boolean", "whether anybody had looked; where nobody had, values are null"
    ),
    "basis": Meaning(
        "text",
        "observed: it was seen as it came; reconstructed: it was found when it was over",
        choices=get_args(Basis),
    ),
}


def of_trend(trend: Trend) -> Meanings:
    """Tell what the columns of a trend's rows hold."""
    sorts = {column.name: _as_stored(column) for column in _SORTS.get(trend.name, ())}
    values = {name: _value(trend, name) for name in trend.values}
    marks = {name: _OF_TRENDS[name] for name in trend.marks}
    own = _WORKED_OUT.get(trend.name, {})
    told = {"time": _OF_TRENDS["time"], **_labels(trend.keys), **sorts, **values, **marks}
    return {name: own.get(name, meaning) for name, meaning in told.items()}


def unasked(trend: Trend) -> set[str]:
    """Name the labels that rows only have where they are asked about by that key."""
    is_either = {"game", "developer"} <= set(trend.needs)
    return set(_labels(trend.keys)) if is_either else set()


def _labels(keys: Iterable[str]) -> dict[str, Meaning]:
    """Tell what labels hold; of achievements it may be unknown in which game they are."""
    names = dict.fromkeys(name for key in keys for name in _LABELS[key])
    told = {name: _OF_TRENDS.get(name, Meaning("text", COMMON[name])) for name in names}
    if "achievement" in keys:
        told["game_id"] = replace(told["game_id"], is_nullable=True)
    return told


def _value(trend: Trend, name: str) -> Meaning:
    if own := _WORKED_OUT.get(trend.name, {}).get(name):
        return own
    return replace(_as_stored(_TOLD_BY[trend.name].c[name]), is_nullable=True)


# --- everything else -------------------------------------------------------------------

_RANKED: Final[Meanings] = {
    "rank": _never_null("integer", "its place, from 1"),
    "relative": Meaning("real", "the change by the value before; null where that was 0"),
    "per_day": Meaning("real", "the change by the days between the looks; null: no time passed"),
    "from_at": _never_null("instant", "the look that saw the value before"),
    "to_at": _never_null("instant", "the look that saw the value after"),
    "is_whole": _never_null("boolean", "false: it was first seen within the period"),
}
_CHANGED: Final = {"before": "at first", "after": "at last", "change": "how that changed"}


def of_ranking(ranking: Ranking) -> Meanings:
    """Tell what the columns of a ranking hold."""
    kind: Kind = "real" if ranking.name == "rarity" else "integer"
    values = {
        name: _never_null(kind, f"{ranking.help}: {words}") for name, words in _CHANGED.items()
    }
    keys = [name.removesuffix("_id") for name in ranking.key]
    labels = _labels(keys) | ({"user": Meaning("text", COMMON["user"])} if "user" in keys else {})
    told = {**labels, **_RANKED, **values}
    return {name: told[name] for name in ranking.columns}


_POLLS, _GAMES = schema.polls.c, schema.games.c
GAPS: Final[Meanings] = {
    "job": _as_stored(_POLLS.job),
    "target": _as_stored(_POLLS.target),
    "from_at": _never_null("instant", "since when nobody looked"),
    "to_at": _never_null("instant", "until when nobody looked"),
    "duration": _never_null("length", "how long that is, in hours, minutes and seconds"),
    "reason": _never_null("text", "why, in the words of `harvester gaps --help`"),
}
JOBS: Final[Meanings] = {
    "job": _as_stored(_POLLS.job),
    "polls": _never_null("integer", "how many targets are watched"),
    "failing": _never_null("integer", "how many of them failed at the last attempt"),
    "late": _never_null("integer", "how many should have been asked before now"),
    "never": _never_null("integer", "how many were never answered"),
    "last_ok_at": _as_stored(_POLLS.last_ok_at),
    "next_due_at": _never_null("instant", "when the next of them is asked"),
}
WATCHLIST: Final[Meanings] = {
    "game_id": _OF_TRENDS["game_id"],
    "game": Meaning("text", COMMON["game"]),
    "console": Meaning("text", "the console, by its name on RA"),
    "players": _as_stored(schema.game_counters.c.players),
    "achievements": _as_stored(schema.game_counters.c.achievements),
    "open_tickets": _as_stored(schema.game_ticket_counts.c.open),
    "gone_at": _as_stored(_GAMES.gone_at),
}
NOTES: Final[Meanings] = {
    column.name: _as_stored(column) for column in schema.discontinuities.c
} | {"source": _never_null("text", str(schema.discontinuities.c.source.doc), "ra", "user")}
