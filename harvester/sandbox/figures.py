"""Figures RetroAchievements derives from its rows: counters, distribution, ratios, awards.

Counters and the distribution count ranked users only; unlock lists do not. Results are kept
on the rows until a change clears them.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from harvester.sandbox.records import Achievement, Game, Tally, Unlock, User

RATIO_SHARE = 0.4
"""How much of a true ratio follows rarity."""

AWARDS = ("mastered", "completed", "beaten-hardcore", "beaten-softcore")
"""All kinds, best first; RA's interface kept "softcore" when the site began to say casual."""


class Standing(NamedTuple):
    """How far one player is in one set."""

    total: int
    hardcore: int
    possible: int


def listed(game: Game, *, is_promoted: bool = True) -> list[Achievement]:
    """Return the achievements of a set that are official (or unofficial) and not deleted."""
    rows = game.achievements.values()
    return [row for row in rows if row.is_promoted is is_promoted and not row.is_deleted]


def counters(achievement: Achievement) -> tuple[int, int]:
    """Return unlocks in any mode and in hardcore, as RA last counted them."""
    if achievement.frozen is not None:
        return achievement.frozen
    if achievement.counted is None:
        achievement.counted = counted(achievement)
    return achievement.counted


def counted(achievement: Achievement) -> tuple[int, int]:
    """Count now, ranked users only."""
    ranked = [row for row in achievement.unlocks.values() if row.user.is_ranked]
    return len(ranked), sum(row.hardcore_at is not None for row in ranked)


def tallies(game: Game, *, is_promoted: bool = True) -> dict[str, Tally]:
    """Return what each player holds of a set, by ULID, unranked players included."""
    if is_promoted not in game.tallies:
        game.tallies[is_promoted] = _tallied(listed(game, is_promoted=is_promoted))
    return game.tallies[is_promoted]


def _tallied(achievements: Iterable[Achievement]) -> dict[str, Tally]:
    tallied: dict[str, Tally] = {}
    for achievement in achievements:
        for ulid, row in achievement.unlocks.items():
            tally = tallied.get(ulid) or tallied.setdefault(ulid, Tally(row.user))
            tally.total += 1
            tally.hardcore += row.hardcore_at is not None
    return tallied


def players(game: Game) -> int:
    """Count the ranked players with at least one unlock of the official set."""
    if game.players is None:
        game.players = sum(tally.user.is_ranked for tally in tallies(game).values())
    return game.players


def distribution(game: Game, *, is_hardcore: bool, is_promoted: bool, owner: str) -> dict[int, int]:
    """Count players per number of achievements held; {} where the set is empty.

    Casual means casual only (total less hardcore). Unranked players are left out, except the
    key's owner, who always sees himself (`app/Helpers/database/player-achievement.php`).
    """
    held = Counter(
        tally.hardcore if is_hardcore else tally.total - tally.hardcore
        for tally in tallies(game, is_promoted=is_promoted).values()
        if tally.user.is_ranked or tally.user.ulid == owner
    )
    buckets = len(listed(game, is_promoted=is_promoted))
    return {bucket: held[bucket] for bucket in range(1, buckets + 1)}


def true_ratio(achievement: Achievement) -> int:
    """Weigh the points by rarity, so that the value moves with every recount."""
    _, hardcore = counters(achievement)
    rarity = players(achievement.game) / max(hardcore, 1)
    weight = 1 - RATIO_SHARE + max(rarity, 1) * RATIO_SHARE
    return int(achievement.points * weight)


def standing(game: Game, user: User) -> Standing:
    """Return how many official achievements a player holds, and how many there are."""
    official = listed(game)
    rows = [row.unlocks[user.ulid] for row in official if user.ulid in row.unlocks]
    return Standing(len(rows), sum(row.hardcore_at is not None for row in rows), len(official))


def percent(part: int, whole: int) -> float:
    """Return the share in per cent, rounded to two decimals as RA shows it; 0 of nothing."""
    return round(100 * part / whole, 2) if whole else 0.0


def award(game: Game, user: User) -> tuple[str, datetime] | None:
    """Return the highest award a player was given for a game, and when."""
    given = game.awards.get(user.ulid, {})
    return next(((kind, given[kind]) for kind in AWARDS if kind in given), None)


def deserved(game: Game, user: User) -> list[str]:
    """Name the awards a player has earned by the present set, best first."""
    official = listed(game)
    held = [row.unlocks.get(user.ulid) for row in official]
    earned = (
        bool(held) and all(row and row.hardcore_at for row in held),
        bool(held) and all(held),
        _is_beaten(official, held, is_hardcore=True),
        _is_beaten(official, held, is_hardcore=False),
    )
    return [kind for kind, is_earned in zip(AWARDS, earned, strict=True) if is_earned]


def _is_beaten(
    official: list[Achievement], held: list[Unlock | None], *, is_hardcore: bool
) -> bool:
    """All of the progression, and one of the ways to win where there are such."""
    earned: dict[str | None, list[bool]] = {}
    for achievement, row in zip(official, held, strict=True):
        has = row is not None and (not is_hardcore or row.hardcore_at is not None)
        earned.setdefault(achievement.type, []).append(has)
    progression, wins = earned.get("progression", []), earned.get("win_condition", [])
    return bool(progression or wins) and all(progression) and (not wins or any(wins))
