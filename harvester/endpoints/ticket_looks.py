"""How deep into the tickets of a game was looked when, so that no look is repeated in vain.

A state change moves no counter, so the states of known tickets must be looked at again from
time to time. Lists are newest first, and a few looks tell when any known ticket was last
seen: no ticket needs a column for it.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from harvester.endpoints.base import Ask
from harvester.store.known import KnownTicket

DONE = frozenset({"closed", "resolved"})
IN_TIME = 0.95  # of the age allowed: polls on a grid come a little early or late
MOST_LOOKS = 16  # remembered for each list; fewer only make a look seem older than it is
NAMES = {True: "official", False: "unofficial"}


@dataclass(frozen=True)
class Look:
    """All tickets reported after `beyond` were seen at `at`; None: all that there are."""

    at: datetime
    beyond: datetime | None = None

    def has_seen(self, reported_at: datetime) -> bool:
        """Tell whether a ticket of that date must have been seen."""
        return self.beyond is None or reported_at > self.beyond

    def goes_as_deep_as(self, other: "Look") -> bool:
        """Tell whether this look saw whatever the other one did."""
        return self.beyond is None or (other.beyond is not None and self.beyond <= other.beyond)


Looks = tuple[Look, ...]  # newest first, each deeper than those before it


def with_look(looks: Looks, look: Look) -> Looks:
    """Put a look on top; it replaces older ones that went no deeper."""
    deeper = tuple(one for one in looks if not look.goes_as_deep_as(one))
    kept = (look, *deeper)
    return kept if len(kept) <= MOST_LOOKS else (*kept[: MOST_LOOKS - 1], kept[-1])


def seen_at(looks: Looks, reported_at: datetime) -> datetime | None:
    """Tell when a known ticket was last looked at."""
    return next((look.at for look in looks if look.has_seen(reported_at)), None)


def oldest_due(ask: Ask, looks: Looks, tickets: Sequence[KnownTicket]) -> datetime | None:
    """Tell the date of the oldest ticket whose state must be looked at again; None: none.

    The newest one counts as open: where a ticket left while another came, the count stands
    still, and only the head of the list tells. Cost: O(known tickets of the game).
    """
    newest = max((one.reported_at for one in tickets), default=None)
    due = (
        one.reported_at
        for one in tickets
        if _is_old(ask, looks, one, is_done=one.state in DONE and one.reported_at != newest)
    )
    return min(due, default=None)


def _is_old(ask: Ask, looks: Looks, ticket: KnownTicket, *, is_done: bool) -> bool:
    allowed = ask.recheck_closed if is_done else ask.recheck
    seen = seen_at(looks, ticket.reported_at)
    return seen is None or ask.at - seen >= allowed * IN_TIME


@dataclass(frozen=True)
class Memory:
    """What one poll leaves to the next: the looks at either list, and whose tickets are whose.

    `drafts` are the tickets that the list of the official ones does not hold, so that RA's
    counts can be held against what is known.
    """

    looks: Mapping[bool, Looks] = field(default_factory=dict)
    drafts: frozenset[int] = frozenset()

    def written(self) -> dict[str, Any]:
        """Write the memory as JSON can."""
        looks = {NAMES[kind]: [_pair(one) for one in own] for kind, own in self.looks.items()}
        return {**looks, "drafts": sorted(self.drafts)}


def recall(ask: Ask) -> Memory:
    """Read what the last poll left; what a clock that stepped back has put ahead never was."""
    told = ask.memory or {}
    looks = {kind: tuple(map(_look, told.get(name, ()))) for kind, name in NAMES.items()}
    past = {kind: tuple(one for one in own if one.at <= ask.at) for kind, own in looks.items()}
    return Memory(past, frozenset(told.get("drafts", ())))


def of_kind(
    tickets: Iterable[KnownTicket], drafts: Collection[int]
) -> dict[bool, list[KnownTicket]]:
    """Part the known tickets into official ones and drafts."""
    parted: dict[bool, list[KnownTicket]] = {True: [], False: []}
    for one in tickets:
        parted[one.id not in drafts].append(one)
    return parted


def _pair(look: Look) -> tuple[str, str | None]:
    return look.at.isoformat(), look.beyond.isoformat() if look.beyond else None


def _look(pair: tuple[str, str | None]) -> Look:
    at, beyond = pair
    return Look(datetime.fromisoformat(at), datetime.fromisoformat(beyond) if beyond else None)
