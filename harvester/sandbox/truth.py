"""How the simulated RetroAchievements really is, in plain values for tests to compare with."""

from datetime import datetime
from typing import TypedDict

from harvester.sandbox import figures
from harvester.sandbox.records import Achievement, Game, Ticket, User

UnlockTruth = dict[str, tuple[datetime, datetime | None]]
"""First unlock and hardcore date by ULID."""


class TicketTruth(TypedDict):
    """A ticket; people are ULIDs, `type` and `state` RA's numbers."""

    achievement_id: int
    is_promoted: bool
    type: int
    state: int
    notes: str
    is_hardcore: bool | None
    reporter: str | None
    assignee: str | None
    reported_at: datetime
    resolved_at: datetime | None
    resolver: str | None


class ProgressTruth(TypedDict):
    """A player in a game; completions are fractions 0..1, rounded as RA sends them."""

    awarded: int
    awarded_hardcore: int
    completion: float
    completion_hardcore: float
    playtime_seconds: int
    award_kind: str | None
    award_at: datetime | None


def unlocks(achievement: Achievement) -> UnlockTruth:
    """Return who holds an achievement since when."""
    rows = achievement.unlocks.items()
    return {ulid: (row.unlocked_at, row.hardcore_at) for ulid, row in rows}


def tickets(game: Game) -> dict[int, TicketTruth]:
    """Return a game's tickets by id, deleted ones left out."""
    rows = (row for achievement in game.achievements.values() for row in achievement.tickets)
    return {row.id: _ticket(row) for row in rows if not row.is_deleted}


def _ticket(row: Ticket) -> TicketTruth:
    return {
        "achievement_id": row.achievement.id,
        "is_promoted": row.achievement.is_promoted,
        "type": row.type,
        "state": row.state,
        "notes": row.notes,
        "is_hardcore": row.is_hardcore,
        "reporter": ulid_or_none(row.reporter),
        "assignee": ulid_or_none(row.assignee),
        "reported_at": row.reported_at,
        "resolved_at": row.resolved_at,
        "resolver": ulid_or_none(row.resolver),
    }


def ulid_or_none(user: User | None) -> str | None:
    """Return the ULID of somebody, if there is somebody."""
    return None if user is None else user.ulid


def progress(game: Game, user: User) -> ProgressTruth:
    """Return how far a player is in a game."""
    total, hardcore, possible = figures.standing(game, user)
    award = figures.award(game, user)
    return {
        "awarded": total,
        "awarded_hardcore": hardcore,
        "completion": round(figures.percent(total, possible) / 100, 4),
        "completion_hardcore": round(figures.percent(hardcore, possible) / 100, 4),
        "playtime_seconds": game.playtimes.get(user.ulid, 0),
        "award_kind": award and award[0],
        "award_at": award and award[1],
    }
