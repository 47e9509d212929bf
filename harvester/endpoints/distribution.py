"""`distribution`: how many players hold exactly k of a game's achievements, for every k."""

from typing import Any

from harvester.api import payloads
from harvester.endpoints.base import Ask, Get, Observation, Steps
from harvester.errors import Invalid
from harvester.store import schema
from harvester.store.rows import Batch


def observe(get: Get, cursor: Any, ask: Ask) -> Steps:  # noqa: ANN401, ARG001 - nothing to take up
    """Ask for hardcore and casual, official and where asked unofficial: a step each."""
    for is_promoted in (True, False) if ask.is_unofficial else (True,):
        for is_hardcore in (True, False):
            yield _one(get, ask, is_promoted=is_promoted, is_hardcore=is_hardcore)


def _one(get: Get, ask: Ask, *, is_promoted: bool, is_hardcore: bool) -> Observation:
    request = payloads.distribution(ask.game, is_hardcore=is_hardcore, is_promoted=is_promoted)
    answer = get.news(request)
    if answer is None:
        return Observation()
    known = ask.known_promoted if is_promoted else ask.known_unpromoted
    if known and not answer.players:
        raise Invalid(f"game {ask.game}: no distribution, but {known} achievements are known")
    within = {"game_id": ask.game, "is_promoted": is_promoted, "is_hardcore": is_hardcore}
    rows = [{"unlocked": unlocked, "players": held} for unlocked, held in answer.players.items()]
    return Observation((Batch(schema.distribution, within, rows, complete=True),))
