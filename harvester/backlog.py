"""How far the first listings of unlocks are, and when they will be through. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from harvester import costs
from harvester.store.outlook import UnlockList


@dataclass(frozen=True)
class Backlog:
    """First listings: achievements and rows in all and done, and the requests still needed.

    Rows are those that the counters tell of; players who are not ranked come on top.
    """

    achievements: int = 0
    achievements_done: int = 0
    rows: int = 0
    rows_done: int = 0
    requests_left: int = 0

    @property
    def achievements_left(self) -> int:
        """How many achievements are not listed yet."""
        return self.achievements - self.achievements_done

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to do."""
        return not self.achievements_left

    def __add__(self, other: "Backlog") -> "Backlog":
        """Add up two games."""
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        return Backlog(*(one + more for one, more in pairs))

    def __str__(self) -> str:
        """Say how far it is, in few words."""
        return (
            f"{self.achievements_done:,} of {self.achievements:,} achievements, "
            f"{self.rows_done:,} of {self.rows:,} rows; {self.requests_left:,} requests left"
        )


def by_game(lists: Iterable[UnlockList]) -> Mapping[int, Backlog]:
    """Add up the lists of every game."""
    games: dict[int, Backlog] = {}
    for one in lists:
        games[one.game_id] = games.get(one.game_id, Backlog()) + _of(one)
    return games


def in_all(lists: Iterable[UnlockList]) -> Backlog:
    """Add up all lists."""
    return sum(by_game(lists).values(), Backlog())


def _of(one: UnlockList) -> Backlog:
    rows = 0 if one.is_recent else one.unlocks
    if one.is_listed:
        return Backlog(1, 1, rows, rows)
    done = min(one.offset, rows)
    whole = costs.pages(rows)
    left = max(whole - one.offset // (costs.UNLOCKS_PAGE - 1), 1)
    return Backlog(1, 0, rows, done, left)
