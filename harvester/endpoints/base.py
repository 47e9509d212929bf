"""What every endpoint is: a pure function from RA's answers to rows.

payload -> batches -> one Observation per durable step. An endpoint reads no clock and no
database: what it must know of either comes in with the `Ask`.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Literal, Protocol, TypeAlias, TypeVar

from harvester.api.payloads import Request
from harvester.store.known import KnownTicket
from harvester.store.movement import Movement
from harvester.store.rows import Batch, Changes, Gone, Listing, Standing, UserRef

P = TypeVar("P")
Reach = Literal["head", "first", "all"]
KEPT: Final = object()  # said of a memory that stays as it is


class Get(Protocol):
    """Ask RA one thing and hand back its checked payload (see `api.client.Client.get`)."""

    def __call__(self, request: Request[P], /) -> P:
        """Raise an `ApiError` where there is no answer to believe."""

    def news(self, request: Request[P], /) -> P | None:
        """Ask; None where the answer is byte for byte the one that the last look got."""


@dataclass(frozen=True)
class Ask:
    """What one poll asks about, and what is known so far that bears on the asking.

    `at` is when the asking began. `user` is whom to ask about (or for whose eyes, where no
    player is watched); `known_promoted` and `known_unpromoted` count the game's achievements
    in the database. `memory` is what the last finished look kept for this one. `tickets` are
    the known ones of the game; the last look at the state of one may be as old as `recheck`,
    or `recheck_closed` if it was closed or resolved.

    Of a list: `reach` is how much of it is wanted ("head", "all", or "first": the next page
    of the first listing, which has come back to `listed_from_at`), `token` what its counters
    were when its head was read last, `counters` what they are now as far as we know.

    Of progress: `eyes` is the watched player, as the watchlist has him, through whose eyes a
    game's own look goes; `games` is what a survey of a player is about. Of a distribution:
    `movement` tells of counters that were looked at recently, `next_at` when it is due after
    this look, and `at_most` how long it may do without a real one.
    """

    at: datetime
    game: int = 0
    achievement: int = 0
    user: UserRef = field(default_factory=UserRef)
    is_player_watched: bool = False
    is_unofficial: bool = False
    has_detail: bool = True
    is_recent_only: bool = False
    watched_from: datetime | None = None
    known_promoted: int = 0
    known_unpromoted: int = 0
    memory: Any = None
    reach: Reach = "all"
    token: str = "0/0"  # noqa: S105 - two counters
    counters: str = "0/0"
    listed_from_at: datetime | None = None
    tickets: Sequence[KnownTicket] = ()
    recheck: timedelta = timedelta()
    recheck_closed: timedelta = timedelta()
    eyes: str | None = None
    games: Sequence[int] = ()
    movement: Movement | None = None
    next_at: datetime | None = None
    at_most: timedelta | None = None

    @property
    def handle(self) -> str:
        """Whom to ask RA for: the ULID once it is known, the name until then."""
        return self.user.ulid or self.user.name or ""


@dataclass(frozen=True)
class Observation:
    """One durable step: all of it is committed together, or none.

    `cursor` is opaque JSON, handed back where the poll is taken up again (KEPT: as it was;
    None: nothing to take up). Where one is told, the look may be broken off and go on at a
    later turn. `memory` is opaque JSON, too, for the next look. `token` is what this poll's own
    reading accounts for; `is_listed` says that it was complete, `listed_from_at` how far back
    it has come. `user` is the poll's user as RA named him. `surveyed` is how far he is in
    games (by id) that have polls of their own.
    """

    batches: tuple[Batch, ...] = ()
    cursor: Any = KEPT
    listings: tuple[Listing, ...] = ()
    gone: tuple[Gone, ...] = ()
    token: str | None = None
    memory: Any = KEPT
    is_listed: bool = False
    listed_from_at: datetime | None = None
    user: UserRef | None = None
    surveyed: Mapping[int, Standing] = field(default_factory=dict)

    @property
    def is_turn(self) -> bool:
        """Whether the look may be broken off here."""
        return self.cursor is not KEPT and self.cursor is not None


Steps: TypeAlias = Generator[Observation, Changes | None, None]
"""A look, one durable step after the other; each is answered with what it changed."""

Observe: TypeAlias = Callable[[Get, Any, Ask], Steps]


@dataclass(frozen=True)
class Endpoint:
    """One of the jobs: its name, the kinds of target it is asked about, and how."""

    name: str
    subject: tuple[str, ...]
    observe: Observe


def ref(name: str | None, ulid: str | None) -> UserRef | None:
    """Name a user as an answer did; None where it named nobody."""
    user = UserRef(name, ulid)
    return None if user.is_nobody else user
