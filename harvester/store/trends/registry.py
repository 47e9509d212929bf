"""The trends there are. A new one is one entry here, and a function that tells its rows."""

from collections.abc import Mapping
from typing import Final

from harvester.store import schema
from harvester.store.trends import (
    counters,
    distributions,
    revisions,
    states,
    ticket_flow,
    unlock_rate,
)
from harvester.store.trends.asking import Trend, by_period
from harvester.store.trends.courses import told

_GAME, _DEVELOPER = ("game",), ("developer",)
_ANY_ACHIEVEMENT = ("game", "achievement")
_DATED: Final = ("is_observed", "basis")
_COLUMNS: Final = {name: history.values for name, history in schema.HISTORIES.items()}
_PROGRESS: Final = _COLUMNS["progress"]
_ADVANCE: Final = tuple(name for name in _PROGRESS if not name.startswith("award_"))
_RARITY: Final = ("rarity", "rarity_hardcore", "true_ratio")
_MASTERY: Final = ("mastered", "achievements")

_ALL = (
    Trend(
        "game-tickets",
        "tickets of a game, by state",
        "state",
        _GAME,
        _GAME,
        _COLUMNS["game_ticket_counts"],
        told(states.game_tickets, _COLUMNS["game_ticket_counts"]),
        numbers=_COLUMNS["game_ticket_counts"],
        jobs=("game-tickets",),
        courses=states.game_tickets,
    ),
    Trend(
        "developer-tickets",
        "tickets on a developer's achievements, by state",
        "state",
        _DEVELOPER,
        _DEVELOPER,
        _COLUMNS["developer_ticket_counts"],
        told(states.developer_tickets, _COLUMNS["developer_ticket_counts"]),
        numbers=_COLUMNS["developer_ticket_counts"],
        jobs=("developer-tickets",),
        courses=states.developer_tickets,
    ),
    Trend(
        "ticket-flow",
        "how many tickets are opened and done with in each period, by their own dates",
        "event",
        ("game", "developer"),
        ("game", "developer"),
        ticket_flow.VALUES,
        by_period(ticket_flow.curves),
        ticket_flow.missing,
        marks=_DATED,
        jobs=("game-tickets",),
    ),
    Trend(
        "distribution",
        "how many players hold 1, 2, 3 … achievements of a game",
        "state",
        _GAME,
        _GAME,
        ("unlocked", "players"),
        by_period(distributions.distribution),
        jobs=("distribution",),
        courses=distributions.each_bucket,
    ),
    Trend(
        "mastery",
        "how many players hold all achievements of a game in hardcore",
        "state",
        _GAME,
        _GAME,
        _MASTERY,
        told(distributions.mastery, _MASTERY),
        numbers=_MASTERY,
        jobs=("distribution",),
        courses=distributions.mastery,
    ),
    Trend(
        "players",
        "players and achievements of a game",
        "state",
        _GAME,
        _GAME,
        _COLUMNS["game_counters"],
        told(states.players, _COLUMNS["game_counters"]),
        numbers=_COLUMNS["game_counters"],
        courses=states.players,
    ),
    Trend(
        "unlocks",
        "how many players unlocked an achievement, or each one of a game",
        "state",
        _ANY_ACHIEVEMENT,
        _ANY_ACHIEVEMENT,
        _COLUMNS["achievement_counters"],
        told(counters.unlocks, _COLUMNS["achievement_counters"]),
        numbers=_COLUMNS["achievement_counters"],
        courses=counters.unlocks,
    ),
    Trend(
        "unlock-rate",
        "how many unlocks fall into each period, by their own dates",
        "event",
        _ANY_ACHIEVEMENT,
        _ANY_ACHIEVEMENT,
        unlock_rate.VALUES,
        by_period(unlock_rate.curves),
        unlock_rate.missing,
        marks=_DATED,
        jobs=("unlocks", "progress"),
    ),
    Trend(
        "rarity",
        "which fraction of a game's players unlocked an achievement, and its true ratio",
        "state",
        _ANY_ACHIEVEMENT,
        _ANY_ACHIEVEMENT,
        _RARITY,
        told(counters.rarity, _RARITY),
        counters.outside,
        numbers=_RARITY,
        courses=counters.rarity,
    ),
    Trend(
        "progress",
        "how far a player is in a game, or in every game known of him",
        "state",
        ("user", "game"),
        ("user",),
        _PROGRESS,
        told(states.progress, _ADVANCE),
        numbers=_ADVANCE,
        courses=states.progress,
    ),
    Trend(
        "changes",
        "what was revised in a set, the old value beside the new one",
        "event",
        _ANY_ACHIEVEMENT,
        _ANY_ACHIEVEMENT,
        revisions.VALUES,
        revisions.rows,
        revisions.missing,
    ),
)
TRENDS: Mapping[str, Trend] = {trend.name: trend for trend in _ALL}
