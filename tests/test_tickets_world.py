"""Tickets of a world in which anything may happen: what is known is never older than allowed."""

import json
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from examples import examples
from harvests import STILL, current, rows
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from worlds import NOW, Bench

from harvester import harvest
from harvester.endpoints import ticket_list, tickets
from harvester.endpoints.ticket_looks import IN_TIME
from harvester.harvest import Harvest
from harvester.sandbox.answers import answer
from harvester.sandbox.records import Asked, State
from harvester.sandbox.server import serve
from harvester.sandbox.world import World
from harvester.store import schema
from harvester.store.polls import Selection

pytestmark = pytest.mark.no_cover  # what it simulates at length is measured elsewhere
RECHECK, RECHECK_CLOSED = timedelta(hours=6), timedelta(days=7)
WATCH = """
[watch]
games = [2]
[[watch.game]]
id = 1
unofficial = true
"""
KINDS = {1: (True, False), 2: (True,)}
ACHIEVEMENTS = {11: True, 12: True, 13: False, 21: True}
PAUSES = [0, 1, 3600, 4 * 3600, 6 * 3600, 86_400, 4 * 86_400]
numbers = st.integers(0, 30)
EVENTS = st.one_of(
    st.tuples(st.just("report"), st.sampled_from(sorted(ACHIEVEMENTS)), st.integers(1, 5)),
    st.tuples(st.just("state"), numbers, st.sampled_from([int(state) for state in State])),
    st.tuples(st.just("delete"), numbers, st.just(0)),
    st.tuples(
        st.sampled_from(["demote", "promote"]), st.sampled_from([11, 12, 13, 21]), st.just(0)
    ),
    st.tuples(st.just("move"), st.sampled_from([12, 21]), st.integers(1, 2)),
    st.tuples(st.just("wait"), st.sampled_from(PAUSES), st.just(0)),
    st.tuples(st.just("poll"), st.sampled_from(PAUSES), st.integers(1, 2)),
    st.tuples(st.just("poll"), st.sampled_from(PAUSES), st.integers(1, 2)),
)


@dataclass
class Watcher:
    """Sees what the world tells about tickets, and when.

    `seen` is when each ticket was last listed and in which state, `settled` when it was
    last listed together with all of its second, and `kinds` on which list.
    """

    world: World = field(repr=False)
    seen: dict[int, tuple[datetime, str]] = field(default_factory=dict)
    settled: dict[int, datetime] = field(default_factory=dict)
    listed: set[int] = field(default_factory=set)
    listings: set[bool] = field(default_factory=set)
    kinds: dict[int, bool] = field(default_factory=dict)

    def begin(self) -> None:
        """Begin a poll."""
        self.listed, self.listings = set(), set()

    def hear(self, one: Asked) -> None:
        """Note what a request is about to be told."""
        if "d" not in one.params:
            return
        told = json.loads(answer(self.world, one.name, {**one.params, "y": self.world.key}).body)
        ids = [row["ID"] for row in told["Tickets"]]
        kind = one.params.get("f") != "5"
        self.listings.add(kind)
        self.listed |= set(ids)
        self.kinds |= dict.fromkeys(ids, kind)
        for own in ids:
            self.seen[own] = self.world.now, tickets.STATES[self.world.tickets[own].state]

    def end(self) -> None:
        """End a poll; note who was listed with all others of his second."""
        missed = [row for row in self.world.tickets.values() if row.id not in self.listed]
        seconds = {row.reported_at for row in missed if not row.is_deleted}
        for own in self.listed:
            if self.world.tickets[own].reported_at not in seconds:
                self.settled[own] = self.world.now


