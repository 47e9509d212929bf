"""What the picture of each trend is: lines, bars, and what they count."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final, Literal


@dataclass(frozen=True)
class Kind:
    """A picture: its form, its title, and the values that share its axis, the foremost first."""

    form: Literal["lines", "bars", "distribution", "ranking"]
    title: str
    unit: str
    values: tuple[str, ...]


KINDS: Final[Mapping[str, Kind]] = {
    "game-tickets": Kind(
        "lines",
        "Tickets",
        "tickets",
        ("open", "request", "resolved", "closed", "quarantined", "reported"),
    ),
    "developer-tickets": Kind(
        "lines", "Tickets", "tickets", ("open", "resolved", "closed", "total")
    ),
    "ticket-flow": Kind(
        "bars", "Tickets opened and ended", "tickets", ("opened", "resolved", "closed", "reopened")
    ),
    "distribution": Kind("distribution", "Players by achievements held", "players", ("players",)),
    "mastery": Kind("lines", "Players who hold everything", "players", ("mastered",)),
    "players": Kind("lines", "Players", "players", ("players",)),
    "unlocks": Kind("lines", "Players who unlocked", "players", ("unlocks", "unlocks_hardcore")),
    "unlock-rate": Kind("bars", "Unlocks", "unlocks", ("unlocks", "unlocks_hardcore")),
    "rarity": Kind("ranking", "Rarity", "share of players", ("rarity_hardcore", "rarity")),
    "progress": Kind(
        "lines", "Progress", "share of achievements", ("completion_hardcore", "completion")
    ),
}
"""The pictures by the trend; any other trend is drawn as lines."""

WORDS: Final = ("changes",)  # trends that tell no numbers
_UNITS: Final[Mapping[str, str]] = {
    "awarded": "achievements",
    "awarded_hardcore": "achievements",
    "playtime_seconds": "hours",
}


def kind_of(trend: str) -> Kind:
    """Return the picture of a trend; lines of whatever it tells for one that is not known."""
    return KINDS.get(trend) or Kind("lines", trend.replace("-", " ").capitalize(), "", ())


def unit_of(kind: Kind, value: str) -> str:
    """Tell what a value counts, in a word or two for its axis."""
    if value in kind.values:
        return kind.unit
    return _UNITS.get(value, value.replace("_", " "))


def drawn(kind: Kind, values: Collection[str]) -> tuple[str, ...]:
    """Choose the values that go on one axis: those of the picture, else of the first one's unit."""
    foremost = tuple(value for value in kind.values if value in values)
    unit = unit_of(kind, next(iter(values), ""))
    return foremost or tuple(value for value in values if unit_of(kind, value) == unit)
