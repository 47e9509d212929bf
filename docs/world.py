"""The simulated weeks that the pages ask: fixed, so that their answers are always the same.

The real harvester asks a small RetroAchievements on loopback once a day, for six weeks in which
two players play on, tickets come and go, and for three days nobody looks.
"""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Final

from harvester import app, config, harvest
from harvester.sandbox.activity import live
from harvester.sandbox.populate import populate
from harvester.sandbox.server import serve
from harvester.sandbox.world import World
from harvester.stop import Stop
from harvester.store import notes
from harvester.store.polls import Selection

SEED: Final = 11
DAYS: Final = 42
NOBODY_LOOKS: Final = range(20, 23)
REVISED_ON: Final = 24
GAME: Final = 1
Deed = Callable[[World], object]


def harvested(path: Path) -> None:
    """Make an SQLite database that remembers these weeks."""
    world, rng = _populated(), random.Random(SEED)  # noqa: S311 - a made-up world
    with serve(world) as base_url, _harvest(world, base_url, path) as made:
        for day in range(DAYS):
            if day not in NOBODY_LOOKS:
                list(harvest.round_of(made, Selection()))
            for deed in _PLANNED.get(day, ()):
                deed(world)
            live(world, rng, 24, per_hour=0.5)
        list(harvest.round_of(made, Selection()))
        _remark(made)


def _populated() -> World:
    world = World()
    populate(world, seed=SEED, games=3, achievements=8, users=30, tickets=12)
    for name in ("Mira", "Joris"):
        world.add_user(name)
    return world


def _ulid(world: World, name: str) -> str:
    return next(one.ulid for one in world.people if one.name == name)


def _plays(name: str, place: int, *, is_hardcore: bool = True) -> Deed:
    """Let somebody unlock the achievement at a place of the first game's set."""

    def deed(world: World) -> None:
        ulid, achievements = _ulid(world, name), sorted(world.games[GAME].achievements)
        world.unlock(ulid, achievements[place], is_hardcore=is_hardcore)
        world.set_playtime(ulid, GAME, 5_400 * (place + 1))

    return deed


def _revises(world: World) -> None:
    """Give the first achievement of the first game other points and another title."""
    world.revise(min(world.games[GAME].achievements), title="Clear it all", points=50)


_PLANNED: Final = {
    **{3 * place + 1: (_plays("Mira", place),) for place in range(8)},
    REVISED_ON: (_revises, _plays("Joris", 0, is_hardcore=False)),
    30: (_plays("Joris", 1),),
    33: (_plays("Joris", 0), lambda world: world.rename(_ulid(world, "Joris"), "Jorin")),
}


@contextmanager
def _harvest(world: World, base_url: str, path: Path) -> Iterator[harvest.Harvest]:
    settings = config.parse(_config(world, base_url, path), path=path, environ={})
    time_of = app.Time(
        now=lambda: world.now,
        monotonic=lambda: world.now.timestamp(),  # noqa: PLW0108 - time goes on
        wait=lambda seconds: world.advance(seconds=int(seconds) + 1),
    )
    with app.harvesting(lambda: settings, "demo", stop=Stop(), time_of=time_of) as made:
        yield made


def _config(world: World, base_url: str, path: Path) -> str:
    makers = [str(one.name) for one in list(world.people)[1:4]]
    jobs = ("game-tickets", "developer-tickets", "progress")
    daily = "\n".join(f'[jobs.{job}]\nevery = "1d"' for job in jobs)
    return f"""
[api]
username = "{world.username}"
key = "{world.key}"
base_url = "{base_url}"
burst = 100000
[database]
url = "sqlite:///{path.resolve()}"
[watch]
games = {sorted(world.games)}
users = ["Mira", "Joris"]
developers = {makers}
{daily}
"""


def _remark(made: harvest.Harvest) -> None:
    """Note on the day of the revision what happened."""
    began = made.clock() - timedelta(days=DAYS - REVISED_ON)
    at = began.replace(hour=0, minute=0, second=0)
    with made.engine.begin() as conn:
        notes.add(
            conn, at=at, title="set revised", scope=f"game:{GAME}", note="points of one moved"
        )