@dataclass
class Story:
    """A world with two watched games, what happens to it, and what is known of it."""

    bench: Bench = field(repr=False)
    made: Harvest = field(repr=False)
    watcher: Watcher = field(repr=False)

    @property
    def world(self) -> World:
        """The world."""
        return self.bench.world

    def happen(self, kind: str, one: int, other: int) -> None:
        """Let something happen."""
        there = [row.id for row in self.world.tickets.values() if not row.is_deleted]
        if kind == "report":
            for _ in range(other):
                self.world.open_ticket(one, None)
        elif kind == "wait":
            self.world.advance(seconds=one)
        elif kind == "poll":
            self.world.advance(seconds=one)
            self.poll(other)
        elif kind in {"demote", "promote"}:
            getattr(self.world, kind)(one)
        elif kind == "move":
            self.world.move(one, other)
        elif there and kind == "state":
            self.world.set_ticket_state(there[one % len(there)], other)
        elif there:
            self.world.delete_ticket(there[one % len(there)])

    def known(self, game: int) -> dict[int, str]:
        """Tell the tickets of a game that are known, with their states."""
        there = {row["id"] for row in rows(self.bench, schema.tickets, game_id=game, gone_at=None)}
        found = current(self.bench, schema.ticket_states)
        return {row["ticket_id"]: row["state"] for row in found if row["ticket_id"] in there}

    def truth(self, game: int, *kinds: bool) -> dict[int, str]:
        """Tell the tickets that a game has, with their states."""
        there = self.world.ticket_truth(game).items()
        return {
            own: tickets.STATES[row["state"]] for own, row in there if row["is_promoted"] in kinds
        }

    def poll(self, game: int) -> None:
        """Ask for the tickets of a game, and hold what is known against the world."""
        may_list = self.is_listing_due(game)
        self.watcher.begin()
        selection = Selection(jobs=["game-tickets"], games=[game])
        harvest.make_due(self.made, selection, is_forced=False)
        (told,) = harvest.round_of(self.made, selection)
        self.watcher.end()
        assert told.attempt is not None
        assert told.attempt.outcome in {"changed", "unchanged"}
        assert may_list or not self.watcher.listings
        self.assert_nothing_is_too_old(game)
        self.assert_numbers(game)

    def is_listing_due(self, game: int) -> bool:
        """Tell whether anything known must be looked at again, or RA's counts moved."""
        known = self.known(game)
        there = [len(self.truth(game, kind)) for kind in KINDS[game]]
        held = current(self.bench, schema.game_ticket_counts, game_id=game)
        counted = [row["reported"] for row in reversed(held)]
        newest = {self.newest(known, kind) for kind in KINDS[game]}
        is_due = any(
            self.world.now - self.watcher.settled.get(own, NOW)
            >= self.allowed(own, state, newest) * IN_TIME
            for own, state in known.items()
        )
        return there != counted or len(known) != sum(there) or is_due

    def newest(self, known: Iterable[int], kind: bool) -> datetime | None:  # noqa: FBT001
        """Tell the date of the newest ticket known to be on one list."""
        dates = [
            self.world.tickets[own].reported_at for own in known if self.watcher.kinds[own] is kind
        ]
        return max(dates, default=None)

    def allowed(self, own: int, state: str, newest: set[datetime | None]) -> timedelta:
        """Tell how long a ticket may go unseen; the head of a list is looked at more often."""
        is_old = self.world.tickets[own].reported_at not in newest
        return RECHECK_CLOSED if state in {"closed", "resolved"} and is_old else RECHECK

    def assert_nothing_is_too_old(self, game: int) -> None:
        """Every state is as it was when last seen, and it was seen lately enough."""
        for own, state in self.known(game).items():
            at, told = self.watcher.seen[own]
            assert state == told
            assert self.world.now - at < self.allowed(own, state, set())

    def assert_numbers(self, game: int) -> None:
        """RA's counts are as they are; a list that was read to its end tells the states too."""
        for row in current(self.bench, schema.game_ticket_counts, game_id=game):
            truth = self.truth(game, row["is_promoted"])
            assert row["reported"] == len(truth)
            if truth.keys() <= self.watcher.listed:
                counted = list(truth.values())
                assert all(row[state] == counted.count(state) for state in tickets.STATES.values())

    def assert_known_is_true(self, game: int) -> None:
        """All that is known is what there is."""
        assert self.known(game) == self.truth(game, *KINDS[game])


@contextmanager
def story(template: Path, *, is_newer_ticket_first: bool) -> Iterator[Story]:
    """Set up a world with a few tickets, and a harvest of it that takes no time."""
    world = World(now=NOW, is_newer_ticket_first=is_newer_ticket_first)
    world.add_console(1, "Genesis/Mega Drive")
    for game in (1, 2):
        world.add_game(game, f"Game {game}", 1)
    for own, is_promoted in ACHIEVEMENTS.items():
        world.add_achievement(own // 10, f"Deed {own}", id=own, is_promoted=is_promoted)
        for hours in range(8):
            at = NOW - timedelta(days=own, hours=hours // 2)
            world.open_ticket(own, None, reported_at=at, state=hours % 3)
    with tempfile.TemporaryDirectory() as folder, serve(world) as base_url:
        path = Path(folder) / "harvester.db"
        shutil.copy(template, path)
        bench = Bench(world, Path(folder) / "config.toml", base_url)
        bench.configure(WATCH, api=STILL, database=f"sqlite:///{path}")
        with bench.harvest() as made:
            watcher = Watcher(world)
            world.before_answer = watcher.hear
            yield Story(bench, made, watcher)


@settings(
    max_examples=examples(20),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(events=st.lists(EVENTS, min_size=5, max_size=40), is_newer_ticket_first=st.booleans())
def test_whatever_happens_no_state_is_older_than_allowed_and_nothing_is_listed_in_vain(
    migrated_file: Path,
    monkeypatch: pytest.MonkeyPatch,
    events: list[tuple[str, int, int]],
    is_newer_ticket_first: bool,  # noqa: FBT001 - an argument that is found
) -> None:
    monkeypatch.setattr(ticket_list, "PAGE", 7)  # so that few tickets fill many pages
    monkeypatch.setattr(ticket_list, "OVERLAP", 1)
    with story(migrated_file, is_newer_ticket_first=is_newer_ticket_first) as told:
        for game in (1, 2):
            told.poll(game)
        for event in events:
            told.happen(*event)
        told.world.advance(days=8)
        for game in (1, 2, 1, 2):  # a ticket that moved is known to have left when it arrived
            told.poll(game)
        for game in (1, 2):
            told.assert_known_is_true(game)
