"""A made-up RetroAchievements of a given size, the same at every start.

Games -> achievements -> unlocks by players, newest first, each row already written as it
goes over the wire. `advance` adds unlocks, `reset` takes them away again.
"""

import argparse
import hashlib
import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

OLDEST, NEWEST = 1_388_534_400, 1_767_225_600  # dates of unlocks: from 2014 to the end of 2025
NEW_UNLOCKS = 5  # what a step adds to an achievement that moves
FIRST_GAME, FIRST_ACHIEVEMENT = 1_000, 100_000
TICKETS = 40  # of each game
BASE32 = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # the letters of ULIDs
SYLLABLES = ("ba", "Cor", "dun", "El", "fox", "Gil", "ma", "Nor", "pix", "Ras", "to", "Vex")


class Size(NamedTuple):
    """How large the world is; `achievements` per game, `unlocks` per achievement."""

    games: int = 10
    achievements: int = 30
    unlocks: int = 1_000
    players: int = 20_000


def sized(parser: argparse.ArgumentParser) -> None:
    """Let a command line choose the size of the world."""
    for name, default in Size()._asdict().items():
        parser.add_argument(f"--{name}", type=int, default=default)


def size_of(chosen: argparse.Namespace) -> Size:
    """Read the size that a command line chose."""
    return Size(*(getattr(chosen, name) for name in Size._fields))


class Player(NamedTuple):
    """Somebody who unlocks; `row` is the beginning of each of his rows in a list."""

    name: str
    ulid: str
    row: str


class Unlock(NamedTuple):
    """An unlock: its date in seconds since 1970, and the player's place in the world."""

    at: int
    player: int
    is_hardcore: bool


@dataclass
class Achievement:
    """An achievement with its unlocks, newest first, in `rows` as they are sent."""

    id: int
    title: str
    points: int
    unlocks: list[Unlock] = field(repr=False)
    rows: list[bytes] = field(repr=False)
    added: int = 0

    @property
    def hardcore(self) -> int:
        """Count the unlocks in hardcore mode."""
        return sum(unlock.is_hardcore for unlock in self.unlocks)


@dataclass
class Game:
    """A game; `pool` are the players who play it, by their places in the world."""

    id: int
    title: str
    pool: list[int] = field(repr=False)
    achievements: list[Achievement]
    players: int = 0
    holding: dict[bool, Counter[int]] = field(default_factory=dict, repr=False)

    def count(self) -> None:
        """Count the players, and by mode how many of them hold how much."""
        unlocks = [unlock for own in self.achievements for unlock in own.unlocks]
        self.players = len({unlock.player for unlock in unlocks})
        for is_hardcore in (False, True):
            held = Counter(own.player for own in unlocks if own.is_hardcore is is_hardcore)
            self.holding[is_hardcore] = Counter(held.values())


@dataclass
class World:
    """All games and players, and how often the world was advanced."""

    size: Size
    players: list[Player] = field(repr=False)
    games: dict[int, Game] = field(repr=False)
    generation: int = 0

    @property
    def achievements(self) -> list[Achievement]:
        """List the achievements of all games."""
        return [own for game in self.games.values() for own in game.achievements]

    def game_of(self, achievement: int) -> Game:
        """Find the game of an achievement by the order in which they are numbered."""
        place = (achievement - FIRST_ACHIEVEMENT) // self.size.achievements
        return self.games[FIRST_GAME + place]


def build(size: Size) -> World:
    """Make the world of a size; every start makes the same one."""
    chance = random.Random(20_231_027)
    players = [_player(chance, number) for number in range(size.players)]
    games = (_game(chance, number, size, players) for number in range(size.games))
    return World(size, players, {game.id: game for game in games})


