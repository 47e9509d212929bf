"""What the picture of each trend is: lines, bars, and what they count."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final, Literal


@dataclass(frozen=True)
class Kind:
    """A picture: its form, its title, and the values that share its axis, the foremost first."""

    form: Literal["lines", "bars", "distribution", "ranking"]
    title: str
    values: tuple[str, ...]


KINDS: Final[Mapping[str, Kind]] = {
    "game-tickets": Kind(
        "lines",
        "Tickets",
        ("open", "request", "resolved", "closed", "quarantined", "reported"),
    ),
    "developer-tickets": Kind("lines", "Tickets", ("open", "resolved", "closed", "total")),
    "ticket-flow": Kind("bars", "Tickets opened and ended", ("opened", "closed", "resolved")),
    "distribution": Kind("distribution", "Players by achievements held", ("players",)),
    "mastery": Kind("lines", "Players who hold everything", ("mastered",)),
    "players": Kind("lines", "Players", ("players",)),
    "unlocks": Kind("lines", "Players who unlocked", ("unlocks", "unlocks_hardcore")),
    "unlock-rate": Kind("bars", "Unlocks", ("unlocks", "unlocks_hardcore")),
    "rarity": Kind("ranking", "Rarity", ("rarity_hardcore", "rarity")),
    "progress": Kind("lines", "Progress", ("completion_hardcore", "completion")),
}
"""The pictures by the trend; any other trend is drawn as lines."""

_UNITS: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        ("open", "request", "resolved", "closed", "quarantined", "reported", "total", "opened"),
        "tickets",
    ),
    **dict.fromkeys(("players", "mastered"), "players"),
    **dict.fromkeys(("rarity", "rarity_hardcore"), "share of players"),
    **dict.fromkeys(("completion", "completion_hardcore"), "share of achievements"),
    **dict.fromkeys(("unlocks", "unlocks_hardcore"), "unlocks"),
    **dict.fromkeys(("awarded", "awarded_hardcore", "achievements"), "achievements"),
    "playtime_seconds": "hours",
}


def kind_of(trend: str) -> Kind:
    """Return the picture of a trend; lines of whatever it tells for one that is not known."""
    return KINDS.get(trend) or Kind("lines", trend.replace("-", " ").capitalize(), ())


def unit_of(value: str) -> str:
    """Tell what a value counts, in a word for its axis."""
    return _UNITS.get(value, value.replace("_", " "))


def drawn(kind: Kind, values: Collection[str]) -> tuple[str, ...]:
    """Choose the values that go on one axis: those of the picture, else of the first one's unit."""
    foremost = tuple(value for value in kind.values if value in values)
    if foremost:
        return foremost
    return tuple(value for value in values if unit_of(value) == unit_of(next(iter(values))))
