"""Intervals that adapt: what stands still is asked less and less often, within limits."""

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from harvests import (
    AND_ANN,
    HOURLY,
    STILL,
    BenchOf,
    asked,
    fetch,
    outcomes,
    poll,
    rows,
)
from hypothesis import given
from hypothesis import strategies as st
from worlds import NOW, Bench

from harvester import config, outcome
from harvester.config import Settings
from harvester.errors import ApiError, Unavailable
from harvester.sandbox.world import World
from harvester.schedule import Every, every_of, parse_schedule, text_of
from harvester.store import db, report, schema
from harvester.store.evidence import TOLERANCE, Attempt
from harvester.store.polls import Poll, Selection, Wanted

ADAPTIVE = """
[jobs.game-tickets]
every = "1h"
adaptive = true
at_most = "5h"
"""
TICKETS = Selection(jobs=["game-tickets"])


def adaptive(every: int, at_most: int) -> Settings:
    """Configure tickets to adapt between so many seconds."""
    job = f'every = "{every}s"\nat_most = "{at_most}s"\nadaptive = true'
    return config.parse(f"[jobs.game-tickets]\n{job}", path=None, environ={})


def planned(every: int, at_most: int, game: int = 1) -> Poll:
    """Make a poll as the plan has it before its first look."""
    schedule = text_of(Every(every, at_most))
    wanted = Wanted("game-tickets", f"game {game}", schedule, every, game_id=game)
    blank: dict[str, None] = dict.fromkeys(Poll.__dataclass_fields__)
    own = {"id": 1, "watched_from": NOW, "due_at": NOW, "failures": 0}
    return Poll(**{**blank, **vars(wanted), **own})


def look(
    settings: Settings, poll: Poll, at: datetime, word: str, trouble: ApiError | None = None
) -> Poll:
    """Look at a poll; return it as the plan has it afterwards."""
    return replace(poll, **outcome.after(settings, poll, Attempt(word, at, 1), trouble, now=at))


limits = st.integers(1, 100_000).flatmap(
    lambda every: st.tuples(st.just(every), st.integers(every, 40 * every))
)
looks = st.lists(
    st.tuples(st.sampled_from(["changed", "unchanged", "unchanged", "unchanged"]), st.floats(0, 3)),
    min_size=1,
    max_size=30,
)


@given(limits=limits, looks=looks, game=st.integers(1, 10_000))
def test_planned_gaps_are_never_longer_than_at_most_nor_shorter_than_every(
    limits: tuple[int, int], looks: list[tuple[str, float]], game: int
) -> None:
    settings, one = adaptive(*limits), planned(*limits, game=game)
    every, at_most = (timedelta(seconds=seconds) for seconds in limits)
    slots = []
    for word, late in looks:
        at = one.due_at + timedelta(seconds=int(late * every.total_seconds()))
        one = look(settings, one, at, word)
        assert at < one.due_at <= at + at_most
        assert one.due_at <= at + timedelta(seconds=one.interval_seconds)
        assert every <= timedelta(seconds=one.interval_seconds) <= at_most
        slots.append(one.due_at)
    for earlier, later in pairwise(slots):
        assert later - earlier >= every
        assert (later - earlier) % every == timedelta()


@given(limits=limits, game=st.integers(1, 10_000))
def test_the_first_gap_is_shortened_by_no_more_than_half(
    limits: tuple[int, int], game: int
) -> None:
    every, _ = limits
    first = look(adaptive(*limits), planned(*limits, game=game), NOW, "changed").due_at - NOW
    assert max(1, every / 2) <= first.total_seconds() <= every


def test_what_stands_still_is_asked_less_often_until_the_limit() -> None:
    settings, one, intervals = adaptive(3600, 20_000), planned(3600, 20_000), list[int]()
    for _ in range(5):
        one = look(settings, one, one.due_at, "unchanged" if intervals else "changed")
        intervals.append(one.interval_seconds)
    assert intervals == [3600, 7200, 14_400, 20_000, 20_000]


def test_a_change_makes_the_interval_short_again() -> None:
    settings, one = adaptive(3600, 86_400), planned(3600, 86_400)
    for word in ("changed", *["unchanged"] * 6, "changed"):
        at = one.due_at
        one = look(settings, one, at, word)
    assert (one.interval_seconds, one.due_at - at) == (3600, HOURLY)


