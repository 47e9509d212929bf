"""`unlocks` and `rarity`: an achievement's counters while it belonged to the set of a game.

Of one that RA does not list because it is unofficial nobody knows the unlocks; it has no rarity,
and that is known.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select

from harvester.store import many, schema
from harvester.store.series import EVER, Span, Stretch, common
from harvester.store.trends import held, looked
from harvester.store.trends.asking import Question, Values
from harvester.store.trends.courses import Course, clipped
from harvester.store.trends.held import Steps
from harvester.store.trends.looked import Looks

NAMED: Final = 5
Stays = Mapping[int, list[Stretch[Values]]]  # by achievement: in which game, whether promoted


@dataclass(frozen=True)
class _Sets:
    """In which games some achievements were, and when those were looked at."""

    stays: Stays
    looks: Mapping[int, Looks]
    unofficial: Mapping[Any, Steps]  # where the unofficial are asked about, their tickets are, too
    gone: Mapping[int, datetime]
    coming: Mapping[int, int]  # into which game those came later that have no stays

    def told(self, achievement: int) -> Looks:
        """Tell when the counters of an achievement were told: while its game's set had it."""
        spans = [span for stay in self.stays[achievement] for span in self._told(stay)]
        return common(spans, [self._life(achievement)])

    def _told(self, stay: Stretch[Values]) -> Looks:
        looks = common(self.looks[stay[2]["game_id"]], [_span(stay)])
        if stay[2]["is_promoted"] is not False:
            return looks
        asked = self.unofficial[stay[2]["game_id"], False]
        return common(looks, [_span(step) for step in held.narrowed(asked)])

    def _life(self, achievement: int) -> Span:
        return Span(EVER.since, self.gone.get(achievement, EVER.until))

    def seen(self, achievement: int) -> Looks:
        """Tell when the game was looked at that an achievement was in, came into, or had left."""
        stays = self.stays[achievement]
        if achievement in self.coming:
            return self.looks[self.coming[achievement]]
        begun = [EVER.since, *(since for since, _, _ in stays[1:]), EVER.until]
        return [
            span
            for stay, life in zip(stays, map(Span, begun, begun[1:]), strict=False)
            for span in common(self.looks[stay[2]["game_id"]], [life])
        ]

    def official(self, achievement: int) -> Sequence[Span]:
        """Tell when an achievement counted in a set."""
        stays = (stay for stay in self.stays[achievement] if stay[2]["is_promoted"] is not False)
        return common([_span(stay) for stay in stays], [self._life(achievement)])


def _span(stretch: Stretch[Any]) -> Span:
    return Span(stretch[0], stretch[1] or EVER.until)


def _sets(question: Question, achievements: Collection[int]) -> _Sets:
    versions = held.steps(question, schema.achievement_versions, achievements)
    own = {one: held.narrowed(versions[one,], "game_id", "is_promoted") for one in achievements}
    coming = _coming(question, [one for one in achievements if not own[one]])
    games = {values["game_id"] for stays in own.values() for _, _, values in stays}
    games = games.union(coming.values()) - {None}
    looks = looked.at_games(question, "progress", games)
    unofficial = schema.game_ticket_counts.c.is_promoted.is_(False)
    told = held.steps(question, schema.game_ticket_counts, games, unofficial)
    gone = held.gone(question, schema.achievements, achievements)
    return _Sets(own, looks, told, gone, coming)


def _coming(question: Question, achievements: Collection[int]) -> Mapping[int, int]:
    """Tell into which game achievements came first. Cost: O(their versions)."""
    if not achievements:
        return {}
    own = schema.achievement_versions.c
    told = select(own.achievement_id, own.game_id).where(own.game_id.is_not(None))
    theirs = told.where(many.among(own.achievement_id, achievements))
    rows = question.conn.execute(theirs.order_by(own.valid_from.desc()))
    return {row.achievement_id: row.game_id for row in rows}


def unlocks(question: Question) -> Iterator[Course]:
    """Show the counters of achievements; of unofficial ones only where they were asked about."""
    own = question.subjects["achievement"]
    counters, sets = held.steps(question, schema.achievement_counters, own), _sets(question, own)
    for achievement, label in own.items():
        yield Course(label, [counters[achievement,]], sets.told(achievement))


def rarity(question: Question) -> Iterator[Course]:
    """Divide counters by the players of the game whose set an achievement was in then."""
    own = question.subjects["achievement"]
    counters = held.steps(question, schema.achievement_counters, own)
    ratios = held.steps(question, schema.achievement_ratios, own)
    sets = _sets(question, own)
    players = held.steps(question, schema.game_counters, sets.looks.keys())
    for achievement, label in own.items():
        official = sets.official(achievement)
        counted = [_within(steps[achievement,], official) for steps in (counters, ratios)]
        around = _around(sets.stays[achievement], players)
        yield Course(label, [*counted, around], sets.seen(achievement), _rare)


def _within(steps: Steps, spans: Sequence[Span]) -> Steps:
    return [step for span in spans for step in clipped(steps, span)]


def _around(stays: list[Stretch[Values]], players: Mapping[Any, Steps]) -> Steps:
    """Tell the counters of the game that an achievement was in at the time."""
    games = {values["game_id"] for _, _, values in stays}
    if len(games) == 1:
        return players[games.pop(),]
    return [step for stay in stays for step in clipped(players[stay[2]["game_id"],], _span(stay))]


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


def outside(question: Question, rows: Sequence[Values]) -> str | None:
    """Tell in one line which achievements have no rarity because no set had them in that time."""
    seen = {row["achievement_id"] for row in rows if row["is_observed"]}
    without = seen - {row["achievement_id"] for row in rows if row["rarity"] is not None}
    if not without:
        return None
    whole = replace(question, is_range=True)
    sets, asked = _sets(whole, without), [Span(whole.since, whole.until + looked.SECOND)]
    those = sorted(one for one in without if not common(sets.official(one), asked))
    more = f" and {len(those) - NAMED} more" if len(those) > NAMED else ""
    named = ", ".join(map(str, those[:NAMED]))
    return (
        f"no rarity, as no set had them in that time: achievements {named}{more}" if those else None
    )
