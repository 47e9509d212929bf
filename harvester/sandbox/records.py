"""What the simulated RetroAchievements keeps about each thing; plain rows without rules.

Instants are UTC, to the second. A row that RA deletes softly stays, with `is_deleted` set.
"""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import IntEnum
from typing import TypedDict

START = datetime(2026, 1, 1, tzinfo=UTC)
"""Where simulated time begins unless told otherwise."""

NO_PATCH = "d41d8cd98f00b204e9800998ecf8427e"
"""MD5 of nothing: what RA sends for a game without rich presence."""


class State(IntEnum):
    """Ticket states with the numbers of RA's `app/Community/Enums/TicketState.php`."""

    CLOSED = 0
    OPEN = 1
    RESOLVED = 2
    REQUEST = 3
    QUARANTINED = 4


@dataclass(slots=True, eq=False)
class User:
    """A player or developer; `original_name` stays reserved after a rename.

    Of people with `is_ulid_told` unset RA tells the name only, as it did before 2025.
    """

    ulid: str
    name: str
    original_name: str
    is_ranked: bool = True
    is_deleted: bool = False
    is_ulid_told: bool = True
    points: int = 0
    softcore_points: int = 0
    unlocks: "dict[int, Unlock]" = field(default_factory=dict)

    @property
    def told_ulid(self) -> str | None:
        """The ULID as answers show it."""
        return self.ulid if self.is_ulid_told else None


@dataclass(slots=True, eq=False)
class Game:
    """A game with its set; `awards` are badges once given, `playtimes` are seconds."""

    id: int
    title: str
    console_id: int
    updated_at: datetime
    parent_game_id: int | None = None
    forum_topic_id: int | None = None
    publisher: str | None = None
    developer: str | None = None
    genre: str | None = None
    released: date | None = None
    released_granularity: str | None = None
    image_icon: str = "/Images/000001.png"
    image_title: str = "/Images/000002.png"
    image_ingame: str = "/Images/000003.png"
    image_box_art: str = "/Images/000004.png"
    rich_presence: str = NO_PATCH
    is_deleted: bool = False
    achievements: "dict[int, Achievement]" = field(default_factory=dict)
    awards: dict[str, dict[str, datetime]] = field(default_factory=dict)
    playtimes: dict[str, int] = field(default_factory=dict)
    tallies: "dict[bool, dict[str, Tally]]" = field(default_factory=dict)
    players: int | None = None


@dataclass(slots=True, eq=False)
class Achievement:
    """An achievement; `frozen` counters are those that RA did not recount since."""

    id: int
    game: Game
    title: str
    description: str
    points: int
    author: User | None
    created_at: datetime
    modified_at: datetime
    type: str | None = None
    badge_name: str = "00000"
    display_order: int = 0
    mem_md5: str = NO_PATCH
    is_promoted: bool = True
    is_deleted: bool = False
    frozen: tuple[int, int] | None = None
    counted: tuple[int, int] | None = None
    unlocks: "dict[str, Unlock]" = field(default_factory=dict)
    orders: "dict[bool, list[Unlock]]" = field(default_factory=dict)
    tickets: "list[Ticket]" = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Unlock:
    """The one row of a player and an achievement; an upgrade changes it in place."""

    id: int
    user: User
    achievement: Achievement
    unlocked_at: datetime
    hardcore_at: datetime | None

    @property
    def effective_at(self) -> datetime:
        """The date RA shows and sorts by: hardcore if there is one."""
        return self.hardcore_at or self.unlocked_at


@dataclass(slots=True)
class Tally:
    """How many achievements of one set a player holds, in any mode and in hardcore."""

    user: User
    total: int = 0
    hardcore: int = 0


@dataclass(slots=True, eq=False)
class Ticket:
    """A ticket; `assignee` is the author at the time of the report, not the present one."""

    id: int
    achievement: Achievement
    reporter: User | None
    assignee: User | None
    reported_at: datetime
    type: int
    state: int
    notes: str
    is_hardcore: bool | None
    resolved_at: datetime | None = None
    resolver: User | None = None
    is_deleted: bool = False


class GameDetails(TypedDict, total=False):
    """What can be said about a game beyond id, title and console."""

    parent_game_id: int | None
    forum_topic_id: int | None
    publisher: str | None
    developer: str | None
    genre: str | None
    released: date | None
    released_granularity: str | None
    image_icon: str
    image_title: str
    image_ingame: str
    image_box_art: str
    rich_presence: str


class GameRevision(GameDetails, total=False):
    """What can change about a game."""

    title: str
    console_id: int


class AchievementText(TypedDict, total=False):
    """What can be said about an achievement beyond title and points; `author` is a ULID."""

    description: str
    author: str
    type: str | None
    badge_name: str
    display_order: int
    mem_md5: str
    created_at: datetime


class AchievementRevision(AchievementText, total=False):
    """What can change about an achievement."""

    title: str
    points: int


class AchievementDetails(AchievementText, total=False):
    """What can be said about a new achievement."""

    id: int
    is_promoted: bool


class TicketDetails(TypedDict, total=False):
    """What can be said about a new ticket; `type` and `state` are RA's numbers."""

    type: int
    state: int
    notes: str
    is_hardcore: bool | None
    reported_at: datetime


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as the server saw it; `status` is 0 until, or unless, it was answered.

    `at` is simulated time, `monotonic` real seconds at arrival, `bytes` the size of the body
    before compression, `params` the query without the key and the username. `beside` counts
    the requests that had not been answered to the end when this one came.
    """

    at: datetime
    monotonic: float
    name: str
    params: dict[str, str]
    status: int
    bytes: int
    user_agent: str
    beside: int = 0
