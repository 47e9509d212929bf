"""A small RetroAchievements: change it, then ask it.

Changes take effect at once, at the simulated instant `World.now`. What RA derives (counters,
awards, points) follows by itself. While the world is served, hold `World.lock` to change it
from a thread other than the one that waits for the answers.
"""

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import RLock
from typing import TYPE_CHECKING, Unpack

from harvester.sandbox import figures, truth
from harvester.sandbox.faults import Detail, Fault, Faults, Kind
from harvester.sandbox.people import People
from harvester.sandbox.records import (
    START,
    Achievement,
    AchievementDetails,
    AchievementRevision,
    Asked,
    Game,
    GameDetails,
    GameRevision,
    State,
    Ticket,
    TicketDetails,
    Unlock,
    User,
)

if TYPE_CHECKING:
    from harvester.sandbox.truth import ProgressTruth, TicketTruth


@dataclass(eq=False, repr=False)  # its parts refer to each other: a repr would never end
class World:
    """Players, games and tickets, an instant, the faults on order and the request log.

    `username` owns `key` and exists from the start. Pages of an unlock list that end deeper
    than `tie_switch` rows return tied seconds the other way round, as MariaDB does. Of tickets
    reported in one second the newer id comes first (RA's rule since 2026-05-16), or last.
    `before_answer` is called with every request before its answer is made up and may change
    the world; `asked` is the log of the requests.
    """

    now: datetime = START
    key: str = "sandbox-key"
    username: str = "SandboxOwner"
    tie_switch: int = 1300
    is_newer_ticket_first: bool = True
    before_answer: Callable[[Asked], None] | None = None
    asked: list[Asked] = field(default_factory=list)
    people: People = field(default_factory=People)
    consoles: dict[int, str] = field(default_factory=dict)
    games: dict[int, Game] = field(default_factory=dict)
    achievements: dict[int, Achievement] = field(default_factory=dict)
    tickets: dict[int, Ticket] = field(default_factory=dict)
    faults: Faults = field(default_factory=Faults)
    lock: RLock = field(default_factory=RLock)
    owner: User = field(init=False)
    _rows: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        self.owner = self.people.add(self.username, None)

    # Time and trouble

    def advance(self, **delta: float) -> None:
        """Let simulated time pass; keywords as for `timedelta`."""
        self.now = (self.now + timedelta(**delta)).replace(microsecond=0)

    def fail(
        self,
        kind: Kind,
        *,
        times: int = 1,
        only: str | None = None,
        after: int = 0,
        **detail: Unpack[Detail],
    ) -> None:
        """Spoil coming requests, of one endpoint only or of all; see `faults` for the kinds."""
        self.faults.order(Fault(kind, detail, times, only, after))

    # People

    def add_user(self, name: str, ulid: str | None = None) -> str:
        """Sign somebody up and return the ULID; raises `ValueError` if the name is taken."""
        return self.people.add(name, ulid).ulid

    def rename(self, ulid: str, new_name: str) -> None:
        """Change the display name everywhere; raises `ValueError` if it is taken."""
        self.people.rename(self.people[ulid], new_name)

    def hide_ulid(self, ulid: str, *, is_hidden: bool = True) -> None:
        """Tell somebody's name only, with null for the ULID; or tell the ULID again."""
        self.people[ulid].is_ulid_told = not is_hidden

    def unrank(self, ulid: str) -> None:
        """Leave a player out of counters and distributions; the unlock rows stay."""
        self._rank(self.people[ulid], is_ranked=False)

    def rerank(self, ulid: str) -> None:
        """Count a player again."""
        self._rank(self.people[ulid], is_ranked=True)

    def delete_user(self, ulid: str, *, is_reset: bool = True) -> None:
        """Delete an account; unlock rows wait for RA's queue unless `is_reset`."""
        user = self.people[ulid]
        user.is_deleted = True
        for achievement_id in list(user.unlocks) if is_reset else ():
            self.reset(ulid, achievement_id)

    def _rank(self, user: User, *, is_ranked: bool) -> None:
        user.is_ranked = is_ranked
        for row in user.unlocks.values():
            _touch(row.achievement)

    # Games and achievements

    def add_console(self, console_id: int, name: str) -> int:
        """Add a console and return its id."""
        self.consoles[console_id] = name
        return console_id

    def add_game(
        self, game_id: int, title: str, console_id: int, **details: Unpack[GameDetails]
    ) -> int:
        """Add a game with an empty set and return its id."""
        self.games[game_id] = Game(game_id, title, console_id, self.now, **details)
        return game_id

    def revise_game(self, game_id: int, **fields: Unpack[GameRevision]) -> None:
        """Change what is said about a game."""
        _assign(self.games[game_id], fields)
        self.games[game_id].updated_at = self.now

    def delete_game(self, game_id: int) -> None:
        """Delete a game and its achievements softly: nothing answers for them any more."""
        self.games[game_id].is_deleted = True
        for achievement_id in list(self.games[game_id].achievements):
            self.delete_achievement(achievement_id)

    def add_achievement(
        self,
        game_id: int,
        title: str = "",
        points: int = 5,
        **details: Unpack[AchievementDetails],
    ) -> int:
        """Add an achievement and return its id; without `author` it is the key owner's."""
        achievement_id = details.pop("id", max(self.achievements, default=0) + 1)
        achievement = Achievement(
            id=achievement_id,
            game=self.games[game_id],
            title=title or f"Achievement {achievement_id}",
            description="",
            points=points,
            author=self.people[details.pop("author", self.owner.ulid)],
            created_at=self.now,
            modified_at=self.now,
        )
        _assign(achievement, details)
        self.achievements[achievement_id] = achievement
        self.games[game_id].achievements[achievement_id] = achievement
        _touch(achievement)
        return achievement_id

    def revise(self, achievement_id: int, **fields: Unpack[AchievementRevision]) -> None:
        """Change an achievement; its modification date becomes the present."""
        achievement = self.achievements[achievement_id]
        _credit(achievement, -1)
        if "author" in fields:
            achievement.author = self.people[fields.pop("author")]
        _assign(achievement, fields)
        achievement.modified_at = self.now
        _credit(achievement, +1)

    def drop_author(self, achievement_id: int) -> None:
        """Lose the author's row: a game's progress then answers 500 for good."""
        self.achievements[achievement_id].author = None

    def demote(self, achievement_id: int) -> None:
        """Make an achievement unofficial; its counters freeze, its unlock list stays."""
        achievement = self.achievements[achievement_id]
        self.freeze_counters(achievement_id)
        _credit(achievement, -1)
        achievement.is_promoted = False
        _touch(achievement)

    def promote(self, achievement_id: int) -> None:
        """Make an achievement official; its counters are counted anew."""
        achievement = self.achievements[achievement_id]
        _credit(achievement, -1)
        achievement.is_promoted, achievement.frozen = True, None
        _credit(achievement, +1)
        _touch(achievement)

    def move(self, achievement_id: int, game_id: int) -> None:
        """Move an achievement with its unlocks and tickets to another game."""
        achievement = self.achievements[achievement_id]
        _touch(achievement)
        del achievement.game.achievements[achievement_id]
        achievement.game = self.games[game_id]
        achievement.game.achievements[achievement_id] = achievement
        _touch(achievement)

    def delete_achievement(self, achievement_id: int) -> None:
        """Delete an achievement softly, and its tickets with it."""
        achievement = self.achievements[achievement_id]
        _credit(achievement, -1)
        achievement.is_deleted = True
        for ticket in achievement.tickets:
            ticket.is_deleted = True
        _touch(achievement)

    def freeze_counters(self, achievement_id: int) -> None:
        """Let the counters lag behind until the next unlock of this achievement."""
        achievement = self.achievements[achievement_id]
        achievement.frozen = figures.counters(achievement)

    # Playing

    def unlock(
        self,
        ulid: str,
        achievement_id: int,
        *,
        is_hardcore: bool = True,
        at: datetime | None = None,
    ) -> bool:
        """Unlock now or, backdated, `at`; return whether that changed anything.

        A hardcore unlock upgrades the player's casual row in place.
        """
        user, achievement = self.people[ulid], self.achievements[achievement_id]
        row, instant = achievement.unlocks.get(ulid), (at or self.now).replace(microsecond=0)
        if row is not None and (row.hardcore_at or not is_hardcore):
            return False
        if row is None:
            self._insert(user, achievement, instant, instant if is_hardcore else None)
        else:
            _credit_one(row, -1)
            row.hardcore_at = instant
            _credit_one(row, +1)
        self._settle(user, achievement, instant)
        return True

    def _insert(
        self, user: User, achievement: Achievement, at: datetime, hardcore_at: datetime | None
    ) -> None:
        row = Unlock(next(self._rows), user, achievement, at, hardcore_at)
        achievement.unlocks[user.ulid] = row
        user.unlocks[achievement.id] = row
        _credit_one(row, +1)

    def _settle(self, user: User, achievement: Achievement, at: datetime) -> None:
        """Recount, and give the awards now deserved; a badge once given outlives revisions."""
        if achievement.is_promoted:
            achievement.frozen = None
        _touch(achievement)
        awards = achievement.game.awards.setdefault(user.ulid, {})
        for kind in figures.deserved(achievement.game, user):
            awards.setdefault(kind, at)

    def reset(self, ulid: str, achievement_id: int) -> None:
        """Take an unlock back: the row is gone, awards no longer deserved with it."""
        user, achievement = self.people[ulid], self.achievements[achievement_id]
        row = achievement.unlocks.pop(ulid)
        del user.unlocks[achievement_id]
        _credit_one(row, -1)
        _touch(achievement)
        awards, kept = achievement.game.awards, figures.deserved(achievement.game, user)
        held = awards.get(ulid, {})
        awards[ulid] = {kind: at for kind, at in held.items() if kind in kept}

    def set_playtime(self, ulid: str, game_id: int, seconds: int) -> None:
        """Say how long somebody has played a game, in seconds."""
        self.games[game_id].playtimes[ulid] = seconds

    # Tickets

    def open_ticket(
        self, achievement_id: int, reporter_ulid: str | None, **details: Unpack[TicketDetails]
    ) -> int:
        """Report an achievement to its present author and return the ticket's id."""
        achievement = self.achievements[achievement_id]
        ticket = Ticket(
            id=max(self.tickets, default=0) + 1,
            achievement=achievement,
            reporter=None if reporter_ulid is None else self.people[reporter_ulid],
            assignee=achievement.author,
            reported_at=details.get("reported_at", self.now),
            type=details.get("type", 2),
            state=State.OPEN,
            notes=details.get("notes", "It did not work."),
            is_hardcore=details.get("is_hardcore", True),
        )
        self.tickets[ticket.id] = ticket
        achievement.tickets.append(ticket)
        self.set_ticket_state(ticket.id, details.get("state", State.OPEN))
        return ticket.id

    def set_ticket_state(self, ticket_id: int, state: int, resolver: str | None = None) -> None:
        """Close, resolve, reopen … ; only closed and resolved tickets have a resolver."""
        ticket = self.tickets[ticket_id]
        is_done = state in (State.CLOSED, State.RESOLVED)
        ticket.state = state
        ticket.resolved_at = self.now if is_done else None
        ticket.resolver = self.people[resolver or self.owner.ulid] if is_done else None

    def delete_ticket(self, ticket_id: int) -> None:
        """Delete a ticket softly: gone from all lists, still readable by its id."""
        self.tickets[ticket_id].is_deleted = True

    # The truth, to compare with

    def unlock_truth(self, achievement_id: int) -> truth.UnlockTruth:
        """Return the first and the hardcore date by ULID, unranked players included."""
        return truth.unlocks(self.achievements[achievement_id])

    def counters(self, achievement_id: int) -> tuple[int, int]:
        """Return the unlock counters in any mode and in hardcore as RA shows them."""
        return figures.counters(self.achievements[achievement_id])

    def ticket_truth(self, game_id: int) -> "dict[int, TicketTruth]":
        """Return a game's tickets by id, of all states, official and not."""
        return truth.tickets(self.games[game_id])

    def distribution_truth(
        self, game_id: int, *, is_hardcore: bool, is_promoted: bool = True
    ) -> dict[int, int]:
        """Return the players per number of achievements held."""
        return figures.distribution(
            self.games[game_id],
            is_hardcore=is_hardcore,
            is_promoted=is_promoted,
            owner=self.owner.ulid,
        )

    def progress_truth(self, ulid: str, game_id: int) -> "ProgressTruth":
        """Return how far a player is in a game."""
        return truth.progress(self.games[game_id], self.people[ulid])


def _assign(record: object, fields: Mapping[str, object]) -> None:
    for name, value in fields.items():
        setattr(record, name, value)


def _touch(achievement: Achievement) -> None:
    """Forget what was derived from an achievement's rows."""
    achievement.counted = None
    achievement.orders.clear()
    achievement.game.tallies.clear()
    achievement.game.players = None


def _credit(achievement: Achievement, sign: int) -> None:
    """Add or take away what all holders of an achievement have for it."""
    for row in achievement.unlocks.values():
        _credit_one(row, sign)


def _credit_one(row: Unlock, sign: int) -> None:
    if not row.achievement.is_promoted or row.achievement.is_deleted:
        return
    if row.hardcore_at is None:
        row.user.softcore_points += sign * row.achievement.points
    else:
        row.user.points += sign * row.achievement.points
