"""How many tickets were opened and done with in each period, by their own dates.

listed tickets and the states they were seen in -> events -> counts. RA dates when a ticket was
reported and when it was last closed or resolved, so both reach back before the first poll; when
one was opened again it does not tell, so that counts when it was seen.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from typing import Any, Final, TypeAlias

from sqlalchemy import Row, Select, select

from harvester.store import many, schema
from harvester.store.subjects import Label
from harvester.store.trends import states, unlock_rate
from harvester.store.trends.asking import UNKNOWN, Curve, Question, Values
from harvester.store.trends.listed import ALWAYS, Extent

Event: TypeAlias = tuple[str, datetime]
Scope: TypeAlias = tuple[Label, int | None, int | None]  # game and developer, None: any

VALUES: Final = ("opened", "closed", "resolved", "reopened", "counted")
DONE: Final = ("closed", "resolved")
WAITING: Final = ("open", "request")
UNLISTED: Final = "tickets are not listed (detail is off, or the game is not watched)"
tickets, ticket_states, polls = schema.tickets, schema.ticket_states, schema.polls


@dataclass(frozen=True)
class _Flow:
    """What is known of the tickets in question, and of the lists they are on."""

    events: Mapping[tuple[int, int | None], Sequence[Event]]  # by game and developer
    extents: Mapping[int, Extent]  # by game

    def of(self, game: int | None, developer: int | None) -> Iterator[Event]:
        """Tell what happened in a game or to a developer."""
        for (own, assignee), events in self.events.items():
            if own in self.extents and game in {None, own} and developer in {None, assignee}:
                yield from events

    def extent(self, game: int | None) -> Extent | None:
        """Tell how far the tickets of a game are known, or of all games."""
        if game is not None:
            return self.extents.get(game)
        known = self.extents.values()
        since = max((one.watched_from for one in known), default=ALWAYS)
        until = min((one.until for one in known), default=ALWAYS)
        return Extent(ALWAYS, until, "none", since) if known else None


def curves(question: Question) -> Iterator[Curve]:
    """Count for games, for developers (of all listed games), or for each of both.

    Cost: O(tickets of these games or developers), whatever the range.
    """
    flow, moved = _flow(question), _moved(question)
    for label, game, developer in _scopes(question):
        counted = moved.get(game) if developer is None else None
        yield label, [[values] for values in _periods(question, flow, game, developer, counted)]


def _scopes(question: Question) -> Iterator[Scope]:
    games, people = question.subjects["game"], question.subjects["developer"]
    for developer, name in people.items() if people else [(None, {})]:
        for game, title in games.items() if games else [(None, {})]:
            yield {**name, **title}, game, developer


def _periods(
    question: Question,
    flow: _Flow,
    game: int | None,
    developer: int | None,
    counted: Sequence[int | None] | None,
) -> Iterator[Values]:
    spans, extent = question.spans, flow.extent(game)
    counts = _counts(question, flow.of(game, developer))
    for place, span in enumerate(spans):
        if extent is None or not extent.has(span, is_last=span is spans[-1]):
            yield UNKNOWN
            continue
        basis = extent.basis(span)
        told: dict[str, Any] = {kind: counts[kind, place] for kind in VALUES[:-1]}
        unseen = {"reopened": None} if basis == "reconstructed" else {}
        moves = {"counted": counted[place] if counted else None}
        yield {**told, **unseen, **moves, "is_observed": True, "basis": basis}


def _counts(question: Question, events: Iterable[Event]) -> Counter[tuple[str, int]]:
    starts = [span.since for span in question.spans]
    return Counter(
        (kind, bisect_right(starts, at) - 1)
        for kind, at in events
        if starts[0] <= at < question.until
    )


def _moved(question: Question) -> dict[int | None, Sequence[int | None]]:
    """Tell by how much RA's own count of a game's official tickets moved in each period."""
    courses = states.game_tickets(replace(question, is_range=True))
    return {
        course.label["game_id"]: unlock_rate.moves(course, question.spans, "reported")
        for course in courses
        if course.label["is_promoted"]
    }


def _flow(question: Question) -> _Flow:
    events: dict[tuple[int, int | None], list[Event]] = {}
    rows = question.conn.execute(_seen(question))
    for (game, assignee, _), own in groupby(rows, key=lambda row: row[:3]):
        events.setdefault((game, assignee), []).extend(_events(list(own)))
    return _Flow(events, _extents(question))


def _seen(question: Question) -> Select[Any]:
    """Select the tickets with every state they were seen in, in order."""
    own, state = tickets.c, ticket_states.c
    asked = ((own.game_id, "game"), (own.assignee_id, "developer"))
    keys = ((column, question.subjects[name]) for column, name in asked)
    return (
        select(own.game_id, own.assignee_id, own.id, own.reported_at)
        .add_columns(state.state, state.resolved_at, state.valid_from)
        .outerjoin(ticket_states, state.ticket_id == own.id)
        .where(*(many.among(column, those) for column, those in keys if those))
        .order_by(own.game_id, own.assignee_id, own.id, state.valid_from)
    )


def _events(seen: Sequence[Row[Any]]) -> Iterator[Event]:
    """Tell what happened to a ticket by the states that it was seen in.

    Done at another date than before: it was opened again in between, unseen. A ticket put into
    quarantine is neither done with nor opened again.
    """
    if seen[0].reported_at is not None:
        yield "opened", seen[0].reported_at
    done_at: datetime | None = None
    for row in (row for row in seen if row.state in (*DONE, *WAITING)):
        at = _done_at(row, done_at)
        if done_at is not None and at != done_at:
            yield "reopened", row.valid_from
        if at is not None and at != done_at:
            yield row.state, at
        done_at = at


def _done_at(row: Row[Any], before: datetime | None) -> datetime | None:
    """Tell when a ticket was done with; where RA does not date it, when that was seen."""
    if row.state not in DONE:
        return None
    at: datetime = row.resolved_at or before or row.valid_from
    return at


def _extents(question: Question) -> dict[int, Extent]:
    """Tell how far the tickets of games are known: those whose looks list them.

    Where developers are asked about alone, of all games that are watched.
    """
    games = question.subjects["game"]
    some = [many.among(polls.c.game_id, games)] if games else [polls.c.watched_to.is_(None)]
    is_listed = polls.c.memory.is_not(None) & polls.c.last_ok_at.is_not(None)
    lists = select(polls.c.game_id, polls.c.last_ok_at, polls.c.watched_from).where(
        polls.c.job == "game-tickets", is_listed, *some
    )
    return {
        row.game_id: Extent(ALWAYS, row.last_ok_at, "none", row.watched_from)
        for row in question.conn.execute(lists)
    }


def missing(question: Question, rows: Sequence[Mapping[str, Any]]) -> str | None:
    """Tell in one line which games' tickets are not known, and where RA's counts differ."""
    games, known = question.subjects["game"], _extents(question)
    unlisted = len(games.keys() - known.keys())
    told = [
        f"{unlisted} of {len(games)} games: {UNLISTED}" if unlisted else None,
        UNLISTED if not games and not known else None,
        unlock_rate.disagreement(rows, "opened"),
    ]
    return "; ".join(words for words in told if words) or None
