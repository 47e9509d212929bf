"""A month of requests, as the server saw them: paced, within budget, patient, none for nothing."""

import random
from collections import Counter
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest
from harvests import BenchOf, rows
from worlds import Bench

from harvester import harvest
from harvester.errors import BudgetSpent, GaveUp
from harvester.harvest import Told
from harvester.sandbox.activity import live
from harvester.sandbox.populate import populate
from harvester.sandbox.records import Asked
from harvester.sandbox.world import World
from harvester.store import polls, schema
from harvester.store.polls import Poll, Selection

pytestmark = pytest.mark.no_cover  # what it simulates at length is measured elsewhere
RATE, BURST, BUDGET = 1, 4, 24
DAYS, HOURS = 30, 4.0
API = f"burst = {BURST}\ndaily_budget = {BUDGET}"
JOBS = """
[jobs.game-tickets]
every = "8h"
[jobs.developer-tickets]
every = "1d"
[jobs.progress]
every = "6h"
[jobs.distribution]
every = "1d"
"""
LISTS = "API_GetAchievementUnlocks"
SHORTEST_WAIT = 48  # seconds after a 429 that does not say how long: a minute less a fifth
LONG_WAIT = 20_000  # seconds: beyond the next round, which is that of another process
EVENTS = {
    "unlock": 60.0,
    "burst": 2,
    "upgrade": 8,
    "backdate": 6,
    "reset": 3,
    "ticket": 4,
    "ticket-state": 4,
    "newcomer": 2,
    "rename": 1,
    "demote": 0.3,
    "promote": 0.3,
}


@dataclass
class Month:
    """What was asked in which look, and what the counters said at the time.

    `waits` are the seconds that each 429 asked to wait; `looks` are the questions of each look
    that came to an end, with the poll as it was before and the outcome.
    """

    bench: Bench
    rng: random.Random
    waits: list[int] = field(default_factory=list)
    looks: list[tuple[Poll, str, list[Asked]]] = field(default_factory=list)
    shown: dict[int, list[tuple[datetime, tuple[int, int]]]] = field(default_factory=dict)
    stack: ExitStack = field(default_factory=ExitStack)
    begun: int = 0

    def hear(self, _asked: Asked) -> None:
        """Note the counters when they are something new."""
        world = self.bench.world
        for own in world.achievements:
            told = self.shown.setdefault(own, [])
            if not told or told[-1][1] != world.counters(own):
                told.append((world.now, world.counters(own)))

    def pass_by(self) -> None:
        """Let days pass, with a round every four hours, trouble and restarts."""
        made = self.stack.enter_context(self.bench.harvest())
        for number in range(int(DAYS * 24 / HOURS)):
            if number % 7 == 6 or number % 11 == 6:
                self.stack.close()
                made = self.stack.enter_context(self.bench.harvest())
            if number % 11 == 5:
                self.order_trouble()
            with suppress(BudgetSpent, GaveUp):
                for told in harvest.round_of(replace(made, tell=self.begin), Selection()):
                    self.note(told)
            live(self.bench.world, self.rng, HOURS, per_hour=0.7, weights=EVENTS)

    def begin(self, _told: Told) -> None:
        """Remember where in the log a look, or its next turn, begins."""
        self.begun = len(self.bench.world.asked)

    def order_trouble(self) -> None:
        """Have a coming request answered with a 429, which may say how long to wait."""
        seconds = self.rng.choice([None, 7, 90, 1200, LONG_WAIT])
        after = self.rng.randint(0, 3)
        if seconds is None:
            self.bench.world.fail("429", after=after)
        else:
            self.bench.world.fail("429", after=after, retry_after=seconds)
        self.waits.append(SHORTEST_WAIT if seconds is None else seconds)

    def note(self, told: Told) -> None:
        """Remember what a look that is over has asked in its last turn."""
        assert told.attempt is not None
        log = self.bench.world.asked[self.begun :]
        self.looks.append((told.poll, told.attempt.outcome, log))


def question(one: Asked) -> tuple[str, frozenset[tuple[str, str]]]:
    """Name what was asked."""
    return one.name, frozenset(one.params.items())