def test_a_failure_neither_stretches_nor_shortens() -> None:
    settings, one = adaptive(3600, 86_400), planned(3600, 86_400)
    for word in ("changed", "unchanged", "unchanged"):
        one = look(settings, one, one.due_at, word)
    one = look(settings, one, one.due_at, "unavailable", Unavailable("HTTP 502"))
    assert one.interval_seconds == 4 * 3600


def test_looking_again_and_again_by_hand_does_not_stretch() -> None:
    settings, one = adaptive(3600, 86_400), planned(3600, 86_400)
    one = look(settings, one, NOW, "changed")
    for minute in range(1, 20):
        one = look(settings, one, NOW + timedelta(minutes=minute), "unchanged")
    assert one.interval_seconds == 3600


def test_targets_added_together_part_instead_of_meeting_at_the_longest_interval() -> None:
    settings, due = adaptive(3600, 86_400), Counter[datetime]()
    for game in range(300):
        one = planned(3600, 86_400, game=game)
        for number in range(12):
            one = look(settings, one, one.due_at, "unchanged" if number else "changed")
        due[one.due_at] += 1
    assert max(due.values()) <= 3
    hours = Counter((at - NOW) // HOURLY for at in due.elements())
    assert len(hours) >= 18
    assert max(hours.values()) <= 300 / 8


@given(st.integers(1, 10**8), st.none() | st.integers(1, 10**8))
def test_what_the_plan_keeps_of_an_interval_can_be_read_back(
    seconds: int, at_most: int | None
) -> None:
    every = Every(seconds, at_most)
    assert every_of(text_of(every)) == every
    assert every_of(f"on-change, sweep {text_of(every)}, full") == every


@pytest.mark.parametrize("text", ["15 */6 * * *", "0 0 * * MON"])
def test_cron_is_no_interval(text: str) -> None:
    assert every_of(text_of(parse_schedule(text))) is None


# --- seen from outside


def adapting(bench_of: BenchOf, url: str, jobs: str = ADAPTIVE) -> Bench:
    return bench_of(AND_ANN, jobs=jobs, database=url, api=STILL)


def due(bench: Bench) -> None:
    """Let time pass until tickets are due."""
    for row in rows(bench, schema.polls, job="game-tickets"):
        bench.world.now = max(bench.world.now, row["due_at"])


@pytest.mark.no_cover  # what it does at length is measured elsewhere
def test_a_world_that_stands_still_is_asked_less_and_less(
    bench_of: BenchOf, sqlite_url: str, ann: str, world: World
) -> None:
    bench = adapting(bench_of, sqlite_url)
    for _ in range(48):
        fetch(bench, TICKETS)
        world.advance(minutes=30)
    assert 6 <= len(asked(world, "API_GetTicketData")) <= 9
    (_, unchanged) = rows(bench, schema.fetches)
    assert unchanged["outcome"] == "unchanged"  # one row: no look was missed


def test_after_a_change_it_is_asked_often_again(
    bench_of: BenchOf, sqlite_url: str, ann: str, world: World
) -> None:
    bench = adapting(bench_of, sqlite_url)
    for _ in range(5):
        due(bench)
        fetch(bench, TICKETS)
    assert poll(bench, "game-tickets")["interval_seconds"] == 5 * 3600
    world.open_ticket(11, ann)
    due(bench)
    fetch(bench, TICKETS)
    assert poll(bench, "game-tickets")["interval_seconds"] == 3600
    assert poll(bench, "game-tickets")["due_at"] - world.now == HOURLY


def test_intervals_that_were_long_leave_no_hole_when_they_are_short_again(
    bench_of: BenchOf, sqlite_url: str, ann: str, world: World
) -> None:
    bench = adapting(bench_of, sqlite_url)
    for number in range(9):
        due(bench)
        if number in {5, 7}:
            world.open_ticket(11, ann)
        fetch(bench, TICKETS)
    engine = db.connect(bench.settings.database.url)
    with engine.connect() as conn:
        told = report.status(conn, at=world.now)
    engine.dispose()
    assert [row["coverage"] for row in told if row["job"] == "game-tickets"] == [1]


def test_a_missed_look_is_a_hole_though_the_interval_became_long_since(
    bench_of: BenchOf, sqlite_url: str, ann: str, world: World
) -> None:
    bench = adapting(bench_of, sqlite_url)
    fetch(bench, TICKETS)
    world.advance(hours=3)
    for _ in range(6):
        fetch(bench, TICKETS)
        due(bench)
    engine = db.connect(bench.settings.database.url)
    with engine.connect() as conn:
        told = report.status(conn, at=world.now)
    engine.dispose()
    (coverage,) = [row["coverage"] for row in told if row["job"] == "game-tickets"]
    assert coverage == pytest.approx(1 - 3 * HOURLY / (world.now - NOW), abs=1e-3)


def test_what_no_longer_adapts_is_asked_often_at_once(
    bench_of: BenchOf, sqlite_url: str, ann: str, world: World
) -> None:
    bench = adapting(bench_of, sqlite_url)
    for _ in range(5):
        due(bench)
        fetch(bench, TICKETS)
    bench.configure(AND_ANN, api=STILL, database=sqlite_url)
    world.advance(hours=1)
    assert list(outcomes(fetch(bench, TICKETS))) == ["game-tickets game 1"]
    assert poll(bench, "game-tickets")["interval_seconds"] == 3600
    assert poll(bench, "game-tickets")["due_at"] <= world.now + HOURLY


@pytest.mark.no_cover  # what it does at length is measured elsewhere
def test_sweeps_of_lists_that_are_read_on_change_stretch(
    bench_of: BenchOf, sqlite_url: str, ann: str, world: World
) -> None:
    jobs = '[jobs.unlocks]\nsweep = "1d"\nat_most = "4d"\nadaptive = true'
    bench = adapting(bench_of, sqlite_url, jobs)
    for _ in range(20):
        fetch(bench)
        world.advance(days=1)
    assert poll(bench, "unlocks", "achievement 11")["interval_seconds"] == 4 * 86_400
    listed = [one for one in asked(world, "API_GetAchievementUnlocks") if one.params["a"] == "11"]
    gaps = [later.at - earlier.at for earlier, later in pairwise(listed)]
    assert max(gaps) == timedelta(days=4)
    assert len(listed) <= 9


def test_that_a_list_grows_neither_stretches_nor_shortens_its_sweep(
    bench_of: BenchOf, sqlite_url: str, ann: str, world: World
) -> None:
    jobs = '[jobs.unlocks]\nsweep = "1d"\nat_most = "4d"\nadaptive = true'
    bench = adapting(bench_of, sqlite_url, jobs)
    for _ in range(12):
        fetch(bench)
        world.advance(days=1)
    swept_at = poll(bench, "unlocks", "achievement 11")["listed_at"]
    world.unlock(world.add_user("Bob"), 11)
    bench.world.now = poll(bench, "progress", "game 1, player Ann")["due_at"]
    assert outcomes(fetch(bench, Selection(jobs=["progress", "unlocks"])))
    found = poll(bench, "unlocks", "achievement 11")
    assert found["interval_seconds"] == 4 * 86_400
    assert found["due_at"] <= max(found["listed_at"], swept_at) + timedelta(days=4)


def test_sweeps_that_no_longer_adapt_are_due_at_once(
    bench_of: BenchOf, sqlite_url: str, ann: str, world: World
) -> None:
    jobs = '[jobs.unlocks]\nsweep = "1d"\nat_most = "30d"\nadaptive = true'
    bench = adapting(bench_of, sqlite_url, jobs)
    for _ in range(12):
        fetch(bench)
        world.advance(days=1)
    swept_at = poll(bench, "unlocks", "achievement 11")["listed_at"]
    assert world.now - swept_at > timedelta(days=1)
    bench.configure(AND_ANN, jobs='[jobs.unlocks]\nsweep = "1d"', api=STILL, database=sqlite_url)
    fetch(bench)
    assert poll(bench, "unlocks", "achievement 11")["listed_at"] == world.now


def test_evidence_and_plan_agree_on_what_is_too_late(
    bench_of: BenchOf, sqlite_url: str, ann: str, world: World
) -> None:
    bench = adapting(bench_of, sqlite_url)
    for _ in range(5):
        due(bench)
        fetch(bench, TICKETS)
    world.advance(seconds=int(TOLERANCE * 5 * 3600) + 1)
    fetch(bench, TICKETS)
    found = [row["outcome"] for row in rows(bench, schema.fetches)]
    assert found == ["changed", "unchanged", "unchanged"]


def test_a_distance_in_which_no_longer_one_fits_stays_as_it_is() -> None:
    settings, one = adaptive(3600, 5400), planned(3600, 5400)
    for word in ("changed", "unchanged", "unchanged", "unchanged"):
        at = one.due_at
        one = look(settings, one, at, word)
    assert one.due_at - at == HOURLY
