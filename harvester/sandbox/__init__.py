"""A small simulated RetroAchievements on loopback; the demo and the tests use it.

world = World()
populate(world, seed=1)
with serve(world) as base_url:
    ...                                  # ask it over HTTP
    live(world, random.Random(1), hours=6)
"""

from harvester.sandbox.activity import live
from harvester.sandbox.answers import answer
from harvester.sandbox.populate import populate
from harvester.sandbox.server import serve
from harvester.sandbox.wire import Reply
from harvester.sandbox.world import World

__all__ = ["Reply", "World", "answer", "live", "populate", "serve"]