def _player(chance: random.Random, number: int) -> Player:
    name = "".join(chance.choices(SYLLABLES, k=3)).capitalize() + str(number)
    ulid = "01" + "".join(chance.choices(BASE32, k=24))
    points, softcore = chance.randrange(200_000), chance.randrange(9_000)
    head = f'{{"User":"{name}","ULID":"{ulid}","RAPoints":{points},"RASoftcorePoints":{softcore}'
    return Player(name, ulid, head)


def _game(chance: random.Random, number: int, size: Size, players: list[Player]) -> Game:
    """Let two of the games share each player, as far as a game has that many."""
    span = min(size.players, max(2 * size.players // size.games, 2 * size.unlocks))
    start = number * size.players // size.games
    pool = [(start + place) % size.players for place in range(span)]
    first = FIRST_ACHIEVEMENT + number * size.achievements
    achievements = [
        _achievement(chance, first + place, pool, size.unlocks, players)
        for place in range(size.achievements)
    ]
    game = Game(FIRST_GAME + number, f"Game of the Year {number + 1}", pool, achievements)
    game.count()
    return game


def _achievement(
    chance: random.Random, number: int, pool: list[int], count: int, players: list[Player]
) -> Achievement:
    dates = sorted((chance.randrange(OLDEST, NEWEST) for _ in range(count)), reverse=True)
    holders = chance.sample(pool, count)
    modes = [chance.random() < 0.7 for _ in range(count)]
    unlocks = [Unlock(*own) for own in zip(dates, holders, modes, strict=True)]
    rows = [_row(unlock, players) for unlock in unlocks]
    points = chance.choice((1, 2, 3, 4, 5, 10, 25, 50))
    return Achievement(number, f"Deed {number} of the Brave and Bold", points, unlocks, rows)


def _row(unlock: Unlock, players: list[Player]) -> bytes:
    date = time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime(unlock.at))
    mode = int(unlock.is_hardcore)
    return f'{players[unlock.player].row},"DateAwarded":"{date}","HardcoreMode":{mode}}}'.encode()


def advance(world: World, share: float, at: int) -> list[int]:
    """Let a share of the achievements get new unlocks until `at`; tell which."""
    world.generation += 1
    chance = random.Random(world.generation)
    count = max(1, round(share * len(world.achievements)))
    moved = chance.sample(world.achievements, count)
    for own in moved:
        _unlock(world, own, chance, at)
    return [own.id for own in moved]


def _unlock(world: World, own: Achievement, chance: random.Random, at: int) -> None:
    game, holders = world.game_of(own.id), {unlock.player for unlock in own.unlocks}
    free = [player for player in game.pool if player not in holders]
    new = [
        Unlock(at - place, player, chance.random() < 0.7)
        for place, player in enumerate(chance.sample(free, min(NEW_UNLOCKS, len(free))))
    ]
    own.unlocks[:0] = new
    own.rows[:0] = [_row(unlock, world.players) for unlock in new]
    own.added += len(new)
    game.count()


def reset(world: World) -> list[int]:
    """Take away everything that `advance` added; tell from which."""
    world.generation, moved = 0, [own.id for own in world.achievements if own.added]
    for own in world.achievements:
        del own.unlocks[: own.added], own.rows[: own.added]
        own.added = 0
    for game in world.games.values():
        game.count()
    return moved


def facts(world: World) -> Iterator[str]:
    """Write the truth down, one line for each unlock, by achievement and ULID.

    A contender's rows, written the same way, must come to the same `digest`.
    """
    for own in world.achievements:
        told = [(world.players[unlock.player].ulid, unlock) for unlock in own.unlocks]
        for ulid, unlock in sorted(told):
            date = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(unlock.at))
            yield f"{own.id} {ulid} {date} {int(unlock.is_hardcore)}"


def digest(lines: Iterator[str]) -> tuple[int, str]:
    """Count lines and sum them up in one word."""
    count, summed = 0, hashlib.sha256()
    for line in lines:
        count += 1
        summed.update(line.encode())
    return count, summed.hexdigest()[:16]
