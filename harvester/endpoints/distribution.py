"""`distribution`: how many players hold exactly k of a game's achievements, for every k.

It moves only when somebody unlocks something, and RA works it out some time after the
counters (`UpdateGameAchievementsMetricsAction` is queued). So the official ones are not asked
for while the counters stand still; those of unofficial achievements are frozen counters'.
"""

from datetime import datetime, timedelta
from typing import Any

from harvester.api import payloads
from harvester.endpoints.base import KEPT, Ask, Get, Observation, Steps
from harvester.errors import Invalid
from harvester.store import schema
from harvester.store.rows import Batch

LAG = timedelta(hours=1)  # a distribution that follows the counters sooner may not be final


def observe(get: Get, cursor: Any, ask: Ask) -> Steps:  # noqa: ANN401, ARG001 - nothing to take up
    """Ask for hardcore and casual, official unless implied, unofficial where asked: a step each."""
    if not is_implied(ask):
        yield _one(get, ask, is_promoted=True, is_hardcore=True)
        yield _one(get, ask, is_promoted=True, is_hardcore=False, memory=_seen(ask))
    if ask.is_unofficial:
        for is_hardcore in (True, False):
            yield _one(get, ask, is_promoted=False, is_hardcore=is_hardcore)


def is_implied(ask: Ask) -> bool:
    """Tell whether the official distributions must be what they were when last asked for."""
    last, now = ask.memory, ask.movement
    if last is None or now is None or last["official"] != now.official:
        return False
    looked_at = datetime.fromisoformat(last["looked_at"])
    if looked_at > ask.at:  # by a clock that went wrong
        return False
    is_final = now.moved_at is None or now.moved_at + LAG <= looked_at
    return is_final and not _is_overdue(ask, looked_at)


def _is_overdue(ask: Ask, looked_at: datetime) -> bool:
    """Tell whether the next look would come later than `at_most` after the last real one."""
    if ask.at_most is None or ask.next_at is None:
        return False
    return ask.next_at > looked_at + ask.at_most


def _seen(ask: Ask) -> dict[str, str] | None:
    """Remember when we looked, and at which set; without its counters nothing can be implied."""
    if ask.movement is None:
        return None
    return {"looked_at": ask.at.isoformat(), "official": ask.movement.official}


def _one(
    get: Get, ask: Ask, *, is_promoted: bool, is_hardcore: bool, memory: object = KEPT
) -> Observation:
    request = payloads.distribution(ask.game, is_hardcore=is_hardcore, is_promoted=is_promoted)
    answer = get.news(request)
    if answer is None:
        return Observation(memory=memory)
    known = ask.known_promoted if is_promoted else ask.known_unpromoted
    if known and not answer.players:
        raise Invalid(f"game {ask.game}: no distribution, but {known} achievements are known")
    within = {"game_id": ask.game, "is_promoted": is_promoted, "is_hardcore": is_hardcore}
    rows = [{"unlocked": unlocked, "players": held} for unlocked, held in answer.players.items()]
    return Observation((Batch(schema.distribution, within, rows, complete=True),), memory=memory)
