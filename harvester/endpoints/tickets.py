"""`game-tickets` and `developer-tickets`: how many, and for games which, in which state.

RA's `OpenTickets` of a game counts tickets in every state since 2024-05-07, so the state
columns are counted from the listed tickets (`public/API/API_GetTicketData.php`).
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from harvester.api import payloads
from harvester.endpoints.base import Ask, Get, Observation, Steps, ref
from harvester.errors import Invalid
from harvester.store import schema
from harvester.store.rows import Batch, Gone, UserRef

PAGE = 100
MOST_TICKETS = 20_000  # more than any game has; a list that goes on is no list
TRIES = 3  # listings that moved under our eyes before we give up on a complete one
STATES = {0: "closed", 1: "open", 2: "resolved", 3: "request", 4: "quarantined"}


@dataclass(frozen=True)
class _Listed:
    """All tickets of one listing, and whether they are as many as each page of it counted."""

    reported: int
    tickets: tuple[payloads.Ticket, ...]
    is_whole: bool


def observe_game(get: Get, cursor: Any, ask: Ask) -> Steps:  # noqa: ANN401, ARG001 - nothing to take up
    """Ask for the count, and with detail for every ticket; then mark those that left."""
    kinds = (True, False) if ask.is_unofficial else (True,)
    if not ask.has_detail:
        for is_promoted in kinds:
            yield _count(get, ask, is_promoted=is_promoted)
        return
    listed = {is_promoted: _list(get, ask, is_promoted=is_promoted) for is_promoted in kinds}
    yield from _listings(ask, listed)


def _count(get: Get, ask: Ask, *, is_promoted: bool) -> Observation:
    answer = get(payloads.game_tickets(ask.game, is_promoted=is_promoted))
    within = {"game_id": ask.game, "is_promoted": is_promoted}
    return Observation((Batch(schema.game_ticket_counts, within, [{"reported": answer.reported}]),))


def _list(get: Get, ask: Ask, *, is_promoted: bool) -> _Listed:
    """List all tickets; start over where the list moved between two pages."""
    for _ in range(TRIES):
        listed = _try_list(get, ask, is_promoted=is_promoted)
        if listed.is_whole:
            break
    return listed


def _try_list(get: Get, ask: Ask, *, is_promoted: bool) -> _Listed:
    """Page through the list, each page beginning with the last ticket of the one before."""
    tickets: dict[int, payloads.Ticket] = {}
    offset, last, reported, is_whole = 0, None, None, True
    while offset <= MOST_TICKETS:
        answer = get(payloads.game_ticket_list(ask.game, is_promoted=is_promoted, offset=offset))
        page = answer.tickets or ()
        is_whole &= reported in {None, answer.reported}
        is_whole &= last is None or (bool(page) and page[0].id == last)
        reported = answer.reported
        tickets.update({ticket.id: ticket for ticket in page})
        if len(page) < PAGE:
            return _listed(reported, tickets, is_whole=is_whole)
        offset, last = offset + PAGE - 1, page[-1].id
    raise Invalid(f"game {ask.game}: a list of tickets that does not end")


def _listed(reported: int, tickets: dict[int, payloads.Ticket], *, is_whole: bool) -> _Listed:
    """Hold a listing against its own count; one that shows none of them is not believed."""
    if reported and not tickets:
        raise Invalid(f"RA counts {reported} tickets, but lists none of them")
    return _Listed(reported, tuple(tickets.values()), is_whole and len(tickets) == reported)


def _listings(ask: Ask, listed: dict[bool, _Listed]) -> Steps:
    """Turn listings into one step: tickets, their states, the counts, and who left."""
    tickets = [ticket for listing in listed.values() for ticket in listing.tickets]
    batches = (
        Batch(schema.tickets, {"game_id": ask.game}, [_entity(ticket) for ticket in tickets]),
        Batch(schema.ticket_states, {}, [_state(ticket) for ticket in tickets]),
        *(_counts(ask, is_promoted, listing) for is_promoted, listing in listed.items()),
    )
    seen = {ticket.id for ticket in tickets}
    is_whole = all(listing.is_whole for listing in listed.values())
    gone = Gone(schema.tickets, {"game_id": ask.game}, seen, is_official=not ask.is_unofficial)
    yield Observation(batches, gone=(gone,) if is_whole else ())


def _entity(ticket: payloads.Ticket) -> dict[str, object]:
    return {
        "id": ticket.id,
        "achievement_id": ticket.achievement_id,
        "report_type": ticket.report_type_text.lower(),
        "is_hardcore": ticket.is_hardcore,
        "notes": ticket.notes,
        "reporter_id": ref(ticket.reporter_name, ticket.reporter_ulid),
        "assignee_id": ref(ticket.assignee_name, ticket.assignee_ulid),
        "reported_at": ticket.reported_at,
    }


def _state(ticket: payloads.Ticket) -> dict[str, object]:
    return {
        "ticket_id": ticket.id,
        "state": _word(ticket),
        "resolved_at": ticket.resolved_at,
        "resolver_id": ref(ticket.resolver_name, ticket.resolver_ulid),
    }


def _word(ticket: payloads.Ticket) -> str:
    return STATES.get(ticket.state) or ticket.state_text.lower()


def _counts(ask: Ask, is_promoted: bool, listing: _Listed) -> Batch:  # noqa: FBT001 - a key column
    """Count states from a listing; one that would not hold still tells only the total."""
    counted = Counter(_word(ticket) for ticket in listing.tickets)
    states = {word: counted[word] for word in STATES.values()} if listing.is_whole else {}
    within = {"game_id": ask.game, "is_promoted": is_promoted}
    return Batch(schema.game_ticket_counts, within, [{"reported": listing.reported, **states}])


def observe_developer(get: Get, cursor: Any, ask: Ask) -> Steps:  # noqa: ANN401, ARG001 - nothing to take up
    """Ask for a developer's counts; the answer also tells his ULID and present name."""
    answer = get.news(payloads.developer_tickets(ask.handle))
    if answer is not None:
        yield _developer(_named(answer, ask))


def _developer(answer: payloads.DeveloperTickets) -> Observation:
    user = UserRef(answer.name, answer.ulid)
    counts = {name: getattr(answer, name) for name in ("open", "closed", "resolved", "total")}
    batch = Batch(schema.developer_ticket_counts, {"user_id": user}, [counts])
    return Observation((batch,), user=user)


def identity(get: Get, ask: Ask) -> Observation:
    """Learn the ULID behind a name: the counts of a user are the cheapest answer with one."""
    answer = _named(get(payloads.developer_tickets(ask.handle)), ask)
    return Observation(user=UserRef(answer.name, answer.ulid))


def _named(answer: payloads.DeveloperTickets, ask: Ask) -> payloads.DeveloperTickets:
    """Check whom an answer names; only a ULID lets us believe that he has another name now."""
    if answer.ulid is None and answer.name.lower() != ask.handle.lower():
        raise Invalid(f"asked for {ask.handle!r}, RA answered about {answer.name!r} without a ULID")
    return answer
