"""`unlocks` and `rarity`: an achievement's counters while it belonged to the set of a game."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from harvester.store import schema
from harvester.store.series import EVER, Span, Stretch, common
from harvester.store.trends import held, looked
from harvester.store.trends.asking import Question, Values
from harvester.store.trends.courses import Course, clipped
from harvester.store.trends.held import Steps
from harvester.store.trends.looked import Looks

Stays = Mapping[int, list[Stretch[Values]]]  # by achievement: in which game, whether promoted


@dataclass(frozen=True)
class _Sets:
    """In which games some achievements were, and when those were looked at."""

    stays: Stays
    looks: Mapping[int, Looks]
    unofficial: Mapping[Any, Steps]  # where the unofficial are asked about, their tickets are, too
    gone: Mapping[int, datetime]

    def seen(self, achievement: int, *, is_official: bool) -> Looks:
        """Tell when the counters of an achievement were told: while its game's set had it."""
        stays = self.stays[achievement]
        until = self.gone.get(achievement, EVER.until)
        spans = [span for stay in stays for span in self._seen(stay, is_official=is_official)]
        return common(spans, [Span(EVER.since, until)])

    def _seen(self, stay: Stretch[Values], *, is_official: bool) -> Looks:
        since, until, values = stay
        looks = common(self.looks[values["game_id"]], [Span(since, until or EVER.until)])
        if values["is_promoted"] is not False:
            return looks
        asked = self.unofficial[values["game_id"], False]
        told = [Span(start, end or EVER.until) for start, end, _ in held.narrowed(asked)]
        return [] if is_official else common(looks, told)


def _sets(question: Question, achievements: Collection[int]) -> _Sets:
    versions = held.steps(question, schema.achievement_versions, achievements)
    own = {one: held.narrowed(versions[one,], "game_id", "is_promoted") for one in achievements}
    games = {values["game_id"] for stays in own.values() for _, _, values in stays} - {None}
    looks = looked.at_games(question, "progress", games)
    unofficial = schema.game_ticket_counts.c.is_promoted.is_(False)
    told = held.steps(question, schema.game_ticket_counts, games, unofficial)
    gone = held.gone(question, schema.achievements, achievements)
    return _Sets(own, looks, told, gone)


def unlocks(question: Question) -> Iterator[Course]:
    """Show the counters of achievements; of unofficial ones only where they were asked about."""
    own = question.subjects["achievement"]
    counters, sets = held.steps(question, schema.achievement_counters, own), _sets(question, own)
    for achievement, label in own.items():
        looks = sets.seen(achievement, is_official=False)
        yield Course(label, [counters[achievement,]], looks)


def rarity(question: Question) -> Iterator[Course]:
    """Divide counters by the players of the game whose set an achievement was in then."""
    own = question.subjects["achievement"]
    counters = held.steps(question, schema.achievement_counters, own)
    ratios = held.steps(question, schema.achievement_ratios, own)
    sets = _sets(question, own)
    players = held.steps(question, schema.game_counters, sets.looks.keys())
    for achievement, label in own.items():
        around = _around(sets.stays[achievement], players)
        steps = (counters[achievement,], ratios[achievement,], around)
        yield Course(label, steps, sets.seen(achievement, is_official=True), _rare)


def _around(stays: list[Stretch[Values]], players: Mapping[Any, Steps]) -> Steps:
    """Tell the counters of the game that an achievement was in at the time."""
    games = {values["game_id"] for _, _, values in stays}
    if len(games) == 1:
        return players[games.pop(),]
    return [
        step
        for since, until, values in stays
        for step in clipped(players[values["game_id"],], Span(since, until or EVER.until))
    ]


def _rare(counters: Values | None, ratio: Values | None, game: Values | None) -> Values | None:
    if counters is None and ratio is None:
        return None
    counted, players = counters or {}, (game or {}).get("players")
    return {
        "rarity": _share(counted.get("unlocks"), players),
        "rarity_hardcore": _share(counted.get("unlocks_hardcore"), players),
        "true_ratio": ratio and ratio["true_ratio"],
    }


def _share(part: int | None, whole: int | None) -> float | None:
    return part / whole if part is not None and whole else None
