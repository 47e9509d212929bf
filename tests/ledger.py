"""What was true at every successful look, and what a trend must say of it. Brute force.

Works from the world and the instants of looks alone: no table, no query, no function of the
product. What a look told is known until the next, if that came within one and a half intervals,
or as long as it is not late; of a look that was left without a next one nothing more is known.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from oracle import OF_ACHIEVEMENTS, OF_GAMES, STATES

from harvester.sandbox import figures
from harvester.sandbox.records import Achievement, Game
from harvester.sandbox.world import World

Values = Mapping[str, Any] | None
Poll = tuple[str, str]  # job and target
HALF_HOUR = timedelta(minutes=30)


@dataclass
class Ledger:
    """The looks of every poll with what was true then; `interval` is that of all polls."""

    world: World
    interval: timedelta
    players: Sequence[str]
    looks: dict[Poll, list[tuple[datetime, Any]]] = field(default_factory=dict)
    versions: dict[int, dict[datetime, Values]] = field(default_factory=dict)  # of achievements
    games: dict[int, dict[datetime, Values]] = field(default_factory=dict)
    counted: dict[int, Mapping[int, Values]] = field(default_factory=dict)  # as last listed
    tickets: dict[int, list[tuple[datetime, Mapping[int, Any]]]] = field(default_factory=dict)
    ends: dict[int, datetime] = field(default_factory=dict)  # when games left the watchlist

    def note(self, job: str, target: str, at: datetime, *, is_implied: bool = False) -> None:
        """Write down what the world is like at a look; one that is implied repeats the last."""
        looks = self.looks.setdefault((job, target), [])
        looks.append((at, looks[-1][1] if is_implied else _TELLERS[job](self, target, at)))

    # --- what is known

    def is_seen(self, polls: Sequence[Poll], at: datetime) -> bool:
        """Tell whether one of these polls had looked."""
        return any(self._covers(one, at) for one in polls)

    def _covers(self, poll: Poll, at: datetime) -> bool:
        looks = [look for look, _ in self.looks.get(poll, [])]
        before = [look for look in looks if look <= at]
        after = [look for look in looks if look > at]
        if not before:
            return False
        stop = after[0] if after else self._watched_until(poll)
        is_in_time = stop - before[-1] <= self.interval * 1.5
        return at == before[-1] or (is_in_time and at <= stop)

    def _watched_until(self, poll: Poll) -> datetime:
        game = re.match(r"game (\d+)", poll[1])
        return self.ends.get(int(game[1]), self.world.now) if game else self.world.now

    def held(self, polls: Sequence[Poll], at: datetime) -> Any:  # noqa: ANN401 - what a look told
        """Tell what the newest look of these polls told; None where nothing is known."""
        told = [look for one in polls for look in self.looks.get(one, []) if look[0] <= at]
        return max(told, key=lambda look: look[0])[1] if told and self.is_seen(polls, at) else None

    def pairs(self, game: int) -> list[Poll]:
        """Name the polls that tell of a game."""
        return [("progress", f"game {game}, player {name}") for name in self.players]

    def instants(self) -> set[datetime]:
        """Name every instant at which something may have begun to be true."""
        return {at for looks in self.looks.values() for at, _ in looks}

    # --- what every trend must say of an instant

    def game_tickets(self, game: int, at: datetime) -> Values:
        """Count the tickets of a game by state."""
        told: Values = self.held([("game-tickets", f"game {game}")], at)
        return told

    def developer_tickets(self, name: str, at: datetime) -> Values:
        """Count the tickets of a developer."""
        told: Values = self.held([("developer-tickets", f"developer {name}")], at)
        return told

    def buckets(self, game: int, is_hardcore: bool, at: datetime) -> Mapping[int, int] | None:  # noqa: FBT001
        """Tell a distribution."""
        told = self.held([("distribution", f"game {game}")], at)
        return None if told is None else told[is_hardcore]

    def mastery(self, game: int, at: datetime) -> Values:
        """Tell the last bucket."""
        told = self.buckets(game, True, at)  # noqa: FBT003
        return {"achievements": max(told), "mastered": told[max(told)]} if told else None

    def counters(self, game: int, at: datetime) -> Values:
        """Tell players and achievements."""
        told = self.held(self.pairs(game), at)
        return told and told["game"]  # type: ignore[no-any-return]

    def progress(self, name: str, game: int, at: datetime) -> Values:
        """Tell how far a player is."""
        told = self.held([("progress", f"game {game}, player {name}")], at)
        return told and told["progress"]  # type: ignore[no-any-return]

    def unlocks(self, achievement: int, at: datetime) -> Values:
        """Tell the counters of an achievement, while it is in the set of a game that is seen."""
        own = self._official(achievement, at)
        return own and {name: own[name] for name in ("unlocks", "unlocks_hardcore")}

    def _official(self, achievement: int, at: datetime) -> Values:
        told = [own for when, own in self.versions.get(achievement, {}).items() if when <= at]
        if not told or told[-1] is None or not told[-1]["is_promoted"]:
            return None
        game = told[-1]["game_id"]
        newest = self.held(self.pairs(game), at)
        return newest and newest["counters"].get(achievement)  # type: ignore[no-any-return]

    def rarity(self, achievement: int, at: datetime) -> Values:
        """Tell the share of the players that the game has, also where its set was emptied."""
        own = self._official(achievement, at)
        if own is None:
            return self._without_rarity(achievement, at)
        newest = [one for when, one in self.versions[achievement].items() if when <= at][-1]
        game = newest and self.counters(newest["game_id"], at)
        players = game and game["players"]
        shares = {"rarity": own["unlocks"], "rarity_hardcore": own["unlocks_hardcore"]}
        told = {name: count / players if players else None for name, count in shares.items()}
        return {**told, "true_ratio": own["true_ratio"]}

    def _without_rarity(self, achievement: int, at: datetime) -> Values:
        """Tell of an achievement outside of a set that the game was seen without it."""
        known = [(when, own) for when, own in self.versions.get(achievement, {}).items() if own]
        before = [own for when, own in known if when <= at]
        game = before[-1] if before else known[0][1] if known else None
        is_seen = game and self.is_seen(self.pairs(game["game_id"]), at)
        return dict.fromkeys(("rarity", "rarity_hardcore", "true_ratio")) if is_seen else None

    # --- what must have happened

    def flow(self, game: int, since: datetime, until: datetime) -> dict[str, int]:
        """Count what happened to the tickets that were ever listed."""
        found = [event for ticket in self._ticket_lives(game) for event in _events(*ticket)]
        kinds = ("opened", "closed", "resolved", "reopened")
        return {
            kind: sum(1 for own, at in found if own == kind and since <= at < until)
            for kind in kinds
        }

    def _ticket_lives(self, game: int) -> Iterator[tuple[datetime, list[tuple[datetime, Any]]]]:
        """Tell how each ticket looked whenever it was listed; it belongs where it was last."""
        listings = [(at, own, told) for own, all_ in self.tickets.items() for at, told in all_]
        for ticket in {one for _, _, told in listings for one in told}:
            seen = [(at, own, told[ticket]) for at, own, told in listings if ticket in told]
            seen.sort(key=lambda one: one[0])
            if seen[-1][1] == game:
                yield seen[0][2]["reported_at"], [(at, told) for at, _, told in seen]

    def changes(self, game: int) -> set[tuple[Any, ...]]:
        """List what was revised in a set: when, in which achievement, the column, old and new."""
        found: set[tuple[Any, ...]] = set()
        for own, seen in [(None, self.games.get(game, {})), *self.versions.items()]:
            told = [(None, None), *seen.items()]
            for (_, old), (at, new) in pairwise(told):
                sets = {one and one.get("game_id") for one in (old, new)}
                if new and at and (own is None or game in sets):
                    found |= {(at, own, *change) for change in self._changed(own, old, new, at)}
        return found

    def _changed(
        self, own: int | None, old: Values, new: Mapping[str, Any], at: datetime
    ) -> list[tuple[Any, ...]]:
        if old is not None:
            names = [name for name in new if name not in _NO_COLUMNS]
            return [(name, old[name], new[name]) for name in names if old[name] != new[name]]
        if own is None or min(self.games[new["game_id"]]) == at:
            return []
        return [("is_promoted", None, True)]


_NO_COLUMNS = ("unlocks", "unlocks_hardcore", "true_ratio", "players")


def _events(
    reported_at: datetime, seen: Sequence[tuple[datetime, Any]]
) -> Iterator[tuple[str, datetime]]:
    """Tell what happened to a ticket that looked like this at every look."""
    yield "opened", reported_at
    done: datetime | None = None
    for at, ticket in seen:
        state, resolved_at = STATES[ticket["state"]], ticket["resolved_at"]
        if state in ("closed", "resolved") and resolved_at != done:
            yield from [("reopened", at)] if done else []
            yield state, resolved_at
            done = resolved_at
        if state in ("open", "request") and done:
            yield "reopened", at
            done = None


def _number(target: str) -> int:
    return int(target.split()[1].rstrip(","))


def _tell_tickets(ledger: Ledger, target: str, at: datetime) -> Values:
    truth = ledger.world.ticket_truth(_number(target))
    official = {own: one for own, one in truth.items() if one["is_promoted"]}
    ledger.tickets.setdefault(_number(target), []).append((at, official))
    states = [STATES[one["state"]] for one in official.values()]
    counted = {state: states.count(state) for state in STATES.values()}
    return {"reported": len(states), **counted}


def _tell_developer(ledger: Ledger, target: str, _at: datetime) -> Values:
    user = ledger.world.people.find(target.split()[1])
    his = [
        one.state
        for one in ledger.world.tickets.values()
        if one.assignee is user and one.achievement.is_promoted and not one.is_deleted
    ]
    counts = {"open": his.count(1), "closed": his.count(0), "resolved": his.count(2)}
    return {**counts, "total": sum(counts.values())}


def _tell_distribution(ledger: Ledger, target: str, _at: datetime) -> Mapping[bool, Any]:
    game = _number(target)
    kinds = (True, False)
    return {kind: ledger.world.distribution_truth(game, is_hardcore=kind) for kind in kinds}


def _tell_progress(ledger: Ledger, target: str, at: datetime) -> Values:
    world, number = ledger.world, _number(target)
    game, user = world.games[number], world.people.find(target.rsplit(maxsplit=1)[-1])
    assert user is not None
    players, listed = figures.players(game), figures.listed(game)
    counted = {own.id: _counters(own, players) for own in listed}
    if counted:  # an empty set proves nothing: what was told before it holds
        ledger.counted[number] = counted
    ledger.games.setdefault(number, {})[at] = _game(game)
    _note_set(ledger, game, at)
    return {
        "game": {"players": players, "achievements": len(listed)},
        "progress": world.progress_truth(user.ulid, number),
        "counters": ledger.counted.get(number, {}),
    }


def _note_set(ledger: Ledger, game: Game, at: datetime) -> None:
    """Write down what is in a set now; what was in it and is not listed any more is demoted."""
    listed = figures.listed(game)
    for own in listed:
        ledger.versions.setdefault(own.id, {})[at] = _described(own)
    for own_id, seen in ledger.versions.items() if listed else ():
        last = seen[max(seen)]
        is_here = last and last["game_id"] == game.id and last["is_promoted"]
        if is_here and own_id not in {one.id for one in listed}:
            seen[at] = {**(last or {}), "is_promoted": False}


def _counters(own: Achievement, players: int) -> dict[str, Any]:
    unlocks, hardcore = figures.counters(own)
    counted = {"unlocks": unlocks, "unlocks_hardcore": hardcore, "players": players}
    return {**counted, "true_ratio": figures.true_ratio(own)}


def _game(game: Game) -> dict[str, Any]:
    row = {name: getattr(game, name) for name in OF_GAMES if name != "console_id"}
    return {**row, "rich_presence_md5": game.rich_presence}


def _described(own: Achievement) -> dict[str, Any]:
    row = {name: getattr(own, name) for name in OF_ACHIEVEMENTS}
    dates = {"created_at": own.created_at, "modified_at": own.modified_at}
    return {**row, **dates, "game_id": own.game.id, "author": own.author and own.author.name}


_TELLERS: dict[str, Any] = {
    "game-tickets": _tell_tickets,
    "developer-tickets": _tell_developer,
    "distribution": _tell_distribution,
    "progress": _tell_progress,
}


# --- the calendar, half hour by half hour


def bounds(since: datetime, until: datetime, every: str, zone: ZoneInfo) -> list[datetime]:
    """Tell where periods end: by looking at a clock on the wall every half hour.

    Every zone in question is off UTC by whole half hours.
    """
    start = since.replace(minute=since.minute // 30 * 30, second=0)
    count = (until - start) // HALF_HOUR + 1
    moments = [start + place * HALF_HOUR for place in range(1, count + 1)]
    found = [at for at in moments if since < at < until and _begins(at, every, zone)]
    return [*found, until]


def _begins(at: datetime, every: str, zone: ZoneInfo) -> bool:
    now, before = at.astimezone(zone), (at - HALF_HOUR).astimezone(zone)
    if every == "1h":
        return now.minute == 0 or now.hour != before.hour
    return _period(now, every) != _period(before, every)


def _period(local: datetime, every: str) -> object:
    day: date = local.date()
    names: dict[str, object] = {
        "6h": (day, local.hour // 6),
        "1d": day,
        "1w": day - timedelta(days=day.weekday()),
        "1mo": (day.year, day.month),
    }
    return names[every]


def in_utc(text: str, zone: ZoneInfo) -> datetime:
    """Read a local time."""
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)
