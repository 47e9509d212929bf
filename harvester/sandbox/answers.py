"""What RetroAchievements answers to a question: status, headers and body, to the byte.

Key first, then the script by its name, then its own rules. Nothing here knows of sockets.
"""

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from harvester.sandbox.game_answers import game_and_progress, game_extended, user_progress
from harvester.sandbox.ticket_answers import ticket_data
from harvester.sandbox.unlock_answers import achievement_distribution, achievement_unlocks
from harvester.sandbox.wire import Ended, Query, Reply, denied

if TYPE_CHECKING:
    from harvester.sandbox.world import World

SCRIPTS: dict[str, "Callable[[World, Query], Reply]"] = {
    "API_GetTicketData": ticket_data,
    "API_GetAchievementDistribution": achievement_distribution,
    "API_GetAchievementUnlocks": achievement_unlocks,
    "API_GetGameInfoAndUserProgress": game_and_progress,
    "API_GetGameExtended": game_extended,
    "API_GetUserProgress": user_progress,
}


def answer(world: "World", name: str, params: Mapping[str, str], authorization: str = "") -> Reply:
    """Answer the script `name` ("API_GetTicketData"), `params` being its whole query.

    The key is looked for in `y`, then in `authorization`, that header's value.
    """
    if (params.get("y", "").strip() or _key_in(authorization)) != world.key:
        return denied(401, "Unauthenticated.", "unauthorized")
    if name not in SCRIPTS:
        return denied(404, "Not Found", "not_found")
    try:
        return SCRIPTS[name](world, Query(params))
    except Ended as early:
        return early.reply


def _key_in(authorization: str) -> str:
    """Return the Bearer token, or the password of HTTP Basic."""
    scheme, _, credentials = authorization.partition(" ")
    if scheme.lower() != "basic":
        return credentials.strip() if scheme.lower() == "bearer" else ""
    try:
        decoded = base64.b64decode(credentials, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""
    return decoded.partition(":")[2]