def lived(bench_of: BenchOf, world: World, url: str) -> Month:
    """Let a month pass over two games."""
    populate(world, seed=5, games=3, achievements=4, users=20, tickets=12, days=200)
    player, maker = [user.name for user in world.people][8], world.achievements[1].author
    assert maker is not None
    watch = f'[watch]\ngames = [1, 2]\nusers = ["{player}"]\ndevelopers = ["{maker.name}"]'
    bench = bench_of(watch, jobs=JOBS, api=API, database=url)
    slow = bench.path.read_text().replace("_second = 1000", f"_second = {RATE}")
    bench.path.write_text(slow)
    month = Month(bench, random.Random(5))
    world.before_answer = month.hear
    with month.stack:
        month.pass_by()
    return month


def paced(log: list[Asked]) -> list[str]:
    """List the stretches of time that saw more requests than burst and pace allow."""
    at = [one.at.timestamp() for one in log]
    return [
        f"{last - first + 1} requests from {log[first].at} to {log[last].at}"
        for first in range(len(at))
        for last in range(first + BURST, min(len(at), first + 40))
        if last - first + 1 > BURST + RATE * (at[last] - at[first])
    ]


def impatient(log: list[Asked], waits: list[int]) -> list[str]:
    """List the requests that came sooner after a 429 than it had asked for."""
    places = [place for place, one in enumerate(log) if one.status == 429]
    assert len(places) >= len(waits) - 1
    return [
        f"{log[place + 1].at} after the 429 of {log[place].at}, to wait {seconds} s"
        for place, seconds in zip(places, waits, strict=False)
        if place + 1 < len(log) and log[place + 1].at < log[place].at + timedelta(seconds=seconds)
    ]


def too_early(month: Month) -> list[str]:
    """List the looks by the clock that came before the target's own grid said so."""
    before: dict[int, datetime] = {}
    wrong = []
    for poll, outcome, log in month.looks:
        if poll.job == "unlocks" or not log:
            continue
        if poll.id in before and log[0].at < polls.on_grid(poll, before[poll.id]):
            wrong.append(f"{poll.target} again at {log[0].at}, last at {before[poll.id]}")
        if outcome in {"changed", "unchanged"}:
            before[poll.id] = log[-1].at
    return wrong


def for_nothing(month: Month) -> list[str]:
    """List the readings of a list that had not moved and whose sweep was not due.

    A list is read for the first time; when its counters differ from what they were when it
    was last read; and once in its interval.
    """
    read: dict[int, datetime] = {}
    swept: dict[int, datetime] = {}
    wrong = []
    for poll, outcome, log in month.looks:
        own = poll.achievement_id or 0
        if poll.job != "unlocks" or not log or outcome not in {"changed", "unchanged"}:
            continue
        moved = any(at >= read.get(own, at) for at, _ in month.shown[own][1:])
        is_due = own not in swept or log[0].at >= polls.on_grid(poll, swept[own])
        if not (moved or is_due):
            wrong.append(f"{poll.target} at {log[0].at}, read at {read[own]}")
        read[own] = log[0].at
        if poll.listed_at is None or log[0].params["c"] == "500":
            swept[own] = log[-1].at
    return wrong


def repeated(month: Month) -> list[str]:
    """List the questions that one look asked twice, though the first time was answered."""
    return [
        f"{poll.job} {poll.target}: {one}, {times} times"
        for poll, _, log in month.looks
        for one, times in Counter(question(one) for one in log if one.status == 200).items()
        if times > 1 and one[0] != LISTS
    ]


def test_a_month_of_requests_is_paced_within_budget_patient_and_none_for_nothing(
    bench_of: BenchOf, world: World, sqlite_url: str
) -> None:
    month = lived(bench_of, world, sqlite_url)
    log = month.bench.world.asked
    a_day = Counter(one.at.date() for one in log)
    assert len(log) > 15 * DAYS
    assert max(a_day.values()) == BUDGET  # it was spent, and not more
    assert sum(one.status == 429 for one in log) > 10
    assert paced(log) == []
    assert impatient(log, month.waits) == []
    assert too_early(month) == []
    assert for_nothing(month) == []
    assert repeated(month) == []
    listed = rows(month.bench, schema.polls, job="unlocks")
    assert all(row["listed_at"] for row in listed)
