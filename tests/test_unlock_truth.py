"""Whatever happens while lists are crawled: nothing is invented, and two sweeps tell the truth."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from chronicle import DEED, DEEDS, Chronicle, Held, Key
from examples import examples
from harvests import STILL, current, rows
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pages import small_pages
from worlds import NOW, Bench

from harvester import harvest
from harvester.errors import BudgetSpent, GaveUp, Stopped
from harvester.harvest import Harvest, Told
from harvester.sandbox.records import Asked
from harvester.sandbox.server import serve
from harvester.sandbox.world import World
from harvester.store import schema
from harvester.store.polls import Selection

pytestmark = pytest.mark.no_cover  # what it simulates at length is measured elsewhere
LISTS = "API_GetAchievementUnlocks"
SELECTION = Selection(jobs=["progress", "unlocks"])
JOBS = '[jobs.progress]\nevery = "1h"\n[jobs.unlocks]\nsweep = "{}d"'
NOTHING = ("nothing",)
MEANWHILE = st.tuples(
    st.just("meanwhile"), st.integers(0, 12), st.lists(DEED, min_size=1, max_size=4)
)
UPSET = st.one_of(
    st.just(NOTHING),
    MEANWHILE,
    MEANWHILE,
    st.tuples(
        st.just("trouble"),
        st.sampled_from(["500", "502-html", "not-json", "truncate", "429", "empty-list"]),
        st.integers(0, 12),
        st.integers(1, 3),
    ),
    st.tuples(st.just("spent"), st.integers(0, 12)),
    st.tuples(st.just("ended"), st.integers(0, 12)),
)
STEP = st.tuples(st.lists(DEED, max_size=5), st.integers(1, 60), UPSET)
SIZES = st.tuples(*[st.integers(8, 34) for _ in DEEDS])


@dataclass
class Crawl:
    """A harvest of what a chronicle is about; `read` and `listed` tell after which deed.

    `looked` is when `progress` was asked last, `read` a list, `listed` all of it.
    """

    bench: Bench
    story: Chronicle
    is_watched: bool
    sweep_days: int
    stack: ExitStack = field(default_factory=ExitStack)
    made: Harvest | None = None
    begun: int = 0
    turns: int = 0
    is_over: bool = False
    looked: int = -1
    read: dict[int, int] = field(default_factory=dict)
    listed: dict[int, int] = field(default_factory=dict)

    def restart(self, budget: int = 0) -> None:
        """End the process, and start another one with so many requests for this day."""
        self.stack.close()
        users = 'users = ["P00003"]' if self.is_watched else ""
        watch, api = f"[watch]\ngames = [1]\n{users}", f"{STILL}\ndaily_budget = {budget}"
        url = f"sqlite:///{self.bench.path.parent}/harvester.db"
        self.bench.configure(watch, jobs=JOBS.format(self.sweep_days), api=api, database=url)
        self.made = self.stack.enter_context(self.bench.harvest())

    def meet(self) -> None:
        """Learn which achievements there are: one that left the map before is never known."""
        assert self.made is not None
        list(harvest.round_of(self.made, Selection(jobs=["progress"])))

    def upset(self, kind: str, *more: Any) -> None:  # noqa: ANN401 - drawn
        """Ask what is due while something happens."""
        world = self.bench.world
        if kind == "trouble":
            fault, after, times = more
            world.fail(fault, times=times, only=LISTS, after=after)
        if kind == "meanwhile":
            self.meanwhile(*more)
        if kind == "spent":
            today = sum(one.at.date() == world.now.date() for one in world.asked)
            self.restart(today + more[0] + 1)
        self.round(more[0] if kind == "ended" else -1)
        world.faults.clear()
        world.before_answer = None
        if kind in {"spent", "ended"}:
            self.restart()

    def meanwhile(self, after: int, deeds: list[tuple[Any, ...]]) -> None:
        """Let things happen before a page of a list is answered."""
        left = iter(range(after, -1, -1))

        def before_answer(one: Asked) -> None:
            if one.name == LISTS and next(left, -1) == 0:
                for deed in deeds:
                    self.story.do(deed)

        self.bench.world.before_answer = before_answer

    def round(self, turns: int = -1) -> None:
        """Ask what is due; the process ends before so many turns, or RA is left alone before."""
        assert self.made is not None
        self.turns, self.looked, self.is_over = turns, -1, False
        with suppress(BudgetSpent, GaveUp, Stopped):
            for told in harvest.round_of(replace(self.made, tell=self.begin), SELECTION):
                self.note(told)
            self.is_over = True

    def begin(self, _told: Told) -> None:
        """Remember after which deed a look begins."""
        self.turns -= 1
        if self.turns == -1:
            raise Stopped
        self.begun = self.story.number

    def note(self, told: Told) -> None:
        """Remember after which deed a look that is over began."""
        poll, attempt = told.poll, told.attempt
        assert attempt is not None
        if attempt.outcome not in {"changed", "unchanged"}:
            return
        if poll.job == "progress":
            self.looked = self.begun
            return
        own, is_first = poll.achievement_id or 0, poll.listed_at is None
        self.read[own] = 0 if is_first else self.begun
        (now,) = rows(self.bench, schema.polls, id=poll.id)
        if now["listed_at"] != poll.listed_at:
            self.listed[own] = 0 if is_first else self.begun


def known(bench: Bench) -> dict[Key, Held]:
    """Read the rows that hold."""
    ulids = {row["id"]: row["ulid"] for row in rows(bench, schema.users)}
    return {
        (row["achievement_id"], ulids[row["user_id"]]): _held(row)
        for row in current(bench, schema.unlocks)
    }


def _held(row: dict[str, Any]) -> tuple[datetime, bool]:
    return row["hardcore_at"] or row["unlocked_at"], row["hardcore_at"] is not None


def suspected(bench: Bench) -> set[Key]:
    """Tell of which unlocks one list has said that they are gone."""
    ulids = {row["id"]: row["ulid"] for row in rows(bench, schema.users)}
    found = rows(bench, schema.unlock_absences)
    return {(row["achievement_id"], ulids[row["user_id"]]) for row in found}


def invented(crawl: Crawl) -> list[str]:
    """List what is held, though it was not true when its list was last read completely."""
    story, waiting = crawl.story, suspected(crawl.bench)
    return [
        f"{key}: {held}"
        for key, held in known(crawl.bench).items()
        if key not in waiting and not story.was_true(key, held, crawl.listed.get(key[0], 0))
    ]


def accused(crawl: Crawl) -> list[str]:
    """List who is held to be gone, though he was there all the while his list was read."""
    story = crawl.story
    return [
        f"{key} is suspected"
        for key in suspected(crawl.bench)
        if story.is_steady(key, crawl.listed.get(key[0], 0))
    ]


def missing(crawl: Crawl) -> list[str]:
    """List what is true and not known, though nothing hides it from the counters."""
    held, story = known(crawl.bench), crawl.story
    failing = {row["achievement_id"] for row in rows(crawl.bench, schema.polls) if row["failures"]}
    return [
        f"{key}: {truth}, known {held.get(key)}"
        for key, truth in story.now().items()
        if held.get(key) != truth and key[0] not in failing
        if story.may_be_missed(key, crawl.read.get(key[0], 0)) is None
    ]


def follow(crawl: Crawl, steps: list[Any]) -> None:
    """Let things happen, ask what is due, and hold what is known against what is true."""
    for deeds, hours, upset in steps:
        for deed in deeds:
            crawl.story.do(deed)
        crawl.bench.world.advance(hours=hours)
        crawl.upset(*upset)
        assert invented(crawl) == accused(crawl) == []
        if crawl.is_over and crawl.looked == crawl.story.number and upset[0] != "spent":
            assert missing(crawl) == []


def sweep_twice(crawl: Crawl) -> None:
    """Let every failure and two intervals of the sweep pass in a world that stands still."""
    for days in (2, 8, 8):
        crawl.bench.world.advance(days=days)
        crawl.round()


@contextmanager
def crawled(
    template: Path, *, is_watched: bool, tie_switch: int, sweep_days: int
) -> Iterator[Crawl]:
    """Serve a world and harvest it, in pages of a few rows."""
    world = World(now=NOW, tie_switch=tie_switch)
    world.add_console(1, "Genesis/Mega Drive")
    with TemporaryDirectory() as there, serve(world) as base_url, small_pages():
        shutil.copy(template, f"{there}/harvester.db")
        bench = Bench(world, Path(there) / "config.toml", base_url)
        crawl = Crawl(bench, Chronicle(world), is_watched, sweep_days)
        with crawl.stack:
            yield crawl


@settings(max_examples=examples(10), suppress_health_check=[HealthCheck.too_slow])
@given(
    sizes=SIZES,
    tied=st.integers(1, 6),
    tie_switch=st.sampled_from([0, 5, 13, 20, 10_000]),
    is_watched=st.booleans(),
    sweep_days=st.sampled_from([1, 7]),
    steps=st.lists(STEP, min_size=2, max_size=8),
)
@example(  # counters that stay too high, and a page that ends in the second where it began
    sizes=(33, 13, 14),
    tied=6,
    tie_switch=5,
    is_watched=False,
    sweep_days=1,
    steps=[
        (
            [("resets", 12, 16), ("freeze", 11), ("unrank", 12, 8)],
            42,
            ("meanwhile", 7, [("copy", 11, 3, True, 137)]),
        )
    ],
)
def test_what_is_known_of_unlocks_is_true_and_after_two_sweeps_complete(
    migrated_file: Path,
    sizes: tuple[int, ...],
    tied: int,
    tie_switch: int,
    is_watched: bool,  # noqa: FBT001 - drawn
    sweep_days: int,
    steps: list[Any],
) -> None:
    with crawled(
        migrated_file, is_watched=is_watched, tie_switch=tie_switch, sweep_days=sweep_days
    ) as crawl:
        crawl.story.begin(sizes, tied)
        crawl.restart()
        crawl.meet()
        follow(crawl, steps)
        sweep_twice(crawl)
        assert known(crawl.bench) == crawl.story.now()
        assert suspected(crawl.bench) == set()
