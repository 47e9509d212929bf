"""What a poll asks about, and what is already known that bears on the asking."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from harvester import watchlist
from harvester.api.fields import is_ulid
from harvester.config import Settings, WatchedGame
from harvester.endpoints import Ask
from harvester.store import known, movement, pairs, polls, users
from harvester.store.polls import Poll
from harvester.store.rows import UserRef


def ask_of(conn: Connection, settings: Settings, poll: Poll, *, at: datetime) -> Ask:
    """Put together the question of one poll."""
    game = _game(settings, poll)
    seen = pairs.eyes(conn, poll, at=at)
    asked_as = (seen or poll).asked_as
    counts = known.achievement_counts(conn, poll.game_id or 0)
    return Ask(
        at=at,
        game=poll.game_id or 0,
        achievement=poll.achievement_id or 0,
        user=_user(conn, settings, seen or poll),
        is_player_watched=asked_as is not None,
        is_unofficial=game.unofficial and _is_for_all(settings, poll),
        has_detail=settings.jobs.game_tickets.detail,
        is_recent_only=watchlist.unlock_mode(settings, game) == "recent",
        watched_from=poll.watched_from,
        known_promoted=counts.get(True, 0),
        known_unpromoted=counts.get(False, 0),
        memory=poll.remembered,
        eyes=seen.asked_as if seen else None,
        games=[own.id for own in settings.watch.games] if poll.game_id is None else (),
        **_stillness(conn, settings, poll, at),
    )


def _is_for_all(settings: Settings, poll: Poll) -> bool:
    """Whether a poll asks what is the same for all players: the first one's, or the game's own."""
    firsts = () if watchlist.is_surveyed(settings) else settings.watch.users[:1]
    return poll.asked_as in {None, *firsts}


def _stillness(conn: Connection, settings: Settings, poll: Poll, at: datetime) -> dict[str, Any]:
    """Tell what may spare us a distribution."""
    if poll.job != "distribution":
        return {}
    return {
        "movement": movement.of_game(conn, poll.game_id, at=at),
        "next_at": polls.on_grid(poll, at),
        "at_most": settings.jobs.distribution.at_most,
    }


def _game(settings: Settings, poll: Poll) -> WatchedGame:
    """Find the settings of a poll's game; one that just left the watchlist has the common ones."""
    games = {game.id: game for game in settings.watch.games}
    return games.get(poll.game_id or 0) or WatchedGame(id=poll.game_id or 1)


def _user(conn: Connection, settings: Settings, poll: Poll) -> UserRef:
    """Tell whom to ask about: by ULID once it is known, so that a lost name is not followed.

    A name that is asked about for the first time is only a name: who bears it, RA will say.
    """
    name = poll.asked_as or settings.api.username
    if is_ulid(name):
        return UserRef(ulid=name.upper())
    own = poll.user_id or (polls.user_of(conn, poll.asked_as) if poll.asked_as else None)
    if own is None:
        return UserRef(name)
    who = users.named(conn, own)
    return UserRef(who.name or name, who.ulid).by_ulid
