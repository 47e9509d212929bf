"""The register that the program ships: when RA's own numbers began to mean something else.

Plain data. `notes.ship` brings it into a database; ids stay what they are for ever, below
`schema.FIRST_OWN_NOTE`, and are never given to another change. Days are those of the change
in RA's published program, which went live on that day or a few days later.
"""

from datetime import UTC, datetime
from typing import Final, NamedTuple


class Shipped(NamedTuple):
    """One change of meaning: of what RA tells from `at` on, in what a job keeps or trend tells."""

    id: int
    at: datetime
    scope: str
    title: str
    note: str


def _day(year: int, month: int, day: int) -> datetime:
    return datetime(year, month, day, tzinfo=UTC)


SHIPPED: Final = (
    Shipped(
        1,
        _day(2022, 5, 20),
        "job:game-tickets",
        "tickets can wait for the reporter",
        "The state request is new. Such tickets count as open in a list, "
        "but not in a developer's open ones.",
    ),
    Shipped(
        2,
        _day(2023, 9, 4),
        "trend:players",
        "casual and hardcore players are one number",
        "Since then both are copies of the number of all players, which did not change; "
        "before, they were numbers of their own.",
    ),
    Shipped(
        3,
        _day(2023, 10, 28),
        "job:unlocks",
        "players of a subset are its own",
        "A list of unlocks told the players of the parent game before.",
    ),
    Shipped(
        4,
        _day(2024, 5, 7),
        "job:game-tickets",
        "the ticket count of a game counts all states",
        "RA still calls them open tickets. It counted open ones and requests before; since then "
        "also resolved, closed and quarantined ones. Here it is `reported`.",
    ),
    Shipped(
        5,
        _day(2024, 6, 3),
        "job:developer-tickets",
        "tickets belong to the maintainer at the time of the report",
        "A developer's counts go by who maintained the achievement when the ticket was made, "
        "not by its author.",
    ),
    Shipped(
        6,
        _day(2024, 8, 16),
        "trend:changes",
        "release dates are dates",
        "They were free text before. The granularity is new; below it, a date is filler.",
    ),
    Shipped(
        7,
        _day(2024, 8, 19),
        "job:unlocks",
        "unlocks made offline keep their own date",
        "Clients may hand in unlocks that are up to 14 days old: "
        "counts by date of the last two weeks still grow.",
    ),
    Shipped(
        8,
        _day(2024, 9, 23),
        "job:distribution",
        "the distribution that is not hardcore counts casual-only unlocks",
        "It counted unlocks in any mode before. A player with 8 hardcore and 2 casual unlocks "
        "stands at 8 in hardcore, and since then at 2 otherwise.",
    ),
    Shipped(
        9,
        _day(2025, 6, 6),
        "trend:progress",
        "counters of a player may lag behind his dates",
        "Dates of unlocks are live since then; how many he has is a stored counter.",
    ),
    Shipped(
        10,
        _day(2025, 12, 24),
        "trend:progress",
        "playtime is told",
        "It includes subsets, and can be more than 0 without an unlock.",
    ),
    Shipped(
        11,
        _day(2025, 12, 31),
        "job:game-tickets",
        "tickets without a valid type were deleted",
        "They are gone for good: counts of old tickets fell without any being resolved.",
    ),
    Shipped(
        12,
        _day(2026, 1, 26),
        "trend:rarity",
        "RetroPoints are computed by another formula",
        "Those of every achievement moved at once; here they are `true_ratio`.",
    ),
    Shipped(
        13,
        _day(2026, 2, 14),
        "job:game-tickets",
        "tickets can be quarantined",
        "The state is new (RA shows it as Pending Review). Such tickets do not count as open, "
        "and are in no number of a developer.",
    ),
    Shipped(
        14,
        _day(2026, 4, 15),
        "job:game-tickets",
        "tickets from emulators without developer tools were quarantined",
        "Open ones and requests as well: open tickets fell at once without any being resolved.",
    ),
    Shipped(
        15,
        _day(2026, 4, 15),
        "job:developer-tickets",
        "tickets from emulators without developer tools were quarantined",
        "They are in no number of a developer: open tickets and the total fell at once.",
    ),
)
