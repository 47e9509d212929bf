"""Who unlocked an achievement: RAWeb's `public/API/API_GetAchievementUnlocks.php`.

A page in the form of today is read at once (`today`), any other field by field.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final

from pydantic import AliasPath, BeforeValidator, Field

from harvester.api import fields, today
from harvester.api.fields import UNTOLD, Told, called
from harvester.api.payloads import Request
from harvester.api.reading import limit, read_as, same

MOST_UNLOCKS: Final = 500  # what RA clamps a page to


@dataclass(slots=True)
class Unlock:
    """One player's unlock of one achievement.

    `at` is the hardcore date if there is one, else the casual date. Not frozen, for that
    would double the time it takes to make the many of them that there are.
    """

    name: Annotated[fields.Name, called("User")]
    at: Annotated[fields.Instant, called("DateAwarded")]
    is_hardcore: Annotated[fields.Flag, called("HardcoreMode")]
    ulid: Annotated[fields.Ulid, called("ULID")] = None


@dataclass(frozen=True)
class UnlockPage:
    """One page of an achievement's unlocks, newest first, ties in no order.

    The counters are of ranked players only, the rows of all; `game_id` is the game that
    the achievement belongs to today.
    """

    achievement_id: Annotated[fields.Id, called(AliasPath("Achievement", "ID"))]
    game_id: Annotated[fields.Id, called(AliasPath("Game", "ID"))]
    unlocks: Annotated[fields.Count, called("UnlocksCount")]
    players_total: Annotated[fields.Count, called("TotalPlayers")]
    rows: Annotated[
        tuple[Unlock, ...],
        BeforeValidator(fields.listed),
        Field(max_length=MOST_UNLOCKS),
        called("Unlocks"),
    ]
    unlocks_hardcore: Annotated[Told[fields.Count], called("UnlocksHardcoreCount")] = UNTOLD


def unlock_page(
    achievement_id: int, *, offset: int = 0, count: int = MOST_UNLOCKS
) -> Request[UnlockPage]:
    """Ask who unlocked an achievement, from the newest on; at most 500 at a time."""

    def read(decoded: object) -> UnlockPage:
        return checked(read_as(UnlockPage, decoded))

    def read_fast(body: bytes) -> UnlockPage | None:
        told = today.page(body)
        return None if told is None else checked(_page_of(*told))

    def checked(found: UnlockPage) -> UnlockPage:
        same("Achievement.ID", found.achievement_id, achievement_id)
        limit("Unlocks", found.rows, count)
        return found

    params = (("a", achievement_id), ("c", count), ("o", offset))
    return Request("API_GetAchievementUnlocks", params, read, "achievement", read_fast)


def _page_of(head: today.Page, dates: list[datetime]) -> UnlockPage:
    rows = zip(head["Unlocks"], dates, strict=True)
    return UnlockPage(
        achievement_id=head["Achievement"]["ID"],
        game_id=head["Game"]["ID"],
        unlocks=head["UnlocksCount"],
        players_total=head["TotalPlayers"],
        rows=tuple([Unlock(u["User"], at, u["HardcoreMode"] == 1, u["ULID"]) for u, at in rows]),
        unlocks_hardcore=head["UnlocksHardcoreCount"],
    )
