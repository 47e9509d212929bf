"""What a trend is asked about: ids, names and ULIDs -> keys, with the labels that rows show.

Whoever is not found is told what is near, or why it may be missing, in one line.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Connection, Row, func, or_, select

from harvester.errors import ConfigError
from harvester.store import many, schema
from harvester.text import is_blank

Label: TypeAlias = Mapping[str, Any]
Labels: TypeAlias = Mapping[int, Label]
_User: TypeAlias = Row[int, str | None, str | None]  # id, ULID, name

users, user_names, polls = schema.users, schema.user_names, schema.polls


def games(conn: Connection, ids: Collection[int]) -> Labels:
    """Label games by `game_id` and `game` (the title). Raises `ConfigError` for unknown ids."""
    query = select(schema.games.c.id, schema.games.c.title).where(
        many.among(schema.games.c.id, ids)
    )
    titles = {row.id: row.title for row in conn.execute(query)}
    for own in ids:
        if own not in titles:
            raise ConfigError(_unknown_game(conn, own))
    return {own: {"game_id": own, "game": titles[own]} for own in ids}


def _unknown_game(conn: Connection, own: int) -> str:
    watched = select(polls.c.id).where(polls.c.game_id == own).limit(1)
    if conn.execute(watched).first():
        return f"game {own} is watched, but RA has not answered for it yet"
    return f"game {own} is not in the database; is it watched?"


def achievements(conn: Connection, ids: Collection[int], *, of_games: Collection[int]) -> Labels:
    """Label these achievements and all of these games, by their ids and present titles.

    Raises `ConfigError` for unknown achievements.
    """
    own, game = schema.achievements, schema.games
    query = (
        select(own.c.id, own.c.title, own.c.game_id, game.c.title.label("game"))
        .outerjoin(game, game.c.id == own.c.game_id)
        .where(or_(own.c.id.in_(ids), own.c.game_id.in_(of_games)))
        .order_by(own.c.id)
    )
    labels = {row.id: _achievement(row) for row in conn.execute(query)}
    for one in ids:
        if one not in labels:
            raise ConfigError(f"achievement {one} is not in the database; is its game watched?")
    return labels


def _achievement(row: Row[*tuple[Any, ...]]) -> Label:
    return {
        "game_id": row.game_id,
        "game": row.game,
        "achievement_id": row.id,
        "achievement": row.title,
    }


def people(conn: Connection, names: Iterable[str], *, called: str) -> Labels:
    """Label users, given by ULID or by any name they ever bore, in a column `called` so.

    Raises `ConfigError` for a name nobody bore, or that several bore and nobody bears.
    """
    found = {one.id: one for one in (_person(conn, name, called) for name in names)}
    bearers = Counter(one.name for one in found.values())
    return {own: {called: _called(one, bearers[one.name])} for own, one in found.items()}


def _called(user: _User, bearers: int) -> str | None:
    """Name a user; a name that two bear, as far as we know, says nothing without the ULID."""
    _, ulid, name = user
    if is_blank(name or ""):
        return ulid
    return f"{name} ({ulid})" if bearers > 1 and ulid else name


def _person(conn: Connection, name: str, called: str) -> _User:
    """Find a user; upper and lower case only matter where names differ in nothing else."""
    bearers = (
        _bearers(conn, users.c.ulid == name.upper())
        or _bearers(conn, user_names.c.name == name)
        or _bearers(conn, func.lower(user_names.c.name) == name.lower())
    )
    if not bearers:
        raise ConfigError(_unknown_person(conn, name, called))
    return _the_one(name, bearers)


def _bearers(conn: Connection, condition: ColumnElement[bool]) -> Sequence[_User]:
    bore = users.outerjoin(user_names, user_names.c.user_id == users.c.id)
    query = select(users.c.id, users.c.ulid, users.c.name).select_from(bore).where(condition)
    return conn.execute(query.distinct().order_by(users.c.id)).all()


def _the_one(name: str, bearers: Sequence[_User]) -> _User:
    """Prefer who bears the name now, and of several the one whose ULID is known."""
    now = [one for one in bearers if (one.name or "").lower() == name.lower()] or bearers
    sure = [one for one in now if one.ulid] or now
    if len(sure) > 1:
        ulids = ", ".join(str(one.ulid) for one in sure)
        raise ConfigError(f"several users bore the name {name!r}: give one of the ULIDs {ulids}")
    return sure[0]


def _unknown_person(conn: Connection, name: str, called: str) -> str:
    watched = _watched(conn)
    if name.lower() in {one.lower() for one in watched}:
        return f"{called} {name!r} is watched, but RA has not answered for it yet"
    near = get_close_matches(name, watched, n=1)
    hint = f", did you mean {near[0]!r}?" if near else "; is it watched?"
    return f"{called} {name!r} is not in the database{hint}"


def _watched(conn: Connection) -> set[str]:
    query = select(polls.c.asked_as, users.c.name).outerjoin(users, users.c.id == polls.c.user_id)
    return {name for row in conn.execute(query.distinct()) for name in row if name}
