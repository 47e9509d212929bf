"""The registry: every job there is. A new endpoint is one file and one line here."""

from harvester.endpoints import distribution, progress, tickets, unlocks
from harvester.endpoints.base import KEPT, Ask, Endpoint, Get, Observation, Reach, Steps

ENDPOINTS: dict[str, Endpoint] = {
    endpoint.name: endpoint
    for endpoint in (
        Endpoint("game-tickets", ("game",), tickets.observe_game),
        Endpoint("developer-tickets", ("developer",), tickets.observe_developer),
        Endpoint("progress", ("game", "player"), progress.observe),
        Endpoint("distribution", ("game",), distribution.observe),
        Endpoint("unlocks", ("achievement",), unlocks.observe),
    )
}

__all__ = ["ENDPOINTS", "KEPT", "Ask", "Endpoint", "Get", "Observation", "Reach", "Steps"]
