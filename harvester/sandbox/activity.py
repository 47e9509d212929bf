"""Lets a world live: what players and developers do in some hours, at random."""

import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from harvester.sandbox.populate import POINTS, add_deed, happens, ticket_details, unused_names
from harvester.sandbox.records import Achievement, State, Ticket, Unlock, User

if TYPE_CHECKING:
    from harvester.sandbox.world import World

Deed = Callable[["World", random.Random], bool]
"""Does something, if there is anything to do it to; returns whether it did."""

Item = TypeVar("Item")
MOST_BACKDATED_DAYS = 14
"""How old an unlock made offline may be when it arrives."""


def live(
    world: "World",
    rng: random.Random,
    hours: float,
    *,
    per_hour: float = 6.0,
    weights: Mapping[str, float] | None = None,
) -> Counter[str]:
    """Let `hours` pass with about `per_hour` events each, and return how many of which kind.

    `weights` says how often each kind of `DEEDS` happens in proportion; kinds left out do not
    happen. None means `USUAL`.
    """
    happened: Counter[str] = Counter()
    chances = USUAL if weights is None else weights
    with world.lock:
        start = world.now
        for hour in _moments(rng, hours, per_hour) if any(chances.values()) else ():
            world.now = (start + timedelta(hours=hour)).replace(microsecond=0)
            kind = rng.choices(list(chances), list(chances.values()))[0]
            happened[kind] += DEEDS[kind](world, rng)
        world.now = start
        world.advance(hours=hours)
    return +happened


def _moments(rng: random.Random, hours: float, per_hour: float) -> Iterator[float]:
    moment = rng.expovariate(per_hour)
    while moment < hours:
        yield moment
        moment += rng.expovariate(per_hour)


def _pick(rng: random.Random, items: Iterable[Item]) -> Item | None:
    listed = list(items)
    return rng.choice(listed) if listed else None


def _someone(world: "World", rng: random.Random) -> User | None:
    return _pick(rng, (user for user in world.people if not user.is_deleted))


def _something(
    world: "World", rng: random.Random, *, is_promoted: bool = True
) -> Achievement | None:
    rows = (row for row in world.achievements.values() if not row.is_deleted)
    return _pick(rng, (row for row in rows if row.is_promoted is is_promoted))


def _some_unlock(world: "World", rng: random.Random, *, is_casual: bool = False) -> Unlock | None:
    achievement = _something(world, rng)
    rows = () if achievement is None else achievement.unlocks.values()
    return _pick(rng, (row for row in rows if not (is_casual and row.hardcore_at)))


def _some_ticket(world: "World", rng: random.Random) -> Ticket | None:
    return _pick(rng, (row for row in world.tickets.values() if not row.is_deleted))


def _unlock(world: "World", rng: random.Random, days: float = 0) -> bool:
    user, achievement = _someone(world, rng), _something(world, rng)
    if user is None or achievement is None:
        return False
    at = world.now - timedelta(days=rng.uniform(0, days))
    return world.unlock(user.ulid, achievement.id, is_hardcore=happens(rng, 0.8), at=at)


def _backdate(world: "World", rng: random.Random) -> bool:
    """Let an unlock made offline arrive with its old date."""
    return _unlock(world, rng, MOST_BACKDATED_DAYS)


def _burst(world: "World", rng: random.Random) -> bool:
    """Let many get one achievement in one second, as an administrator's tool does it."""
    if (achievement := _something(world, rng)) is None:
        return False
    users = [user for user in world.people if not user.is_deleted]
    for user in rng.sample(users, min(len(users), rng.randint(3, 30))):
        world.unlock(user.ulid, achievement.id, is_hardcore=happens(rng, 0.5))
    return True


def _upgrade(world: "World", rng: random.Random) -> bool:
    row = _some_unlock(world, rng, is_casual=True)
    return row is not None and world.unlock(row.user.ulid, row.achievement.id)


def _reset(world: "World", rng: random.Random) -> bool:
    if (row := _some_unlock(world, rng)) is not None:
        world.reset(row.user.ulid, row.achievement.id)
    return row is not None


def _play_on(world: "World", rng: random.Random) -> bool:
    row = _some_unlock(world, rng)
    if row is not None:
        game = row.achievement.game
        played = game.playtimes.get(row.user.ulid, 0) + rng.randint(60, 7200)
        world.set_playtime(row.user.ulid, game.id, played)
    return row is not None


def _sign_up(world: "World", rng: random.Random) -> bool:
    world.add_user(next(unused_names(world, rng)))
    return True


