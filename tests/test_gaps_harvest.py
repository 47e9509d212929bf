"""A harvest with faults, and what it says of its holes afterwards."""

from contextlib import suppress
from datetime import timedelta

import pytest
from harvests import AND_ANN, EVERYTHING, STILL, BenchOf, fetch
from worlds import NOW, Bench

from harvester import harvest
from harvester.errors import BudgetSpent, GaveUp, Refused
from harvester.store import db, gaps

HOUR = timedelta(hours=1)
NEVER = "[jobs.unlocks]\nmode = 'off'"
Told = list[tuple[float, float, str]]  # from so many hours after the start, to so many, why


@pytest.fixture
def bench(bench_of: BenchOf, database_url: str, ann: str) -> Bench:
    return bench_of(AND_ANN, database=database_url, api=STILL, jobs=NEVER)


@pytest.fixture
def quick(bench_of: BenchOf, sqlite_url: str, ann: str) -> Bench:
    """Harvest into SQLite, where the kind of the database does not matter."""
    return bench_of(AND_ANN, database=sqlite_url, api=STILL, jobs=NEVER)


def pass_quarters(bench: Bench, hours: float) -> None:
    """Let cron start a fetch every quarter of an hour."""
    for _ in range(round(hours * 4)):
        with suppress(GaveUp, BudgetSpent, Refused):
            fetch(bench)
        bench.world.advance(minutes=15)


def told(bench: Bench, job: str = "game-tickets") -> Told:
    """Tell the holes of a job, in hours to the nearest quarter."""
    now = bench.world.now
    engine = db.connect(bench.settings.database.url)
    with engine.connect() as conn:
        rows = gaps.holes(conn, since=NOW, until=now, at=now, about=gaps.About(jobs=[job]))
    engine.dispose()
    ends = [((row["from_at"] - NOW) / HOUR, (row["to_at"] - NOW) / HOUR) for row in rows]
    return [
        (round(since * 4) / 4, round(until * 4) / 4, row["reason"])
        for (since, until), row in zip(ends, rows, strict=True)
    ]


@pytest.mark.no_cover  # what it does at length is measured elsewhere
def test_a_harvest_without_trouble_has_no_holes(bench: Bench) -> None:
    pass_quarters(bench, 6)
    assert told(bench) == told(bench, "progress") == []


@pytest.mark.no_cover  # what it does at length is measured elsewhere
def test_a_night_off_and_an_outage_in_the_morning_are_told_apart(bench: Bench) -> None:
    pass_quarters(bench, 3)
    bench.world.advance(hours=4)
    bench.world.fail("503-maintenance", times=999)
    pass_quarters(bench, 3)
    bench.world.faults.clear()
    pass_quarters(bench, 3)
    assert told(bench) == [(2, 7, "down"), (7, 10, "API unavailable")]
    assert told(bench, "progress") == [(2.75, 7, "down"), (7, 10.25, "API unavailable")]


@pytest.mark.no_cover  # what it does at length is measured elsewhere
def test_a_long_pause_that_ra_asked_for_is_the_reason_of_all_holes(quick: Bench) -> None:
    pass_quarters(quick, 2)
    quick.world.fail("429", retry_after=4 * 3600)
    pass_quarters(quick, 6)
    reasons = {job: [why for *_, why in told(quick, job)] for job in ("game-tickets", "progress")}
    assert reasons == {"game-tickets": ["rate-limited"], "progress": ["rate-limited"]}


@pytest.mark.no_cover  # what it does at length is measured elsewhere
def test_a_budget_that_is_spent_is_the_reason_until_midnight(quick: Bench) -> None:
    limit(quick, 20)
    pass_quarters(quick, 15)
    ((since, until, reason),) = told(quick)
    assert (until, reason) == (12, "budget")
    assert since < 10


def test_a_key_that_is_refused_is_the_reason_until_it_is_mended(quick: Bench) -> None:
    pass_quarters(quick, 2)
    quick.world.fail("401", times=99)
    with pytest.raises(Refused):
        fetch(quick, is_all=True)
    quick.world.faults.clear()
    quick.world.advance(hours=10)
    pass_quarters(quick, 1)
    assert told(quick) == [(1, 12, "key refused")]


def test_a_daemon_whose_machine_slept_was_down(quick: Bench) -> None:
    with quick.harvest() as made:
        for hours in (0.25, 0.25, 0.25, 0.25, 5, 0.25):
            harvest.beat(made)
            list(harvest.round_of(made, EVERYTHING))
            quick.world.advance(hours=hours)
            for _ in range(round(hours * 4) if hours < 1 else 0):
                harvest.beat(made)
    ((_, until, reason),) = told(quick)
    assert (until, reason) == (6, "down")


def test_lists_that_wait_for_budget_say_so(quick: Bench) -> None:
    limit(quick, 9, jobs="[jobs.unlocks]\nsweep = '6h'")
    for _ in range(4):
        pass_quarters(quick, 1)
        quick.world.advance(hours=5)
    assert "budget" in {why for *_, why in told(quick, "unlocks")}


def limit(bench: Bench, budget: int, jobs: str = NEVER) -> None:
    """Allow so many requests a day."""
    url, api = bench.settings.database.url, f"{STILL}\ndaily_budget = {budget}"
    bench.configure(AND_ANN, database=url, api=api, jobs=jobs)
