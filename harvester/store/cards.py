"""What is known now of one game, achievement or person: what a page about it begins with.

Every function is one statement, and reads what is about its subject alone.
"""

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, Select, and_, func, select

from harvester.store import schema

Card = dict[str, Any]

games, achievements, users = schema.games, schema.achievements, schema.users
consoles, unlocks, progress = schema.consoles, schema.unlocks, schema.progress
counters, unlocked = schema.game_counters, schema.achievement_counters
ratios, tickets, states = schema.achievement_ratios, schema.tickets, schema.ticket_states
_GAME = (
    "title",
    "publisher",
    "developer",
    "genre",
    "released_on",
    "parent_game_id",
    "first_seen_at",
    "gone_at",
)
_ACHIEVEMENT = ("id", "title", "description", "points", "type", "is_promoted", "gone_at")


def _now(table: Any, column: Any, key: Any) -> Any:  # noqa: ANN401 - columns of any type
    """Join what holds now."""
    return and_(column == key, table.c.valid_to.is_(None))


def _one(conn: Connection, query: Select[Any]) -> Card | None:
    found = conn.execute(query).mappings().first()
    return None if found is None else dict(found)


def _all(conn: Connection, query: Select[Any]) -> list[Card]:
    return [dict(row) for row in conn.execute(query).mappings()]


def game(conn: Connection, own: int) -> Card | None:
    """Tell a game with its console and its counters; None where it is not known."""
    source = games.outerjoin(consoles, consoles.c.id == games.c.console_id)
    source = source.outerjoin(counters, _now(counters, counters.c.game_id, games.c.id))
    columns = [games.c[name] for name in _GAME]
    told = (consoles.c.name.label("console"), counters.c.players, counters.c.achievements)
    query = select(games.c.id, *columns, *told).select_from(source)
    return _one(conn, query.where(games.c.id == own))


def achievements_of(conn: Connection, game: int) -> list[Card]:
    """Tell the achievements of a game in its own order, with their counters."""
    order = (achievements.c.display_order, achievements.c.id)
    return _all(conn, _counted().where(achievements.c.game_id == game).order_by(*order))


def count_achievements(conn: Connection, games: Collection[int]) -> int:
    """Count the achievements of games, those included that are gone."""
    query = select(func.count()).select_from(achievements)
    return conn.scalar(query.where(achievements.c.game_id.in_(games))) or 0


def count_games(conn: Connection, players: Collection[int]) -> int:
    """Count of how many games the progress of players is known."""
    query = select(func.count()).select_from(progress)
    return (
        conn.scalar(query.where(progress.c.user_id.in_(players), progress.c.valid_to.is_(None)))
        or 0
    )


def achievement(conn: Connection, own: int) -> Card | None:
    """Tell an achievement with its game and author; None where it is not known."""
    return _one(conn, _counted().where(achievements.c.id == own))


def _counted() -> Select[Any]:
    own = achievements.c.id
    source = achievements.outerjoin(games, games.c.id == achievements.c.game_id)
    source = source.outerjoin(users, users.c.id == achievements.c.author_id)
    source = source.outerjoin(counters, _now(counters, counters.c.game_id, games.c.id))
    source = source.outerjoin(unlocked, _now(unlocked, unlocked.c.achievement_id, own))
    source = source.outerjoin(ratios, _now(ratios, ratios.c.achievement_id, own))
    return select(
        *(achievements.c[name] for name in _ACHIEVEMENT),
        achievements.c.game_id,
        games.c.title.label("game"),
        users.c.name.label("author"),
        users.c.ulid.label("author_ulid"),
        counters.c.players,
        unlocked.c.unlocks,
        unlocked.c.unlocks_hardcore,
        ratios.c.true_ratio,
    ).select_from(source)


def newest_unlocks(conn: Connection, achievement: int, *, limit: int) -> list[Card]:
    """Tell who unlocked an achievement last. Cost: O(unlocks of the achievement)."""
    awarded_at = func.coalesce(unlocks.c.hardcore_at, unlocks.c.unlocked_at, type_=schema.Instant)
    newest = (
        select(unlocks.c.user_id, awarded_at.label("awarded_at"), unlocks.c.hardcore_at)
        .where(unlocks.c.achievement_id == achievement, unlocks.c.valid_to.is_(None))
        .order_by(awarded_at.desc(), unlocks.c.user_id)
        .limit(limit)
        .subquery()
    )
    query = (
        select(users.c.name.label("user"), users.c.ulid, newest.c.awarded_at)
        .add_columns(newest.c.hardcore_at.is_not(None).label("is_hardcore"))
        .join_from(newest, users, users.c.id == newest.c.user_id)
        .order_by(newest.c.awarded_at.desc(), newest.c.user_id)
    )
    return _all(conn, query)


def newest_tickets(conn: Connection, game: int, *, limit: int) -> list[Card]:
    """Tell the tickets of a game, the newest first. Cost: O(tickets of the game)."""
    source = tickets.outerjoin(states, _now(states, states.c.ticket_id, tickets.c.id))
    source = source.outerjoin(achievements, achievements.c.id == tickets.c.achievement_id)
    query = (
        select(
            tickets.c.id,
            tickets.c.achievement_id,
            achievements.c.title.label("achievement"),
            states.c.state,
            tickets.c.report_type,
            tickets.c.notes,
            tickets.c.reported_at,
        )
        .select_from(source)
        .where(tickets.c.game_id == game)
        .order_by(tickets.c.reported_at.desc(), tickets.c.id.desc())
        .limit(limit)
    )
    return _all(conn, query)


def games_of(conn: Connection, user: int, *, limit: int) -> list[Card]:
    """Tell how far a player is in each game, the most complete first."""
    query = (
        select(
            progress.c.game_id,
            games.c.title.label("game"),
            *(progress.c[name] for name in schema.HISTORIES["progress"].values),
        )
        .select_from(progress.outerjoin(games, games.c.id == progress.c.game_id))
        .where(progress.c.user_id == user, progress.c.valid_to.is_(None))
        .order_by(progress.c.completion.desc(), progress.c.game_id)
        .limit(limit)
    )
    return _all(conn, query)


def sets_of(conn: Connection, author: int, *, limit: int) -> list[Card]:
    """Tell in which games a developer has achievements. Cost: O(known achievements)."""
    query = (
        select(
            achievements.c.game_id,
            games.c.title.label("game"),
            func.count().label("achievements"),
            func.sum(achievements.c.points).label("points"),
        )
        .select_from(achievements.outerjoin(games, games.c.id == achievements.c.game_id))
        .where(achievements.c.author_id == author, achievements.c.is_promoted.is_(True))
        .group_by(achievements.c.game_id, games.c.title)
        .order_by(func.count().desc(), achievements.c.game_id)
        .limit(limit)
    )
    return _all(conn, query)


def ulid_of(conn: Connection, user: int) -> str | None:
    """Tell the ULID of a user by the store's own id."""
    return conn.scalar(select(users.c.ulid).where(users.c.id == user))
