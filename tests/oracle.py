"""What a history must say after a look: worked out from the world, never from the answers.

For each request that a look made, `served` lists the facts that the world told in answer:
rows of a history table as plain values, users by ULID. A complete list also tells what must
not be there.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from harvester.sandbox import figures
from harvester.sandbox.records import Achievement, Asked, Game, Ticket, User
from harvester.sandbox.truth import ulid_or_none
from harvester.sandbox.unlock_answers import ordered
from harvester.sandbox.world import World

Key = tuple[Any, ...]
Values = Mapping[str, Any]
OF_GAMES = (
    "title",
    "console_id",
    "parent_game_id",
    "forum_topic_id",
    "publisher",
    "developer",
    "genre",
    "image_icon",
    "image_title",
    "image_ingame",
    "image_box_art",
)
OF_ACHIEVEMENTS = (
    "title",
    "description",
    "points",
    "type",
    "badge_name",
    "display_order",
    "mem_md5",
    "is_promoted",
)
STATES = {0: "closed", 1: "open", 2: "resolved", 3: "request", 4: "quarantined"}


@dataclass(frozen=True)
class Facts:
    """Rows of one history table by key; if complete, all that there are `within`."""

    table: str
    rows: Mapping[Any, Values]
    within: Mapping[str, object] = field(default_factory=dict)
    is_complete: bool = False


def served(world: World, asked: Asked, job: str) -> Iterator[Facts]:
    """List what the world tells in answer to a request of a job."""
    tellers = {
        "API_GetTicketData": _tickets,
        "API_GetAchievementDistribution": _distribution,
        "API_GetAchievementUnlocks": _unlocks,
        "API_GetGameInfoAndUserProgress": _progress,
        "API_GetGameExtended": _extended,
    }
    yield from tellers[asked.name](world, asked.params, job)


def _number(params: Mapping[str, str], name: str, default: int = 0) -> int:
    return int(params.get(name, default))


def _names(*people: User | None) -> Facts:
    return Facts("user_names", {(one.ulid,): {"name": one.name} for one in people if one})


def _tickets(world: World, params: Mapping[str, str], job: str) -> Iterator[Facts]:
    if "u" in params:
        yield from _developer(world, params["u"], job)
        return
    game, is_promoted = world.games[_number(params, "g")], params.get("f") != "5"
    tickets = [
        ticket
        for own in game.achievements.values()
        for ticket in own.tickets
        if own.is_promoted is is_promoted and not ticket.is_deleted
    ]
    page = _page(tickets, params)
    states = [STATES[ticket.state] for ticket in page]
    is_all = "d" in params and len(page) == len(tickets)
    counts = {state: states.count(state) for state in STATES.values()} if is_all else {}
    key = (game.id, is_promoted)
    yield Facts("game_ticket_counts", {key: {"reported": len(tickets), **counts}})
    for one in page:
        yield Facts("ticket_states", {(one.id,): _state(one)})
        yield _names(one.reporter, one.assignee, one.resolver)


def _page(tickets: list[Ticket], params: Mapping[str, str]) -> list[Ticket]:
    """Tell which tickets a request lists: none where it asks for their number alone."""
    if "d" not in params:
        return []
    start, newest_first = _number(params, "o"), sorted(tickets, key=_age, reverse=True)
    return newest_first[start : start + _number(params, "c")]


def _age(ticket: Ticket) -> tuple[datetime, int]:
    return ticket.reported_at, ticket.id


def _state(ticket: Ticket) -> Values:
    return {
        "state": STATES[ticket.state],
        "resolved_at": ticket.resolved_at,
        "resolver_id": ulid_or_none(ticket.resolver),
    }


def _developer(world: World, handle: str, job: str) -> Iterator[Facts]:
    user = world.people.find(handle)
    if user is None or user.is_deleted:
        return
    yield _names(user)
    if job != "developer-tickets":
        return
    his = [
        ticket.state
        for ticket in world.tickets.values()
        if ticket.assignee is user and ticket.achievement.is_promoted and not ticket.is_deleted
    ]
    counts = {"open": his.count(1), "closed": his.count(0), "resolved": his.count(2)}
    row = {**counts, "total": sum(counts.values())}
    yield Facts("developer_ticket_counts", {(user.ulid,): row})


def _distribution(world: World, params: Mapping[str, str], _job: str) -> Iterator[Facts]:
    game, is_promoted = _number(params, "i"), params.get("f") != "5"
    is_hardcore = params["h"] != "0"
    held = world.distribution_truth(game, is_hardcore=is_hardcore, is_promoted=is_promoted)
    rows = {
        (game, is_promoted, is_hardcore, bucket): {"players": players}
        for bucket, players in held.items()
    }
    within = {"game_id": game, "is_promoted": is_promoted, "is_hardcore": is_hardcore}
    yield Facts("distribution", rows, within, is_complete=True)


def _unlocks(world: World, params: Mapping[str, str], _job: str) -> Iterator[Facts]:
    own = world.achievements[_number(params, "a")]
    start, count = _number(params, "o"), _number(params, "c")
    page = ordered(own, is_deep=start + count > world.tie_switch)[start : start + count]
    yield Facts(
        "unlocks",
        {(own.id, row.user.ulid): {"awarded_at": row.effective_at} for row in page},
    )
    yield _names(*(row.user for row in page))


def _progress(world: World, params: Mapping[str, str], job: str) -> Iterator[Facts]:
    game, user = world.games[_number(params, "g")], world.people.find(params["u"])
    if game.is_deleted or user is None or user.is_deleted:
        return
    yield from _game(game)
    yield from _achievements(game, is_promoted=True)
    official = figures.listed(game)
    row = {**world.progress_truth(user.ulid, game.id)}
    held = {own.id: own.unlocks[user.ulid] for own in official if user.ulid in own.unlocks}
    dates = {
        (own, user.ulid): {"unlocked_at": row.unlocked_at, "hardcore_at": row.hardcore_at}
        for own, row in held.items()
    }
    if job == "progress":
        yield Facts("progress", {(user.ulid, game.id): row})
        yield Facts("unlocks", dates)


def _extended(world: World, params: Mapping[str, str], _job: str) -> Iterator[Facts]:
    game, is_promoted = world.games[_number(params, "i")], params["f"] != "5"
    if not game.is_deleted:
        if is_promoted:
            yield from _game(game)
        yield from _achievements(game, is_promoted=is_promoted)


def _game(game: Game) -> Iterator[Facts]:
    row: dict[str, Any] = {name: getattr(game, name) for name in OF_GAMES}
    row |= {"released_on": game.released, "released_granularity": game.released_granularity}
    row |= {"rich_presence_md5": game.rich_presence}
    yield Facts("game_versions", {(game.id,): row})
    counters = {"players": figures.players(game), "achievements": len(figures.listed(game))}
    yield Facts("game_counters", {(game.id,): counters})


def _achievements(game: Game, *, is_promoted: bool) -> Iterator[Facts]:
    listed = figures.listed(game, is_promoted=is_promoted)
    within = {"game_id": game.id, "is_promoted": True}
    is_complete = is_promoted and bool(listed)
    rows = {(own.id,): _described(own) for own in listed}
    yield Facts("achievement_versions", rows, within, is_complete)
    counted = {(own.id,): figures.counters(own) for own in listed}
    names = ("unlocks", "unlocks_hardcore")
    counters = {key: dict(zip(names, pair, strict=True)) for key, pair in counted.items()}
    yield Facts("achievement_counters", counters)
    ratios = {(own.id,): {"true_ratio": figures.true_ratio(own)} for own in listed}
    yield Facts("achievement_ratios", ratios)
    yield _names(*(own.author for own in listed))


def _described(own: Achievement) -> Values:
    dates = {"created_at": own.created_at, "modified_at": own.modified_at}
    entities = {"game_id": own.game.id, "author_id": ulid_or_none(own.author)}
    return {**{name: getattr(own, name) for name in OF_ACHIEVEMENTS}, **dates, **entities}
