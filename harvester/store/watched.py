"""What is watched now, and known: the games, players and developers that have an answer."""

from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy import Connection, Select, func, select

from harvester.store import schema

polls, users, games = schema.polls, schema.users, schema.games
_NOW = polls.c.watched_to.is_(None)


class Watched(NamedTuple):
    """Games by id, players and developers by their ULID (or name, while that is all we know)."""

    games: Mapping[int, str | None]
    players: Mapping[str, str]
    developers: Mapping[str, str]


def watched(conn: Connection) -> Watched:
    """Tell what is watched and was answered for, each with what it is called, in its order."""
    titled = select(games.c.id, games.c.title).where(
        games.c.id.in_(select(polls.c.game_id).where(_NOW))
    )
    found = conn.execute(titled.order_by(func.lower(games.c.title), games.c.id))
    return Watched(
        {row.id: row.title for row in found},
        _people(conn, "progress"),
        _people(conn, "developer-tickets"),
    )


def _people(conn: Connection, job: str) -> dict[str, str]:
    found = ((ulid or name, name or ulid) for ulid, name in conn.execute(_of(job)))
    return {own: name for own, name in found if own and name}


def _of(job: str) -> Select[str | None, str | None]:
    asked = select(polls.c.user_id).where(_NOW, polls.c.job == job)
    named = select(users.c.ulid, users.c.name).where(users.c.id.in_(asked))
    return named.order_by(func.lower(users.c.name), users.c.id)
