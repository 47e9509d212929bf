"""The form in which RA sends a page of unlocks today, read straight from its bytes.

Half of all that is ever asked are such pages, and reading them field by field takes longer
than storing them. What is not exactly of this form is left to the tolerant reader of
`payloads`, which knows every form; where both read an answer, they read the same.
"""

from datetime import datetime
from functools import cache
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, with_config
from typing_extensions import TypedDict

from harvester.api.fields import LARGEST

Id = Annotated[int, Field(ge=1, le=LARGEST)]
Count = Annotated[int, Field(ge=0, le=LARGEST)]
Name = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f-\x9f]{1,100}$")]
Ulid = Annotated[str, Field(pattern=r"^[0-9A-Z]{26}$")]
Instant = Annotated[
    str, Field(pattern=r"^20[0-9]{2}(-[0-9]{2}){2}T[0-9]{2}(:[0-9]{2}){2}\.000000Z$")
]


class Unlock(TypedDict):
    """One player's unlock."""

    User: Name
    ULID: Ulid | None
    DateAwarded: Instant
    HardcoreMode: Literal[0, 1]


class Numbered(TypedDict):
    """What a page says about its achievement, or about its game, as far as it is read."""

    ID: Id


@with_config(strict=True)
class Page(TypedDict):
    """A page of unlocks."""

    Achievement: Numbered
    Game: Numbered
    UnlocksCount: Count
    UnlocksHardcoreCount: Count
    TotalPlayers: Count
    Unlocks: list[Unlock]


def page(body: bytes) -> tuple[Page, list[datetime]] | None:
    """Read a page and the dates of its unlocks; None where it is not exactly of today's form."""
    try:
        found = _adapter().validate_json(body)
        return found, [datetime.fromisoformat(row["DateAwarded"]) for row in found["Unlocks"]]
    except ValueError:  # pydantic's, too; or a date such as 30 February
        return None


@cache
def _adapter() -> TypeAdapter[Page]:
    """Build the reader when it is first needed, which takes a while."""
    return TypeAdapter(Page)
