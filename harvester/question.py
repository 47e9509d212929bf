"""What a poll asks about, and what is already known that bears on the asking."""

from sqlalchemy import Connection

from harvester import watchlist
from harvester.config import Settings, WatchedGame
from harvester.endpoints import Ask
from harvester.store import known, users
from harvester.store.polls import Poll
from harvester.store.rows import UserRef


def ask_of(conn: Connection, settings: Settings, poll: Poll) -> Ask:
    """Put together the question of one poll."""
    game = _game(settings, poll)
    counts = known.achievement_counts(conn, poll.game_id or 0)
    return Ask(
        game=poll.game_id or 0,
        achievement=poll.achievement_id or 0,
        user=_user(conn, settings, poll),
        is_player_watched=poll.asked_as is not None,
        is_unofficial=game.unofficial and poll.asked_as in {None, *settings.watch.users[:1]},
        has_detail=settings.jobs.game_tickets.detail,
        is_recent_only=watchlist.unlock_mode(settings, game) == "recent",
        watched_from=poll.watched_from,
        known_promoted=counts.get(True, 0),
        known_unpromoted=counts.get(False, 0),
    )


def _game(settings: Settings, poll: Poll) -> WatchedGame:
    """Find the settings of a poll's game; one that just left the watchlist has the common ones."""
    games = {game.id: game for game in settings.watch.games}
    return games.get(poll.game_id or 0) or WatchedGame(id=poll.game_id or 1)


def _user(conn: Connection, settings: Settings, poll: Poll) -> UserRef:
    """Tell whom to ask about: by ULID once it is known, so that a lost name is not followed."""
    name = poll.asked_as or settings.api.username
    if poll.user_id is not None:
        who = users.named(conn, poll.user_id)
        return UserRef(who.name or name, who.ulid).by_ulid
    found = users.find(conn, name)
    return UserRef(name, found[1] if found else None).by_ulid
