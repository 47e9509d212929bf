"""What the database knows of a game, before anything is asked about it."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, func, select

from harvester.store import schema

own, told = schema.achievements.c, schema.achievement_counters.c

_COUNTERS = select(told.unlocks, told.unlocks_hardcore).where(
    told.achievement_id == bindparam("own"), told.valid_to.is_(None)
)


@dataclass(frozen=True)
class KnownAchievement:
    """An achievement that the database knows, and the game it belongs to."""

    id: int
    game_id: int


def achievements(conn: Connection, game_id: int | None = None) -> list[KnownAchievement]:
    """List the achievements whose game is known, of one game or of all."""
    query = select(own.id, own.game_id).where(own.game_id.is_not(None))
    query = query if game_id is None else query.where(own.game_id == game_id)
    return [KnownAchievement(row.id, row.game_id) for row in conn.execute(query)]


def achievement_counts(conn: Connection, game_id: int) -> dict[bool | None, int]:
    """Count the achievements of a game that are there, official and not."""
    there = (own.game_id == game_id) & own.gone_at.is_(None)
    counted = select(own.is_promoted, func.count()).where(there).group_by(own.is_promoted)
    return {row[0]: row[1] for row in conn.execute(counted)}


def counters(conn: Connection, achievement_id: int) -> str | None:
    """Tell the counters of an achievement as last told, as one word; None: never told."""
    row = conn.execute(_COUNTERS, {"own": achievement_id}).first()
    return None if row is None else token(row.unlocks, row.unlocks_hardcore)


def token(unlocks: int | None, unlocks_hardcore: int | None) -> str:
    """Write the two counters of an achievement as one word: when it moves, so did the list."""
    return f"{unlocks or 0}/{unlocks_hardcore or 0}"


@dataclass(frozen=True)
class KnownTicket:
    """A ticket of a game that is there as far as is known, and the state it was last seen in."""

    id: int
    reported_at: datetime
    state: str


def tickets(conn: Connection, game_id: int | None) -> tuple[KnownTicket, ...]:
    """List the tickets of a game that are there. Cost: O(tickets of the game)."""
    ticket, state = schema.tickets.c, schema.ticket_states.c
    query = select(ticket.id, ticket.reported_at, state.state).join(
        schema.ticket_states, state.ticket_id == ticket.id
    )
    there = (ticket.game_id == game_id) & ticket.gone_at.is_(None)
    dated = ticket.reported_at.is_not(None) & state.valid_to.is_(None)
    return tuple(KnownTicket(*row) for row in conn.execute(query.where(there, dated)))
