"""`game-tickets` and `developer-tickets`: how many, and for games which, in which state.

RA's `OpenTickets` of a game counts tickets in every state since 2024-05-07, so the state
columns are counted from the listed tickets (`public/API/API_GetTicketData.php`).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from harvester.api import payloads
from harvester.endpoints import ticket_list, ticket_looks
from harvester.endpoints.base import Ask, Get, Observation, Steps, ref
from harvester.endpoints.ticket_list import Goal, Listed
from harvester.endpoints.ticket_looks import Look, Looks, Memory, with_look
from harvester.errors import Invalid
from harvester.store import schema
from harvester.store.known import KnownTicket
from harvester.store.rows import Batch, Gone, UserRef

STATES = {0: "closed", 1: "open", 2: "resolved", 3: "request", 4: "quarantined"}


@dataclass(frozen=True)
class _List:
    """One of a game's two lists before it is asked for: what it held, and the looks at it."""

    is_promoted: bool
    known: list[KnownTicket]
    looks: Looks


Told = Sequence[tuple[_List, Listed]]


def observe_game(get: Get, cursor: Any, ask: Ask) -> Steps:  # noqa: ANN401, ARG001 - nothing to take up
    """Ask for the counts, and with detail for the tickets that are new or due; in one step."""
    kinds = (True, False) if ask.is_unofficial else (True,)
    if not ask.has_detail:
        counts = {kind: _count(get, ask, is_promoted=kind) for kind in kinds}
        batches = [
            _counts(ask, kind, {"reported": count})
            for kind, count in counts.items()
            if count is not None
        ]
        yield Observation(tuple(batches), memory=None)
        return
    memory = ticket_looks.recall(ask)
    known = ticket_looks.of_kind(ask.tickets, memory.drafts)
    lists = [_List(kind, known[kind], memory.looks[kind]) for kind in kinds]
    told = [(own, _look(get, ask, own)) for own in lists]
    if _has_lost(told):
        told = [(own, _to_the_end(get, ask, own, listed)) for own, listed in told]
    yield _observation(ask, memory, told)


def _count(get: Get, ask: Ask, *, is_promoted: bool) -> int | None:
    """Ask how many tickets there are; None: as many as when this was last asked."""
    answer = get.news(payloads.game_tickets(ask.game, is_promoted=is_promoted))
    return None if answer is None else answer.reported


def _look(get: Get, ask: Ask, own: _List) -> Listed:
    """Read a list as far as it must be, if it must: its count moved or known tickets are due.

    A list that is due anyway tells the count itself.
    """
    if not own.looks:
        return _read(get, ask, own, Goal(own.known))
    due = ticket_looks.oldest_due(ask, own.looks, own.known)
    if due is not None:
        return _read(get, ask, own, Goal(own.known, due))
    count = _count(get, ask, is_promoted=own.is_promoted)
    if count is None or count == len(own.known):  # the last look accounted for all of them
        return Listed(len(own.known), older=tuple(own.known))
    return _read(get, ask, own, Goal(own.known, _newest_if_grown(own.known, count), count))


def _newest_if_grown(known: Sequence[KnownTicket], count: int) -> datetime | None:
    """Tell the date of the newest known ticket: what was reported since comes before it.

    Where fewer are left than are known, only the end of the list tells which.
    """
    has_grown = known and count > len(known)
    return max(one.reported_at for one in known) if has_grown else None


def _read(get: Get, ask: Ask, own: _List, goal: Goal) -> Listed:
    return ticket_list.read(get, ask.game, goal, is_promoted=own.is_promoted)


def _has_lost(told: Told) -> bool:
    """Tell whether a complete list lacks known tickets that may yet be on the other one."""
    shown = _shown(told)
    return any(
        listed.is_complete and not shown.issuperset(one.id for one in own.known)
        for own, listed in told
    )


def _shown(told: Told) -> set[int]:
    return {ticket for _, listed in told for ticket in listed.ids}


def _to_the_end(get: Get, ask: Ask, own: _List, listed: Listed) -> Listed:
    """Read a list that was not read to its end, so that it proves what is not on it."""
    return listed if listed.is_read_out else _read(get, ask, own, Goal(own.known))


def _observation(ask: Ask, memory: Memory, told: Told) -> Observation:
    """Turn what was told into one step: tickets, their states, the counts, and who left."""
    counts = tuple(_counts(ask, own.is_promoted, _numbers(listed)) for own, listed in told)
    if all(listed.tickets is None for _, listed in told):
        return Observation(counts)
    tickets = [ticket for _, listed in told for ticket in listed.tickets or ()]
    entities = Batch(schema.tickets, {"game_id": ask.game}, [_entity(one) for one in tickets])
    states = Batch(schema.ticket_states, {}, [_state(one) for one in tickets])
    kept = _remembered(ask, memory, told).written()
    return Observation((entities, states, *counts), gone=_gone(ask, told), memory=kept)


def _gone(ask: Ask, told: Told) -> tuple[Gone, ...]:
    """Let complete lists of all kinds prove which tickets are no longer there."""
    if not all(listed.is_complete for _, listed in told):
        return ()
    within, is_official = {"game_id": ask.game}, not ask.is_unofficial
    return (Gone(schema.tickets, within, _shown(told), is_official=is_official),)


def _remembered(ask: Ask, memory: Memory, told: Told) -> Memory:
    """Add the looks just taken; a list that would not hold is read in full the next time."""
    looks = dict(memory.looks)
    for own, listed in told:
        if listed.tickets is not None:
            look = Look(ask.at, listed.beyond)
            looks[own.is_promoted] = with_look(own.looks, look) if listed.is_whole else ()
    return Memory(looks, _drafts(ask, memory, told))


def _drafts(ask: Ask, memory: Memory, told: Told) -> frozenset[int]:
    """Tell which known tickets are not on the official list.

    Of those that it just lacked, the store keeps what nobody asks for (`Gone.is_official`).
    """
    known = {one.id for one in ask.tickets}
    drafts = set(memory.drafts & known)
    for own, listed in told:
        if own.is_promoted:
            drafts |= known if listed.is_complete else set()
            drafts -= listed.ids
        else:
            drafts |= listed.ids
    return frozenset(drafts)


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


def _numbers(listed: Listed) -> dict[str, int]:
    """Count states where all tickets are accounted for; else only the total is told."""
    if not listed.is_whole:
        return {"reported": listed.reported}
    counted = Counter(_word(ticket) for ticket in listed.tickets or ())
    counted.update(one.state for one in listed.older)
    return {"reported": listed.reported, **{word: counted[word] for word in STATES.values()}}


def _counts(ask: Ask, is_promoted: bool, numbers: Mapping[str, int]) -> Batch:  # noqa: FBT001 - a key column
    within = {"game_id": ask.game, "is_promoted": is_promoted}
    return Batch(schema.game_ticket_counts, within, [numbers])


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
