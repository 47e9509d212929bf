"""What a poll asks about, and what is already known that bears on the asking."""

from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from harvester import outcome, watchlist
from harvester.api.fields import is_ulid
from harvester.config import Settings, WatchedGame
from harvester.endpoints import Ask, Reach
from harvester.store import known, movement, pairs, polls, users
from harvester.store.evidence import Attempt
from harvester.store.polls import MOVED, Poll
from harvester.store.rows import UserRef


def ask_of(conn: Connection, settings: Settings, poll: Poll, *, at: datetime) -> Ask:
    """Put together the question of one poll, with what its job has to know."""
    game = _game(settings, poll)
    seen = pairs.eyes(conn, poll, at=at)
    ask = Ask(
        at=at,
        game=poll.game_id or 0,
        achievement=poll.achievement_id or 0,
        is_player_watched=(seen or poll).asked_as is not None,
        is_unofficial=game.unofficial and _is_for_all(settings, poll),
        has_detail=settings.jobs.game_tickets.detail,
        is_recent_only=watchlist.unlock_mode(settings, game) == "recent",
        watched_from=poll.watched_from,
        memory=poll.remembered,
        eyes=seen.asked_as if seen else None,
    )
    if poll.job == "unlocks":
        return _about_list(conn, settings, poll, ask)
    if poll.job == "game-tickets":
        return _about_tickets(conn, settings, ask)
    if poll.job == "distribution":
        return _about_distribution(conn, settings, poll, ask)
    games = [] if poll.game_id else [own.id for own in settings.watch.games]
    return replace(ask, user=_user(conn, settings, seen or poll), games=games)


def _is_for_all(settings: Settings, poll: Poll) -> bool:
    """Whether a poll asks what is the same for all players: the first one's, or the game's own."""
    firsts = () if watchlist.is_surveyed(settings) else settings.watch.users[:1]
    return poll.asked_as in {None, *firsts}


def _about_distribution(conn: Connection, settings: Settings, poll: Poll, ask: Ask) -> Ask:
    """Tell how many achievements there are, and what may spare us the asking."""
    counts = known.achievement_counts(conn, ask.game)
    unchanged = Attempt("unchanged", ask.at, 0)
    return replace(
        ask,
        known_promoted=counts.get(True, 0),
        known_unpromoted=counts.get(False, 0),
        movement=movement.of_game(
            conn, ask.game, at=ask.at, within=timedelta(seconds=poll.interval_seconds)
        ),
        next_at=outcome.after(settings, poll, unchanged, None, now=ask.at)["due_at"],
        at_most=settings.jobs.distribution.at_most,
    )


def _about_tickets(conn: Connection, settings: Settings, ask: Ask) -> Ask:
    job = settings.jobs.game_tickets
    return replace(
        ask,
        tickets=known.tickets(conn, ask.game),
        recheck=job.recheck,
        recheck_closed=job.recheck_closed,
    )


def _about_list(conn: Connection, settings: Settings, poll: Poll, ask: Ask) -> Ask:
    """Ask for as much of an unlock list as is due."""
    token = poll.token or ask.token
    counters = known.counters(conn, ask.achievement) or token
    return replace(
        ask,
        reach=_reach(settings, poll, ask.at),
        token=token,
        counters=counters,
        listed_from_at=poll.listed_from_at,
    )


def _reach(settings: Settings, poll: Poll, at: datetime) -> Reach:
    """Tell how much of a list is due.

    A sweep that is due, because counters fell or because it is time, wants all of it, and so
    does who asks by hand. A list that is read by the clock is swept like the others.
    """
    is_moved = poll.priority == MOVED and poll.memory is not None
    if poll.listed_at is None:
        return "head" if is_moved else "first"
    if not polls.is_on_change(poll):
        is_moved &= poll.listed_at + settings.jobs.unlocks.sweep > at
    return "head" if is_moved else "all"


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
