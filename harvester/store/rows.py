"""What the store is handed: batches of rows as an answer told them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Table

Row = Mapping[str, Any]


class UserRef(NamedTuple):
    """A user as an answer names him; the store knows him by an integer of its own.

    `ulid` is RA's stable id (null in answers from before 2025-02-28 and for a few rows),
    `name` the display name, which may change hands.
    """

    name: str | None = None
    ulid: str | None = None

    @property
    def is_nobody(self) -> bool:
        """Whether the answer named no one."""
        return self.name is None and self.ulid is None

    @property
    def by_ulid(self) -> "UserRef":
        """The same user without his name, which may be old by now, if the ULID says enough."""
        return UserRef(ulid=self.ulid) if self.ulid else self


@dataclass(frozen=True)
class Batch:
    """Rows of one table that one answer told.

    `within` holds the column values that all rows share; a row is a mapping of the
    others, where a column that is absent was not told and keeps its value, and None
    means that RA said null. With `complete`, keys within that are not mentioned are
    gone: their current row is closed, or changed to `absent` where that is given.
    """

    table: Table
    within: Row
    rows: Sequence[Row]
    complete: bool = False
    absent: Row | None = None


@dataclass(frozen=True)
class Listing:
    """A complete, consistent listing of unlocks, which proves who is *not* there.

    `within` and `column` name what was listed ({achievement} by user, or {user} by
    achievement), `seen` what the listing held, `among` what it could have held
    (None: anything).
    """

    within: Row
    column: str
    seen: Collection[Any]
    among: Collection[Any] | None = None


@dataclass(frozen=True)
class Gone:
    """Entities that a complete listing no longer holds: marked with `gone_at`, kept for ever.

    With `is_official`, tickets whose achievement was unofficial for as long as they are known
    stay as they are: a listing of the official ones cannot tell.
    """

    table: Table
    within: Row
    seen: Collection[int]
    is_official: bool = False


@dataclass(frozen=True)
class Changes:
    """How many history rows a step opened (or overwrote within their second) and closed.

    `known_tail` is how many of the last unlocks that it told were held just so before.
    """

    opened: int = 0
    closed: int = 0
    known_tail: int = 0

    def __add__(self, other: "Changes") -> "Changes":
        known_tail = self.known_tail + other.known_tail
        return Changes(self.opened + other.opened, self.closed + other.closed, known_tail)

    def __bool__(self) -> bool:
        return bool(self.opened or self.closed)


@dataclass(frozen=True)
class Standing:
    """What a survey tells of a player in a game: all of it as a `token`, and some in numbers.

    `completion` is a fraction from 0 to 1.
    """

    token: str
    awarded: int
    awarded_hardcore: int
    completion: float
