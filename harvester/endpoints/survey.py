"""A part of `progress`: in which of many games a player has moved, a few requests for all.

`public/API/API_GetUserProgress.php` tells six numbers per game. Where they stand still, so
does all that `progress` remembers of the player but his playtime.
"""

from harvester.api import standings
from harvester.endpoints.base import Ask, Get, Observation, Steps
from harvester.store.rows import Standing


def observe(get: Get, ask: Ask) -> Steps:
    """Ask about all games of `ask`: a step for each question that its URL has room for."""
    for games in standings.chunks(ask.games):
        answer = get(standings.user_progress(ask.handle, games))
        surveyed = {game: _standing(own) for game, own in answer.items()}
        yield Observation(surveyed=surveyed, user=ask.user if ask.user.ulid else None)


def _standing(own: standings.Standing) -> Standing:
    counts = f"{own.awarded}/{own.awarded_hardcore}/{own.possible}"
    points = f"{own.score}/{own.score_hardcore}/{own.possible_score}"
    completion = own.awarded / own.possible if own.possible else 0.0
    return Standing(f"{counts} {points}", own.awarded, own.awarded_hardcore, completion)
