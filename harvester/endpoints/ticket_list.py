"""The list of a game's tickets, newest first, read no further than it proves what is asked.

Pages that were read account for all tickets when theirs and the known older ones add up to
RA's own count, and every ticket that is known to be newer than their end was among them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from harvester.api import payloads
from harvester.endpoints.base import Get
from harvester.errors import Invalid
from harvester.store.known import KnownTicket

PAGE = 100
OVERLAP = 5  # known tickets beyond those wanted: one of an older second ends the reading
MOST_TICKETS = 20_000  # more than any game has; a list that goes on is no list
TRIES = 3  # listings that moved under our eyes before we give up on one that holds


@dataclass(frozen=True)
class Goal:
    """How far a list is to be read: until older than `past`; None: to the end.

    `known` are the tickets that the list held when it was last read, `count` is how many RA
    counted just now, where it was asked.
    """

    known: Sequence[KnownTicket]
    past: datetime | None = None
    count: int | None = None

    @property
    def page(self) -> int:
        """How many tickets to ask for first: those that are new, those wanted, an overlap."""
        if self.past is None:
            return PAGE
        wanted = sum(1 for one in self.known if one.reported_at >= self.past)
        grown = 0 if self.count is None else max(self.count - len(self.known), 0)
        return min(wanted + grown + OVERLAP, PAGE)


@dataclass(frozen=True)
class Listed:
    """What was told of one list.

    `reported` is RA's count, `tickets` what was read (None: only the count was asked for).
    `is_whole`: tickets and `older`, the known ones further down, are all that there are.
    """

    reported: int
    tickets: tuple[payloads.Ticket, ...] | None = None
    older: tuple[KnownTicket, ...] = ()
    is_whole: bool = True

    @property
    def beyond(self) -> datetime | None:
        """The date beyond which every ticket was read; None: all there are."""
        return max((one.reported_at for one in self.older), default=None)

    @property
    def ids(self) -> set[int]:
        """The tickets that were read."""
        return {ticket.id for ticket in self.tickets or ()}

    @property
    def is_read_out(self) -> bool:
        """Whether the list was read to its end."""
        return self.tickets is not None and self.beyond is None

    @property
    def is_complete(self) -> bool:
        """Whether the list was read to its end, and held still meanwhile."""
        return self.is_read_out and self.is_whole


def read(get: Get, game: int, goal: Goal, *, is_promoted: bool) -> Listed:
    """Read a list as far as its goal; start over where it moved between two pages."""
    for _ in range(TRIES):
        listed = _try(get, game, goal, is_promoted=is_promoted)
        if listed.is_whole:
            break
    return listed


def _try(get: Get, game: int, goal: Goal, *, is_promoted: bool) -> Listed:
    """Page through the list, each page beginning with the last ticket of the one before.

    Cost: for each page, a glance at every known ticket of the game.
    """
    tickets: dict[int, payloads.Ticket] = {}
    offset, last, reported, has_held, size = 0, None, None, True, goal.page
    while offset <= MOST_TICKETS:
        page, count = _page(get, game, offset, size, is_promoted=is_promoted)
        has_held &= reported in {None, count}
        has_held &= last is None or (bool(page) and page[0].id == last)
        tickets.update({ticket.id: ticket for ticket in page})
        if len(page) < size or offset + size >= count:
            return _ended(count, tuple(tickets.values()), has_held=has_held)
        if has_held and (listed := _enough(goal, count, tuple(tickets.values()))):
            return listed
        offset, last, reported, size = offset + size - 1, page[-1].id, count, PAGE
    raise Invalid(f"game {game}: a list of tickets that does not end")


def _page(
    get: Get, game: int, offset: int, size: int, *, is_promoted: bool
) -> tuple[tuple[payloads.Ticket, ...], int]:
    """Ask for one page of tickets and the count of all."""
    request = payloads.game_ticket_list(game, is_promoted=is_promoted, offset=offset, count=size)
    answer = get(request)
    return answer.tickets or (), answer.reported


def _ended(reported: int, tickets: tuple[payloads.Ticket, ...], *, has_held: bool) -> Listed:
    """Hold a listing against its own count; one that shows none of them is not believed."""
    if reported and not tickets:
        raise Invalid(f"RA counts {reported} tickets, but lists none of them")
    return Listed(reported, tickets, is_whole=has_held and len(tickets) == reported)


def _enough(goal: Goal, reported: int, tickets: tuple[payloads.Ticket, ...]) -> Listed | None:
    """Tell what was read so far if nothing further down needs to be read.

    The end must lie beyond all that is wanted, in an older second: tickets of one second
    come in any order. A known ticket that should have come by now has left the list, which
    only its end can prove.
    """
    end, ids = tickets[-1].reported_at, {ticket.id for ticket in tickets}
    older = tuple(one for one in goal.known if one.id not in ids)
    is_beyond = goal.past is not None and end < goal.past
    has_all = len(ids) + len(older) == reported and all(one.reported_at <= end for one in older)
    is_sorted = all(one.reported_at >= next_.reported_at for one, next_ in pairwise(tickets))
    is_enough = is_beyond and has_all and is_sorted
    return Listed(reported, tickets, older) if is_enough else None
