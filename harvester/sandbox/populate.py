"""Fills an empty world with a believable past: sets, players, years of unlocks, tickets."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from harvester.sandbox.records import AchievementDetails, State, TicketDetails

if TYPE_CHECKING:
    from harvester.sandbox.world import World

CONSOLES = {1: "Genesis/Mega Drive", 3: "SNES/Super Famicom", 7: "NES/Famicom", 12: "PlayStation"}
FIRST = ("Star", "Dragon", "Moon", "Castle", "Robot", "Jungle", "Neon", "Pirate", "Turbo", "Ghost")
SECOND = ("Quest", "Racer", "Legends", "Panic", "Odyssey", "Force", "Kid", "Arena", "Island")
DEEDS = ("Clear stage {}", "Beat boss {}", "Find {} secrets", "Stage {} without a scratch")
SYLLABLES = (
    "ka",
    "zo",
    "mi",
    "ru",
    "ten",
    "lo",
    "sha",
    "vex",
    "no",
    "pi",
    "dra",
    "gon",
    "el",
    "ba",
)
GENRES = ("Platforming", "Racing", "Role-Playing Game", "Puzzle", "Shoot 'em Up")
POINTS = (1, 2, 3, 5, 5, 10, 10, 25)
MAKERS = 3


@dataclass(frozen=True)
class _Habits:
    """How able, how strict and how busy a player is, each 0..1."""

    skill: float
    strictness: float
    reach: float


def populate(
    world: "World",
    *,
    seed: int = 1,
    games: int = 3,
    achievements: int = 12,
    users: int = 40,
    tickets: int = 10,
    days: float = 365,
) -> None:
    """Add so many games with so many achievements each, players and tickets.

    Everything happened in the `days` before `world.now`, which stays as it is; the same seed
    gives the same world. A game's id follows the highest one there is.
    """
    rng, end = random.Random(seed), world.now
    world.now = end - timedelta(days=days)
    names = unused_names(world, rng)
    makers = [world.add_user(next(names)) for _ in range(MAKERS)]
    added = [add_set(world, rng, achievements, makers) for _ in range(games)]
    players = [world.add_user(next(names)) for _ in range(users)]
    for ulid in (world.owner.ulid, *players):
        _play_all(world, rng, ulid, added, end)
    for _ in range(tickets if games and achievements else 0):
        _report(world, rng, players or makers, added, end)
    world.now = end


def unused_names(world: "World", rng: random.Random) -> Iterator[str]:
    """Make up names that nobody has, 2 to 20 letters and digits as RA wants them."""
    while True:
        name = "".join(rng.choices(SYLLABLES, k=rng.randint(2, 4))).capitalize()
        name += str(rng.randint(1, 9999)) if happens(rng, 0.7) else ""
        if world.people.find(name) is None:
            yield name


def add_set(world: "World", rng: random.Random, achievements: int, makers: list[str]) -> int:
    """Add a game with so many achievements and return its id."""
    console_id = rng.choice(list(CONSOLES))
    world.add_console(console_id, CONSOLES[console_id])
    game_id = world.add_game(
        max(world.games, default=0) + 1,
        f"{rng.choice(FIRST)} {rng.choice(SECOND)} {rng.randint(2, 99)}",
        console_id,
        forum_topic_id=rng.randint(100, 30_000),
        publisher=rng.choice(FIRST) + "soft",
        developer=rng.choice(SECOND) + " Team",
        genre=rng.choice(GENRES),
        released=date(rng.randint(1986, 2004), rng.randint(1, 12), rng.randint(1, 28)),
        released_granularity="day",
        rich_presence=rng.randbytes(16).hex(),
    )
    maker = rng.choice(makers)
    for number in range(1, achievements + 1):
        add_deed(world, rng, game_id, maker, is_last=number == achievements)
    return game_id


def add_deed(
    world: "World", rng: random.Random, game_id: int, maker: str, *, is_last: bool = False
) -> int:
    """Add an achievement at the end of a set; the last one wins the game."""
    number = len(world.games[game_id].achievements) + 1
    kind = "win_condition" if is_last else rng.choice(("progression", "missable", None, None))
    deed = rng.choice(DEEDS).format(number)
    details = AchievementDetails(
        description=f"{deed} on any difficulty/mode",
        author=maker,
        type=kind,
        badge_name=f"{rng.randint(0, 99_999):05}",
        display_order=number,
        mem_md5=rng.randbytes(16).hex(),
    )
    return world.add_achievement(game_id, deed, rng.choice(POINTS), **details)


def _play_all(
    world: "World", rng: random.Random, ulid: str, games: list[int], end: datetime
) -> None:
    habits = _Habits(rng.betavariate(2, 3), rng.betavariate(2, 1), rng.betavariate(2, 2))
    for game_id in games:
        if happens(rng, habits.reach):
            _play(world, rng, ulid, game_id, habits, end)


def _play(
    world: "World",
    rng: random.Random,
    ulid: str,
    game_id: int,
    habits: _Habits,
    end: datetime,
) -> None:
    """Unlock what the skill allows, the later the harder, over days or years."""
    deeds = list(world.games[game_id].achievements)
    mastered = 1 + round(habits.skill * 1.3 * len(deeds))
    earned = [deed for deed in deeds[:mastered] if happens(rng, 0.4 + habits.skill)]
    moments = sorted(rng.random() for _ in earned)
    for deed, moment in zip(earned, moments, strict=True):
        is_hardcore = happens(rng, habits.strictness)
        world.unlock(ulid, deed, is_hardcore=is_hardcore, at=_at(world, end, moment))
    world.set_playtime(ulid, game_id, round(900 * (1 + len(earned)) * rng.uniform(0.5, 2)))


def _at(world: "World", end: datetime, moment: float) -> datetime:
    return world.now + (end - world.now) * moment


def _report(
    world: "World", rng: random.Random, reporters: list[str], games: list[int], end: datetime
) -> None:
    """Report something in the past; most reports are dealt with by now."""
    start = world.now
    world.now = _at(world, end, rng.random()).replace(microsecond=0)
    deed = rng.choice(list(world.games[rng.choice(games)].achievements))
    ticket = world.open_ticket(deed, rng.choice(reporters), **ticket_details(rng))
    if happens(rng, 0.7):
        world.now = _at(world, end, rng.random()).replace(microsecond=0)
        world.set_ticket_state(ticket, rng.choice((State.CLOSED, State.RESOLVED)))
    world.now = start


def happens(rng: random.Random, share: float) -> bool:
    """Decide by lot; `share` 0..1 is how often the answer is yes."""
    return rng.random() < share


def ticket_details(rng: random.Random) -> TicketDetails:
    """Make up what a player would say about a failing achievement."""
    emulator = rng.choice(("RetroArch", "RALibRetro", "PCSX2"))
    return {
        "type": rng.choice((1, 2)),
        "notes": f"{rng.choice(DEEDS).format(1)}, and nothing.\nEmulator: {emulator}",
        "is_hardcore": rng.choice((True, True, False, None)),
    }