def _rename(world: "World", rng: random.Random) -> bool:
    if (user := _someone(world, rng)) is not None:
        world.rename(user.ulid, next(unused_names(world, rng)))
    return user is not None


def _unrank(world: "World", rng: random.Random) -> bool:
    if (user := _someone(world, rng)) is not None:
        world.unrank(user.ulid)
    return user is not None


def _rerank(world: "World", rng: random.Random) -> bool:
    if (user := _pick(rng, (user for user in world.people if not user.is_ranked))) is not None:
        world.rerank(user.ulid)
    return user is not None


def _leave(world: "World", rng: random.Random) -> bool:
    """Let somebody other than the key's owner delete the account."""
    others = (user for user in world.people if user is not world.owner and not user.is_deleted)
    if (user := _pick(rng, others)) is not None:
        world.delete_user(user.ulid)
    return user is not None


def _report(world: "World", rng: random.Random) -> bool:
    user, achievement = _someone(world, rng), _something(world, rng)
    if user is None or achievement is None:
        return False
    world.open_ticket(achievement.id, user.ulid, **ticket_details(rng))
    return True


def _handle(world: "World", rng: random.Random) -> bool:
    """Let a developer change a ticket's state, reopening included."""
    if (ticket := _some_ticket(world, rng)) is not None:
        states = [state for state in State if state != ticket.state]
        world.set_ticket_state(ticket.id, rng.choice(states))
    return ticket is not None


def _drop_ticket(world: "World", rng: random.Random) -> bool:
    if (ticket := _some_ticket(world, rng)) is not None:
        world.delete_ticket(ticket.id)
    return ticket is not None


def _revise(world: "World", rng: random.Random) -> bool:
    achievement = _something(world, rng)
    if achievement is not None:
        title = f"{achievement.title.split(' (')[0]} (rev. {rng.randint(2, 99)})"
        world.revise(achievement.id, title=title, points=rng.choice(POINTS))
    return achievement is not None


def _revise_game(world: "World", rng: random.Random) -> bool:
    game = _pick(rng, (row for row in world.games.values() if not row.is_deleted))
    if game is not None:
        world.revise_game(game.id, rich_presence=rng.randbytes(16).hex())
    return game is not None


def _extend(world: "World", rng: random.Random) -> bool:
    """Give a set one achievement more, by the author of another one."""
    model = _something(world, rng)
    if model is None or model.author is None:
        return False
    add_deed(world, rng, model.game.id, model.author.ulid)
    return True


def _demote(world: "World", rng: random.Random) -> bool:
    if (achievement := _something(world, rng)) is not None:
        world.demote(achievement.id)
    return achievement is not None


def _promote(world: "World", rng: random.Random) -> bool:
    if (achievement := _something(world, rng, is_promoted=False)) is not None:
        world.promote(achievement.id)
    return achievement is not None


def _move(world: "World", rng: random.Random) -> bool:
    achievement = _something(world, rng)
    games = [row for row in world.games.values() if not row.is_deleted]
    others = [row for row in games if achievement is not None and row is not achievement.game]
    if achievement is not None and others:
        world.move(achievement.id, rng.choice(others).id)
    return bool(others)


DEEDS: dict[str, Deed] = {
    "unlock": _unlock,
    "burst": _burst,
    "upgrade": _upgrade,
    "backdate": _backdate,
    "reset": _reset,
    "playtime": _play_on,
    "newcomer": _sign_up,
    "rename": _rename,
    "unrank": _unrank,
    "rerank": _rerank,
    "leave": _leave,
    "ticket": _report,
    "ticket-state": _handle,
    "ticket-delete": _drop_ticket,
    "revise": _revise,
    "revise-game": _revise_game,
    "extend": _extend,
    "demote": _demote,
    "promote": _promote,
    "move": _move,
}
"""Everything that can happen, by the name `weights` knows it by."""

USUAL: dict[str, float] = {
    "unlock": 100,
    "burst": 1,
    "upgrade": 8,
    "backdate": 6,
    "reset": 2,
    "playtime": 20,
    "newcomer": 4,
    "rename": 0.5,
    "unrank": 0.3,
    "rerank": 0.3,
    "leave": 0.1,
    "ticket": 3,
    "ticket-state": 3,
    "ticket-delete": 0.2,
    "revise": 1,
    "revise-game": 0.3,
    "extend": 0.2,
    "demote": 0.3,
    "promote": 0.2,
    "move": 0.05,
}
"""Proportions that look like a quiet week on a small site."""
